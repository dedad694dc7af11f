"""Learning to tell how much noise is in a picture, and whether a camera made it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.images.camera import draw_shot, shoot
from pellucid.images.noise import NumpyRandom, to_8bit
from pellucid.training.denoising import TUNE_SIGMAS, make_batch, mean, noisy_pair, to_tensor, weigh
from pellucid.training.photographs import TUNE_ISOS, Photographs
from pellucid.training.randomness import TorchRandom


class Estimating(Photographs):
    """White noise in one half of the pictures and a camera's in the other; both have some without any."""

    def losses(
        self, network: Callable[..., Any], random: TorchRandom, *, step: int, progress: float, count: int
    ) -> Tensor:
        """The loss of each of `count` pictures."""
        half = count // 2
        white, sigma, _, _ = make_batch(self.pool, self.recipe, progress, random, half)
        shots, target = self.batch(random, step=step, progress=progress, count=count - half)
        rms = (shots - target).square().mean((1, 2, 3)).sqrt()
        nothing = torch.zeros_like(rms)
        truth = torch.stack([torch.cat([sigma.flatten(), nothing]), torch.cat([nothing[:half], rms])], 1)
        levels = network(torch.cat([white, shots]))[:, :2]
        return weigh(self.loss(levels, truth), truth.sum(1), self.recipe.loss_floor)

    @torch.no_grad()
    def judge(self, network: Any) -> dict[str, float]:
        """Mean absolute error of the estimates, in grey levels of 255, of whole pictures in 8 bit."""
        figures = {}
        for sigma in (0.0, 5 / 255, *TUNE_SIGMAS):
            errors = []
            for samples in self.tune:
                noisy = to_8bit(noisy_pair(samples, sigma, network.stride)[1])
                errors.append(self._error(network, noisy, (sigma, 0.0)))
            figures[f"tune error at sigma {sigma * 255:.0f}"] = mean(errors)
        for iso in TUNE_ISOS:
            errors = []
            for seed, samples in enumerate(self.tune):
                random, clean = NumpyRandom(seed), noisy_pair(samples, 0.0, network.stride)[0]
                noisy, target = shoot(clean, draw_shot(float(iso), random, clean), random)
                rms = float(np.sqrt(np.mean((noisy - target) ** 2)))
                errors.append(self._error(network, noisy, (0.0, rms)))
            figures[f"tune error at ISO {iso}"] = mean(errors)
        return figures

    def _error(self, network: Any, noisy: Any, truth: tuple[float, float]) -> float:
        """The sum of both levels' absolute errors."""
        levels = network(to_tensor(noisy.astype(np.float32), self.device))[0, :2].tolist()
        return sum(abs(level - true) * 255 for level, true in zip(levels, truth, strict=True))
