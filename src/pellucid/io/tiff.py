"""Which TIFF files can be read without losing anything, and how they were written."""

import logging
from pathlib import Path
from typing import Any

from pellucid.errors import InputError
from pellucid.io.exif import Entry, exif_of_tiff, iptc_of_tiff, pages, resolution_in

log = logging.getLogger("pellucid")

# Tag numbers of TIFF 6.0.
_SUBFILE, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES = 254, 258, 259, 262, 277
_EXTRA, _SAMPLE_FORMAT, _DNG = 338, 339, 50706
_GDAL_NODATA = 42113  # a number as text (gdal.org/drivers/raster/gtiff.html)

# How many samples a pixel has, without alpha, by the photometric interpretation.
_CHANNELS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3}
_COLOURS = {4: "a mask", 8: "CIELAB", 9: "ICCLAB", 10: "ITULAB", 32844: "LogL", 32845: "LogLuv"}
_RAW = (32803, 34892)
_FORMATS = {1: "uint", 2: "int", 3: "float", 5: "complex int", 6: "complex"}
_DEPTHS = {"uint": (1, 2, 4, 8, 16), "float": (16, 32)}
# Lossy compressions are left out: a second pass would add its own errors.
_COMPRESSIONS = {
    1: "none",
    2: "ccittfax4",
    3: "ccittfax4",
    4: "ccittfax4",
    5: "lzw",
    8: "deflate",
    32773: "packbits",
    32946: "deflate",
}
_JPEG = (6, 7)
_LOSSY = (*_JPEG, 33003, 33005, 34712, 50001)


def tiff_facts(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Say how a TIFF was written, as fields and metadata of an `Image`.

    Raises
    ------
    InputError
        When the file holds something that would be lost, or is broken.
    """
    try:
        first, *others = _whole_pages(path)
        _refuse_strange(path, first)
        found = {"exif": exif_of_tiff(path), "iptc": iptc_of_tiff(path)}
    except ValueError as exc:  # broken, or no page at all
        raise InputError(f"{path} is a broken TIFF file: {exc}", "Use an intact copy") from exc
    if others:
        raise InputError(
            f"{path} has more than one page, and only the first would be read",
            "Save each page as a file of its own",
        )
    compression = _number(first, _COMPRESSION, 1)
    fields = {
        "compression": _COMPRESSIONS.get(compression, "deflate"),
        "lossy": compression in _LOSSY,
        "resolution": resolution_in(first),
        "nodata": _nodata(first),
    }
    return fields, {name: data for name, data in found.items() if data}


def _number(page: dict[int, Entry], tag: int, default: int) -> int:
    return page[tag].numbers[0] if tag in page and page[tag].numbers else default


def _nodata(page: dict[int, Entry]) -> float | None:
    """The value that means "no data"; None where samples are not stored as they are read, as in a palette."""
    if (
        _GDAL_NODATA not in page
        or _number(page, _PHOTOMETRIC, 1) not in (1, 2)
        or _number(page, _BITS, 1) < 8
    ):
        return None
    try:
        return float(page[_GDAL_NODATA].data.split(b"\0")[0])
    except ValueError:
        return None


def _whole_pages(path: Path) -> list[dict[int, Entry]]:
    """Read the first page and, at most, one more that is not a small copy of another."""
    whole: list[dict[int, Entry]] = []
    previews = 0
    for page in pages(path):
        if whole and _number(page, _SUBFILE, 0) & 1:
            previews += 1
        else:
            whole.append(page)
        if len(whole) > 1:
            break
    if previews:
        log.warning("%s: the small previews in the file are left out", path)
    return whole


def _refuse_strange(path: Path, page: dict[int, Entry]) -> None:
    colour, samples = _number(page, _PHOTOMETRIC, 1), _number(page, _SAMPLES, 1)
    if _DNG in page or colour in _RAW or _number(page, _SUBFILE, 0) & 1:
        raise InputError(
            f"{path} is a camera's raw file",
            "Develop it with a raw converter, and give the 16-bit TIFF that it writes",
        )
    kind = _FORMATS.get(_number(page, _SAMPLE_FORMAT, 1), "unknown")
    depths = (page[_BITS].numbers if _BITS in page else ()) or (1,)
    if depths[0] not in _DEPTHS.get(kind, ()) or len(set(depths)) > 1:
        found = f"{kind}{depths[0]}" if len(set(depths)) == 1 else "mixed depths"
        raise InputError(
            f"{path} holds {found} samples",
            "TIFF files with 1, 2, 4, 8 or 16-bit unsigned integers or 16 or 32-bit floats are read",
        )
    if colour not in _CHANNELS:
        raise InputError(
            f"{path} holds colours as {_COLOURS.get(colour, f'kind {colour}')}",
            "TIFF files in grey, RGB, CMYK or with a palette are read, and YCbCr as JPEG has it",
        )
    if colour == 6 and _number(page, _COMPRESSION, 1) not in _JPEG:
        raise InputError(f"{path} holds colours as YCbCr that is no JPEG", "Save it as RGB")
    if colour == 0 and kind == "float":
        raise InputError(
            f"{path} holds floating-point samples in which 0 is white", "Save it so that 0 is black"
        )
    extra = page[_EXTRA].numbers if _EXTRA in page else ()
    colours = _CHANNELS[colour]
    # A fourth sample of unknown meaning is nearly always alpha; one beside grey may be anything.
    if samples > 4 or samples - colours not in (0, 1) or (samples == 2 and extra not in ((1,), (2,))):
        raise InputError(
            f"{path} has {samples} channels where {colours}, or alpha besides, would be an image",
            "Save the channels as separate grey files",
        )
