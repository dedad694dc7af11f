"""The denoising network: a small residual U-Net of plain 3x3 convolutions.

    noisy (n, c, h, w) ─ head ─ + ─ blocks ──────── + ─ blocks ─ tail ─ shuffle 2 ─ noise
    sigma (n, 1, 1, 1) ─ told ──┘     └─ down ─ … ─ up ─┘
    denoised = noisy - noise

The image is first brought to half its size with four times the channels (Shi and others 2016), since a
convolution there costs a quarter. Each level below halves the size again and has more channels. There is
no bias anywhere, so that scaling image and sigma scales the result (Mohan and others 2020), no
normalisation, and nothing that looks at the whole image, so that an image can be cut into tiles. (For
noise so strong that little of the image is left, a U-Net may give the image itself instead.)

References: Ronneberger and others 2015 (U-Net); He and others 2016 (residual blocks); Zhang and others 2018
(FFDNet: the sigma map as an input); Zhang and others 2021 (DRUNet: residual blocks in a U-Net, no biases).
"""

from collections import OrderedDict
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.networks.families import UNetSettings
from pellucid.networks.network import Network

ACTIVATIONS = {"relu": nn.ReLU, "elu": nn.ELU, "gelu": nn.GELU, "leaky": nn.LeakyReLU}


class Residual(nn.Module):
    """x + conv(activation(conv(x))); where that leads to other channels, x goes through a 1x1 convolution."""

    def __init__(self, width: int, out: int, activation: str = "relu") -> None:
        super().__init__()
        self.activate = ACTIVATIONS[activation]()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, out, 3, padding=1, bias=False)
        self.narrow = projection(width, out)
        nn.init.kaiming_normal_(self.first.weight)
        with torch.no_grad():
            self.second.weight.mul_(0.3)  # blocks that begin near the identity train faster

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.narrow(x) + self.second(self.activate(self.first(x)))
        return out


def strided(channels: int, width: int, unshuffle: int, *, bias: bool = False) -> nn.Conv2d:
    """A 3x3 convolution after pixel-unshuffle, as the strided one that it equals, which runs faster.

    Its weights are the other's after pixel-shuffle.
    """
    return nn.Conv2d(channels, width, 3 * unshuffle, stride=unshuffle, padding=unshuffle, bias=bias)


def residuals(count: int, width: int, out: int, activation: str = "relu") -> nn.Sequential:
    """As many residual blocks, one after the other, of which the last leads from `width` to `out` channels.

    A 1x1 convolution after the last block could do no more, and would cost more: both are linear. Blocks are
    named by how many follow, so that those of a shallower network have the same names in a deeper one.
    """
    blocks: dict[str, nn.Module] = {}
    for left in reversed(range(count)):
        blocks[str(left)] = Residual(width, width if left else out, activation)
    return nn.Sequential(OrderedDict(blocks or {"narrow": projection(width, out)}))


def projection(width: int, out: int) -> nn.Module:
    """A 1x1 convolution to fewer channels, or nothing where there are as many."""
    return nn.Identity() if out == width else nn.Conv2d(width, out, 1, bias=False)


class UNet(Network):
    """Denoise images whose noise level is given.

    Height and width must be multiples of `stride`; the runtime pads.

    Parameters
    ----------
    settings : UNetSettings
    channels : int
        Of the image: 1 grey, 3 colour.
    size : (int, int), optional
        See `Network`.
    sigma_maps : int
        Noise levels given for each pixel.
    extra_channels : int
        Channels that the first layer sees in addition to the image.
    """

    def __init__(
        self,
        settings: UNetSettings,
        channels: int,
        size: tuple[int, int] | None = None,
        *,
        sigma_maps: int = 1,
        extra_channels: int = 0,
    ) -> None:
        super().__init__()
        self.unshuffle, widths = settings.unshuffle, settings.widths
        self.predicts_noise = settings.predicts == "noise"
        blocks = partial(residuals, activation=settings.activation)
        pairs = list(pairwise(widths))
        self.stride = settings.unshuffle * 2 ** len(pairs)
        self.size = size or (8 * self.stride, 8 * self.stride)
        self.head = strided(channels + extra_channels, widths[0], settings.unshuffle)
        self.told = nn.Conv2d(sigma_maps, widths[0], 3, padding=1, bias=False)
        self.encoder = nn.ModuleList(map(blocks, settings.encoder, widths, widths))
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2, bias=False) for fine, coarse in pairs)
        finer = (widths[0], *widths[:-1])  # what each level leads to; the finest to the tail
        self.body = blocks(settings.body, widths[-1], finer[-1])
        self.decoder = nn.ModuleList(map(blocks, settings.decoder, widths, finer))
        self.tail = nn.Conv2d(widths[0], channels * self.unshuffle**2, 3, padding=1, bias=False)
        with torch.no_grad():
            self.tail.weight.mul_(0.1)  # begin near "there is no noise"

    def forward(self, noisy: Tensor, sigma: Tensor, *extra: Tensor) -> Tensor:
        """Denoise.

        Parameters
        ----------
        noisy : tensor (n, c, h, w), 0 to 1
        sigma : tensor (n, sigma_maps, 1, 1), or (n, sigma_maps, h / unshuffle, w / unshuffle)
            One level for the image, or one for each block of `unshuffle` pixels a side, 0 to 1.
        extra : tensor (n, extra_channels, h, w), where there are such

        Returns
        -------
        tensor (n, c, h, w)
        """
        with torch.autocast(noisy.device.type, enabled=False):  # bfloat16 would round the pixels themselves
            x = self.head(torch.cat([noisy, *extra], 1))  # (n, c, h, w) -> (n, w0, h/2, w/2)
            x = x + self.told(sigma.expand(x.shape[0], -1, x.shape[2], x.shape[3]))
        skips = []
        for blocks, down in zip(self.encoder, self.down, strict=True):
            x = blocks(x)
            skips.append(x)
            x = down(x)  # (n, w0, h, w) -> (n, w1, h/2, w/2)
        x = self.body(x)  # (n, w1, h/2, w/2) -> (n, w0, h/2, w/2)
        for blocks in reversed(self.decoder):
            # Repeated pixels stay in the runtime's blocked layout; a transposed convolution would not.
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")  # (n, w0, h/2, w/2) -> (n, w0, h, w)
            x = blocks(x + skips.pop())
        out = F.pixel_shuffle(self.tail(x).float(), self.unshuffle)  # (n, 4c, h/2, w/2) -> (n, c, h, w)
        return noisy - out if self.predicts_noise else out
