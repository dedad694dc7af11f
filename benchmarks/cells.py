"""What is done to the photographs of the labelled set: one cell for each degradation and level.

A cell has a name, the kinds of noise that count as right, and a function from a clean image and a seed to a
`Case`: the image as it was stored, and what a perfect denoiser would give. Files hold 8 bits unless the name
says otherwise. Levels are in grey levels of 255.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.labelled import Photograph
from benchmarks.phone import phone
from pellucid.datasets.graphics import draw_page
from pellucid.inference.analysis import CAMERA, CLEAN, SIGNAL_DEPENDENT, SMOOTH, WHITE
from pellucid.io.image import to_float
from pellucid.noise.base import NumpyRandom
from pellucid.noise.camera import draw_shot, shoot
from pellucid.noise.jpeg import YCBCR
from pellucid.noise.registry import parse_noise
from pellucid.noise.resize import resample

Pixels: TypeAlias = NDArray[np.float32]
Make: TypeAlias = Callable[[Pixels, int], "Case"]

CORRELATED = CAMERA, SMOOTH

PAGES, FIRST_PAGE = 24, 1000  # of each kind, and the seed of the first: no training draws these
READ = 1.6  # electrons of read noise, as of a scientific camera
SIDE, TILES = 256, {"1 megapixel": (3, 5), "12 megapixels": (12, 15)}
COLLAGES = {"1 megapixel": 6, "12 megapixels": 2}


@dataclass(frozen=True)
class Case:
    """A noisy image, and its clean one.

    Parameters
    ----------
    noisy : array (h, w), (h, w, 3) or (h, w, 4), uint8, uint16 or float32
        As the user brings it; floats may hold NaN, where there is no data.
    clean : float32 array (h, w, 1 or 3), 0 to 1
        The same without noise.
    valid : bool array (h, w), optional
        Where there is image: the PSNR is taken there alone.
    sigma : float, optional
        The standard deviation of white noise, where it is a number.
    variance : (float, float), optional
        Gain and offset of noise of variance ``gain * pixel + offset``, where they are numbers.
    white : float
        Of the detector, on the scale of the pixels: the PSNR counts from there.
    """

    noisy: NDArray[Any]
    clean: Pixels
    valid: NDArray[np.bool_] | None = None
    sigma: float | None = None
    variance: tuple[float, float] | None = None
    white: float = 1.0


@dataclass(frozen=True)
class Cell:
    """One degradation at one level.

    Parameters
    ----------
    name : str
        Of the group and of the level, with a colon between.
    right : tuple of str
        The kinds that count as right.
    make : function
    grey : bool
        Whether the photographs are turned into grey first.
    source : str
        ``photographs``, a kind of graphics, or one of the large sizes.
    """

    name: str
    right: tuple[str, ...]
    make: Make
    grey: bool = False
    source: str = "photographs"

    @property
    def title(self) -> str:
        return f"{self.name}, grey" if self.grey else self.name

    def images(self, photographs: Sequence[Photograph]) -> list[tuple[str, Pixels, int]]:
        """Name, clean pixels (h, w, 1 or 3) and seed of each image."""
        if self.source == "photographs":
            found = [(each.name, to_float(each.levels), each.seed) for each in photographs]
        elif self.source in TILES:
            count = 1 if len(photographs) < 20 else COLLAGES[self.source]
            found = [(f"collage {i}", _collage(photographs, TILES[self.source], i), i) for i in range(count)]
        else:
            seeds = range(FIRST_PAGE, FIRST_PAGE + min(PAGES, len(photographs)))
            drawn = [draw_page(np.random.default_rng(each), (256, 384), self.source) for each in seeds]
            found = [(f"{self.source} {i}", to_float(each), i) for i, each in enumerate(drawn)]
        return [(name, _luma(pixels) if self.grey else pixels, seed) for name, pixels, seed in found]


# ---- kinds of noise ------------------------------------------------------------------------------


def clean_image(clean: Pixels, seed: int) -> Case:
    return _stored(clean, clean)


def white(clean: Pixels, seed: int, *, level: float) -> Case:
    noisy = clean + np.float32(level / 255) * NumpyRandom(seed).normal(clean)
    return replace(_stored(noisy, clean), sigma=level / 255)


def photons(clean: Pixels, seed: int, *, peak: float, read: float = 0, pedestal: bool = False) -> Case:
    """`peak` photons at white, exposed so that hardly any highlight is clipped; `read` noise in electrons.

    A pedestal of three times the read noise keeps black from being clipped, too.
    """
    random, black = NumpyRandom(seed), 3 * read if pedestal else 0.0
    count = random.poisson(clean * peak) + np.float32(read) * random.normal(clean)
    full = black + peak + 3 * (peak + read**2) ** 0.5
    case = _stored((count + black) / full, (clean * peak + black) / full)
    return replace(case, variance=(1 / full, (read**2 - black) / full**2))


def camera(clean: Pixels, seed: int, *, iso: float) -> Case:
    """The simulated camera that trains the networks; the target is its own, for it moves tones."""
    random = NumpyRandom(seed)
    return _stored(*shoot(clean, draw_shot(iso, random, clean), random))


def phone_shot(clean: Pixels, seed: int, *, psnr: float) -> Case:
    return _stored(*phone(clean, seed, psnr))


def grain(clean: Pixels, seed: int, *, level: float) -> Case:
    """Film grain: strongest in the middle tones, wider than a pixel, mostly shared by the three layers."""
    random, n = NumpyRandom(seed), clean.shape[2]
    radius = random.between(0.6, 1.3, clean)
    shared, own = (_blurred(random.normal(clean[..., :count]), radius) for count in (1, n))
    speckle = 0.8 * shared + 0.6 * own if n == 3 else shared
    return _stored(clean + np.float32(level / 255) * 2 * (clean * (1 - clean)) ** 0.5 * speckle, clean)


def jpeg(clean: Pixels, seed: int, *, quality: int, before: Make = clean_image) -> Case:
    """Store as JPEG what another function made."""
    case = before(clean, seed)
    noisy = parse_noise(f"jpeg:{quality}").apply(_three(to_float(case.noisy)), NumpyRandom(seed))
    return _stored(noisy, case.clean)


def resized(clean: Pixels, seed: int, *, factor: float, before: Make) -> Case:
    """Resize what another function made; enlarged images are cut first, so that their size stays."""
    if factor > 1:
        height, width = (round(extent / factor) for extent in clean.shape[:2])
        clean = clean[:height, :width]
    case = before(clean, seed)
    size = tuple(round(extent * factor) for extent in clean.shape[:2])
    both = np.stack([_three(to_float(case.noisy)), case.clean]).transpose(0, 3, 1, 2)  # (2, c, h, w)
    noisy, target = resample(both, size, first=0.5 / factor - 0.5, step=1 / factor).transpose(0, 2, 3, 1)
    return _stored(noisy, target)


# ---- what is not image ---------------------------------------------------------------------------


def framed(clean: Pixels, seed: int, *, before: Make, value: float, rows: float, columns: float) -> Case:
    """Put bars of a value around the noisy image, over shares of its height and width at each side."""
    case, valid = before(clean, seed), np.ones(clean.shape[:2], bool)
    height, width = round(rows * clean.shape[0]), round(columns * clean.shape[1])
    inside = valid[height : clean.shape[0] - height, width : clean.shape[1] - width]
    valid[:], inside[:] = False, True
    return _replaced(case, valid, value)


def cut_out(clean: Pixels, seed: int, *, before: Make) -> Case:
    """Alpha: a disc is opaque; the colours outside it are hidden and unrelated."""
    case, valid = before(clean, seed), _disc(clean.shape, 0.45)
    hidden = np.random.default_rng(seed).integers(0, 256, case.noisy.shape, np.uint8)
    noisy = np.where(valid[..., None], case.noisy, hidden if seed % 2 else hidden[:1, :1])
    alpha = (255 * valid).astype(np.uint8)[..., None]
    return replace(case, noisy=np.concatenate([noisy, alpha], 2), valid=valid)


def masked(clean: Pixels, seed: int, *, before: Make) -> Case:
    """A float image with NaN where there is no data: the side of an orthophoto."""
    case = before(clean, seed)
    row, column = np.mgrid[: clean.shape[0], : clean.shape[1]]
    valid = row + 0.6 * column > 0.35 * clean.shape[1]
    noisy = np.where(valid.reshape(valid.shape + (1,) * (case.noisy.ndim - 2)), to_float(case.noisy), np.nan)
    return replace(case, noisy=noisy.astype(np.float32), valid=valid)


def vignetted(clean: Pixels, seed: int, *, before: Make) -> Case:
    """A microscope's or a fisheye's field of view: darker to its edge, and black outside."""
    row, column = (np.linspace(-1, 1, extent, dtype=np.float32) for extent in clean.shape[:2])
    light = np.clip(1.1 - 0.7 * (row[:, None, None] ** 2 + column[:, None] ** 2), 0, 1)
    case = before(clean * light, seed)
    return _replaced(case, _disc(clean.shape, 0.55), 0)


def burnt_out(clean: Pixels, seed: int, *, before: Make) -> Case:
    return before((2 * clean).clip(0, 1), seed)


def cropped(clean: Pixels, seed: int, *, before: Make, size: tuple[int, int]) -> Case:
    """The middle of an image."""
    top, left = ((extent - part) // 2 for extent, part in zip(clean.shape[:2], size, strict=True))
    return before(clean[top : top + size[0], left : left + size[1]], seed)


def in_floats(clean: Pixels, seed: int, *, level: float) -> Case:
    """Not clipped and not rounded."""
    noisy = clean + np.float32(level / 255) * NumpyRandom(seed).normal(clean)
    return Case(_two(noisy), clean, sigma=level / 255)


def in_16_bits(
    clean: Pixels, seed: int, *, before: Callable[..., Case], bits: int = 16, **level: Any
) -> Case:
    """Integers of 16 bit, of which a detector may fill 12 only."""
    case = before(clean, seed, **level)
    white = 2**bits - 1
    samples = np.rint(to_float(case.noisy) * white).astype(np.uint16)
    scale = np.float32(white / 65535)
    variance = case.variance and (case.variance[0] * float(scale), case.variance[1] * float(scale) ** 2)
    return replace(case, noisy=samples, clean=case.clean * scale, variance=variance, white=float(scale))


# ---- the cells -----------------------------------------------------------------------------------


def all_cells() -> list[Cell]:
    """Every cell, in the order of the tables."""
    return [*_clean(), *_white(), *_dependent(), *_cameras(), *_processed(), *_frames(), *_sizes()]


def _clean() -> list[Cell]:
    cells = [Cell("no noise: photograph", (CLEAN,), clean_image, grey) for grey in (False, True)]
    cells += [
        Cell(f"no noise: {kind}", (CLEAN,), clean_image, source=kind)
        for kind in ("page", "screenshot", "drawing")
    ]
    for quality, grey in ((60, False), (75, False), (85, False), (95, False), (75, True)):
        cells.append(
            Cell(f"JPEG alone: {quality}", (CLEAN, *CORRELATED), partial(jpeg, quality=quality), grey)
        )
    return cells


def _white() -> list[Cell]:
    levels = (2, 3, 5, 10, 15, 25, 40, 50, 75)
    cells = [
        Cell(f"white: {n}", (WHITE,), partial(white, level=n), grey) for grey in (False, True) for n in levels
    ]
    cells.append(Cell("white: 25 on a page", (WHITE,), partial(white, level=25), source="page"))
    return [*cells, Cell("white: 10 in floats", (WHITE,), partial(in_floats, level=10))]


def _dependent() -> list[Cell]:
    cells = []
    for peak in (1, 3, 10, 30, 100, 300, 1000):
        for grey in (True, False):
            shot, read = partial(photons, peak=peak), partial(photons, peak=peak, read=READ, pedestal=grey)
            cells.append(Cell(f"photons: {peak}", (SIGNAL_DEPENDENT,), shot, grey))
            cells.append(Cell(f"photons: {peak}, read noise", (SIGNAL_DEPENDENT,), read, grey))
    sixteen = partial(in_16_bits, before=photons, peak=300, read=READ, pedestal=True)
    cells.append(Cell("photons: 300, 16 bit", (SIGNAL_DEPENDENT,), sixteen, True))
    return [*cells, Cell("photons: 300, 12 of 16 bit", (SIGNAL_DEPENDENT,), partial(sixteen, bits=12), True)]


def _cameras() -> list[Cell]:
    isos = ((800, False), (3200, False), (12800, False), (51200, False), (3200, True), (12800, True))
    cells = [Cell(f"camera: ISO {iso}", CORRELATED, partial(camera, iso=iso), grey) for iso, grey in isos]
    for psnr, grey in ((30, False), (24, False), (20, False), (17, False), (15, False), (20, True)):
        cells.append(Cell(f"phone: {psnr} dB", CORRELATED, partial(phone_shot, psnr=psnr), grey))
    return [*cells, Cell("camera: ISO 3200, page", CORRELATED, partial(camera, iso=3200), source="page")]


def _processed() -> list[Cell]:
    white25, night = partial(white, level=25), partial(camera, iso=12800)
    cells = []
    for name, before, factors in (("white 25", white25, (0.5, 0.75, 1.5, 2)), ("ISO 12800", night, (0.5, 2))):
        for factor in factors:
            make = partial(resized, factor=factor, before=before)
            cells.append(Cell(f"resized: {name}, by {factor}", CORRELATED, make))
    cells.append(
        Cell("resized: white 25, by 0.75", CORRELATED, partial(resized, factor=0.75, before=white25), True)
    )
    for level, quality, grey in (
        (15, 60, False), (15, 75, False), (15, 85, False), (15, 95, False), (30, 75, True),
    ):  # fmt: skip
        right = (WHITE, *CORRELATED) if quality == 95 else CORRELATED
        make = partial(jpeg, quality=quality, before=partial(white, level=level))
        cells.append(Cell(f"JPEG {quality} of white {level}", right, make, grey))
    for level, grey in ((5, False), (12, False), (12, True)):
        cells.append(Cell(f"film grain: {level}", CORRELATED, partial(grain, level=level), grey))
    return cells


def _frames() -> list[Cell]:
    white25, night = partial(white, level=25), partial(phone_shot, psnr=20)
    light = partial(photons, peak=30)
    black = partial(framed, value=0.0, rows=0.15, columns=0)
    margin = partial(framed, value=1.0, rows=0.1, columns=0.15)
    return [
        Cell("bars: no noise", (CLEAN,), partial(black, before=clean_image)),
        Cell("bars: white 25", (WHITE,), partial(black, before=white25)),
        Cell("bars: phone, 20 dB", CORRELATED, partial(black, before=night)),
        Cell("bars: 30 photons", (SIGNAL_DEPENDENT,), partial(black, before=light), True),
        Cell("margins: white 25", (WHITE,), partial(margin, before=white25)),
        Cell("margins: phone, 20 dB", CORRELATED, partial(margin, before=night)),
        Cell("alpha: no noise", (CLEAN,), partial(cut_out, before=clean_image)),
        Cell("alpha: white 25", (WHITE,), partial(cut_out, before=white25)),
        Cell("alpha: phone, 20 dB", CORRELATED, partial(cut_out, before=night)),
        Cell("no data: white 25", (WHITE,), partial(masked, before=white25)),
        Cell("no data: 30 photons", (SIGNAL_DEPENDENT,), partial(masked, before=light), True),
        Cell("vignette: white 25", (WHITE,), partial(vignetted, before=white25)),
        Cell("vignette: 30 photons", (SIGNAL_DEPENDENT,), partial(vignetted, before=light), True),
        Cell("burnt out: white 25", (WHITE,), partial(burnt_out, before=white25)),
        Cell("burnt out: phone, 20 dB", CORRELATED, partial(burnt_out, before=night)),
    ]


def _sizes() -> list[Cell]:
    white25, night = partial(white, level=25), partial(phone_shot, psnr=24)
    cells = []
    shot = partial(photons, peak=30)
    for size in ((64, 64), (96, 128)):
        name = f"size: {size[0]} x {size[1]}"
        cells += [
            Cell(f"{name}, no noise", (CLEAN,), partial(cropped, before=clean_image, size=size)),
            Cell(f"{name}, white 25", (WHITE,), partial(cropped, before=white25, size=size)),
            Cell(f"{name}, 30 photons", (SIGNAL_DEPENDENT,), partial(cropped, before=shot, size=size), True),
            Cell(f"{name}, phone, 24 dB", CORRELATED, partial(cropped, before=night, size=size)),
        ]  # fmt: skip
    for source in TILES:
        cells.append(Cell(f"size: {source}, white 25", (WHITE,), white25, source=source))
        cells.append(Cell(f"size: {source}, phone, 24 dB", CORRELATED, night, source=source))
    return cells


# ---- arrays --------------------------------------------------------------------------------------


def _stored(noisy: NDArray[Any], clean: NDArray[Any]) -> Case:
    levels = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    return Case(_two(levels), np.asarray(clean, np.float32))


def _replaced(case: Case, valid: NDArray[np.bool_], value: float) -> Case:
    noisy = case.noisy.copy()
    noisy[~valid] = round(255 * value)
    return replace(case, noisy=noisy, valid=valid)


def _collage(photographs: Sequence[Photograph], tiles: tuple[int, int], first: int) -> Pixels:
    """Rows and columns of squares of the photographs, each turned over in turn."""
    squares = [to_float(each.levels[:SIDE, :SIDE]) for each in photographs]
    squares = [each for each in squares if each.shape[:2] == (SIDE, SIDE)]
    ways: tuple[Callable[[Pixels], Pixels], ...] = (lambda x: x, lambda x: x[::-1], lambda x: x[:, ::-1])
    rows, columns = tiles
    order = [[first * 5 + row * columns + column for column in range(columns)] for row in range(rows)]
    return np.concatenate(
        [np.concatenate([ways[k // 7 % 3](squares[k % len(squares)]) for k in line], 1) for line in order]
    )


def _disc(shape: tuple[int, ...], radius: float) -> NDArray[np.bool_]:
    """A disc in the middle; its radius is in shorter sides."""
    row, column = (np.arange(extent) - (extent - 1) / 2 for extent in shape[:2])
    inside: NDArray[np.bool_] = np.hypot(row[:, None], column) < radius * min(shape[:2])
    return inside


def _blurred(noise: Pixels, radius: float) -> Pixels:
    """White noise blurred by a Gaussian, again of standard deviation 1."""
    reach = np.arange(-5, 6)
    weights = np.exp(-0.5 * (reach / radius) ** 2).astype(np.float32)
    for axis in (0, 1):
        shifted = (np.roll(noise, each, axis) * weight for each, weight in zip(reach, weights, strict=True))
        noise = np.asarray(sum(shifted) / np.sqrt((weights**2).sum()), np.float32)
    return noise


def _luma(pixels: Pixels) -> Pixels:
    """Grey (h, w, 1), in 8 bits."""
    return np.asarray(np.rint(pixels @ YCBCR[0] * 255)[..., None] / 255, np.float32)


def _two(pixels: NDArray[Any]) -> NDArray[Any]:
    """Grey as (h, w)."""
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _three(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels[..., None] if pixels.ndim == 2 else pixels
