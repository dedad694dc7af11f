"""Adapting a network for white noise to one's own images, without clean ones.

The noise is measured, the images are stabilised, and the shipped network goes on learning from them alone: it
predicts one of two neighbouring pixels from the image without it (Huang and others 2021, Neighbor2Neighbor),
or one shot of a scene from another (Lehtinen and others 2018, Noise2Noise). docs/decisions/adapting.md has
the figures of the ways that were tried.
"""

import logging
import math
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import torch

from pellucid.atomic import atomic_write
from pellucid.errors import InputError, UsageError
from pellucid.inference import index
from pellucid.inference.analysis import MIN_WHITE_SIGMA, Analysis
from pellucid.inference.card import KINDS, Card, SensorNoise
from pellucid.inference.measuring import analyse_tiles
from pellucid.inference.overview import Overview
from pellucid.inference.session import RunOptions, Session
from pellucid.networks.families import UNetSettings
from pellucid.training.adapting import Adapting, read_noisy
from pellucid.training.checkpoint import load_pretrained, make_network
from pellucid.training.loop import train
from pellucid.training.recipe import Degrade, NoisyData, Recipe, Schedule

log = logging.getLogger("pellucid")

Target = Literal["neighbor2neighbor", "noise2void", "noise2noise"]

START = "gaussian-best"
SCHEDULE = Schedule(
    steps=200,
    batch=4,
    patch=(64,),
    optimizer="adam",
    learning_rate=2e-4,
    warm_up=20,
    weight_decay=0.0,
    clip=0.0,
    average=0.98,
    precision="float32",
    check_every=50,
)
"""What the images of a microscope were adapted to best with (benchmarks/adapt.py)."""


class Made(msgspec.Struct):
    """As much as is needed of the recipe of the network that is adapted."""

    network: UNetSettings
    degrade: Degrade


@dataclass(frozen=True)
class Adapted:
    """A network that was adapted, and how.

    Parameters
    ----------
    path : Path
        The ``.onnx`` file.
    folder : Path
        Of the run, with its log and checkpoint, from which the same call goes on.
    card : Card
    noise : SensorNoise
    correlation : float
        Of the noise of neighbouring pixels; NaN where it could not be measured.
    before, after : float
        The error on the part held out, by the network as it was and as it is; 1 is the noise's variance.
    """

    path: Path
    folder: Path
    card: Card
    noise: SensorNoise
    correlation: float
    before: float
    after: float

    @property
    def helped(self) -> bool:
        """Whether the adapted network predicts the part held out better."""
        return self.after < self.before


def adapt(
    files: Sequence[Path],
    output: Path,
    *,
    start: str = START,
    target: Target = "neighbor2neighbor",
    axes: str | None = None,
    channel: str | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    device: str = "auto",
    show: Callable[[float, float | None], None] = lambda share, loss: None,
) -> Adapted:
    """Adapt a network for white noise to noisy images, or go on with a run that was stopped.

    Parameters
    ----------
    files : sequence of Path
        Noisy images or stacks of one sensor, all grey or all colour. At most 32 images or planes, evenly
        across all, are used, and of each the middle megapixel.
    output : Path
        The ``.onnx`` file. Its run folder is next to it: mine.onnx has mine-run.
    start : str
        A shipped network for white noise, or the ``.onnx`` file of one.
    target : str
        ``neighbor2neighbor`` or ``noise2void`` learn from single images whose noise is independent from pixel
        to pixel; ``noise2noise`` from pairs of shots of a scene, which follow each other in `files`.
    axes : str, optional
        Of stacks in formats that do not name them, such as ZYX.
    channel : str, optional
        Of stacks with several channels, the name or number of one.
    steps : int, optional
        By default 200.
    minutes : float, optional
        Let the training take this long instead.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
    show : function of (share, loss)
        As of `pellucid.training.loop.train`.

    Returns
    -------
    Adapted

    Raises
    ------
    UsageError
        When an argument makes no sense, or the run folder contains another run.
    InputError
        When a file cannot be used, no noise is found, or the images are too small.
    """
    if output.suffix != ".onnx":
        raise UsageError(f"{output} does not end in .onnx", "Name the file of the network, as mine.onnx")
    folder = output.with_name(f"{output.stem}-run")
    if output.exists() and not folder.exists():
        raise UsageError(f"{output} exists and has no run folder {folder}", "Name another file, or delete it")
    images = read_noisy(files, axes, channel, paired=target == "noise2noise")
    found = [
        analyse_tiles(each.tiles, each.masks, RunOptions("cpu"), is_8bit=each.dtype == np.uint8)
        for each in images
    ]
    noise, correlation = sensor_noise(found), mean_correlation(found)
    if target != "noise2noise":
        warn_of_correlation(found, correlation)
    root = Path(os.path.commonpath([file.resolve().parent for file in files]))
    names = tuple(str(file.resolve().relative_to(root)) for file in files)
    data = NoisyData(names, noise, 1 if images[0].channels == 1 else 3, axes, channel)
    recipe = make_recipe(output.stem, data, images, start, target, steps)
    made = train(recipe, folder, data_dir=root, device=device, minutes=minutes, show=show, announce=log.info)
    before = Adapting(recipe, root, torch.device("cpu")).validate(unadapted(recipe))["validation_error"]
    with atomic_write(output) as temporary:
        shutil.copyfile(made, temporary)
    card = Session(output, RunOptions("cpu", threads=1)).card
    return Adapted(output, folder, card, noise, correlation, before, card.figures["validation_error"])


