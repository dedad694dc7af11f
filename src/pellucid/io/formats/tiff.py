"""TIFF (revision 6.0, Adobe 1992; BigTIFF): which files can be read without loss, and how they are stored.

tifffile reads the structure, libvips the pixels. Tags that describe the image travel as EXIF.
"""

import logging
import math
import re
import struct
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pellucid.errors import InputError, PellucidError, UsageError, require
from pellucid.io.exif import IPTC, exif_of_tiff
from pellucid.io.format import Data, Format, name_of, stream_of
from pellucid.io.image import Encoding, Metadata, Samples, known_resolution
from pellucid.io.orientation import is_turned, upright_pixels
from pellucid.io.photoshop import PhotoshopResources
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.tiff_pages import nodata_of
from pellucid.io.tiff_segments import CODECS, TileReader
from pellucid.io.tiff_sink import ICC, RESOURCES, XMP, TiffSink
from pellucid.io.tiff_stack import TiffStack, TiffStackSink, factor_of
from pellucid.io.upright import upright_metadata
from pellucid.io.vips import usable_profile
from pellucid.io.vips_sink import FewBitsSink
from pellucid.io.vips_source import VipsSource
from pellucid.io.whole import WholeSource

log = logging.getLogger("pellucid")
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what matters in its messages is found here

_SHAPE = re.compile(r'\{"shape": \[[\d, ]+\]\}')  # tifffile adds such a description to others
_LAYERS, _SUBIFDS, _DNG = 37724, 330, 50706

# How many samples a pixel has, without further channels, by the photometric interpretation.
_CHANNELS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}
_COLOURS = {4: "a mask", 8: "CIELAB", 9: "ICCLAB", 10: "ITULAB", 32844: "LogL", 32845: "LogLuv"}
_RAW = (32803, 34892)
_FORMATS = {1: "uint", 2: "int", 3: "float", 5: "complex int", 6: "complex"}
_DEPTHS = {"uint": (1, 2, 4, 8, 16), "float": (16, 32)}
_JPEG = (6, 7)
# Lossy compressions are left out: a second pass would add its own errors.
_COMPRESSIONS = {
    1: "none",
    2: "ccittfax4",
    3: "ccittfax4",
    4: "ccittfax4",
    5: "lzw",
    8: "deflate",
    32773: "packbits",
    32946: "deflate",
    34925: "lzma",
    50000: "zstd",
}
_GEOREFERENCE = (33550, 33922, 34264)  # GeoTIFF 1.1: from columns and rows to a map
_LOSSY = (*_JPEG, 33003, 33005, 34712, 50001)
_READ_BY_VIPS = (1, 2, 3, 4, 5, *_JPEG, 8, 32773, 32946, 50001)
_READ_BY_TIFFFILE = (1, 8, 32773, 32946, CODECS["lzma"].tag)  # without imagecodecs


def _open(data: Data) -> Source:
    name = name_of(data)
    import tifffile

    try:
        with stream_of(data) as file, tifffile.TiffFile(file, name=name, _multifile=False) as tiff:
            return _source(data, name, tiff, file)
    except (PellucidError, MemoryError):
        raise
    except Exception as exc:  # what is broken in a file may fail anywhere in its parser
        raise InputError(
            f"{name} is a broken TIFF file: {' '.join(str(exc).split())}", "Use an intact copy"
        ) from exc


