"""What the figures of the lessons share: digits, a small training loop, and how figures look."""

import re
from dataclasses import dataclass
from functools import cache
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.common import DOCS, Desk, Pixels
from pellucid.datasets.named import load_dataset
from pellucid.evaluation.code_maps import COLOURS
from pellucid.evaluation.figures import TEXT
from pellucid.networks.autoencoder import Autoencoder, Dense
from pellucid.networks.families import DenseSettings
from pellucid.noise.sensor import Gaussian
from pellucid.training.losses import LOSSES
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import SetData
from pellucid.training.reconstruction import move

Figures = dict[str, Any]
"""The numbers that a figure shows or that stand below it; empty where there are none."""

SIZE = (28, 28)
NOISE = Gaussian(0.5)
STYLE: Any = {  # of matplotlib
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "legend.labelcolor": TEXT,
    # A grey that white and black pages both let read.
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), TEXT),
}


@dataclass(frozen=True)
class Digits:
    """Handwritten digits, (n, 1, 28, 28), 0 to 1."""

    train: Tensor
    validation: Tensor
    test: Tensor


@cache
def load_digits(*, tiny: bool) -> Digits:
    """MNIST; in a tiny run the small digits of scikit-learn, enlarged."""
    if tiny:
        whole = small_digits(300)
        parts = (whole[:200], whole[200:250], whole[250:])
    else:
        mnist = load_dataset("mnist")
        parts = (mnist.train, mnist.validation, mnist.test)
    return Digits(*(torch.from_numpy(part).permute(0, 3, 1, 2).float() / 255 for part in parts))


def small_digits(count: int) -> NDArray[np.uint8]:
    """The first of the small digits, (n, 28, 28, 1), from 0 to 255."""
    return load_dataset("small-digits").train[:count]


# ---- training ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a small network is trained; Adam, batches of 50 digits drawn at random."""

    steps: int
    loss: str = "bce"
    learning_rate: float = 1e-3
    every: int  # steps between two measurements
    once: bool = False  # the noise is made once, not anew in each step
    moves: SetData | None = None  # how the digits are moved


@dataclass(frozen=True)
class Point:
    """A measurement while training: mean squared errors, in units of white squared."""

    step: int
    train: float
    validation: float


def fit(network: Autoencoder, train: Tensor, validation: Tensor, plan: Plan) -> list[Point]:
    """Train a network to take `NOISE` away, clipped, and measure it on the way."""
    generator = torch.Generator().manual_seed(0)
    random = TorchRandom(generator)
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.learning_rate)
    kept, tested = make_noisy(train, random), make_noisy(validation, random)
    points = []
    for step in range(plan.steps + 1):
        if step % plan.every == 0:
            seen = train[:1000], (kept if plan.once else make_noisy(train, random))[:1000]
            points.append(Point(step, error(network, *seen), error(network, validation, tested)))
        chosen = torch.randint(len(train), (50,), generator=generator)
        clean = move(train[chosen], plan.moves, random) if plan.moves else train[chosen]
        noisy = kept[chosen] if plan.once else make_noisy(clean, random)
        loss = LOSSES[plan.loss](network(noisy)[0], clean).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return points


def make_noisy(clean: Tensor, random: TorchRandom) -> Tensor:
    noisy: Tensor = NOISE.apply(clean, random).clip(0, 1)
    return noisy


@torch.no_grad()
def error(network: Autoencoder, clean: Tensor, noisy: Tensor) -> float:
    """Mean squared error of what the network makes of noisy images."""
    network.eval()
    denoised = torch.cat([network(part)[0] for part in noisy.split(500)])
    network.train()
    return round(float((denoised - clean).square().mean()), 5)


def dense(level: int, dropout: float = 0.0) -> Dense:
    """784 - level² - level² - 784."""
    torch.manual_seed(0)
    return Dense(DenseSettings(level=level, dropout=dropout), 1, SIZE)


# ---- drawing -------------------------------------------------------------------------------------


def panels(rows: int, columns: int, height: float) -> tuple[Figure, Any]:
    """A figure as wide as the text of a page, with (rows, columns) axes."""
    figure = Figure(figsize=(7.4, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def shelves(height: float, lower: int) -> tuple[Figure, Any, Any]:
    """A figure with a row of four axes for images above and a row of some for charts below."""
    figure = Figure(figsize=(7.4, height), layout="constrained")
    halves: Any = figure.subfigures(2, 1)
    above, below = halves
    return figure, above.subplots(1, 4), np.atleast_1d(below.subplots(1, lower))


def show(axes: Axes, pixels: Any, title: str = "", *, signed: float = 0.0, **options: Any) -> None:
    """Show an image, from black at 0 to white at 1; a signed one from orange to purple, white at 0."""
    limits = {"vmin": -signed, "vmax": signed, "cmap": "PuOr"} if signed else {"vmin": 0, "vmax": 1}
    axes.imshow(np.asarray(pixels).squeeze(), **limits | options)
    axes.set_title(title)
    bare(axes)


def bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def write_numbers(axes: Axes, values: Pixels, form: str, *, light: float = -inf, dark: float = inf) -> None:
    """Write each value of a small image (h, w) on its pixel, in black if it lies between the two."""
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if light < value < dark else "white"
        axes.text(column, row, format(value, form), color=colour, ha="center", va="center", fontsize=7)


# ---- pages ---------------------------------------------------------------------------------------


def publish(page: str, name: str, table: str) -> None:
    """Put a table into a page, between its two marks."""
    path = DOCS / page
    text = path.read_text(encoding="utf-8")
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    assert len(pattern.findall(text)) == 1, f"{path} has no place for the table {name}"
    path.write_text(pattern.sub(lambda _: f"{start}\n\n{table.strip()}\n\n{end}", text), encoding="utf-8")


def file(desk: Desk, name: str) -> Path:
    folder = desk.figures / "lessons"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.svg"
