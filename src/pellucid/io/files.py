"""Images in files: told by their content, checked before they are decoded, written whole or not at all."""

import logging
import os
import shutil
import stat
from pathlib import Path

from pellucid.atomic import atomic_write, refuse_existing
from pellucid.errors import InputError, LimitError, UsageError
from pellucid.io.codecs import LONGEST_JPEG, decode, encode
from pellucid.io.containers import LARGEST, SUFFIXES, foreign_name, kind_of
from pellucid.io.heic import read_heic
from pellucid.io.image import Image

log = logging.getLogger("pellucid")

NAMES = {"png": "PNG", "jpeg": "JPEG", "tiff": "TIFF", "webp": "WebP", "avif": "AVIF", "heic": "HEIC"}
# What each format holds: bits per sample, alpha, the longest side in pixels.
_HOLDS = {
    "png": ((8, 10, 12, 16), True, 2**31 - 1),
    "jpeg": ((8,), False, LONGEST_JPEG),
    "tiff": ((8, 10, 12, 16, 32), True, 2**31 - 1),
    "webp": ((8,), True, 16_383),
    "avif": ((8, 10, 12), True, 16_384),
}


def read_image(path: str | os.PathLike[str], *, max_pixels: int = 1_000_000_000) -> Image:
    """Read an image: PNG, JPEG, TIFF, WebP, AVIF or (with the extra `heic`) HEIC.

    The format is told by the content, not by the name. The pixels come upright; CMYK comes as sRGB, a
    palette as RGB, and 1, 2 or 4 bits come stretched over 8.

    Parameters
    ----------
    path : path
        The file.
    max_pixels : int
        Refuse images with more pixels than this, before anything is decoded.

    Returns
    -------
    Image

    Raises
    ------
    InputError
        When the file is missing, broken, or of a kind that is not supported.
    LimitError
        When it has more than `max_pixels` pixels, or does not fit into memory.
    MissingExtraError
        For HEIC without pi-heif.
    """
    file = Path(path)

    def check_size(width: int, height: int) -> None:
        if width * height > max_pixels:
            raise LimitError(
                f"{file} has {width} x {height} pixels, more than the limit of {max_pixels:,}",
                "If you trust the file, raise the limit (max_pixels, --max-pixels)",
            )

    kind = find_format(file)
    said = SUFFIXES.get(file.suffix.lower())
    if said not in (None, kind):
        log.warning("%s is named like a %s but is a %s", file, NAMES[said or ""], NAMES[kind])
    try:
        return read_heic(file, check_size) if kind == "heic" else decode(kind, file, check_size)
    except MemoryError as exc:
        raise LimitError(f"{file} does not fit into memory", "Use a machine with more memory") from exc


def find_format(file: Path) -> str:
    """Tell a file's format by its first bytes.

    Raises
    ------
    InputError
        When the file cannot be read, or is no image.
    """
    try:
        # A named pipe would wait for ever.
        if not stat.S_ISREG(file.stat().st_mode):
            raise InputError(f"{file} is a folder or device, not a file", "Give the path of an image")
        with file.open("rb") as stream:
            head = stream.read(64)
    except InputError:
        raise
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise InputError(f"{file} cannot be read: {reason}", "Check the path and its permissions") from exc
    kind = kind_of(head)
    if kind is None:
        found = "is empty" if not head else f"is {foreign_name(head)}"
        raise InputError(
            f"{file} {found}", f"Give an image in one of the formats {', '.join(NAMES.values())}"
        )
    return kind


def write_image(path: str | os.PathLike[str], image: Image, *, overwrite: bool = False) -> None:
    """Write an image in the format that the name's suffix says.

    The file appears whole or not at all: it is written under a temporary name in the same folder and then
    renamed. A JPEG keeps the quality of the JPEG it came from, a TIFF its lossless compression.

    Parameters
    ----------
    path : path
        Where to: .png, .jpg, .tif, .webp or .avif.
    image : Image
        What to write.
    overwrite : bool
        Replace a file that exists.

    Raises
    ------
    UsageError
        When the file exists, when the suffix names no format that can be written, or when that format cannot
        hold the image.
    InputError
        When the folder cannot be written to.
    LimitError
        When there is no space.
    """
    if not isinstance(image, Image):
        raise UsageError(
            f"A {type(image).__name__} is no image", "Give an Image: read_image(...).with_samples(array)"
        )
    _refuse_zero(path)
    file = Path(os.path.realpath(path))  # a link stays a link
    kind = check_target(file, image, overwrite=overwrite)
    with atomic_write(file, overwrite=overwrite) as temporary:
        encode(kind, temporary, image)
    _warn_of_lost_texts(file, kind, image)