def sensor_noise(found: Sequence[Analysis]) -> SensorNoise:
    """The noise of one sensor, the mean over its images: variances add.

    Raises
    ------
    InputError
        When no image has noise that could be measured.
    """
    noisy = [each for each in found if each.visible >= MIN_WHITE_SIGMA]
    if not noisy:
        raise InputError("No noise was found in the images", "Give images in which the noise can be seen")
    lines = []
    for each in noisy:
        stabiliser = each.stabiliser
        gain, offset = (0.0, each.level**2) if stabiliser is None else (stabiliser.gain, stabiliser.offset)
        lines.append((float(np.mean(gain)), float(np.mean(offset)), each.black))
    gain, offset, black = (float(value) for value in np.mean(lines, axis=0))
    return SensorNoise(gain, offset, black)


def mean_correlation(found: Sequence[Analysis]) -> float:
    """The mean correlation of the noise of neighbouring pixels; NaN where none could be measured."""
    values = [each.correlation for each in found if not math.isnan(each.correlation)]
    return float(np.mean(values)) if values else math.nan


def warn_of_correlation(found: Sequence[Analysis], correlation: float) -> None:
    """Warn when the noise of a pixel shows in its neighbours, and is then learned as part of the image."""
    if float(np.mean([each.log_odds for each in found])) < 0:
        log.warning(
            "the noise of neighbouring pixels is correlated%s, and a single image does not tell such noise"
            " from its content: some of it will stay. Adapt to two shots of each scene, with --pairs",
            "" if math.isnan(correlation) else f" ({correlation:.2f})",
        )


def make_recipe(
    name: str,
    data: NoisyData,
    images: Sequence[Overview],
    start: str,
    target: Target,
    steps: int | None,
) -> Recipe:
    """The recipe of an adaptation.

    Raises
    ------
    UsageError
        When the network to begin with is not one for white noise on such images.
    InputError
        When the images are too small.
    """
    path = start if start.endswith(".onnx") else f"{start}-{KINDS[data.channels]}"
    file = Path(path) if start.endswith(".onnx") else index.entries(path)[0].path
    if not file.is_file():
        raise UsageError(f"There is no file {file} to start from", "Name a network that is there")
    card = Session(file, RunOptions("cpu", threads=1)).card
    if card.kind != "white-noise" or card.channels != data.channels:
        raise UsageError(
            f"{start} is not a network for white noise on {KINDS[data.channels]} images",
            f"Start from {', '.join(index.names(['white-noise']))}, or what one of them was adapted to",
        )
    made = msgspec.json.decode(card.recipe, type=Made)
    block = 2 * card.stride  # neighbours are taken from an image of half the size
    side = min(min(each.centre.shape[:2]) for each in images) // block * block
    if side == 0:
        raise InputError(f"An image has less than {block} pixels a side", "Give larger images")
    patch = min(max(SCHEDULE.patch) // block * block, side)
    return Recipe(
        name=re.sub(r"^[^A-Za-z0-9]+|[^A-Za-z0-9._-]", "", name) or "adapted",
        version="1",
        purpose=f"The noise of the images that it was adapted to, {len(data.images)} of the user's own",
        licence=card.licence,
        trained_on=f"{card.trained_on}; then {', '.join(Path(each).name for each in data.images)}, noisy",
        data=data,
        degrade=made.degrade,
        network=made.network,
        schedule=msgspec.structs.replace(SCHEDULE, patch=(patch,), steps=steps or SCHEDULE.steps),
        loss="mse",
        target=target,
        limits="Images of another sensor, or of other settings of it",
        start=path,
    )


def unadapted(recipe: Recipe) -> torch.nn.Module:
    """The network as it was before."""
    network = make_network(recipe)
    assert recipe.start is not None
    load_pretrained(network, recipe.start)
    return network.eval()
