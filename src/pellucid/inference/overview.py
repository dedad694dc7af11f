"""One pass over an image before it is decided what to do with it: its gaps, its colours, and tiles of it."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.inference.masked import Mask, fill, valid_pixels
from pellucid.inference.measuring import dark_range
from pellucid.inference.survey import BLOCK, TILES, Array, Window, over_blocks, stack_tiles, tile_windows
from pellucid.io.image import Samples, to_float
from pellucid.io.source import Source

CENTRE = 1024  # pixels a side of the middle part that is kept
STRIP = 2**22  # bytes that are read at a time
LARGEST_VALUE = 1e30

PLANES = 8
"""The noise of a stack is measured on so many planes across it."""


@dataclass(frozen=True)
class Layout:
    """How samples (h, w, channels) become what a network sees.

    Parameters
    ----------
    colours : int
        How many of the channels are colour.
    grey : bool
        Whether their values are equal wherever there is image.
    alpha : bool
        Whether the next channel is alpha that leaves out a part of the image.
    nodata : float, optional
        The value that means "no data".
    """

    colours: int
    grey: bool
    alpha: bool
    nodata: float | None

    def valid(self, samples: Samples) -> Mask | None:
        """Where there is image (h, w): pixels that are opaque and have data; None where all are."""
        valid = valid_pixels(samples[..., : self.colours], self.nodata)
        if self.alpha and not (opaque := samples[..., self.colours] > 0).all():
            valid = opaque if valid is None else valid & opaque
        return valid

    def pixels(self, samples: Samples, valid: Mask | None) -> Array:
        """The pixels (h, w, 1 or 3), with what is no image filled smoothly."""
        colour = samples[..., : 1 if self.grey else self.colours]
        planes = (colour if valid is None else fill(colour, valid)).transpose(2, 0, 1)
        # Plane by plane in memory, as networks take them, so that no larger copy is needed later.
        return to_float(np.ascontiguousarray(planes)).transpose(1, 2, 0)


@dataclass(frozen=True)
class Overview:
    """What is known of an image before it is denoised.

    Parameters
    ----------
    height, width : int
    dtype : numpy.dtype
    row_bytes : int
        Of all channels.
    layout : Layout
    brightest : float
        The largest pixel of floats, at least 1.
    tiles : float32 array (n, c, h, w)
        For the noise analysis and for trials.
    masks : bool array (n, h, w), optional
        Which of their pixels are image.
    centre : float32 array (h, w, c)
        The middle of the image, at most 1024 x 1024 pixels.
    """

    height: int
    width: int
    dtype: np.dtype[Any]
    row_bytes: int
    layout: Layout
    brightest: float
    tiles: Array
    masks: Mask | None
    centre: Array

    @property
    def channels(self) -> int:
        """How many the network sees: 1 or 3."""
        return 1 if self.layout.grey else self.layout.colours

    def sample(self, count: int) -> tuple[Array, Mask]:
        """A few tiles (n, h, w, c), and which of their pixels (n, h, w, 1) are image, not one colour."""
        high, low = (over_blocks(each, self.tiles) for each in (np.maximum, np.minimum))
        valid = (high != low).any(axis=1).repeat(BLOCK, axis=1).repeat(BLOCK, axis=2)
        valid = valid if self.masks is None else valid & self.masks
        share = valid.mean(axis=(1, 2))
        best = np.flatnonzero(share >= 0.95 * share.max())
        few = best[np.unique(np.linspace(0, len(best) - 1, count).round().astype(int))]
        return self.tiles[few].transpose(0, 2, 3, 1), valid[few][..., None]

    @functools.cached_property
    def dark(self) -> tuple[float, float] | None:
        """As of `dark_range`; None for 8 bits."""
        return None if self.dtype == np.uint8 else dark_range(self.tiles)

    @property
    def ends(self) -> NDArray[np.float32]:
        """The smallest and the largest measured pixels (2, c)."""
        return np.stack([self.tiles.min(axis=(0, 2, 3)), self.tiles.max(axis=(0, 2, 3))])


def look_over(
    source: Source, nodata: float | None = None, *, use_alpha: bool = True, may_be_grey: bool = True
) -> Overview:
    """Read an image once from top to bottom.

    Parameters
    ----------
    source : Source
    nodata : float, optional
        In place of what the source says.
    use_alpha : bool
        Whether transparent pixels are no image.
    may_be_grey : bool
        Whether colours that are equal are taken as grey.

    Raises
    ------
    InputError
        For infinite values, or where no pixel has data.
    """
    height, width = source.height, source.width
    nodata = source.nodata if nodata is None else nodata
    layout = Layout(source.channels, True, source.alpha and use_alpha, nodata)
    row_bytes = width * (source.channels + source.alpha + source.extra) * source.dtype.itemsize
    tiles = tile_windows(height, width)
    rows, columns = (slice(max(0, (each - CENTRE) // 2), (each + CENTRE) // 2) for each in (height, width))
    windows = [*tiles, (rows, columns)]
    parts: list[list[Samples]] = [[] for _ in windows]
    largest, has_image, grey = 0.0, False, may_be_grey or source.channels == 1
    step = max(16, STRIP // row_bytes)
    for top in range(0, height, step):
        strip = source.read(slice(top, min(top + step, height)), slice(0, width))
        for part, window in zip(parts, windows, strict=True):
            part.extend(_overlap(strip, top, window))
        valid, colour = layout.valid(strip), strip[..., : source.channels]
        has_image = has_image or valid is None or bool(valid.any())
        grey = grey and is_grey(colour, valid)
        if source.dtype.kind == "f":
            values = colour if valid is None else colour[valid]
            largest = max(largest, -float(values.min(initial=0)), float(values.max(initial=0)))
    if layout.alpha and not has_image:  # all is transparent
        return look_over(source, nodata, use_alpha=False, may_be_grey=may_be_grey)
    _check(has_image, largest)
    layout = replace(layout, grey=grey)
    samples = [np.concatenate(part) for part in parts]
    valids = [layout.valid(each) for each in samples]
    pixels = [layout.pixels(*each) for each in zip(samples, valids, strict=True)]
    masks = None
    if any(mask is not None for mask in valids[: len(tiles)]):
        whole = np.ones(samples[0].shape[:2], bool)
        masks = [whole if mask is None else mask for mask in valids[: len(tiles)]]
    stacked, mask = stack_tiles(pixels[: len(tiles)], masks)
    return Overview(
        height=height,
        width=width,
        dtype=source.dtype,
        row_bytes=row_bytes,
        layout=layout,
        brightest=max(1.0, largest),
        tiles=stacked,
        masks=mask,
        centre=pixels[-1],
    )


def look_over_some(sources: Sequence[Source], nodata: float | None = None) -> Overview:
    """Read a few of several images across them, and describe all of them as one.

    Parameters
    ----------
    sources : sequence of Source
        All of one size and type, with the same noise.
    nodata : float, optional
        In place of what the sources say.

    Raises
    ------
    InputError
        For infinite values, or where no pixel of those that are read has data.
    """
    many = len(sources) > PLANES
    chosen = [sources[(2 * k + 1) * len(sources) // (2 * PLANES)] for k in range(PLANES)] if many else sources
    found, empty = list[Overview](), None
    for source in chosen:
        try:
            found.append(look_over(source, nodata, may_be_grey=len(sources) == 1))
        except InputError as exc:
            empty = exc  # images without data are left unchanged
    if empty is not None and not found:
        raise empty
    if len(sources) == 1:
        return found[0]
    best = max(found, key=lambda each: float(each.centre.std()))
    masks = None
    if any(each.masks is not None for each in found):
        size = found[0].tiles.shape[2:]
        whole = [np.ones((len(each.tiles), *size), np.bool_) for each in found]
        masks = _few(
            [one if each.masks is None else each.masks for one, each in zip(whole, found, strict=True)]
        )
    return replace(
        best,
        brightest=max(each.brightest for each in found),
        tiles=_few([each.tiles for each in found]),
        masks=masks,
    )


def _few(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Join arrays, of each as many rows, evenly, that they are not many more than those of one image."""
    share = max(1, TILES // len(parts))
    rows = [np.linspace(0, len(each) - 1, min(share, len(each))).round().astype(int) for each in parts]
    return np.concatenate([each[some] for each, some in zip(parts, rows, strict=True)])


def _overlap(strip: Samples, top: int, window: Window) -> list[Samples]:
    """A copy of the rows of a window that are in a strip from `top` on."""
    rows, columns = window
    part = strip[max(0, rows.start - top) : max(0, rows.stop - top), columns]
    return [part.copy()] if part.size else []


def _check(has_image: bool, largest: float) -> None:
    if not has_image:
        raise InputError("No pixel has data: all are NaN, masked, or the no-data value", "Give an image")
    if not largest < LARGEST_VALUE:
        raise InputError(
            "The image has infinity or values beyond 1e30",
            "Replace them first, for instance with numpy.nan_to_num",
        )


def is_grey(colour: Samples, valid: Mask | None = None) -> bool:
    """Whether all channels (h, w, c) are equal wherever there is image; the first rows are compared first."""
    for part in (slice(0, 8), slice(None)):
        first, rows = colour[part, ..., :1], colour[part]
        if not np.array_equal(first.repeat(rows.shape[2] - 1, axis=2), rows[..., 1:]):
            differs = (rows != first).any(axis=2)
            if valid is None or (differs & valid[part]).any():
                return False
    return True
