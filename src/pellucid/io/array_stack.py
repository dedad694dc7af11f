"""Stacks that are plain arrays in a file: read and replaced through memory maps of one plane at a time."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.io.gzipped import gzip_file, is_gzip
from pellucid.io.image import Encoding, Samples
from pellucid.io.stack import Derivation, Part, Plane


@dataclass(frozen=True)
class Raw:
    """Where an array is in a file.

    Parameters
    ----------
    offset : int
        In bytes.
    shape : tuple of int
    dtype : numpy.dtype
        In the file's byte order.
    order : str
        C, the last axis fastest, or F, the first one.
    zero : int
        What is added to stored integers, as for unsigned ones in formats that have signed ones only.
    """

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    order: Literal["C", "F"] = "C"
    zero: int = 0

    def map(self, path: Path, mode: Literal["r", "r+"] = "r") -> NDArray[Any]:
        """Map it into memory. Only what is touched is read, and let go with the array.

        Raises
        ------
        InputError
            When the file is too short.
        """
        end = self.offset + int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize
        if path.stat().st_size < end:
            raise InputError(f"{path} is cut off", "Use an intact copy")
        return np.memmap(path, self.dtype, mode, self.offset, self.shape, self.order)


class ArrayStack:
    """A file with arrays.

    Parameters
    ----------
    path : Path
        The file.
    encoding : Encoding
    parts : sequence of Part
    raws : sequence of Raw
        Where the samples of each part are.
    content : Path, optional
        The file that the arrays are in, where `path` is compressed; removed at the end.
    """

    def __init__(
        self,
        path: Path,
        encoding: Encoding,
        parts: Sequence[Part],
        raws: Sequence[Raw],
        content: Path | None = None,
    ) -> None:
        self.name, self.path, self.encoding, self.parts = str(path), path, encoding, tuple(parts)
        self.raws, self.content, self._temporary = tuple(raws), content or path, content
        self.noise: str | None = None
        self._map: tuple[Plane, NDArray[Any]] | None = None

    def read(self, plane: Plane, rows: slice, columns: slice) -> Samples:
        """Copy a region of a plane."""
        if self._map is None or self._map[0] != plane:
            self._map = None
            self._map = plane, view_plane(self, plane, self.content, "r")
        stored, zero = self._map[1][rows, columns], self.raws[plane.part].zero
        stored = stored.astype(np.int64) + zero if zero else stored
        samples: Samples = stored.astype(self.parts[plane.part].dtype)
        return samples

    def close(self) -> None:
        """Let go of the file; remove what was unpacked."""
        self._map = None
        if self._temporary is not None:
            with suppress(OSError):
                self._temporary.unlink()


def view_plane(stack: ArrayStack, plane: Plane, path: Path, mode: Literal["r", "r+"]) -> NDArray[Any]:
    """Map a plane (height, width, S) of a file like the stack's content."""
    part = stack.parts[plane.part]
    array = stack.raws[plane.part].map(path, mode)
    at = dict(zip(part.plane_axes, plane.index, strict=True))
    array = array[tuple(at.get(axis, slice(None)) for axis in part.axes)]
    left = [axis for axis in part.axes if axis in "YXS"]
    order = [left.index(axis) for axis in "YXS" if axis in left]
    view: NDArray[Any] = array.transpose(order)
    return view if view.ndim == 3 else view[..., None]


class ArraySink:
    """A copy of a stack's content, in which planes are replaced.

    Parameters
    ----------
    path : Path
        An empty file.
    stack : ArrayStack
    derivation : Derivation
        Which no array can hold.
    pack : function of (content, path), optional
        Called at the end, where `path` is made from the content. By default it is compressed where its
        name says so.
    seal : function of the content, optional
        Called before that, for what depends on the samples, such as sums of control.
    """

    def __init__(
        self,
        path: Path,
        stack: ArrayStack,
        derivation: Derivation,
        pack: Callable[[Path, Path], None] | None = None,
        seal: Callable[[Path], None] | None = None,
    ) -> None:
        pack = pack or (gzip_file if is_gzip(path) else None)
        self._stack, self._path, self._pack, self._seal = stack, path, pack, seal
        self._content = path if pack is None else path.with_name(path.name + ".unpacked")
        try:
            shutil.copyfile(stack.content, self._content)
        except BaseException:
            self.abort()
            raise

    def write(self, plane: Plane, top: int, rows: Samples) -> None:
        """Replace rows."""
        view = view_plane(self._stack, plane, self._content, "r+")
        zero = self._stack.raws[plane.part].zero
        view[top : top + len(rows)] = rows.astype(np.int64) - zero if zero else rows

    def commit(self) -> None:
        """Make the file from the content."""
        if self._seal is not None:
            self._seal(self._content)
        if self._pack is not None:
            self._pack(self._content, self._path)
            self._content.unlink()

    def abort(self) -> None:
        """Remove the content."""
        if self._content != self._path:
            with suppress(OSError):
                self._content.unlink()
