"""A network, or one for grey and one for colour images, as a denoiser."""

import functools
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import LimitError, UsageError
from pellucid.inference.analysis import MIN_WHITE_SIGMA, Analysis
from pellucid.inference.card import Card, SensorNoise, facts
from pellucid.inference.coarse import bands, denoise_coarse, reach
from pellucid.inference.denoiser import Decision, Denoiser
from pellucid.inference.few_photons import ONCE, denoise_passes, is_cut_off, is_too_coarse, plan_passes
from pellucid.inference.html import table_html
from pellucid.inference.measuring import analyse_tiles
from pellucid.inference.overview import Overview
from pellucid.inference.session import RunOptions, Session
from pellucid.inference.stabilise import (
    REACH,
    Anscombe,
    Rice,
    Scale,
    keeping_means,
)
from pellucid.inference.stream import Array, Work, luma_of
from pellucid.inference.tiling import Tiles, pad_to, plan
from pellucid.inference.treatment import Treatment, rician_treatment, treatment_for
from pellucid.inference.trial import removed_level
from pellucid.options import DenoiseOptions, is_number

log = logging.getLogger("pellucid")

MIN_CAMERA_SIGMA = {1: 0.2 / 255, 3: 0.5 / 255}
"""Grey and colour photographs from which less would be removed stay unchanged (docs/decisions/auto.md)."""

TRIED, FEWEST_TRIED, MOST_TRIED = 0.08, 3, 9
"""The share of an image's area on which a network is tried, in at least and at most so many tiles."""

RICIAN_AUTO = "rician:auto"
"""Noise of magnitude images whose level is estimated."""

RICIAN_ESTIMATED = "its noise is taken for Rician, of an estimated level"

LARGEST_TILE = 1_600_000  # pixels; larger ones gain little for their memory (benchmarks/overlap.py)
LOWEST_TILE = 256  # pixels that tiles may be high, however wide the image, or 6 times their halo
STRIP = 2**24  # bytes; wide images are cut into lower tiles, so that a strip takes no more
LINES = 250  # that libvips holds for each strip
STRIPS = 5  # read ahead, read, joined, denoised and written at a time
FIXED_MEMORY = 150_000_000  # bytes that Python, libvips and ONNX Runtime take before the first tile


CLEAR = 100
"""So many times brighter than their noise pixels are clear."""


