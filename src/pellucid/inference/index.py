"""The networks that ship: one row each in ``models/index.toml``."""

import functools
import hashlib
import tomllib
from collections.abc import Collection
from pathlib import Path

import msgspec

from pellucid.errors import InputError, LimitError, UsageError
from pellucid.inference.card import Kind

MODELS = Path(__file__).parent.parent / "models"
FOR_PHOTOGRAPHS: tuple[Kind, ...] = ("white-noise", "photographs")
DENOISERS: tuple[Kind, ...] = (*FOR_PHOTOGRAPHS, "pages")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of weights."""

    name: str  # such as gaussian-fast; grey and colour share it
    kind: Kind
    channels: int  # of the images it takes
    file: str
    sha256: str
    purpose: str

    @property
    def path(self) -> Path:
        """The path of the file."""
        return MODELS / self.file


@functools.cache
def shipped() -> tuple[Entry, ...]:
    """Every network of the installation."""
    rows = tomllib.loads((MODELS / "index.toml").read_text(encoding="utf-8"))["model"]
    return tuple(msgspec.convert(rows, list[Entry]))


def names(kinds: Collection[Kind] = DENOISERS) -> list[str]:
    """The names of the networks of these kinds, each once."""
    return list(dict.fromkeys(entry.name for entry in shipped() if entry.kind in kinds))


def entries(name: str) -> list[Entry]:
    """The files behind a name.

    Raises
    ------
    UsageError
        When no network has this name.
    """
    found = [entry for entry in shipped() if name in (entry.name, Path(entry.file).stem)]
    if not found:
        raise unknown(name)
    return found


def estimator(channels: int) -> Entry:
    """The noise estimator for grey (1) or colour (3) images."""
    (entry,) = (e for e in shipped() if e.kind == "noise-estimator" and e.channels == channels)
    return entry


def network_in(run: Path) -> Path:
    """The one network in a run folder.

    Raises
    ------
    InputError
        When there is none.
    UsageError
        When there are several.
    """
    found = sorted(run.glob("*.onnx"))
    if not found:
        raise InputError(
            f"{run} contains no .onnx file",
            "Name a folder in which pellucid train has ended, or an .onnx file",
        )
    if len(found) > 1:
        raise UsageError(f"{run} contains several networks", f"Name one of {', '.join(map(str, found))}")
    return found[0]


def unknown(name: str) -> UsageError:
    """Make the error that lists what could be named."""
    return UsageError(
        f"There is no model {name!r}",
        f"Name an .onnx file, the folder of a run, auto, or one of {', '.join(names())}",
    )


def verify(entry: Entry) -> None:
    """Check that a file of weights is the one that was released.

    Raises
    ------
    LimitError
        When it is missing or has changed.
    """
    try:
        content = entry.path.read_bytes()
    except OSError as exc:
        raise LimitError(f"{entry.path} cannot be read: {exc.strerror}", "Install Pellucid again") from exc
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise LimitError(f"{entry.path} is not the file that was released", "Install Pellucid again")
