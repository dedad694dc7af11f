"""What an image shows, by its tiles: a document, graphics, or a photograph (and all else with shades).

A document is ink on paper: nearly every tile is mostly paper of one colour, however uneven its light, some
are crossed by dark strokes, and next to nearly every stroke there is paper. Whether it was scanned or drawn
is a second question: the paper of a drawn one has exactly one tone.
"""

import numpy as np
from numpy.typing import NDArray

from pellucid.inference.survey import BLOCK, Array, near, over_blocks

DOCUMENT, GRAPHICS, PHOTOGRAPH = "document", "graphics", "photograph"

PAPER, STROKE, TINT = 0.12, 0.4, 0.15
"""Shares by which blocks of paper differ from most of their tile, by which ink is darker, and by which the
colour of the paper may change from tile to tile."""

MOSTLY, PAGE_TILES = 0.4, 0.75
"""Tiles are paper from this share of their blocks on, and so many tiles of a document are."""

INK, BESIDE = (0.005, 0.55), 0.7
"""Shares of the blocks that strokes cross, and of these that have paper beside them."""

DARK_TILE, DARK_TILES = 0.4, 0.12
"""Tiles this much darker than the lightest ones are no paper, and no more of them may be."""

STRIP, PITCH, LITTLE = 128, 120, 0.003
"""Lines of text are looked for in strips so many pixels wide, at most so many pixels apart, and where no less
than this share of the strip is dark."""

PARTS, LARGEST, SOFT, THICK, RADIUS = 40, 0.35, 1.7, 0.02, 6
"""Writing, music and drawings are at least so many parts, of which the largest has no more of the ink than
the second; their soft edges have at most the third of the ink's area; and no more than the fourth lies so
many pixels from paper."""

DRAWN = 0.35
"""Share of the blocks without strokes that have exactly one colour, from which on an image was drawn."""


def content_of(tiles: Array) -> str:
    """Recognise what an image shows.

    Parameters
    ----------
    tiles : float32 array (n, c, rows, columns), 0 to 1
        As `pellucid.inference.survey.stack_tiles` gives them.

    Returns
    -------
    str
        ``document``, ``graphics`` or ``photograph``.
    """
    if _is_document(tiles):
        return DOCUMENT
    return GRAPHICS if is_drawn(tiles) else PHOTOGRAPH


def is_drawn(tiles: Array, share: float = DRAWN) -> bool:
    """Whether a share of an image has exactly one colour, as nothing that a sensor saw has.

    Black areas, such as letterboxes, do not count. Images of two values alone were made by a threshold, and
    are not drawn for that.
    """
    high, low = (over_blocks(combine, tiles) for combine in (np.maximum, np.minimum))
    plain = (high.max(axis=1) > 0.02) & ((high - low).max(axis=1) < STROKE)
    flat = (high == low).all(axis=1)
    return bool((plain & flat).sum() > share * plain.sum()) and not is_two_valued(tiles)


def _is_document(tiles: Array) -> bool:
    luma = tiles.mean(axis=1, keepdims=True)
    mean = over_blocks(np.add, luma)[:, 0] / BLOCK**2
    tone = np.quantile(mean, 0.8, axis=(1, 2), keepdims=True)  # of the paper in each tile
    paper = abs(mean / np.maximum(tone, 1 / 64) - 1) < PAPER
    ink = over_blocks(np.minimum, luma)[:, 0] < (1 - STROKE) * tone
    beside = ink & near(paper, 2)
    return bool(
        (paper.mean(axis=(1, 2)) > MOSTLY).mean() >= PAGE_TILES
        and paper.mean() > 0.5
        and INK[0] < ink.mean() < INK[1]
        and beside.sum() >= BESIDE * ink.sum()
        and (tone < DARK_TILE * np.quantile(tone, 0.9)).mean() <= DARK_TILES
        and (_tints(tiles, paper) > TINT).mean() <= TINT
    )


def _tints(tiles: Array, paper: NDArray[np.bool_]) -> NDArray[np.floating]:
    """By how much the colour of the paper in each tile (n,) differs from that in most; 0 for grey."""
    colours = over_blocks(np.add, tiles) / BLOCK**2
    count = np.maximum(paper.sum(axis=(1, 2)), 1)[:, None]
    tint = (colours * paper[:, None]).sum(axis=(2, 3)) / count  # (n, c)
    tint = tint / np.maximum(tint.mean(axis=1, keepdims=True), 1 / 255)
    differences: NDArray[np.floating] = abs(tint - np.median(tint, axis=0)).max(axis=1)
    return differences


def is_two_valued(tiles: Array) -> bool:
    """Whether each channel has two values alone, as pages have that were made by a threshold."""
    low, high = (combine(tiles, axis=(0, 2, 3), keepdims=True) for combine in (np.min, np.max))
    return bool(((tiles == low) | (tiles == high)).all())


def line_regularity(dark: NDArray[np.bool_]) -> float:
    """How regularly dark strokes (h, w) repeat down or across an image, as lines of text do: 0 to 1.

    The median over strips of the autocorrelation of their profiles at the first period.
    """
    return max(_regularity(dark), _regularity(dark.T))


def _regularity(dark: NDArray[np.bool_]) -> float:
    found = []
    for left in range(0, max(1, dark.shape[1] - STRIP + 1), STRIP // 2):
        strip = dark[:, left : left + STRIP]
        profile = strip.mean(axis=1)
        profile -= profile.mean()
        power = float((profile**2).sum())
        if strip.mean() < LITTLE or not power:
            continue
        lags = np.arange(min(PITCH, len(profile) // 2))
        alike = np.correlate(profile, profile, "full")[len(profile) - 1 :][lags] / power
        alike /= 1 - lags / len(profile)
        apart = np.flatnonzero(alike < 0.05)  # from here on it is another line
        found.append(float(alike[apart[0] :].max()) if len(apart) else 0.0)
    return float(np.median(found)) if found else 0.0


def is_strokes(reflectance: NDArray[np.floating]) -> bool:
    """Whether what is dark (h, w), on paper that is 1, are many thin strokes, as of ink.

    Twigs before a light sky hang together, shadows are thick, and both have soft edges.
    """
    ink = reflectance < 0.5
    area = max(int(ink.sum()), 1)
    soft = int(((reflectance > 0.1) & (reflectance < 0.9)).sum())
    inside = ~near(~ink[None], RADIUS)
    if soft > SOFT * area or inside.sum() > THICK * area:
        return False
    sizes = part_sizes(ink)
    return bool(len(sizes) >= PARTS and sizes.max() <= LARGEST * area)


def part_sizes(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The areas of the parts of a mask (h, w) that hang together, also across corners."""
    places, none = np.arange(mask.size).reshape(mask.shape), mask.size
    labels = np.where(mask, places, none)
    while True:
        wide = np.pad(labels, 1, constant_values=none)
        rows = np.minimum.reduce([wide[:-2], wide[1:-1], wide[2:]])
        least = np.where(mask, np.minimum.reduce([rows[:, :-2], rows[:, 1:-1], rows[:, 2:]]), none)
        if np.array_equal(least, labels):
            return np.unique(labels[mask], return_counts=True)[1]
        # What a pixel has learned, all that have its label learn, too.
        roots = np.arange(mask.size + 1)
        np.minimum.at(roots, labels.ravel(), np.append(least.ravel(), none)[least].ravel())
        labels = np.where(mask, roots[roots[least]], none)