def copy_file(source: Path, path: Path, *, overwrite: bool = False) -> None:
    """Give a file that needs no change to another name, byte for byte, whole or not at all.

    Raises
    ------
    UsageError, InputError, LimitError
        As `write_image`.
    """
    if not (path.exists() and path.samefile(source)):
        with atomic_write(Path(os.path.realpath(path)), overwrite=overwrite) as temporary:
            shutil.copyfile(source, temporary)


def check_target(path: str | os.PathLike[str], image: Image, *, overwrite: bool = False) -> str:
    """Find out, before any work, whether an image can be written to a path; return the format's name.

    Raises
    ------
    UsageError
        As `write_image`.
    """
    file = Path(path)
    kind = check_name(file, overwrite=overwrite)
    problem = _cannot_hold(kind, image)
    if problem:
        others = [NAMES[name] for name in _HOLDS if not _cannot_hold(name, image)]
        raise UsageError(f"{file}: {NAMES[kind]} cannot hold {problem}", f"Write {' or '.join(others)}")
    return kind


def check_name(file: Path, *, overwrite: bool = False) -> str:
    """Find out, before anything is read, whether images can be written to a path; return the format's name.

    Raises
    ------
    UsageError
        When the file exists, or the suffix names no format that can be written.
    """
    _refuse_zero(file)
    kind = SUFFIXES.get(file.suffix.lower())
    if kind == "heic":
        raise UsageError(f"{file}: HEIC is read but not written", "Write AVIF, which is as small")
    if kind is None:
        raise UsageError(
            f"{file}: the suffix {file.suffix!r} names no format that Pellucid writes",
            "Use .png, .jpg, .tif, .webp or .avif",
        )
    refuse_existing(file, overwrite)
    return kind


def _refuse_zero(path: str | os.PathLike[str]) -> None:
    if "\0" in str(path):
        raise UsageError(
            f"{str(path)!r} cannot be a file's name: it holds a zero byte", "Choose another name"
        )


def _cannot_hold(kind: str, image: Image) -> str | None:
    depths, alpha, longest = _HOLDS[kind]
    height, width, channels = image.samples.shape
    if image.depth not in depths:
        return "floating-point samples" if image.depth == 32 else f"{image.depth}-bit samples"
    if image.alpha is not None and not alpha:
        return "transparency (alpha)"
    if max(height, width) > longest:
        return f"{width} x {height} pixels"
    if kind in ("webp", "avif") and channels == 1 and image.profile:
        return "grey with a colour profile of its own"
    if kind == "jpeg":
        for name, largest in LARGEST.items():
            if len(image.metadata.get(name, b"")) > largest:
                return f"{len(image.metadata[name]):,} bytes of {name.upper()}"
    return None


def _warn_of_lost_texts(file: Path, kind: str, image: Image) -> None:
    """Say which small texts the format does not take along; they are no reason to refuse."""
    metadata, lost = image.metadata, []
    if "iptc" in metadata and kind not in ("jpeg", "tiff"):
        lost.append("IPTC data")
    elif "photoshop" in metadata and kind not in ("jpeg", "tiff"):
        lost.append("Photoshop's image resources")
    if kind != "png" and any(name in metadata.get("png", b"") for name in (b"tEXt", b"zTXt", b"iTXt")):
        lost.append("PNG text")
    if kind != "jpeg" and "jpeg" in metadata:
        lost.append("JPEG comments")
    if kind != "tiff" and image.nodata is not None:
        lost.append('value that means "no data"')
    if lost:
        log.warning("%s: %s cannot hold the %s of the original", file, NAMES[kind], " and ".join(lost))