class Model(Denoiser):
    """One network for grey images, one for colour, or both under one name.

    Parameters
    ----------
    name : str
    files : mapping of int to Path
        The ``.onnx`` file for each number of channels.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``coreml`` or ``directml``.
    threads : int, optional
        By default as many as the process may use CPUs.
    memory : number, optional
        Bytes that the process may take, besides arrays that are given and returned; tiles become as small
        as that needs.
    exact : bool, optional
        True lets tiles share the network's full receptive field, False only what their card says is needed
        for invisible seams. By default exact where it costs under 1.3 times the untiled time.
    layout : str, optional
        As of `pellucid.inference.session.RunOptions`.

    Raises
    ------
    UsageError
        When a number or the device makes no sense.
    DeviceError
        When the device is not there.
    """

    def __init__(
        self,
        name: str,
        files: Mapping[int, Path],
        *,
        device: str = "auto",
        threads: int | None = None,
        memory: float | None = None,
        exact: bool | None = None,
        layout: str | None = None,
    ) -> None:
        self.name = name
        self._files, self.run_options = files, RunOptions(device, threads, layout)
        self._exact = exact
        _ = self.run_options.provider  # a device that is not there is an error now, not at the first image
        if memory is not None and not (is_number(memory) and 0 <= memory < math.inf):
            raise UsageError(f"memory is {memory!r}", "Give a number of bytes")
        self._memory = None if memory is None else int(memory)  # 1e9 is a number, too
        self._open = functools.cache(lambda channels: Session(files[channels], self.run_options))
        self.channels = tuple(sorted(files))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled for another process, it opens its files anew there."""
        options = {**asdict(self.run_options), "memory": self._memory, "exact": self._exact}
        return functools.partial(type(self), **options), (self.name, self._files)

    def card(self, channels: int) -> Card:
        """The card of the network for grey (1) or colour (3) images."""
        return self.session_for(channels).card

    def _repr_html_(self) -> str:
        return "".join(table_html(facts(self.card(channels))) for channels in self.channels)

    @property
    def takes_sigma(self) -> bool:
        """Whether a noise level can be given."""
        return self.card(self.channels[-1]).sigma is not None

    def check(self, options: DenoiseOptions) -> None:
        """Refuse noise that the network cannot be given.

        Raises
        ------
        UsageError
        """
        if (options.sigma is not None or options.noise is not None) and not self.takes_sigma:
            raise UsageError(
                f"{self.name} estimates the noise itself and takes no sigma or noise",
                "Leave it out, set the strength, or name a gaussian model",
            )
        if options.noise is not None and options.noise != RICIAN_AUTO:
            treatment_for(options.noise)

    def decide(self, image: Overview, options: DenoiseOptions) -> Decision:
        """Remove the noise that is given or found; leave an image without noise unchanged."""
        treatment, analysis = self._treatment(image, options)
        if treatment is None:
            return Decision(self.name, analysis=analysis)
        return self.remove(image, treatment, options, analysis=analysis)

    def _treatment(
        self, image: Overview, options: DenoiseOptions
    ) -> tuple[Treatment | None, Analysis | None]:
        """The noise to remove, None where there is none, and the analysis that found it."""
        if options.noise is not None:
            estimated = options.noise == RICIAN_AUTO
            treatment = None if estimated else treatment_for(options.noise)
            rician = treatment is None or isinstance(treatment.stabiliser, Rice)
            if rician and image.ends.min() < 0:
                raise UsageError(
                    "Rician noise is that of magnitude images, and this image has negative values",
                    "Give another noise",
                )
            return rician_treatment(image.centre[..., 0]) if estimated else treatment, None
        if options.sigma is not None:
            return Treatment(options.sigma) if options.sigma >= 1e-6 else None, None
        card = self.card(image.channels)
        if card.noise is not None:
            return _sensor_treatment(card.noise, float(image.tiles.mean())), None
        kind = card.kind
        if kind == "autoencoder":  # it makes its image whatever it is given
            return Treatment(0.0), None
        if kind == "photographs":
            level = self.try_on(image, Treatment(0.0))
            return Treatment(level) if level >= MIN_CAMERA_SIGMA[image.channels] else None, None
        found = analyse_tiles(image.tiles, image.masks, self.run_options, is_8bit=image.dtype == np.uint8)
        return Treatment(found.level, found.stabiliser) if found.visible >= MIN_WHITE_SIGMA else None, found

    def try_on(self, image: Overview, treatment: Treatment, white: float = 1.0) -> float:
        """The level of the noise that this network would remove, tried on a few crops divided by `white`."""
        run = self.runner(image, treatment, white=white)
        pixels = image.tiles.shape[2] * image.tiles.shape[3]
        count = round(TRIED * image.height * image.width / pixels)
        crops, _ = image.sample(min(max(count, FEWEST_TRIED), MOST_TRIED))
        return removed_level(crops / np.float32(white), run)

    def remove(
        self,
        image: Overview,
        treatment: Treatment,
        options: DenoiseOptions,
        *,
        analysis: Analysis | None = None,
        why: str = "",
        white: float = 1.0,
    ) -> Decision:
        """Decide to remove noise.

        Parameters
        ----------
        image : Overview
        treatment : Treatment
        options : DenoiseOptions
        analysis : Analysis, optional
        why : str
        white : float
            The network sees the image divided by this.
        """
        strengths = options.strengths
        if image.channels == 1:
            strengths = strengths[:1] * 2  # there is no chroma
        if max(strengths) == 0:
            return Decision(self.name, treatment.level, why, analysis)
        halvings, noise, steps, margin = treatment.halvings, treatment.stabiliser, ONCE, 0
        if isinstance(noise, Anscombe) and is_too_coarse(image.tiles, image.dtype, min(noise.gain)):
            log.warning("integers cannot hold means of so few photons, which are rounded: give floats")
        estimated = analysis is not None and not analysis.photon
        if isinstance(noise, Anscombe) and not is_cut_off(image.tiles, noise, estimated=estimated):
            margin = REACH
            steps = ONCE if halvings else plan_passes(image.tiles, noise)
            if len(steps) > 1 and self._plan(image, [each.halvings for each in steps], margin) is None:
                log.warning("the memory allows one pass only, and photons are few: more memory helps")
                steps = ONCE
        measured = bands(image.centre / np.float32(white), halvings)
        networks = [self.runner(image, treatment.reduced(each.variance), strengths, white) for each in steps]

        def coarse(tile: Array) -> Array:
            return denoise_coarse(tile / np.float32(white), measured, networks[0]) * np.float32(white)

        unbiased = not isinstance(noise, Rice)
        run = networks[0] if not halvings and white == 1 else coarse
        if isinstance(noise, Anscombe) and len(steps) > 1:
            run = functools.partial(denoise_passes, steps=steps, networks=networks, noise=noise)
        if margin:
            run = functools.partial(keeping_means, denoise=run)
        tiles = self._tiles(image, [halvings + each.halvings for each in steps], margin)
        work = Work(tiles, run, strengths, options.keep_counts, unbiased)
        session = self.session_for(image.channels)
        return Decision(self.name, treatment.level, why, analysis, work, session.title, session.digest)

    def runner(
        self,
        image: Overview,
        treatment: Treatment,
        strengths: tuple[float, float] = (1.0, 1.0),
        white: float = 1.0,
    ) -> Callable[[Array], Array]:
        """The network as a function of pixels (h, w, 1 or 3), divided by `white`, to denoised ones."""
        session = self.session_for(image.channels)
        as_colour = session.card.channels > image.channels
        stabiliser = treatment.stabiliser
        scale = None if stabiliser is None else Scale.of(stabiliser, image.ends)
        level = treatment.level if scale is None else scale.sigma
        brightest = image.brightest if scale is None else 1.0
        given, share = self._given(session, level, strengths, brightest)
        stride = session.card.stride
        ceiling = _ceiling(image, treatment) / white

        def run(tile: Array) -> Array:
            height, width = tile.shape[:2]
            whole = tile
            tile = np.minimum(tile, np.float32(ceiling)) if ceiling < math.inf else tile
            noisy = pad_to(tile, (-(-height // stride) * stride, -(-width // stride) * stride))
            noisy = noisy if scale is None else scale.forward(noisy)
            noisy = noisy.repeat(3, axis=2) if as_colour else noisy
            noisy = noisy * share if share < 1 else noisy
            clean = session.run(noisy, given[-1])
            if len(given) == 2:
                clean += luma_of(session.run(noisy, given[0]) - clean)
            clean = np.mean(clean, axis=2, keepdims=True, dtype=np.float32) if as_colour else clean
            clean = clean / share if share < 1 else clean
            clean = clean if scale is None else scale.inverse(clean)
            clean = clean[:height, :width]
            return clean if tile is whole else clean + (whole - tile)

        return run

    def _given(
        self, session: Session, level: float, strengths: tuple[float, float], brightest: float
    ) -> tuple[list[tuple[float, ...]], np.float32]:
        """The further inputs of the network, gains for its own levels, or a level; and the image's scale.

        Where the levels for luma and for chroma differ, the network runs twice. Noise above the highest level
        of the training is seen at a smaller scale: far outside it a network tints and blurs.
        """
        gains = tuple(max(1.0, each) for each in strengths)
        if session.card.sigma is None:
            return [gains[: session.card.channels]], np.float32(1)  # luma alone for grey images
        levels = [level * each for each in dict.fromkeys(gains)]
        share = min(1.0, brightest * session.card.sigma[1] / max(*levels, 1e-9))
        return [(each * share,) for each in levels], np.float32(share)

    def _tiles(self, image: Overview, halvings: Sequence[int] = (0,), margin: int = 0) -> Tiles:
        """Tiles for a network that runs several times, each after halving the image so often."""
        tiles = self._plan(image, halvings, margin)
        if tiles is None:
            size = f"{image.width} x {image.height} pixels"
            raise LimitError(
                f"{(self._memory or 0) / 1e6:.0f} MB are too few for an image of {size}",
                "Allow more with --memory, or leave it out",
            )
        return tiles

    def _plan(self, image: Overview, halvings: Sequence[int], margin: int) -> Tiles | None:
        """The same, or None where the memory does not suffice."""
        card, height, width = self.card(image.channels), image.height, image.width
        if card.size is not None and card.size != (height, width):
            right = f"{card.size[1]} x {card.size[0]}"
            raise UsageError(
                f"{self.name} takes {right} pixels, not {width} x {height}", "Name another model"
            )
        room = math.inf if self._memory is None else self._memory - FIXED_MEMORY
        halo = card.radius if self._wants_exact(card) else card.overlap
        stride, halo = card.stride << max(halvings), margin + sum(reach(halo, each) for each in halvings)
        tallest = max(LOWEST_TILE, 6 * halo, STRIP // image.row_bytes)

        def fits(tall: int, wide: int) -> bool:
            strips = STRIPS * image.row_bytes * min(tall, height)
            # Tiles of a wide image give up what its strips and libvips' lines take beyond those of others.
            more = max(0, image.row_bytes * (min(tall, height) + LINES) - STRIP * 4 / 3)
            largest = max(LARGEST_TILE - STRIPS * more / card.bytes_per_pixel, LARGEST_TILE / 4)
            fitting = tall * wide <= largest and (tall <= tallest or height <= tallest)
            return fitting and card.bytes_per_pixel * tall * wide + strips <= room

        return plan(height, width, stride=stride, halo=halo, fits=fits)

    def _wants_exact(self, card: Card) -> bool:
        if self._exact is not None:
            return self._exact
        side = math.sqrt(LARGEST_TILE)
        return (side / (side - 2 * card.radius)) ** 2 < 1.3

    def session_for(self, channels: int) -> Session:
        """The network for images with N channels; a colour network serves grey images, too."""
        if channels == 3 and 3 not in self.channels:
            raise UsageError(
                f"{self.name} is for grey images and this one has colours",
                "Convert the image, or name a model for colour",
            )
        return self._open(channels if channels in self.channels else 3)


def _ceiling(image: Overview, treatment: Treatment) -> float:
    """The brightness above which noise does not matter and pixels stay, where few are far brighter than most.

    A network's error is a part of the brightest pixels in its view, more than the noise of a dark sky.
    """
    if image.dark is None or not treatment.level:
        return math.inf
    (black, extent), noise = image.dark, treatment.stabiliser
    lines = [(0.0, treatment.level**2)]
    if isinstance(noise, Anscombe):
        lines = [
            (gain, max(gain * black + offset, 0))
            for gain, offset in zip(noise.gain, noise.offset, strict=True)
        ]
    # light = CLEAR * sqrt(gain * light + variance at black)
    light = max(
        CLEAR * (CLEAR * gain + math.sqrt(CLEAR**2 * gain**2 + 4 * least)) / 2 for gain, least in lines
    )
    return black + max(light, 2 * extent)


def _sensor_treatment(noise: SensorNoise, brightness: float) -> Treatment:
    """The treatment of a sensor's noise; its level is that at the mean brightness."""
    level = math.sqrt(max(noise.gain * brightness + noise.offset, 0))
    return Treatment(level, Anscombe((noise.gain,), (noise.offset,), (noise.black,)))
