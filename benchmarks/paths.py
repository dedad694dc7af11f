"""Every way in which Pellucid can denoise an image, and what each makes of it.

A path is a network with what it is given: for white noise a level, with or without variance stabilisation
around it; for photographs nothing. The parameters are estimated as the default does, or given: then they are
those of the noise that is really there, which nobody but a benchmark has.
"""

import functools
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid import load_model
from pellucid.errors import PellucidError
from pellucid.inference import index
from pellucid.inference.analysis import CAMERA, CLEAN, MIN_WHITE_SIGMA, Analysis
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.measuring import analyse_tiles
from pellucid.inference.overview import look_over
from pellucid.inference.pixels import one_source
from pellucid.inference.session import RunOptions
from pellucid.inference.stabilise import HIGHEST_SIGMA, Anscombe
from pellucid.io.image import from_float, to_float

Pixels: TypeAlias = NDArray[np.float32]

UNCHANGED = "unchanged"
BEST_DB = (
    50.0  # an error of 0.8 of 255 cannot be seen: what is closer to the clean image counts as equal to it
)
BINS = 32
MARGIN = 1.0  # dB


class Own:
    """The PSNR of every own path on noisy images, kept in a file so that a second run is quick.

    Parameters
    ----------
    file : Path, optional
        JSON. A figure is found again by the image, the network's SHA-256 and its parameters.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self.kept: dict[str, float] = json.loads(file.read_text()) if file and file.exists() else {}

    def save(self) -> None:
        if self.file:
            self.file.write_text(json.dumps(self.kept))

    def measure(self, case: Any, *, without: str = "nothing", margin: float = MARGIN) -> dict[str, float]:
        """PSNR in dB of each path on a case of `benchmarks.cells`.

        Paths whose names a pattern finds are left out. The networks that are not fast run only where the
        fast one of their family is within a margin of the best, in dB.
        """
        source = one_source(case.noisy)
        image = look_over(source)
        samples = source.read(slice(0, source.height), slice(0, source.width))
        colour = image.layout.pixels(samples, image.layout.valid(samples))
        digest = hashlib.sha256(colour.tobytes() + case.clean.tobytes()).hexdigest()[:16]
        seen = None
        if "estimated" not in without:
            is_8bit = image.dtype == np.uint8
            seen = analyse_tiles(image.tiles, image.masks, RunOptions(threads=1), is_8bit=is_8bit)
        everything = paths(colour, case, seen)
        ways = {name: way for name, way in everything.items() if not re.search(without, name)}
        found = {UNCHANGED: score(case, case.noisy)}

        def run(names: Iterable[str]) -> None:
            for name in names:
                key = f"{digest} {ways[name][0]}"
                if key not in self.kept:
                    self.kept[key] = round(score(case, ways[name][1]()), 3)
                found[name] = self.kept[key]

        run(name for name in ways if "-fast" in name)
        near = {family(name) for name, value in found.items() if value > max(found.values()) - margin}
        run(name for name in ways if name not in found and family(name) in near)
        return found


def family(name: str) -> str:
    """``unchanged``, ``gaussian``, ``stabilised gaussian`` or ``photo``."""
    return name.partition("-")[0]


def score(case: Any, output: NDArray[Any]) -> float:
    """PSNR in dB where there is image, at most `BEST_DB`; pixels as the input's type stores them."""
    clean = case.clean
    if output.dtype.kind == "f":
        output = from_float(output, case.noisy.dtype)
    pixels = to_float(output if output.ndim == 3 else output[..., None])[..., :3]
    if pixels.shape[2] > clean.shape[2]:
        pixels = pixels[..., :1]
    error = np.subtract(pixels, clean, dtype=np.float64) ** 2
    mean = float(error.mean() if case.valid is None else error[case.valid].mean())
    return min(BEST_DB, -10 * float(np.log10(max(mean, 1e-12) / case.white**2)))