def _source(data: Data, name: str, tiff: Any, file: BinaryIO) -> Source:
    page = _only_page(name, tiff)
    _refuse_strange(name, page)
    _warn_of_rest(name, page)
    extra = tuple(int(code) for code in page.extrasamples)
    colours = _CHANNELS[int(page.photometric)]
    meanings = (*extra, *(0,) * (page.samplesperpixel - colours - len(extra)))
    has_alpha = meanings[:1] in ((1,), (2,))
    compression = int(page.compression)
    tags = page.tags
    resources = _bytes(tags, RESOURCES, file)
    metadata = Metadata(
        icc=_bytes(tags, ICC, file),
        exif=exif_of_tiff(file) or b"",
        xmp=_bytes(tags, XMP, file),
        iptc=_bytes(tags, IPTC, file),
        resolution=_resolution(tags),
        nodata=nodata_of(page),
        extra_samples=meanings[1:] if has_alpha else meanings,
        extra=(PhotoshopResources(resources, "Photoshop's image resources"),) if resources else (),
    )
    encoding = Encoding(
        format="tiff",
        lossy=compression in _LOSSY,
        compression=_COMPRESSIONS.get(compression, "deflate"),
        tile=(page.tilelength, page.tilewidth) if page.is_tiled else None,
    )
    if compression not in _READ_BY_VIPS:
        return _by_tifffile(data, page, f"compressed as {_name(page.compression)}", metadata, encoding)
    if page.planarconfig == 2 and colours == 1 and page.samplesperpixel > 1:  # libvips 8.18 mixes the planes
        return _by_tifffile(data, page, "stored one plane after the other", metadata, encoding)
    extra_channels = len(metadata.extra_samples)
    if not page.is_tiled:
        return VipsSource(data, "tiffload", metadata, encoding, extra=extra_channels)
    return _TiledSource(data, metadata, encoding, extra_channels, TileReader(data, page, name))


class _TiledSource(VipsSource):
    """Tiles, of which libvips would leave those black that it cannot read, without an error."""

    def __init__(
        self, data: Data, metadata: Metadata, encoding: Encoding, extra: int, tiles: TileReader
    ) -> None:
        super().__init__(data, "tiffload", metadata, encoding, extra=extra)
        self._tiles = tiles
        self._whole: Samples | None = None

    def read(self, rows: slice, columns: slice) -> Samples:
        """Decode the tiles of a region; all tiles, once, where the image must be turned."""
        if self._turn == 1:
            return self._tiles.read(rows, columns)
        if self._whole is None:
            height, width = (self.width, self.height)[:: 1 if is_turned(self._turn) else -1]
            self._whole = upright_pixels(self._tiles.read(slice(0, height), slice(0, width)), self._turn)
        return self._whole[rows, columns]


def _by_tifffile(data: Data, page: Any, how: str, metadata: Metadata, encoding: Encoding) -> Source:
    """Open a TIFF that libvips cannot read."""
    import tifffile

    name = name_of(data)
    if int(page.photometric) not in (0, 1, 2) or page.bitspersample < 8 or page.extrasamples[:1] == (1,):
        raise InputError(
            f"{name} is {how}, and not plain grey or RGB of 8 bits or more",
            "Save it as a TIFF with Deflate compression, the channels of each pixel together",
        )
    if int(page.compression) not in _READ_BY_TIFFFILE:
        require("imagecodecs", "codecs", f"to read a TIFF compressed as {_name(page.compression)}")
    turn = int(page.tags[274].value) if 274 in page.tags else 1
    stored = (page.imagelength, page.imagewidth)
    size = stored[::-1] if is_turned(turn) else stored
    extra, bands = len(metadata.extra_samples), page.samplesperpixel
    alpha = bands - extra in (2, 4)
    separate, inverted = page.planarconfig == 2 and bands > 1, int(page.photometric) == 0

    def decode() -> Samples:
        with stream_of(data) as file, tifffile.TiffFile(file, _multifile=False) as tiff:
            array: Any = tiff.pages[0].asarray()
        array = np.moveaxis(array, 0, -1) if separate else array.reshape(*stored, bands)
        if inverted:
            array[..., 0] = np.iinfo(array.dtype).max - array[..., 0]
        return upright_pixels(array, turn)

    icc = usable_profile(name, metadata.icc, bands - alpha - extra)
    upright = upright_metadata(metadata, turn, (size[1], size[0]))
    return WholeSource(
        name,
        (*size, bands),
        np.float32 if page.dtype.kind == "f" else page.dtype.newbyteorder("="),
        decode,
        metadata=replace(upright, icc=icc),
        encoding=encoding,
        alpha=alpha,
        extra=extra,
    )


