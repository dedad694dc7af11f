"""One formula for NumPy and torch: planes (n, channels, height, width) in either.

Functions that go by the same name in both libraries are taken from the one that made the array; the few below
hide what differs. This room never imports torch.
"""

import sys
from collections.abc import Sequence
from typing import Any, Protocol, Self, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray


class Array(Protocol):
    """The operations that NumPy's arrays and torch's tensors share, as far as the noises need them."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def ndim(self) -> int: ...
    @property
    def dtype(self) -> Any: ...
    @property
    def device(self) -> Any: ...
    def __getitem__(self, key: Any, /) -> Any: ...
    def __add__(self, other: Any, /) -> Self: ...
    def __radd__(self, other: Any, /) -> Self: ...
    def __sub__(self, other: Any, /) -> Self: ...
    def __rsub__(self, other: Any, /) -> Self: ...
    def __mul__(self, other: Any, /) -> Self: ...
    def __rmul__(self, other: Any, /) -> Self: ...
    def __truediv__(self, other: Any, /) -> Self: ...
    def __rtruediv__(self, other: Any, /) -> Self: ...
    def __floordiv__(self, other: Any, /) -> Self: ...
    def __mod__(self, other: Any, /) -> Any: ...
    def __pow__(self, other: Any, /) -> Self: ...
    def __rpow__(self, other: Any, /) -> Self: ...
    def __matmul__(self, other: Any, /) -> Any: ...
    def __lt__(self, other: Any, /) -> Any: ...
    def __gt__(self, other: Any, /) -> Any: ...
    def __ge__(self, other: Any, /) -> Any: ...
    def clip(self, low: Any, high: Any, /) -> Self: ...
    def round(self) -> Self: ...
    def reshape(self, shape: Any, /) -> Any: ...


Pixels = TypeVar("Pixels", bound=Array)
"""A NumPy array (height, width, channels) or a torch tensor (n, channels, height, width), 0 to 1."""

Value: TypeAlias = float | Array
"""A number, or an array (n, 1, 1, 1): one for each image."""


class Library(Protocol):
    """The functions of NumPy and torch that have one name and one meaning."""

    linalg: Any
    fft: Any

    def asarray(self, values: Any, *, dtype: Any = ..., device: Any) -> Any: ...
    def concatenate(self, arrays: Sequence[Pixels], axis: int, /) -> Pixels: ...
    def where(self, condition: Any, one: Pixels, other: Any, /) -> Pixels: ...
    def roll(self, array: Pixels, shift: int, axis: int, /) -> Pixels: ...
    def zeros_like(self, array: Pixels, /) -> Pixels: ...
    def ones_like(self, array: Pixels, /) -> Pixels: ...
    def exp(self, array: Pixels, /) -> Pixels: ...
    def sin(self, array: Pixels, /) -> Pixels: ...
    def arcsin(self, array: Pixels, /) -> Pixels: ...


def library(array: Array) -> Library:
    """NumPy or torch, whichever made the array; torch need not be there."""
    return cast(Library, sys.modules[type(array).__module__.partition(".")[0]])


def asarray_like(planes: Pixels, values: NDArray[Any]) -> Pixels:
    """Convert values to an array of the same library, type and device as the planes."""
    converted: Pixels = library(planes).asarray(values, dtype=planes.dtype, device=planes.device)
    return converted


def take(planes: Pixels, index: NDArray[np.int64], axis: int = -1) -> Pixels:
    """The rows (axis -2) or columns (axis -1) of these numbers."""
    index = library(planes).asarray(index, device=planes.device)
    taken: Pixels = planes[..., index] if axis == -1 else planes[..., index, :]
    return taken


def mix(planes: Pixels, matrix: Array) -> Pixels:
    """Multiply the channels by a matrix, (3, 3) or (n, 3, 3)."""
    n, _, h, w = planes.shape
    if isinstance(matrix, np.ndarray) and not isinstance(planes, np.ndarray):
        matrix = asarray_like(planes, matrix)
    mixed: Pixels = (matrix @ planes.reshape((n, -1, h * w))).reshape((n, -1, h, w))
    return mixed


def to_planes(pixels: Pixels) -> Pixels:
    """(h, w), (h, w, c) or (n, c, h, w) -> (n, c, h, w)."""
    if not isinstance(pixels, np.ndarray):
        return pixels
    planes = np.ascontiguousarray(np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), -1, 0))[None]
    return cast(Pixels, planes)


def from_planes(planes: Pixels, like: Pixels) -> Pixels:
    """Undo `to_planes`."""
    if not isinstance(like, np.ndarray):
        return planes
    pixels = np.ascontiguousarray(np.moveaxis(cast(Any, planes)[0], 0, -1), dtype=like.dtype)
    return cast(Pixels, pixels.reshape(like.shape))
