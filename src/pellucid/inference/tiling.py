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


def plan(height: int, width: int, *, stride: int, halo: int, largest: tuple[int, int]) -> Tiles:
    """Cover an image with as few tiles as windows of at most `largest` pixels allow.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    stride : int
        Of the network.
    halo : int
        How far what is kept must stay away from a cut, in pixels.
    largest : (int, int)
        Height and width of the largest window, in pixels.

    Raises
    ------
    UsageError
        When windows of that size would be all halo.
    """
    halo = -(-halo // stride) * stride
    tall, wide = (side // stride * stride for side in largest)
    if tall < min(2 * halo + stride, height) or wide < min(2 * halo + stride, width):
        raise UsageError(
            f"Tiles of {wide} x {tall} pixels are too small for a halo of {halo}",
            f"Allow at least {2 * halo + stride} pixels a side",
        )
    rows, tall = _spans(height, stride, halo, tall)
    columns, wide = _spans(width, stride, halo, wide)
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


def pad_to(pixels: Array, shape: tuple[int, int]) -> Array:
    """Reflect an image (height, width, channels) at its lower and right border up to a shape."""
    height, width = shape[0] - pixels.shape[0], shape[1] - pixels.shape[1]
    if not height and not width:
        return pixels
    return np.pad(pixels, ((0, height), (0, width), (0, 0)), mode="reflect")
