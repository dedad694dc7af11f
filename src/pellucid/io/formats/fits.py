"""FITS (version 4.0, IAU 2016), whose headers astropy reads: the images in a file, each a part.

Stored samples are replaced, and the header stays: BSCALE, BZERO, WCS and units mean what they meant. Sums of
control (DATASUM, CHECKSUM) are renewed where they are there. Tables and masks stay as they are.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import InputError, UsageError, require
from pellucid.io.array_stack import ArraySink, ArrayStack, Raw
from pellucid.io.format import Format, only_plane
from pellucid.io.gzipped import first_bytes, unpacked
from pellucid.io.image import Encoding
from pellucid.io.stack import Part, check_axes

_DTYPES = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_UNSIGNED = {("int16", 2**15): "uint16", ("int32", 2**31): "uint32", ("uint8", -128): "int8"}
_NO_IMAGES = ("DQ", "ERR", "ERROR", "IVAR", "MASK", "UNCERT", "VAR", "VARIANCE", "WEIGHT", "WHT")
_NAMES = "VUTZYX"


def _open(path: Path, axes: str | None) -> ArrayStack:
    fits = require("astropy.io.fits", "science", "to read FITS")
    with unpacked(path) as (content, keep):
        with _reading(fits, content, str(path), "readonly") as units:
            if any(unit.header.get("ZIMAGE") for unit in units):
                raise InputError(
                    f"{path} contains an image that is compressed in a table", "Use funpack first"
                )
            found = [
                _part(str(path), number, unit, axes) for number, unit in enumerate(units) if _is_image(unit)
            ]
        if not found:
            raise InputError(f"{path} contains no image, only tables or headers", "Give a FITS image")
        parts, raws = [part for part, _ in found], [raw for _, raw in found]
        for raw in raws:
            raw.map(content)
        keep()
        return ArrayStack(path, Encoding(format="fits"), parts, raws, content if content != path else None)


@contextmanager
def _reading(fits: Any, content: Path, name: str, mode: str) -> Iterator[Any]:
    """Open the units of a file, with images as they are stored."""
    options = {"do_not_scale_image_data": True, "disable_image_compression": True, "memmap": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about headers that are not quite as the standard has them
            with fits.open(content, mode=mode, **options) as units:
                yield units
    except (InputError, UsageError, MemoryError):
        raise
    except Exception as exc:  # astropy's readers have errors of their own
        raise InputError(
            f"{name} is a broken FITS file: {' '.join(str(exc).split())}", "Use an intact copy"
        ) from exc


def _is_image(unit: Any) -> bool:
    return bool(
        unit.is_image and len(unit.shape) > 1 and 0 not in unit.shape and unit.name.upper() not in _NO_IMAGES
    )


def _part(name: str, number: int, unit: Any, axes: str | None) -> tuple[Part, Raw]:
    header, shape = unit.header, tuple(unit.shape)
    stored = np.dtype(_DTYPES[header["BITPIX"]])
    zero = header.get("BZERO", 0) if header.get("BSCALE", 1) == 1 else 0
    kind = _UNSIGNED.get((stored.newbyteorder("=").name, int(zero)))
    if axes is None and len(shape) <= len(_NAMES):
        axes = _NAMES[-len(shape) :]
    part = Part(
        axes=check_axes(axes, shape, name),
        shape=shape,
        dtype=np.dtype(kind or stored.newbyteorder("=")),
        name=unit.name.lower() if number else "primary",
        nodata=_blank(header, int(zero) if kind else 0) if stored.kind in "iu" else None,
    )
    return part, Raw(unit.fileinfo()["datLoc"], shape, stored, zero=int(zero) if kind else 0)


def _blank(header: Any, zero: int) -> float | None:
    return float(header["BLANK"] + zero) if "BLANK" in header else None


def _renew_sums(content: Path) -> None:
    fits = require("astropy.io.fits", "science", "to write FITS")
    with _reading(fits, content, str(content), "readonly") as units:
        summed = any({"CHECKSUM", "DATASUM"} & set(unit.header) for unit in units)
    if summed:
        with _reading(fits, content, str(content), "update") as units:
            for unit in units:
                if {"CHECKSUM", "DATASUM"} & set(unit.header):
                    unit.add_checksum(when="by Pellucid")


FITS = Format(
    name="fits",
    label="FITS",
    suffixes=(".fits", ".fit", ".fts", ".fits.gz"),
    matches=lambda head: first_bytes(head, 9) == b"SIMPLE  =",
    open=only_plane(_open),
    open_stack=_open,
    create_stack=partial(ArraySink, seal=_renew_sums),
    depths=(8, 16, 32),
    needs="science",
)
