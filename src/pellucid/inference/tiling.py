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

from pellucid.errors import UsageError

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Span:
    """One tile along one side: the network sees [origin, origin + window), of which [start, stop) is kept."""

    origin: int
    start: int
    stop: int


@dataclass(frozen=True)
class Tiles:
    """The tiles of one image: windows of one shape, in rows from the top."""

    window: tuple[int, int]
    rows: tuple[Span, ...]
    columns: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)


def plan(height: int, width: int, *, stride: int, halo: int, largest: int) -> Tiles:
    """Cover an image with as few tiles as windows of at most `largest` pixels a side allow.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    stride : int
        Of the network.
    halo : int
        How far what is kept must stay away from a cut, in pixels.
    largest : int
        Pixels a side of the largest window.

    Raises
    ------
    UsageError
        When windows of that size would be all halo.
    """
    halo = -(-halo // stride) * stride
    largest = largest // stride * stride
    if largest < min(2 * halo + stride, max(height, width)):
        raise UsageError(
            f"Tiles of {largest} pixels are too small for a halo of {halo}",
            f"Allow at least {2 * halo + stride} pixels a side",
        )
    rows, tall = _spans(height, stride, halo, largest)
    columns, wide = _spans(width, stride, halo, largest)
    return Tiles((tall, wide), rows, columns)


def _spans(extent: int, stride: int, halo: int, largest: int) -> tuple[tuple[Span, ...], int]:
    """The tiles along one side, and the extent of their windows."""
    steps = -(-extent // stride)  # the side in strides, the last one perhaps padded
    margin, limit = halo // stride, largest // stride
    count = 1 if steps <= limit else math.ceil((steps - 2 * margin) / (limit - 2 * margin))
    window = math.ceil((steps - 2 * margin) / count) + 2 * margin if count > 1 else steps
    origins = [k * (steps - window) // max(1, count - 1) for k in range(count)]
    cuts = [(a + window + b) // 2 for a, b in pairwise(origins)]  # in the middle of what neighbours share
    edges = [0, *(cut * stride for cut in cuts), extent]
    spans = (Span(origin * stride, *edge) for origin, edge in zip(origins, pairwise(edges), strict=True))
    return tuple(spans), window * stride


def run_tiled(
    tiles: Tiles,
    read: Callable[[slice, slice], Array],
    run: Callable[[Array], Array],
    write: Callable[[slice, slice, Array, Array], None],
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Run a network on every tile, row after row, so that an image may be read and written in strips.

    Parameters
    ----------
    tiles : Tiles
    read : function of (rows, columns) to float32 (height, width, channels)
        Gives the pixels of a part of the image; slices that reach beyond it give what is there.
    run : function
        The network: (height, width, channels) to the same shape.
    write : function of (rows, columns, noisy, denoised)
        Takes what is kept of each tile.
    progress : function of (done, total), optional
    """
    done = 0
    for row in tiles.rows:
        for column in tiles.columns:
            noisy = read(_window(row, tiles.window[0]), _window(column, tiles.window[1]))
            denoised = run(pad_to(noisy, tiles.window))
            kept = _kept(row), _kept(column)
            write(slice(row.start, row.stop), slice(column.start, column.stop), noisy[kept], denoised[kept])
            done += 1
            if progress:
                progress(done, len(tiles))


def _window(span: Span, extent: int) -> slice:
    return slice(span.origin, span.origin + extent)


def _kept(span: Span) -> slice:
    return slice(span.start - span.origin, span.stop - span.origin)


def pad_to(pixels: Array, shape: tuple[int, int]) -> Array:
    """Reflect an image (height, width, channels) at its lower and right border up to a shape."""
    height, width = shape[0] - pixels.shape[0], shape[1] - pixels.shape[1]
    if not height and not width:
        return pixels
    return np.pad(pixels, ((0, height), (0, width), (0, 0)), mode="reflect")
