"""TIFF as a stack: pages, ImageJ's and OME's axes, planes behind one directory, pyramids.

tifffile knows which pages make which series, and what their axes are. The pixels stay as they are stored:
whatever describes them in the file stays valid.
"""

import math
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pellucid.errors import InputError
from pellucid.io.array_stack import Raw
from pellucid.io.image import Encoding, Samples
from pellucid.io.stack import Derivation, Part, Plane
from pellucid.io.tiff_pages import PageReader, PageWriter, check_page, nodata_of

_MONOCHROME, _RGB, _PALETTE, _YCBCR = (0, 1), 2, 3, 6


@dataclass(frozen=True)
class Series:
    """The pages of one part.

    Parameters
    ----------
    part : Part
    pages : sequence of tifffile.TiffPage or TiffFrame
        One for each plane, or for all channels of a pixel, in the order of the planes.
    levels : tuple of such sequences
        The smaller levels of a pyramid, largest first.
    behind : int, optional
        Where all planes begin, in bytes, when one directory is for all.
    split : bool
        Whether the samples of a page are channels: C is the last of the plane's axes then.
    """

    part: Part
    pages: Sequence[Any]
    levels: tuple[Sequence[Any], ...]
    behind: int | None
    split: bool

    def locate(self, index: tuple[int, ...]) -> tuple[int, int | None]:
        """The number of the page, and which of its samples is the plane; None for all."""
        shape = self.part.plane_shape
        if self.split:
            return _ravel(index[:-1], shape[:-1]), index[-1]
        return _ravel(index, shape), None

    def raw(self, number: int) -> Raw | None:
        """Where a page is as a plain array (rows, columns, samples), or with the samples first."""
        key = self.pages[0].keyframe
        samples = key.samplesperpixel
        shape: tuple[int, ...] = (key.imagelength, key.imagewidth)
        if samples > 1:
            shape = (samples, *shape) if key.planarconfig == 2 else (*shape, samples)
        dtype = key.dtype.newbyteorder(key.parent.byteorder)
        if self.behind is not None:
            return Raw(self.behind + number * math.prod(shape) * dtype.itemsize, shape, dtype)
        page = self.pages[number]
        plain = key.is_contiguous and int(key.compression) == 1 and key.bitspersample % 8 == 0
        return Raw(page.dataoffsets[0], shape, dtype) if plain and key.fillorder == 1 else None


def _ravel(index: tuple[int, ...], shape: tuple[int, ...]) -> int:
    return int(np.ravel_multi_index(index, shape)) if shape else 0


class TiffStack:
    """A TIFF with several planes, or of samples that images have not.

    Parameters
    ----------
    path : Path
    tiff : tifffile.TiffFile
        Closed with the stack.

    Raises
    ------
    InputError
        When it contains something that would be lost or spoiled.
    MissingExtraError
        When its compression needs imagecodecs.
    """

    def __init__(self, path: Path, tiff: Any) -> None:
        self.name, self.path, self.encoding = str(path), path, Encoding(format="tiff")
        self.noise: str | None = None
        self._tiff = tiff
        found = [each for each in tiff.series if not _is_thumbnail(each)]
        names = _channel_names(tiff)
        self.series = tuple(
            _series(str(path), each, names.get(number, ()), number + 1 if len(found) > 1 else 0)
            for number, each in enumerate(found)
        )
        self.parts = tuple(each.part for each in self.series)
        self._open: tuple[Any, PageReader | Samples] | None = None

    def read(self, plane: Plane, rows: slice, columns: slice) -> Samples:
        """Decode a region of a plane."""
        series = self.series[plane.part]
        number, sample = series.locate(plane.index)
        key = (plane.part, number)
        if self._open is None or self._open[0] != key:
            self._open = None
            self._open = key, _open_page(series, number, self.path, self.name)
        found = self._open[1]
        region = found.read(rows, columns) if isinstance(found, PageReader) else found[rows, columns]
        region = region if sample is None else region[..., sample : sample + 1]
        return inverted(region, series).astype(series.part.dtype)

    def close(self) -> None:
        """Let go of the file."""
        self._open = None
        self._tiff.close()


def _open_page(series: Series, number: int, path: Path, name: str) -> PageReader | Samples:
    raw = series.raw(number)
    return PageReader(series.pages[number], name) if raw is None else map_page(raw, series, path, "r")


def map_page(raw: Raw, series: Series, path: Path, mode: Literal["r", "r+"]) -> Samples:
    """Map a plain page as (rows, columns, samples)."""
    array = raw.map(path, mode)
    key = series.pages[0].keyframe
    if array.ndim == 2:
        return array[..., None]
    return np.moveaxis(array, 0, -1) if key.planarconfig == 2 else array