def _name(compression: Any) -> str:
    return str(getattr(compression, "name", compression))


def _open_stack(path: Path, axes: str | None) -> TiffStack | None:
    """Open what is more than one plain image, so that all its planes are read and kept."""
    import tifffile

    name = str(path)
    try:
        tiff = tifffile.TiffFile(path, _multifile=False)
        try:
            stack = None if _is_plain(tiff) else TiffStack(path, tiff)
            if stack is not None and axes is not None:
                raise UsageError(
                    f"{name} says itself that its axes are {stack.parts[0].axes}", "Leave axes out"
                )
        except BaseException:
            tiff.close()
            raise
    except (PellucidError, MemoryError):
        raise
    except Exception as exc:  # what is broken in a file may fail anywhere in its parser
        raise InputError(
            f"{name} is a broken TIFF file: {' '.join(str(exc).split())}", "Use an intact copy"
        ) from exc
    if stack is None:
        tiff.close()
    return stack


def _is_plain(tiff: Any) -> bool:
    """Whether a file is one image, as `open` reads it, or something that `open` refuses in words."""
    page = tiff.pages[0]
    if _DNG in page.tags or int(page.photometric) in _RAW or _reduced(page):
        return True
    kind, bits = _FORMATS.get(page.sampleformat, "unknown"), page.bitspersample
    if kind not in ("uint", "int", "float"):
        return len(tiff.pages) == 1
    usual = bits in _DEPTHS.get(kind, ()) and int(page.imagedepth) == 1
    alone = all(_reduced(each) for number, each in enumerate(tiff.pages) if number)
    if not (usual and alone) or tiff.is_ome or tiff.is_imagej:
        return False
    series = tiff.series
    many = any(math.prod(each.shape) > each.keyframe.size for each in series)
    return not many and not any(_has_levels(each) for each in series)


def _has_levels(series: Any) -> bool:
    """Whether a series is a pyramid whose smaller levels can be made anew."""
    size = series.keyframe.imagelength, series.keyframe.imagewidth
    smaller = [(level.keyframe.imagelength, level.keyframe.imagewidth) for level in series.levels[1:]]
    return bool(smaller) and all(factor_of(size, each) for each in smaller)


# ---- what would be lost --------------------------------------------------------------------------


