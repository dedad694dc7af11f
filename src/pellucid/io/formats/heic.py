"""HEIC, which is only read: its decoder is pi-heif, in the extra `heic`, since libvips' wheel has none."""

import io
import logging
from typing import Any

import numpy as np

from pellucid.errors import InputError, require
from pellucid.io.format import Data, Format, name_of, several_images, stream_of
from pellucid.io.image import Encoding, Metadata, Samples, stretched
from pellucid.io.isobmff import brands, is_sequence, items_of
from pellucid.io.source import Source
from pellucid.io.upright import upright_metadata
from pellucid.io.vips import usable_profile
from pellucid.io.vips_source import divided
from pellucid.io.whole import WholeSource

log = logging.getLogger("pellucid")


def _open(data: Data) -> Source:
    name = name_of(data)
    with stream_of(data) as stream:
        several = is_sequence(stream.read(64))
        items = items_of(stream)
    pi_heif = require("pi_heif", "heic", "to read HEIC")
    try:
        file = pi_heif.open_heif(
            io.BytesIO(data) if isinstance(data, bytes) else data, convert_hdr_to_8bit=False
        )
    except (ValueError, RuntimeError, EOFError, SyntaxError, IndexError) as exc:
        words = " ".join(str(exc).split())
        raise InputError(f"{name} is a broken HEIC file: {words}", "Use an intact copy") from exc
    if several or len(file) > 1:
        raise several_images(name)
    if items.lost:
        log.warning("%s: %s will not be in a changed image", name, " and ".join(items.lost))
    width, height = file.size
    mode = file.mode.split(";")[0]
    alpha, channels = mode[-1] in "Aa", 1 if mode.startswith("L") else 3
    info = file.info
    bits = info["bit_depth"] if info["bit_depth"] in (10, 12) else None
    metadata = Metadata(
        icc=usable_profile(name, info.get("icc_profile"), channels),
        cicp=None if items.cicp is None or items.cicp.is_srgb else items.cicp,
        exif=info["exif"].removeprefix(b"Exif\0\0") if info.get("exif") else None,
        xmp=info.get("xmp") or None,
    )

    def decode() -> Samples:
        array: Any = np.array(file)
        samples = stretched(array.reshape(height, width, -1), bits)
        return divided(samples) if items.premultiplied and alpha else samples

    return WholeSource(
        name,
        (height, width, channels + alpha),
        np.uint16 if info["bit_depth"] > 8 else np.uint8,
        decode,
        metadata=upright_metadata(metadata, items.orientation, (width, height)),
        encoding=Encoding(format="heic", bits=bits, lossy=True),
        alpha=alpha,
    )


HEIC = Format(
    name="heic",
    label="HEIC",
    suffixes=(".heic", ".heif", ".hif"),
    matches=lambda head: bool(brands(head) & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"}),
    open=_open,
    depths=(8, 10, 12),
    alpha=True,
    lossless="no",
    carries=frozenset({"icc", "cicp", "resolution", "exif", "xmp"}),
    writes_as=".avif",
    needs="heic",
)
