"""Learning from photographs that a simulated camera took.

The camera takes longer than a training step, so noisy crops are made in advance and each serves a few
times, in other patches and turned in other ways; after some steps all are made anew.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.datasets.graphics import draw_page
from pellucid.metrics.quality import psnr
from pellucid.networks.families import PhotoSettings
from pellucid.networks.photo import FOLD, maps_for, mean_around
from pellucid.noise.arrays import mix
from pellucid.noise.base import NumpyRandom
from pellucid.noise.camera import Camera, draw_shot, shoot
from pellucid.noise.jpeg import YCBCR
from pellucid.noise.registry import parse_noise
from pellucid.training.denoising import (
    Crops,
    cut,
    mean,
    patch_now,
    random_patches,
    to_pixels,
    to_tensor,
    weigh,
)
from pellucid.training.losses import LOSSES
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import Recipe

TUNE_ISOS = (800, 3200, 12800)
SHOTS = 32  # crops that go through the camera together: they share size and chroma subsampling


class Photographs(Crops):
    """Clean crops of photographs and graphics, and what cameras made of them."""

    def __init__(self, recipe: Recipe, data_dir: Path | None, device: torch.device) -> None:
        super().__init__(recipe, data_dir, device)
        self.graphics = draw_graphics(recipe).to(device)
        self.made = -1  # which pairs these are
        self.pairs = torch.empty(0, dtype=torch.uint8)  # (n, 2 c + 1, size, size): noisy, target, sharp

    def losses(
        self, network: Callable[..., Any], random: TorchRandom, *, step: int, progress: float, count: int
    ) -> Tensor:
        """The loss of each of `count` images."""
        noisy, target, sharp = self.batch(random, step=step, progress=progress, count=count)
        # The export puts the gains into the weights. Sharp content trains with their roots, so that they
        # raise the levels of soft content more.
        gains = noisy.new_tensor(cast(PhotoSettings, self.recipe.network).gains)[: maps_for(noisy.shape[1])]
        gains = gains.sqrt().view(1, -1, 1, 1)
        denoised, levels = network(noisy, torch.where(sharp, gains, 1.0))
        noise = noisy - target
        rms = noise.square().mean((1, 2, 3)).sqrt()
        truth = true_levels(noise)
        wrong = LOSSES["pinball"](levels, truth)
        # Blotches are so faint next to the fine noise that they need a term of their own.
        coarse = self.loss(F.avg_pool2d(denoised, FOLD), F.avg_pool2d(target, FOLD))
        return weigh(self.loss(denoised, target) + 2 * coarse + 0.1 * wrong, rms, self.recipe.loss_floor)

    def batch(
        self, random: TorchRandom, *, step: int, progress: float, count: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Noisy images and their targets (n, c, h, w), 0 to 1, and which are sharp (n, 1, 1, 1)."""
        data = self.recipe.crops
        if step // data.renew != self.made:
            self.made = step // data.renew
            self.pairs = self.take_pairs(self.made)
        patches = random_patches(
            self.pairs, patch_now(self.recipe.schedule, progress), count, random.generator
        )
        noisy, target, sharp = patches.split([data.channels, data.channels, 1], 1)
        return noisy.contiguous(memory_format=torch.channels_last), target, sharp[..., :1, :1] > 0

    def take_pairs(self, number: int) -> Tensor:
        """Photograph crops: uint8 (n, 2 c + 1, size, size); the same number gives the same pairs.

        The last plane is 255 where the content was not enlarged, so that it is sharp to the pixel, else 0.
        """
        generator = torch.Generator(self.device).manual_seed(self.recipe.seed * 1_000_003 + number)
        random, data, degrade = TorchRandom(generator), self.recipe.crops, self.recipe.degrade
        camera = cast(Camera, parse_noise(degrade.camera or ""))
        pairs = []
        for start in range(0, data.pairs, SHOTS):
            drawn = len(self.graphics) > 0 and start < degrade.graphics * data.pairs
            crops = random_patches(self.graphics if drawn else self.pool, data.crop, SHOTS, generator)
            soft = not drawn and float(random.between(0, 1, crops[:1])) < data.soft
            if soft:
                crops = soften(crops, random)
            settings = camera.draw(random, crops)
            raw = settings.raw if soft else min(1.0, 3 * settings.raw)  # a camera's JPEG is rarely so sharp
            noisy, target = shoot(crops, draw_shot(settings.iso, random, crops, raw), random)
            share = 0.5 if drawn else degrade.clean if soft else max(degrade.clean, degrade.clean_sharp)
            left = random.between(0, 1, crops) < share
            noisy, target = torch.where(left, crops, noisy), torch.where(left, crops, target)
            sharp = torch.full_like(crops[:, :1], not soft)
            if degrade.grey and float(random.between(0, 1, crops[:1])) < degrade.grey:
                noisy, target = (mix(each, YCBCR[:1]).expand_as(each) for each in (noisy, target))
            pairs.append((torch.cat([noisy, target, sharp], 1) * 255).round().to(torch.uint8))
        return torch.cat(pairs)

    @torch.no_grad()
    def validate(self, network: Any) -> dict[str, float]:
        """Mean PSNR in dB over the tune images at each of `TUNE_ISOS`, and of clean ones to themselves."""
        figures = {}
        own = torch.ones(1, 1, 1, 1, device=self.device)
        for iso in (*TUNE_ISOS, None):
            values = []
            for seed, samples in enumerate(self.tune):
                noisy = target = cut(samples, network.stride)
                if iso is not None:
                    random = NumpyRandom(seed)
                    noisy, target = shoot(target, draw_shot(float(iso), random, target), random)
                denoised = to_pixels(network(to_tensor(noisy, self.device), own)[0])
                values.append(psnr(denoised, target, data_range=1.0))
            figures["tune PSNR, clean" if iso is None else f"tune PSNR at ISO {iso}"] = mean(values)
        return figures


