"""Which input each result in a folder was made from.

Outputs are named after their inputs, so that images of one name in two folders have one output. Without a
record, a second run would take the result of the first image for that of its namesake.
"""

import json
import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

NAME = ".pellucid-results"
"""In the folder of the outputs, one JSON object a line: output and input relative to it, size and time."""


class Record:
    """The record of a folder of outputs.

    Parameters
    ----------
    folder : pathlib.Path, optional
        None for outputs next to their inputs, which need no record.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def entry(self, source: Path, output: Path) -> dict[str, Any] | None:
        """Describe an input, as it is now; None where nothing is recorded, or the input is not there."""
        if self._folder is None:
            return None
        with suppress(OSError):
            state = source.stat()
            names = {"output": _relative(output, self._folder), "input": _relative(source, self._folder)}
            return names | {"size": state.st_size, "mtime_ns": state.st_mtime_ns}
        return None

    def add(self, entry: dict[str, Any] | None) -> None:
        """Append an entry; several processes may do so at once. One that cannot be written fails nothing."""
        if self._folder is not None and entry is not None:
            with suppress(OSError), open(self._folder / NAME, "a", encoding="ascii") as file:
                file.write(json.dumps(entry) + "\n")

    def other(self, source: Path, output: Path) -> Path | None:
        """Give the input of an earlier output, if it was another one, or an earlier state of this one.

        An input that was moved, with its time, is the same one.
        """
        now = self.entry(source, output) if self._folder and self._made else None
        if self._folder is None or now is None or now["output"] not in self._made:
            return None
        made = self._made[now["output"]]
        before = Path(os.path.normpath(self._folder / made["input"]))
        same = all(made[key] == now[key] for key in ("size", "mtime_ns"))
        return None if same and (not before.exists() or before.samefile(source)) else before

    @cached_property
    def _made(self) -> dict[str, dict[str, Any]]:
        """The last entry of each output."""
        found = {}
        with suppress(OSError):
            for line in (self._folder or Path()).joinpath(NAME).read_text("ascii", "replace").splitlines():
                with suppress(ValueError, TypeError, KeyError):  # cut off by a crash
                    entry = json.loads(line)
                    found[entry["output"]] = {key: entry[key] for key in ("input", "size", "mtime_ns")}
        return found


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return os.path.abspath(path)
