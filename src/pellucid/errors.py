"""Every way in which Pellucid can fail, in words.

    PellucidError                 1   a bug: something that should not happen
    ├── UsageError (ValueError)   2   a wrong argument, option, shape or name
    ├── InputError (OSError)      3   a file or image that cannot be used
    ├── BatchError                4   some of several inputs failed
    └── LimitError (OSError)      5   a limit or a resource: memory, disk, pixels
        ├── DeviceError               a device that was asked for cannot be used
        └── MissingExtraError         an optional part is not installed

The number is the exit code of the command line. Every message has two parts: what happened (to which
file, and what was found there) and what to do next.
"""

import errno
import importlib
import re
from collections.abc import Iterable
from types import ModuleType
from typing import ClassVar


class PellucidError(Exception):
    """The base of all errors that Pellucid raises on purpose.

    Parameters
    ----------
    problem : str
        What happened, to which file or argument, and what was found there. No full stop at the end.
    remedy : str
        What the user can do next. No full stop at the end.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def document(self) -> dict[str, str | int]:
        """Give the error as values that JSON has."""
        return {
            "type": type(self).__name__,
            "exit_code": self.exit_code,
            "problem": self.problem,
            "remedy": self.remedy,
        }

    def __str__(self) -> str:
        return f"{self.problem}{'' if self.problem.endswith('?') else '.'} {self.remedy}."


class UsageError(PellucidError, ValueError):
    """A wrong argument, option, shape or name."""

    exit_code = 2


class InputError(PellucidError, OSError):
    """A file or image that cannot be used: missing, broken, or of a kind that is not supported."""

    exit_code = 3


class BatchError(PellucidError):
    """Some of several inputs failed; the others are done.

    Parameters
    ----------
    failures : iterable of (str, PellucidError)
        The inputs that failed, each with its own error.
    total : int
        How many inputs there were.
    """

    exit_code = 4

    def __init__(self, failures: Iterable[tuple[str, PellucidError]], total: int) -> None:
        self.failures = tuple(failures)
        self.total = total
        super().__init__(
            f"{len(self.failures)} of {total} files failed",
            "Fix or leave out the files that are listed and run it again; all others are done",
        )

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.failures, self.total)


class LimitError(PellucidError, OSError):
    """A limit or a resource: too many pixels, no memory, no space on the disk."""

    exit_code = 5


class DeviceError(LimitError):
    """A device that was asked for cannot be used."""


class MissingExtraError(LimitError):
    """An optional part of Pellucid is not installed."""


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional package, or say in one line how to install it.

    Parameters
    ----------
    module : str
        The package's import name, such as ``"torch"``.
    extra : str
        The extra of Pellucid that brings it, such as ``"lab"``.
    purpose : str
        What it is needed for, as the end of "... is needed": ``"to train a network"``.

    Raises
    ------
    MissingExtraError
        When the package cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as exc:
        raise MissingExtraError(
            f"{module} is needed {purpose} and is not installed",
            f'Install it with: pip install "pellucid[{extra}]"',
        ) from exc


def explain(exc: Exception) -> PellucidError:
    """Turn any exception into an error in words; one that is none of ours becomes its cause."""
    if isinstance(exc, PellucidError):
        return exc
    error = _explained(exc)
    error.__cause__ = exc
    return error


def _explained(exc: Exception) -> PellucidError:
    no_memory = re.search("allocate memory|out of memory", str(exc))  # which torch raises as a RuntimeError
    if isinstance(exc, MemoryError) or (isinstance(exc, RuntimeError) and no_memory):
        return LimitError(
            "There is not enough memory",
            "Close other programs; denoise with --memory 500, or train on smaller batches",
        )
    if isinstance(exc, OSError) and exc.strerror:
        if isinstance(exc, FileNotFoundError) and not exc.filename:  # of getcwd
            return InputError("The current folder has been deleted", "Change to a folder that exists")
        where = exc.filename or "The output"
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            return LimitError(
                f"{where} cannot be written: {exc.strerror}", "Make space or choose another disk"
            )
        if exc.errno in (errno.EEXIST, errno.ENOTDIR):
            return InputError(f"{where} is no folder: a file is there, or above it", "Name another place")
        return InputError(f"{where} cannot be used: {exc.strerror}", "Check the path and its permissions")
    return PellucidError(
        f"This is a bug in Pellucid: {type(exc).__name__}: {exc}".rstrip("."),
        "Run it again with PELLUCID_DEBUG=1 in the environment and report what it prints",
    )
