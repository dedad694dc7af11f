"""AVIF, by libvips; what colours mean is read from and written into its boxes here."""

import logging
from pathlib import Path

from pellucid.io.exif import with_resolution
from pellucid.io.format import Data, Format, name_of, several_images, stream_of
from pellucid.io.image import Encoding, Metadata, depth_of
from pellucid.io.isobmff import add_item, brands, is_sequence, items_of, set_cicp
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.vips_sink import VipsSink
from pellucid.io.vips_source import VipsSource

log = logging.getLogger("pellucid")

_QUALITY = 90  # of what was lossy before


def _open(data: Data) -> Source:
    name = name_of(data)
    with stream_of(data) as file:
        if is_sequence(file.read(64)):
            raise several_images(name)
        items = items_of(file)
    if items.lost:
        log.warning("%s: %s will not be in a changed image", name, " and ".join(items.lost))
    # Red, green and blue themselves are stored by lossless files only.
    lossless = items.cicp is not None and items.cicp.matrix == 0
    cicp = None if items.cicp is None or items.cicp.is_srgb else items.cicp
    return VipsSource(
        data,
        "heifload",
        Metadata(cicp=cicp),
        Encoding(format="avif", lossy=not lossless),
        turned=items.orientation,
        premultiplied=items.premultiplied,
    )


def _create(path: Path, like: Source) -> Sink:
    depth = depth_of(like.dtype, like.encoding.bits)
    # An effort of 4, libvips' default, takes eleven times as long for the same size.
    options = {"compression": "av1", "bitdepth": depth, "subsample_mode": "off", "effort": 2}
    options |= {"Q": _QUALITY} if like.encoding.lossy else {"lossless": True}
    carried = ("icc", "xmp")
    return _AvifSink(path, like, "heifsave", options, carried=carried, bits=depth if depth > 8 else None)


class _AvifSink(VipsSink):
    """An AVIF, the meaning of its colours, and EXIF, of which libvips drops tags that it does not know."""

    def commit(self) -> None:
        """Write the end, the code points of the colours, and EXIF."""
        super().commit()
        metadata = self._like.metadata
        if metadata.cicp is not None:
            set_cicp(self._path, metadata.cicp)
        exif = with_resolution(metadata.exif, metadata.resolution, metadata.resolution_unit)
        if exif:
            add_item(self._path, b"Exif", bytes(4) + exif)  # its header begins at once


AVIF = Format(
    name="avif",
    label="AVIF",
    suffixes=(".avif",),
    matches=lambda head: bool(brands(head) & {b"avif", b"avis"}),
    open=_open,
    create=_create,
    depths=(8, 10, 12),
    alpha=True,
    grey=False,
    lossless="both",
    longest=16_384,
    carries=frozenset({"icc", "resolution", "cicp", "exif", "xmp"}),
)
