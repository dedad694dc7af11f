"""The card of a network: its kind, how to run it, its figures. It travels inside the ``.onnx`` file."""

import functools
import logging
import math
import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from pellucid.errors import InputError
from pellucid.inference.html import table_html

log = logging.getLogger("pellucid")

KEY = "pellucid.card"
CLASSICAL = "PSNR of "
"""Begins the name of a figure of the best classical method on the images of `test_psnr`."""
KINDS = {1: "grey", 3: "colour"}
"""Names of images with N channels."""

Kind: TypeAlias = Literal["white-noise", "photographs", "pages", "autoencoder", "noise-estimator"]
"""What a network does: removes white noise of a given level, removes the noise of photographs, which it
finds itself, cleans scanned pages, makes its image of the noisy one alone (most through a code), or estimates
noise."""
_TABLES: dict[str, Kind] = {
    "unet": "white-noise",
    "photo": "photographs",
    "page": "pages",
    "estimator": "noise-estimator",
}


class Layer(msgspec.Struct, frozen=True):
    """One layer of a network, as tables and drawings show it."""

    part: str  # "encoder" or "decoder"; "network" where there is no code between the two
    name: str  # in plain words, such as "convolution 3x3, ReLU"
    shape: tuple[int, ...]  # of one image's output: (channels, height, width) or (numbers,)
    parameters: int


class SensorNoise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The noise of a sensor: its variance is ``gain * pixel + offset``, from the pixel ``black`` on."""

    gain: float
    offset: float
    black: float


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """The description of a network."""

    kind: Kind
    name: str
    version: str
    purpose: str
    licence: str
    trained_on: str
    channels: int  # of the images it takes: 1 grey, 3 colour
    stride: int  # height and width must be multiples of this
    radius: int  # how many pixels away an input pixel can still change an output pixel
    overlap: int  # what neighbouring tiles need to share so that no seam is seen; at most `radius`
    sigma: tuple[float, float] | None  # the noise levels it can be given, 0 to 1; None: it takes none
    bytes_per_pixel: int  # memory that a run needs for each pixel of a tile
    multiply_adds: int  # a pixel
    parameters: int
    steps: int  # of training
    recipe: str  # the recipe, as JSON
    figures: dict[str, float]  # measured while training, on the tune images
    size: tuple[int, int] | None = None  # the only height and width it takes; None: any multiple of `stride`
    code: tuple[int, ...] | None = None  # shape of one image's code; None: it has no code
    noise: SensorNoise | None = None  # the only one it was trained for; None: it is found in each image
    limits: str = ""  # where it fails, in words
    layers: tuple[Layer, ...] = ()  # from the image that goes in to the image that comes out

    def _repr_html_(self) -> str:
        return table_html(facts(self))


class _Tag(msgspec.Struct):
    kind: str


class _Recipe(msgspec.Struct):
    network: _Tag | None = None


def read_card(metadata: Mapping[str, str], source: str) -> Card:
    """Read the card from an ONNX file's metadata.

    Raises
    ------
    InputError
        When there is none, or it cannot be read: the file was not written by ``pellucid train``.
    """
    if KEY not in metadata:
        raise InputError(
            f"{source} has no card: it was not written by pellucid train",
            "Train one with it, or give the layout of this one's axes: nhwc (of Keras) or nchw (of PyTorch)",
        )
    try:
        facts = msgspec.json.decode(metadata[KEY], type=dict[str, Any])
        if "kind" not in facts and isinstance(facts.get("recipe"), str):
            facts |= _kind_of_recipe(facts["recipe"])
        return msgspec.convert(facts, Card)
    except msgspec.MsgspecError as exc:
        raise InputError(
            f"{source} has a card of another version of Pellucid: {exc}", "Export the network again"
        ) from exc


def _kind_of_recipe(recipe: str) -> dict[str, Kind]:
    """The kind of a network whose card was written before cards had one: its recipe's network has it."""
    network = msgspec.json.decode(recipe, type=_Recipe).network
    return {"kind": _TABLES.get(network.kind, "autoencoder")} if network else {}


def write_card(card: Card) -> dict[str, str]:
    """Give the metadata of an ONNX file with this card."""
    return {KEY: msgspec.json.encode(card).decode()}


def input_figure(figure: str) -> str:
    """The name under which a card has a figure of the noisy input, given that of the network's figure."""
    return re.sub("^(training|test)_", r"\1_input_", re.sub("^(tune|validation)", "input", figure))


