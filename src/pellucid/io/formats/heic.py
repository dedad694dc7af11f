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

log = logging.getLogger("pellucid")

_ERRORS = (ValueError, RuntimeError, EOFError, SyntaxError, IndexError)


class _HeicSource:
    """A HEIC file, decoded as a whole when the first region is read."""

    extra = 0
    nodata: float | None = None

    def __init__(self, data: Data) -> None:
        self.name = name_of(data)
        with stream_of(data) as stream:
            several = is_sequence(stream.read(64))
            items = items_of(stream)
        pi_heif = require("pi_heif", "heic", "to read HEIC")
        try:
            self._file = pi_heif.open_heif(
                io.BytesIO(data) if isinstance(data, bytes) else data, convert_hdr_to_8bit=False
            )
        except _ERRORS as exc:
            raise self._broken(exc) from exc
        if several or len(self._file) > 1:
            raise several_images(self.name)
        if items.lost:
            log.warning("%s: %s will not be in a changed image", self.name, " and ".join(items.lost))
        self.width, self.height = self._file.size
        mode = self._file.mode.split(";")[0]
        self.channels, self.alpha = 1 if mode.startswith("L") else 3, mode.endswith("A") or mode.endswith("a")
        info = self._file.info
        bits = info["bit_depth"] if info["bit_depth"] in (10, 12) else None
        self.dtype = np.dtype(np.uint16 if info["bit_depth"] > 8 else np.uint8)
        exif = info["exif"].removeprefix(b"Exif\0\0") if info.get("exif") else None
        cicp = None if items.cicp is None or items.cicp.is_srgb else items.cicp
        metadata = Metadata(
            icc=usable_profile(self.name, info.get("icc_profile"), self.channels),
            cicp=cicp,
            exif=exif,
            xmp=info.get("xmp") or None,
        )
        self.metadata = upright_metadata(metadata, 1, self._file.size, in_exif=True)
        self.encoding = Encoding(format="heic", bits=bits, lossy=True)
        self._samples: Samples | None = None

    def read(self, rows: slice, columns: slice) -> Samples:
        """Give a region of the decoded image."""
        if self._samples is None:
            try:
                array: Any = np.array(self._file)
            except _ERRORS as exc:
                raise self._broken(exc) from exc
            self._samples = stretched(array.reshape(self.height, self.width, -1), self.encoding.bits)
        return self._samples[rows, columns]

    def close(self) -> None:
        """Let go of the samples."""
        self._samples = None

    def _broken(self, exc: Exception) -> InputError:
        words = " ".join(str(exc).split())
        return InputError(f"{self.name} is a broken HEIC file: {words}", "Use an intact copy")


def _open(data: Data) -> Source:
    return _HeicSource(data)


HEIC = Format(
    name="heic",
    label="HEIC",
    suffixes=(".heic", ".heif", ".hif"),
    matches=lambda head: bool(brands(head) & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"}),
    open=_open,
    depths=(8, 10, 12),
    alpha=True,
    grey=True,
    lossless="no",
    writes_as=".avif",
    needs="heic",
)
