"""OME-Zarr 0.1 to 0.5, and a Zarr that is one array: read and written in blocks of chunks.

What is written is a copy of the folder in which the chunks of the largest level are replaced, and the smaller
levels of its pyramid made again. Everything else, such as labels and metadata, stays as it is.

References
----------
J. Moore and others: OME-NGFF: a next-generation file format for expanding bioimaging data-access strategies.
Nature Methods 18 (2021), and ngff.openmicroscopy.org for versions 0.1 to 0.5.
"""

import functools
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import InputError, PellucidError, require
from pellucid.io.format import Format, only_plane
from pellucid.io.image import Encoding, Samples
from pellucid.io.stack import Derivation, Part, Plane, check_axes
from pellucid.io.zarr_blocks import Block, Blocks, shrink_level

_OLD_AXES = "TCZYX"  # of versions 0.1 and 0.2, which do not name them


class ZarrStack:
    """The images of an OME-Zarr: one, the series of a file that was converted, or the fields of a plate.

    Parameters
    ----------
    path : Path
        The folder.
    axes : str, optional
        Of a Zarr that is a plain array.
    """

    noise: str | None = None

    def __init__(self, path: Path, axes: str | None) -> None:
        self.name, self.path, self.encoding = str(path), path, Encoding(format="ome-zarr")
        zarr: Any = require("zarr", "science", "to read Zarr")
        with _quiet():
            self._parse(zarr, axes)
        self._block = functools.lru_cache(maxsize=2)(self._read_block)

    def _parse(self, zarr: Any, axes: str | None) -> None:
        path = self.path
        try:
            root = zarr.open(path, mode="r")
            images = [(self.name, "", [root], {})] if hasattr(root, "chunks") else list(_images(root))
            self.levels = [[array.path for array in levels] for _, _, levels, _ in images]
            several = len(images) > 1
            self.parts = tuple(
                _part(name if several else "", levels[0], attributes, axes, self.name)
                for _, name, levels, attributes in images
            )
            self._blocks = [
                Blocks(levels[0], part) for (_, _, levels, _), part in zip(images, self.parts, strict=True)
            ]
        except PellucidError:
            raise
        except Exception as exc:  # zarr and its codecs have many
            raise InputError(f"{path} is a broken Zarr: {_words(exc)}", "Use an intact copy") from exc
        if not self.parts:
            raise InputError(
                f"{path} is a Zarr without images: no multiscales are in its metadata", "Give an OME-Zarr"
            )

    def read(self, plane: Plane, rows: slice, columns: slice) -> Samples:
        """Decode a region: the blocks of chunks that it is in."""
        blocks = self._blocks[plane.part]
        return np.concatenate(
            [
                self._block(block, plane.part)[blocks.inside(plane, block)][within, columns]
                for block, within in blocks.of(plane, rows)
            ]
        )

    def _read_block(self, block: Block, part: int) -> Samples:
        try:
            return self._blocks[part].read(block)
        except Exception as exc:
            raise InputError(
                f"{self.name} has a chunk that cannot be decoded: {_words(exc)}", "Use an intact copy"
            ) from exc

    def close(self) -> None:
        """Let go of the blocks that were read last."""
        self._block.cache_clear()


