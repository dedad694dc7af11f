"""A scanner or a phone over paper, as a noise model: from a clean page to what people have of it.

The clean page is the share of light that ink on perfectly white paper reflects. Each step is a short
function with physical parameters, applied in the order in which it happens: ink, paper, what happened to
the sheet, the light on it, lens, sensor, file. Lengths are in millimetres and become pixels by the
resolution. Every step multiplies or mixes light, so that text below a stain stays darker than the stain.

All arrays are NumPy's (height, width, channels), float32, 0 to 1.

References
----------
.. [1] T. Kanungo, R. Haralick, I. Phillips, "Nonlinear Global and Local Document Degradation Models",
   International Journal of Imaging Systems and Technology 5, 1994.
.. [2] H. Baird, "The State of the Art of Document Image Degradation Modelling", in Digital Document
   Processing, Springer, 2007.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pellucid.noise.arrays import Pixels, asarray_like, from_planes, to_planes
from pellucid.noise.base import QUALITY, SHARE, SIGMA, Limits, Noise, Parameter, Random, to_8bit
from pellucid.noise.fields import along, blur, field_of, normal_quantile, unit
from pellucid.noise.jpeg import jpeg

Page = NDArray[np.float32]

MM_PER_INCH = 25.4

COFFEE = np.array([0.55, 0.8, 1.0], np.float32)
"""How strongly a brown stain, or old paper, absorbs red, green and blue."""


def _some(highest: float) -> dict[str, Limits]:
    return {"limits": Limits(0.0, highest)}


@dataclass(frozen=True)
class Scan(Noise):
    """What paper, its history and a scanner or phone make of a clean page.

    All that is left out is absent, so that ``scan:200`` alone gives the page back, rounded to 8 bit.
    """

    kind = "scan"
    dpi: Parameter = field(metadata={"limits": Limits(50.0, 1200.0)})  # pixels an inch
    spread: Parameter = field(default=0.0, metadata=_some(2))  # ink runs: strokes grow
    thin: Parameter = field(default=0.0, metadata=_some(2))  # ink fails at the edges: strokes shrink
    fade: Parameter = field(default=0.0, metadata=SHARE)  # of the ink that is lost, unevenly
    broken: Parameter = field(default=0.0, metadata=SHARE)  # share of the strokes with dropouts
    bleed: Parameter = field(default=0.0, metadata=SHARE)  # darkness of the other side's ink
    tone: Parameter = field(default=1.0, metadata=SHARE)  # what the paper reflects
    yellow: Parameter = field(default=0.0, metadata=SHARE)  # what it absorbs of blue
    texture: Parameter = field(default=0.0, metadata=SHARE)  # standard deviation of the paper's grain
    laid: Parameter = field(default=0.0, metadata=SHARE)  # standard deviation of the lines of laid paper
    stains: Parameter = field(default=0.0, metadata=_some(100))  # rings, pools and drops on 10 cm x 10 cm
    blots: Parameter = field(default=0.0, metadata=_some(100))  # spills of any shape, likewise
    folds: Parameter = field(default=0.0, metadata=_some(100))  # straight creases
    crumple: Parameter = field(default=0.0, metadata=SHARE)  # shading of crumpled paper
    dust: Parameter = field(default=0.0, metadata=_some(1000))  # specks on a square centimetre, and hairs
    light: Parameter = field(default=0.0, metadata=SHARE)  # what the darkest part of the page lacks
    curl: Parameter = field(default=0.0, metadata=SHARE)  # shadow at one edge, as in the gutter of a book
    flare: Parameter = field(default=0.0, metadata=SHARE)  # stray light, which makes black grey
    blur: Parameter = field(default=0.0, metadata=_some(10))  # standard deviation, pixels
    noise: Parameter = field(default=0.0, metadata=SIGMA)  # of the sensor, at white
    stripes: Parameter = field(default=0.0, metadata=SIGMA)  # of the columns' gains
    sharpen: Parameter = field(default=0.0, metadata=_some(5))  # unsharp mask, share of what is added
    threshold: Parameter = field(default=0.0, metadata=SHARE)  # above it white, else black; 0: grey stays
    quality: Parameter = field(default=100.0, metadata=QUALITY)  # of the JPEG; 100: none

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """The steps of `degrade`, each image with a random state of its own."""
        if isinstance(pixels, np.ndarray):
            seed = int(random.between(0, 2**31, pixels))
            page = np.asarray(pixels, np.float32).reshape(*pixels.shape[:2], -1)
            scanned = degrade(page, self, np.random.default_rng(seed)).reshape(pixels.shape)
            return cast(Pixels, scanned.astype(pixels.dtype))
        seeds = random.between(0, 2**31, pixels).flatten().tolist()
        results = []
        for number, (page, seed) in enumerate(zip(cast(Any, pixels).cpu().numpy(), seeds, strict=True)):
            rng = np.random.default_rng(int(seed))
            results.append(degrade(page.transpose(1, 2, 0), self._of(number), rng).transpose(2, 0, 1))
        return asarray_like(pixels, np.stack(results))

    def _of(self, number: int) -> "Scan":
        """The values of one image of a batch."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        many = {
            name: float(value.flatten()[number]) for name, value in values.items() if hasattr(value, "ndim")
        }
        return replace(self, **many)


