"""EXIF data, and what a TIFF file says about its image in the same structure.

libvips reads and writes the pixels of a TIFF but drops its EXIF, and it cannot say how a file is compressed
or whether the first page is only the preview of a camera's raw file, so the directories are read here.
Tag numbers: TIFF revision 6.0 (Adobe, 1992) and Exif 2.32 (CIPA DC-008).
"""

import io
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import BinaryIO

from pellucid.io.directories import (
    SIZES,
    BrokenDirectoryError,
    Entry,
    FirstDirectory,
    Layout,
    Row,
    exactly,
    packed,
    read_entry,
    read_rows,
    table_end,
)
from pellucid.io.orientation import is_turned, upright_point

ORIENTATION, EXIF, GPS, INTEROPERABILITY = 274, 34665, 34853, 40965
PIXEL_WIDTH, PIXEL_HEIGHT = 40962, 40963
IPTC, IMAGEJ_SIZES, IMAGEJ = 33723, 50838, 50839
IMAGE_WIDTH, IMAGE_HEIGHT, RELATED_WIDTH, RELATED_HEIGHT = 256, 257, 4097, 4098
_RESOLUTION = X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296

# What turns with the pixels: widths and heights, pairs of resolutions, and where the subject is.
_SIDES = ((PIXEL_WIDTH, PIXEL_HEIGHT), (IMAGE_WIDTH, IMAGE_HEIGHT), (RELATED_WIDTH, RELATED_HEIGHT))
_PAIRS = ((X_RESOLUTION, Y_RESOLUTION), (41486, 41487))  # the latter of the focal plane
_SUBJECTS = (37396, 41492)  # centre x, y, then a diameter or a width and a height; before it is turned
_IN_THUMBNAIL = ((513, 514), (273, 279))  # offset and length of a JPEG, of a strip
_THUMBNAIL = frozenset(tag for tags in _IN_THUMBNAIL for tag in tags)

# What says how the pixels are stored, or is carried by libvips: not to be copied from one file to another.
# 37724 are Photoshop's layers, which would still show the noisy image.
_STRUCTURE = frozenset(
    [*range(254, 267), 273, ORIENTATION, *range(277, 285), 292, 293, 296, 297, 301, 317, *range(320, 334)]
) | frozenset([*range(336, 348), *range(512, 533), 700, IPTC, 34377, 34675, 37724])
_INNER: tuple[tuple[int, ...], ...] = ((EXIF, GPS), (INTEROPERABILITY,), ())  # which directory holds which
_ONE = Entry(5, 1, struct.pack("<II", 1, 1))
NO_RESOLUTION = {X_RESOLUTION: _ONE, Y_RESOLUTION: _ONE, RESOLUTION_UNIT: Entry(3, 1, struct.pack("<H", 1))}


def _directory(file: BinaryIO, layout: Layout, offset: int, level: int = 0) -> dict[int, Entry]:
    """Read what a directory says about the image, and the EXIF directories inside it."""
    entries: dict[int, Entry] = {}
    for row in read_rows(file, layout, offset)[0]:
        if row.type not in SIZES or (level == 0 and row.tag in _STRUCTURE):
            continue
        entry = read_entry(file, layout, row)
        if row.tag in _INNER[level] and entry.numbers:
            entry = Entry(4, 1, b"", _directory(file, layout, entry.numbers[0], level + 1))
        if entry.data or entry.children:  # a directory without entries is not allowed
            entries.setdefault(row.tag, entry)  # of several, the first counts
    return entries


def exif_of_tiff(file: BinaryIO) -> bytes | None:
    """Collect what a TIFF file says about its image, other than how the pixels are stored, as EXIF.

    Raises
    ------
    BrokenDirectoryError
        When the file is not a TIFF or is cut off.
    """
    layout, offset = Layout.read(file)
    entries = _directory(file, layout, offset) | _unitless(file, layout, offset)
    sizes = entries[IMAGEJ_SIZES].numbers if IMAGEJ_SIZES in entries else ()
    if layout.order == ">" and IMAGEJ in entries and sizes:
        entries[IMAGEJ] = replace(entries[IMAGEJ], data=_imagej_turned(entries[IMAGEJ].data, sizes))
    kept = {tag: entry for tag, entry in entries.items() if entry.type not in (16, 17, 18)}
    if not kept:
        return None
    return b"II*\0" + struct.pack("<I", 8) + packed(kept, {}, 8, Layout("<", big=False), 0)


def _unitless(file: BinaryIO, layout: Layout, offset: int) -> dict[int, Entry]:
    """Find a resolution that has no unit, such as ImageJ's pixels per micrometre; 1 by 1 says nothing."""
    rows = [
        row for row in read_rows(file, layout, offset)[0] if row.tag in _RESOLUTION and row.type in (3, 5)
    ]
    found = {row.tag: read_entry(file, layout, row) for row in rows if row.count == 1}
    known = len(found) == 3 and found[RESOLUTION_UNIT].numbers == (1,) and found != NO_RESOLUTION
    return found if known else {}