def draw_graphics(recipe: Recipe) -> Tensor:
    """Crops of drawings, screenshots and pages of text: uint8 (n, c, size, size)."""
    data, rng = recipe.crops, np.random.default_rng(recipe.seed)
    crops = []
    for _ in range(data.graphics):
        page = draw_page(rng, 4 * data.crop)
        if data.channels == 1:
            page = np.rint(page @ YCBCR[0])[..., None].astype(np.uint8)
        rows = page.reshape(4, data.crop, 4, data.crop, -1).transpose(0, 2, 4, 1, 3)
        crops.append(rows.reshape(16, -1, data.crop, data.crop))
    if not crops:
        return torch.empty(0, dtype=torch.uint8)
    return torch.from_numpy(np.concatenate(crops))


def soften(crops: Tensor, random: TorchRandom) -> Tensor:
    """Enlarge crops 1.15 to 8 times: at full size most photographs are soft."""
    size = crops.shape[-1]
    inner = round(size / 1.15 / (8 / 1.15) ** float(random.between(0, 1, crops[:1])))
    start = (size - inner) // 2
    window = crops[..., start : start + inner, start : start + inner]
    return F.interpolate(window, (size, size), mode="bicubic").clip(0, 1)


def true_levels(noise: Tensor) -> Tensor:
    """The local standard deviation of luma and chroma noise, for the estimator to learn.

    Parameters
    ----------
    noise : tensor (n, c, h, w), noisy minus clean

    Returns
    -------
    tensor (n, maps, h / 8, w / 8)
        Over 40 x 40 pixels around each pixel; chroma is the root mean square of Cb and Cr.
    """
    power = noise.square() if noise.shape[1] == 1 else mix(noise, YCBCR).square()
    if power.shape[1] == 3:
        power = torch.cat([power[:, :1], power[:, 1:].mean(1, keepdim=True)], 1)
    return mean_around(F.avg_pool2d(power, FOLD), 5).sqrt()