def degrade(page: Page, scan: Scan, rng: np.random.Generator) -> Page:
    """Print a clean page, age it and scan it.

    Parameters
    ----------
    page : float32 array (height, width, 1 or 3), 0 to 1
        On white paper.
    scan : Scan
        With values, no ranges.
    rng : numpy.random.Generator

    Returns
    -------
    float32 array
        The same shape, multiples of 1/255.
    """
    mm = scan.dpi / MM_PER_INCH
    x = print_ink(page, scan, rng, mm)
    x = x * other_side(page, scan.bleed, rng, mm)
    x = x * paper(page.shape, scan, rng, mm)
    x = x * stains(page.shape, scan.stains, rng, mm)
    x = x * blots(page.shape, scan.blots, rng, mm)
    x = crease(x, scan, rng, mm)
    x = x * dust(page.shape, scan.dust, rng, mm)
    x = x * light(page.shape, scan, rng, mm)
    x = blur(stray(x, scan.flare), scan.blur)
    x = sensor(x, scan, rng)
    if scan.sharpen:
        x = x + scan.sharpen * (x - blur(x, max(0.8, 0.08 * mm)))
    if scan.threshold:
        return np.asarray(x > scan.threshold, np.float32)
    return file(x, scan.quality)


# ---- ink -----------------------------------------------------------------------------------------


def print_ink(page: Page, scan: Scan, rng: np.random.Generator, mm: float) -> Page:
    """Strokes that run or fail at their edges, fade over centimetres and drop out over fractions of one."""
    ink = 1 - page
    if scan.spread or scan.thin:
        soft = blur(ink, 0.5 + 0.03 * mm)
        if scan.spread:
            ink = np.maximum(ink, (soft * (1 + scan.spread)).clip(0, 1) * ink.max())
        if scan.thin:
            ink = np.minimum(ink, (soft * (1 + scan.thin) - scan.thin).clip(0, 1))
    if scan.fade:
        ink = ink * (1 - scan.fade * unit(field_of(rng, page.shape, 15 * mm)))
    if scan.broken:
        grain = blur(rng.standard_normal(page.shape[:2], np.float32)[..., None], max(0.7, 0.06 * mm))
        level = (grain / grain.std() + 1.2 * field_of(rng, page.shape, 8 * mm)) / 1.56
        edge = normal_quantile(1 - 0.6 * scan.broken)
        ink = ink * (1 - ((level - edge) * 3).clip(0, 1))
    return np.asarray(1 - ink, np.float32)


def other_side(page: Page, strength: float, rng: np.random.Generator, mm: float) -> Page:
    """What the ink on the back lets through: another part of the page, mirrored and soft."""
    if not strength:
        return np.ones_like(page[:1, :1])
    height, width = page.shape[:2]
    back = np.roll(page[:, ::-1], (int(rng.integers(height)), int(rng.integers(width))), (0, 1))
    soft = blur(1 - back, 0.4 + 0.1 * mm * rng.uniform(0.5, 1.5))
    return 1 - strength * soft * (0.7 + 0.3 * unit(field_of(rng, page.shape, 12 * mm)))


