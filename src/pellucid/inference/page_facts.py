"""What is wrong with a scanned page: uneven light, the other side, JPEG blocks, skew.

Classical measures, for people who scan. By skew alone something is chosen: see `pellucid.inference.pages`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pellucid.io.image import Samples, to_float

Page = NDArray[np.float32]
Mask = NDArray[np.bool_]

CELL = 32  # pixels a side of the places where the tone of the paper is measured
MIDDLE = 1024  # pixels a side of the part on which bleed-through and blocks are measured
INK = 0.4  # darker than the paper around by this share
FAINT = 0.04  # darkness that is not the paper's grain
MOST_POINTS = 40_000  # of ink, by which skew is measured
STEEPEST, STEP = 10.0, 0.25  # degrees
CLEAR_LINES = 4.0  # lines of text raise the profile's variance over that of other angles by this factor


@dataclass(frozen=True)
class PageFacts:
    """What is wrong with a page; NaN where it cannot be measured.

    Parameters
    ----------
    paper : float
        Brightness of the lightest paper, 0 to 1.
    light : float
        Share of it that the darkest paper lacks; 0 where the light is even.
    bleed : float
        Share of the paper away from ink with faint strokes: from the other side of the sheet, but also folds
        and the edges of stains.
    bleed_darkness : float
        How dark these are, as a share of the paper; 0 without any.
    blocks : float
        Steps at the borders of 8 x 8 pixels over those inside; 1 without JPEG, above 1.1 they show.
    skew : float
        Degrees by which lines of text fall to the right; negative where they rise.
    """

    paper: float
    light: float
    bleed: float
    bleed_darkness: float
    blocks: float
    skew: float


def page_facts(samples: Samples) -> PageFacts:
    """Measure a page.

    Parameters
    ----------
    samples : array (h, w, c)
        Integers of 8 or 16 bits, or floats from 0 to 1; dark ink on lighter paper.

    Returns
    -------
    PageFacts
    """
    page = to_float(samples).mean(axis=2)
    tones = paper_tones(page)
    low, high = np.quantile(tones, [0.05, 0.95])
    ink = page < (1 - INK) * spread_out(tones, page.shape)
    top, left = (max(0, extent - MIDDLE) // 2 // 8 * 8 for extent in page.shape)  # blocks stay aligned
    middle = slice(top, top + MIDDLE), slice(left, left + MIDDLE)
    bleed, darkness = bleed_through(page[middle], ink[middle])
    return PageFacts(
        paper=float(high),
        light=float(max(0.0, 1 - low / max(high, 1e-6))),
        bleed=bleed,
        bleed_darkness=darkness,
        blocks=block_steps(page[middle], ink[middle]),
        skew=skew_of(ink),
    )


def paper_tones(page: Page) -> Page:
    """The brightness of the paper in cells (h / 32, w / 32): the upper decile, and no higher than around."""
    rows, columns = (max(1, extent // CELL) for extent in page.shape)
    cells = page[: rows * CELL, : columns * CELL]
    if min(page.shape) < CELL:
        return np.full((1, 1), np.quantile(page, 0.9), np.float32)
    cells = cells.reshape(rows, CELL, columns, CELL).swapaxes(1, 2).reshape(rows, columns, -1)
    tones = np.quantile(cells[..., ::3], 0.9, axis=2)
    around = sliding_window_view(np.pad(tones, 2, mode="edge"), (5, 5)).reshape(rows, columns, -1)
    # The lighter half of the surroundings: a photograph or a stamp is no paper.
    return np.asarray(np.maximum(tones, np.quantile(around, 0.6, axis=2)), np.float32)


def spread_out(cells: Page, shape: tuple[int, ...]) -> Page:
    """A value for each pixel from those of the cells."""
    rows, columns = (np.arange(extent) // CELL for extent in shape)
    return cells[np.minimum(rows, len(cells) - 1)][:, np.minimum(columns, cells.shape[1] - 1)]


def bleed_through(page: Page, ink: Mask) -> tuple[float, float]:
    """The share of the paper (h, w) that has soft strokes on it, and their mean darkness.

    Strokes are darker than the paper within a letter's size; ink and its edges are left out, and grain is
    averaged over 3 x 3 pixels. What is wider than a letter, such as the middle of a stain, does not count.
    """
    paper = _box_mean(ink.astype(np.float32), 3) == 0
    if paper.mean() < 0.05:
        return float("nan"), 0.0
    soft, light = _box_mean(page, 1), paper
    for _ in range(3):  # the other side may darken half of the paper
        around = _box_mean(soft, CELL // 2, of=light)
        darkness = 1 - soft / np.maximum(around, 1e-3)
        light = paper & (darkness < FAINT / 2)
    grain = float(np.quantile(abs(darkness[paper]), 0.25)) / 0.319
    faint = paper & (darkness > max(FAINT, 4 * grain))
    share = float(faint.sum() / paper.sum())
    return share, float(darkness[faint].mean()) if share else 0.0


def block_steps(page: Page, ink: Mask) -> float:
    """How much larger the steps between neighbours (h, w) are at the borders of JPEG's blocks."""
    paper = _box_mean(ink.astype(np.float32), 2) == 0
    ratios = []
    for plane, where in ((page, paper), (page.T, paper.T)):
        count = (plane.shape[1] - 1) // 8 * 8
        if count < 16:
            return float("nan")
        steps = (abs(np.diff(plane, axis=1)) * where[:, 1:])[:, :count]
        sums, counts = (
            each.sum(axis=0).reshape(-1, 8).sum(axis=0) for each in (steps, where[:, 1 : count + 1])
        )
        phases = sums / np.maximum(counts, 1)
        others = float(np.median(np.delete(phases, 7)))
        ratios.append(float(phases[7]) / others if others > 1e-5 else 1.0)
    return float(np.mean(ratios))