def inverted(samples: Samples, series: Series) -> Samples:
    """Samples in which 0 is black; it is its own inverse."""
    key = series.pages[0].keyframe
    if int(key.photometric) != 0 or samples.dtype.kind != "u":
        return samples
    return np.asarray(samples.dtype.type((1 << key.bitspersample) - 1) - samples)


class TiffStackSink:
    """A copy of a TIFF in which planes are replaced, and the smaller levels of their pyramids made anew.

    Parameters
    ----------
    path : Path
        An empty file.
    stack : TiffStack
    derivation : Derivation
        Which the file does not say.
    """

    def __init__(self, path: Path, stack: TiffStack, derivation: Derivation) -> None:
        self._stack, self._path = stack, path
        shutil.copyfile(stack.path, path)
        self._file = path.open("r+b", buffering=0)
        self._writers: list[PageWriter] = []
        self._whole: tuple[tuple[int, int], Samples] | None = None  # a page of which single samples come

    def write(self, plane: Plane, top: int, rows: Samples) -> None:
        """Encode rows of a plane."""
        series = self._stack.series[plane.part]
        number, sample = series.locate(plane.index)
        rows = inverted(rows, series)
        raw = series.raw(number)
        if raw is not None:
            view = map_page(raw, series, self._path, "r+")[top : top + len(rows)]
            (view if sample is None else view[..., sample : sample + 1])[...] = rows
            if not series.levels:
                return
        if sample is None:
            self._rows(series, number, top, rows, base=raw is None)
            return
        key = (plane.part, number)
        if self._whole is None or self._whole[0] != key:
            self._flush()
            page = _open_page(series, number, self._stack.path, self._stack.name)
            size = slice(0, series.part.size("Y")), slice(0, series.part.size("X"))
            self._whole = key, page.read(*size).copy() if isinstance(page, PageReader) else page.copy()
        self._whole[1][top : top + len(rows), :, sample] = rows[..., 0]

    def _rows(self, series: Series, number: int, top: int, rows: Samples, *, base: bool) -> None:
        """Pass rows of a page on to its writer and those of its smaller levels."""
        if top == 0:
            pages = [series.pages[number]] if base else []
            pages += [level[number] for level in series.levels]
            self._writers = [PageWriter(PageReader(p, self._stack.name), self._file, p) for p in pages]
            size = series.part.size("Y"), series.part.size("X")
            self._smaller = [Shrink(size, _size(level[number])) for level in series.levels]
        if base:
            self._writers[0].write(rows)
        for writer, shrink in zip(self._writers[base:], self._smaller, strict=True):
            smaller = shrink(rows)
            if len(smaller):
                writer.write(smaller)

    def _flush(self) -> None:
        """Encode the page of which single samples have come."""
        if self._whole is not None:
            (part, number), rows = self._whole
            self._whole = None
            series = self._stack.series[part]
            self._rows(series, number, 0, rows, base=series.raw(number) is None)

    def commit(self) -> None:
        """Write the last page."""
        self._flush()
        self._file.close()

    def abort(self) -> None:
        """Close the file."""
        self._file.close()


class Shrink:
    """Rows of an image as those of a smaller level of its pyramid: means of squares.

    Parameters
    ----------
    size, smaller : (int, int)
        Heights and widths.
    """

    def __init__(self, size: tuple[int, int], smaller: tuple[int, int]) -> None:
        self._factor, self._size, self._left = factor_of(size, smaller), smaller, 0
        self._height, self._waiting, self._seen = size[0], list[Samples](), 0
        self._made = 0

    def __call__(self, rows: Samples) -> Samples:
        """Take the next rows (n, width, samples), and give those of the level that are complete."""
        self._waiting.append(rows.copy())
        self._seen += len(rows)
        block, factor = np.concatenate(self._waiting), self._factor
        last = self._seen == self._height
        count = math.ceil(len(block) / factor) if last else len(block) // factor
        self._waiting = [block[count * factor :]]
        count = min(count, self._size[0] - self._made)
        self._made += count
        return shrunk(block[: count * factor], factor, (count, self._size[1]))


def shrunk(block: Samples, factor: int, size: tuple[int, int]) -> Samples:
    """Means of squares of `factor` pixels a side; the last ones may be cut off."""
    height, width = size
    if not height:
        return block[:0, :width]
    block = block[: height * factor, : width * factor]
    pad = ((0, height * factor - len(block)), (0, width * factor - block.shape[1]), (0, 0))
    squares = np.pad(block.astype(np.float64), pad, "edge").reshape(height, factor, width, factor, -1)
    means = squares.mean(axis=(1, 3))
    smaller: Samples = (np.rint(means) if block.dtype.kind in "iu" else means).astype(block.dtype)
    return smaller


