"""WebP, by libvips; its RIFF chunks say whether it is lossless, and what else is in the file."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pellucid.io.format import Data, Format, name_of, stream_of
from pellucid.io.image import Encoding, Metadata
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.vips_sink import VipsSink
from pellucid.io.vips_source import VipsSource

log = logging.getLogger("pellucid")

_QUALITY = 90  # of what was lossy before
_KNOWN = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP ", b"ANIM", b"ANMF")


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
    carried = ("icc", "exif", "xmp")
    return VipsSink(path, like, "webpsave", {"exact": True, **options}, carried=carried)


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
