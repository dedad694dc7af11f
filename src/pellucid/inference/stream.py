"""An image through a network at flat memory: strips of tiles are read, denoised and written in order.

    read ahead      strip k + 1   │ one thread: decoding
    denoise         strip k       │ this thread: tile by tile
    write behind    strip k - 1   │ one thread: encoding

A strip is a row of tiles, as wide as the image. Of two neighbours, the rows that both need are read once.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.inference.overview import Layout
from pellucid.inference.tiling import Span, Tiles, pad_to
from pellucid.io.image import Samples, from_float
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.noise.jpeg import YCBCR

PART = 2**22  # bytes that are decoded or encoded at a time

Array = NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Work:
    """A network, ready for one image.

    Parameters
    ----------
    tiles : Tiles
    run : function of a float32 array (*tiles.window, 1 or 3) to the same
        The network, with all that is around it.
    strengths : (float, float)
        How much of the change is made in luma and in chroma: all of it from 1 on.
    keep_counts : bool
        The sum of the colours' samples of each strip stays the same.
    unbiased : bool
        Whether the mean of what is removed is 0, as it is not of Rician noise.
    page : bool
        It cleans ink on paper: a file of one bit keeps it.
    """

    tiles: Tiles
    run: Callable[[Array], Array]
    strengths: tuple[float, float] = (1.0, 1.0)
    keep_counts: bool = False
    unbiased: bool = True
    page: bool = False


def stream(source: Source, sink: Sink, layout: Layout, work: Work, progress: Progress | None = None) -> None:
    """Denoise an image from a source into a sink.

    Parameters
    ----------
    source : Source
    sink : Sink
        It gets all rows; to commit is left to the caller.
    layout : Layout
    work : Work
    progress : function of (done, total), optional
        Called after each tile.
    """
    tiles, height = work.tiles, source.height
    channels = source.channels + source.alpha + source.extra
    step = max(16, PART // (source.width * channels * source.dtype.itemsize))
    ends = [min(row.origin + tiles.window[0], height) for row in tiles.rows]

    def read(start: int, number: int) -> Samples:
        """A strip; its rows above `start` are left to the caller, who has them."""
        top, stop = tiles.rows[number].origin, ends[number]
        strip = np.empty((stop - top, source.width, channels), source.dtype)
        for row in range(start, stop, step):
            rows = slice(row, min(row + step, stop))
            strip[row - top : rows.stop - top] = source.read(rows, slice(0, source.width))
        return strip

    def write(rows: Samples) -> None:
        for row in range(0, len(rows), step):
            sink.write(rows[row : row + step])

    with ExitStack() as threads:
        reader, writer = (threads.enter_context(ThreadPoolExecutor(1)) for _ in range(2))
        ahead, behind = reader.submit(read, 0, 0), writer.submit(lambda: None)
        above = np.empty((0, source.width, channels), source.dtype)
        for number, row in enumerate(tiles.rows):
            strip = ahead.result()
            strip[: len(above)] = above
            if number + 1 < len(ends):
                ahead = reader.submit(read, ends[number], number + 1)
                above = strip[tiles.rows[number + 1].origin - row.origin :]
            out = strip[row.kept].copy()
            for count, column in enumerate(tiles.columns, start=number * len(tiles.columns) + 1):
                _denoise_tile(strip, out, (row, column), layout, work)
                if progress:
                    progress(count, len(tiles))
            if work.keep_counts:
                balance(strip[row.kept][..., : layout.colours], out[..., : layout.colours])
            behind.result()
            behind = writer.submit(write, out)
        behind.result()


def copy_all(source: Source, sink: Sink, rows: int) -> None:
    """Write an image unchanged, N rows at a time."""
    for top in range(0, source.height, rows):
        sink.write(source.read(slice(top, min(top + rows, source.height)), slice(0, source.width)))


def _denoise_tile(strip: Samples, out: Samples, spans: tuple[Span, Span], layout: Layout, work: Work) -> None:
    """Denoise one tile of a strip (h, width, channels) into what is kept of the strip."""
    row, column = spans
    samples = strip[:, column.origin : column.origin + work.tiles.window[1]]
    valid = layout.valid(samples)
    if valid is not None and not valid.any():
        return
    noisy = layout.pixels(samples, valid)
    clean = work.run(pad_to(noisy, work.tiles.window))
    kept = row.kept, column.kept
    result = from_float(blend(noisy[kept], clean[kept], *work.strengths), out.dtype)
    target = out[:, column.start : column.stop, : layout.colours]
    np.copyto(target, result, where=True if valid is None else valid[kept][..., None])


def balance(noisy: Samples, clean: Samples) -> None:
    """Give clean samples (h, w, c) the sums of the noisy ones, channel by channel, in place.

    Samples that were changed are scaled where all of them are positive, and moved otherwise.
    """
    changed = (noisy != clean) & (noisy == noisy)  # NaN stays
    for channel in range(noisy.shape[2]):
        where = changed[..., channel]
        before, after = (np.asarray(each[..., channel][where], np.float64) for each in (noisy, clean))
        if not before.size:
            continue
        if after.min() >= 0 and before.sum() > 0 and after.sum() > 0:
            after *= before.sum() / after.sum()
        else:
            after += (before.sum() - after.sum()) / after.size
        clean[..., channel][where] = (
            round_sum(after, clean.dtype) if clean.dtype.kind in "iu" else after.astype(clean.dtype)
        )


def round_sum(values: NDArray[np.float64], dtype: np.dtype[Any]) -> Samples:
    """Round to integers whose sum is that of the values, as near as their range allows.

    What plain rounding leaves is given to the samples that it moved furthest, one each.
    """
    limits = np.iinfo(dtype)
    whole = np.rint(values).clip(limits.min, limits.max)
    rest = round(values.sum() - whole.sum())
    room = whole < limits.max if rest > 0 else whole > limits.min
    count = min(abs(rest), int(room.sum()))
    if count:
        order = np.where(room, np.sign(rest) * (whole - values), np.inf).ravel()
        whole.flat[np.argpartition(order, count - 1)[:count]] += np.sign(rest)
    return whole.astype(dtype)


def blend(noisy: Array, clean: Array, luma: float, chroma: float) -> Array:
    """Remove shares, at most all, of the noise in luma and in chroma."""
    luma, chroma = min(luma, 1.0), min(chroma, 1.0)
    if luma == chroma == 1:
        return clean
    change = clean - noisy
    if luma == chroma or noisy.shape[2] == 1:
        return noisy + np.float32(luma) * change
    grey = luma_of(change)
    result: Array = noisy + np.float32(luma) * grey + np.float32(chroma) * (change - grey)
    return result


def luma_of(change: Array) -> Array:
    """The part of a change (h, w, 3) that changes luma alone: (h, w, 1), the same for all channels."""
    luma: Array = (change @ YCBCR[0])[..., None]
    return luma