@contextmanager
def _quiet() -> Iterator[None]:
    """What zarr finds unusual in metadata tells a user nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _words(exc: Exception) -> str:
    return " ".join(str(exc).split()) or type(exc).__name__


def _images(root: Any) -> Iterator[tuple[str, str, list[Any], dict[str, Any]]]:
    """The images of a group: for each its place, its name for people, its arrays, and its multiscales."""
    attributes = dict(root.attrs)
    attributes |= attributes.get("ome", {})
    if attributes.get("multiscales"):
        first = attributes["multiscales"][0]
        levels = [root[each["path"]] for each in first["datasets"]]
        yield root.path, root.path, levels, {**first, "omero": attributes.get("omero", {})}
    elif "plate" in attributes:
        for well in attributes["plate"]["wells"]:
            group = root[well["path"]]
            fields = dict(group.attrs)
            fields |= fields.get("ome", {})
            for field in fields["well"]["images"]:
                yield from _images(group[field["path"]])
    elif "bioformats2raw.layout" in attributes:
        for name in sorted((name for name, _ in root.groups() if name.isdecimal()), key=int):
            yield from _images(root[name])


def _part(name: str, array: Any, attributes: dict[str, Any], axes: str | None, file: str) -> Part:
    named = _letters(attributes.get("axes") or [], len(array.shape)) if attributes else None
    if named is None:
        named = check_axes(axes or _dimensions(array), array.shape, file)
    channels = [str(each.get("label", "")) for each in attributes.get("omero", {}).get("channels", [])]
    return Part(
        axes=named,
        shape=tuple(array.shape),
        dtype=np.dtype(array.dtype).newbyteorder("="),
        name=name,
        channels=tuple(channels) if len(channels) == len(set(channels)) else (),
    )


def _dimensions(array: Any) -> str | None:
    """The axes of a plain array, where its dimensions have names of one letter."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS") or []
    letters = "".join(str(name) for name in names).upper()
    return letters if len(letters) == len(array.shape) and {"Y", "X"} <= set(letters) else None


def _letters(axes: Sequence[Any], count: int) -> str:
    """One letter for each axis of an image; kinds of axes count more than names."""
    if not axes:
        return _OLD_AXES[-count:]
    kinds = [
        (str(axis), "") if isinstance(axis, str) else (axis["name"], axis.get("type", "")) for axis in axes
    ]
    known = {"channel": "C", "time": "T"}
    letters = [known.get(kind) or str(name)[:1].upper() for name, kind in kinds]
    free = iter("ABDEFGHIJKLMNOPQRUVW")
    return "".join(
        letter if letters.index(letter) == number else next(free) for number, letter in enumerate(letters)
    )


class _Sink:
    """A copy of the folder, in which blocks are replaced as soon as their planes are there.

    Parameters
    ----------
    path : Path
        A folder that is missing.
    stack : ZarrStack
    made : Derivation
    """

    def __init__(self, path: Path, stack: ZarrStack, made: Derivation) -> None:
        zarr: Any = require("zarr", "science", "to write Zarr")
        shutil.copytree(stack.path, path)
        with _quiet():
            root, before = zarr.open(path, mode="r+"), zarr.open(stack.path, mode="r")
            self._before = [[_at(before, name) for name in levels] for levels in stack.levels]
            self._levels = [[_at(root, name) for name in levels] for levels in stack.levels]
        self._blocks = [
            Blocks(levels[0], part) for levels, part in zip(self._levels, stack.parts, strict=True)
        ]
        self._open: tuple[int, Block, Samples] | None = None
        self._changed = set[int]()

    def write(self, plane: Plane, top: int, rows: Samples) -> None:
        """Put rows into their blocks."""
        blocks, done = self._blocks[plane.part], 0
        self._changed.add(plane.part)
        for block, within in blocks.of(plane, slice(top, top + len(rows))):
            if self._open is None or self._open[:2] != (plane.part, block):
                self._flush()
                self._open = plane.part, block, blocks.read(block)
            count = within.stop - within.start
            self._open[2][blocks.inside(plane, block)][within] = rows[done : done + count]
            done += count

    def _flush(self) -> None:
        if self._open is not None:
            part, block, samples = self._open
            self._blocks[part].write(block, samples)
        self._open = None

    def commit(self) -> None:
        """Write the last block, and the smaller levels."""
        self._flush()
        for part in sorted(self._changed):
            levels, before = self._levels[part], self._before[part]
            for number in range(1, len(levels)):
                shrink_level(levels[number - 1], levels[number], before[number - 1], before[number])

    def abort(self) -> None:
        """Let go of the block."""
        self._open = None


def _at(root: Any, name: str) -> Any:
    return root[name] if name else root


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a Zarr."""
    return any((folder / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


OME_ZARR = Format(
    name="ome-zarr",
    label="OME-Zarr",
    suffixes=(".ome.zarr", ".zarr"),
    matches=lambda head: False,  # it is a folder
    open=only_plane(ZarrStack),
    open_stack=ZarrStack,
    create_stack=_Sink,
    is_folder=is_zarr,
    depths=(8, 16, 32),
    needs="science",
)
