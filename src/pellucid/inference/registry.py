"""From a name or a path to a denoiser."""

import functools
import os
from pathlib import Path
from typing import Any

from pellucid.errors import InputError, UsageError
from pellucid.inference import index
from pellucid.inference.auto import Auto
from pellucid.inference.card import shortfall, warn_of
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.model import Model
from pellucid.inference.pages import PageModel
from pellucid.inference.session import RunOptions, Session
from pellucid.options import DenoiseOptions

KINDS: dict[str, type[Model]] = {"pages": PageModel}
"""The denoisers of kinds of networks that need another one than `Model`."""

CHOICE = "photo-best", "photo-fast", "gaussian-best", "gaussian-fast", "gaussian-instant"
"""The networks among which `auto` chooses, unless the image is a page."""

PAGES = "page-fast"
"""The network that `auto` chooses for pages."""


def load_model(
    name_or_path: str | Path = "auto",
    *,
    device: str = "auto",
    threads: int | None = None,
    memory: float | None = None,
    exact: bool | None = None,
    layout: str | None = None,
) -> Denoiser:
    """Load a network of the installation, by its name, or one's own, by its path.

    Parameters
    ----------
    name_or_path : str or Path
        Such as ``gaussian-fast``; one name serves grey and colour. ``auto`` chooses for each image. Or an
        ``.onnx`` file that ``pellucid train`` wrote, or the folder of its run; with `layout`, also one of
        another program whose input and output is an image.
    device, threads, memory, exact, layout
        As for `Model`.

    Returns
    -------
    Denoiser
        A `Model`, or for ``auto`` the choice among several.

    Raises
    ------
    UsageError
        When there is no such model, or a number or device makes no sense.
    InputError
        When the file is missing, or is no network that denoises.
    DeviceError
        When the device is not there.
    LimitError
        When weights of the installation are missing or have changed.

    Examples
    --------
    >>> load_model("gaussian-fast").channels
    (1, 3)
    """
    if not isinstance(name_or_path, (str, Path)):
        raise UsageError(
            f"A model cannot be {type(name_or_path).__name__}", "Give a name, a path, or what load_model gave"
        )
    options: dict[str, Any] = {"device": device, "threads": threads, "memory": memory, "exact": exact}
    options["layout"] = layout
    if name_or_path == "auto":
        return Auto(
            {name: _installed(name, options) for name in CHOICE}, PageModel(PAGES, _files(PAGES), **options)
        )
    path = Path(name_or_path)
    # os.path, since Path's own questions fail on names that are too long.
    if str(name_or_path) and os.path.isdir(path) and str(path) not in index.names():
        path = index.network_in(path)
    return _own(path, options) if path.suffix == ".onnx" else _installed(str(name_or_path), options)


def _own(path: Path, options: dict[str, Any]) -> Model:
    others = f"one of {', '.join(index.names())}"
    if not os.path.isfile(path):
        raise InputError(f"There is no file {path}", f"Check the path, or name {others}")
    card = Session(path, RunOptions(options["device"], options["threads"], options["layout"])).card
    if card.kind == "noise-estimator":
        raise InputError(f"{path} estimates noise and does not denoise", f"Name {others}")
    warn_of(str(path), shortfall(card))
    return KINDS.get(card.kind, Model)(str(path), {card.channels: path}, **options)


def _installed(name: str, options: dict[str, Any]) -> Model:
    kind = KINDS.get(index.entries(name)[0].kind, Model)
    return kind(name, _files(name), **options)


def _files(name: str) -> dict[int, Path]:
    """The checked files of an installed network, by channels."""
    files = {}
    for entry in index.entries(name):
        if entry.kind == "noise-estimator":
            raise index.unknown(name)
        index.verify(entry)
        files[entry.channels] = entry.path
    return files


_load = functools.lru_cache(maxsize=2)(load_model)  # repeated calls must not load the weights again


def denoiser_for(model: "str | Path | Denoiser", options: DenoiseOptions) -> Denoiser:
    """The denoiser that a caller names or has loaded.

    Raises
    ------
    UsageError
        When it is loaded already, and options that matter while loading are given, too.
    """
    chosen = {name: getattr(options, name) for name in ("device", "threads", "memory", "exact")}
    if not isinstance(model, Denoiser):
        return _load(model, **chosen) if isinstance(model, (str, Path)) else load_model(model)
    given = [name for name, value in chosen.items() if value != getattr(DenoiseOptions, name)]
    if given:
        raise UsageError(f"The model is loaded already, without {given[0]}", f"Give {given[0]} to load_model")
    return model
