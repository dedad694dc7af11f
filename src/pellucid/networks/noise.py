"""The network that estimates the noise of an image, whatever its kind.

    noisy (n, c, h, w) ┬───────── 6x6 / 2 ─ 3x3 / 2 ─ 3x3 ─ 3x3 ─ 1x1 ─ levels, log_spread, independent
                       └─ detail ─┘                                      each (n, ., h/4, w/4)

For each block of 4 x 4 pixels it gives the standard deviation of the noise, how uncertain that is, and
whether neighbouring pixels have independent noise, as a sensor's pixels have, or correlated noise, as a
camera's processing, resizing and JPEG leave it. Flat blocks separate noise from texture, and the network
learns to find them: the spread is that of a Laplace distribution whose likelihood it maximises (Kendall and
Gal 2017), so that uncertain blocks count less wherever blocks are combined. Levels of blocks of different
brightness give the gain and the offset of signal-dependent noise.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.networks.families import EstimatorSettings
from pellucid.networks.network import Network
from pellucid.networks.photo import mean_around
from pellucid.networks.unet import strided


class NoiseEstimator(Network):
    """Estimate level and kind of the noise in each block of 4 x 4 pixels.

    Parameters
    ----------
    settings : EstimatorSettings
    channels : int
        Of the image: 1 grey, 3 colour.
    size : (int, int)
        See `Network`.
    """

    stride = 4

    def __init__(self, settings: EstimatorSettings, channels: int, size: tuple[int, int] = (32, 32)) -> None:
        super().__init__()
        width, self.channels, self.size = settings.width, channels, size
        self.fine = strided(2 * channels, width, 2, bias=True)
        self.middle = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.deep = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.wide = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.tail = nn.Conv2d(2 * width, channels + 2, 1)

    def forward(self, noisy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Estimate.

        Parameters
        ----------
        noisy : tensor (n, c, h, w), 0 to 1
            Sides are multiples of 4.

        Returns
        -------
        levels : tensor (n, c, h / 4, w / 4)
            Standard deviation of the noise in each channel, in units of white.
        log_spread : tensor (n, 1, h / 4, w / 4)
            Logarithm of the mean absolute error of the logarithm of the levels.
        independent : tensor (n, 1, h / 4, w / 4)
            Log-odds that neighbouring pixels have independent noise.
        """
        detail = 8 * (noisy - mean_around(noisy, 5))
        x = F.relu(self.fine(torch.cat([noisy, detail], 1)))  # -> (n, width, h/2, w/2)
        x = F.relu(self.middle(x))  # -> (n, 2 width, h/4, w/4)
        x = F.relu(self.wide(F.relu(self.deep(x))))
        out = self.tail(x).float()
        levels = F.softplus(out[:, : self.channels] - 3) / 4  # begins near 3 of 255
        log_spread, independent = out[:, self.channels :].split(1, 1)
        return levels, log_spread, independent
