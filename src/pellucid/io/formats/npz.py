"""NumPy's .npz: a zip of .npy files, each array a part. What is no image stays byte for byte."""

import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pellucid.errors import InputError
from pellucid.io.array_stack import ArraySink, ArrayStack, Raw
from pellucid.io.format import Format, only_plane
from pellucid.io.image import Encoding
from pellucid.io.stack import Derivation, Part, check_axes

SMALLEST = 16
"""Arrays with a shorter side, such as matrices and lists of places, are no images."""


def _open(path: Path, axes: str | None) -> ArrayStack:
    number, name = tempfile.mkstemp(prefix="pellucid-", suffix=".unpacked")
    content, found = Path(name), list[tuple[Part, Raw]]()
    try:
        with os.fdopen(number, "w+b") as file, _reading(path) as members:
            for info in members.infolist():
                start = file.seek(0, os.SEEK_END)
                with members.open(info) as member:
                    shutil.copyfileobj(member, file, 1 << 20)
                file.seek(start)
                raw = _array(file)
                if raw is not None:
                    found.append((_part(str(path), info.filename, raw, axes), raw))
        if not found:
            raise InputError(f"{path} contains no array of images", "Give arrays of at least 16 x 16 numbers")
        parts, raws = zip(*found, strict=True)
        return ArrayStack(path, Encoding(format="npz"), parts, raws, content)
    except BaseException:
        content.unlink(missing_ok=True)
        raise


@contextmanager
def _reading(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as members:
            yield members
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as exc:
        raise InputError(f"{path} is damaged: {exc}", "Use an intact copy") from exc


def _array(file: BinaryIO) -> Raw | None:
    """Find an array that may be images, from the beginning of an .npy on; None for anything else."""
    try:
        major, _ = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except ValueError:
        return None
    large = len(shape) > 1 and sorted(shape)[-2] >= SMALLEST
    usual = dtype.kind in "iuf" and dtype.itemsize <= 8
    return Raw(file.tell(), shape, dtype, "F" if fortran else "C") if large and usual else None


def _part(path: str, member: str, raw: Raw, axes: str | None) -> Part:
    name = member.removesuffix(".npy")
    fitting = axes if axes is None or len(axes) == len(raw.shape) else None
    axes = check_axes(fitting, raw.shape, f"{name} in {path}")
    return Part(axes=axes, shape=raw.shape, dtype=raw.dtype.newbyteorder("="), name=name)


def _create(path: Path, stack: ArrayStack, derivation: Derivation) -> ArraySink:
    def pack(content: Path, target: Path) -> None:
        with (
            content.open("rb") as file,
            _reading(stack.path) as before,
            zipfile.ZipFile(target, "w") as after,
        ):
            for info in before.infolist():
                with after.open(_like(info), "w", force_zip64=info.file_size > 2**31) as member:
                    left = info.file_size
                    while left:
                        left -= member.write(file.read(min(left, 1 << 20)))

    return ArraySink(path, stack, derivation, pack)


def _like(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """A member of the same name, time and compression."""
    made = zipfile.ZipInfo(info.filename, info.date_time)
    made.compress_type, made.external_attr = info.compress_type, info.external_attr
    made.file_size = info.file_size
    return made


NPZ = Format(
    name="npz",
    label="NumPy archive",
    suffixes=(".npz",),
    matches=lambda head: head[:4] == b"PK\3\4" and head[30:].split(b"\0")[0].find(b".npy") > 0,
    open=only_plane(_open),
    open_stack=_open,
    create_stack=_create,
    depths=(8, 16, 32),
)
