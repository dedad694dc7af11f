"""The structure of TIFF files and EXIF data: directories of tags, in either byte order (TIFF 6, BigTIFF)."""

import io
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import BinaryIO, NamedTuple, Self

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
SIZES |= dict.fromkeys((16, 17, 18), 8)  # of BigTIFF
"""Bytes of a value of each type."""

_WORDS = {5: 4, 10: 4}  # rationals are two numbers of four bytes
_LARGEST_VALUE = 1 << 26


class BrokenDirectoryError(ValueError):
    """The bytes are not a TIFF structure, or are cut off."""


@dataclass(frozen=True)
class Entry:
    """One tag: its data in little-endian order, or the directory it points to."""

    type: int
    count: int
    data: bytes
    children: "Mapping[int, Entry]" = field(default_factory=dict)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The values of a tag that holds whole numbers."""
        code = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}.get(self.type)
        return struct.unpack(f"<{self.count}{code}", self.data) if code else ()


@dataclass(frozen=True)
class Layout:
    """How a TIFF structure writes its numbers: byte order, and 32 or (BigTIFF) 64 bits."""

    order: str
    big: bool

    @property
    def sizes(self) -> tuple[str, str, str, int]:
        """Formats of the number of entries, of one entry, of an offset, and the bytes of an inline value."""
        count, row, offset = ("Q", "HHQ8s", "Q") if self.big else ("H", "HHI4s", "I")
        return self.order + count, self.order + row, self.order + offset, 8 if self.big else 4

    @classmethod
    def read(cls, file: BinaryIO) -> tuple[Self, int]:
        """Read the header: the layout, and where the first directory is."""
        head = exactly(file, 0, 8)
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
        if order is None or head[2:4] not in (b"*\0", b"\0*", b"+\0", b"\0+"):
            raise BrokenDirectoryError("no TIFF header")
        layout = cls(order, big=b"+" in head[2:4])
        place = exactly(file, 8, 8) if layout.big else head[4:]
        return layout, int(struct.unpack(layout.sizes[2], place)[0])


def exactly(file: BinaryIO, offset: int, size: int) -> bytes:
    """Read so many bytes at an offset, or raise a BrokenDirectoryError."""
    if size > _LARGEST_VALUE:
        raise BrokenDirectoryError("a tag of more than 64 MB")
    try:
        file.seek(offset)
        data = file.read(size)
    except (OSError, OverflowError) as exc:
        raise BrokenDirectoryError("a tag far beyond the end") from exc
    if len(data) < size:
        raise BrokenDirectoryError("cut off")
    return data


@dataclass(frozen=True)
class Row:
    """One tag as it is stored."""

    tag: int
    type: int
    count: int
    raw: bytes
    place: int  # of the value, in the file


def read_rows(file: BinaryIO, layout: Layout, offset: int) -> tuple[list[Row], int]:
    """Read one directory: its rows, and where the next directory is (0: nowhere)."""
    count_format, row_format, offset_format, inline = layout.sizes
    count_size, row_size = struct.calcsize(count_format), struct.calcsize(row_format)
    (count,) = struct.unpack(count_format, exactly(file, offset, count_size))
    table = exactly(file, offset + count_size, count * row_size + inline)
    rows = []
    for start in range(0, count * row_size, row_size):
        raw = table[start : start + row_size]
        tag, kind, length, value = struct.unpack(row_format, raw)
        place = offset + count_size + start + row_size - inline
        if length * SIZES.get(kind, 1) > inline:
            (place,) = struct.unpack(offset_format, value)
        rows.append(Row(tag, kind, length, raw, place))
    return rows, int(struct.unpack(offset_format, table[count * row_size :])[0])


def read_entry(file: BinaryIO, layout: Layout, row: Row) -> Entry:
    """Read the value of a tag."""
    size = SIZES.get(row.type, 1)
    data = exactly(file, row.place, size * row.count)
    word = _WORDS.get(row.type, size)
    if layout.order == ">" and word > 1:
        data = b"".join(data[i : i + word][::-1] for i in range(0, len(data), word))
    return Entry(row.type, row.count, data)


class FirstDirectory(NamedTuple):
    """The first directory of EXIF data: its rows, and where the next one is."""

    file: BinaryIO
    layout: Layout
    offset: int
    rows: list[Row]
    following: int

    @classmethod
    def of(cls, exif: bytes) -> Self | None:
        """Read it; None where it is broken."""
        file = io.BytesIO(exif)
        with suppress(BrokenDirectoryError, struct.error):
            layout, offset = Layout.read(file)
            return cls(file, layout, offset, *read_rows(file, layout, offset))
        return None

    def entry(self, row: Row) -> Entry:
        return read_entry(self.file, self.layout, row)


def packed(
    entries: Mapping[int, Entry], ready: Mapping[int, bytes], base: int, layout: Layout, following: int
) -> bytes:
    """Lay out a directory at offset `base`, its values behind it; `ready` rows are copied as they are."""
    count_format, row_format, offset_format, inline = layout.sizes
    tags = sorted({*entries, *ready})
    size = struct.calcsize(count_format) + len(tags) * struct.calcsize(row_format) + inline
    rows, values = [], bytearray()
    for tag in tags:
        if tag in ready:
            rows.append(ready[tag])
            continue
        entry, place = entries[tag], base + size + len(values)
        data = entry.data
        if entry.children:
            values += packed(entry.children, {}, place, layout, 0)
            data = struct.pack(offset_format, place)
            entry = replace(entry, type=18 if layout.big else 4)
        elif len(data) > inline:
            values += data
            data = struct.pack(offset_format, place)
        values += b"\0" * (len(values) % 2)  # values start at even offsets
        rows.append(struct.pack(row_format, tag, entry.type, entry.count, data))
    table = struct.pack(count_format, len(tags)) + b"".join(rows) + struct.pack(offset_format, following)
    return table + bytes(values)


def table_end(layout: Layout, offset: int, rows: Sequence[Row]) -> int:
    """Where the table of a directory ends; its values are elsewhere."""
    count_format, row_format, _, inline = layout.sizes
    return offset + struct.calcsize(count_format) + len(rows) * struct.calcsize(row_format) + inline
