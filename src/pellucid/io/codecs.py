"""Between an `Image` and libvips: one function decodes, one encodes."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.cpus import usable_cpus
from pellucid.errors import InputError
from pellucid.io import containers
from pellucid.io.exif import add_to_tiff, orientation_of, resolution_of, upright
from pellucid.io.image import Image, Samples, is_resolution, stretched
from pellucid.io.orientation import is_turned, upright_pixels
from pellucid.io.tiff import tiff_facts
from pellucid.io.xmp import upright_xmp

log = logging.getLogger("pellucid")

_LOADERS = {"jpeg": "jpegload", "png": "pngload", "tiff": "tiffload", "webp": "webpload", "avif": "heifload"}
_TYPES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
_INTERPRETATIONS = {
    ("uint8", 1): "b-w",
    ("uint8", 3): "srgb",
    ("uint16", 1): "grey16",
    ("uint16", 3): "rgb16",
    ("float32", 1): "b-w",
    ("float32", 3): "scrgb",
}
# libvips' names for what an image carries, and ours.
_BLOBS = {"exif-data": "exif", "xmp-data": "xmp", "photoshop-data": "photoshop"}
# In which formats libvips writes them; elsewhere we do, or they have no place.
_CARRIED = {"exif": ("webp", "avif"), "xmp": ("png", "tiff", "webp", "avif"), "photoshop": ("tiff",)}
_DEFAULT_RESOLUTION = containers.UNKNOWN_PNG_RESOLUTION / 1000  # what is written when nothing is known
LONGEST_JPEG = 65_500  # pixels a side, libjpeg's limit
_GOOD_QUALITY = 90  # of lossy WebP and AVIF


@cache
def vips() -> Any:
    """Import pyvips when the first file is read or written: it costs start-up time.

    Unless the application uses pyvips itself, libvips' own warnings are turned off, in C. pyvips would call
    Python for each of its messages, and an interrupt that arrives in such a call is lost.
    """
    first = "pyvips" not in sys.modules
    if first:
        os.environ.setdefault("VIPS_WARNING", "0")  # any value means: no warnings
        os.environ.setdefault("VIPS_CONCURRENCY", str(usable_cpus()))  # libvips does not see quotas
    import pyvips

    if first:
        pyvips._remove_log_handler()
    # A cached file would be given again after it was overwritten, and would hold its memory.
    pyvips.cache_set_max(0)
    return pyvips


# ---- decoding ------------------------------------------------------------------------------------


def decode(kind: str, path: Path, check_size: Callable[[int, int], None]) -> Image:
    """Read a file of a known kind; `check_size` is called with width and height before anything is decoded.

    Only the loader of that kind is used, whatever the file may be besides.

    Raises
    ------
    InputError
        When the file is broken or holds something that would be lost.
    """
    fields, metadata = _facts(kind, path)
    _left_errors()
    try:
        load = getattr(vips().Image, _LOADERS[kind])
        raster = load(os.fsencode(path), access="sequential", fail_on="error")
        check_size(raster.width, raster.height)
        _refuse_strange(kind, path, raster)
        if raster.interpretation == "cmyk":
            log.warning("%s: CMYK is worked on as sRGB, and written so where anything changes", path)
            depth = 16 if raster.format == "ushort" else 8
            raster = raster.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=depth)
        turn = raster.get("orientation") if kind != "avif" and _has(raster, "orientation") else 1
        bits = _bits(raster)
        samples, alpha = _samples(raster, turn, bits)
        _mind_damage(kind, path, _left_errors())
    except (vips().Error, UnicodeDecodeError) as exc:
        reason = _reason(exc) or "the data make no sense"
        raise InputError(f"{path} cannot be read: {reason}", "Use an intact copy of the file") from exc
    metadata = {**_metadata(raster), **metadata}
    in_file = fields.pop("resolution", None)
    size = samples.shape[1], samples.shape[0]
    if kind == "avif":  # libheif has turned it, as the file itself and not its EXIF says
        turn = orientation_of(metadata.get("exif", b""))
    elif in_file and is_turned(turn):
        in_file = in_file[::-1]
    if "exif" in metadata:
        metadata["exif"] = upright(metadata["exif"], turn, size)
    if "xmp" in metadata:
        metadata["xmp"] = upright_xmp(metadata["xmp"], turn, size)
    return Image(
        samples=samples,
        alpha=alpha,
        profile=_profile(path, raster, profiled=fields.pop("profiled", False)),
        metadata=metadata,
        resolution=_resolution(metadata.get("exif", b""), in_file),
        format=kind,
        bits=bits,
        **fields,
    )


def _facts(kind: str, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read what libvips does not tell, as fields and metadata of an `Image`."""
    if kind == "tiff":
        return tiff_facts(path)
    fields: dict[str, Any]
    with path.open("rb") as file:
        if kind == "webp":
            return {"lossy": not containers.webp_is_lossless(file)}, {}
        if kind == "avif":
            if containers.is_sequence(file):
                raise _several(path)
            return {"lossy": not containers.avif_is_lossless(file)}, {}
        if kind == "png":
            png = containers.png_facts(file)
            if png.animated:
                raise _several(path)
            if not png.complete:
                raise InputError(f"{path} is a PNG that is cut off", "Use an intact copy of the file")
            fields = {"resolution": png.resolution, "profiled": png.profiled}
            return fields, {"png": png.chunks} if png.chunks else {}
        jpeg = containers.jpeg_facts(file)
    if jpeg.images:
        log.warning("%s: only the first image is read; its previews or gain maps do not go with it", path)
    fields = {
        "lossy": True,
        "quality": jpeg.quality,
        "subsampled": jpeg.subsampled,
        "resolution": jpeg.resolution,
    }
    iptc = containers.iptc_in(jpeg.photoshop)
    found = {"jpeg": jpeg.segments, "photoshop": jpeg.photoshop, "iptc": iptc}
    return fields, {name: data for name, data in found.items() if data}


