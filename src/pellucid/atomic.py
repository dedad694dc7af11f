"""Atomic writes: a file appears complete, or not at all, and an earlier one survives every failure."""

import errno
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pellucid.errors import InputError, LimitError, PellucidError, UsageError

log = logging.getLogger("pellucid")

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


@contextmanager
def atomic_write(target: Path, *, overwrite: bool = True, folder: bool = False) -> Iterator[Path]:
    """Yield a temporary file next to the target; rename it on success, delete it on failure.

    A file that is replaced hands its permissions, owner and extended attributes on to the new one as far as
    the system allows, as ``cp -p`` does; its times are those of the write. What could not be kept is a
    warning, never an error. Other names of the same file (hard links) keep the earlier content, since they
    are often its backup; this is a warning too. A symbolic link stays one, and the file it leads to is
    replaced.

    Parameters
    ----------
    target : Path
    overwrite : bool
        Replace a file that exists.
    folder : bool
        Make its folder when that is missing.

    Yields
    ------
    Path
        An empty file with the target's suffix, to be written under this name.

    Raises
    ------
    UsageError
        When the target exists and may not be replaced, even if it was created in the meantime.
    InputError
        When the folder is missing or cannot be written to, or the target is write-protected.
    LimitError
        When there is no space.
    """
    temporary = None
    try:
        refuse_existing(target, overwrite)
        file = Path(os.path.realpath(target))
        if folder:
            file.parent.mkdir(parents=True, exist_ok=True)
        before = _status(file)
        temporary = file.with_name(f".pellucid-{secrets.token_hex(6)}{file.suffix}")
        # With the earlier file's permissions: no one can read it in the meantime who could not before.
        temporary.touch(before.st_mode & 0o777 if before else 0o666, exist_ok=False)
        yield temporary
        _flush(temporary)
        refuse_existing(target, overwrite)
        before = _status(file)
        lost = _keep_attributes(file, before, temporary) if before else []
        temporary.replace(file)
    except PellucidError:
        raise
    except OSError as exc:
        raise _write_error(target, exc) from exc
    finally:
        if temporary:
            with suppress(OSError):  # it has been renamed, or was never created
                temporary.unlink()
    if lost:
        log.warning("%s: the file system did not let it keep its %s", target, ", ".join(lost))
    if before and before.st_nlink > 1:
        log.warning("%s had %d names (hard links); the others keep the earlier file", target, before.st_nlink)


@contextmanager
def atomic_folder(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield the name of a missing folder next to the target; rename it on success, delete it on failure.

    Parameters
    ----------
    target : Path
    overwrite : bool
        Replace a folder that exists: it is moved aside first, and deleted when the new one is in its place.

    Yields
    ------
    Path
        To be made and filled.

    Raises
    ------
    UsageError
        When the target exists and may not be replaced.
    InputError, LimitError
        As `atomic_write`.
    """
    token = secrets.token_hex(6)
    temporary, aside = (target.with_name(f".pellucid-{token}{kind}") for kind in ("", "-old"))
    try:
        refuse_folder(target, overwrite)
        yield temporary
        refuse_folder(target, overwrite)
        if target.exists():
            target.rename(aside)
        try:
            temporary.rename(target)
        except OSError:
            if aside.exists():
                aside.rename(target)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    except PellucidError:
        raise
    except OSError as exc:
        raise _write_error(target, exc) from exc
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_folder(target: Path, overwrite: bool) -> None:
    """Refuse to replace a folder, unless that is allowed.

    Raises
    ------
    UsageError
        When it exists.
    InputError
        When it is a file.
    """
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file, not a folder", "Choose another name")
    if target.exists() and not overwrite:
        raise UsageError(
            f"{target} exists already", "Choose another name, or allow replacing it (overwrite, --overwrite)"
        )


def refuse_existing(file: Path, overwrite: bool) -> None:
    """Refuse to replace a file, unless that is allowed.

    Raises
    ------
    UsageError
        When it exists.
    InputError
        When it is no regular file, or no file can have this name, such as one that is too long.
    """
    try:
        status = _status(Path(os.path.realpath(file)))
    except OSError as exc:
        raise _write_error(file, exc) from exc
    if status and not stat.S_ISREG(status.st_mode):
        raise InputError(f"{file} is a folder or device, not a file", "Give the name of a file")
    if status and not overwrite:
        raise UsageError(
            f"{file} exists already", "Choose another name, or allow replacing it (overwrite, --overwrite)"
        )
    if status and not os.access(file, os.W_OK):
        raise InputError(f"{file} is write-protected", "Allow writing to it, or choose another name")


def _status(file: Path) -> os.stat_result | None:
    """Status of a file whose links have been followed; None where there is none."""
    try:
        return file.lstat()
    except FileNotFoundError:
        return None


def _flush(file: Path) -> None:
    with file.open("r+b") as stream:
        try:
            os.fsync(stream.fileno())
        except OSError as exc:
            if exc.errno not in _NOT_SUPPORTED:  # some network file systems cannot
                raise


def _keep_attributes(file: Path, before: os.stat_result, temporary: Path) -> list[str]:
    """Hand owner, permissions and extended attributes on to the new file; name those that are lost."""
    lost = []
    if hasattr(os, "chown"):  # Windows has no owners
        for user in (-1, before.st_uid):  # only root may change the user, members of a group the group
            with suppress(OSError):
                os.chown(temporary, user, before.st_gid)
    with suppress(OSError):
        temporary.chmod(before.st_mode & 0o777)
    after = temporary.stat()
    if (after.st_uid, after.st_gid) != (before.st_uid, before.st_gid):
        lost.append("owner")
    if (after.st_mode ^ before.st_mode) & 0o777:
        lost.append("permissions")
    names: list[str] = []
    if hasattr(os, "listxattr"):  # in Python only on Linux; access control lists are among them
        with suppress(OSError):
            names = os.listxattr(file)
    for name in names:
        try:
            value = os.getxattr(file, name)
            if name not in os.listxattr(temporary) or os.getxattr(temporary, name) != value:
                os.setxattr(temporary, name, value)
        except OSError:
            lost.append(f"attribute {name}")
    return lost


def _write_error(target: Path, exc: OSError) -> InputError | LimitError:
    reason = exc.strerror or str(exc)
    for number in _NO_SPACE:
        if exc.errno == number or os.strerror(number) in reason:  # libvips gives the system's words alone
            return LimitError(
                f"{target} cannot be written: {os.strerror(number)}", "Make space or choose another disk"
            )
    return InputError(f"{target} cannot be written: {reason}", "Check the folder and its permissions")
