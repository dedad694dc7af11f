"""The boxes of AVIF and HEIC files (ISO/IEC 14496-12 and 23008-12): items, their colours, what is besides."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pellucid.io.image import Cicp
from pellucid.io.orientation import MIRRORED, QUARTERS

_META_LIMIT = 1 << 24
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_FILMS = (b"moov", b"mpvd", b"moof")
_USUAL = (b"ftyp", b"meta", b"mdat", b"free", b"skip", b"idat")


@dataclass
class Items:
    """What a file contains.

    Attributes
    ----------
    cicp : Cicp or None
        Of the primary item.
    premultiplied : bool
        Whether alpha is multiplied into the colours.
    orientation : int
        How a decoder turns the stored pixels, 1 to 8 as in EXIF, whose own orientation does not count here.
    lost : list of str
        Everything that is neither the primary image, its alpha nor its metadata, in words.
    """

    cicp: Cicp | None = None
    premultiplied: bool = False
    orientation: int = 1
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Box:
    """The places of a box in a file, or in the content of another box."""

    name: bytes
    start: int
    content: int
    end: int


def brands(head: bytes) -> set[bytes]:
    """Read the brands of a file, from its first bytes: the specifications by which it can be read."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[i : i + 4] for i in range(8, end, 4)} if head[4:8] == b"ftyp" else set()


def is_sequence(head: bytes) -> bool:
    """Tell whether an AVIF or HEIC file contains an animation or a burst."""
    return bool(brands(head) & {b"avis", b"msf1", b"hevc", b"hevx"})


def items_of(file: BinaryIO) -> Items:
    """Read what a file contains, without decoding any; of a broken file, what can be read."""
    items = Items()
    try:
        found = top_boxes(file)
        _note_boxes(items, found)
        meta = content_of(file, next(box for box in found if box.name == b"meta"))
        _note_items(items, meta)
    except (struct.error, StopIteration, IndexError, ValueError):
        return items
    return items


def set_cicp(path: Path, cicp: Cicp) -> None:
    """Write code points of colours into the primary item of a file that libvips has written.

    Its matrix and range stay, which the decoder needs.
    """
    with path.open("r+b") as file:
        _edit_meta(file, lambda meta: _with_cicp(meta, cicp))


def add_item(path: Path, kind: bytes, content: bytes) -> None:
    """Add an item that describes the primary one, such as EXIF, to a file that libvips has written."""
    with path.open("r+b") as file:
        place = file.seek(0, 2) + 8
        file.write(boxed(b"mdat", content))
        _edit_meta(file, lambda meta: _with_item(meta, kind, place, len(content)))


def _edit_meta(file: BinaryIO, edit: Callable[[bytes], bytes]) -> None:
    """Change the content of `meta`; what is behind it moves."""
    box = next(box for box in top_boxes(file) if box.name == b"meta")
    meta = content_of(file, box)
    new = edit(meta)
    file.seek(box.end)
    rest = file.read()
    size = box.content - box.start + len(new)
    shifted = _shifted(new, len(new) - len(meta), box.end)
    file.seek(box.start)
    file.write(struct.pack(">I", size) + b"meta" + shifted + rest)


def top_boxes(file: BinaryIO) -> list[Box]:
    """Find the boxes of a file, up to one that makes no sense."""
    size, place, found = file.seek(0, 2), 0, []
    while place + 8 <= size:
        file.seek(place)
        head = file.read(16)
        length, content = int.from_bytes(head[:4], "big"), place + 8
        if length == 1:
            length, content = int.from_bytes(head[8:16], "big"), place + 16
        end = size if length == 0 else place + length
        if end <= place or end < content:
            break
        found.append(Box(head[4:8], place, content, end))
        place = end
    return found


def content_of(file: BinaryIO, box: Box) -> bytes:
    """Read a box's content, of at most 16 MB."""
    file.seek(box.content)
    return file.read(min(box.end - box.content, _META_LIMIT))


def inner_boxes(data: bytes, start: int = 0) -> Iterator[Box]:
    """Find the boxes inside the content of another."""
    while start + 8 <= len(data):
        length = int.from_bytes(data[start : start + 4], "big")
        if length < 8 or start + length > len(data):
            return
        yield Box(data[start + 4 : start + 8], start, start + 8, start + length)
        start += length


def _child(data: bytes, name: bytes, start: int = 0) -> bytes:
    """The content of the first box of a name; empty where there is none."""
    return next((data[box.content : box.end] for box in inner_boxes(data, start) if box.name == name), b"")


