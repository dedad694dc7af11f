"""Files of many planes: stacks, volumes, series. A plane is an image that is read and written by rows.

    file ─ Stack ─ Part (a series, an array) ─ Plane ─ PlaneSource ─ ... ─ PlaneSink ─ StackSink ─ its copy

A stack's sink begins as a copy of the file, and the planes that are written take the place of the copy's. So
everything else stays without being understood: metadata, order, axes, planes that need no change.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pellucid.errors import InputError, UsageError
from pellucid.io.image import SAMPLE_TYPES, Encoding, Metadata, Samples
from pellucid.io.source import Source

COLOURS = (3, 4)
"""How many samples (S) a pixel with a colour has: red, green, blue, and perhaps alpha."""

LARGEST_VALUE = 1e30


@dataclass(frozen=True, kw_only=True)
class Part:
    """One array of a file: a series of a TIFF, a volume, an array of an .npz.

    Parameters
    ----------
    axes : str
        One letter for each axis in the order of `shape`. Y and X span a plane, S are the samples of its
        colours; all others count planes, C those of separate channels, each with a noise of its own.
    shape : tuple of int
    dtype : numpy.dtype
        Integers or floats, in the machine's byte order.
    name : str
        For people; empty where a file has one part.
    channels : tuple of str
        The names of the channels; empty where there are none.
    nodata : float, optional
        The value of samples that means "no data".
    missing : (float, float), optional
        The lowest and the highest such value, where there are several.

    Raises
    ------
    InputError
        When no plane can be found in it.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str = ""
    channels: tuple[str, ...] = ()
    nodata: float | None = None
    missing: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        name = self.name or "The stack"
        if self.dtype.kind not in "iuf" or self.dtype.itemsize > 8:
            raise InputError(
                f"{name} contains {self.dtype.name} samples",
                "Give integers or floating-point numbers of at most 64 bits",
            )
        fits = len(self.axes) == len(self.shape) == len(set(self.axes)) and {"Y", "X"} <= set(self.axes)
        if not fits or 0 in self.shape or self.size("S") not in (1, *COLOURS):
            raise InputError(
                f"{name} has the axes {self.axes} of lengths {self.shape}, in which there are no images",
                "Give at least one pixel, Y and X, and 1, 3 or 4 samples S",
            )

    def size(self, axis: str) -> int:
        """The length of an axis; 1 where there is none."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    @property
    def plane_axes(self) -> str:
        """The axes that count planes, slowest first."""
        return "".join(axis for axis in self.axes if axis not in "YXS")

    @property
    def plane_shape(self) -> tuple[int, ...]:
        """The lengths of the axes that count planes."""
        return tuple(self.size(axis) for axis in self.plane_axes)


@dataclass(frozen=True)
class Plane:
    """Which plane of a stack: the number of its part, and its index along `Part.plane_axes`."""

    part: int
    index: tuple[int, ...]


@dataclass(frozen=True)
class Derivation:
    """How the planes that are written come from those that were read, for formats that can say so.

    Parameters
    ----------
    software : str
        Such as ``Pellucid 0.1.0``.
    models : tuple of (str, str)
        The names of the networks with their versions, and the SHA-256 of their files.
    options : str
        The options that differ from their defaults, as text.
    treatment : str
        What was decided for each channel, such as its noise level, as text.
    compress : bool
        As `DenoiseOptions.compress`.
    """

    software: str
    models: tuple[tuple[str, str], ...] = ()
    options: str = ""
    treatment: str = ""
    compress: bool = False


class Stack(Protocol):
    """A file of many planes: everything about it is known before a sample is decoded.

    Attributes
    ----------
    name : str
        How messages name it.
    path : Path
    encoding : Encoding
        Of which `format` is used.
    parts : tuple of Part
        With at least one plane together.
    noise : str, optional
        The noise that the file's own words imply: ``rician:auto`` for a magnitude image of MRI, as
        `DenoiseOptions.noise`, and ``gaussian:auto`` for a slice of CT, which is denoised like white noise at
        the level that is found. It holds where the caller says nothing.
    """

    name: str
    path: Path
    encoding: Encoding
    parts: tuple[Part, ...]
    noise: str | None

    def read(self, plane: Plane, rows: slice, columns: slice) -> Samples:
        """Decode a region of a plane: (height, width, S), in the dtype of its part.

        Slices have a start and a stop within the plane. Planes and regions may be read in any order; that of
        `planes_of`, each from top to bottom, is the fastest.
        """

    def close(self) -> None:
        """Let go of files and memory."""


class StackSink(Protocol):
    """Takes planes; what is not written stays as it is in the stack that the sink was made for."""

    def write(self, plane: Plane, top: int, rows: Samples) -> None:
        """Encode rows (n, width, S) of a plane from row `top` on, in the dtype of its part.

        Planes come in the order of `planes_of`, each as a whole, or not at all, its rows from the top.
        """

    def commit(self) -> None:
        """Write the end. The caller gives the file its name."""

    def abort(self) -> None:
        """Close files. After `commit` it does nothing."""


OpenStack = Callable[[Path, str | None], Stack | None]
"""Opens a file, with the axes where the caller names them; None where the file is one plain image."""

CreateStack = Callable[[Path, Any, Derivation], StackSink]
"""Makes the sink of a stack that the same format has opened. The path is an empty file, or a missing folder,
and becomes a copy."""


def planes_of(stack: Stack) -> list[Plane]:
    """All planes, in the order in which `--pages` counts them from 1: part by part, the last axis fastest."""
    return [
        Plane(number, index)
        for number, part in enumerate(stack.parts)
        for index in np.ndindex(part.plane_shape)
    ]


def channel_of(stack: Stack, plane: Plane) -> str:
    """The name of the channel that a plane belongs to: planes with one name have the same noise."""
    part = stack.parts[plane.part]
    words = [part.name or f"image {plane.part + 1}"] if len(stack.parts) > 1 else []
    if part.size("C") > 1:
        number = plane.index[part.plane_axes.index("C")]
        words.append(part.channels[number] if number < len(part.channels) else f"channel {number + 1}")
    return ", ".join(words) or "all planes"


class PlaneSource:
    """One plane of a stack as a source."""

    def __init__(self, stack: Stack, plane: Plane) -> None:
        part = stack.parts[plane.part]
        self._stack, self._plane = stack, plane
        where = ", ".join(f"{axis} {at + 1}" for axis, at in zip(part.plane_axes, plane.index, strict=True))
        self.name = f"{stack.name} ({where})" if where else stack.name
        self.height, self.width = part.size("Y"), part.size("X")
        self.alpha, self.extra = part.size("S") == 4, 0
        self.channels = part.size("S") - self.alpha
        self.dtype, self.nodata, self.missing = part.dtype, part.nodata, part.missing
        self.metadata, self.encoding = Metadata(), stack.encoding
        self._lock = threading.Lock()  # one thread reads ahead, and another what stays unchanged

    def read(self, rows: slice, columns: slice) -> Samples:
        """Decode a region (height, width, S).

        Raises
        ------
        InputError
            For infinite values.
        """
        with self._lock:
            samples = self._stack.read(self._plane, rows, columns)
        if samples.dtype.kind != "f":
            return samples
        largest = min(LARGEST_VALUE, float(np.finfo(samples.dtype).max))
        if not (np.isnan(samples) | (np.abs(samples) <= samples.dtype.type(largest))).all():
            raise InputError(
                f"{self.name} has infinity or values beyond 1e30",
                "Replace them first, for instance with numpy.nan_to_num",
            )
        return samples

    def close(self) -> None:
        """Do nothing: the stack stays open."""


class PlaneSink:
    """One plane of a stack's sink."""

    def __init__(self, sink: StackSink, plane: Plane) -> None:
        self._sink, self._plane, self._top = sink, plane, 0

    def write(self, rows: Samples) -> None:
        """Pass the next rows on."""
        self._sink.write(self._plane, self._top, rows)
        self._top += len(rows)

    def commit(self) -> None:
        """Do nothing: the stack's sink is committed as a whole."""

    def abort(self) -> None:
        """Do nothing: the stack's sink is aborted as a whole."""


