"""The command line: it parses arguments, calls the library and prints; each command is one file."""

import ctypes
import io
import math
import os
import signal
import sys
import time
from types import FrameType
from typing import Any, NoReturn

from pellucid import __version__
from pellucid.errors import PellucidError


class Stopped(BaseException):
    """Ctrl-C, or another signal that asks the process to end."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number  # as shells count: 130 for Ctrl-C
        self.done: dict[str, Any] = {}  # what the command had done by then, for --json
        super().__init__(number)


def main() -> NoReturn:
    """Run the command that ``sys.argv`` asks for, and end the process with its exit code."""
    _open_missing_streams()
    _stop_on_signals()
    try:
        code = _run(sys.argv[1:])
    except Stopped as stop:
        code = _interrupted(stop)
    except Exception as exc:
        # A signal that arrives while a C extension loads comes out as an error of its import.
        before = exc.__context__
        code = _interrupted(before) if isinstance(before, Stopped) else _failed(exc)
    _leave(code)


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:  # before anything heavy is imported
        print(f"pellucid {__version__}", flush=True)
        return 0
    from pellucid.cli.app import run

    _return_freed_memory()
    return run(arguments)


def _return_freed_memory() -> None:
    """Let the C library of Linux give large arrays back to the system when they are freed.

    By default it keeps more and more of them, in a heap for each thread: twice the memory on large images.

    References
    ----------
    Linux manual pages, mallopt(3): M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):  # musl has none
        for parameter, value in ((-1, 2**20), (-3, 2**20), (-8, 2)):
            library.mallopt(parameter, value)


def _interrupted(stop: Stopped) -> int:
    """Say that the work was stopped, and give the exit code."""
    for number in _stopping():
        signal.signal(number, signal.SIG_IGN)  # once more would break what is being said
    interrupted = PellucidError("Interrupted", "Every file that was written is complete")
    _report(interrupted, {"type": "Interrupted", "exit_code": stop.exit_code}, stop.done)
    return stop.exit_code


def _failed(exc: Exception) -> int:
    """Say what went wrong, and give the exit code."""
    if isinstance(exc, BrokenPipeError):  # the reader, such as head, has seen enough
        return 128 + getattr(signal, "SIGPIPE", 13)  # which Windows does not have
    from pellucid.cli.output import explained

    error = explained(exc)
    _report(error, {}, {})
    return error.exit_code


def _report(error: PellucidError, other: dict[str, Any], done: dict[str, Any]) -> None:
    """Print an error in words, or as JSON with some of its fields replaced, together with what was done."""
    from pellucid.cli.output import complain, say_json

    arguments = sys.argv[1:]
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    try:
        if "--json" in options:
            say_json(done | {"error": error.document() | other})
            return
    except OSError:
        pass  # standard output is what failed
    complain(f"error: {error}")


def _open_missing_streams() -> None:
    """Give a closed stream a place to go, and let no character be one that cannot be printed."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  it stays open until the end
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):  # a program that calls main may have put another there
            stream.reconfigure(errors="backslashreplace")


def _stop_on_signals() -> None:
    last = -math.inf

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before > 1:  # twice within a second is meant once
            raise Stopped(number)

    for number in _stopping():
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores it
            signal.signal(number, stop)


def _stopping() -> list[int]:
    """Signals that ask a process to end; Windows has no SIGHUP."""
    return [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _leave(code: int) -> NoReturn:
    """End the process; what standard output could not take must not fail once more on the way out."""
    try:
        sys.stdout.flush()
    except OSError as exc:
        code = code or _failed(exc)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)