def factor_of(size: tuple[int, int], smaller: tuple[int, int]) -> int:
    """How many times smaller a level is; 0 where no whole number gives its size."""
    factor = round(size[0] / smaller[0])
    for k in (factor, round(size[1] / smaller[1])):
        if all(small in (full // k, -(-full // k)) for full, small in zip(size, smaller, strict=True) if k):
            return k
    return 0


# ---- which files, and what their axes are --------------------------------------------------------


def _size(page: Any) -> tuple[int, int]:
    return page.keyframe.imagelength, page.keyframe.imagewidth


def _is_thumbnail(series: Any) -> bool:
    return bool(int(getattr(series.keyframe, "subfiletype", 0)) & 1)


def _channel_names(tiff: Any) -> dict[int, tuple[str, ...]]:
    """The names of the channels of each series, from OME-XML or ImageJ's notes."""
    import tifffile

    names: dict[int, tuple[str, ...]] = {}
    with suppress(Exception):  # words about the image, not the image
        images = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"] if tiff.is_ome else []
        for number, image in enumerate(images if isinstance(images, list) else [images]):
            channels = image["Pixels"]["Channel"]
            channels = channels if isinstance(channels, list) else [channels]
            found = [str(each.get("Name", "")) for each in channels]
            names[number] = tuple(name or f"channel {k + 1}" for k, name in enumerate(found))
    return names


def _series(name: str, series: Any, channels: tuple[str, ...], number: int) -> Series:
    """The part that a series of tifffile is.

    Raises
    ------
    InputError
        When it contains something that would be lost or spoiled.
    """
    key = series.keyframe
    where = f"{name}, {series.name or f'series {number}'}" if number else name
    _refuse_strange(where, series, key)
    axes, shape, samples = list(series.get_axes(False)), list(series.get_shape(False)), key.samplesperpixel
    if samples == 1 and "S" in axes:
        del shape[axes.index("S")]
        axes.remove("S")
    colours = int(key.photometric) in (_RGB, _YCBCR) and samples in (3, 4)
    split = samples > 1 and not colours
    if "S" in axes and not colours:
        axes[axes.index("S")] = "C" if "C" not in axes else next(x for x in "KLMNOP" if x not in axes)
    count = math.prod(n for axis, n in zip(axes, shape, strict=True) if axis not in "YXS")
    count = count // samples if split else count
    pages = series.pages if len(series.pages) == count else [series[0]] * count
    behind = None
    if len(series.pages) != count:
        behind = series.dataoffset
        if behind is None or len(series.pages) != 1:
            raise InputError(f"{where} has {count} planes in {len(series.pages)} pages", "Save it anew")
    elif any(page is None for page in series.pages):
        raise InputError(
            f"{where} refers to planes in other files, or has none of some", "Give a file with all planes"
        )
    part = Part(
        axes="".join(axes),
        shape=tuple(shape),
        dtype=series.dtype.newbyteorder("="),
        name=where[len(name) + 2 :],
        channels=channels,
        nodata=nodata_of(key),
    )
    levels = tuple(level.pages for level in series.levels[1:])
    for level in levels:
        if len(level) != len(series.pages) or not factor_of(_size(key), _size(level[0])):
            raise InputError(
                f"{where} has a pyramid whose levels cannot be made anew: {_size(level[0])} of {_size(key)}",
                "Save it without the smaller levels",
            )
        check_page(name, level[0].keyframe)
    check_page(name, key)
    return Series(part, pages, levels, behind, split)


def _refuse_strange(name: str, series: Any, key: Any) -> None:
    colour, bits = int(key.photometric), key.bitspersample
    kind = {_PALETTE: "a palette", 5: "CMYK", 8: "CIELAB", 32803: "a camera's raw samples"}
    if colour not in (*_MONOCHROME, _RGB, _PALETTE, _YCBCR):
        raise InputError(
            f"{name} contains colours as {kind.get(colour, f'kind {colour}')}", "Save it as grey or RGB"
        )
    if not isinstance(bits, int) or bits < 8 or series.dtype is None:
        raise InputError(
            f"{name} has several pages with {bits} bits a sample",
            "Save each page as a file of its own, or all with 8 bits or more",
        )
    if key.imagedepth != 1 or (key.is_tiled and key.tiledepth != 1):
        raise InputError(f"{name} has tiles of several planes", "Save each plane as a page")
    if colour == _PALETTE and not (key.is_imagej or _is_monotone(key.colormap)):
        raise InputError(
            f"{name} contains colours as a palette, in which the number of a colour is no brightness",
            "Save it as grey or RGB",
        )
    if colour == _YCBCR and int(key.compression) not in (6, 7):
        raise InputError(f"{name} contains colours as YCbCr that is no JPEG", "Save it as RGB")


def _is_monotone(colours: Any) -> bool:
    """Whether a palette (3, n) grows brighter, or darker, with the number of the colour."""
    steps = np.diff(np.asarray(colours, np.float64).sum(axis=0))
    return bool((steps >= 0).all() or (steps <= 0).all())
