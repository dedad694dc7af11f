"""Stacks: level and model are found once for a channel, then each of its planes is denoised like an image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import __version__
from pellucid.errors import UsageError
from pellucid.inference.analysis import CLEAN, MIN_WHITE_SIGMA, NO_NOISE, Analysis, in_units, in_words
from pellucid.inference.auto import Auto
from pellucid.inference.denoiser import Decision, Denoiser, never_a_page
from pellucid.inference.masked import Mask
from pellucid.inference.model import RICIAN_ESTIMATED
from pellucid.inference.overview import Layout, Overview, look_over_some
from pellucid.inference.sample_types import WHITE, as_pixels, from_pixels
from pellucid.inference.stabilise import keep_means
from pellucid.inference.stream import Array, Progress, Work, stream
from pellucid.io.files import copy_file
from pellucid.io.stack import (
    Derivation,
    Part,
    Plane,
    PlaneSink,
    PlaneSource,
    Stack,
    channel_of,
    parse_numbers,
    planes_of,
)
from pellucid.io.stack_files import check_stack_target, create_stack
from pellucid.options import DenoiseOptions

FLAT = 9
"""Squares of so many pixels a side that have one value are no image, such as what was masked out."""


@dataclass(frozen=True)
class Channel:
    """What was done to planes that share their noise: to an image, or to a channel of a stack.

    Parameters
    ----------
    name : str
        The channel's own name where it has one.
    planes : int
    sigma, changed, model, why, analysis
        As in `pellucid.FileResult`.
    white : float
        The sample that is 1.0 in the analysis.
    network, digest : str
        As in `Decision`; empty where nothing was changed.
    """

    name: str
    planes: int
    sigma: float
    changed: bool
    model: str
    why: str
    analysis: Analysis | None
    white: float
    network: str
    digest: str

    @classmethod
    def of(cls, name: str, planes: int, decision: Decision, dtype: np.dtype[Any]) -> "Channel":
        """What a decision says, for samples of a dtype."""
        made = decision
        white = float(WHITE.get(dtype.name, 1))
        about = made.sigma, made.changed, made.model, made.why, made.analysis
        return cls(name, planes, *about, white, made.network, made.digest)

    def document(self) -> dict[str, Any]:
        """Give it as values that JSON has; level, gain, offset and range are in the units of the samples."""
        row: dict[str, Any] = {
            "name": self.name,
            "planes": self.planes,
            "changed": self.changed,
            "model": self.model,
            "why": self.why,
            "sigma": self.sigma,
            "level": self.sigma * self.white,
            "network": self.network,
            "sha256": self.digest,
        }
        if self.analysis is not None:
            found = in_units(self.analysis, self.white)
            row |= {"gain": found.gain, "offset": found.offset}
            row["range"] = (found.black, found.black + found.white)
        return row


@dataclass(frozen=True)
class FileResult:
    """What was done to a file.

    Parameters
    ----------
    source, output : Path
    sigma : float
        The noise level that was given or found, 0 to 1.
    changed : bool
        False when there was no noise to remove, and the output shows the very same image.
    model, why : str
        The network, and why it was chosen, in words; empty where the user named it.
    width, height : int
        In pixels.
    analysis : Analysis, optional
        The noise analysis that the choice was taken on; None where there was none, and for a stack of several
        channels.
    channels : tuple of Channel
        What was done to the planes that share their noise: one for an image, one for each channel of a stack.
    """

    source: Path
    output: Path
    sigma: float
    changed: bool
    model: str
    why: str
    width: int
    height: int
    analysis: Analysis | None = None
    channels: tuple[Channel, ...] = ()


def denoise_stack(
    stack: Stack,
    target: Path,
    denoiser: Denoiser,
    options: DenoiseOptions,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Channel]:
    """Denoise a stack into a file of the same kind.

    Parameters
    ----------
    stack : Stack
    target : Path
    denoiser : Denoiser
    options : DenoiseOptions
    overwrite : bool
        Replace a target that exists.
    progress : function of (done, total), optional
        Called after each tile.

    Returns
    -------
    list of Channel
        What was done to each channel; to each plane with `DenoiseOptions.per_plane`.

    Raises
    ------
    UsageError, InputError, LimitError
        As `pellucid.denoise_file`. Nothing has been written then.
    """
    check_stack_target(target, stack, overwrite=overwrite)
    denoiser.check(options)
    planes, works, channels = selected(stack, options), dict[Plane, tuple[Layout, Work]](), list[Channel]()
    decisions = list[Decision]()
    for name, group in grouped(stack, planes, per_plane=options.per_plane):
        image = look_over_planes(stack, group, options.nodata)
        decision = decide(stack, image, denoiser, options)
        decisions.append(decision)
        channels.append(Channel.of(name, len(group), decision, stack.parts[group[0].part].dtype))
        if decision.work is not None:
            work = _with_means(decision.work, _radius(stack, stack.parts[group[0].part]))
            work = replace(work, run=_unless_flat(work.run))
            works |= dict.fromkeys(group, (image.layout, work))
    if not works:
        copy_file(stack.path, target, overwrite=overwrite)
        return channels
    changed = [plane for plane in planes if plane in works]
    sink = create_stack(target, stack, derivation_of(decisions, options), overwrite=overwrite)
    try:
        for number, plane in enumerate(changed):
            source = PlaneSource(stack, plane)
            pixels = as_pixels(source, options.nodata)
            rows = from_pixels(PlaneSink(sink, plane), source, keep_counts=options.keep_counts)
            stream(pixels, rows, *works[plane], _share(progress, number, len(changed)))
        sink.commit()
    except BaseException:
        sink.abort()
        raise
    return channels


def decide(stack: Stack, image: Overview, denoiser: Denoiser, options: DenoiseOptions) -> Decision:
    """Decide what to do with a channel, by the noise that the file's own words imply where they do."""
    if stack.noise == RECONSTRUCTED:
        return _of_reconstruction(image, denoiser, options)
    plain = stack.noise is None or options.noise is not None or options.sigma is not None
    if plain or not denoiser.takes_sigma or image.channels != 1 or image.ends.min() < 0:
        return denoiser.decide(image, options)
    decision = denoiser.decide(image, replace(options, noise=stack.noise))
    if decision.sigma < MIN_WHITE_SIGMA * float(image.ends.max()):
        return Decision("none", decision.sigma, NO_NOISE)
    return replace(decision, why=f"{RICIAN_ESTIMATED}, since the file says that it shows magnitudes")


