"""Blocks of a Zarr array: whole chunks, or shards, that are read and written at once."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.io.image import Samples
from pellucid.io.stack import Part, Plane

LARGEST = 2**27
"""Bytes of a block of whole planes; chunks that span more of them are decoded for each plane."""


@dataclass(frozen=True)
class Block:
    """A part of an array: planes that follow each other along the last axis that counts planes, and rows."""

    index: tuple[int, ...]  # along the other axes that count planes
    planes: tuple[int, int]  # from, to; (0, 1) where no axis counts planes
    rows: tuple[int, int]


class Blocks:
    """The blocks of an array.

    Where chunks are one plane deep, a block is a band of one plane as high as a chunk. Else it is the planes
    that a chunk spans, as long as that is not too large.

    Parameters
    ----------
    array : zarr.Array
    part : Part
        Its axes.
    """

    def __init__(self, array: Any, part: Part) -> None:
        self._array, self._part = array, part
        chunks = dict(zip(part.axes, array.shards or array.chunks, strict=True))
        height, width = part.size("Y"), part.size("X")
        self._last = part.plane_axes[-1:]
        deep = min(chunks.get(self._last, 1), part.size(self._last)) if self._last else 1
        plane = height * width * part.size("S") * part.dtype.itemsize
        self._deep = deep if deep > 1 and deep * plane <= LARGEST else 1
        self._high = height if self._deep > 1 else min(chunks["Y"], height)

    def of(self, plane: Plane, rows: slice) -> Iterator[tuple[Block, slice]]:
        """The blocks that rows of a plane are in, each with the rows within it."""
        index, at = (plane.index[:-1], plane.index[-1]) if plane.index else ((), 0)
        first = at // self._deep * self._deep
        planes = first, min(first + self._deep, self._part.size(self._last) if self._last else 1)
        for number in range(rows.start // self._high, -(-rows.stop // self._high)):
            top = number * self._high
            bottom = min(top + self._high, self._part.size("Y"))
            within = slice(max(rows.start, top) - top, min(rows.stop, bottom) - top)
            yield Block(index, planes, (top, bottom)), within

    def inside(self, plane: Plane, block: Block) -> int:
        """The number of a plane in a block."""
        return (plane.index[-1] if plane.index else 0) - block.planes[0]

    def read(self, block: Block) -> Samples:
        """Decode a block: (planes, rows, columns, samples), in the machine's byte order."""
        samples = np.asarray(self._array[self._selection(block)])
        order = [self._kept.index(axis) for axis in (self._last, *"YXS") if axis and axis in self._kept]
        samples = samples.transpose(order)
        samples = samples if self._last else samples[None]
        samples = samples if "S" in self._kept else samples[..., None]
        return samples.astype(self._part.dtype)

    def write(self, block: Block, samples: Samples) -> None:
        """Encode a block."""
        samples = samples if "S" in self._kept else samples[..., 0]
        samples = samples if self._last else samples[0]
        order = [axis for axis in (self._last, *"YXS") if axis and axis in self._kept]
        self._array[self._selection(block)] = samples.transpose([order.index(axis) for axis in self._kept])

    @property
    def _kept(self) -> str:
        """The axes of a block in the order of the array."""
        return "".join(axis for axis in self._part.axes if axis in (self._last, *"YXS") and axis)

    def _selection(self, block: Block) -> tuple[int | slice, ...]:
        at: dict[str, int | slice] = dict(zip(self._part.plane_axes[:-1], block.index, strict=True))
        at |= {"Y": slice(*block.rows)} | ({self._last: slice(*block.planes)} if self._last else {})
        return tuple(at.get(axis, slice(None)) for axis in self._part.axes)


def shrink_level(large: Any, small: Any, large_before: Any, small_before: Any) -> None:
    """Make a smaller level of a pyramid again, chunk by chunk, in the way in which it was made before.

    Parameters
    ----------
    large, small : zarr.Array
        The level to read, and the one to write.
    large_before, small_before : zarr.Array
        The same levels before: where those are every second sample, say, means would be another thing.
    """
    factors = [max(1, round(wide / narrow)) for wide, narrow in zip(large.shape, small.shape, strict=True)]
    regions = list(_regions(small.shape, small.shards or small.chunks))
    middle = regions[len(regions) // 2]
    taken = _every(large_before, middle, factors)
    nearest = np.array_equal(taken, small_before[middle]) and not np.array_equal(
        taken, _means(large_before, middle, factors, small.dtype)
    )
    for region in regions:
        if nearest:
            small[region] = _every(large, region, factors)
        else:
            small[region] = _means(large, region, factors, small.dtype)


def _regions(shape: tuple[int, ...], chunks: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    counts = [math.ceil(length / chunk) for length, chunk in zip(shape, chunks, strict=True)]
    for index in np.ndindex(*counts):
        starts = [at * chunk for at, chunk in zip(index, chunks, strict=True)]
        yield tuple(
            slice(start, min(start + chunk, length))
            for start, chunk, length in zip(starts, chunks, shape, strict=True)
        )


def _every(large: Any, region: tuple[slice, ...], factors: list[int]) -> Samples:
    """Every second sample, or every third, from the first on; the last again where there are none left."""
    taken: Samples = np.asarray(large[_enlarged(region, factors, large.shape)])
    taken = taken[tuple(slice(None, None, factor) for factor in factors)]
    return _fitted(taken, region)


def _means(large: Any, region: tuple[slice, ...], factors: list[int], dtype: Any) -> Samples:
    """Means of blocks, as sides of 2 and 2."""
    values = np.asarray(large[_enlarged(region, factors, large.shape)])
    missing = [-length % factor for length, factor in zip(values.shape, factors, strict=True)]
    values = np.pad(values, [(0, each) for each in missing], mode="edge").astype(np.float64)
    split = [
        size
        for length, factor in zip(values.shape, factors, strict=True)
        for size in (length // factor, factor)
    ]
    means: Samples = values.reshape(split).mean(axis=tuple(range(1, 2 * len(factors), 2)))
    if np.dtype(dtype).kind in "iu":
        means = np.rint(means)
    return _fitted(means.astype(dtype), region)


def _enlarged(region: tuple[slice, ...], factors: list[int], shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(
        slice(min(each.start * factor, length - 1), min(each.stop * factor, length))
        for each, factor, length in zip(region, factors, shape, strict=True)
    )


def _fitted(values: Samples, region: tuple[slice, ...]) -> Samples:
    """Exactly the size of a region: the last samples are repeated, or left out."""
    sizes = [each.stop - each.start for each in region]
    values = values[tuple(slice(0, size) for size in sizes)]
    more = [(0, size - length) for size, length in zip(sizes, values.shape, strict=True)]
    return np.pad(values, more, mode="edge")
