"""From two images to MSE, PSNR and SSIM, and from many of these to a mean and its interval."""

import math

import numpy as np
from numpy.typing import NDArray

from pellucid.evaluation.results import Figure
from pellucid.inference.batches import Batch
from pellucid.metrics.quality import SMALLEST_SSIM, ssim

HIGHEST_PSNR = 100.0  # dB, for images that hardly differ, so that means stay finite
RESAMPLES, MOST_RESAMPLED = 1000, 2000


def compare(denoised: Batch, clean: Batch, *, with_ssim: bool = True) -> tuple[float, float, float]:
    """MSE, PSNR in dB and SSIM of one image.

    Parameters
    ----------
    denoised, clean : float32 array (height, width, channels), 0 to 1
        Not clipped.
    with_ssim : bool
        Otherwise it is NaN.

    Returns
    -------
    mse : float
    psnr : float
        10 log10(1 / MSE), at most 100.
    ssim : float
        NaN for images of less than 11 pixels a side.
    """
    possible = with_ssim and min(clean.shape[:2]) >= SMALLEST_SSIM
    likeness = ssim(denoised, clean, data_range=1.0) if possible else math.nan
    return *squared_error(denoised, clean), likeness


def squared_error(denoised: Batch, clean: Batch) -> tuple[float, float]:
    """MSE and PSNR alone, as `compare` gives them: SSIM takes most of its time."""
    error = float(np.mean(np.square(denoised - clean, dtype=np.float64)))
    return error, min(HIGHEST_PSNR, -10 * math.log10(max(error, 1e-30)))


def summarize(values: NDArray[np.float64]) -> list[Figure]:
    """The mean of each column, and its 95 % percentile interval by the bootstrap (Efron 1979).

    Of more than 2,000 images the interval is the normal one, which the bootstrap approaches.

    Parameters
    ----------
    values : float64 array (images, columns)

    Returns
    -------
    list of Figure
        NaN for a column with NaN.
    """
    rng, count = np.random.default_rng(0), len(values)
    if count > MOST_RESAMPLED:
        means, errors = values.mean(axis=0), 1.96 * values.std(axis=0, ddof=1) / math.sqrt(count)
        return [Figure(*map(float, each)) for each in zip(means, means - errors, means + errors, strict=True)]
    means = np.stack([values[rng.integers(count, size=count)].mean(axis=0) for _ in range(RESAMPLES)])
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return [
        Figure(*map(float, (mean, *ends))) for mean, *ends in zip(values.mean(axis=0), low, high, strict=True)
    ]
