"""Learning to estimate the noise of an image: level, signal dependence, and whether it is independent.

A quarter of each batch has white noise, a quarter photon and read noise, and of a quarter a simulated camera
took photographs; an eighth has smooth noise, as resizing and film leave it, and an eighth has none. The
network sees no kinds, only blocks with a level, and whether the noise of neighbouring pixels is independent.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.errors import UsageError
from pellucid.networks.noise import NoiseEstimator
from pellucid.networks.photo import mean_around
from pellucid.noise.base import NumpyRandom, to_8bit
from pellucid.noise.camera import draw_shot, shoot
from pellucid.noise.jpeg import jpeg
from pellucid.training.denoising import (
    TUNE_SIGMAS,
    cut,
    mean,
    noisy_pair,
    patch_now,
    random_patches,
    to_tensor,
)
from pellucid.training.photographs import TUNE_ISOS, Photographs, soften
from pellucid.training.randomness import TorchRandom

BLOCK = NoiseEstimator.stride
EPSILON = 0.5 / 255
"""Added to levels before their logarithm is taken: errors far below a grey level do not matter."""

VISIBLE = 1.2 / 255
"""Below this level nothing is asked about the kind of the noise."""

INDEPENDENT, CORRELATED, UNLABELLED = 1.0, 0.0, -1.0

Part = tuple[Tensor, Tensor, Tensor]
"""Noisy images (n, c, h, w), levels (n, c, h / 4, w / 4) and labels (n,)."""


class Estimating(Photographs):
    """White, signal-dependent, smooth and camera noise, and images without any."""

    def losses(
        self, network: Callable[..., Any], random: TorchRandom, *, step: int, progress: float, count: int
    ) -> Tensor:
        """The loss of each of `count` images."""
        if count % 8:
            raise UsageError(f"{count} images are not eight equal parts", "Set a batch that 8 divides")
        eighth = count // 8
        clean = self.clean_patches(random, progress, 5 * eighth)
        shots, targets, _ = self.batch(random, step=step, progress=progress, count=2 * eighth)
        parts = [
            white(clean[: 2 * eighth], random),
            counted(clean[2 * eighth : 4 * eighth], random),
            smooth(clean[4 * eighth :], random),
            (shots, block_levels(shots - targets), shots.new_full((2 * eighth,), CORRELATED)),
            self.without_noise(random, progress, eighth),
        ]
        noisy, levels, labels = (torch.cat(each) for each in zip(*parts, strict=True))
        return loss(network(noisy), levels, labels)

    def without_noise(self, random: TorchRandom, progress: float, count: int) -> Part:
        """Drawings, screenshots and pages, and a photograph in four: there is no noise to find."""
        size = patch_now(self.recipe.schedule, progress)
        clean = random_patches(self.pool, size, count, random.generator)
        if len(self.graphics):
            drawn = random_patches(self.graphics, size, count, random.generator)
            clean = torch.where(random.between(0, 1, clean) < 0.75, drawn, clean)
        none = clean.new_zeros(count, clean.shape[1], size // BLOCK, size // BLOCK)
        return clean, none, clean.new_full((count,), UNLABELLED)

    def clean_patches(self, random: TorchRandom, progress: float, count: int) -> Tensor:
        """Patches of photographs, some soft, with a few drawn pages first."""
        size = patch_now(self.recipe.schedule, progress)
        clean = random_patches(self.pool, size, count, random.generator)
        soft = random.between(0, 1, clean) < 0.3
        clean = torch.where(soft, soften(clean, random), clean)
        drawn = round(self.recipe.degrade.graphics * count)
        if drawn and len(self.graphics):
            clean[:drawn] = random_patches(self.graphics, size, drawn, random.generator)
        return clean

    @torch.no_grad()
    def validate(self, network: Any) -> dict[str, float]:
        """Mean absolute error of the level of whole images in 8 bit, and shares of wrong kinds."""
        figures, wrong = {}, []
        for sigma in (5 / 255, *TUNE_SIGMAS):
            noisy = [to_8bit(noisy_pair(samples, sigma, BLOCK)[1]) for samples in self.tune]
            found = [pooled(network(to_tensor(each.astype(np.float32), self.device))) for each in noisy]
            error = mean([abs(level - sigma) * 255 for level, _ in found])
            figures[f"tune error at sigma {sigma * 255:.0f}"] = error
            wrong += [odds < 0 for _, odds in found]
        for iso in TUNE_ISOS:
            for seed, samples in enumerate(self.tune):
                random, clean = NumpyRandom(seed), cut(samples, BLOCK)
                shot = shoot(clean, draw_shot(float(iso), random, clean), random)[0]
                wrong.append(pooled(network(to_tensor(shot.astype(np.float32), self.device)))[1] > 0)
        return figures | {"tune share of wrong kinds": mean(wrong)}


# ---- noisy images and what is true of them -------------------------------------------------------


def white(clean: Tensor, random: TorchRandom) -> Part:
    """Gaussian noise of one level for each image, 0.7 to 90 of 255; a share is stored as JPEG."""
    sigma = log_between(random, 0.7 / 255, 90 / 255, clean) * (random.between(0, 1, clean) >= 0.07)
    noisy = rounded(clean + sigma * random.normal(clean), random)
    levels = sigma.expand(-1, clean.shape[1], clean.shape[2] // BLOCK, clean.shape[3] // BLOCK).clone()
    labels = torch.where(sigma.flatten() > 0, INDEPENDENT, UNLABELLED)
    stored = len(clean) // 4
    if stored:
        quality = random.between(55, 97, clean[:stored]).round()
        subsampling = ((1, 1), (2, 2))[int(random.between(0, 2, clean[:1]))]
        noisy[:stored] = jpeg(noisy[:stored], quality, subsampling)
        levels[:stored] = block_levels(noisy[:stored] - clean[:stored])
        labels[:stored] = torch.where(quality.flatten() >= 94, labels[:stored], UNLABELLED)
    return noisy, levels, labels


def counted(clean: Tensor, random: TorchRandom) -> Part:
    """Photon and read noise at 0.8 to 3000 photons, on images that may be dim and have a black level."""
    peak = log_between(random, 0.8, 3000, clean)
    read = log_between(random, 0.2 / 255, 25 / 255, clean) * (random.between(0, 1, clean) < 0.6)
    black = 0.3 * random.between(0, 1, clean) ** 3 * (random.between(0, 1, clean) < 0.3)
    dim = torch.where(random.between(0, 1, clean) < 0.35, random.between(0.15, 1, clean), 1.0)
    light = clean * dim * (1 - black)
    noisy = black + random.poisson(light * peak) / peak + read * random.normal(clean)
    levels = F.avg_pool2d(light / peak + read**2, BLOCK).sqrt()
    return rounded(noisy, random), levels, clean.new_full((len(clean),), INDEPENDENT)


def smooth(clean: Tensor, random: TorchRandom) -> Part:
    """Noise that was enlarged or blurred, in all channels or in each, of one level or as film has it."""
    noise = random.normal(clean)
    noise = torch.where(random.between(0, 1, clean) < 0.4, noise[:, :1], noise)
    if float(random.between(0, 1, clean[:1])) < 0.4:
        size = clean.shape[-1]
        inner = round(size / float(random.between(1.25, 2.5, clean[:1])))
        mode = ("bilinear", "bicubic")[int(random.between(0, 2, clean[:1]))]
        noise = F.interpolate(noise[..., :inner, :inner], (size, size), mode=mode)
    else:
        wide = blurred(noise, float(random.between(0.45, 2, clean[:1])))
        share = 0.5 * random.between(0, 1, clean) ** 2
        noise = (1 - share) * wide / wide.std() + share * noise
    luma = clean.mean(1, keepdim=True)
    film = torch.where(random.between(0, 1, clean) < 0.5, 0.3 + 2.8 * luma * (1 - luma), 1.0)
    noise = noise * film * log_between(random, 0.7 / 255, 60 / 255, clean)
    return (
        rounded(clean + noise, random),
        block_levels(noise),
        clean.new_full((len(clean),), CORRELATED),
    )


def log_between(random: TorchRandom, low: float, high: float, like: Tensor) -> Tensor:
    """One number for each image, uniform in its logarithm: (n, 1, 1, 1)."""
    return low * (high / low) ** random.between(0, 1, like)


def rounded(noisy: Tensor, random: TorchRandom) -> Tensor:
    """Three of four images are stored in 8 bit."""
    return torch.where(random.between(0, 1, noisy) < 0.75, to_8bit(noisy), noisy)


def blurred(planes: Tensor, radius: float) -> Tensor:
    """Blur with a Gaussian of this standard deviation, in pixels."""
    taps = torch.arange(-4, 5, device=planes.device, dtype=planes.dtype)
    kernel = torch.exp(-(taps**2) / (2 * radius**2))
    kernel = (kernel / kernel.sum()).view(1, 1, -1, 1).expand(planes.shape[1], -1, -1, -1)
    rows = F.conv2d(planes, kernel, padding=(4, 0), groups=planes.shape[1])
    return F.conv2d(rows, kernel.mT, padding=(0, 4), groups=planes.shape[1])


def block_levels(noise: Tensor) -> Tensor:
    """The standard deviation of the noise (n, c, h, w) over 28 x 28 pixels around each block."""
    return mean_around(F.avg_pool2d(noise**2, BLOCK), 7).clip(1e-12).sqrt()


# ---- the loss ------------------------------------------------------------------------------------


def loss(estimate: tuple[Tensor, Tensor, Tensor], levels: Tensor, labels: Tensor) -> Tensor:
    """Each image's loss (n,): Laplace likelihood of the log-levels, and cross-entropy of the kind.

    An underestimate counts 1.1 times an overestimate: a denoiser that is given too little leaves noise.
    """
    found, log_spread, odds = estimate
    error = torch.log((found + EPSILON) / (levels + EPSILON))
    error = torch.maximum(-1.05 * error, 0.95 * error).mean(1, keepdim=True)
    log_spread = log_spread.clip(-4, 3)
    likelihood = (error * torch.exp(-log_spread) + log_spread).mean((1, 2, 3))
    weight = torch.exp(-log_spread.detach())
    weight = weight / weight.mean((1, 2, 3), keepdim=True)
    truth = labels.clip(0)[:, None, None, None].expand_as(odds)
    blocks = F.binary_cross_entropy_with_logits(odds, truth, reduction="none") * weight.clip(max=4)
    whole = F.binary_cross_entropy_with_logits(
        (odds * weight).mean((1, 2, 3)), labels.clip(0), reduction="none"
    )
    asked = (levels.mean((1, 2, 3)) > VISIBLE) & (labels != UNLABELLED)
    return likelihood + asked * (0.5 * blocks.mean((1, 2, 3)) + whole)


def pooled(estimate: tuple[Tensor, Tensor, Tensor]) -> tuple[float, float]:
    """The level of one image with the same noise everywhere, and the log-odds that it is independent."""
    levels, log_spread, odds = estimate
    weight = torch.exp(-log_spread.clip(-4, 3))
    level = (torch.log(levels + EPSILON) * weight**2).sum((2, 3)) / (weight**2).sum((2, 3))
    return float(level.exp().mean()) - EPSILON, float((odds * weight).sum() / weight.sum())
