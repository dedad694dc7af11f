"""Photoshop's image resources, in which JPEG and TIFF files keep IPTC (Adobe Photoshop File Formats)."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Self

from pellucid.io.exif import upright
from pellucid.io.image import Extra
from pellucid.io.orientation import is_turned, upright_point
from pellucid.io.xmp import upright_xmp

_RESOLUTION, _IPTC, _GUIDES, _EXIF, _XMP = 0x03ED, 0x0404, 0x0408, 0x0422, 0x0424
_THUMBNAILS = (0x0409, 0x040C)
_PATHS = (0x0401, *range(0x07D0, 0x0BB7))  # the working path, and those with names
_KNOTS = (1, 2, 4, 5)  # records of a path that are points
_WHOLE = 1 << 24  # in paths, width and height


class PhotoshopResources(Extra):
    """Image resources, of which one may be IPTC."""

    def upright(self, orientation: int, size: tuple[int, int]) -> Self:
        """Remove the thumbnails, and turn paths, guides, resolution, and copies of EXIF and XMP."""
        kept, last = bytearray(), 0
        for kind, start, place, length in _resources(self.data):
            if place + length > len(self.data):  # cut off
                break
            content = self.data[place : place + length]
            last = place + length + length % 2
            if kind not in _THUMBNAILS:
                new = _turned(kind, content, orientation, size)
                kept += (
                    self.data[start : place - 4] + struct.pack(">I", len(new)) + new + b"\0" * (len(new) % 2)
                )
        return replace(self, data=bytes(kept) + self.data[last:])


def iptc_in(resources: bytes) -> bytes | None:
    """Find the IPTC records among image resources."""
    found = (resources[at : at + size] for kind, _, at, size in _resources(resources) if kind == _IPTC)
    return next(found, None)


def with_iptc(resources: bytes, iptc: bytes | None) -> bytes:
    """Put IPTC records before other resources, of which readers take the first."""
    if not iptc or iptc_in(resources) == iptc:
        return resources
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2) + resources


def _resources(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Give the kind of each resource, where it starts, where its content starts, and how long that is."""
    place = 0
    while data[place : place + 4] == b"8BIM" and len(data) >= place + 12:
        (kind,), start = struct.unpack_from(">H", data, place + 4), place
        place += 6 + (data[place + 6] + 2) // 2 * 2  # a name, with its length, is padded to even
        size, place = int.from_bytes(data[place : place + 4], "big"), place + 4
        yield kind, start, place, size
        place += size + size % 2


def _turned(kind: int, data: bytes, orientation: int, size: tuple[int, int]) -> bytes:
    if kind == _EXIF:
        return upright(data, orientation, size)
    if kind == _XMP:
        return upright_xmp(data, orientation, size)
    if kind == _RESOLUTION and len(data) == 16 and is_turned(orientation):
        return data[8:] + data[:8]
    if kind in _PATHS and len(data) % 26 == 0:
        return b"".join(_turned_knot(data[i : i + 26], orientation) for i in range(0, len(data), 26))
    if kind == _GUIDES and len(data) >= 16 and orientation != 1:
        guides = [_turned_guide(data[i : i + 5], orientation, size) for i in range(16, len(data) - 4, 5)]
        return data[:16] + b"".join(guides)
    return data


def _turned_knot(record: bytes, orientation: int) -> bytes:
    selector, *numbers = struct.unpack(">H6i", record)
    if selector not in _KNOTS:
        return record
    points = zip(numbers[1::2], numbers[::2], strict=True)  # each y, x: control points and anchor
    turned = [upright_point(x, y, _WHOLE, _WHOLE, orientation) for x, y in points]
    return struct.pack(">H6i", selector, *(number for x, y in turned for number in (y, x)))


def _turned_guide(record: bytes, orientation: int, size: tuple[int, int]) -> bytes:
    """Turn a guide: 32nds of a pixel from the left (vertical, 0) or from the top (horizontal, 1)."""
    place, horizontal = struct.unpack(">iB", record)
    width, height = size[::-1] if is_turned(orientation) else size
    x, y = (0, place) if horizontal else (place, 0)
    x, y = upright_point(x, y, width * 32, height * 32, orientation)
    horizontal ^= is_turned(orientation)
    return struct.pack(">iB", y if horizontal else x, horizontal)
