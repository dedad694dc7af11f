"""A TIFF as a sink: strips or tiles as their rows come, then the directory."""

import struct
from pathlib import Path

import numpy as np

from pellucid.io.directories import Entry
from pellucid.io.exif import IPTC, directory, resolution_entries, tags_of
from pellucid.io.image import Samples
from pellucid.io.photoshop import PhotoshopResources
from pellucid.io.source import Source
from pellucid.io.tiff_segments import CODECS, encoded

XMP, RESOURCES, ICC = 700, 34377, 34675
_BIG = 3_000_000_000  # bytes: TIFF's offsets have 32 bits
_STRIP = 1 << 18  # bytes in a strip, at most, before compression


class TiffSink:
    """Rows as strips or tiles, each encoded when its last row has come; the directory follows them.

    Parameters
    ----------
    path : Path
    like : Source
    bits : int, optional
        1, 2 or 4, for samples of so few levels.
    """

    def __init__(self, path: Path, like: Source, bits: int | None) -> None:
        self._like, self._bits = like, bits
        bands = like.channels + like.alpha + like.extra
        self._row_bytes = like.width * bands * like.dtype.itemsize
        self._big = self._row_bytes * like.height > _BIG
        compression = like.encoding.compression or "deflate"
        if compression not in CODECS or (compression == "ccittfax4" and bits != 1):
            compression = "deflate"
        self._codec = CODECS[compression]
        self._tile = like.encoding.tile
        self._height = self._tile[0] if self._tile else max(1, min(_STRIP // self._row_bytes, like.height))
        self._waiting: list[Samples] = []
        self._rows = 0
        self._offsets: list[int] = []
        self._sizes: list[int] = []
        self._file = path.open("wb")
        self._file.write(b"II+\0\x08\0\0\0" + bytes(8) if self._big else b"II*\0" + bytes(4))

    def write(self, rows: Samples) -> None:
        """Encode the strips or rows of tiles that are complete."""
        self._waiting.append(rows)
        self._rows += len(rows)
        if self._rows >= self._height:
            self._encode(self._rows // self._height * self._height)

    def commit(self) -> None:
        """Write the last strip and the directory."""
        self._encode(self._rows)
        end = self._file.tell()
        end += self._file.write(b"\0" * (end % 8 and 8 - end % 8))
        self._file.write(directory(self._tags(), end, big=self._big))
        self._file.seek(8 if self._big else 4)
        self._file.write(struct.pack("<Q" if self._big else "<I", end))
        self._file.close()

    def abort(self) -> None:
        """Close the file."""
        self._file.close()

    def _encode(self, count: int) -> None:
        if not count:
            return
        rows = np.concatenate(self._waiting) if len(self._waiting) > 1 else self._waiting[0]
        self._waiting, self._rows = [rows[count:].copy()], len(rows) - count
        for segment in encoded(rows[:count], self._height, self._tile, self._codec, self._bits):
            self._offsets.append(self._file.tell())
            self._sizes.append(len(segment))
            self._file.write(segment)

    def _tags(self) -> dict[int, Entry]:
        like, metadata = self._like, self._like.metadata
        bands = like.channels + like.alpha + like.extra
        extra = ((2,) if like.alpha else ()) + (metadata.extra_samples or (0,) * like.extra)
        floats = like.dtype.kind == "f"
        tags, resolution = tags_of(metadata.exif or b"")
        if metadata.resolution is not None:
            made = resolution_entries(metadata.resolution, metadata.resolution_unit)
            resolution = dict(zip((282, 283, 296), made, strict=True))
        for code, data in (
            (XMP, metadata.xmp),
            (IPTC, metadata.iptc),
            (RESOURCES, metadata.of(PhotoshopResources)),
            (ICC, metadata.icc),
        ):
            if data:
                tags[code] = Entry(1 if code == XMP else 7, len(data), data)
        tags |= resolution
        tags |= {
            256: _long(like.width),
            257: _long(like.height),
            258: _short(*[self._bits or like.dtype.itemsize * 8] * bands),
            259: _short(self._codec.tag),
            262: _short(1 if like.channels == 1 else 2),
            277: _short(bands),
            284: _short(1),
            339: _short(*[3 if floats else 1] * bands),
        }
        if self._codec.predicted and self._bits is None:
            tags[317] = _short(3 if floats else 2)
        if extra:
            tags[338] = _short(*extra)
        if self._tile:
            tags |= {322: _long(self._tile[1]), 323: _long(self._tile[0])}
            return tags | {324: self._places(self._offsets), 325: self._places(self._sizes)}
        tags[278] = _long(self._height)
        return tags | {273: self._places(self._offsets), 279: self._places(self._sizes)}

    def _places(self, values: list[int]) -> Entry:
        kind, code = (16, "Q") if self._big else (4, "I")
        return Entry(kind, len(values), struct.pack(f"<{len(values)}{code}", *values))


def _short(*values: int) -> Entry:
    return Entry(3, len(values), struct.pack(f"<{len(values)}H", *values))


def _long(value: int) -> Entry:
    return Entry(4, 1, struct.pack("<I", value))