def _only_page(name: str, tiff: Any) -> Any:
    """Give the first page, when all others are small copies and no further planes are behind it."""
    previews = 0
    for number, page in enumerate(tiff.pages):
        if number and not _reduced(page):
            raise _more_than_one(name, "more than one page")
        previews += bool(number)
    if previews:
        log.warning("%s: the small previews in the file are left out", name)
    page = tiff.pages[0]
    planes = int(page.imagedepth)
    if not tiff.is_ome:  # whose other planes may be in other files
        with suppress(Exception):  # descriptions that only look like those of a stack
            planes = max(planes, *(math.prod(series.shape) // max(page.size, 1) for series in tiff.series))
    if planes > 1:
        raise _more_than_one(name, f"{planes} planes behind one directory")
    return page


def _reduced(page: Any) -> bool:
    return bool(int(page.subfiletype) & 1)


def _more_than_one(name: str, what: str) -> InputError:
    return InputError(
        f"{name} has {what}, and an image has one",
        "Denoise the file as a whole: pellucid denoise, or denoise_file in Python",
    )


def _refuse_strange(name: str, page: Any) -> None:
    colour, samples = int(page.photometric), page.samplesperpixel
    if _DNG in page.tags or colour in _RAW or _reduced(page):
        raise InputError(
            f"{name} is a camera's raw file",
            "Develop it with a raw converter, and give the 16-bit TIFF that it writes",
        )
    sizes = (page.imagewidth, page.imagelength, samples, page.bitspersample)
    if not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ValueError(f"its width, height, channels and bits are {sizes}")
    if 274 in page.tags and page.tags[274].value != 1 and any(tag in page.tags for tag in _GEOREFERENCE):
        raise InputError(
            f"{name} has to be turned to be upright, and its georeference would no longer fit",
            "Turn it with a program for maps first, such as gdalwarp",
        )
    kind, bits = _FORMATS.get(page.sampleformat, "unknown"), page.bitspersample
    if bits not in _DEPTHS.get(kind, ()):
        raise InputError(
            f"{name} contains {kind}{bits} samples",
            "TIFF files with 1, 2, 4, 8 or 16-bit unsigned integers or 16 or 32-bit floats are read",
        )
    if colour not in _CHANNELS:
        raise InputError(
            f"{name} contains colours as {_COLOURS.get(colour, f'kind {colour}')}",
            "TIFF files in grey, RGB, CMYK or with a palette are read, and YCbCr as JPEG has it",
        )
    if colour == 6 and int(page.compression) not in _JPEG:
        raise InputError(f"{name} contains colours as YCbCr that is no JPEG", "Save it as RGB")
    if colour == 0 and kind == "float":
        raise InputError(
            f"{name} contains floating-point samples in which 0 is white", "Save it so that 0 is black"
        )
    colours = _CHANNELS[colour]
    if samples < colours or (samples > colours and (colour == 5 or bits < 8)):
        raise InputError(
            f"{name} has {samples} channels where {colours} would be an image",
            "Save the channels as separate grey files",
        )


def _warn_of_rest(name: str, page: Any) -> None:
    lost = []
    if _SUBIFDS in page.tags:
        lost.append("the images in SubIFDs, such as the smaller levels of a pyramid,")
    if _LAYERS in page.tags:
        lost.append("the layers of Photoshop")
    others = (str(tag.value) for tag in (page.tags.getall(270) or [])[1:])
    lost += [f"the further description {text!r}" for text in others if not _SHAPE.fullmatch(text)]
    if lost:
        log.warning("%s: %s will not be in a changed image", name, " and ".join(lost))


# ---- tags ----------------------------------------------------------------------------------------


def _bytes(tags: Any, code: int, file: BinaryIO) -> bytes | None:
    """The raw bytes of a tag, whatever its type; None where it is missing or cut off."""
    if code not in tags:
        return None
    tag = tags[code]
    size = tag.count * struct.calcsize(f"={_TYPES.get(int(tag.dtype), 'B')}")
    file.seek(tag.valueoffset)
    data = file.read(min(size, _LARGEST_TAG))
    return data if len(data) == size and data else None


_TYPES = {3: "H", 4: "I", 8: "h", 9: "i"}
_LARGEST_TAG = 1 << 26


def _resolution(tags: Any) -> tuple[float, float] | None:
    """Pixels per millimetre; None without a unit."""
    with suppress(KeyError, TypeError, ValueError, ZeroDivisionError):
        x, y = (tags[code].value for code in (282, 283))
        unit = {2: 25.4, 3: 10.0}[int(tags[296].value) if 296 in tags else 2]
        return known_resolution(x[0] / x[1] / unit, y[0] / y[1] / unit) if x[0] and y[0] else None
    return None


def _create(path: Path, like: Source) -> Sink:
    bits = like.encoding.bits
    if bits in TIFF.few_bits and not like.alpha and not like.extra and like.channels == 1:
        return FewBitsSink(lambda few: TiffSink(path, like, few), bits)
    return TiffSink(path, like, None)


TIFF = Format(
    name="tiff",
    label="TIFF",
    suffixes=(".tif", ".tiff"),
    matches=lambda head: head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    open=_open,
    create=_create,
    open_stack=_open_stack,
    create_stack=TiffStackSink,
    depths=(8, 16, 32),
    few_bits=(1, 2, 4),
    alpha=True,
    extra_channels=True,
    grey_profile=True,
    carries=frozenset({"icc", "resolution", "exif", "xmp", "iptc", "nodata"}),
    extras=(PhotoshopResources,),
)
