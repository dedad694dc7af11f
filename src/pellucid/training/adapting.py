"""Learning from noisy images alone, in their stabilised form, how a network removes their noise better."""

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import InputError, UsageError
from pellucid.inference.overview import Overview, look_over
from pellucid.inference.sample_types import as_pixels
from pellucid.inference.stabilise import Anscombe, Scale
from pellucid.inference.stacks import selected
from pellucid.io.files import open_image
from pellucid.io.stack import PlaneSource, channel_of
from pellucid.io.stack_files import open_stack
from pellucid.options import DenoiseOptions
from pellucid.training.denoising import patch_now
from pellucid.training.losses import mse
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import NoisyData, Recipe
from pellucid.training.self_supervised import WAYS, pairs_of_neighbours

MOST = 32
"""Of so many images, or planes of stacks, evenly across all, the middle megapixel is kept."""

DARK = 0.02
"""The least weight of a place; white has 1."""

HELD_OUT = 8
"""One row of so many, at the bottom of each image, validates."""


class Adapting:
    """Patches of noisy images, or of pairs of noisy images; the bottom of each image validates."""

    epoch = None  # patches never run out

    def __init__(self, recipe: Recipe, data_dir: Path | None, device: torch.device) -> None:
        self.recipe, data = recipe, cast(NoisyData, recipe.data)
        self.way = WAYS[recipe.target]
        files = [(data_dir or Path()) / name for name in data.images]
        overviews = read_noisy(files, data.axes, data.channel, paired=recipe.target == "noise2noise")
        stabiliser = Anscombe((data.noise.gain,), (data.noise.offset,), (data.noise.black,))
        scales = [Scale.of(stabiliser, each.ends) for each in overviews]
        stable = [
            torch.from_numpy(np.ascontiguousarray(scale.forward(each.centre).transpose(2, 0, 1))).to(device)
            for scale, each in zip(scales, overviews, strict=True)
        ]
        if recipe.target == "noise2noise":
            scales = scales[::2]
            shots = zip(stable[::2], stable[1::2], strict=True)
            stable = [torch.cat([one, two]) for one, two in shots]  # two (c, h, w) -> (2c, h, w)
        self.sigmas = [scale.sigma for scale in scales]
        self.train, self.tune = split(stable, max(recipe.schedule.patch))
        self.note = f"{len(overviews)} noisy images; the bottom of each validates"

    def losses(
        self, network: Callable[..., Any], random: TorchRandom, *, step: int, progress: float, count: int
    ) -> Tensor:
        """The loss of each of `count` patches, in units of the variance of the noise."""
        size = patch_now(self.recipe.schedule, progress)
        chosen = [self.draw(len(self.train), random) for _ in range(count)]
        patches = []
        for image in (self.train[each] for each in chosen):
            row, column = (self.draw(extent - size + 1, random) for extent in image.shape[1:])
            turn = self.draw(8, random)
            patch = torch.rot90(image[:, row : row + size, column : column + size], turn % 4, (1, 2))
            patches.append(patch.flip(1) if turn >= 4 else patch)
        sigma = torch.tensor([self.sigmas[each] for each in chosen], device=self.train[0].device)
        given, (noisy, *second) = sigma.view(-1, 1, 1, 1), self.shots(torch.stack(patches))
        found = self.way(lambda x: network(x, given), noisy, second[0] if second else noisy, error, random)
        return found / sigma**2

    def shots(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images (n, c, h, w), or the two of pairs (n, 2c, h, w)."""
        parts: tuple[Tensor, ...] = images.split(self.recipe.data.channels, 1)
        return parts

    def draw(self, high: int, random: TorchRandom) -> int:
        """A whole number from 0 and below `high`."""
        return int(torch.randint(high, (1,), generator=random.generator, device=random.generator.device))

    @torch.no_grad()
    def validate(self, network: Any) -> dict[str, float]:
        """How well what is held out is predicted; 1 is the variance of the noise.

        The target is a neighbour or another shot, so that even a perfect image has an error of 1.
        """
        errors = []
        for number, (image, level) in enumerate(zip(self.tune, self.sigmas, strict=True)):
            random = TorchRandom(torch.Generator(image.device).manual_seed(number))
            noisy, *second = self.shots(image[None])
            given, target = (noisy, second[0]) if second else pairs_of_neighbours(noisy, random)(noisy)
            denoised = network(given, torch.full((1, 1, 1, 1), level, device=image.device))
            errors.append(float(mse(denoised, target)) / level**2)
        return {"validation_error": round(float(np.mean(errors)), 4)}


def error(denoised: Tensor, target: Tensor) -> Tensor:
    """The squared error of each image (n,), where bright places count more.

    The weight of a place is its stabilised brightness, which is in proportion to the noise there in pixels.
    With equal weights a black background would count most, and with errors in pixels the brightest spots.
    """
    weight = denoised.detach().clamp(min=DARK)
    return (weight / weight.mean() * (denoised - target).square()).mean((1, 2, 3))


def split(images: Sequence[Tensor], size: int) -> tuple[list[Tensor], list[Tensor]]:
    """The images without their bottoms, which validate, as parts (c, h, w) of at least `size` a side.

    An image so low that nothing can be spared serves both.
    """
    train, tune = [], []
    for image in images:
        height, width = image.shape[1:]
        held = math.ceil(height / HELD_OUT / size) * size
        bottom = image[:, height - held :, : width // size * size] if held <= height else image
        train.append(image[:, : height - held] if height - held >= size else image)
        tune.append(bottom)
    return train, tune


def read_noisy(
    files: Sequence[Path], axes: str | None = None, channel: str | None = None, *, paired: bool = False
) -> list[Overview]:
    """Read noisy images and planes of stacks, at most `MOST`.

    Parameters
    ----------
    files : sequence of Path
    axes : str, optional
        Of stacks in formats that do not name them, as `DenoiseOptions.axes`.
    channel : str, optional
        Of stacks with several channels, the one that is meant.
    paired : bool
        Two that follow each other are shots of the same scene.

    Raises
    ------
    InputError
        When a file cannot be read, or sizes or colours differ where they must not.
    UsageError
        When a stack has several channels and none is named, or a pair is incomplete.
    """
    places = [place for file in files for place in _planes(file, axes, channel)]
    group = 2 if paired else 1
    if len(places) % group:
        raise UsageError(
            f"{len(places)} noisy images are no pairs", "Give two of each scene, one after the other"
        )
    groups = len(places) // group
    kept = np.unique(np.linspace(0, groups - 1, min(groups, MOST // group)).round().astype(int))
    chosen = [places[group * int(each) + k] for each in kept for k in range(group)]
    found = [_look(*place) for place in chosen]
    if len({each.channels for each in found}) > 1:
        raise InputError("Some of the images are grey and some have colours", "Adapt to one kind at a time")
    for one, two in zip(found[::group], found[group - 1 :: group], strict=True):
        if one.centre.shape != two.centre.shape:
            raise InputError("The two images of a pair differ in size", "Give two shots of the same scene")
    return found


Place = tuple[Path, str | None, str | None, int]
"""A file, its axes, a channel, and the number of a plane of that channel."""


def _planes(file: Path, axes: str | None, channel: str | None) -> list[Place]:
    """The images in a file."""
    stack = open_stack(file, axes=axes)
    if stack is None:
        return [(file, axes, channel, 0)]
    with closing(stack):
        planes = selected(stack, DenoiseOptions(channel=channel))
        names = list(dict.fromkeys(channel_of(stack, plane) for plane in planes))
        if len(names) > 1:
            raise UsageError(
                f"{file} has {len(names)} channels, each with a noise of its own",
                f"Name one of them with --channel: {', '.join(names)}",
            )
        return [(file, axes, channel, number) for number in range(len(planes))]


def _look(file: Path, axes: str | None, channel: str | None, number: int) -> Overview:
    stack = open_stack(file, axes=axes)
    if stack is None:
        with closing(open_image(file)) as source:
            return look_over(source)
    with closing(stack):
        plane = selected(stack, DenoiseOptions(channel=channel))[number]
        return look_over(as_pixels(PlaneSource(stack, plane)))