def paths(colour: Pixels, case: Any, seen: Analysis | None) -> dict[str, tuple[str, Callable[[], Pixels]]]:
    """Name, what identifies the result, and how to get it, of each path but `UNCHANGED`."""
    found: dict[str, tuple[str, Callable[[], Pixels]]] = {}
    channels = colour.shape[2]
    levels = {"given": case.sigma or rms(colour, case)}
    fitted = fit(colour, case) if case.variance is None else ((case.variance[0],), (case.variance[1],))
    variances = {"given": fitted}
    if seen is not None:
        levels["estimated"] = seen.level
        if all(max(pair) > 0 for pair in zip(seen.gain, seen.offset, strict=True)):
            variances["estimated"] = seen.gain, seen.offset
    for name in index.names(index.FOR_PHOTOGRAPHS):
        model, sha = network(name), sha_of(name, channels)
        if not model.takes_sigma:
            found[name] = f"{sha}", functools.partial(denoised, model, colour)
            continue
        for word, level in levels.items():
            if level >= (MIN_WHITE_SIGMA if word == "estimated" else 1e-3):
                level = float(f"{level:.3g}")
                found[f"{name}, {word}"] = (
                    f"{sha} {level}",
                    functools.partial(denoised, model, colour, sigma=min(level, 1.0)),
                )
        for word, variance in variances.items():
            if variance:
                numbers = tuple(tuple(float(f"{each:.4g}") for each in part) for part in variance)
                found[f"stabilised {name}, {word}"] = (
                    f"{sha} {numbers}",
                    functools.partial(stabilised, model, colour, *numbers),
                )
    return found


def denoised(model: Denoiser, colour: Pixels, **options: Any) -> Pixels:
    return model.denoise(colour, **options).image


def stabilised(model: Denoiser, colour: Pixels, gain: tuple[float, ...], offset: tuple[float, ...]) -> Pixels:
    """Variance stabilisation around a network for white noise, which sees pixels from 0 to 1."""
    transform = Anscombe(gain, offset)
    stable = transform.forward(colour)
    low, high = float(stable.min()), float(stable.max())
    span = max(high - low, 1 / HIGHEST_SIGMA)  # so that the level is one it was trained on
    clean = model.denoise((stable - low) / np.float32(span), sigma=1 / span).image
    return transform.inverse(clean * np.float32(span) + np.float32(low))


def rms(colour: Pixels, case: Any) -> float:
    """The standard deviation of the noise that is there."""
    noise = (colour - case.clean)[inside(case)]
    return float(np.sqrt(np.mean(noise.astype(np.float64) ** 2)))


def fit(colour: Pixels, case: Any) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Gain and offset of the noise that is there, for each channel: least squares over bins of brightness."""
    valid, gains, offsets = inside(case), [], []
    for channel in range(colour.shape[2]):
        clean, noisy = case.clean[..., channel][valid], colour[..., channel][valid]
        use = (noisy > 0) & (noisy < case.white)
        if use.sum() < 10 * BINS:
            return None
        order = np.argsort(clean[use], kind="stable")
        light = [float(part.mean()) for part in np.array_split(clean[use][order], BINS)]
        squares = (noisy[use] - clean[use])[order].astype(np.float64) ** 2
        spread = [float(part.mean()) for part in np.array_split(squares, BINS)]
        gain, offset = _line(np.array(light), np.array(spread))
        gains.append(gain)
        offsets.append(offset)
    return (tuple(gains), tuple(offsets)) if max(gains) > 1e-7 else None


def _line(light: NDArray[np.float64], spread: NDArray[np.float64]) -> tuple[float, float]:
    """Gain and offset of ``spread = gain * light + offset``, each bin as exact as its spread is small."""
    weight = 1 / (spread + 1e-7)
    design = np.stack([light, np.ones_like(light)], axis=1) * weight[:, None]
    gain, offset = np.linalg.lstsq(design, spread * weight)[0]
    if gain <= 0:
        return 0.0, float(np.average(spread, weights=weight)) + 1e-9  # some noise: a transform needs it
    return float(gain), float(offset)


def inside(case: Any) -> NDArray[np.bool_]:
    return np.ones(case.clean.shape[:2], bool) if case.valid is None else case.valid


@functools.cache
def network(name: str) -> Any:
    return load_model(name, threads=1)


@functools.cache
def sha_of(name: str, channels: int) -> str:
    entries = {each.channels: each for each in index.entries(name)}
    return entries.get(channels, entries[max(entries)]).sha256[:12]


def chosen(noisy: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """What the default makes of an image, and the kind of noise that it found."""
    auto = network("auto")
    try:
        result = auto.denoise(noisy)
    except PellucidError:
        return noisy, "refused"
    if not result.changed:
        return result.image, CLEAN
    if result.model.startswith("photo-"):
        return result.image, CAMERA
    return result.image, auto.analyse(look_over(one_source(noisy))).kind
