"""Files that are written as a whole or not at all."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pellucid.errors import InputError, LimitError, UsageError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole_or_nothing(target: Path, *, overwrite: bool = True, folder: bool = False) -> Iterator[Path]:
    """Give a temporary name beside the target; rename it when all went well, remove it when not.

    Parameters
    ----------
    target : Path
    overwrite : bool
        Replace a file that exists.
    folder : bool
        Make its folder when that is missing.

    Raises
    ------
    UsageError
        When the target exists and may not be replaced, even if it came into being meanwhile.
    InputError
        When the folder is missing or cannot be written to.
    LimitError
        When there is no space.
    """
    temporary = target.with_name(f".pellucid-{secrets.token_hex(6)}{target.suffix}")
    try:
        if folder:
            target.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        yield temporary
        with temporary.open("r+b") as stream:
            os.fsync(stream.fileno())
        refuse_existing(target, overwrite)
        if target.exists():
            if not os.access(target, os.W_OK):
                raise PermissionError(errno.EACCES, "it is protected against writing")
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except OSError as exc:
        raise _write_error(target, exc) from exc
    finally:
        with suppress(OSError):  # it is renamed, or never came into being
            temporary.unlink()


def refuse_existing(file: Path, overwrite: bool) -> None:
    """Refuse to replace a file, unless that is allowed.

    Raises
    ------
    UsageError
        When it exists.
    """
    if os.path.exists(file) and not overwrite:  # Path.exists fails on names that are too long
        raise UsageError(
            f"{file} exists already", "Choose another name, or allow it (overwrite, --overwrite)"
        )


def _write_error(target: Path, exc: OSError) -> InputError | LimitError:
    reason = exc.strerror or str(exc)
    for number in _NO_SPACE:
        if exc.errno == number or os.strerror(number) in reason:  # libvips gives the system's words alone
            return LimitError(
                f"{target} cannot be written: {os.strerror(number)}", "Make space or choose another disk"
            )
    return InputError(f"{target} cannot be written: {reason}", "Check the folder and its permissions")