def _imagej_turned(data: bytes, sizes: Sequence[int]) -> bytes:
    """Turn the byte order of what ImageJ adds to a TIFF: a table, then texts in UTF-16, numbers, and bytes.

    The table has four bytes of magic, then kind and number of each sort of part; `sizes` are those of the
    table and of each part (ij/io/TiffEncoder.java).
    """

    def turned(part: bytes, width: int) -> bytes:
        return b"".join(part[i : i + width][::-1] for i in range(0, len(part), width))

    table, place, kinds = data[: sizes[0]], sizes[0], list[bytes]()
    for i in range(4, len(table), 8):
        number = int.from_bytes(table[i + 4 : i + 8], "big")
        kinds += [table[i : i + 4]] * min(number, len(sizes) - len(kinds))
    parts = [turned(table, 4)]
    for kind, size in zip(kinds, sizes[1:], strict=False):
        width = {b"info": 2, b"labl": 2, b"prop": 2, b"rang": 8}.get(kind, 1)
        parts.append(turned(data[place : place + size], width))
        place += size
    return b"".join(parts) + data[place:]


def tags_of(exif: bytes) -> tuple[dict[int, Entry], dict[int, Entry]]:
    """Read EXIF data as tags of a TIFF's first directory, and a resolution without a unit in it.

    Broken EXIF gives no tags.
    """
    file = io.BytesIO(exif)
    with suppress(BrokenDirectoryError, struct.error):
        layout, offset = Layout.read(file)
        return _directory(file, layout, offset), _unitless(file, layout, offset) or NO_RESOLUTION
    return {}, NO_RESOLUTION


def directory(entries: Mapping[int, Entry], base: int, *, big: bool) -> bytes:
    """Lay out the only directory of a little-endian TIFF at an offset, its values behind it."""
    return packed(entries, {}, base, Layout("<", big=big), 0)


def orientation_of(exif: bytes) -> int:
    """Read from EXIF data how the stored image has to be turned, 1 to 8; 1 (upright) by default."""
    first = FirstDirectory.of(exif)
    if first is not None:
        with suppress(BrokenDirectoryError, struct.error, IndexError):
            numbers = [first.entry(row).numbers[0] for row in first.rows if row.tag == ORIENTATION]
            return next((number for number in numbers if number in range(1, 9)), 1)
    return 1


def upright(exif: bytes, orientation: int, size: tuple[int, int]) -> bytes:
    """Adapt EXIF data to an image whose pixels were turned upright and are about to change.

    The orientation becomes 1; sizes, resolutions and the subject's area turn with the pixels. Only these
    numbers change, in place: all other bytes, such as a camera's own notes whose offsets would not survive a
    move, stay what and where they are. The thumbnail shows the image as it was, noisy and unturned, and is
    removed: viewers make their own, and one from the result could be made only after the last row, when
    what precedes the pixels in a file has long been written.

    Parameters
    ----------
    exif : bytes
        A TIFF structure; what is broken in it is returned unchanged.
    orientation : int
        How the pixels were turned, 1 to 8.
    size : (width, height)
        Of the upright image, in pixels.
    """
    first = FirstDirectory.of(exif)
    if first is None:
        return exif
    file, layout, offset, rows, following = first
    data, end = bytearray(exif), table_end(layout, offset, rows)
    ends, found = [end], {row.tag: row for row in rows}
    for tag in (GPS, EXIF, INTEROPERABILITY):  # the last is inside the second
        with suppress(BrokenDirectoryError, struct.error, LookupError, ValueError):
            (inner,) = read_entry(file, layout, found[tag]).numbers
            more = read_rows(file, layout, inner)[0]
            ends.append(table_end(layout, inner, more))
            found |= {(row.tag if tag != GPS else -row.tag): row for row in more}
    for place, value in _turned_values(file, layout, found, orientation, size):
        data[place : place + len(value)] = value
    if following:
        pointer = end - layout.sizes[3]
        data[pointer:end] = bytes(layout.sizes[3])
        ends += [row.place + row.count * SIZES.get(row.type, 1) for row in found.values()]
        del data[max(*ends, _thumbnail_start(exif, layout, following)) :]
    return bytes(data)


