"""Strips and tiles of TIFF files, decoded and encoded apart from the file that contains them.

libvips decodes and encodes whole TIFF files only, and leaves tiles black that it cannot decode without an
error. So tiles are put into a small TIFF of strips, one tile below the other, whose strips libvips reads with
an error where there is one; and in the other direction the strips of such a TIFF become those of the file.
"""

import struct
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.errors import InputError, require
from pellucid.io.format import Data, stream_of
from pellucid.io.image import Samples
from pellucid.io.vips import TYPES, calling, light, vips

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
# What describes how a tile's bytes become samples.
_DECODING = {258, 259, 262, 266, 277, 284, 292, 293, 317, 320, 338, 339, 347, 34675}
_DECODING |= {*range(512, 515), *range(519, 522), *range(529, 533)}  # of JPEG and YCbCr
_LARGEST_TILE = 1 << 28  # pixels
_CACHED = 1 << 24  # bytes of decoded tiles that are kept, or those of a row if they are more
_TOGETHER = 1 << 20  # pixels of tiles that are decoded at a time


@dataclass(frozen=True)
class Codec:
    """How the samples of a TIFF are compressed: its number, libvips' name, whether differences are stored."""

    tag: int
    name: str
    predicted: bool = False


CODECS: Mapping[str, Codec] = {
    "none": Codec(1, "none"),
    "ccittfax4": Codec(4, "ccittfax4"),
    "lzw": Codec(5, "lzw", predicted=True),
    "deflate": Codec(8, "deflate", predicted=True),
    "packbits": Codec(32773, "packbits"),
    "lzma": Codec(34925, ""),
    "zstd": Codec(50000, ""),
}


