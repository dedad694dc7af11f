"""Photoshop's image resources, in which JPEG and TIFF files keep IPTC (Adobe Photoshop File Formats)."""

import struct

from pellucid.io.image import Extra

_IPTC = 0x0404


class PhotoshopResources(Extra):
    """Image resources, of which one may be IPTC."""


def iptc_in(resources: bytes) -> bytes | None:
    """Find the IPTC records among image resources."""
    place = 0
    while resources[place : place + 4] == b"8BIM" and len(resources) >= place + 12:
        (kind,) = struct.unpack_from(">H", resources, place + 4)
        place += 6 + (resources[place + 6] + 2) // 2 * 2  # a name, with its length, is padded to even
        size, place = int.from_bytes(resources[place : place + 4], "big"), place + 4
        if kind == _IPTC:
            return resources[place : place + size]
        place += size + size % 2
    return None


def with_iptc(resources: bytes, iptc: bytes | None) -> bytes:
    """Put IPTC records before other resources, of which readers take the first."""
    if not iptc or iptc_in(resources) == iptc:
        return resources
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2) + resources
