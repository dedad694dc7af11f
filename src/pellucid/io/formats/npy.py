"""NumPy's .npy (NEP 1): an array and nothing else. The caller names its axes where they are not plain."""

from pathlib import Path

import numpy as np

from pellucid.errors import InputError
from pellucid.io.array_stack import ArraySink, ArrayStack, Raw
from pellucid.io.format import Format, only_plane
from pellucid.io.image import Encoding
from pellucid.io.stack import Part, check_axes


def _open(path: Path, axes: str | None) -> ArrayStack:
    raw = read_header(path, str(path))
    axes = check_axes(axes, raw.shape, str(path))
    part = Part(axes=axes, shape=raw.shape, dtype=raw.dtype.newbyteorder("="))
    return ArrayStack(path, Encoding(format="npy"), [part], [raw])


def read_header(path: Path, name: str) -> Raw:
    """Find the array of an .npy.

    Raises
    ------
    InputError
        When the file is broken, or contains objects or records.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as exc:
        raise InputError(
            f"{name} is a broken NumPy array: {str(exc).rstrip('.')}",
            "Use an intact copy, saved by numpy.save",
        ) from exc
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    return Raw(array.offset, array.shape, array.dtype, "F" if fortran else "C")


NPY = Format(
    name="npy",
    label="NumPy array",
    suffixes=(".npy",),
    matches=lambda head: head[:6] == b"\x93NUMPY",
    open=only_plane(_open),
    open_stack=_open,
    create_stack=ArraySink,
    depths=(8, 16, 32),
)