# ---- paper ---------------------------------------------------------------------------------------


def paper(shape: tuple[int, ...], scan: Scan, rng: np.random.Generator, mm: float) -> Page:
    """Tone, colour and grain of the sheet: fine grain, clouds, and fibres across and along."""
    x = np.full((*shape[:2], 1), scan.tone, np.float32)
    if scan.texture:
        fine = rng.standard_normal(shape[:2], np.float32)
        long = max(1, round(0.4 * mm))
        fibres = along(fine, long, 0) + along(np.roll(fine, 7, 1), long, 1)
        parts = blur(fine[..., None], 0.6), fibres[..., None], field_of(rng, shape, 0.8 * mm)
        weights = rng.dirichlet((1, 1, 1))
        grain = sum(
            weight**0.5 * part / (part.std() + 1e-6) for weight, part in zip(weights, parts, strict=True)
        )
        x = x * (1 + scan.texture * grain)
    if scan.laid:
        rows = np.arange(shape[0], dtype=np.float32)[:, None, None]
        x = x * (
            1
            + scan.laid * np.sin(rows * (2 * np.pi / max(2.5, 1.1 * mm))) * unit(field_of(rng, shape, 9 * mm))
        )
    if shape[2] == 3 and scan.yellow:
        x = x * (1 - scan.yellow * np.array([0.05, 0.3, 1.0], np.float32))
    return np.asarray(x, np.float32)


def stains(shape: tuple[int, ...], density: float, rng: np.random.Generator, mm: float) -> Page:
    """Coffee rings, pools and drops: `density` on 10 cm x 10 cm, and as many on smaller pages."""
    height, width = shape[:2]
    through = np.ones((height, width, 1), np.float32)
    area = max(1.0, height * width / (100 * mm) ** 2)
    absorbs = COFFEE if shape[2] == 3 else np.ones(1, np.float32)
    for _ in range(round(density * area)):
        kind = rng.choice(3, p=(0.5, 0.25, 0.25))
        radius = mm * (rng.uniform(12, 45), rng.uniform(3, 20), rng.uniform(0.4, 2.5))[kind]
        y, x = rng.uniform(-0.1, 1.1) * height, rng.uniform(-0.1, 1.1) * width
        through = through * (1 - stain((height, width), (y, x), radius, kind, rng, mm) * absorbs)
    return through


def stain(
    shape: tuple[int, int],
    at: tuple[float, float],
    radius: float,
    kind: int,
    rng: np.random.Generator,
    mm: float,
) -> Page:
    """What a ring (0), a pool with a dark rim (1) or a drop (2) absorbs (h, w, 1)."""
    rows = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(at[0])
    columns = np.arange(shape[1], dtype=np.float32) - np.float32(at[1])
    angle = np.arctan2(rows, columns)
    edge = sum(
        rng.normal(0, (0.06, 0.12, 0.12)[kind] / wave) * np.cos(wave * angle + rng.uniform(0, 6.3))
        for wave in range(1, 6)
    )
    inside = np.float32(radius) * (1 + edge) - np.hypot(rows, columns)  # pixels inside the outline
    sharp = rng.uniform(0.15, 0.6) * mm
    covered = 1 / (1 + np.exp((-inside / sharp).clip(-30, 30)))
    rim = np.exp(-(inside.clip(0, None) / (mm * rng.uniform(0.4, 6))))
    core = (0.0, rng.uniform(0.2, 1), 1.0)[kind]
    shade = covered * (rim * (1 - core) + core)
    if kind == 0:  # rings are seldom closed
        shade = shade * (0.5 + 0.9 * np.cos((angle - rng.uniform(0, 6.3)) * rng.integers(1, 3))).clip(0, 1)
    clouds = 1 + 0.25 * field_of(rng, (*shape, 1), 2 * mm) + 0.12 * field_of(rng, (*shape, 1), 0.25 * mm)
    return np.asarray((shade[..., None] * clouds).clip(0, 1) * rng.uniform(0.05, 0.7), np.float32)


