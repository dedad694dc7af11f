"""Stacks in files: opened by their content, written atomically as a copy with other planes."""

import os
from pathlib import Path

from pellucid.atomic import atomic_folder, atomic_write, refuse_existing, refuse_folder
from pellucid.errors import InputError, UsageError
from pellucid.io import registry
from pellucid.io.files import find_format, refuse_zero, too_large, warn_of_name
from pellucid.io.format import Format
from pellucid.io.sink import AtomicSink
from pellucid.io.stack import Derivation, Stack, StackSink


def open_stack(
    path: str | os.PathLike[str], *, axes: str | None = None, max_pixels: int = 1_000_000_000
) -> Stack | None:
    """Open a file of many planes.

    Parameters
    ----------
    path : path
        A file, or a folder that is one file, such as a Zarr.
    axes : str, optional
        One letter for each axis, for formats that do not say it (`pellucid.io.stack.Part`).
    max_pixels : int
        Refuse planes with more pixels than this.

    Returns
    -------
    Stack or None
        To be closed. None where the file is one plain image, which `open_image` opens.

    Raises
    ------
    InputError, LimitError, MissingExtraError
        As `open_image`.
    UsageError
        When the axes do not fit, or are missing.
    """
    file = Path(path)
    found = find_format(file)
    if found.open_stack is None:
        return None
    try:
        stack = found.open_stack(file, axes)
    except InputError as exc:  # such as samples or axes in which there are no images
        if file.name in exc.problem:
            raise
        raise InputError(f"{file}: {exc.problem}", exc.remedy) from exc
    if stack is None:
        return None
    warn_of_name(file, found)
    for part in stack.parts:
        height, width = part.size("Y"), part.size("X")
        if height * width > max_pixels:
            stack.close()
            raise too_large(stack.name, height, width, max_pixels)
    return stack


def create_stack(
    path: str | os.PathLike[str], stack: Stack, derivation: Derivation, *, overwrite: bool = False
) -> StackSink:
    """Begin a copy of a stack, in which planes are replaced; it appears with `commit`, or never.

    Parameters
    ----------
    path : path
        Its suffix must be of the stack's own format.
    stack : Stack
    derivation : Derivation
    overwrite : bool
        Replace a file that exists.

    Raises
    ------
    UsageError, InputError, LimitError
        As `write_image`.
    """
    own = check_stack_target(path, stack, overwrite=overwrite)
    assert own.create_stack is not None, "a format that opens stacks writes them"
    create, atomic = own.create_stack, atomic_folder if stack.path.is_dir() else atomic_write
    return AtomicSink(atomic(Path(path), overwrite=overwrite), lambda to: create(to, stack, derivation))


def check_stack_target(path: str | os.PathLike[str], stack: Stack, *, overwrite: bool = False) -> Format:
    """Find out, before any work, whether a stack can be written to a path.

    Raises
    ------
    UsageError
        When the file exists, or its suffix names another format.
    """
    file, own = Path(path), registry.named(stack.encoding.format)
    refuse_zero(file)
    if not is_same_kind(file, stack):
        raise UsageError(
            f"{file}: {stack.name} is a {own.label}, and a stack is written in its own format",
            f"Use the suffix {' or '.join(own.suffixes)}",
        )
    if stack.path.is_dir():
        refuse_folder(file, overwrite)
    else:
        refuse_existing(file, overwrite)
    return own


def is_same_kind(path: Path, stack: Stack) -> bool:
    """Whether a name is one of the stack's own format; a folder, or a file without a suffix, needs none."""
    found = registry.of_suffix(path)
    free = stack.path.is_dir() or registry.of_suffix(stack.path) is None
    return found is registry.named(stack.encoding.format) or (found is None and free)