def skew_of(ink: Mask, steepest: float = STEEPEST, step: float = STEP) -> float:
    """The angle at which rows of ink stand out best, in degrees (Postl 1986).

    Parameters
    ----------
    ink : bool array (h, w)
    steepest, step : float
        The angles that are tried, in degrees.

    Returns
    -------
    float
        How far lines of text fall to the right; NaN without clear lines, or where they may be steeper.
    """
    rows, columns = np.nonzero(ink)
    if len(rows) < 500:
        return float("nan")
    some = np.random.default_rng(0).permutation(len(rows))[:MOST_POINTS]
    points = rows[some].astype(np.float32), columns[some].astype(np.float32)
    angles = np.arange(-steepest, steepest + step / 2, step)
    sharpness = np.array([_sharpness(points, angle) for angle in angles])
    best = angles[sharpness.argmax()]
    if sharpness.max() < CLEAR_LINES * np.median(sharpness) or abs(best) == steepest:
        return float("nan")
    fine = best + np.arange(-step, step + 0.01, step / 5)
    return round(float(fine[np.argmax([_sharpness(points, angle) for angle in fine])]), 2) + 0.0  # no -0.0


def _sharpness(points: tuple[Page, Page], degrees: float) -> float:
    """The variance of the changes between rows, when the page is turned back by an angle."""
    rows, columns = points
    turned = rows - columns * np.float32(np.tan(np.deg2rad(degrees)))
    profile = np.bincount((turned - turned.min()).astype(np.int64))
    return float(np.square(np.diff(profile.astype(np.float64))).sum())


def _box_mean(plane: Page, radius: int, *, of: Mask | None = None) -> Page:
    """The mean within so many pixels around (h, w), fewer at the border; of some pixels alone, if given."""
    weight = np.ones_like(plane) if of is None else of.astype(np.float32)
    mean = _box_sum(plane * weight, radius) / np.maximum(_box_sum(weight, radius), 1e-6)
    return np.asarray(mean, np.float32)


def _box_sum(plane: Page, radius: int) -> NDArray[np.float64]:
    sums = plane.astype(np.float64)
    for axis in (0, 1):
        total = np.cumsum(sums, axis=axis)
        total = np.concatenate([np.zeros_like(total.take([0], axis)), total], axis)
        places = np.arange(sums.shape[axis])
        stop = np.minimum(places + radius + 1, sums.shape[axis])
        sums = total.take(stop, axis) - total.take(np.maximum(places - radius, 0), axis)
    return sums