def _note_boxes(items: Items, found: list[Box]) -> None:
    for box in found:
        if box.name in _FILMS:
            items.lost.append("a film")
        elif box.name not in _USUAL:
            items.lost.append(f"the box {box.name.decode('latin-1')}")


def _note_items(items: Items, meta: bytes) -> None:
    pitm, iprp, iref = (_child(meta, name, 4) for name in (b"pitm", b"iprp", b"iref"))
    primary = int.from_bytes(pitm[4:8] if pitm[0] else pitm[4:6], "big")
    ipco = _child(iprp, b"ipco")
    properties = [(box.name, ipco[box.content : box.end]) for box in inner_boxes(ipco)]
    for number, owned in _associations(_child(iprp, b"ipma")):
        for index in owned:
            name, data = properties[index - 1] if 0 < index <= len(properties) else (b"", b"")
            if name == b"colr" and data[:4] == b"nclx" and number == primary:
                primaries, transfer, matrix = struct.unpack_from(">HHH", data, 4)
                items.cicp = Cicp(primaries, transfer, matrix, bool(data[10] & 128))
            elif name in (b"irot", b"imir") and number == primary:
                items.orientation = _turned_further(items.orientation, name, data[0])
            elif name == b"auxC" and not data[4:].startswith(_ALPHA):
                items.lost.append("a gain map" if b"hdrgainmap" in data else "a depth map or other channel")
    kinds = {box.name for box in inner_boxes(iref, 4)}
    items.premultiplied = b"prem" in kinds
    if b"thmb" in kinds:
        items.lost.append("a thumbnail")
    iinf = _child(meta, b"iinf", 4)
    for box in inner_boxes(iinf, 6 if iinf[:1] == b"\0" else 8):
        entry = iinf[box.content : box.end]
        kind = entry[8:12] if entry[0] == 2 else entry[10:14]
        if kind == b"tmap":
            items.lost.append("a gain map")
        elif kind == b"mime" and b"application/rdf+xml" not in entry:
            items.lost.append("data of other programs")


def _turned_further(orientation: int, name: bytes, value: int) -> int:
    """Add a rotation, in quarters to the left, or a mirroring, upside down (0) or sideways (1)."""
    mirrored, quarters = orientation in MIRRORED, QUARTERS[orientation]
    if name == b"irot":
        quarters -= value & 3
    else:
        mirrored, quarters = not mirrored, 2 * (1 - (value & 1)) - quarters
    turned = mirrored, quarters % 4
    return next(each for each in QUARTERS if (each in MIRRORED, QUARTERS[each]) == turned)


def _associations(ipma: bytes) -> Iterator[tuple[int, list[int]]]:
    """Give the number of each item, and the indices of its properties."""
    wide, long = ipma[3] & 1, ipma[0] > 0
    (count,), place = struct.unpack_from(">I", ipma, 4), 8
    for _ in range(count):
        number = int.from_bytes(ipma[place : place + (4 if long else 2)], "big")
        place += 4 if long else 2
        size = 2 if wide else 1
        indices = []
        for i in range(ipma[place]):
            raw = int.from_bytes(ipma[place + 1 + i * size : place + 1 + (i + 1) * size], "big")
            indices.append(raw & (0x7FFF if wide else 0x7F))
        place += 1 + ipma[place] * size
        yield number, indices


def _with_cicp(meta: bytes, cicp: Cicp) -> bytes:
    """Change or add the property of the primary item in the content of `meta`."""
    iprp = _child(meta, b"iprp", 4)
    ipco, ipma = _child(iprp, b"ipco"), _child(iprp, b"ipma")
    points = struct.pack(">HH", cicp.primaries, cicp.transfer)
    place = meta.find(b"colrnclx")
    if place >= 0:
        return meta[: place + 8] + points + meta[place + 12 :]
    matrix = struct.pack(">HB", 6, 128)  # BT.601, full range: what libheif encodes
    colr = boxed(b"colr", b"nclx" + points + matrix)
    index = sum(1 for _ in inner_boxes(ipco)) + 1
    pitm = _child(meta, b"pitm", 4)
    primary = pitm[4:8] if pitm[0] else pitm[4:6]
    new = boxed(b"iprp", boxed(b"ipco", ipco + colr) + boxed(b"ipma", _associated(ipma, primary, index)))
    return _exchanged(meta, {b"iprp": new})


