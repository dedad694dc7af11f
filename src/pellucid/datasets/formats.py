"""The two formats in which the classical sets come: IDX (MNIST's) and CIFAR-10's binary records."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, LimitError

GZIP = b"\x1f\x8b"  # neither an IDX file nor a CIFAR record begins so
SIDE, CLASSES = 32, 10  # of CIFAR-10
RECORD = 1 + 3 * SIDE * SIDE  # bytes: the label; then all of red, of green and of blue
REMEDY = "Get the published file, or delete it and let it be downloaded"


def read_unpacked(path: Path, *, max_bytes: int = 2**30) -> bytes:
    """The content of a file, unpacked when it is a gzip file, whatever its name.

    Raises
    ------
    InputError
        When the file cannot be read, or is a damaged gzip file.
    LimitError
        When it contains more than `max_bytes`.
    """
    try:
        with path.open("rb") as file:
            stream = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == GZIP else file
            content = stream.read(max_bytes + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as exc:
        raise InputError(f"{path} is a damaged gzip file: {exc}", REMEDY) from exc
    except OSError as exc:
        raise InputError(
            f"{path} cannot be read: {exc.strerror}", "Check the path and its permissions"
        ) from exc
    if len(content) > max_bytes:
        raise LimitError(f"{path} contains more than {max_bytes:,} bytes", REMEDY)
    return content


def parse_idx(content: bytes, source: object, *, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of bytes (LeCun and others, "The MNIST database").

    Two zeros, 8 for bytes, the number of dimensions, each size as a big-endian uint32; then the values.

    Parameters
    ----------
    content : bytes
    source : object
        Names the file in errors.
    dimensions : int
        How many there must be: 3 for grey images (n, height, width), 1 for labels (n,).

    Raises
    ------
    InputError
        When this is no such file, or it is cut off, too long or empty.
    """
    magic, header = bytes([0, 0, 8, dimensions]), 4 + 4 * dimensions
    if content[:4] != magic:
        raise InputError(
            f"{source} is no IDX file of {dimensions} dimensions: it begins with "
            f"{content[:4].hex(' ') or 'nothing'}, not with {magic.hex(' ')}",
            REMEDY,
        )
    sizes = [int.from_bytes(content[start : start + 4], "big") for start in range(4, header, 4)]
    if not all(sizes) or len(content) != header + math.prod(sizes):
        raise InputError(
            f"{source} has {len(content):,} bytes and says that it holds "
            f"{' x '.join(map(str, sizes))} values",
            REMEDY,
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(sizes).copy()  # a writable array


def parse_cifar(content: bytes, source: object) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read a part of CIFAR-10 in the binary format (Krizhevsky 2009).

    Parameters
    ----------
    content : bytes
        Records of 3,073 bytes: the label, then an image (channel, row, column).
    source : object
        Names the file in errors.

    Returns
    -------
    uint8 array (n, 32, 32, 3)
    int64 array (n,)
        The labels, 0 to 9.

    Raises
    ------
    InputError
        When the length is no multiple of a record's or 0, or a label is above 9.
    """
    if not content or len(content) % RECORD:
        raise InputError(
            f"{source} has {len(content):,} bytes, which are not whole records of {RECORD:,}", REMEDY
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= CLASSES:
        raise InputError(f"{source} has the label {labels.max()}; those of CIFAR-10 are 0 to 9", REMEDY)
    planes = records[:, 1:].reshape(-1, 3, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels  # (n, c, h, w) -> (n, h, w, c)
