"""Learning to tell how much white noise is in a picture, and that what a camera leaves is none."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import UsageError
from pellucid.images.camera import draw_shot, shoot
from pellucid.images.noise import NumpyRandom, to_8bit
from pellucid.training.denoising import TUNE_SIGMAS, cut, make_batch, mean, noisy_pair, to_tensor, weigh
from pellucid.training.photographs import TUNE_ISOS, Photographs
from pellucid.training.randomness import TorchRandom


class Estimating(Photographs):
    """White noise in one half of the pictures, a camera's in the other; some in both have none at all."""

    def losses(
        self, network: Callable[..., Any], random: TorchRandom, *, step: int, progress: float, count: int
    ) -> Tensor:
        """The loss of each of `count` pictures."""
        if count == 1:
            raise UsageError("An estimator cannot learn from one picture at a time", "Set a larger batch")
        half = count // 2
        white, sigma, _, _ = make_batch(self.pool, self.recipe, progress, random, half)
        shots, _ = self.batch(random, step=step, progress=progress, count=count - half)
        truth = torch.cat([sigma.flatten(), sigma.new_zeros(len(shots))])
        levels = network(torch.cat([white, shots]))[:, :1]
        return weigh(self.loss(levels, truth[:, None]), truth, self.recipe.loss_floor)

    @torch.no_grad()
    def judge(self, network: Any) -> dict[str, float]:
        """Mean absolute error of the estimate, in grey levels of 255, of whole pictures in 8 bit."""
        figures = {}
        for sigma in (0.0, 5 / 255, *TUNE_SIGMAS):
            noisy = [to_8bit(noisy_pair(samples, sigma, network.stride)[1]) for samples in self.tune]
            figures[f"tune error at sigma {sigma * 255:.0f}"] = self._error(network, noisy, sigma)
        for iso in TUNE_ISOS:
            shots = []
            for seed, samples in enumerate(self.tune):
                random, clean = NumpyRandom(seed), cut(samples, network.stride)
                shots.append(shoot(clean, draw_shot(float(iso), random, clean), random)[0])
            figures[f"tune error at ISO {iso}"] = self._error(network, shots, 0.0)
        return figures

    def _error(self, network: Any, pictures: list[Any], truth: float) -> float:
        tensors = (to_tensor(pixels.astype(np.float32), self.device) for pixels in pictures)
        return mean([abs(float(network(each)[0, 0]) - truth) * 255 for each in tensors])
