"""How far a denoised image is from the clean one; each loss gives one number an image."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]
"""(denoised, clean), each (n, c, h, w), to (n,)."""


def charbonnier(denoised: Tensor, clean: Tensor) -> Tensor:
    """A smooth absolute error, sqrt(error^2 + 0.001^2) (Charbonnier and others 1994)."""
    return torch.sqrt((denoised - clean).square() + 1e-6).mean((1, 2, 3))


def l1(denoised: Tensor, clean: Tensor) -> Tensor:
    """Mean absolute error."""
    return (denoised - clean).abs().mean((1, 2, 3))


def mse(denoised: Tensor, clean: Tensor) -> Tensor:
    """Mean squared error."""
    return (denoised - clean).square().mean((1, 2, 3))


def rmse(denoised: Tensor, clean: Tensor) -> Tensor:
    """Root of the mean squared error: best in PSNR as `mse` is, and weak noise is not drowned by strong."""
    return torch.sqrt(mse(denoised, clean) + 1e-8)  # the root alone has no slope at 0


def bce(denoised: Tensor, clean: Tensor) -> Tensor:
    """Binary cross-entropy of pixels taken as probabilities: its gradient stays where a sigmoid saturates."""
    return F.binary_cross_entropy(denoised, clean, reduction="none").mean((1, 2, 3))


def pinball(estimate: Tensor, truth: Tensor) -> Tensor:
    """The error of an estimate (n, ...), an underestimate counting 1.5 times an overestimate.

    A denoiser that is given too low a noise level leaves noise; given one a little too high, it loses little
    (quantile loss, Koenker and Bassett 1978, at the quantile 0.6).
    """
    error = (truth - estimate).flatten(1)
    return torch.maximum(0.6 * error, -0.4 * error).mean(1)


LOSSES: Mapping[str, Loss] = {
    "charbonnier": charbonnier,
    "l1": l1,
    "mse": mse,
    "rmse": rmse,
    "bce": bce,
    "pinball": pinball,
}
