"""The noise that a network removes from an image: given in words, or that of MRI, estimated.

A. Foi: Noise estimation and removal in MR imaging: the variance-stabilization approach. IEEE International
Symposium on Biomedical Imaging (2011).
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.inference.stabilise import Anscombe, Rice, Stabiliser, magnitudes
from pellucid.metrics.sigma import HIGH_PASS, NORMAL_MEDIAN
from pellucid.noise.base import Noise
from pellucid.noise.registry import parse_noise
from pellucid.noise.sensor import Gaussian, Poisson, PoissonGaussian, Rician

BLOCK = 16  # pixels a side, of one mean in the estimate of Rician noise


@dataclass(frozen=True)
class Treatment:
    """The noise that a network removes.

    Parameters
    ----------
    level : float
        Standard deviation, 0 to 1; of signal-dependent noise, a typical one.
    stabiliser : Stabiliser, optional
        For noise that depends on the signal: the network sees the transformed image.
    halvings : int
        For noise that is wider than a pixel: how often the image is halved before.
    """

    level: float
    stabiliser: Stabiliser | None = None
    halvings: int = 0

    def reduced(self, factor: float) -> Self:
        """The treatment of noise of so many times the variance."""
        if factor == 1:
            return self
        noise = self.stabiliser.reduced(factor) if isinstance(self.stabiliser, Anscombe) else self.stabiliser
        return replace(self, level=self.level * factor**0.5, stabiliser=noise)


def stabiliser_of(noise: Noise) -> Stabiliser | None:
    """The stabiliser for a noise whose deviation depends on the pixel; None for any other noise.

    Raises
    ------
    UsageError
        When a parameter is a range, or the noise is none at all.
    """
    if noise.ranges:
        raise UsageError(f"{noise} has a range", "Give one value for each parameter of the noise")
    if isinstance(noise, Poisson):
        gain, read = 1 / noise.photons, noise.read / noise.photons
        return Anscombe((gain,), (read**2 - gain * noise.black,), (noise.black,))
    if isinstance(noise, PoissonGaussian):
        return Anscombe((1 / noise.peak,), (noise.sigma**2,))
    if isinstance(noise, Rician):
        return Rice(noise.sigma)
    return None


def deviation_at(stabiliser: Stabiliser, brightness: float) -> float:
    """The standard deviation of the noise there: one over the slope of the transform."""
    low, high = stabiliser.forward(np.array([[[brightness - 0.005]], [[brightness + 0.005]]], np.float32))
    return float(abs(0.01 / (high - low)[0, 0]))


def treatment_for(noise: str | Noise) -> Treatment:
    """The treatment for a noise whose parameters are given.

    Raises
    ------
    UsageError
        When it cannot be read, or is no noise of a sensor or of MRI.
    """
    noise = parse_noise(noise) if isinstance(noise, str) else noise
    stabiliser = stabiliser_of(noise)
    if stabiliser is not None:
        return Treatment(deviation_at(stabiliser, 0.5), stabiliser)
    if isinstance(noise, Gaussian) and not noise.ranges and noise.mean == 0:
        return Treatment(noise.sigma)
    raise UsageError(
        f"{noise} cannot be given to a network",
        "Give gaussian (without a mean), poisson, poisson-gaussian or rician, with one value each",
    )


INTERPOLATED, DOUBLED = 1.25, 2.2
"""Every second pixel of an interpolated image shows a level higher by more than this, and of one that was
enlarged twofold by more than that; with independent noise and fine structure by up to 1.2."""

SMOOTHED = 0.9
"""Means of 2 x 2 pixels of an image that was enlarged twofold have this part of the level."""


def rician_treatment(image: NDArray[Any]) -> Treatment | None:
    """The treatment of Rician noise whose level is estimated; None where there is none.

    Scanners often enlarge images by filling the borders of k-space with zeros. The noise is then smooth, but
    as strong as before, and every second pixel shows it.

    Parameters
    ----------
    image : array (h, w)
        As for `rice_sigma`.
    """
    level, halvings = rice_sigma(image), 0
    sparse = rice_sigma(image[::2, ::2]) if min(image.shape) >= 4 * BLOCK else level
    if sparse > DOUBLED * level:
        level, halvings = SMOOTHED * sparse, 1
    elif sparse > INTERPOLATED * level:
        level = sparse
    return Treatment(level, Rice(level), halvings) if level > 0 else None


def rice_sigma(image: NDArray[Any]) -> float:
    """Estimate the sigma of Rician noise in a magnitude image.

    The usual estimate of the field, from the median of the finest diagonal wavelet coefficients, with each
    coefficient divided by the deviation that Rician noise of sigma 1 has at the mean of its block.

    Parameters
    ----------
    image : array (h, w)
        Any real numbers, at least 8 x 8. Constant areas, such as a masked background, are left out.

    Returns
    -------
    float
        In the units of the pixels; 0 where the image is constant.

    Raises
    ------
    UsageError
        When the array has another shape.
    """
    if image.ndim != 2 or min(image.shape) < 8:
        raise UsageError(
            f"Expected a magnitude image (h, w) of at least 8 x 8, got an array of shape {image.shape}",
            "Give one channel of one slice",
        )
    side = min(BLOCK, *image.shape)
    rows, columns = (extent // side for extent in image.shape)
    inside = np.asarray(image[: rows * side, : columns * side], np.float64)
    blocks = inside.reshape(rows, side, columns, side).swapaxes(1, 2)
    windows = sliding_window_view(blocks, (4, 4), axis=(2, 3))[:, :, ::2, ::2]  # (rows, columns, y, x, 4, 4)
    filled = np.ptp(windows, axis=(4, 5)) > 0
    if not filled.any():
        return 0.0
    details = np.abs(np.einsum("rcyxij,i,j->rcyx", windows, HIGH_PASS, HIGH_PASS))[filled]
    means = np.broadcast_to(blocks.mean(axis=(2, 3))[..., None, None], filled.shape)[filled]
    _, _, (mean, deviation) = magnitudes()
    # Of blocks with little signal the mean says little: up to 1.35 sigma they count as without.
    bright = mean > 1.6
    mean, deviation = np.append(1.35, mean[bright]), np.append(deviation[0], deviation[bright])
    sigma = float(np.median(details)) / NORMAL_MEDIAN
    for _ in range(15):  # a fixed point; the deviation depends on the ratio of mean and sigma
        sigma = float(np.median(details / np.interp(means / sigma, mean, deviation))) / NORMAL_MEDIAN
    return sigma
