"""A file as a source, decoded by libvips."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pellucid.errors import InputError
from pellucid.io.format import Data, name_of, several_images
from pellucid.io.image import Encoding, Metadata, Samples, stretched
from pellucid.io.upright import upright_metadata
from pellucid.io.vips import TYPES, calling, light, usable_profile, vips

log = logging.getLogger("pellucid")

_LONGEST = 100_000_000  # pixels per side that libvips can work on; it complains on standard error


class VipsSource:
    """A file that libvips decodes row by row, or as a whole into its disc cache where it must be turned.

    Parameters
    ----------
    data : Path or bytes
    loader : str
        Of libvips, such as "pngload".
    metadata : Metadata
        What the format's own parser found; ICC, EXIF, XMP and the resolution in EXIF come from libvips.
    encoding : Encoding
    profiled : bool
        Whether the file has an ICC profile, even where libvips gives none because it is broken.
    turned : int, optional
        The orientation with which the loader itself turns the image upright, whatever EXIF says.
    tolerant : bool
        Whether damage that the decoder survives gives a warning instead of an error.
    name : str, optional
        For messages, where it is not that of the data.
    premultiplied : bool
        Whether the loader leaves colours multiplied by their alpha, so that they are divided here.
    extra : int
        The number of channels that are neither colour nor alpha, at the end.

    Raises
    ------
    InputError
        When the header cannot be read, or the file contains something that would be lost.
    """

    def __init__(
        self,
        data: Data,
        loader: str,
        metadata: Metadata,
        encoding: Encoding,
        *,
        profiled: bool = False,
        turned: int | None = None,
        tolerant: bool = False,
        name: str | None = None,
        premultiplied: bool = False,
        extra: int = 0,
    ) -> None:
        self.name = name or name_of(data)
        self._data, self._loader, self._fail_on = data, loader, "warning" if tolerant else "error"
        self._turn, self._cmyk, self._next = 1, False, 0
        raster = self._raster = self._checked(self._load)
        if max(raster.width, raster.height) > _LONGEST:
            raise InputError(
                f"{self.name} says that it has {raster.width} x {raster.height} pixels", "Use an intact copy"
            )
        if raster.get_typeof("orientation") and turned is None:
            self._turn = raster.get("orientation")
            raster = self._raster = self._checked(self._load)
        self._several(raster, loader)
        if raster.interpretation == "cmyk" and raster.format != "float":
            log.warning("%s: CMYK is converted to sRGB, and written as sRGB if anything changes", self.name)
            self._cmyk = True
            raster = self._raster = self._checked(self._load)
        elif raster.format not in TYPES or raster.interpretation == "cmyk":
            raise InputError(
                f"{self.name} has {raster.bands} channels of type {raster.format} ({raster.interpretation})",
                "Save it as grey, RGB or CMYK with at most 16 bits, or as float grey or RGB",
            )
        self.height, self.width = raster.height, raster.width
        self.extra, self._premultiplied = extra, premultiplied
        colours = raster.bands - self.extra
        self.alpha = colours in (2, 4)
        self.channels = colours - self.alpha
        self.dtype = np.dtype(TYPES[raster.format])
        bits = self._bits(raster)
        self.encoding = replace(encoding, bits=bits)
        self.metadata = self._metadata(raster, metadata, profiled=profiled, turn=turned or self._turn)
        self.nodata = metadata.nodata

    def read(self, rows: slice, columns: slice) -> Samples:
        """Decode a region; rows above the last ones are decoded anew from the top."""
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if rows.start < self._next and self._turn == 1:
            self._raster = self._checked(self._load)
        self._next = rows.stop

        def fetch() -> Any:
            region = vips().Region.new(self._raster)
            return region.fetch(columns.start, rows.start, width, height)

        array = np.frombuffer(self._checked(fetch), self.dtype)
        samples = stretched(array.reshape(height, width, -1), self.encoding.bits)
        return divided(samples) if self._premultiplied and self.alpha else samples

    def close(self) -> None:
        """Let go of the file."""
        self._raster = None

    def _load(self) -> Any:
        access = "sequential" if self._turn == 1 else "random"
        load = getattr(vips().Image, self._loader + ("_buffer" if isinstance(self._data, bytes) else ""))
        data = self._data if isinstance(self._data, bytes) else os.fsencode(self._data)
        raster = load(data, access=access, fail_on=self._fail_on)
        if self._cmyk:
            raster = light(raster)
        return raster if self._turn == 1 else raster.autorot()

    def _checked(self, call: Callable[[], Any]) -> Any:
        """Call libvips; damage that a tolerant decoder survives is reported once, and the call repeated."""
        try:
            with calling() as reason:
                return call()
        except (vips().Error, UnicodeDecodeError) as exc:
            if self._fail_on == "error":
                raise InputError(
                    f"{self.name} cannot be read: {reason(exc)}", "Use an intact copy of the file"
                ) from exc
            problem = reason(exc)
        self._fail_on = "error"
        self._raster = self._checked(self._load)
        result = self._checked(call)
        log.warning("%s is damaged: %s", self.name, problem)
        return result

    def _several(self, raster: Any, loader: str) -> None:
        # The pages of a TIFF have been looked at: small previews are pages too.
        if loader != "tiffload" and raster.get_typeof("n-pages") and raster.get("n-pages") > 1:
            raise several_images(self.name)

    def _bits(self, raster: Any) -> int | None:
        bits = raster.get("bits-per-sample") if raster.get_typeof("bits-per-sample") else None
        few = bits in (1, 2, 4) and raster.bands == 1 and not raster.get_typeof("palette")
        return bits if few or bits in (10, 12) else None

    def _metadata(self, raster: Any, metadata: Metadata, *, profiled: bool, turn: int) -> Metadata:
        def blob(name: str) -> Any:
            return raster.get(name) if raster.get_typeof(name) else None

        if metadata.exif is None and raster.get_typeof("exif-data"):
            metadata = replace(metadata, exif=blob("exif-data").removeprefix(b"Exif\0\0"))
        if metadata.xmp is None:
            metadata = replace(metadata, xmp=blob("xmp-data"))
        if metadata.icc is None:
            metadata = replace(metadata, icc=blob("icc-profile-data"))
        if raster.get_typeof("resolution-unit"):
            metadata = replace(metadata, resolution_unit=raster.get("resolution-unit"))
        icc = usable_profile(self.name, metadata.icc, self.channels, profiled=profiled)
        upright = upright_metadata(metadata, turn, (self.width, self.height))
        return replace(upright, icc=icc)


def divided(samples: Samples) -> Samples:
    """Divide integer colours (h, w, channels + 1) by their alpha, the last channel; black where it is 0."""
    full = np.iinfo(samples.dtype).max
    alpha = samples[..., -1:].astype(np.float32)
    colours = samples[..., :-1] * (full / np.maximum(alpha, 1)) * (alpha > 0)
    return np.concatenate(
        [np.rint(np.minimum(colours, full)).astype(samples.dtype), samples[..., -1:]], axis=2
    )
