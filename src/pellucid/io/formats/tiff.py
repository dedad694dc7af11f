"""TIFF (revision 6.0, Adobe 1992; BigTIFF): which files can be read without loss, and how they are stored.

tifffile reads the structure, libvips the pixels. Tags that describe the image travel as EXIF.
"""

import logging
import math
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pellucid.errors import InputError, require
from pellucid.io.exif import IPTC, Entry, directory, exif_of_tiff, tags_of
from pellucid.io.format import Data, Format, name_of, stream_of
from pellucid.io.image import Encoding, Metadata, Samples
from pellucid.io.photoshop import PhotoshopResources
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.tiff_segments import CODECS, TileReader, encoded
from pellucid.io.vips import FewBitsSink, VipsSource

log = logging.getLogger("pellucid")
logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what matters in its messages is found here

_XMP, _RESOURCES, _ICC, _LAYERS, _SUBIFDS, _DNG, _NODATA = 700, 34377, 34675, 37724, 330, 50706, 42113

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
_LOSSY = (*_JPEG, 33003, 33005, 34712, 50001)
_READ_BY_VIPS = (1, 2, 3, 4, 5, *_JPEG, 8, 32773, 32946, 50001)
_ALPHA = (1, 2)  # of ExtraSamples: multiplied into the colours, or not
_BIG = 3_000_000_000  # bytes: TIFF's offsets have 32 bits
_STRIP = 1 << 18  # bytes in a strip, at most, before compression


def _open(data: Data) -> Source:
    name = name_of(data)
    import tifffile

    try:
        with stream_of(data) as file, tifffile.TiffFile(file, name=name, _multifile=False) as tiff:
            return _source(data, name, tiff, file)
    except InputError:
        raise
    except (tifffile.TiffFileError, ValueError, TypeError, KeyError, IndexError, struct.error) as exc:
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
    resources = _bytes(tags, _RESOURCES, file)
    metadata = Metadata(
        icc=_bytes(tags, _ICC, file),
        exif=exif_of_tiff(file) or b"",
        xmp=_bytes(tags, _XMP, file),
        iptc=_bytes(tags, IPTC, file),
        resolution=_resolution(tags),
        nodata=_nodata(page),
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
        return _CodecSource(data, page, metadata, encoding, alpha=has_alpha)
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
            stored = (self.width, self.height) if self._turn >= 5 else (self.height, self.width)
            self._whole = upright_pixels(
                self._tiles.read(slice(0, stored[0]), slice(0, stored[1])), self._turn
            )
        return self._whole[rows, columns]
