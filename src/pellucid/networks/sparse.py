"""A sparse autoencoder: a wide code, of which each image uses a few dimensions.

    noisy ── dense, ReLU ── the largest k values, else 0 ── code ── dense, sigmoid ── denoised

The bottleneck is the number of active dimensions, not the size of the code: each image chooses the dimensions
that describe it, so that a dimension comes to stand for a part, such as a stroke.

A dimension that is never among the largest never learns. So all are active at first, and fewer and fewer until
half of the training is done.

References: Makhzani and Frey 2014 (k-sparse autoencoders: what this file is); Ng 2011 (a penalty instead).
"""

from torch import Tensor, nn

from pellucid.networks.autoencoder import Autoencoder, Output, glorot
from pellucid.networks.families import SparseSettings
from pellucid.networks.network import Goal, Terms
from pellucid.networks.unet import ACTIVATIONS


class Sparse(Autoencoder):
    """One dense layer on each side of a code (level, level) with `active` values that are not 0."""

    def __init__(self, settings: SparseSettings, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size, self.code_shape = size, (settings.level, settings.level)
        self.active = min(settings.active, settings.level**2)
        pixels, numbers = channels * size[0] * size[1], settings.level**2
        self.encoder = nn.Sequential(
            nn.Flatten(),  # (n, c, h, w) -> (n, c*h*w)
            glorot(nn.Linear(pixels, numbers)),
            ACTIVATIONS[settings.activation](),
        )
        self.decoder = nn.Sequential(
            glorot(nn.Linear(numbers, pixels)),
            Output(settings.output),
            nn.Unflatten(1, (channels, *size)),  # (n, c*h*w) -> (n, c, h, w)
        )

    def encode(self, images: Tensor) -> Tensor:
        return self.largest(super().encode(images), self.active)

    def largest(self, values: Tensor, count: int) -> Tensor:
        """Keep the largest values of each row (n, l*l): codes (n, l, l)."""
        smallest = values.topk(count, dim=1).values[:, -1:]  # (n, 1)
        return (values * (values >= smallest)).reshape(-1, *self.code_shape)

    def forward(self, noisy: Tensor, goal: Goal | None = None) -> tuple[Tensor, Tensor] | Terms:  # type: ignore[override]  # with a goal, its terms
        if goal is None:
            return super().forward(noisy)
        values = super().encode(noisy)
        count = max(self.active, round(values.shape[1] * (1 - 2 * goal.progress)))
        denoised = self.decode(self.largest(values, count))
        return {"reconstruction": goal.loss(denoised, goal.clean)}

    def decode(self, code: Tensor) -> Tensor:
        return super().decode(code.flatten(1))  # (n, l, l) -> (n, l*l)
