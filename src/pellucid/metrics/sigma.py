"""The noise level of an image, from its finest wavelet coefficients.

This is the usual estimate of the field and the reference for a learned one. It takes fine texture for
noise, and noise that was clipped at black or white for less than it was.
"""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

# Daubechies' high-pass filter with two vanishing moments (db2): smooth shading gives nothing.
HIGH_PASS = np.array([1 + 3**0.5, -3 - 3**0.5, 3 - 3**0.5, -1 + 3**0.5], np.float32) / 32**0.5
NORMAL_MEDIAN = 0.6744897501960817  # of |n| when n is standard normal


def wavelet_sigma(pixels: NDArray[Any]) -> float:
    """Estimate the standard deviation of white Gaussian noise.

    Parameters
    ----------
    pixels : float array (height, width) or (height, width, channels)
        Any units and any size.

    Returns
    -------
    float
        The median of the finest diagonal coefficients' absolute values, over 0.6745, in the units of the
        pixels; the mean over the channels.

    References
    ----------
    D. L. Donoho, I. M. Johnstone: Ideal spatial adaptation by wavelet shrinkage. Biometrika 81 (1994),
    section 4.2.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (256, 256))
    >>> round(wavelet_sigma(0.5 + noise), 2)
    0.1
    """
    channels = np.moveaxis(np.atleast_3d(pixels), 2, 0)
    medians = [np.median(abs(_details(_details(channel).T))) for channel in channels]
    return float(np.mean(medians)) / NORMAL_MEDIAN


def _details(image: NDArray[Any]) -> NDArray[Any]:
    """High-pass each column and keep every second value: (height, width) -> (about height / 2, width)."""
    mirrored = np.pad(image, ((2, 2 + len(image) % 2), (0, 0)), mode="symmetric")
    details: NDArray[Any] = sliding_window_view(mirrored, 4, axis=0)[::2] @ HIGH_PASS
    return details
