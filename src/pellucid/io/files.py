"""Images in files: recognised by their content, checked before they are decoded, written atomically."""

import copy
import logging
import os
import shutil
import stat
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np

from pellucid.atomic import atomic_folder, atomic_write, refuse_existing
from pellucid.errors import InputError, LimitError, UsageError
from pellucid.io import registry
from pellucid.io.format import Data, Format, name_of
from pellucid.io.holding import held_metadata, problem_of
from pellucid.io.image import Image, Samples
from pellucid.io.sink import AtomicSink, Sink
from pellucid.io.source import ArraySource, Source

log = logging.getLogger("pellucid")

_HEAD = 1024  # bytes by which formats are recognised
_STRIP = 1 << 24  # samples that are decoded at once


# ---- reading -------------------------------------------------------------------------------------


def open_image(data: str | os.PathLike[str] | bytes, *, max_pixels: int = 1_000_000_000) -> Source:
    """Open an image; its size, metadata and encoding are known before a sample is decoded.

    The format is recognised by the content, not by the name. The pixels come upright; CMYK comes as sRGB, a
    palette as RGB, and 1, 2 or 4 bits come stretched over 8.

    Parameters
    ----------
    data : path or bytes
        A file, or its content.
    max_pixels : int
        Refuse images with more pixels than this.

    Returns
    -------
    Source
        To be closed.

    Raises
    ------
    InputError
        When the file is missing, broken, or of a kind that is not supported.
    LimitError
        When it has more than `max_pixels` pixels.
    MissingExtraError
        When its format needs an extra that is not installed.
    """
    data = data if isinstance(data, bytes) else Path(data)
    found = find_format(data)
    warn_of_name(data, found)
    source = found.open(data)
    if source.width * source.height > max_pixels:
        source.close()
        raise too_large(source.name, source.height, source.width, max_pixels)
    return source


def too_large(name: str, height: int, width: int, limit: int) -> LimitError:
    """Make the error for an image with too many pixels."""
    return LimitError(
        f"{name} has {width} x {height} pixels, more than the limit of {limit:,}",
        "If you trust the file, raise the limit (max_pixels, --max-pixels)",
    )


def read_image(data: str | os.PathLike[str] | bytes, *, max_pixels: int = 1_000_000_000) -> Image:
    """Read an image into memory.

    Parameters
    ----------
    data : path or bytes
    max_pixels : int
        As for `open_image`.

    Returns
    -------
    Image

    Raises
    ------
    InputError, LimitError, MissingExtraError
        As `open_image`; LimitError also when it does not fit into memory.
    """
    with closing(open_image(data, max_pixels=max_pixels)) as source:
        try:
            return _decoded(source)
        except MemoryError as exc:
            raise LimitError(
                f"{source.name} does not fit into memory", "Use a machine with more memory"
            ) from exc


def _decoded(source: Source) -> Image:
    shape, dtype = (source.height, source.width), source.dtype
    samples: Samples = np.empty((*shape, source.channels), dtype)
    alpha: Samples | None = np.empty(shape, dtype) if source.alpha else None
    extra: Samples | None = np.empty((*shape, source.extra), dtype) if source.extra else None
    bands = source.channels + source.alpha
    for rows in _strips(source):
        strip = source.read(rows, slice(0, source.width))
        samples[rows] = strip[..., : source.channels]
        if alpha is not None:
            alpha[rows] = strip[..., source.channels]
        if extra is not None:
            extra[rows] = strip[..., bands:]
    return Image(
        samples=samples,
        alpha=alpha,
        extra_channels=extra,
        metadata=source.metadata,
        encoding=source.encoding,
    )


