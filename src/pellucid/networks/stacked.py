"""A stacked denoising autoencoder: trained layer by layer, then as a whole.

    noisy ── dense ── dense ── ... ── code ── ... ── dense ── dense ── denoised
               └─ first pair ─────────────────────────────────┘
                        └─ second pair ──────────────┘

Each layer of the encoder first learns alone, with its counterpart of the decoder, to give back what the
layers before it make of clean images, from a version in which some values are set to 0. Each pair gets an
equal share of the training, and so does the whole network at the end. Before there were better first weights
and optimizers, deep networks learned in no other way.

Reference: Vincent and others 2010.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from pellucid.networks.autoencoder import Autoencoder, Output, glorot
from pellucid.networks.families import StackedSettings
from pellucid.networks.network import Goal, Terms
from pellucid.networks.unet import ACTIVATIONS


class Stacked(Autoencoder):
    """Dense layers of the widths of the settings down to the code, and back."""

    def __init__(self, settings: StackedSettings, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size, self.code_shape, self.masked = size, (settings.widths[-1],), settings.masked
        pairs = list(pairwise((channels * size[0] * size[1], *settings.widths)))
        act = ACTIVATIONS[settings.activation]
        self.encoder = nn.Sequential(
            nn.Flatten(),  # (n, c, h, w) -> (n, c*h*w)
            *(nn.Sequential(glorot(nn.Linear(wide, narrow)), act()) for wide, narrow in pairs),
        )
        outputs = [Output(settings.output), *(act() for _ in pairs[1:])]
        layers = [
            nn.Sequential(glorot(nn.Linear(narrow, wide)), output)
            for (wide, narrow), output in zip(pairs, outputs, strict=True)
        ]
        self.decoder = nn.Sequential(*reversed(layers), nn.Unflatten(1, (channels, *size)))

    def forward(self, noisy: Tensor, goal: Goal | None = None) -> tuple[Tensor, Tensor] | Terms:  # type: ignore[override]  # with a goal, its terms
        if goal is None:
            return super().forward(noisy)
        depth = len(self.encoder) - 1
        layer = int(goal.progress * (depth + 1))
        if layer >= depth:  # the last share of the training
            return {"reconstruction": goal.loss(super().forward(noisy)[0], goal.clean)}
        with torch.no_grad():
            target = self.encoder[: layer + 1](goal.clean)
            kept = torch.rand_like(target) >= self.masked
            given = noisy.flatten(1) if layer == 0 else target * kept
        rebuilt = self.decoder[depth - 1 - layer](self.encoder[layer + 1](given))
        return {"reconstruction": (rebuilt - target).square().mean(1)}
