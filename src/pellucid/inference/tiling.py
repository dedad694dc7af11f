"""Cutting an image into tiles that leave no seams.

    window     ├────────────────────┤
    next window              ├────────────────────┤
    kept       ├─────────────────┼────────────────┤
                              └──┴─ halo on either side

All windows of an image have one shape, so that the buffers of one serve the next. Neighbours share at least
twice the halo, and what is kept of each lies at least a halo away from every edge that is not the image's
own. Origins are multiples of the network's stride: there a network computes the same as on the whole image.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Span:
    """One tile along one side: the network sees [origin, origin + window), of which [start, stop) is kept."""

    origin: int
    start: int
    stop: int

    @property
    def kept(self) -> slice:
        """What is kept, counted from the origin."""
        return slice(self.start - self.origin, self.stop - self.origin)


@dataclass(frozen=True)
class Tiles:
    """The tiles of one image: windows of one shape, in rows from the top."""

    window: tuple[int, int]
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)


def plan(
    height: int, width: int, *, stride: int, halo: int, fits: Callable[[int, int], bool]
) -> Tiles | None:
    """Cover an image with tiles, so that a network runs on as few pixels as possible.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    stride : int
        Of the network.
    halo : int
        How far away kept pixels must be from a cut, in pixels.
    fits : function of height and width
        Whether windows of this size are possible; if so, smaller ones are, too.

    Returns
    -------
    Tiles or None
        None where not even the smallest windows fit.
    """
    margin = -(-halo // stride)
    high, long = (-(-extent // stride) for extent in (height, width))  # in strides
    best, cheapest, across = None, math.inf, _most(long, margin)
    for down in range(_most(high, margin), 0, -1):  # the fewer rows of tiles, the more columns
        tall = _window(high, margin, down)
        while across > 1 and fits(tall * stride, _window(long, margin, across - 1) * stride):
            across -= 1
        while across < _most(long, margin) and not fits(
            tall * stride, _window(long, margin, across) * stride
        ):
            across += 1
        for count in _counts(long, margin, across):
            wide = _window(long, margin, count)
            area = down * count * tall * wide
            if fits(tall * stride, wide * stride) and (
                area < cheapest or (count == across and area == cheapest)
            ):
                best, cheapest = (down, count, tall, wide), area
    if best is None:
        return None
    down, across, tall, wide = best
    rows, columns = _spans(height, stride, margin, down), _spans(width, stride, margin, across)
    return Tiles((tall * stride, wide * stride), rows, columns)


def _window(steps: int, margin: int, count: int) -> int:
    """The extent of each of so many windows over so many steps; all in strides."""
    return math.ceil((steps - 2 * margin) / count) + 2 * margin if count > 1 else steps


def _counts(steps: int, margin: int, fewest: int) -> range:
    """The numbers of windows that may be cheapest, all in strides.

    Each window more adds two margins; rounding up adds less than one stride to each of the fewest.
    """
    more = (fewest - 1) // (2 * margin) if margin else (fewest - 1) * steps
    return range(fewest, min(fewest + more, _most(steps, margin)) + 1)


def _most(steps: int, margin: int) -> int:
    """So many windows keep one step each."""
    return max(1, steps - 2 * margin)


def _spans(extent: int, stride: int, margin: int, count: int) -> tuple[Span, ...]:
    """The tiles along one side."""
    steps = -(-extent // stride)  # the side in strides, the last one perhaps padded
    window = _window(steps, margin, count)
    origins = [k * (steps - window) // max(1, count - 1) for k in range(count)]
    cuts = [(a + window + b) // 2 for a, b in pairwise(origins)]  # in the middle of what neighbours share
    edges = [0, *(cut * stride for cut in cuts), extent]
    pairs = zip(origins, pairwise(edges), strict=True)
    return tuple(Span(origin * stride, *edge) for origin, edge in pairs)


def pad_to(pixels: Array, shape: tuple[int, int]) -> Array:
    """Reflect an image (height, width, channels) at its lower and right border up to a shape."""
    height, width = shape[0] - pixels.shape[0], shape[1] - pixels.shape[1]
    if not height and not width:
        return pixels
    return np.pad(pixels, ((0, height), (0, width), (0, 0)), mode="reflect")
