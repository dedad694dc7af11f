"""What a file format is: one record with all that is specific to it."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pellucid.errors import InputError
from pellucid.io.image import Extra, depth_of
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.stack import CreateStack, OpenStack, one_plane

Data = Path | bytes
"""An encoded image: a file, or its bytes."""

LONGEST = 2**31 - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Format:
    """A file format.

    Parameters
    ----------
    name, label : str
        As `Encoding.format` has it ("jpeg"), and as people write it ("JPEG").
    suffixes : tuple of str
        With the dot, in lower case; the first is the usual one.
    matches : function of the first 1024 bytes
        Whether a file is of this format.
    open : function of a path or bytes
        Gives the source. Raises InputError when the file is broken or contains something that would be lost.
    create : function of a path and a source, optional
        Gives the sink that writes a file for an image like the source's; None where it is only read.
    depths : tuple of int
        Bits per sample that it stores, as `Image.depth` counts.
    few_bits : tuple of int
        Bits per sample below 8 that it can hold, for grey.
    alpha, extra_channels, grey_profile : bool
        Whether it can hold transparency, channels of other meaning, and grey with an ICC profile.
    grey : bool
        Whether it can hold one channel; else grey is written as equal red, green and blue.
    lossless : str
        "yes", "no" or "both".
    longest : int
        Pixels per side.
    carries : frozenset of str
        Which fields of `Metadata` it can hold: "icc", "cicp", "colorimetry", "exif", "xmp", "iptc",
        "resolution" and "nodata".
    extras : tuple of Extra types
        Which kinds of `Extra` it can hold.
    largest : mapping of str to int
        Bytes of some metadata that it can hold at most.
    writes_as : str, optional
        The suffix of the format that takes its place where it is only read.
    needs : str, optional
        The extra of Pellucid that it needs.
    open_stack : function of a path and axes, optional
        Gives the stack of a file that may have more than one plane (`pellucid.io.stack.OpenStack`).
    create_stack : function of a path and a stack, optional
        Gives the sink that makes a file like the stack's.
    is_folder : function of a folder, optional
        Whether a folder as a whole is one file of this format. Its `open_stack` gets the folder, and its
        `create_stack` the name of one that is missing.
    """

    name: str
    label: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]
    open: Callable[[Data], Source]
    create: Callable[[Path, Source], Sink] | None = None
    depths: tuple[int, ...] = (8,)
    few_bits: tuple[int, ...] = ()
    alpha: bool = False
    extra_channels: bool = False
    grey: bool = True
    grey_profile: bool = False
    lossless: str = "yes"
    longest: int = LONGEST
    carries: frozenset[str] = frozenset()
    extras: tuple[type[Extra], ...] = ()
    largest: dict[str, int] = field(default_factory=dict)
    writes_as: str | None = None
    needs: str | None = None
    open_stack: OpenStack | None = None
    create_stack: CreateStack | None = None
    is_folder: Callable[[Path], bool] | None = None

    @property
    def is_written(self) -> bool:
        """Whether there is a way to write it."""
        return self.create is not None or self.create_stack is not None

    def problem(self, like: Source) -> str | None:
        """Say what of an image the format cannot hold; None when it can."""
        depth = depth_of(like.dtype, like.encoding.bits)
        if depth not in self.depths and not (depth in (10, 12) and 16 in self.depths):  # stretched already
            return "floating-point samples" if depth == 32 else f"{depth}-bit samples"
        if like.alpha and not self.alpha:
            return "transparency (alpha)"
        if like.extra and not self.extra_channels:
            return f"{like.extra} more channels that are neither colour nor transparency"
        if max(like.height, like.width) > self.longest:
            return f"{like.width} x {like.height} pixels"
        if like.channels == 1 and like.metadata.icc and not self.grey_profile:
            return "grey with a colour profile of its own"
        for name, largest in self.largest.items():
            size = len(getattr(like.metadata, name) or b"")
            if size > largest:
                return f"{size:,} bytes of {name.upper()}"
        return None


def stream_of(data: Data) -> BinaryIO:
    """Open a file or bytes for reading."""
    return io.BytesIO(data) if isinstance(data, bytes) else data.open("rb")


def name_of(data: Data) -> str:
    """How messages name a file or bytes."""
    return "The image" if isinstance(data, bytes) else str(data)


def only_plane(open_stack: OpenStack) -> Callable[[Data], Source]:
    """Make the `Format.open` of a format that has stacks only: its images are stacks of one plane."""

    def open(data: Data) -> Source:
        if isinstance(data, bytes):
            raise InputError("These bytes are a stack or volume", "Write them to a file, and give its path")
        stack = open_stack(data, None)
        assert stack is not None, "a format of stacks opens every file as one"
        return one_plane(stack)

    return open


def several_images(name: str) -> InputError:
    """Make the error for a file of which only the first image would be read."""
    return InputError(
        f"{name} holds several images or an animation, and only the first would be read",
        "Save each image as a file of its own",
    )