def _has(raster: Any, name: str) -> bool:
    return bool(raster.get_typeof(name))


def _several(path: Path) -> InputError:
    return InputError(
        f"{path} holds several images or an animation, and only the first would be read",
        "Save each image as a file of its own",
    )


def _refuse_strange(kind: str, path: Path, raster: Any) -> None:
    # The pages of a TIFF have been looked at: small previews are pages too.
    if kind != "tiff" and _has(raster, "n-pages") and raster.get("n-pages") > 1:
        raise _several(path)
    cmyk = raster.interpretation == "cmyk"
    if raster.format not in _TYPES or raster.bands > 4 or (cmyk and raster.format == "float"):
        raise InputError(
            f"{path} has {raster.bands} channels of type {raster.format} ({raster.interpretation})",
            "Save it as grey, RGB or CMYK with at most 16 bits, or as float grey or RGB",
        )


def _mind_damage(kind: str, path: Path, errors: str) -> None:
    """Act on errors that did not stop libvips: it leaves the tiles of a TIFF black that it cannot read."""
    if kind == "tiff" and "tiff2vips" in errors:
        raise InputError(f"{path} cannot be read: {errors}", "Use an intact copy of the file")
    # libvips' AVIF reader looks ahead of the end of small files, which does no harm.
    if errors and not (kind == "avif" and "bad seek" in errors):
        log.warning("%s is damaged: %s", path, errors)


def _samples(raster: Any, turn: int, bits: int | None) -> tuple[Samples, Samples | None]:
    """Decode the pixels and turn them upright."""
    height, width, bands = raster.height, raster.width, raster.bands
    array = np.frombuffer(raster.write_to_memory(), dtype=_TYPES[raster.format]).reshape(height, width, bands)
    array = stretched(array, bits)
    array = upright_pixels(array, turn)
    if bands in (1, 3):
        return np.ascontiguousarray(array), None
    return np.ascontiguousarray(array[..., :-1]), np.ascontiguousarray(array[..., -1])