def psnr_pairs(card: Card) -> list[tuple[str, float, float]]:
    """The figures of PSNR that a card has of the network and of its noisy input.

    Returns
    -------
    list of (name of the network's figure, PSNR of the noisy input, PSNR of the network), dB
        On images that did not train. Empty where the network does not denoise, or where its card is older
        than these figures.
    """
    figures = card.figures
    held_out = (name for name in figures if not name.startswith(("training", "test", CLASSICAL)))
    inputs = {name: input_figure(name) for name in held_out if "psnr" in name.lower()}
    return [
        (name, figures[noisy], figures[name])
        for name, noisy in inputs.items()
        if noisy != name and noisy in figures
    ]


def psnr_gain(card: Card) -> float | None:
    """How much a network improves noisy images, in the mean of `psnr_pairs`, dB; None without any."""
    gains = [value - noisy for _, noisy, value in psnr_pairs(card)]
    return sum(gains) / len(gains) if gains else None


def shortfall(card: Card) -> str:
    """Say by how much a network falls short of its noisy input, and the remedy; empty when it does not."""
    gain = psnr_gain(card)
    if gain is None or gain > 0:
        return _loss_to_classical(card)
    return (
        f"{card.name} does not denoise: on held-out images its PSNR is {-gain:.2f} dB"
        " below that of the noisy input. Train it for more steps, on more images, or at a lower learning rate"
    )


def _loss_to_classical(card: Card) -> str:
    """Say which classical method has a higher PSNR on the test images; empty when none has."""
    own = card.figures.get("test_psnr", math.inf)
    classical = {name: value for name, value in card.figures.items() if name.startswith(CLASSICAL)}
    best = max(classical, key=lambda name: classical[name], default="")
    if not best or classical[best] <= own:
        return ""
    return (
        f"{card.name} denoises less well than {best.removeprefix(CLASSICAL)}: on test images its PSNR is"
        f" {classical[best] - own:.2f} dB lower. Train it for more steps, on more images, or use that"
    )


@functools.cache
def warn_of(path: str, text: str) -> None:
    """Log once a process that the network in a file makes images noisier."""
    if text:
        log.warning("%s: %s", path, text)


def facts(card: Card) -> list[tuple[str, str]]:
    """A card in words: terms and what is said of each."""
    size = f", {card.size[1]} × {card.size[0]} pixels" if card.size else ""
    tiles = f"stride {card.stride}, receptive radius {card.radius}, overlap {card.overlap} pixels"
    return [
        ("Name", f"{card.name}, version {card.version}"),
        ("For", card.purpose),
        ("Images", KINDS[card.channels] + size),
        *([("Code", _code(card.code))] if card.code else []),
        ("Noise levels", _levels(card)),
        *([("Noise", _sensor(card.noise))] if card.noise else []),
        ("Trained on", f"{card.trained_on}; {card.steps:,} steps"),
        ("Licence", card.licence),
        ("Not for", "diagnosis"),
        *([("Fails on", card.limits)] if card.limits else []),
        *([("Warning", text)] if (text := shortfall(card)) else []),
        ("Parameters", f"{card.parameters:,}"),
        ("Multiply-adds", f"{card.multiply_adds:,} a pixel"),
        ("Memory", f"{card.bytes_per_pixel:,} bytes for each pixel of a tile"),
        *([("Tiles", tiles)] if not card.size else []),
        *((words(name)[:1].upper() + words(name)[1:], f"{value:g}") for name, value in card.figures.items()),
    ]


def words(figure: str) -> str:
    """The name of a figure in a log or a card, as people write it."""
    return figure.replace("_", " ").replace("mse", "MSE").replace("psnr", "PSNR, dB").replace("kl", "KL")


def _code(shape: tuple[int, ...]) -> str:
    sides = " × ".join(map(str, shape))
    return f"{sides} = {math.prod(shape):,} numbers" if len(shape) > 1 else f"{sides} numbers"


def _sensor(noise: SensorNoise) -> str:
    return f"variance = {noise.gain:.4g} * pixel {noise.offset:+.4g}, pixels from {noise.black:.4g} to 1"


def _levels(card: Card) -> str:
    if card.sigma is None:
        return "none can be given"
    return " to ".join(f"{255 * sigma:.3g}" for sigma in card.sigma) + " (of 255)"
