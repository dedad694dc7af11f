"""Files that may be compressed with gzip."""

import gzip
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pellucid.errors import InputError

_MAGIC = b"\x1f\x8b"


def is_gzip(path: Path) -> bool:
    """Whether a name says so."""
    return path.suffix.lower() in (".gz", ".mgz")


def starts_gzip(data: bytes) -> bool:
    """Whether bytes are compressed."""
    return data[:2] == _MAGIC


def first_bytes(head: bytes, count: int) -> bytes:
    """The first bytes of a file's content, as many as the beginning of the file gives."""
    if not starts_gzip(head):
        return head[:count]
    with suppress(zlib.error):
        return zlib.decompressobj(31).decompress(head, count)
    return b""


@contextmanager
def unpacked(path: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """Yield the content as a file, and a function that lets it stay: otherwise it is removed.

    Parameters
    ----------
    path : Path
        A plain file is its own content.

    Raises
    ------
    InputError
        When it is damaged.
    """
    with path.open("rb") as file:
        if not starts_gzip(file.read(2)):
            yield path, lambda: None
            return
    number, name = tempfile.mkstemp(prefix="pellucid-", suffix=".unpacked")
    content, kept = Path(name), []
    try:
        with os.fdopen(number, "wb") as target, gzip.open(path) as source:
            try:
                shutil.copyfileobj(source, target, 1 << 20)
            except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
                raise InputError(f"{path} is damaged: {exc}", "Use an intact copy") from exc
        yield content, lambda: kept.append(True)
    finally:
        if not kept:
            content.unlink(missing_ok=True)


def gzip_file(content: Path, path: Path) -> None:
    """Compress a file; the same content gives the same bytes."""
    with (
        content.open("rb") as source,
        path.open("wb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as target,
    ):
        shutil.copyfileobj(source, target, 1 << 20)
