"""WebP, by libvips; its RIFF chunks say whether it is lossless, and what else is in the file."""

import logging
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pellucid.io.exif import with_resolution
from pellucid.io.format import Data, Format, name_of, stream_of
from pellucid.io.image import Encoding, Metadata
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.vips_sink import VipsSink
from pellucid.io.vips_source import VipsSource

log = logging.getLogger("pellucid")

_QUALITY = 90  # of what was lossy before
_KNOWN = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP ", b"ANIM", b"ANMF")
_ALPHA, _EXIF, _XMP = 16, 8, 4  # flags of the extended header


def _open(data: Data) -> Source:
    with stream_of(data) as file:
        names = list(_chunks(file))
    lost = [f"the chunk {name.decode('latin-1')}" for name in names if name and name not in _KNOWN]
    lost += ["the data behind the image"] if b"" in names else []
    if lost:
        log.warning("%s: %s will not be in a changed image", name_of(data), " and ".join(lost))
    return VipsSource(data, "webpload", Metadata(), Encoding(format="webp", lossy=b"VP8L" not in names))


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """Give the name of each chunk; an empty one for data behind the last."""
    size = file.seek(0, 2)
    file.seek(4)
    end = int.from_bytes(file.read(4), "little") + 8
    file.seek(12)
    while file.tell() + 8 <= min(end, size):
        head = file.read(8)
        yield head[:4]
        length = int.from_bytes(head[4:], "little")
        file.seek(length + length % 2, 1)
    if size > end + end % 2:
        yield b""


def _create(path: Path, like: Source) -> Sink:
    options = {"Q": _QUALITY, "smart_subsample": True} if like.encoding.lossy else {"lossless": True}
    return _WebpSink(path, like, "webpsave", {"exact": True, **options})


class _WebpSink(VipsSink):
    """A WebP with EXIF and XMP byte for byte: libvips would drop the tags that it does not know."""

    def commit(self) -> None:
        """Write the end, and the metadata behind the pixels."""
        super().commit()
        metadata = self._like.metadata
        exif = with_resolution(metadata.exif, metadata.resolution, metadata.resolution_unit)
        if exif or metadata.xmp:
            self._path.write_bytes(_extended(self._path.read_bytes(), self._like, exif, metadata.xmp))


def _extended(data: bytes, like: Source, exif: bytes | None, xmp: bytes | None) -> bytes:
    """Add metadata to a WebP, and the header that announces them."""
    if data[12:16] != b"VP8X":
        sides = (like.width - 1).to_bytes(3, "little") + (like.height - 1).to_bytes(3, "little")
        data = data[:12] + _chunk(b"VP8X", bytes([_ALPHA * like.alpha, 0, 0, 0]) + sides) + data[12:]
    flags = data[20] | (_EXIF if exif else 0) | (_XMP if xmp else 0)
    body = data[8:20] + bytes([flags]) + data[21:]
    body += (_chunk(b"EXIF", exif) if exif else b"") + (_chunk(b"XMP ", xmp) if xmp else b"")
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


WEBP = Format(
    name="webp",
    label="WebP",
    suffixes=(".webp",),
    matches=lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
    open=_open,
    create=_create,
    alpha=True,
    grey=False,
    lossless="both",
    longest=16_383,
    carries=frozenset({"icc", "resolution", "exif", "xmp"}),
)
