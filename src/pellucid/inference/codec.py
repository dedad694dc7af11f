"""From images to codes and back, by an autoencoder's ``.onnx`` file cut in two; and codes in files.

A file of codes is a NumPy archive (``.npz``) of

    format   the text "pellucid codes 1"
    model    the SHA-256 of the ``.onnx`` file, without which the codes mean nothing
    names    of the images, or none
    values   float32 (n, *code), or with 8 bits
    levels   uint8 (n, *code), with `low` and `high`: what levels 0 and 255 stand for
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.atomic import atomic_write, refuse_existing
from pellucid.errors import InputError, UsageError, require
from pellucid.inference import index
from pellucid.inference.batches import batches, check_fits
from pellucid.inference.card import Card, write_card
from pellucid.inference.session import RunOptions, Session
from pellucid.io.image import SAMPLE_TYPES, to_float

FORMAT = "pellucid codes 1"

Floats: TypeAlias = NDArray[np.float32]
Levels: TypeAlias = NDArray[np.uint8]


# ---- images to codes and back --------------------------------------------------------------------


class Codec:
    """The two halves of an autoencoder.

    Parameters
    ----------
    path : Path
        An ``.onnx`` file that ``pellucid train`` wrote.
    threads : int, optional
        By default as many as the process may use CPUs.

    Attributes
    ----------
    card : Card
    hash : str
        SHA-256 of the file, which its codes carry.

    Raises
    ------
    InputError
        When the file is no network, or has no code.
    MissingExtraError
        Without the package onnx.
    """

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        onnx = require("onnx", "lab", "to cut a network at its code")
        if not path.is_file():
            raise InputError(f"There is no file {path}", "Check the path")
        self._options = RunOptions("cpu", threads)
        self.card = Session(path, self._options).card  # says in words what is no network
        if self.card.code is None:
            raise InputError(
                f"{path} has no code: a U-Net has skips, which lead past its narrowest place",
                "Name an autoencoder with a bottleneck; see: pellucid recipes",
            )
        content = path.read_bytes()
        self.hash = hashlib.sha256(content).hexdigest()
        self._name = str(path)
        self._model = onnx.load_from_string(content)
        self._encoder = self._half("noisy", "code")
        self._decoder: Session | None = None  # a network with unpooling has none

    def encode(self, images: NDArray[Any]) -> Floats:
        """Make codes of images.

        Parameters
        ----------
        images : array (n, height, width, channels), or (n, height, width) when they are grey
            uint8, uint16, float32 or float64. The largest value of an integer type is white; floats run from
            0 to 1.

        Returns
        -------
        float32 array (n, *code)

        Raises
        ------
        UsageError
            When the network takes no such arrays.
        InputError
            When a value is not finite.
        """
        if images.dtype.name not in SAMPLE_TYPES or images.ndim not in (3, 4) or not len(images):
            raise UsageError(
                f"An array of shape {images.shape} and type {images.dtype.name} contains no images",
                f"Give (n, height, width, channels) of {', '.join(SAMPLE_TYPES)}",
            )
        pixels = to_float(images if images.ndim == 4 else images[..., None])
        _, height, width, channels = pixels.shape
        check_whole(self.card, height, width, channels)
        if not np.isfinite(pixels).all():
            raise InputError("The images contain NaN or infinity", "Replace those values first")
        planes = pixels.transpose(0, 3, 1, 2)  # (n, h, w, c) -> (n, c, h, w)
        return self._run(self._encoder, height * width, noisy=planes)

    def decode(self, codes: NDArray[Any]) -> Floats:
        """Make images of codes.

        Parameters
        ----------
        codes : float array (n, *code)
            As `encode` gives them.

        Returns
        -------
        float32 array (n, height, width, channels)
            From 0 to 1.

        Raises
        ------
        UsageError
            When the codes have another shape, or the network cannot decode a code by itself.
        """
        if not (codes.ndim and len(codes) and self._is_code(codes.shape[1:])):
            raise UsageError(
                f"Codes of {self._name} cannot have shape {codes.shape}",
                f"Give (n, {', '.join(map(str, self.card.code or ()))}), as encode does",
            )
        self._decoder = self._decoder or self._half("code", "denoised")
        # Of codes that are small images, each number is one square of the image.
        sides = self.card.size or tuple(self.card.stride * side for side in codes.shape[2:])
        planes = self._run(self._decoder, int(np.prod(sides)), code=codes.astype(np.float32))
        return planes.transpose(0, 2, 3, 1)  # (n, c, h, w) -> (n, h, w, c)

    def _is_code(self, shape: tuple[int, ...]) -> bool:
        code = self.card.code or ()
        if self.card.size is None:  # the code grows with the image
            return len(shape) == 3 and shape[0] == code[0] and min(shape) > 0
        return shape == code

    def _half(self, start: str, end: str) -> Session:
        """The part of the network between two of its inputs and outputs."""
        import onnx
        from onnx.utils import Extractor

        half = Extractor(self._model).extract_model([start], [end])
        if start == "code" and any("noisy" in node.input for node in half.graph.node):
            raise UsageError(
                f"{self._name} cannot decode a code by itself: its unpooling must be given where in the "
                "image each maximum was",
                "Train one whose decoder is transposed, nearest or bilinear",
            )
        onnx.helper.set_model_props(half, write_card(self.card))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "half.onnx")
            path.write_bytes(half.SerializeToString())
            return Session(path, self._options)

    def _run(self, session: Session, pixels: int, **inputs: Floats) -> Floats:
        """Run so many images at a time as memory allows; `pixels` are those of one."""
        ((name, values),) = inputs.items()
        parts = [session.call(**{name: values[each]}) for each in batches(self.card, len(values), pixels)]
        return np.concatenate(parts)


def check_whole(card: Card, height: int, width: int, channels: int) -> None:
    """Refuse images of which a network makes no code: those that do not fit, or would have to be padded.

    Raises
    ------
    UsageError
    """
    check_fits(card, height, width, channels)
    if height % card.stride or width % card.stride or not height * width:
        raise UsageError(
            f"{card.name} takes images whose sides are multiples of {card.stride} pixels, "
            f"and these have {width} x {height}",
            "Crop or resize them",
        )


def network_file(name: str) -> Path:
    """Find the ``.onnx`` file that a user means.

    Parameters
    ----------
    name : str
        The path of the file, the folder of a run, or a name as in ``pellucid models``.

    Raises
    ------
    UsageError
        When there is no such network, or the folder contains several.
    InputError
        When the folder contains none.
    """
    path = Path(name)
    if path.is_dir():
        return index.network_in(path)
    return path if path.suffix == ".onnx" else index.entries(name)[0].path


# ---- codes in files --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, kw_only=True)
class Codes:
    """Codes, and what they are of.

    Parameters
    ----------
    values : float32 array (n, *code)
    model : str
        `Codec.hash` of the network that made them.
    names : tuple of str
        Of the images, without folder and suffix; empty when they have none.
    labels : int64 array (n,), optional
        The class of each image, where the set has classes.
    """

    values: Floats
    model: str
    names: tuple[str, ...] = ()
    labels: NDArray[np.int64] | None = None


def write_codes(path: Path, codes: Codes, *, bits: int | None = None, overwrite: bool = False) -> None:
    """Write codes into an ``.npz`` file, whole or not at all.

    Parameters
    ----------
    path : Path
    codes : Codes
    bits : int, optional
        8 stores one byte a number (see `quantise`), a quarter of the default's float32.
    overwrite : bool
        Replace a file that exists.

    Raises
    ------
    UsageError
        When the file exists or has another suffix, or `bits` is another number.
    InputError, LimitError
        When the file cannot be written.
    """
    check_target(path, bits=bits, overwrite=overwrite)
    content: dict[str, Any] = {"format": FORMAT, "model": codes.model, "names": np.array(codes.names, str)}
    if codes.labels is not None:
        content["labels"] = codes.labels
    if bits is None:
        content["values"] = codes.values
    else:
        content["levels"], content["low"], content["high"] = quantise(codes.values)
    with atomic_write(path, overwrite=overwrite) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **content)


def check_target(path: Path, *, bits: int | None, overwrite: bool) -> None:
    """Find out, before any work, whether codes can be written so.

    Raises
    ------
    UsageError, InputError
        As `write_codes`.
    """
    if not os.access(path.parent, os.W_OK):
        raise InputError(
            f"{path} cannot be written: there is no folder {path.parent}, or nothing may be written there",
            "Make the folder, or name another one",
        )
    if bits not in (None, 8):
        raise UsageError(f"A code cannot have {bits} bits a number", "Give 8, or leave it out for 32")
    if path.suffix.lower() != ".npz":
        raise UsageError(f"{path} does not end in .npz", "Codes are written as .npz files")
    refuse_existing(path, overwrite)


def read_codes(path: Path, *, model: str | None = None) -> Codes:
    """Read a file of codes.

    Parameters
    ----------
    path : Path
    model : str, optional
        `Codec.hash` of the network that is to decode them.

    Returns
    -------
    Codes

    Raises
    ------
    InputError
        When it is no such file, or another network made it.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
            codes = _parse(dict(content))
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror or exc}", "Check the path") from exc
    except Exception as exc:  # NumPy and zipfile have many ways to say so
        raise InputError(
            f"{path} is no file of codes, or is broken", "Give a file that pellucid encode wrote"
        ) from exc
    if model not in (None, codes.model):
        raise InputError(
            f"{path} was made by the network whose SHA-256 begins {codes.model[:12]}, and "
            f"this one's begins {str(model)[:12]}",
            "Name the .onnx file that made it; a network that was trained again has another code",
        )
    return codes


