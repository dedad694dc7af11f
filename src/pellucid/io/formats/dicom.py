"""DICOM: a file of one or more frames, or a folder of files that are one or more series.

What is written is a derived image: a new instance, in a new series of the same study, uncompressed.
"""

import functools
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pellucid.errors import InputError, MissingExtraError, require
from pellucid.io.dicom_derived import DicomFile
from pellucid.io.dicom_frames import DicomFrames, discreet
from pellucid.io.format import Data, Format, only_plane
from pellucid.io.image import Encoding, Samples
from pellucid.io.source import Source
from pellucid.io.stack import Derivation, Part, Plane

log = logging.getLogger("pellucid")

_INDEX = "DICOMDIR"


@dataclass(frozen=True)
class _Member:
    """One file of a part."""

    path: Path
    count: int
    place: tuple[float, float]
    part: Part
    noise: str | None


class DicomStack:
    """One DICOM file, or the series of a folder.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.name, self.path, self.encoding = str(path), path, Encoding(format="dicom")
        groups: dict[tuple[Any, ...], list[_Member]] = {}
        for file in _files(path) if path.is_dir() else [path]:
            frames = DicomFrames(file)
            key, member = _member(frames)
            groups.setdefault(key, []).append(member)
        self.series = [sorted(members, key=lambda each: each.place) for members in groups.values()]
        self.parts = tuple(
            _joined(members, len(groups) > 1, number) for number, members in enumerate(self.series, 1)
        )
        kinds = {member.noise for members in self.series for member in members}
        self.noise = kinds.pop() if len(kinds) == 1 else None
        parts = range(len(self.parts))
        files = [each for part in parts for each in self.files_of(part)]
        self._places = {plane: (path, k) for path, planes in files for k, plane in enumerate(planes)}
        self._frames = functools.lru_cache(maxsize=1)(DicomFrames)
        self._frame = functools.lru_cache(maxsize=1)(self._decoded)

    def files_of(self, part: int) -> Iterator[tuple[Path, list[Plane]]]:
        """The files of a part in its order, each with its planes."""
        start, deep = 0, bool(self.parts[part].plane_axes)
        for member in self.series[part]:
            yield member.path, [Plane(part, (start + k,) if deep else ()) for k in range(member.count)]
            start += member.count

    def read(self, plane: Plane, rows: slice, columns: slice) -> Samples:
        """Give a region of a frame, which is decoded as a whole."""
        return self._frame(plane)[rows, columns]

    def _decoded(self, plane: Plane) -> Samples:
        path, index = self._places[plane]
        return self._frames(path).read(index)

    def close(self) -> None:
        """Let go of the frame that was read last."""
        self._frame.cache_clear()
        self._frames.cache_clear()


def _files(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if not each.name.startswith(".") and each.name != _INDEX)


def _member(frames: DicomFrames) -> tuple[tuple[Any, ...], _Member]:
    """What files of one part have in common, and what is known of one."""
    with discreet(frames.name):
        series = str(frames.header.get("SeriesInstanceUID") or "")
        axis = "T" if "FrameTime" in frames.header or "FrameTimeVector" in frames.header else "Z"
        place = _place(frames.header)
        # In PET, the unit of the samples may be another one in each slice, and so is the level of the noise.
        unit = str(frames.header.get("RescaleSlope")), str(frames.header.get("RescaleIntercept"))
    shape: tuple[int, ...] = (frames.count, frames.height, frames.width)
    part = Part(
        axes=f"{axis}YXS" if frames.channels == 3 else f"{axis}YX",
        shape=(*shape, 3) if frames.channels == 3 else shape,
        dtype=frames.dtype,
        nodata=None if frames.padding is None or frames.padding[0] < frames.padding[1] else frames.padding[0],
        missing=frames.padding if frames.padding and frames.padding[0] < frames.padding[1] else None,
    )
    key = series, unit, part.axes, part.shape[1:], part.dtype, frames.padding, frames.noise
    return key, _Member(Path(frames.name), frames.count, place, part, frames.noise)


def _place(header: Any) -> tuple[float, float]:
    """Where a slice is along the normal of its plane, in millimetres, and its number in the series."""
    number = float(header.get("InstanceNumber") or 0)
    position, sides = header.get("ImagePositionPatient"), header.get("ImageOrientationPatient")
    if not position or not sides or len(position) != 3 or len(sides) != 6:
        return 0.0, number
    across = np.array([float(each) for each in sides])
    normal = np.cross(across[:3], across[3:])
    return round(float(np.dot(normal, [float(each) for each in position])), 3), number


def _joined(members: Sequence[_Member], several: bool, number: int) -> Part:
    """The part that files make together; a single frame has no axis that counts."""
    first = members[0].part
    count = sum(member.count for member in members)
    drop = int(count == 1)
    return Part(
        axes=first.axes[drop:],
        shape=first.shape[1:] if drop else (count, *first.shape[1:]),
        dtype=first.dtype,
        name=f"series {number}" if several else "",
        nodata=first.nodata,
        missing=first.missing,
    )


def is_series(folder: Path) -> bool:
    """Whether a folder has nothing but DICOM images, different ones, of which some belong together."""
    series, instances = set[str](), list[str]()
    try:
        files = _files(folder)
        if not files or not all(file.is_file() and _matches(_head(file)) for file in files):
            return False
        for file in files:
            header = _identity(file)
            series.add(str(header.get("SeriesInstanceUID")))
            instances.append(str(header.get("SOPInstanceUID")))
    except (OSError, InputError, MissingExtraError):
        return False
    return len(series) < len(instances) == len(set(instances))


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(132)


def _identity(file: Path) -> Any:
    """The identifiers of a file, and nothing that comes behind them."""
    pydicom: Any = require("pydicom", "science", "to read DICOM")
    with discreet(str(file)):
        return pydicom.dcmread(
            file, specific_tags=["SOPInstanceUID", "SeriesInstanceUID"], stop_before_pixels=True
        )


class _Sink:
    """Derived files, each written in the order of its frames.

    Parameters
    ----------
    path : Path
        An empty file, or the name of a folder.
    stack : DicomStack
    made : Derivation
    """

    def __init__(self, path: Path, stack: DicomStack, made: Derivation) -> None:
        self._path, self._stack, self._made = path, stack, made
        self._file: DicomFile | None = None
        self._folder = stack.path.is_dir()
        if self._folder:
            path.mkdir()
            self._take_along()
        self._part, self._left, self._next = -1, iter(()), None

    _left: Iterator[Plane]
    _next: Plane | None

    def _take_along(self) -> None:
        """Copy hidden files; an index would no longer be true."""
        for file in self._stack.path.iterdir():
            if file.name == _INDEX:
                log.warning("%s: its index (%s) will not be in a changed folder", self._stack.name, _INDEX)
            elif file.name.startswith(".") and file.is_file():
                shutil.copy2(file, self._path / file.name)

    def write(self, plane: Plane, top: int, rows: Samples) -> None:
        """Encode rows; frames before this one that were not written stay as they were."""
        if plane.part != self._part:
            self._turn_to(plane.part)
        while self._next is not None and self._next != plane:
            self._copy()
        assert self._file is not None
        self._file.write(rows)
        if top + len(rows) == self._stack.parts[plane.part].size("Y"):
            self._next = next(self._left, None)

    def _turn_to(self, part: int) -> None:
        """End a part, copy the files of those from which no plane was written, and begin another one."""
        while self._next is not None:
            self._copy()
        for between in range(self._part + 1, part):
            for source, _ in self._stack.files_of(between):
                shutil.copyfile(source, self._path / source.name if self._folder else self._path)
        self._part = part
        if part < len(self._stack.parts):
            self._left = self._planes(part)
            self._next = next(self._left, None)

    def _planes(self, part: int) -> Iterator[Plane]:
        """Each plane of a part, while the file that it belongs to is open."""
        for source, planes in self._stack.files_of(part):
            target = self._path / source.name if self._folder else self._path
            self._file = DicomFile(target, DicomFrames(source), self._made)
            yield from planes
            self._file.commit()

    def _copy(self) -> None:
        """Write a frame as it was."""
        assert self._next is not None
        assert self._file is not None
        part = self._stack.parts[self._next.part]
        self._file.write(self._stack.read(self._next, slice(0, part.size("Y")), slice(0, part.size("X"))))
        self._next = next(self._left, None)

    def commit(self) -> None:
        """Write what is left."""
        self._turn_to(len(self._stack.parts))

    def abort(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            self._file.abort()


_FIRST = (0x0000, 0x0001, 0x0005, 0x0008, 0x0016, 0x0018)
"""Elements of groups 2 and 8 with which files without a preamble begin."""


def _matches(head: bytes) -> bool:
    """With the mark behind a preamble; or without one, from group 2 or 8 on, with a short first element."""
    if head[128:132] == b"DICM":
        return True
    order: Literal["little", "big"] = "little" if head[1:2] == b"\0" else "big"
    group, element = (int.from_bytes(head[at : at + 2], order) for at in (0, 2))
    if group not in (2, 8) or element not in _FIRST or len(head) < 132:
        return False
    explicit = head[4:6] in (b"UL", b"OB", b"CS", b"UI")
    return explicit or (order == "little" and int.from_bytes(head[4:8], order) < 1024)


def _open_stack(path: Path, axes: str | None) -> DicomStack:
    return DicomStack(path)


def _open(data: Data) -> Source:
    """The only frame as an image of another kind, which has no place for the header."""
    source = only_plane(_open_stack)(data)
    with discreet(source.name):
        inverse = DicomFrames(data).photometric == "MONOCHROME1"
    if inverse:
        raise InputError(
            f"{source.name} has its white where values are lowest (MONOCHROME1)", "Write it as DICOM"
        )
    log.warning("%s: nothing of its header will be in an image of another kind", source.name)
    return source


DICOM = Format(
    name="dicom",
    label="DICOM",
    suffixes=(".dcm", ".dicom", ".ima"),
    matches=_matches,
    open=_open,
    open_stack=_open_stack,
    create_stack=_Sink,
    is_folder=is_series,
    depths=(8, 16, 32),
    needs="science",
)
