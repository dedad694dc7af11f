"""A vector-quantised autoencoder (VQ-VAE): each place of the code is one of the vectors of a short list.

    noisy ── encoder ── vectors (d, h/4, w/4) ── the nearest of the codebook's ── code ── decoder ── denoised

So a code is a small image of whole numbers, the places in the list, and takes few bits. The nearest vector
has no slope: the gradient passes from the decoder to the encoder as if nothing had been replaced
(straight-through). The loss of an image is

    reconstruction + codebook + commitment = loss + |fixed z − e|² + commitment · |z − fixed e|²

whose second term moves the vectors e of the codebook to the encoder's z, and whose third holds z near them.

References: van den Oord and others 2017 (equation 3).
"""

from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.networks.autoencoder import Autoencoder, Output, double, glorot, halve, same
from pellucid.networks.families import VQVAESettings
from pellucid.networks.network import Goal, Terms
from pellucid.networks.unet import ACTIVATIONS


class Codebook(nn.Module):
    """Replaces each vector (n, d, h, w) by the nearest of its own; in training the gradient passes by."""

    def __init__(self, count: int, dimensions: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(count, dimensions).uniform_(-1 / count, 1 / count))

    def forward(self, z: Tensor) -> Tensor:
        nearest = self.nearest(z)
        return z + (nearest - z).detach() if self.training else nearest

    def nearest(self, z: Tensor) -> Tensor:
        """The nearest vectors (n, d, h, w)."""
        # |z|² is the same for all of them, and left out.
        distances = self.vectors.square().sum(1) - 2 * z.movedim(1, -1) @ self.vectors.T  # (n, h, w, count)
        return F.embedding(distances.argmin(-1), self.vectors).movedim(-1, 1)  # (n, h, w) -> (n, d, h, w)


class VQVAE(Autoencoder):
    """Strided convolutions, a codebook, and transposed convolutions back; for images of any size."""

    any_size = True

    def __init__(self, settings: VQVAESettings, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        widths, code, activation = settings.widths, settings.code, ACTIVATIONS[settings.activation]
        self.size, self.stride, self.commitment = size, settings.stride, settings.commitment
        self.check(*size)
        self.code_shape = code, size[0] // self.stride, size[1] // self.stride
        codebook = Codebook(settings.vectors, code)
        encoder: list[nn.Module] = []
        for before, width in pairwise((channels, *widths)):
            encoder += [halve(before, width, 4), activation()]  # (n, before, h, w) -> (n, width, h/2, w/2)
        self.encoder = nn.Sequential(*encoder, glorot(nn.Conv2d(widths[-1], code, 1)), codebook)
        decoder: list[nn.Module] = [same(code, widths[-1]), activation()]
        for before, width in pairwise((widths[-1], *reversed(widths))):
            decoder += [double(before, width, 4), activation()]  # (n, before, h, w) -> (n, width, 2h, 2w)
        self.decoder = nn.Sequential(*decoder, same(widths[0], channels), Output(settings.output))

    @property
    def codebook(self) -> Codebook:
        """The last layer of the encoder."""
        return cast(Codebook, self.encoder[-1])

    def decode(self, code: Tensor) -> Tensor:
        return super().decode(self.codebook.nearest(code))  # one that was drawn has other vectors

    def forward(self, noisy: Tensor, goal: Goal | None = None) -> tuple[Tensor, Tensor] | Terms:  # type: ignore[override]  # with a goal, its terms
        self.check(noisy.shape[2], noisy.shape[3])
        z = self.encoder[:-1](noisy)
        code = self.codebook(z)
        denoised: Tensor = self.decoder(code) if self.training else self.decode(code)
        if goal is None:
            return denoised, code
        nearest = self.codebook.nearest(z)
        return {
            "reconstruction": goal.loss(denoised, goal.clean),
            "codebook": (nearest - z.detach()).square().mean((1, 2, 3)),
            "commitment": self.commitment * (nearest.detach() - z).square().mean((1, 2, 3)),
        }
