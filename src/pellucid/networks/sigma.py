"""The network that says how much noise is in a picture.

    crops (n, c, h, w) ─ 3x3 ─ 3x3 / 2 ─ 3x3 / 2 ─ 1x1 ─ (n, 2, h/4, w/4): at each place, a noise level
                                                          and how far this place can be trusted

Flat places tell noise from texture, and the network learns to find them: the answer for a crop is the mean of
its places, weighted by trust (attention pooling, Ilse and others 2018). The trust of the crop as a whole is
given too, so that several crops of one picture are pooled in the same way.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SigmaEstimator(nn.Module):
    """Estimate the standard deviation of white Gaussian noise.

    Parameters
    ----------
    channels : int
        Of the picture: 1 grey, 3 colour.
    width : int
        Channels of the hidden layers.
    """

    stride = 4

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(channels, width, 3)
        self.middle = nn.Conv2d(width, 2 * width, 3, stride=2)
        self.deep = nn.Conv2d(2 * width, 2 * width, 3, stride=2)
        self.tail = nn.Conv2d(2 * width, 2, 1)

    def forward(self, noisy: Tensor) -> Tensor:
        """Estimate.

        Parameters
        ----------
        noisy : tensor (n, c, h, w), 0 to 1, at least 16 pixels a side

        Returns
        -------
        tensor (n, 2)
            The noise level, 0 to 1, and the logarithm of the trust in it.
        """
        x = F.relu(self.head(noisy))
        x = F.relu(self.middle(x))
        x = F.relu(self.deep(x))
        level, trust = self.tail(x).float().flatten(2).unbind(1)  # (n, 2, h/4, w/4) -> two (n, places)
        pooled = (trust.softmax(1) * level).sum(1)
        return torch.stack([pooled, trust.logsumexp(1)], 1)
