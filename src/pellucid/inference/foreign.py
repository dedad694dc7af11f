"""Networks of other programs, such as Keras: ``.onnx`` files without a card, from images to images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError
from pellucid.inference.card import KINDS, Card

LAYOUTS: Mapping[str, tuple[int, int, int, int]] = {"nchw": (0, 1, 2, 3), "nhwc": (0, 2, 3, 1)}
"""Orders of a network's axes, as numbers of those of (n, c, h, w). Keras has nhwc, PyTorch nchw."""

# Of a network whose layers are not known: what is right for most, up to four poolings.
STRIDE, RADIUS, BYTES_PER_PIXEL = 16, 64, 1000

Planes: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Foreign:
    """How a network of another program is run.

    Parameters
    ----------
    source, target : str
        Names of its input and output.
    layout : str
        One of `LAYOUTS`.
    alone : bool
        Whether it takes one image at a time.
    card : Card
        What is known about it.
    """

    source: str
    target: str
    layout: str
    alone: bool
    card: Card

    def run(self, compute: Callable[[list[str], Mapping[str, Planes]], Any], planes: Planes) -> Planes:
        """Denoise images (n, c, h, w) by a function that runs the network."""
        axes = LAYOUTS[self.layout]
        images = np.ascontiguousarray(planes.transpose(axes))
        parts = np.split(images, len(images)) if self.alone else [images]
        results = [compute([self.target], {self.source: each})[0] for each in parts]
        return np.concatenate(results).transpose(np.argsort(axes))


def read_foreign(path: Path, inputs: list[Any], outputs: list[Any], layout: str) -> Foreign:
    """Describe a network by the inputs and outputs that the runtime names.

    Raises
    ------
    InputError
        When its input or output is no image.
    """
    wants = "Give a network from images to images of the same shape, such as (n, h, w, 1) or (n, h, w, 3)"
    if len(inputs) != 1:
        names = ", ".join(each.name for each in inputs)
        raise InputError(f"{path} has {len(inputs)} inputs: {names}", wants)
    source, target = inputs[0], outputs[0]
    shape = [size if isinstance(size, int) and size > 0 else None for size in source.shape]
    if len(shape) != 4 or len(target.shape or source.shape) != 4 or source.type != "tensor(float)":
        raise InputError(
            f"{path} makes {_words(target)} of {_words(source)}, and images are float (n, h, w, c)",
            f"{wants}; a network of rows needs a layer that reshapes them",
        )
    n, channels, height, width = (shape[LAYOUTS[layout].index(axis)] for axis in range(4))
    if channels not in KINDS:
        other = next(name for name in LAYOUTS if name != layout)
        raise InputError(
            f"{path} takes {_words(source)}: as {layout} that are {channels} channels",
            f"Images have 1 or 3. Is its layout {other}?",
        )
    size = (height, width) if height and width else None
    card = Card(
        kind="autoencoder",
        name=path.stem,
        version="unknown",
        purpose="A network of another program",
        licence="Unknown",
        trained_on="Unknown",
        channels=channels,
        stride=1 if size else STRIDE,
        radius=RADIUS,
        overlap=RADIUS,
        sigma=None,
        bytes_per_pixel=BYTES_PER_PIXEL,
        multiply_adds=0,
        parameters=0,
        steps=0,
        recipe="{}",
        figures={},
        size=size,
    )
    return Foreign(source.name, target.name, layout, n is not None, card)


def _words(tensor: Any) -> str:
    sizes = ", ".join(str(size or "?") for size in tensor.shape)
    return f"{tensor.type.removeprefix('tensor(').rstrip(')')} ({sizes})"
