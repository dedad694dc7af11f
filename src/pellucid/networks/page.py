"""The network for scanned pages: it separates what is printed from paper, stains, light and noise.

    noisy (n, c, h, w) ─ head ─ blocks ───────────────── + ─ blocks ─ tail ─ shuffle 2 ─ gain, offset
                                  └─ down ─ … 1/32 … ─ up ┘
                                         at 1/8: expected error ─ guard
    reflectance = (1 + gain) * noisy + offset
    denoised = paper * reflectance, but noisy where the expected error is high

The page is thought of as ink on perfectly white paper, its reflectance, seen through everything that
happened to it. Light, stains and the tone of the paper are factors, which a gain for each pixel undoes. Five
levels, from half the size to a thirty-second, see about 200 pixels around each place: stains and shadows are
wider than letters. Unlike the networks for noise these layers have biases, since white paper is an absolute
value. `paper` is the tone that the paper has in the result: 1 makes it white, the page's own tone keeps it,
even.

A second output is the error that the network expects of itself; where it is high the page stays unchanged.

References: Ronneberger and others 2015 (U-Net); He and others 2016 (residual blocks); Kendall and Gal 2017 (a
network that predicts its own error).
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.networks.families import PageSettings
from pellucid.networks.network import Network

FOLD = 8
"""The expected error is given at an eighth of the page's size."""

LEAK = 0.1
"""Slope of the rectifiers below zero: without it, half of those in the deep levels fell silent for good."""


class Block(nn.Module):
    """x + conv(leaky relu(conv(x)))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight)
        with torch.no_grad():
            self.second.weight.mul_(0.3)  # blocks that begin near the identity train faster

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.leaky_relu(self.first(x), LEAK))
        return out


def blocks(count: int, width: int) -> nn.Sequential:
    """As many blocks, one after the other; without any, the identity."""
    return nn.Sequential(*(Block(width) for _ in range(count)))


class PageUNet(Network):
    """Clean scanned pages.

    Height and width must be multiples of `stride`; the runtime pads.

    Parameters
    ----------
    settings : PageSettings
    channels : int
        Of the page: 1 grey, 3 colour.
    size : (int, int), optional
        See `Network`.
    """

    def __init__(self, settings: PageSettings, channels: int, size: tuple[int, int] | None = None) -> None:
        super().__init__()
        widths, self.limit, self.maps = settings.widths, settings.doubt, channels
        pairs = list(pairwise(widths))
        self.stride = settings.stride
        self.size = size or (8 * self.stride, 8 * self.stride)
        self.head = nn.Conv2d(channels, widths[0], 6, stride=2, padding=2)
        self.encoder = nn.ModuleList(map(blocks, settings.encoder, widths))
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairs)
        self.body = blocks(settings.body, widths[-1])
        self.up = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairs)
        self.decoder = nn.ModuleList(map(blocks, settings.decoder, widths))
        self.estimator = nn.Conv2d(widths[2], 1, 3, padding=1)
        self.tail = nn.Conv2d(widths[0], 8 * channels, 3, padding=1)  # gains, then offsets
        with torch.no_grad():
            self.tail.weight.mul_(0.1)  # begin near the page as it is

    def forward(self, noisy: Tensor, paper: Tensor) -> tuple[Tensor, Tensor]:
        """Clean a page.

        Parameters
        ----------
        noisy : tensor (n, c, h, w), 0 to 1
        paper : tensor (1, c, 1, 1), 0 to 1
            The tone of the paper in the result.

        Returns
        -------
        denoised : tensor (n, c, h, w)
            While training, values outside 0 to 1 are kept in part, and no place stays unchanged.
        doubt : tensor (n, 1, h / 8, w / 8)
            The mean absolute error that is expected there.
        """
        x = self.head(noisy)  # (n, c, h, w) -> (n, w0, h/2, w/2)
        skips = []
        for encode, down in zip(self.encoder, self.down, strict=True):
            x = encode(x)
            skips.append(x)
            x = down(x)  # (n, w0, h, w) -> (n, w1, h/2, w/2)
        x = self.body(x)
        doubt = noisy[:, :1]
        for level in reversed(range(len(skips))):
            # Repeated pixels stay in the runtime's blocked layout; a transposed convolution would not.
            x = F.interpolate(self.up[level](x), scale_factor=2.0, mode="nearest")
            x = self.decoder[level](x + skips[level])
            if level == 2:  # an eighth of the size
                # Softplus, since a rectifier may fall to zero everywhere and stay there; it begins near 0.02.
                doubt = F.softplus(self.estimator(x).float() - 4)
        gain, offset = F.pixel_shuffle(self.tail(x).float(), 2).chunk(
            2, 1
        )  # (n, 8c, h/2, w/2) -> 2 (n, c, h, w)
        reflectance = (1 + gain) * noisy + offset
        bounded = reflectance.clip(0, 1)
        if self.training:
            return paper * (bounded + 0.05 * (reflectance - bounded)), doubt
        unsure = ((doubt / self.limit - 0.75) * 2).clip(0, 1)  # half the way at the limit
        unsure = F.interpolate(unsure, scale_factor=float(FOLD), mode="bilinear")
        cleaned = paper * bounded
        return cleaned + unsure * (noisy - cleaned), doubt