def _strips(source: Source) -> list[slice]:
    step = max(_STRIP // (source.width * (source.channels + source.alpha + source.extra)), 1)
    return [slice(top, min(top + step, source.height)) for top in range(0, source.height, step)]


def find_format(data: Data) -> Format:
    """Recognise a format by a file's first bytes.

    Raises
    ------
    InputError
        When the file cannot be read, or is no image.
    """
    name = name_of(data)
    folder = None if isinstance(data, bytes) else registry.of_folder(data)
    if folder is not None:
        return folder
    head = data[:_HEAD] if isinstance(data, bytes) else read_head(data)
    found = registry.of_content(head)
    if found is None:
        what, instead = registry.foreign(head)
        labels = ", ".join(each.label for each in registry.FORMATS)
        raise InputError(
            f"{name} is {what if head else 'empty'}",
            f"Convert it to {instead}" if instead else f"Give an image in one of the formats {labels}",
        )
    return found


def warn_of_name(data: Data, found: Format) -> None:
    """Say that a file's name promises another format than its content has."""
    promised = registry.of_suffix(data) if isinstance(data, Path) else None
    if promised is not None and promised is not found:
        log.warning("%s is named like a %s but is a %s", data, promised.label, found.label)


def with_own_suffix(output: Path, source: Path) -> Path:
    """Add the suffix of the source's format to the name of its output where the source's has none."""
    if registry.of_suffix(source) is not None:
        return output
    try:
        found = find_format(source)
    except InputError:  # which is reported when it is opened
        return output
    suffix = found.writes_as or (found.suffixes[0] if found.create else "")  # DICOM files have often none
    return output.with_name(output.name + suffix)


def is_pdf(file: Path) -> bool:
    """Whether a file is a PDF, by its content; one that cannot be read is none."""
    try:
        if not file.is_file():  # a named pipe would wait for ever
            return False
        with file.open("rb") as stream:
            head = stream.read(1024)  # readers accept a PDF that begins as late as this
    except (OSError, ValueError):
        return False
    return b"%PDF-" in head and registry.of_content(head[:_HEAD]) is None


def read_head(file: Path) -> bytes:
    """The first bytes of a file, by which its format is recognised.

    Raises
    ------
    InputError
        When it cannot be read, or is no regular file.
    """
    try:
        # A named pipe would wait for ever.
        if not stat.S_ISREG(file.stat().st_mode):
            raise InputError(f"{file} is a folder or device, not a file", "Give the path of an image")
        with file.open("rb") as stream:
            return stream.read(_HEAD)
    except InputError:
        raise
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise InputError(f"{file} cannot be read: {reason}", "Check the path and its permissions") from exc


# ---- writing -------------------------------------------------------------------------------------


def write_image(path: str | os.PathLike[str], image: Image, *, overwrite: bool = False) -> None:
    """Write an image in the format that the name's suffix says.

    The file appears as a whole or not at all: it is written under a temporary name in the same folder and
    then renamed. A JPEG keeps the quality of the JPEG it came from, a TIFF its lossless compression and its
    tiles.

    Parameters
    ----------
    path : path
        The suffix decides on the format.
    image : Image
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
    source = image_source(image)
    sink = create_file(path, source, overwrite=overwrite)
    try:
        for rows in _strips(source):
            sink.write(source.read(rows, slice(0, source.width)))
        sink.commit()
    except BaseException:
        sink.abort()
        raise


def encode_image(image: Image, name: str | None = None) -> bytes:
    """Encode an image as the bytes of a file.

    Parameters
    ----------
    image : Image
    name : str, optional
        Of the format, such as "png"; by default the one that the image came from, or what takes its place.

    Raises
    ------
    UsageError
        When the format cannot be written or cannot hold the image.
    """
    found = registry.named(name or image.encoding.format)
    with tempfile.TemporaryDirectory(prefix="pellucid-") as folder:
        path = Path(folder, f"image{found.writes_as or found.suffixes[0]}")
        write_image(path, image)
        return path.read_bytes()


def image_source(image: Image) -> Source:
    """Give an image as a source."""
    if not isinstance(image, Image):
        raise UsageError(
            f"Expected an Image, got {type(image).__name__}",
            "Give Image(samples=array) with (h, w, 1) or (h, w, 3), or read_image(...).with_samples(array)",
        )
    more = [] if image.alpha is None else [image.alpha[..., None]]
    more += [] if image.extra_channels is None else [image.extra_channels]
    return ArraySource(
        np.concatenate([image.samples, *more], axis=2) if more else image.samples,
        name="The image",
        alpha=image.alpha is not None,
        extra=0 if image.extra_channels is None else image.extra_channels.shape[2],
        nodata=image.metadata.nodata,
        metadata=image.metadata,
        encoding=image.encoding,
    )


def create_file(path: str | os.PathLike[str], like: Source, *, overwrite: bool = False) -> Sink:
    """Begin a file for an image like a source's, in the format that the name's suffix says.

    Parameters
    ----------
    path : path
    like : Source
        Size, dtype, channels, metadata and encoding of the image.
    overwrite : bool
        Replace a file that exists.

    Returns
    -------
    Sink
        Takes rows from the top; the file appears with `commit`.

    Raises
    ------
    UsageError, InputError, LimitError
        As `write_image`.
    """
    refuse_zero(path)
    found = check_target(os.path.realpath(path), like, overwrite=overwrite)  # a link stays a link
    assert found.create is not None, "check_target refuses it"
    create, like = found.create, copy.copy(like)
    like.metadata, lost = held_metadata(found, like)

    def warn() -> None:
        if lost:
            log.warning("%s: %s cannot hold the %s of the original", path, found.label, " and ".join(lost))

    return AtomicSink(atomic_write(Path(path), overwrite=overwrite), lambda to: create(to, like), warn)


def copy_file(source: Path, path: Path, *, overwrite: bool = False) -> None:
    """Give a file that needs no change to another name, byte for byte, atomically.

    Raises
    ------
    UsageError, InputError, LimitError
        As `write_image`.
    """
    if path.exists() and path.samefile(source):
        return
    if source.is_dir():
        with atomic_folder(path, overwrite=overwrite) as temporary:
            shutil.copytree(source, temporary)
    else:
        with atomic_write(path, overwrite=overwrite) as temporary:
            shutil.copyfile(source, temporary)


def check_target(path: str | os.PathLike[str], like: Source | Image, *, overwrite: bool = False) -> Format:
    """Find out, before any work, whether an image, or one like a source's, can be written to a path.

    Returns
    -------
    Format

    Raises
    ------
    UsageError
        As `write_image`.
    """
    file = Path(path)
    like = image_source(like) if isinstance(like, Image) else like
    found = check_name(file, overwrite=overwrite)
    problem = problem_of(found, like)
    if problem:
        others = [each.label for each in registry.written() if not problem_of(each, like)]
        remedy = f"Write {' or '.join(others)}" if others else "Keep it in its own format"
        raise UsageError(f"{file}: {found.label} cannot hold {problem}", remedy)
    return found


def check_name(file: Path, *, overwrite: bool = False) -> Format:
    """Find out, before anything is read, whether images can be written to a path; return the format.

    Raises
    ------
    UsageError
        When the file exists, or the suffix names no format that can be written.
    """
    refuse_zero(file)
    found = registry.of_suffix(file)
    if found is None:
        known = ", ".join(each.suffixes[0] for each in registry.written())
        raise UsageError(
            f"{file}: the suffix {registry.split_name(file)[1]!r} names no format that Pellucid writes",
            f"Use one of {known}",
        )
    if found.create is None and found.create_stack is not None:
        raise UsageError(
            f"{file}: a {found.label} is written from a {found.label} only",
            f"Use one of {', '.join(each.suffixes[0] for each in registry.written())}",
        )
    if found.create is None:
        instead = registry.of_suffix(registry.writable(file))
        raise UsageError(
            f"{file}: {found.label} is read but not written",
            f"Write {instead.label}" if instead else "Choose another format",
        )
    refuse_existing(file, overwrite)
    return found


def refuse_zero(path: str | os.PathLike[str]) -> None:
    """Refuse a name that no file can have."""
    if "\0" in str(path):
        raise UsageError(
            f"{str(path)!r} cannot be a file's name: it contains a zero byte", "Choose another name"
        )