def _parse(content: dict[str, NDArray[Any]]) -> Codes:
    """Check the content of a file; any exception means that it is not a file of codes."""
    if content["format"] != FORMAT:
        raise ValueError
    values = content.get("values")
    if values is None:
        values = restore(content["levels"], content["low"], content["high"])
    names = tuple(map(str, content["names"]))
    if values.dtype != np.float32 or values.ndim < 2 or len(names) not in (0, len(values)):
        raise ValueError
    # A name must not lead out of the folder that the user gives.
    if not np.isfinite(values).all() or any(Path(name.replace("\\", "/")).name != name for name in names):
        raise ValueError
    labels = content.get("labels")
    if labels is not None and (labels.dtype != np.int64 or labels.shape != values.shape[:1]):
        raise ValueError
    return Codes(values=values, model=str(content["model"]), names=names, labels=labels)


def quantise(values: Floats) -> tuple[Levels, Floats, Floats]:
    """Round codes to 256 levels between the least and the greatest value of each number.

    Parameters
    ----------
    values : float32 array (n, *code)
        A code (channels, rows, columns) has one range for each channel, others one for each number.

    Returns
    -------
    levels : uint8 array (n, *code)
    low, high : float32 arrays, with the length 1 where `values` share a range
        What levels 0 and 255 stand for.
    """
    axes = (0, 2, 3) if values.ndim == 4 else (0,)
    low, high = values.min(axis=axes, keepdims=True), values.max(axis=axes, keepdims=True)
    step = np.where(high > low, high - low, 1) / 255
    return np.rint((values - low) / step).astype(np.uint8), low, high


def restore(levels: Levels, low: Floats, high: Floats) -> Floats:
    """Give the codes that `quantise` rounded; they differ by at most half a level."""
    values: Floats = low + levels * ((high - low) / np.float32(255))
    return values
