"""What the commands print: results on standard output, all else on standard error."""

import contextlib
import json
import logging
import os
import shutil
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pellucid.errors import PellucidError, explain

Step = Callable[[str, float], None]
"""Moves the bar: the name of the present file, and how many are done."""


def say(text: str = "") -> None:
    """Print lines of a result."""
    print(printable(text), flush=True)


def say_json(document: dict[str, Any]) -> None:
    """Print the one JSON document of a run; it is ASCII, whatever the terminal."""
    print(json.dumps(document, indent=2, allow_nan=False), flush=True)


def complain(*lines: str) -> None:
    """Print lines on standard error, if that is possible; one stays one, whatever a file's name holds."""
    with contextlib.suppress(OSError):
        for line in lines:
            print(printable(line).replace("\n", "\\n"), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Replace what could steer a terminal (a file's name may hold anything) by its escape."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align the columns; the last one is wrapped to the width of the terminal."""
    *widths, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    indent = sum(widths) + 2 * len(widths)
    room = max(shutil.get_terminal_size().columns - indent, 24)
    lines = []
    for *cells, last in rows:
        start = "".join(cell.ljust(width + 2) for cell, width in zip(cells, widths, strict=True))
        for line in textwrap.wrap(last, room, break_on_hyphens=False) or [""]:
            lines.append((start + line).rstrip())
            start = " " * indent
    return "\n".join(lines)


def explained(exc: Exception) -> PellucidError:
    """Give the error in words for any exception; with PELLUCID_DEBUG, print where it came from."""
    error = explain(exc)
    if os.environ.get("PELLUCID_DEBUG"):
        traceback.print_exception(error.__cause__ or error)
    return error


def forward_warnings() -> None:
    """Print the library's warnings as plain lines, and those of other packages not at all."""

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            complain(f"{record.levelname.lower()}: {record.getMessage()}")

    log = logging.getLogger("pellucid")
    log.addHandler(Lines())
    log.propagate = False
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


@contextlib.contextmanager
def bar(total: float, beside: str, *, quiet: bool) -> Iterator[Callable[[float, str, str], None]]:
    """Show a bar on standard error if that is a terminal; yields a function of (done, name, words beside)."""
    if quiet or not total or not sys.stderr.isatty():
        yield lambda done, name, beside: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[beside]}"),
        TimeRemainingColumn(),
    )
    # A line for standard output must not land on the terminal when that goes to a file.
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    ) as progress:
        task = progress.add_task("", total=total, beside=beside)
        yield lambda done, name, beside: progress.update(
            task, completed=done, description=printable(name), beside=beside
        )


@contextlib.contextmanager
def progress_bar(total: int, *, quiet: bool) -> Iterator[Step]:
    """Show a bar while files are worked on."""
    with bar(total, f"1 of {total}", quiet=quiet) as show:

        def step(name: str, done: float) -> None:
            shown = name if len(name) <= 30 else f"...{name[-27:]}"
            show(done, shown, f"{min(int(done) + 1, total)} of {total}")

        yield step


@contextlib.contextmanager
def training_bar(*, quiet: bool) -> Iterator[Callable[[float, float | None], None]]:
    """Show a bar while a network is trained, with its loss."""
    words = ""
    with bar(1.0, words, quiet=quiet) as show:

        def step(share: float, loss: float | None) -> None:
            nonlocal words
            words = words if loss is None else f"loss {loss:.5f}"
            show(share, "training", words)

        yield step