RECONSTRUCTED = "gaussian:auto"
"""`Stack.noise` of slices that were computed from projections."""

RECONSTRUCTED_SHARE = 0.5
"""Of the noise of CT that a strength of 1 removes; at 2 it is all."""

SERIES_RADIUS, RECONSTRUCTED_RADIUS = 3, 2
"""Of `keep_means` for series and for CT, pixels (docs/decisions/stacks.md)."""

_NO_MATTER = "model", "axes", "channel_axis", "compress", "device", "threads", "memory", "max_pixels"
"""Options that do not change what is made; networks are known by their files."""


def _of_reconstruction(image: Overview, denoiser: Denoiser, options: DenoiseOptions) -> Decision:
    """Decide what to do with a slice of CT, whose noise is correlated.

    A network for photographs removes most of it, and blurs edges. A network for white noise that is given the
    level that is found keeps them, and half of what it removes keeps the faint ones, too (docs/ct.md).
    """
    free = options.noise is None and options.sigma is None
    if not free or not isinstance(denoiser, Auto) or image.channels != 1:
        return denoiser.decide(image, options)
    found = denoiser.analyse(image)
    if found.kind == CLEAN:
        return Decision("none", found.level, found.why, found)
    strength = RECONSTRUCTED_SHARE * options.strengths[0]
    given = replace(options, sigma=min(found.level, 1.0), strength=strength, luma=None, chroma=None)
    why = f"noise of a reconstruction, {in_words(found)}, of which {strength:.0%} is removed"
    return replace(denoiser.decide(image, given), why=why, analysis=found)


def derivation_of(decisions: Sequence[Decision], options: DenoiseOptions) -> Derivation:
    """What made the planes: equal for equal versions, networks, options and levels."""
    asked = [
        f"{each.name}={getattr(options, each.name)}"
        for each in fields(options)
        if each.name not in _NO_MATTER and getattr(options, each.name) != each.default
    ]
    return Derivation(
        f"Pellucid {__version__}",
        tuple(dict.fromkeys((each.network, each.digest) for each in decisions if each.changed)),
        ", ".join(asked),
        ", ".join(f"{each.network} {each.sigma:.6g}" for each in decisions),
        options.compress,
    )