def blots(shape: tuple[int, ...], density: float, rng: np.random.Generator, mm: float) -> Page:
    """Spills of any shape with sharp outlines; `density` on 10 cm x 10 cm, and as many on smaller pages."""
    height, width = shape[:2]
    through = np.ones((height, width, 1), np.float32)
    absorbs = COFFEE if shape[2] == 3 else np.ones(1, np.float32)
    for _ in range(round(density * max(1.0, height * width / (100 * mm) ** 2))):
        radius, turn, flat = mm * 2 * 12 ** rng.uniform(), rng.uniform(0, np.pi), rng.uniform(0.25, 1)
        rows = np.arange(height, dtype=np.float32)[:, None, None] - np.float32(
            rng.uniform(-0.1, 1.1) * height
        )
        columns = np.arange(width, dtype=np.float32)[:, None] - np.float32(rng.uniform(-0.1, 1.1) * width)
        along_it = rows * np.sin(turn) + columns * np.cos(turn)
        across = (rows * np.cos(turn) - columns * np.sin(turn)) / flat
        bumps = 0.3 * field_of(rng, shape, radius / 2) + 0.05 * field_of(rng, shape, radius / 8)
        inside = np.float32(radius * flat) * (1 + bumps - np.hypot(along_it, across) / np.float32(radius))
        covered = 1 / (1 + np.exp((-inside / (rng.uniform(0.1, 0.4) * mm)).clip(-30, 30)))
        rim = np.exp(-(inside.clip(0, None) / (mm * rng.uniform(0.2, 3))))
        core = rng.uniform(0.3, 1)
        clouds = 1 + rng.uniform(0, 0.3) * field_of(rng, shape, radius / 3)
        specks = 1 + rng.uniform(0, 0.15) * field_of(rng, shape, 0.25 * mm)
        shade = covered * (core + (1 - core) * rim) * clouds * specks
        through = through * (1 - shade.clip(0, 1) * rng.uniform(0.1, 0.75) * absorbs)
    return np.asarray(through, np.float32)


def crease(x: Page, scan: Scan, rng: np.random.Generator, mm: float) -> Page:
    """Straight folds and facets of crumpled paper: shading on both sides, and ink flaked off the ridge."""
    shape, shade, flaked = (
        x.shape,
        np.zeros((*x.shape[:2], 1), np.float32),
        np.zeros((*x.shape[:2], 1), np.float32),
    )
    rows, columns = np.arange(shape[0], dtype=np.float32)[:, None], np.arange(shape[1], dtype=np.float32)
    for _ in range(round(scan.folds)):
        turn = rng.uniform(0, np.pi)
        across = (rows - rng.uniform(0, shape[0])) * np.cos(turn) + (
            columns - rng.uniform(0, shape[1])
        ) * np.sin(turn)
        across = across[..., None] + 0.3 * mm * field_of(rng, shape, 10 * mm)
        side = np.tanh(across / (0.1 * mm)) * np.exp(-abs(across) / (mm * rng.uniform(0.5, 6)))
        shade = shade + rng.uniform(-0.15, 0.15) * side
        flaked = np.maximum(flaked, rng.uniform(0, 1) * np.exp(-((across / (0.09 * mm)) ** 2)))
    if scan.crumple:
        for cell in (25 * mm, 12 * mm, 6 * mm):
            hills = field_of(rng, shape, cell)
            slope = np.gradient(hills[..., 0], axis=int(rng.integers(2)))[..., None] * cell
            shade = shade + scan.crumple * 0.1 * np.tanh(hills / 0.05) * slope.clip(-3, 3)
            ridge = np.exp(-((hills * cell / (0.25 * mm)) ** 2))
            flaked = np.maximum(flaked, scan.crumple * 0.5 * ridge * unit(field_of(rng, shape, 8 * mm)))
    top = scan.tone * 1.08
    return np.asarray((x * (1 + shade) + flaked * (top - x).clip(0, None)).clip(0, 1), np.float32)


