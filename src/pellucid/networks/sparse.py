"""A sparse autoencoder: a wide code, of which each image uses a few dimensions.

    noisy ── dense, ReLU ── the largest k values, else 0 ── code ── dense, sigmoid ── denoised

The bottleneck is the number of active dimensions, not the size of the code: each image chooses the dimensions
that describe it, so that a dimension comes to stand for a part, such as a stroke.

References: Makhzani and Frey 2014 (k-sparse autoencoders: what this file is); Ng 2011 (a penalty instead).
"""

from torch import Tensor, nn

from pellucid.networks.autoencoder import Autoencoder, Output, glorot
from pellucid.networks.families import SparseSettings
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
        values = super().encode(images)
        smallest = values.topk(self.active, dim=1).values[:, -1:]  # (n, 1)
        return (values * (values >= smallest)).reshape(-1, *self.code_shape)  # (n, l*l) -> (n, l, l)

    def decode(self, code: Tensor) -> Tensor:
        return super().decode(code.flatten(1))  # (n, l, l) -> (n, l*l)
