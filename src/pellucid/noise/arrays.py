"""What lets one formula run in NumPy and in torch: planes (n, channels, height, width) in either.

Functions that go by the same name in both libraries are taken from the one that made the array; the few below
hide what differs. This room never imports torch.
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.noise.base import Pixels


def library(array: Pixels) -> Any:
    """NumPy or torch, whichever made the array; torch need not be there."""
    return sys.modules[type(array).__module__.partition(".")[0]]


def beside(planes: Pixels, values: NDArray[Any]) -> Pixels:
    """The values in the planes' library, type and place."""
    return library(planes).asarray(values, dtype=planes.dtype, device=planes.device)


def take(planes: Pixels, index: NDArray[np.int64], axis: int = -1) -> Pixels:
    """The rows (axis -2) or columns (axis -1) of these numbers."""
    index = library(planes).asarray(index, device=planes.device)
    return planes[..., index] if axis == -1 else planes[..., index, :]


def mix(planes: Pixels, matrix: Pixels) -> Pixels:
    """Multiply the channels by a matrix, (3, 3) or (n, 3, 3)."""
    n, _, h, w = planes.shape
    if not isinstance(matrix, type(planes)):
        matrix = beside(planes, matrix)
    return (matrix @ planes.reshape(n, -1, h * w)).reshape(n, -1, h, w)


def to_planes(pixels: Pixels) -> Pixels:
    """(h, w), (h, w, c) or (n, c, h, w) -> (n, c, h, w)."""
    if not isinstance(pixels, np.ndarray):
        return pixels
    return np.ascontiguousarray(np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), -1, 0))[None]


def from_planes(planes: Pixels, like: Pixels) -> Pixels:
    """Undo `to_planes`."""
    if not isinstance(like, np.ndarray):
        return planes
    return np.ascontiguousarray(np.moveaxis(planes[0], 0, -1), dtype=like.dtype).reshape(like.shape)
