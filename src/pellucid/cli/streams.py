"""What `-` means on the command line: standard input and standard output, each as a temporary file.

A file, not the bytes in memory: any format can be decoded from it, at flat memory, and nothing of the result
reaches standard output before all of it is known to be good.
"""

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pellucid.errors import PellucidError, UsageError

log = logging.getLogger("pellucid")


@dataclass(frozen=True)
class Streams:
    """The paths to use in place of the arguments.

    Parameters
    ----------
    inputs : list of str
    output : str, optional
    names : dict
        From such a path to the `-` that it replaces.
    """

    inputs: list[str]
    output: str | None
    names: dict[str, str]


@contextmanager
def standard_streams(inputs: list[str], output: str | None) -> Iterator[Streams]:
    """Give temporary files for `-`; on success the one for standard output is written there.

    Without an output, standard input goes to standard output. Errors and warnings name the streams.

    Raises
    ------
    UsageError
        When there is no stream to read from or write to but a terminal, or several inputs for one stream.
    InputError
        When standard output is given an input that cannot be read.
    """
    reads = "-" in inputs
    writes = output == "-" or (output is None and reads)
    if not (reads or writes):
        yield Streams(inputs, output, {})
        return
    if len(inputs) > 1 or os.path.isdir(inputs[0]):
        raise UsageError(
            "- is standard input or output, and each holds one image", "Give one file, or write to a folder"
        )
    if writes and sys.__stdout__ is None:  # `sys.stdout` leads nowhere then
        raise UsageError(
            "Standard output is closed", "Redirect it: pellucid denoise - < noisy.png > clean.png"
        )
    if writes and sys.stdout.isatty():
        raise UsageError(
            "An image cannot be shown on a terminal", "Redirect standard output, or give -o FILE"
        )
    with tempfile.TemporaryDirectory(prefix="pellucid-") as folder, _without(f"{folder}{os.sep}"):
        source, names = inputs[0], dict[str, str]()
        if reads:
            source = os.path.join(folder, "standard input")
            names[source] = "-"
            _read_standard_input(source)
        if writes:
            output = os.path.join(folder, f"standard output{_suffix_for(source)}")
            names[output] = "-"
        yield Streams([source], output, names)
        if writes and output:
            with open(output, "rb") as made:
                shutil.copyfileobj(made, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _read_standard_input(path: str) -> None:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            "Standard input is no image", "Redirect it: pellucid denoise - < noisy.png > clean.png"
        )
    with open(path, "wb") as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool)


def _suffix_for(source: str) -> str:
    """Give the suffix of the input's own format, or of the one that takes its place."""
    from pellucid.io.files import find_format, is_pdf

    if is_pdf(Path(source)):
        return ".pdf"
    found = find_format(Path(source))
    return found.writes_as or found.suffixes[0]


@contextmanager
def _without(folder: str) -> Iterator[None]:
    """Remove the temporary folder from what is said, so that only the stream's name is left."""

    def shorten(record: logging.LogRecord) -> bool:
        record.msg, record.args = record.getMessage().replace(folder, ""), ()
        return True

    for handler in log.handlers:  # which come after the filters that name the file
        handler.addFilter(shorten)
    try:
        yield
    except PellucidError as exc:
        with suppress(TypeError):  # the error of a batch is made of others
            raise type(exc)(exc.problem.replace(folder, ""), exc.remedy) from exc
        raise
    finally:
        for handler in log.handlers:
            handler.removeFilter(shorten)