def one_plane(stack: Stack) -> Source:
    """Give the only plane of a stack as an image.

    Raises
    ------
    InputError
        When there are several, or its samples are of a dtype that images have not.
    """
    planes = planes_of(stack)
    dtype = stack.parts[0].dtype
    if len(planes) == 1 and dtype.name in SAMPLE_TYPES[:3]:
        return PlaneSource(stack, planes[0])
    stack.close()
    what = f"{len(planes)} planes" if len(planes) > 1 else f"{dtype.name} samples"
    raise InputError(
        f"{stack.name} has {what}, and an image has one, of uint8, uint16 or float32",
        "Denoise the file as a whole: pellucid denoise, or denoise_file in Python",
    )


def check_axes(axes: str | None, shape: tuple[int, ...], name: str) -> str:
    """Give the axes of an array that names none: what the caller says, or YX, or YXS for colours.

    Raises
    ------
    UsageError
        When they do not fit the array, or cannot be known without being named.
    """
    if axes is not None:
        axes = axes.upper()
        if len(axes) != len(shape) or len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
            raise UsageError(
                f"axes={axes!r} does not fit {name}, whose shape is {shape}",
                "Give one letter for each axis, Y and X among them, each once",
            )
        return axes
    if len(shape) == 2:
        return "YX"
    if len(shape) == 3 and shape[2] in COLOURS:
        return "YXS"
    example = {3: "ZYX for a stack", 4: "TZYX or NYXS"}.get(len(shape), "one letter for each axis")
    raise UsageError(
        f"{name} has the shape {shape}, and nothing says what its axes are",
        f"Name them with axes (--axes), such as {example}",
    )


def parse_numbers(text: str, count: int) -> Iterator[int]:
    """Read ``1-3,7`` as the numbers 0, 1, 2 and 6 of `count` things.

    Raises
    ------
    UsageError
        For anything else.
    """
    for item in text.split(","):
        first, _, last = item.strip().partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            raise UsageError(f"pages is {text!r}", "Give numbers from 1, such as 1-3,7")
        low, high = int(first), int(last or first)
        if not 1 <= low <= high <= count:
            raise UsageError(f"pages is {text!r}, and there are {count}", f"Give numbers from 1 to {count}")
        yield from range(low - 1, high)


def planes_count(stack: Stack) -> int:
    """How many planes there are."""
    return sum(prod(part.plane_shape) for part in stack.parts)
