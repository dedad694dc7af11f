"""Random numbers for noise on torch tensors, made where the images are."""

import torch
from torch import Tensor


class TorchRandom:
    """Random numbers for tensors (n, channels, height, width); the same seed gives the same noise.

    Parameters
    ----------
    generator : torch.Generator
        On the device of the images.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def normal(self, like: Tensor) -> Tensor:
        """Independent standard normal numbers."""
        return torch.randn(like.shape, generator=self.generator, dtype=like.dtype, device=like.device)

    def uniform(self, like: Tensor) -> Tensor:
        """Independent numbers, uniform in [0, 1)."""
        return torch.rand(like.shape, generator=self.generator, dtype=like.dtype, device=like.device)

    def poisson(self, mean: Tensor) -> Tensor:
        """Poisson counts with the given means."""
        return torch.poisson(mean, generator=self.generator)

    def between(self, low: float, high: float, like: Tensor) -> Tensor:
        """One number for each image, uniform from low to high: (n, 1, 1, 1)."""
        return low + (high - low) * self.uniform(like[:, :1, :1, :1])