def analyse_stack(stack: Stack, auto: Auto, options: DenoiseOptions) -> list[Channel]:
    """Analyse the noise of each channel of a stack, or of those that are selected.

    Where the file implies its noise, as DICOM does, the channel has the model and the reason of `decide`.
    """
    channels = []
    for name, group in grouped(stack, selected(stack, options), per_plane=options.per_plane):
        image = look_over_planes(stack, group, options.nodata)
        found = auto.analyse(image)
        decision = Decision("", found.level, found.why, found)
        if stack.noise is not None:
            decision = replace(decide(stack, image, auto, options), analysis=found)
        channels.append(Channel.of(name, len(group), decision, stack.parts[group[0].part].dtype))
    return channels


def selected(stack: Stack, options: DenoiseOptions) -> list[Plane]:
    """The planes that are to be denoised, in the order of the file.

    Raises
    ------
    UsageError
        When the options name planes or a channel that the stack has not.
    """
    planes = planes_of(stack)
    if options.pages is not None:
        numbers = set(parse_numbers(options.pages, len(planes)))
        planes = [plane for number, plane in enumerate(planes) if number in numbers]
    if options.channel is None:
        return planes
    names = list(dict.fromkeys(channel_of(stack, plane) for plane in planes))
    wanted = options.channel
    if wanted not in names and wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        wanted = names[int(wanted) - 1]
    if wanted not in names:
        raise UsageError(
            f"{stack.name} has no channel {options.channel!r}", f"Give a number or one of {', '.join(names)}"
        )
    return [plane for plane in planes if channel_of(stack, plane) == wanted]


def grouped(stack: Stack, planes: Sequence[Plane], *, per_plane: bool) -> list[tuple[str, list[Plane]]]:
    """Planes that share their noise, by the name of their channel; or each plane alone."""
    if per_plane:
        return [(PlaneSource(stack, plane).name, [plane]) for plane in planes]
    groups: dict[str, list[Plane]] = {}
    for plane in planes:
        groups.setdefault(channel_of(stack, plane), []).append(plane)
    return list(groups.items())


def look_over_planes(stack: Stack, planes: Sequence[Plane], nodata: float | None = None) -> Overview:
    """Read a few planes across a channel, and describe all of it as one image.

    Raises
    ------
    InputError
        For infinite values, or where no pixel has data.
    """
    sources = [as_pixels(PlaneSource(stack, plane), nodata) for plane in planes]
    return never_a_page(look_over_some(sources, nodata))


def _radius(stack: Stack, part: Part) -> int | None:
    """The radius of the window in which means stay; None where that of the treatment is enough.

    In a series, what changes from one plane to the next is often small and weak, such as an activation, and a
    network smooths it with the noise. In a slice of CT, noise has little power at low frequencies, so that
    keeping means costs next to nothing, and faint edges stay sharper.
    """
    if stack.noise == RECONSTRUCTED:
        return RECONSTRUCTED_RADIUS
    return SERIES_RADIUS if part.size("T") > 1 else None


def _with_means(work: Work, radius: int | None) -> Work:
    """The network, made to leave the means of small windows as they are."""
    if radius is None or not work.unbiased:
        return work
    run, pixels = work.run, radius
    return replace(work, run=lambda tile: keep_means(tile, run(tile), pixels))


def _unless_flat(run: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """A network that leaves areas of one value unchanged: there is no noise in what was masked out."""

    def run_around(tile: Array) -> Array:
        if tile.min() == tile.max():
            return tile
        flat = flat_areas(tile)
        return run(tile) if flat is None else np.where(flat[..., None], tile, run(tile))

    return run_around


def flat_areas(tile: Array) -> Mask | None:
    """Find the pixels of a tile (h, w, c) in any square of `FLAT` pixels a side with one value.

    Returns
    -------
    bool array (h, w) or None
        None where there are none.
    """
    side, (height, width) = FLAT, tile.shape[:2]
    if min(height, width) < side:
        return None
    across = (tile[:, 1:] == tile[:, :-1]).all(axis=2)
    if across.mean() < 1 / side**2:
        return None
    down = (tile[1:] == tile[:-1]).all(axis=2)
    full = side * (side - 1)
    squares = (_sums(across, side, side - 1) == full) & (_sums(down, side - 1, side) == full)
    if not squares.any():
        return None
    return _sums(np.pad(squares, side - 1), side, side) > 0


def _sums(values: Mask, height: int, width: int) -> NDArray[np.int64]:
    """Sums over all windows of a size: (h, w) -> (h - height + 1, w - width + 1)."""
    total = np.pad(values.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    rows = total[height:] - total[:-height]
    sums: NDArray[np.int64] = rows[:, width:] - rows[:, :-width]
    return sums


def _share(progress: Progress | None, number: int, count: int) -> Progress | None:
    """The progress of one plane of several, as that of all."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, count * total)
