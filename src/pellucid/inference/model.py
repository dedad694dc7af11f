"""Denoise arrays with a trained network."""

import functools
import logging
import math
import numbers
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, LimitError, UsageError
from pellucid.inference import index
from pellucid.inference.analysis import MIN_WHITE_SIGMA, analyse_pixels
from pellucid.inference.card import Card, shortfall, warn_of
from pellucid.inference.coarse import denoise_coarse
from pellucid.inference.pixels import Planes, blend, luma_of
from pellucid.inference.session import RunOptions, Session
from pellucid.inference.stabilise import Rice, Stabiliser, rice_sigma, stabiliser_of
from pellucid.inference.tiling import Tiles, plan, run_tiled
from pellucid.inference.trial import removed_level
from pellucid.io.image import from_float, to_float
from pellucid.noise.base import Noise
from pellucid.noise.registry import parse_noise
from pellucid.noise.sensor import Gaussian

log = logging.getLogger("pellucid")

MIN_CAMERA_SIGMA = {1: 0.2 / 255, 3: 0.5 / 255}
"""Grey and colour photographs from which less would be removed stay unchanged (docs/decisions/auto.md)."""

HIGHEST_SIGMA = 75 / 255
"""Networks for white noise know no more. They have no biases, so that a smaller scale of an image changes
nothing but its scale."""

RICIAN_AUTO = "rician:auto"
"""Noise of magnitude images whose level is estimated."""

LARGEST_TILE = 1088  # pixels a side; larger ones win little for their memory (benchmarks/overlap.py)
FIXED_MEMORY = 150_000_000  # bytes that Python, libvips and ONNX Runtime take before the first tile

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Result:
    """A denoised image.

    Parameters
    ----------
    pixels : array
        The same shape and dtype as the input.
    sigma : float
        The noise level that was told or estimated, 0 to 1; where a network for photographs found it, the root
        of the mean square of what it takes away from a few crops.
    changed : bool
        False when the image was left as it was, because there was nothing to take away.
    model : str
        The name of the network.
    why : str
        Why this network, or none, in words; empty where the user named it.
    """

    pixels: NDArray[Any]
    sigma: float
    changed: bool
    model: str
    why: str = ""


@dataclass(frozen=True)
class Treatment:
    """The noise that a network removes.

    Parameters
    ----------
    level : float
        Standard deviation, 0 to 1; of signal-dependent noise, a typical one.
    stabiliser : Stabiliser, optional
        For noise that depends on the signal: the network sees the transformed image.
    """

    level: float
    stabiliser: Stabiliser | None = None

    def scale(self, colour: NDArray[Any]) -> "Scale | None":
        """How the transformed image is scaled for a network."""
        return Scale.of(self.stabiliser, colour) if self.stabiliser else None