def _turned_values(
    file: BinaryIO, layout: Layout, rows: Mapping[int, Row], orientation: int, size: tuple[int, int]
) -> Iterator[tuple[int, bytes]]:
    """Give the place and the new bytes of each value that depends on the orientation."""
    turned = is_turned(orientation)
    new = {ORIENTATION: 1}
    if turned:
        new |= {tag: side for tags in _SIDES for tag, side in zip(tags, size, strict=True)}
    width, height = size[::-1] if turned else size
    for tag in (*new, *_SUBJECTS):
        # A value may be missing, cut off, of a wrong type, or too large for its type.
        with suppress(BrokenDirectoryError, struct.error, LookupError):
            row = rows[tag]
            code = {3: "H", 4: "I"}[row.type]
            values = list(read_entry(file, layout, row).numbers)
            if tag in new:
                values[0] = new[tag]
            else:
                values[:2] = upright_point(values[0], values[1], width - 1, height - 1, orientation)
                values[2:] = values[:1:-1] if turned else values[2:]
            yield row.place, struct.pack(f"{layout.order}{row.count}{code}", *values)
    for one, two in _PAIRS if turned else ():
        with suppress(BrokenDirectoryError, LookupError):
            pair = rows[one], rows[two]
            if all((row.type, row.count) == (5, 1) for row in pair):
                first, second = (exactly(file, row.place, 8) for row in pair)
                yield from ((pair[0].place, second), (pair[1].place, first))


def _thumbnail_start(exif: bytes, layout: Layout, offset: int) -> int:
    """Find where the thumbnail and its directory begin, as far as they are the end of the data."""
    file, start = io.BytesIO(exif), len(exif.rstrip(b"\0"))
    try:
        rows = read_rows(file, layout, offset)[0]
        parts = [(offset, table_end(layout, offset, rows))]
        parts += [(row.place, row.place + row.count * SIZES.get(row.type, 1)) for row in rows]
        places = {row.tag: read_entry(file, layout, row).numbers[0] for row in rows if row.tag in _THUMBNAIL}
    except (BrokenDirectoryError, struct.error, IndexError):
        return len(exif)
    parts += [
        (places[one], places[one] + places[two]) for one, two in _IN_THUMBNAIL if {one, two} <= set(places)
    ]
    for first, last in sorted(parts, key=lambda part: part[1], reverse=True):
        if last >= start - 1:  # but for a byte that fills up
            start = min(start, first)
    return start


def resolution_of(exif: bytes) -> tuple[float, float] | None:
    """Read the pixels per millimetre, horizontal and vertical, from EXIF data; None when they do not say."""
    first = FirstDirectory.of(exif)
    with suppress(BrokenDirectoryError, struct.error):
        return resolution_in({row.tag: first.entry(row) for row in first.rows}) if first else None
    return None


def with_resolution(exif: bytes | None, resolution: tuple[float, float] | None, unit: str) -> bytes | None:
    """Give EXIF data that state a resolution, for formats that have no other place for it.

    EXIF data that state one, or are broken, stay unchanged. Else a new first directory is added at the end,
    so that all other bytes stay where they are.

    Parameters
    ----------
    exif : bytes, optional
    resolution : (float, float), optional
        Pixels per millimetre, horizontal and vertical.
    unit : str
        In which to state it: "in" or "cm".
    """
    if resolution is None or (exif and resolution_of(exif)):
        return exif
    data, layout, rows, following = exif or b"II*\0" + bytes(4), Layout("<", big=False), list[Row](), 0
    if exif:
        first = FirstDirectory.of(exif)
        if first is None:
            return exif
        _, layout, _, rows, following = first
    data += b"\0" * (len(data) % 2)
    stated = dict(zip(_RESOLUTION, resolution_entries(resolution, unit, layout.order), strict=True))
    others = {row.tag: row.raw for row in rows if row.tag not in stated}
    start = struct.pack(layout.sizes[2], len(data))
    place = 8 if layout.big else 4
    table = packed(stated, others, len(data), layout, following)
    return data[:place] + start + data[place + len(start) :] + table


def resolution_entries(resolution: tuple[float, float], unit: str, order: str = "<") -> list[Entry]:
    """The tags XResolution, YResolution and ResolutionUnit for pixels per millimetre."""
    per, code = (10.0, 3) if unit == "cm" else (25.4, 2)
    sides = (Fraction(side * per).limit_denominator(_steps(side * per)) for side in resolution)
    made = [Entry(5, 1, struct.pack(f"{order}II", *side.as_integer_ratio())) for side in sides]
    return [*made, Entry(3, 1, struct.pack(f"{order}H", code))]


def _steps(value: float) -> int:
    return min(1_000_000, int(4e9 / max(value, 1)))  # so that both numbers have 32 bits


def resolution_in(tags: Mapping[int, Entry]) -> tuple[float, float] | None:
    """The same from tags that have been read."""
    try:
        x, y = (struct.unpack("<II", tags[tag].data) for tag in (X_RESOLUTION, Y_RESOLUTION))
        code = tags[RESOLUTION_UNIT].numbers[0] if RESOLUTION_UNIT in tags else 2
        unit = {2: 25.4, 3: 10.0}[code]
        return (x[0] / x[1] / unit, y[0] / y[1] / unit) if x[0] and y[0] else None
    except (struct.error, KeyError, IndexError, ZeroDivisionError):
        return None
