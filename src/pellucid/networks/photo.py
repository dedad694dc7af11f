"""The network for photographs: it finds out for itself how much noise is where.

    noisy (n, c, h, w) ┬─ detail ┬─ estimator ─ levels ─ times gain ─┐
                       │         └───────────────────────────────────┤
                       ├──────────────────────────────────────────── UNet ─┐
                       └──────────────────────────────────────── with its tones ─ denoised

A camera's noise depends on the light, the camera and its processing, and a file does not say how. A small
network estimates the local level of luma and of chroma noise, and the U-Net is given these (Guo and others
2019, CBDNet). Both see the image's detail by itself, enlarged: next to the image the noise is so faint
that training hardly finds it. The gain is the user's handle: more than 1 says that there is more noise than
was estimated. Last, the tones of the noisy image are put back: who takes wide blotches away would else move
the colour of a wall. Where the noise is heavy they are not, since it has moved them itself.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.networks.families import PhotoSettings, Settings
from pellucid.networks.network import Network
from pellucid.networks.unet import UNet, strided

FOLD = 8
"""The levels are estimated at an eighth of the image's size: noise changes more slowly than content."""

HEAVY = (14 / 255, 12 / 255)
"""Luma and chroma noise, as standard deviations, from which on noise itself moves the tones."""


class LevelEstimator(nn.Module):
    """Estimate the local standard deviation of the noise.

    Parameters
    ----------
    channels : int
        Of the image: 1 grey, 3 colour.
    width : int
        Channels of the hidden layers.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.fine = strided(channels, width, 2, bias=True)
        self.middle = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.coarse = nn.Conv2d(2 * width, 2 * width, 3, stride=2, padding=1)
        self.wide = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.levels = nn.Conv2d(2 * width, maps_for(channels), 1)

    def forward(self, detail: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, maps, h/8, w/8), 0 to 1: luma and, for colour images, chroma."""
        x = F.relu(self.fine(detail))  # -> (n, width, h/2, w/2)
        x = F.relu(self.middle(x))  # -> (n, 2 width, h/4, w/4)
        x = F.relu(self.coarse(x))  # -> (n, 2 width, h/8, w/8)
        # Softplus, since a rectifier may fall to zero everywhere and stay there; it begins near 0.02.
        return F.softplus(self.levels(F.relu(self.wide(x))).float() - 4)


class PhotoUNet(Network):
    """Denoise photographs, whatever their noise.

    Height and width must be multiples of `stride`; the runtime pads.

    Parameters
    ----------
    settings : PhotoSettings
    channels : int
        Of the image: 1 grey, 3 colour.
    size : (int, int), optional
        See `Network`.
    """

    def __init__(self, settings: PhotoSettings, channels: int, size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.gains, self.maps = settings.gains, maps_for(channels)
        self.estimator = LevelEstimator(channels, settings.estimator)
        self.unet = UNet(settings, channels, sigma_maps=self.maps, extra_channels=channels)
        self.stride = max(FOLD, self.unet.stride)
        self.size = size or (8 * self.stride, 8 * self.stride)

    def forward(self, noisy: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
        """Denoise.

        Parameters
        ----------
        noisy : tensor (n, c, h, w), 0 to 1
        gain : tensor (1, maps, 1, 1)
            Factor of the estimated levels; 1 is the network's own.

        Returns
        -------
        denoised : tensor (n, c, h, w)
        levels : tensor (n, maps, h / 8, w / 8), 0 to 1
            Standard deviation of the noise in luma and, for colour images, in chroma.
        """
        detail = 8 * (noisy - mean_around(noisy, 5))
        levels = self.estimator(detail)
        given = F.interpolate(levels * gain, scale_factor=FOLD / 2, mode="bilinear")
        denoised = self.unet(noisy, given, detail)
        return denoised - tones(denoised - noisy, kept_share(levels)), levels

    def finish(self) -> None:
        """Let the U-Net see luma and chroma levels multiplied by the gains of the settings."""
        self._amplify(self.gains)

    def unfinish(self, settings: Settings) -> None:
        """Undo `finish`, after the weights of a file of these settings were loaded."""
        if isinstance(settings, PhotoSettings):  # they may be those of a U-Net
            self._amplify((1 / settings.gains[0], 1 / settings.gains[1]))

    @torch.no_grad()
    def _amplify(self, gains: tuple[float, float]) -> None:
        weight = self.unet.told.weight  # (width, maps, 3, 3)
        weight.mul_(torch.tensor(gains[: self.maps]).view(1, -1, 1, 1))


def kept_share(levels: Tensor) -> Tensor:
    """The share of the tones that is put back where there is so much noise (n, maps, h, w): half at `HEAVY`.

    Noise so heavy that many pixels are clipped at black or bent by the tone curve has itself moved the tones,
    by up to 16 of 255, and it is for the U-Net to find them. Texture has no such noise in chroma.
    """
    heavy = levels.new_tensor(HEAVY[: levels.shape[1]]).view(1, -1, 1, 1)
    ratio = (levels / heavy).amin(1, keepdim=True)  # -> (n, 1, h, w)
    return 1 / (1 + ratio.clip(0, 10) ** 16)


def tones(difference: Tensor, share: Tensor) -> Tensor:
    """The wide part of a difference (n, c, h, w): the mean over 56 x 56 pixels around each, taken twice.

    So much is averaged there that hardly any noise is in it. The second time the mean is that of what the
    first one left, which keeps more of what is not much wider than that. It is multiplied by a share
    (n, 1, h / 8, w / 8).
    """
    coarse = F.avg_pool2d(difference, FOLD)
    mean = mean_around(coarse, 7)
    mean = mean + mean_around(coarse - mean, 7)
    return F.interpolate(mean * share, scale_factor=FOLD, mode="bilinear")


def mean_around(x: Tensor, size: int) -> Tensor:
    """The mean over size x size pixels around each pixel, fewer at the border, of (n, c, h, w)."""
    return sum_around(x, size) / sum_around(torch.ones_like(x[:1, :1]), size)


def sum_around(x: Tensor, size: int) -> Tensor:
    """The sum over size x size pixels around each pixel, zeros outside, of (n, c, h, w).

    By convolutions of each channel for itself, one axis after the other: the runtime's average pooling, one
    axis after the other, took eight times as long, and over both at once still longer.
    """
    kernel = x.new_ones(x.shape[1], 1, size, 1)
    with torch.autocast(x.device.type, enabled=False):  # bfloat16 would round the pixels
        rows = F.conv2d(x, kernel, padding=(size // 2, 0), groups=x.shape[1])
        return F.conv2d(rows, kernel.mT, padding=(0, size // 2), groups=x.shape[1])


def maps_for(channels: int) -> int:
    """Luma alone for grey images, luma and chroma for colour."""
    return 1 if channels == 1 else 2