def _exchanged(meta: bytes, new: dict[bytes, bytes]) -> bytes:
    """Exchange boxes in the content of `meta`; those that are missing come last."""
    names = [box.name for box in inner_boxes(meta, 4)]
    kept = [new.get(box.name, meta[box.start : box.end]) for box in inner_boxes(meta, 4)]
    return meta[:4] + b"".join(kept) + b"".join(new[name] for name in new if name not in names)


def _with_item(meta: bytes, kind: bytes, place: int, size: int) -> bytes:
    """Add an item to the lists of items, of their places in the file, and of what each describes."""
    iinf, iloc, iref, pitm = (_child(meta, name, 4) for name in (b"iinf", b"iloc", b"iref", b"pitm"))
    wide = 4 if iinf[0] else 2  # bytes of a count
    count = int.from_bytes(iinf[4 : 4 + wide], "big")
    used = [
        iinf[box.content + 4 : box.content + (6 if iinf[box.content] < 3 else 8)]
        for box in inner_boxes(iinf, 4 + wide)
    ]
    number = max(int.from_bytes(each, "big") for each in used) + 1
    entry = boxed(b"infe", b"\2\0\0\0" + struct.pack(">HH", number, 0) + kind + b"\0")
    iinf = iinf[:4] + (count + 1).to_bytes(wide, "big") + iinf[4 + wide :] + entry
    name = 4 if iloc[0] == 2 else 2  # bytes of an item's number
    offset_size, length_size, base_size = iloc[4] >> 4, iloc[4] & 15, iloc[5] >> 4
    index_size = iloc[5] & 15 if iloc[0] else 0
    count = int.from_bytes(iloc[6 : 6 + name], "big")
    row = number.to_bytes(name, "big") + bytes(4 if iloc[0] else 2) + bytes(base_size) + b"\0\1"
    row += bytes(index_size) + place.to_bytes(offset_size, "big") + size.to_bytes(length_size, "big")
    iloc = iloc[:6] + (count + 1).to_bytes(name, "big") + iloc[6 + name :] + row
    iref = iref or bytes(4)
    ids = 4 if iref[0] else 2
    primary = int.from_bytes(pitm[4:8] if pitm[0] else pitm[4:6], "big")
    link = number.to_bytes(ids, "big") + b"\0\1" + primary.to_bytes(ids, "big")
    return _exchanged(
        meta,
        {
            b"iinf": boxed(b"iinf", iinf),
            b"iloc": boxed(b"iloc", iloc),
            b"iref": boxed(b"iref", iref + boxed(b"cdsc", link)),
        },
    )


def _associated(ipma: bytes, item: bytes, index: int) -> bytes:
    """Associate one more property with an item."""
    wide, width = ipma[3] & 1, 4 if ipma[0] else 2
    place = 8
    while place < len(ipma):
        count = ipma[place + width]
        end = place + width + 1 + count * (2 if wide else 1)
        if int.from_bytes(ipma[place : place + width], "big") == int.from_bytes(item, "big"):
            added = struct.pack(">H", index) if wide else bytes([index])
            head = ipma[: place + width] + bytes([count + 1])
            return head + ipma[place + width + 1 : end] + added + ipma[end:]
        place = end
    return ipma


def _shifted(meta: bytes, delta: int, behind: int) -> bytes:
    """Move the places of the items' data that are at or behind an offset in the file."""
    box = next(box for box in inner_boxes(meta, 4) if box.name == b"iloc")
    data = bytearray(meta[box.content : box.end])
    version = data[0]
    offset_size, length_size, base_size = data[4] >> 4, data[4] & 15, data[5] >> 4
    index_size = data[5] & 15 if version else 0
    id_size = 4 if version == 2 else 2
    count = int.from_bytes(data[6 : 6 + id_size], "big")
    place = 6 + id_size

    def move(at: int, size: int) -> None:
        value = int.from_bytes(data[at : at + size], "big")
        if value >= behind:
            data[at : at + size] = (value + delta).to_bytes(size, "big")

    for _ in range(count):
        place += id_size
        in_file = not version or data[place + 1] & 15 == 0
        place += 4 if version else 2
        base = int.from_bytes(data[place : place + base_size], "big")
        if base and in_file:
            move(place, base_size)
        place += base_size
        extents = int.from_bytes(data[place : place + 2], "big")
        place += 2
        for _ in range(extents):
            place += index_size
            if in_file and not base:
                move(place, offset_size)
            place += offset_size + length_size
    return meta[: box.content] + bytes(data) + meta[box.end :]


def boxed(name: bytes, content: bytes) -> bytes:
    """Make a box."""
    return struct.pack(">I", len(content) + 8) + name + content
