"""DnCNN: a stack of convolutions that estimates the noise, which is then subtracted.

    noisy ── (convolution 3x3, ReLU) x (depth - 1) ── convolution 3x3 ── noise;   denoised = noisy - noise

It has no code, no skips and no level as input (blind), and serves images of any size. Each layer sees one
pixel further. The paper has batch normalisation between the layers; this one begins with weights that need
none, so that a step does not depend on the other images of its batch.

References: Zhang and others 2017; He and others 2015 (the initial weights).
"""

import torch
from torch import Tensor, nn

from pellucid.networks.autoencoder import Output
from pellucid.networks.families import DnCNNSettings
from pellucid.networks.network import Network


class DnCNN(Network):
    """`depth` convolutions of `width` channels."""

    def __init__(self, settings: DnCNNSettings, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size, width = size, settings.width
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
        for _ in range(settings.depth - 2):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU()]
        self.head, self.body = nn.Sequential(*layers[:2]), nn.Sequential(*layers[2:])
        self.tail = nn.Conv2d(width, channels, 3, padding=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.tail.weight.mul_(0.1)  # begin near "there is no noise"
        self.output = Output("linear")

    def forward(self, noisy: Tensor) -> Tensor:
        """Give the denoised images (n, c, h, w)."""
        denoised: Tensor = self.output(noisy - self.tail(self.body(self.head(noisy))))
        return denoised