def _bits(raster: Any) -> int | None:
    bits = raster.get("bits-per-sample") if _has(raster, "bits-per-sample") else None
    few = bits in (1, 2, 4) and raster.bands == 1 and not _has(raster, "palette")
    return bits if few or bits in (10, 12) else None


def _profile(path: Path, raster: Any, *, profiled: bool) -> bytes | None:
    """Give the ICC profile; one that is broken or of other colours would be dropped without a word later.

    That it is there is `profiled` even where libpng has dropped it.
    """
    profile: bytes = raster.get("icc-profile-data") if _has(raster, "icc-profile-data") else b""
    if not profile and not profiled:
        return None
    if profile[36:40] == b"acsp" and profile[16:20] == (b"GRAY" if raster.bands < 3 else b"RGB "):
        pixel = vips().Image.black(1, 1, bands=1 if raster.bands < 3 else 3).copy(interpretation="srgb")
        pixel.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
        with suppress(vips().Error):
            pixel.pngsave_buffer(keep="icc")  # libpng reads a profile before it writes it
            return profile
        _left_errors()
    log.warning("%s: its colour profile is broken or of other colours, and is left out", path)
    return None


def _resolution(exif: bytes, in_file: tuple[float, float] | None) -> tuple[float, float] | None:
    """Find the resolution in EXIF, or as the file's own format says it; libvips does not tell its unit."""
    found = resolution_of(exif) or in_file
    return found if found and is_resolution(found) else None


def _metadata(raster: Any) -> dict[str, Any]:
    names = {**_BLOBS, "resolution-unit": "unit"}
    found = {ours: raster.get(theirs) for theirs, ours in names.items() if _has(raster, theirs)}
    if "exif" in found:
        found["exif"] = found["exif"].removeprefix(b"Exif\0\0")
    return found


def _reason(exc: Exception) -> str:
    """Give libvips' words, also where pyvips fails on their not being UTF-8."""
    return _words(exc.detail) if isinstance(exc, vips().Error) else _left_errors()


def _left_errors() -> str:
    """Give and clear the errors that libvips has noted and no exception has taken."""
    library = vips().vips_lib
    text = vips().ffi.string(library.vips_error_buffer()).decode("utf-8", "replace")
    library.vips_error_clear()
    return _words(text)


def _words(text: str) -> str:
    """Make one line of libvips' errors: the first three, without the seeks that only follow from others."""
    lines = dict.fromkeys(line.strip() for line in text.splitlines() if line.strip())
    telling = [line for line in lines if ": bad seek" not in line] or list(lines)
    return "; ".join(telling[:3])


# ---- encoding ------------------------------------------------------------------------------------


def encode(kind: str, path: Path, image: Image) -> None:
    """Write an image as a file of a kind that can hold it.

    Raises
    ------
    OSError
        When libvips or the system cannot write.
    """
    metadata = image.metadata
    keep = vips().enums.ForeignKeep
    kept = keep.ICC | keep.XMP | keep.OTHER
    if kind in _CARRIED["exif"] and ("exif" in metadata or image.resolution):
        kept |= keep.EXIF  # with the resolution, which libvips writes there
    raster = _image(image, kind)
    saver = _LOADERS[kind].replace("load", "save")
    try:
        getattr(raster, saver)(os.fsencode(path), keep=kept, **_OPTIONS[kind](image))
    except (vips().Error, UnicodeDecodeError) as exc:
        raise OSError(_reason(exc)) from exc
    _insert_metadata(kind, path, image)