def dust(shape: tuple[int, ...], density: float, rng: np.random.Generator, mm: float) -> Page:
    """Specks of up to 0.3 mm, on average 0.1, and a hair for each hundred of them."""
    x = np.zeros((*shape[:2], 1), np.float32)
    count = round(density * shape[0] * shape[1] / (10 * mm) ** 2)
    if not count:
        return 1 - x
    for size in (0.04, 0.08, 0.13):  # mm, standard deviation
        sigma = max(0.45, size * mm)
        spots = np.zeros_like(x)
        places = rng.integers(shape[0], size=count // 3 + 1), rng.integers(shape[1], size=count // 3 + 1)
        spots[places] = rng.uniform(0.2, 1.6, (count // 3 + 1, 1))
        x = np.maximum(x, (blur(spots, sigma) * 2 * np.pi * sigma**2).clip(0, 0.9))
    for _ in range(rng.poisson(count / 100)):
        steps = int(mm * rng.uniform(1, 8))
        turns = np.cumsum(rng.normal(0, 0.04, steps)) + rng.uniform(0, 6.3)
        y = np.cumsum(np.sin(turns)) + rng.uniform(0, shape[0])
        across = np.cumsum(np.cos(turns)) + rng.uniform(0, shape[1])
        inner = (y >= 0) & (y < shape[0]) & (across >= 0) & (across < shape[1])
        hair = np.zeros_like(x)
        hair[y[inner].astype(int), across[inner].astype(int)] = 1
        x = np.maximum(x, (blur(hair, max(0.5, 0.02 * mm)) * rng.uniform(0.4, 1.2)).clip(0, 0.8))
    return 1 - x


# ---- light, lens, sensor, file ---------------------------------------------------------------------


def light(shape: tuple[int, ...], scan: Scan, rng: np.random.Generator, mm: float) -> Page:
    """Light that falls off over the page, and the shadow at the edge of a page that curls."""
    x = np.ones((*shape[:2], 1), np.float32)
    if scan.light:
        turn = rng.uniform(0, 2 * np.pi)
        rows, columns = (
            np.linspace(-1, 1, shape[0])[:, None, None],
            np.linspace(-1, 1, shape[1])[None, :, None],
        )
        ramp = rows * np.sin(turn) + columns * np.cos(turn) + 0.5 * field_of(rng, shape, max(shape) / 3)
        x = x * (1 - scan.light * (ramp - ramp.min()) / np.ptp(ramp)).astype(np.float32)
    if scan.curl:
        distance = np.arange(shape[1], dtype=np.float32)[:: rng.choice((-1, 1))] + 0.5 * mm
        x = x * (1 - scan.curl * np.exp(-distance / (mm * rng.uniform(4, 15))))[None, :, None]
    return np.asarray(x, np.float32)


def stray(x: Page, flare: float) -> Page:
    """Light that the glass and the lens scatter: black becomes grey, white stays."""
    return x + np.float32(flare) * (1 - x)


def sensor(x: Page, scan: Scan, rng: np.random.Generator) -> Page:
    """Shot noise, half as strong at black as at white, and columns of unequal gain."""
    if scan.noise:
        x = x + scan.noise * np.sqrt(0.25 + 0.75 * x.clip(0, 1)) * rng.standard_normal(x.shape, np.float32)
    if scan.stripes:
        x = x * (1 + scan.stripes * rng.standard_normal((1, x.shape[1], 1), np.float32))
    return np.asarray(x, np.float32)


def file(x: Page, quality: float) -> Page:
    """What is stored in 8 bits, and in a JPEG below the quality of 100."""
    x = np.asarray(to_8bit(x), np.float32)
    if quality >= 100:
        return x
    sampling = (2, 2) if x.shape[2] == 3 and quality < 90 else (1, 1)
    return np.asarray(from_planes(jpeg(to_planes(x), round(quality), sampling), x), np.float32)
