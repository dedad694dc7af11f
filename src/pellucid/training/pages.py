"""Learning to clean scanned pages that were printed, aged and scanned by simulation."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pellucid.datasets.folder import image_files
from pellucid.datasets.pages import draw_clean_page
from pellucid.datasets.sheet import HELD_FONTS, find_fonts
from pellucid.networks.page import FOLD
from pellucid.noise.base import NumpyRandom
from pellucid.noise.registry import parse_noise
from pellucid.noise.scan import Scan
from pellucid.training.denoising import folder, patch_now, random_patches
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import PageData, Recipe

TUNE_SEED = 99
"""Of the pages that validate."""

SIZE = 512
"""Pixels a side of the pages that are drawn; patches are cut from them."""

STROKE = 6.0
"""How much more a pixel counts that differs from its surroundings by white."""

MADE = 1.5
"""How much more ink counts that is made where there was none, or lost where there was some."""

LONELY, REACH = 8.0, 5
"""How much more again where the other page has no ink in a square of so many pixels: dots that are lost, and
specks that are taken for dots."""

EASY = 0.01
"""Losses far below this are no longer worth making smaller."""


class Pages:
    """Pages that are drawn, aged and scanned while the network learns, one a step."""

    epoch = None  # pages never run out

    def __init__(self, recipe: Recipe, data_dir: Path | None, device: torch.device) -> None:
        self.recipe, self.device, self.data = recipe, device, cast(PageData, recipe.data)
        fonts = folder(data_dir, self.data.fonts)
        self.shelf, held = find_fonts(fonts), find_fonts(fonts, HELD_FONTS)
        self.photos = image_files([folder(data_dir, self.data.photos)]) if self.data.photos else []
        self.pairs: list[Tensor] = []
        tune = [self.draw(number, TUNE_SEED, held) for number in range(self.data.tune)]
        self.tune = torch.stack(tune)
        self.note = f"{self.data.pages:,} drawn pages to train, {len(tune)} to validate"

    def draw(self, number: int, seed: int, shelf: Mapping[str, Sequence[Path]]) -> Tensor:
        """The pair of this number: uint8 (2 c, SIZE, SIZE)."""
        degrade, channels = self.recipe.degrade, self.data.channels
        pair = draw_pair(
            number, seed, degrade.scans, shelf, clean=degrade.clean, channels=channels, photos=self.photos
        )
        return torch.from_numpy(pair).to(self.device)

    def losses(
        self, network: Callable[..., Any], random: TorchRandom, *, step: int, progress: float, count: int
    ) -> Tensor:
        """The loss of each of `count` patches."""
        wanted = min(self.data.pages, step + 64)
        for number in range(len(self.pairs), wanted):
            self.pairs.append(self.draw(number, self.recipe.seed, self.shelf))
        patches = self.patches(random, patch_now(self.recipe.schedule, progress), count)
        noisy, clean = patches.split(self.data.channels, 1)
        paper = torch.ones(1, self.data.channels, 1, 1, device=self.device)
        cleaned, doubt = network(noisy.contiguous(memory_format=torch.channels_last), paper)
        return page_losses(cleaned, doubt, clean)

    def patches(self, random: TorchRandom, size: int, count: int) -> Tensor:
        """`count` patches (n, 2 c, size, size) in [0, 1], a third of them turned or mirrored."""
        indices = torch.randint(len(self.pairs), (count,), generator=random.generator, device=self.device)
        upright = torch.rand(count, generator=random.generator, device=self.device) < 0.7
        patches = [
            random_patches(self.pairs[index][None], size, 1, random.generator, turned=not kept)
            for index, kept in zip(indices.tolist(), upright.tolist(), strict=True)
        ]
        return torch.cat(patches)

    @torch.no_grad()
    def validate(self, network: Any) -> dict[str, float]:
        """RMSE on pages in held-back fonts, noisy and cleaned, and shares of pixels with ink lost or made."""
        return measure_pages(network, self.tune)


def draw_pair(
    number: int,
    seed: int,
    scans: Sequence[str],
    shelf: Mapping[str, Sequence[Path]],
    *,
    clean: float,
    channels: int = 1,
    photos: Sequence[Path] = (),
) -> NDArray[np.uint8]:
    """A noisy page and its clean one.

    Parameters
    ----------
    number, seed : int
        The same two give the same pair.
    scans : sequence of str
        Degradations, of which one is drawn, and its resolution: all octaves of its range as often.
    shelf : mapping of str to sequence of Path
        From `find_fonts`.
    clean : float
        Share of pages that nothing happened to.
    channels : int
    photos : sequence of Path

    Returns
    -------
    uint8 array (2 channels, SIZE, SIZE)
        Noisy, clean.
    """
    dice = Random(f"{seed} {number}")
    scan = cast(Scan, parse_noise(dice.choice(list(scans))))
    low, high = scan.dpi if isinstance(scan.dpi, tuple) else (scan.dpi, scan.dpi)
    resolution = math.exp(dice.uniform(math.log(low), math.log(high)))
    page, _ = draw_clean_page(
        dice.randrange(2**32), (SIZE, SIZE), resolution, shelf, channels=channels, photos=photos
    )
    pair = [page, page]
    if dice.random() >= clean:
        noisy = replace(scan, dpi=resolution).apply(
            page.astype(np.float32) / 255, NumpyRandom(dice.randrange(2**32))
        )
        pair[0] = np.rint(noisy * 255).astype(np.uint8)
    return np.concatenate(pair, axis=2).transpose(2, 0, 1)  # (h, w, 2 c) -> (2 c, h, w)


def page_losses(cleaned: Tensor, doubt: Tensor, clean: Tensor) -> Tensor:
    """The loss of each page of a batch.

    Strokes weigh more than grey levels, as do the thin and the lonely among them: commas, hairlines, the dots
    of letters. Ink that is made or lost weighs more again. The expected error learns the error there is.

    Parameters
    ----------
    cleaned, clean : tensor (n, c, h, w)
    doubt : tensor (n, 1, h / 8, w / 8)

    Returns
    -------
    tensor (n,)
    """
    error = (cleaned - clean).float()
    # Ink that is made weighs as much as ink that is lost: specks of dust are as dark as the dots of letters.
    strokes = torch.stack([clean, cleaned.detach().float()])
    stroke = (strokes - local_mean(strokes, 15)).abs().amax(0)
    false = F.relu(error.abs() - 0.25)
    ink = (strokes < 0.5).float()
    near = F.max_pool2d(ink.flatten(0, 1), REACH, 1, REACH // 2).view_as(ink).flip(0)  # of the other page
    lonely = (ink * (1 - near)).amax(0)
    weight = 1 + STROKE * stroke
    false = MADE * (1 + LONELY * lonely) * false
    pixels = weight * (torch.sqrt(error.square() + 1e-4) + 2 * error.square()) + false
    found = F.avg_pool2d(error.detach().abs().mean(1, keepdim=True), FOLD)
    wrong = (doubt - found).abs()
    # The logarithm lets a page count that is nearly right as much as one whose ink has faded away.
    return torch.log(pixels.mean((1, 2, 3)) + EASY) + wrong.mean((1, 2, 3))


def local_mean(x: Tensor, size: int) -> Tensor:
    """The mean over size x size pixels around each pixel, fewer at the border, of (..., h, w).

    By running sums, which for one channel take a sixth of the time of a convolution.
    """
    for _ in range(2):  # across, then down
        places = torch.arange(x.shape[-1], device=x.device)
        first, last = (places - size // 2).clamp(min=0), (places + size // 2 + 1).clamp(max=x.shape[-1])
        sums = F.pad(x.cumsum(-1), (1, 0))
        x = ((sums[..., last] - sums[..., first]) / (last - first)).mT
    return x


def measure_pages(network: Any, pairs: Tensor) -> dict[str, float]:
    """RMSE in [0, 1] of pages (n, 2 c, h, w), uint8, and shares of pixels with ink lost and made."""
    channels = pairs.shape[1] // 2
    totals = torch.zeros(4)
    for pair in pairs:
        noisy, clean = (pair[None].float() / 255).split(channels, 1)
        paper = torch.ones(1, channels, 1, 1)
        cleaned, _ = network(noisy, paper)
        error = cleaned - clean
        totals += torch.stack(
            [
                error.square().mean(),
                (noisy - clean).square().mean(),
                (error > 0.4).float().mean(),
                (error < -0.4).float().mean(),
            ]
        )
    values = (totals / len(pairs)).tolist()
    names = ("tune RMSE", "input RMSE", "tune ink lost", "tune ink made")
    return dict(zip(names, [values[0] ** 0.5, values[1] ** 0.5, *values[2:]], strict=True))
