"""A variational autoencoder: its code is a distribution, so that new codes can be drawn and decoded.

    noisy ── encoder ── mean, log variance ── code = mean + deviation · ε ── decoder ── denoised

The layers are those of `pellucid.networks.autoencoder.ConvLatent`; the last of the encoder has twice as many
values. The loss of an image, over its pixels, is

    reconstruction + beta · KL(N(mean, variance) ‖ N(0, 1)) / pixels

The second term keeps the codes of all images together where a normal distribution has its values, and leaves
no gaps between them. In use, the code is the mean.

References: Kingma and Welling 2014 (the KL term in closed form: appendix B); Higgins and others 2017 (beta).
"""

from typing import cast

import torch
from torch import Tensor, nn

from pellucid.networks.autoencoder import ConvLatent, glorot
from pellucid.networks.families import VAESettings
from pellucid.networks.network import Goal, Terms


class VAE(ConvLatent):
    """A `ConvLatent` whose encoder gives a mean and a log variance for each dimension of the code."""

    def __init__(self, settings: VAESettings, channels: int, size: tuple[int, int]) -> None:
        super().__init__(settings, channels, size)
        last = cast(nn.Linear, self.encoder[-1])
        self.encoder[-1] = glorot(nn.Linear(last.in_features, 2 * settings.code))
        self.beta = settings.beta

    def encode(self, images: Tensor) -> Tensor:
        return super().encode(images).chunk(2, 1)[0]  # (n, 2 * code) -> (n, code)

    def forward(self, noisy: Tensor, goal: Goal | None = None) -> tuple[Tensor, Tensor] | Terms:  # type: ignore[override]  # with a goal, its terms
        mean, log_variance = super().encode(noisy).chunk(2, 1)
        code = mean
        if self.training:
            code = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        denoised = self.decode(code)
        if goal is None:
            return denoised, mean
        divergence = (mean.square() + log_variance.exp() - log_variance - 1).sum(1) / 2  # nats an image
        return {
            "reconstruction": goal.loss(denoised, goal.clean),
            "kl": self.beta * divergence / goal.clean[0].numel(),
        }