@dataclass(frozen=True)
class Scale:
    """A stabiliser, and the range of the transformed image, which a network sees as 0 to 1."""

    stabiliser: Stabiliser
    low: float
    sigma: float  # of the noise on that scale

    @classmethod
    def of(cls, stabiliser: Stabiliser, colour: NDArray[Any]) -> Self:
        """Find the range of an image (h, w, c): transforms are monotone, so their ends are the image's."""
        ends = np.stack([colour.min(axis=(0, 1)), colour.max(axis=(0, 1))])[None]  # (1, 2, c)
        stable = stabiliser.forward(to_float(ends))
        low, high = float(stable.min()), float(stable.max())
        return cls(stabiliser, low, min(1 / max(high - low, 1e-6), HIGHEST_SIGMA))

    def forward(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pixels (h, w, c) to what the network sees."""
        return (self.stabiliser.forward(pixels) - np.float32(self.low)) * np.float32(self.sigma)

    def inverse(self, denoised: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the network gives to pixels (h, w, c)."""
        return self.stabiliser.inverse(denoised / np.float32(self.sigma) + np.float32(self.low))


def deviation_at(stabiliser: Stabiliser, brightness: float) -> float:
    """The standard deviation of the noise there: one over the slope of the transform."""
    low, high = stabiliser.forward(np.array([[[brightness - 0.005]], [[brightness + 0.005]]], np.float32))
    return float(abs(0.01 / (high - low)[0, 0]))


def treatment_for(noise: str | Noise) -> Treatment:
    """The treatment for a noise whose parameters are given.

    Raises
    ------
    UsageError
        When it cannot be read, or is no noise of a sensor or of MRI.
    """
    noise = parse_noise(noise) if isinstance(noise, str) else noise
    stabiliser = stabiliser_of(noise)
    if stabiliser is not None:
        return Treatment(deviation_at(stabiliser, 0.5), stabiliser)
    if isinstance(noise, Gaussian) and not noise.ranges:
        return Treatment(noise.sigma)
    raise UsageError(
        f"{noise} cannot be given to a network",
        "Give gaussian, poisson, poisson-gaussian or rician noise with one value for each parameter",
    )


class Model:
    """A denoiser: one network for grey images, one for colour, or both under one name.

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
        Bytes that the process may take; tiles become as small as that needs.
    exact : bool, optional
        True lets tiles share the network's full receptive field, False only what their card says is needed
        for invisible seams. By default exact where it costs under 1.3 times the untiled time.

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
    ) -> None:
        self.name = name
        self._files, self._run_options = files, RunOptions(device, threads)
        self._exact = exact
        _ = self._run_options.provider  # a device that is not there is an error now, not at the first image
        if memory is not None and not (_is_number(memory) and 0 <= memory < math.inf):
            raise UsageError(f"memory is {memory!r}", "Give a number of bytes")
        self._memory = None if memory is None else int(memory)  # 1e9 is a number, too
        self._open = functools.cache(lambda channels: Session(files[channels], self._run_options))
        self.channels = tuple(sorted(files))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled for another process, it opens its files anew there."""
        options = {**asdict(self._run_options), "memory": self._memory, "exact": self._exact}
        make = functools.partial(Model, **options)
        return make, (self.name, self._files)

    def card(self, channels: int) -> Card:
        """The card of the network for grey (1) or colour (3) images."""
        return self.session_for(channels).card

    def denoise(
        self,
        pixels: NDArray[Any],
        *,
        sigma: float | None = None,
        noise: str | Noise | None = None,
        strength: float = 1.0,
        luma: float | None = None,
        chroma: float | None = None,
        nodata: float | None = None,
        alpha: NDArray[Any] | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """Remove the noise from an image.

        Parameters
        ----------
        pixels : array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4)
            uint8, uint16, float32 or float64. The largest value of an integer type is white; floats run from
            0 to 1 and are not clipped. A fourth channel is alpha and comes back untouched.
        sigma : float, optional
            Standard deviation of the noise, 0 to 1 (25 / 255, not 25). By default the noise is analysed, and
            an image without noise comes back unchanged. Networks for photographs estimate it themselves.
        noise : str or Noise, optional
            The noise instead of its sigma; signal-dependent noise is stabilised.
        strength : float
            0 gives the image back, 1 what the network gives, and values between a blend. Above 1, up to 2,
            the network is given so many times the level of the noise.
        luma, chroma : float, optional
            Other strengths for brightness and for colour.
        nodata : float, optional
            The value of a sample that means "no data".
        alpha : array (h, w), optional
            Where it is 0, there is no image.
        progress : function of (done, total), optional
            Called after each tile.

        Returns
        -------
        Result

        Raises
        ------
        UsageError
            When shape, dtype, sigma or strength make no sense.
        InputError
            When the array holds NaN or infinity.
        LimitError
            When the memory does not suffice.
        """
        strengths = self.check(sigma, noise, strength, luma, chroma)
        image = Planes.of(pixels, nodata, alpha)
        treatment = self.treat(image, sigma, noise)
        if treatment is None:
            return Result(pixels.copy(), 0.0, changed=False, model=self.name)
        return self.remove_noise(image, treatment, strengths, progress)

    def treat(self, image: Planes, sigma: float | None, noise: str | Noise | None) -> Treatment | None:
        """What noise to remove: as given, or as found; None where there is none."""
        if noise == RICIAN_AUTO:
            level = rice_sigma(to_float(image.colour[..., 0]))
            return Treatment(level, Rice(level)) if level > 0 else None
        if noise is not None:
            return treatment_for(noise)
        if sigma is not None:
            return Treatment(sigma) if sigma >= 1e-6 else None
        session = self.session_for(image.colour.shape[2])
        if len(session.inputs) == 1:  # an autoencoder, which makes its image whatever it sees
            return Treatment(0.0)
        if not self.takes_sigma:
            level = self.try_on(image, Treatment(0.0))
            return Treatment(level) if level >= MIN_CAMERA_SIGMA[image.colour.shape[2]] else None
        found = analyse_pixels(image.colour, image.valid, self._run_options)
        return Treatment(found.level, found.stabiliser) if found.visible >= MIN_WHITE_SIGMA else None

    def try_on(self, image: Planes, treatment: Treatment) -> float:
        """The level of what this network would remove, tried on a few crops."""

        def denoise(crop: NDArray[np.float32]) -> NDArray[np.float32]:
            return self.remove_noise(Planes(crop, crop, crop), treatment, (1.0, 1.0), None).pixels

        return removed_level(image.colour, denoise)

    def remove_noise(
        self,
        image: Planes,
        treatment: Treatment,
        strengths: tuple[float, float],
        progress: Progress | None,
    ) -> Result:
        """Do what `denoise` does once it is known what noise to remove."""
        pixels, level = image.pixels, treatment.level
        if image.colour.shape[2] == 1:
            strengths = strengths[:1] * 2  # there is no chroma
        if max(strengths) == 0:
            return Result(pixels.copy(), level, changed=False, model=self.name)
        out = image.view.copy()
        self._run(image, out, treatment, strengths, progress)
        return Result(image.like(out), level, changed=True, model=self.name)

    def remove_scaled(
        self,
        image: Planes,
        treatment: Treatment,
        halvings: int,
        strengths: tuple[float, float],
        progress: Progress | None,
        white: float = 1.0,
    ) -> Result:
        """Remove noise from an image that a network sees halved so often, and divided by its white."""

        def denoise(half: NDArray[np.float32]) -> NDArray[np.float32]:
            return self.remove_noise(Planes(half, half, half), treatment, (1.0, 1.0), progress).pixels

        noisy = to_float(image.colour)
        clean = denoise_coarse(noisy / np.float32(white), halvings, denoise) * np.float32(white)
        out = image.view.copy()
        out[..., : min(out.shape[2], 3)] = from_float(blend(noisy, clean, *strengths), out.dtype)
        return Result(image.like(out), treatment.level, changed=True, model=self.name)

    def check(
        self,
        sigma: float | None,
        noise: str | Noise | None,
        strength: float,
        luma: float | None,
        chroma: float | None,
    ) -> tuple[float, float]:
        """Give the strengths for luma and chroma.

        Raises
        ------
        UsageError
            When a number is out of its range, or the network takes neither sigma nor noise.
        """
        if sigma is not None and noise is not None:
            raise UsageError("Both sigma and noise are given", "Give one of them")
        if sigma is not None and not (_is_number(sigma) and 0 <= sigma <= 1):
            raise UsageError(f"sigma is {sigma}", "Give a standard deviation from 0 to 1, such as 25 / 255")
        if (sigma is not None or noise is not None) and not self.takes_sigma:
            raise UsageError(
                f"{self.name} estimates the noise itself and takes no sigma or noise",
                "Leave it out, set the strength, or name a gaussian model",
            )
        if noise is not None and noise != RICIAN_AUTO:
            treatment_for(noise)
        luma, chroma = (strength if each is None else each for each in (luma, chroma))
        for name, value in {"strength": strength, "luma": luma, "chroma": chroma}.items():
            if not (_is_number(value) and 0 <= value <= 2):
                raise UsageError(
                    f"{name} is {value}", "Give a number from 0 (the image as it is) over 1 to 2 (more)"
                )
        return luma, chroma

    @property
    def takes_sigma(self) -> bool:
        """Whether the network is conditioned on a noise level."""
        return self.card(self.channels[-1]).sigma is not None

    def _given(
        self, session: Session, level: float, strengths: tuple[float, float], white: float
    ) -> list[tuple[float, ...]]:
        """What the network is given beside the image: gains for its own levels, or a level.

        Where the levels for luma and for chroma differ, the network runs twice.
        """
        more = tuple(max(1.0, each) for each in strengths)
        if session.card.sigma is None:
            return [more[: session.card.channels]]  # luma alone for grey images
        levels = [level * each for each in dict.fromkeys(more)]
        highest = white * session.card.sigma[1]
        if max(levels) > highest:
            # Far outside its training a network tints and blurs; a lower level only leaves some noise.
            log.warning(
                "noise %.0f is taken as %.0f, the most %s knows", 255 * max(levels), 255 * highest, self.name
            )
        return [(min(each, highest),) for each in levels]

    def _run(
        self,
        image: Planes,
        out: NDArray[Any],
        treatment: Treatment,
        strengths: tuple[float, float],
        progress: Progress | None,
    ) -> None:
        """Denoise tile by tile into the colour channels of `out`."""
        colour, channels = image.colour, min(out.shape[2], 3)
        session = self.session_for(colour.shape[2])
        as_colour = session.card.channels > colour.shape[2]
        scale = treatment.scale(colour)
        level, white = treatment.level, 1.0
        if scale is not None:
            level = scale.sigma
        elif image.view.dtype.kind == "f":
            white = max(white, float(image.view.max()))
        given = self._given(session, level, strengths, white)

        def read(rows: slice, columns: slice) -> NDArray[np.float32]:
            return to_float(colour[rows, columns])

        def run(tile: NDArray[np.float32]) -> NDArray[np.float32]:
            noisy = tile if scale is None else scale.forward(tile)
            noisy = noisy.repeat(3, axis=2) if as_colour else noisy
            clean = session.run(noisy, given[-1])
            if len(given) == 2:
                clean += luma_of(session.run(noisy, given[0]) - clean)
            clean = np.mean(clean, axis=2, keepdims=True, dtype=np.float32) if as_colour else clean
            return clean if scale is None else scale.inverse(clean)

        def write(
            rows: slice, columns: slice, noisy: NDArray[np.float32], clean: NDArray[np.float32]
        ) -> None:
            out[rows, columns, :channels] = from_float(blend(noisy, clean, *strengths), out.dtype)

        run_tiled(self._tiles(session.card, colour), read, run, write, progress)

    def _tiles(self, card: Card, colour: NDArray[Any]) -> Tiles:
        height, width = colour.shape[:2]
        largest = LARGEST_TILE
        if self._memory is not None:
            room = self._memory - FIXED_MEMORY - 2 * colour.nbytes
            largest = min(largest, math.isqrt(max(room, 0) // card.bytes_per_pixel))
        if card.size is not None and card.size != (height, width):
            right = f"{card.size[1]} x {card.size[0]}"
            raise UsageError(
                f"{self.name} takes {right} pixels, not {width} x {height}", "Name another model"
            )
        halo = card.radius if self._wants_exact(card) else card.overlap
        try:
            return plan(height, width, stride=card.stride, halo=halo, largest=largest)
        except UsageError as exc:
            raise LimitError(
                f"{(self._memory or 0) / 1e6:.0f} MB are too few for an image of {width} x {height} pixels",
                "Allow more with --memory, or leave it out",
            ) from exc

    def _wants_exact(self, card: Card) -> bool:
        if self._exact is not None:
            return self._exact
        halo = -(-card.radius // card.stride) * card.stride
        return (LARGEST_TILE / (LARGEST_TILE - 2 * halo)) ** 2 < 1.3

    def session_for(self, channels: int) -> Session:
        """The network for images of so many channels; a colour network serves grey images too."""
        if channels == 3 and 3 not in self.channels:
            raise UsageError(
                f"{self.name} is for grey images and this one has colours",
                "Convert the image, or name a model for colour",
            )
        return self._open(channels if channels in self.channels else 3)


def load_model(
    name_or_path: str | Path = "auto",
    *,
    device: str = "auto",
    threads: int | None = None,
    memory: float | None = None,
    exact: bool | None = None,
) -> Model:
    """Load a network that ships with Pellucid, by its name, or one's own, by its path.

    Parameters
    ----------
    name_or_path : str or Path
        Such as ``gaussian-fast``; one name serves grey and colour. ``auto`` chooses for each image. Or an
        ``.onnx`` file that ``pellucid train`` wrote, or the folder of its run.
    device, threads, memory, exact
        As for `Model`.

    Returns
    -------
    Model

    Raises
    ------
    UsageError
        When there is no such model, or a number or device makes no sense.
    InputError
        When the file is missing or is no network of Pellucid's.
    DeviceError
        When the device is not there.
    LimitError
        When weights that ship are missing or have changed.

    Examples
    --------
    >>> load_model("gaussian-fast").channels
    (1, 3)
    """
    if not isinstance(name_or_path, (str, Path)):
        raise UsageError(
            f"A model cannot be {type(name_or_path).__name__}", "Give a name, a path, or what load_model gave"
        )
    if name_or_path == "auto":
        from pellucid.inference.auto import Auto  # which builds on this module

        return Auto(device=device, threads=threads, memory=memory, exact=exact)
    options: dict[str, Any] = {"device": device, "threads": threads, "memory": memory, "exact": exact}
    path = Path(name_or_path)
    # os.path, since Path's own questions fail on names that are too long.
    if str(name_or_path) and os.path.isdir(path) and str(path) not in index.names():
        path = index.network_in(path)
    if path.suffix == ".onnx":
        if not os.path.isfile(path):
            raise InputError(
                f"There is no file {path}", f"Check the path, or name one of {', '.join(index.names())}"
            )
        session = Session(path, RunOptions(device, threads))
        if "denoised" not in session.outputs:
            raise InputError(
                f"{path} estimates noise and does not denoise", f"Name one of {', '.join(index.names())}"
            )
        warn_of(str(path), shortfall(session.card))
        return Model(str(path), {session.card.channels: path}, **options)
    files = {}
    for entry in index.entries(str(name_or_path)):
        if entry.name not in index.names():
            raise index.unknown(str(name_or_path))
        index.verify(entry)
        files[entry.channels] = entry.path
    return Model(str(name_or_path), files, **options)


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
