"""What is measured on the tune pictures while a network trains."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.images.metrics import psnr
from pellucid.images.noise import Gaussian, NumpyRandom, to_8bit
from pellucid.networks.sigma import SigmaEstimator
from pellucid.networks.unet import UNet

TUNE_SIGMAS = (15 / 255, 25 / 255, 50 / 255)


@torch.no_grad()
def tune_psnr(network: UNet, pictures: list[Any], device: torch.device) -> dict[str, float]:
    """Mean PSNR in dB over the pictures at each of `TUNE_SIGMAS`, noise not clipped, seed 0."""
    figures = {}
    for sigma in TUNE_SIGMAS:
        values = []
        for samples in pictures:
            clean, noisy = noisy_pair(samples, sigma, network.stride)
            told = torch.full((1, 1, 1, 1), sigma, device=device)
            denoised = network(to_tensor(noisy, device), told)[0].permute(1, 2, 0).cpu().numpy()
            values.append(psnr(denoised, clean, data_range=1.0))
        figures[f"tune PSNR at sigma {sigma * 255:.0f}"] = round(float(np.mean(values)), 3)
    return figures


@torch.no_grad()
def tune_error(network: SigmaEstimator, pictures: list[Any], device: torch.device) -> dict[str, float]:
    """Mean absolute error of the estimate, in grey levels of 255, of whole pictures clipped to 8 bit."""
    figures = {}
    for sigma in (0.0, 5 / 255, *TUNE_SIGMAS):
        noisy = [to_8bit(noisy_pair(samples, sigma, network.stride)[1]) for samples in pictures]
        errors = [abs(float(network(to_tensor(each, device))[0, 0]) - sigma) * 255 for each in noisy]
        figures[f"tune error at sigma {sigma * 255:.0f}"] = round(float(np.mean(errors)), 3)
    return figures


FIGURES: Mapping[type, Callable[..., dict[str, float]]] = {UNet: tune_psnr, SigmaEstimator: tune_error}


def noisy_pair(samples: Any, sigma: float, stride: int) -> tuple[Any, Any]:
    """A picture (h, w, c), float32, cut to multiples of the stride, without and with noise of seed 0."""
    height, width = (extent // stride * stride for extent in samples.shape[:2])
    clean = (samples[:height, :width] / 255).astype(np.float32)
    return clean, Gaussian(sigma).apply(clean, NumpyRandom(0))


def to_tensor(pixels: Any, device: torch.device) -> Tensor:
    """A picture as a batch of one."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device)  # (h, w, c) -> (1, c, h, w)