def _image(image: Image, kind: str) -> Any:
    samples, alpha = image.samples, image.alpha
    if image.depth in (10, 12) and kind == "avif":
        samples = _rounded(samples, image.depth)
        alpha = None if alpha is None else _rounded(alpha, image.depth)
    height, width, channels = samples.shape
    raster = _from_memory(samples, width, height, channels)
    if alpha is not None:
        raster = raster.bandjoin(_from_memory(alpha, width, height, 1))
    xres, yres = image.resolution or (_DEFAULT_RESOLUTION, _DEFAULT_RESOLUTION)
    raster = raster.copy(interpretation=_INTERPRETATIONS[samples.dtype.name, channels], xres=xres, yres=yres)
    blob, text = vips().GValue.blob_type, vips().GValue.gstr_type
    for theirs, ours in _BLOBS.items():
        if ours in image.metadata and kind in _CARRIED[ours]:
            prefix = b"Exif\0\0" if ours == "exif" else b""
            raster.set_type(blob, theirs, prefix + image.metadata[ours])
    if image.profile:
        raster.set_type(blob, "icc-profile-data", image.profile)
    raster.set_type(text, "resolution-unit", image.metadata.get("unit", "in"))
    return raster


def _from_memory(samples: Samples, width: int, height: int, channels: int) -> Any:
    formats = {np.dtype(dtype): name for name, dtype in _TYPES.items()}
    data = np.ascontiguousarray(samples)
    return vips().Image.new_from_memory(data, width, height, channels, formats[samples.dtype])


def _rounded(samples: Samples, bits: int) -> Samples:
    """Round to the upper bits of uint16, where libvips takes them from: the reverse of `stretched`."""
    levels = np.rint(samples * np.float32((2**bits - 1) / 65535))
    return levels.astype(np.uint16) << (16 - bits)


def _fits(samples: Samples, bits: int | None) -> bool:
    """Tell whether few bits, stretched over uint8, hold these very samples."""
    return bits in (1, 2, 4) and samples.shape[2] == 1 and not np.any(samples % (255 // (2**bits - 1)))


def _jpeg_options(image: Image) -> dict[str, Any]:
    return {"Q": image.quality, "subsample_mode": "on" if image.subsampled else "off"}


def _png_options(image: Image) -> dict[str, Any]:
    if image.alpha is None and _fits(image.samples, image.bits):
        return {"bitdepth": image.bits}
    return {"filter": "all"}  # a quarter smaller than without


def _tiff_options(image: Image) -> dict[str, Any]:
    compression = image.compression or "deflate"
    few = image.alpha is None and _fits(image.samples, image.bits)
    if compression == "ccittfax4" and not (few and image.bits == 1):
        compression = "deflate"
    predictor = "float" if image.samples.dtype == np.float32 else "horizontal"
    options = {
        "compression": compression,
        "predictor": predictor if compression in ("lzw", "deflate") and not few else "none",
        "bigtiff": image.samples.nbytes > 3_000_000_000,  # TIFF's offsets have 32 bits
    }
    return {**options, "bitdepth": image.bits} if few else options


def _webp_options(image: Image) -> dict[str, Any]:
    if image.lossy:
        return {"Q": _GOOD_QUALITY, "smart_subsample": True, "exact": True}
    return {"lossless": True, "exact": True}


def _avif_options(image: Image) -> dict[str, Any]:
    options = {"compression": "av1", "bitdepth": image.depth, "subsample_mode": "off", "effort": 2}
    # An effort of 4, libvips' default, takes eleven times as long for the same size.
    return {**options, **({"Q": _GOOD_QUALITY} if image.lossy else {"lossless": True})}


_OPTIONS: dict[str, Callable[[Image], dict[str, Any]]] = {
    "jpeg": _jpeg_options,
    "png": _png_options,
    "tiff": _tiff_options,
    "webp": _webp_options,
    "avif": _avif_options,
}


def _insert_metadata(kind: str, path: Path, image: Image) -> None:
    """Put into the file what libvips would drop or rewrite."""
    metadata, exif = image.metadata, image.metadata.get("exif")
    if kind == "tiff":
        iptc = metadata.get("iptc", b"")
        add_to_tiff(path, exif or b"", iptc, unitless=image.resolution is None)
    elif kind == "png":
        chunks = containers.png_chunks(exif, metadata.get("png", b""))
        containers.insert(path, containers.END_OF_IHDR, chunks)
    elif kind == "jpeg":
        segments = containers.jpeg_segments(image.resolution, metadata)
        containers.insert(path, containers.END_OF_SOI, segments)