class TileReader:
    """Reads regions of a tiled TIFF.

    Parameters
    ----------
    data : Path or bytes
    page : tifffile.TiffPage
        Only read here; its file may be closed afterwards.
    name : str
        Of the file, for errors.

    Raises
    ------
    ValueError
        When the tiles make no sense.
    """

    def __init__(self, data: Data, page: Any, name: str) -> None:
        self._data, self._name = data, name
        self._height, self._width = page.tilelength, page.tilewidth
        if not 0 < self._height * self._width <= _LARGEST_TILE:
            raise ValueError(f"its tiles have {self._width} x {self._height} pixels")
        self._across = -(-page.imagewidth // self._width)
        self._down = -(-page.imagelength // self._height)
        self._planes = page.samplesperpixel if page.planarconfig == 2 else 1
        self._offsets, self._sizes = page.dataoffsets, page.databytecounts
        if min(len(self._offsets), len(self._sizes)) < self._across * self._down * self._planes:
            raise ValueError("tiles are missing")
        self._order = page.parent.byteorder
        with stream_of(data) as file:
            self._tags = []
            for code in sorted(_DECODING):
                tag = page.tags.get(code)
                if tag is not None and int(tag.dtype) in _SIZES:
                    file.seek(tag.valueoffset)
                    raw = file.read(_SIZES[int(tag.dtype)] * tag.count)
                    self._tags.append((code, int(tag.dtype), tag.count, raw))
        self._cmyk = int(page.photometric) == 5
        self._empty = 0.0 if page.nodata is None else page.nodata
        self._cache: OrderedDict[tuple[int, int], Samples] = OrderedDict()

    def read(self, rows: slice, columns: slice) -> Samples:
        """Decode a region (height, width, bands)."""
        whole: Samples | None = None
        for y in range(rows.start // self._height, -(-rows.stop // self._height)):
            for x in range(columns.start // self._width, -(-columns.stop // self._width)):
                tile = self._tile(y, x, columns.stop)
                if whole is None:
                    shape = rows.stop - rows.start, columns.stop - columns.start, tile.shape[2]
                    whole = np.empty(shape, tile.dtype)
                top, left = y * self._height - rows.start, x * self._width - columns.start
                part = tile[max(0, -top) :, max(0, -left) :]
                target = whole[max(0, top) :, max(0, left) :][: len(part), : part.shape[1]]
                target[:] = part[: len(target), : target.shape[1]]
        assert whole is not None, "an empty region"
        return whole

    def _tile(self, y: int, x: int, right: int) -> Samples:
        """Give one tile; it and some next to it, left of the column `right`, are decoded if need be."""
        if (y, x) not in self._cache:
            count = max(1, _TOGETHER // (self._height * self._width))
            near = range(x, min(x + count, -(-right // self._width)))
            self._cache.update(zip(((y, each) for each in near), self._decode(y, list(near)), strict=True))
            row = self._across * self._cache[y, x].nbytes
            while len(self._cache) * self._cache[y, x].nbytes > max(row, _CACHED):
                self._cache.popitem(last=False)
        return self._cache[y, x]

    def _decode(self, y: int, columns: list[int]) -> list[Samples]:
        """Decode tiles of one row as one image, in which they are below each other."""
        plane = self._across * self._down
        numbers = [z * plane + y * self._across + x for z in range(self._planes) for x in columns]
        with stream_of(self._data) as file:
            segments = []
            try:
                for number in numbers:
                    file.seek(self._offsets[number])
                    segments.append(file.read(self._sizes[number]))
            except (ValueError, OverflowError, OSError) as exc:  # a place that no file has
                raise InputError(
                    f"{self._name} cannot be read: {exc}", "Use an intact copy of the file"
                ) from exc
        stored = [i for i, x in enumerate(columns) if self._sizes[y * self._across + x]]
        if len(stored) < len(columns):  # tiles without data, as GDAL leaves them out
            tiles = (
                dict(zip(stored, self._decode(y, [columns[i] for i in stored]), strict=True))
                if stored
                else {}
            )
            shape = next(iter(tiles.values())) if tiles else self._like()
            return [tiles.get(i, np.full_like(shape, self._empty)) for i in range(len(columns))]
        content = _small_tiff(self._order, self._width, self._height, len(columns), self._tags, segments)
        try:
            with calling() as reason:
                raster = vips().Image.tiffload_buffer(content, access="sequential", fail_on="error")
                raster = light(raster) if self._cmyk else raster
                data = vips().Region.new(raster).fetch(0, 0, raster.width, raster.height)
        except (vips().Error, UnicodeDecodeError) as exc:
            raise InputError(
                f"{self._name} cannot be read: {reason(exc)}", "Use an intact copy of the file"
            ) from exc
        array = np.frombuffer(data, TYPES[raster.format])
        return list(array.reshape(len(columns), self._height, self._width, raster.bands))

    def _like(self) -> Samples:
        """A tile's shape and dtype, where none has been decoded."""
        content = _small_tiff(self._order, self._width, self._height, 1, self._tags, [b""] * self._planes)
        with calling():
            raster = vips().Image.tiffload_buffer(content, access="sequential")
        bands = 3 if self._cmyk else raster.bands
        return np.empty((self._height, self._width, bands), TYPES[raster.format])


def _small_tiff(
    order: str,
    width: int,
    height: int,
    count: int,
    tags: list[tuple[int, int, int, bytes]],
    strips: list[bytes],
) -> bytes:
    """Make a TIFF of strips from encoded tiles, in the byte order of their file."""

    def longs(*values: int) -> bytes:
        return struct.pack(f"{order}{len(values)}I", *values)

    sizes = [len(strip) for strip in strips]
    fields = [
        *tags,
        (256, 4, 1, longs(width)),
        (257, 4, 1, longs(height * count)),
        (273, 4, len(strips), b"\0" * 4 * len(strips)),  # found below
        (278, 4, 1, longs(height)),
        (279, 4, len(strips), longs(*sizes)),
    ]
    start = 8 + 2 + 12 * len(fields) + 4
    values = sum((len(raw) + len(raw) % 2 for *_, raw in fields if len(raw) > 4), 0)
    offsets = longs(*(start + values + sum(sizes[:i]) for i in range(len(sizes))))
    rows, body = [], b""
    for code, kind, number, raw in sorted(fields):
        raw = offsets if code == 273 else raw
        place = raw.ljust(4, b"\0")
        if len(raw) > 4:
            place = longs(start + len(body))
            body += raw + b"\0" * (len(raw) % 2)
        rows.append(struct.pack(f"{order}HHI", code, kind, number) + place)
    head = (b"II*\0" if order == "<" else b"MM\0*") + longs(8) + struct.pack(f"{order}H", len(rows))
    return head + b"".join(rows) + longs(0) + body + b"".join(strips)


def encoded(
    rows: Samples, height: int, tile: tuple[int, int] | None, codec: Codec, bits: int | None
) -> Iterator[bytes]:
    """Encode rows as strips, or as rows of tiles.

    Parameters
    ----------
    rows : array (n, width, bands)
    height : int
        Of a strip or tile; the last one of an image may have fewer rows.
    tile : (int, int), optional
        Height and width of tiles.
    codec : Codec
    bits : int, optional
        1, 2 or 4, for uint8 of so few levels.
    """
    for top in range(0, len(rows), height):
        band = rows[top : top + height]
        if tile is None:
            yield from _strips(band, len(band), codec, bits)
            continue
        down, across = tile[0] - len(band), -band.shape[1] % tile[1]
        band = np.pad(band, ((0, down), (0, across), (0, 0)), mode="edge")
        tiles = band.reshape(tile[0], -1, tile[1], band.shape[2]).swapaxes(0, 1)
        yield from _strips(tiles.reshape(-1, tile[1], band.shape[2]), tile[0], codec, bits)


def _strips(rows: Samples, height: int, codec: Codec, bits: int | None) -> Iterator[bytes]:
    """Encode an image as strips of a height."""
    if codec.name == "none" and bits is None:
        for top in range(0, len(rows), height):
            yield rows[top : top + height].astype(rows.dtype.newbyteorder("<"), copy=False).tobytes()
        return
    if not codec.name:
        yield from _unknown_to_vips(rows, height, codec)
        return
    options: dict[str, Any] = {"compression": codec.name, "tile_height": height, "keep": "none"}
    options["predictor"] = "none"
    if bits is not None:
        options["bitdepth"] = bits
    elif codec.predicted:
        options["predictor"] = "float" if rows.dtype.kind == "f" else "horizontal"
    total, width, bands = rows.shape
    kinds = {np.dtype(dtype): name for name, dtype in TYPES.items()}
    with calling() as reason:
        data = np.ascontiguousarray(rows)
        raster = vips().Image.new_from_memory(data, width, total, bands, kinds[rows.dtype])
        interpretation = "b-w" if bands == 1 else "multiband"
        try:
            content = raster.copy(interpretation=interpretation).tiffsave_buffer(
                **{"predictor": "none", **options}
            )
        except (vips().Error, UnicodeDecodeError) as exc:
            raise OSError(f"libvips cannot encode it: {reason(exc)}") from exc
    yield from _strips_of(content)


def _strips_of(content: bytes) -> Iterator[bytes]:
    """Give the encoded strips of a TIFF that libvips has made: little-endian, with 32-bit offsets."""
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    found = {}
    for i in range(count):
        code, kind, number, place = struct.unpack_from("<HHII", content, start + 2 + 12 * i)
        if code in (273, 279):
            code_format = "H" if kind == 3 else "I"
            inline = number * struct.calcsize(f"<{code_format}") <= 4
            at = start + 2 + 12 * i + 8 if inline else place
            found[code] = struct.unpack_from(f"<{number}{code_format}", content, at)
    for offset, size in zip(found[273], found[279], strict=True):
        yield content[offset : offset + size]


def _unknown_to_vips(rows: Samples, height: int, codec: Codec) -> Iterator[bytes]:
    import lzma

    for top in range(0, len(rows), height):
        data = rows[top : top + height].astype(rows.dtype.newbyteorder("<"), copy=False).tobytes()
        if codec is CODECS["lzma"]:
            yield lzma.compress(data)
        else:
            yield require("imagecodecs", "codecs", "to write a TIFF in ZSTD").zstd_encode(data)
