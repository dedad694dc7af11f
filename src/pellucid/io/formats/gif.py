"""GIF with one image (GIF89a, CompuServe 1990), by libvips; its blocks say what else is in the file."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pellucid.errors import UsageError
from pellucid.io.format import Data, Format, name_of, stream_of
from pellucid.io.image import Encoding, Metadata, Samples
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.vips_sink import VipsSink
from pellucid.io.vips_source import VipsSource

log = logging.getLogger("pellucid")


def _open(data: Data) -> Source:
    with stream_of(data) as file:
        lost = sorted(set(_lost(file)))
    if lost:
        log.warning("%s: %s will not be in a changed image", name_of(data), " and ".join(lost))
    return VipsSource(data, "gifload", Metadata(), Encoding(format="gif"))


def _lost(file: BinaryIO) -> Iterator[str]:
    """Walk over the blocks, and name what is neither the image nor how it is shown."""
    head = file.read(13)
    if len(head) == 13 and head[10] & 128:
        file.seek(3 << (head[10] & 7) + 1, 1)
    while mark := file.read(1):
        if mark == b",":
            flags = file.read(9)[8:]
            file.seek((3 << (flags[0] & 7) + 1 if flags and flags[0] & 128 else 0) + 1, 1)
            _skip(file)
        elif mark == b"!":
            kind = file.read(1)
            if kind == b"\xff":
                length = file.read(1)
                name = file.read(length[0] if length else 0)
                if name[:8] not in (b"NETSCAPE", b"ANIMEXTS"):
                    yield f"the data of {name.decode('latin-1').strip()}"
            elif kind != b"\xf9":
                yield "a comment" if kind == b"\xfe" else "text to be drawn"
            _skip(file)
        else:
            break
    if file.read(1):
        yield "the data behind the image"


def _skip(file: BinaryIO) -> None:
    while (length := file.read(1)) and length[0]:
        file.seek(length[0], 1)


class _GifSink(VipsSink):
    """A GIF, whose pixels are opaque or transparent, and nothing between."""

    def write(self, rows: Samples) -> None:
        """Encode the next rows."""
        if self._like.alpha and np.any((rows[..., -1] > 0) & (rows[..., -1] < 255)):
            raise UsageError("GIF cannot hold pixels that are partly transparent", "Write PNG")
        super().write(rows)


def _create(path: Path, like: Source) -> Sink:
    return _GifSink(path, like, "gifsave", {}, carried=())


GIF = Format(
    name="gif",
    label="GIF",
    suffixes=(".gif",),
    matches=lambda head: head[:6] in (b"GIF87a", b"GIF89a"),
    open=_open,
    create=_create,
    alpha=True,
    grey=False,
    lossless="no",  # 256 colours
    longest=65_535,
)
