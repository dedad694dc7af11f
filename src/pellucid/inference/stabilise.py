"""Variance stabilisation: signal-dependent noise becomes noise of standard deviation 1, and back.

A network for white Gaussian noise can then remove it. Each stabiliser has a forward transform, which is a
formula, and its exact unbiased inverse: given the mean of the transform of noisy pixels, it returns the mean
of the pixels themselves. The means have no formula; they are integrated numerically once and tabulated.

References
----------
M. Makitalo, A. Foi: Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian noise.
IEEE Transactions on Image Processing 22 (2013). A. Foi: Noise estimation and removal in MR imaging: the
variance-stabilization approach. IEEE International Symposium on Biomedical Imaging (2011).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UsageError

Array = NDArray[np.float64]

HIGHEST_SIGMA = 75 / 255
"""Networks for white noise are trained up to this level. They have no biases, so that a smaller scale of an
image changes nothing but its scale."""

SHIFT = 0.3  # photons; Anscombe's 3/8 leaves a variance of 0.92 at 2 photons, this one stays in 0.97 to 1.03
MANY = 64  # photons from which their distribution is as good as normal
NOISY = 5.0  # photons of read noise that hide that photons are counted

STEEPER, KNEE = 0.9, 1.25  # of the Rician transform: variance in 0.9 to 1.06 where signal exceeds sigma


RADIUS = 12  # pixels from the middle to the side of the window in which a mean is kept
REACH = 2 * RADIUS
"""As far as a pixel changes what `keep_means` gives."""


class Stabiliser(Protocol):
    """A transform of pixels to noise of standard deviation 1, and its exact unbiased inverse."""

    def forward(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Transform noisy pixels (h, w, c), 0 to 1, so that their noise has standard deviation 1."""

    def inverse(self, stabilised: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the clean pixels (h, w, c) whose noisy versions have transforms with these means."""


@dataclass(frozen=True)
class Anscombe:
    """The generalised Anscombe transform, for photon noise and read noise.

    Parameters
    ----------
    gain, offset : tuple of float
        For each channel, or one for all: the variance of the noise is ``gain * pixel + offset``, with pixels
        from 0 to 1.
    black : tuple of float
        Likewise the pixel value of no light, which read noise surrounds. Where it is not known, 0 stands for
        the lowest that leaves the variance positive: with a negative offset ``-offset / gain``.

    Raises
    ------
    UsageError
        When a number is not finite, a gain is negative, or a channel has no noise.
    """

    gain: tuple[float, ...]
    offset: tuple[float, ...]
    black: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        if not all(
            np.isfinite([gain, offset]).all() and gain >= 0 and (gain > 0 or offset > 0)
            for gain, offset in zip(self.gain, self.offset, strict=True)
        ):
            raise UsageError(
                f"A noise variance of gain * pixel + offset cannot have {self.gain=} and {self.offset=}",
                "Give finite numbers, a gain from 0, and above 0 where the offset is not",
            )

    def forward(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Transform noisy pixels (h, w, c), 0 to 1, so that their noise has standard deviation 1.

        In photons u above the black level, with read noise s: ``2 sqrt(u + c) - 2 sqrt(c)``, c = s^2 + 0.3,
        and below the black level its tangent, so that negative values keep their information.
        """
        gain, black, read = self._terms.astype(np.float32)
        floor = SHIFT * gain**2 + read**2
        light = pixels - black
        stable: NDArray[np.float32] = 2 * light / (np.sqrt(gain * light.clip(0) + floor) + np.sqrt(floor))
        return stable

    def inverse(self, stabilised: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the clean pixels (h, w, c) whose noisy versions have transforms with these means."""
        gain, black, read = self._terms.astype(np.float32)
        light: NDArray[np.float32] = stabilised * np.sqrt(SHIFT * gain**2 + read**2)
        light += gain * stabilised.clip(0) ** 2 / 4
        channels = np.broadcast_to(self._terms.T, (stabilised.shape[-1], 3))
        for channel, (one, _, noise) in enumerate(channels):
            photons = float(noise / max(one, 1e-12))
            light[..., channel] += one * np.interp(stabilised[..., channel], *_bias(photons))
        light += black
        return light

    def reduced(self, factor: float) -> Self:
        """The transform for noise of so many times the variance."""
        return replace(
            self,
            gain=tuple(factor * each for each in self.gain),
            offset=tuple(factor * each for each in self.offset),
        )

    def photons(self, pixels: NDArray[np.float32]) -> float:
        """How many photons a pixel have noise like this, on average of pixels (..., c) or (..., 1)."""
        gain, offset = np.asarray(self.gain), np.asarray(self.offset)
        light = pixels.mean(axis=tuple(range(pixels.ndim - 1)), dtype=np.float64)
        return float(np.mean(np.maximum(gain * light + offset, 0) / np.maximum(gain, 1e-12) ** 2))

    @property
    def _terms(self) -> Array:
        """Gain, black level and deviation of the read noise: (3, channels), or (3, 1) for all channels."""
        gain, offset, black = np.broadcast_arrays(self.gain, self.offset, self.black)
        black = np.maximum(black, -offset / np.maximum(gain, 1e-12))
        return np.stack([gain, black, np.sqrt(np.maximum(offset + gain * black, 0))])


@functools.lru_cache(maxsize=64)
def _bias(read: float) -> tuple[Array, Array]:
    """What the plain inverse of the transform of a mean lacks, in photons.

    Parameters
    ----------
    read : float
        Standard deviation of the read noise, photons.

    Returns
    -------
    array (n,), array (n,)
        Means of the transform, rising, and the photons to add there.
    """
    floor = SHIFT + read**2

    def root(light: Array) -> Array:
        return np.asarray(2 * light / (np.sqrt(light.clip(0) + floor) + np.sqrt(floor)))

    nodes, weights = _normal_nodes()
    spread = max(read, 1.0)
    light = np.concatenate(
        [np.linspace(-4, 0, 41)[:-1] * read, np.linspace(0, 1, 101)[1:] ** 2 * 100 * spread]
    )
    means = root(light[:, None] + np.sqrt(light.clip(0) + read**2)[:, None] * nodes) @ weights
    if read < NOISY:
        few = (light > 0) & (light < MANY)
        counts = np.arange(3 * MANY)
        logs = counts * np.log(light[few, None]) - light[few, None] - np.cumsum(np.log(counts.clip(1)))
        means[few] = np.exp(logs) @ (root(counts[:, None] + read * nodes) @ weights)
    return means, light - (means * np.sqrt(floor) + means.clip(0) ** 2 / 4)


@dataclass(frozen=True)
class Rice:
    """The transform for magnitude images of MRI, whose two parts have Gaussian noise.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise in each part, in units of the pixels.

    Raises
    ------
    UsageError
        When sigma is not a positive number.
    """

    sigma: float

    def __post_init__(self) -> None:
        if not 0 < self.sigma < np.inf:
            raise UsageError(f"The sigma of Rician noise is {self.sigma}", "Give a number above 0")

    def forward(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Transform noisy pixels (h, w, c) so that their noise has standard deviation 1.

        The transform falls: black becomes bright. Networks trained on photographs leave less of the noise of
        a large background there (docs/decisions/stabilisation.md).
        """
        return -_steepen(pixels / np.float32(self.sigma))

    def inverse(self, stabilised: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the clean pixels (h, w, c) whose noisy versions have transforms with these means.

        What is no brighter than the mean of noise alone becomes 0.
        """
        means, signal, _ = magnitudes()
        clean = (np.interp(-stabilised, means, signal - means) - stabilised).clip(0) * self.sigma
        return clean.astype(np.float32)


def _steepen(ratio: NDArray[Any]) -> NDArray[Any]:
    """Magnitude over sigma, with more weight where the signal is weak and the spread below sigma."""
    return ratio + STEEPER * np.tanh(ratio / KNEE)


@functools.cache
def magnitudes() -> tuple[Array, Array, Array]:
    """Means of transformed magnitudes (n,), signals (n,), means and deviations of plain magnitudes (2, n).

    Everything is in units of sigma.
    """
    nodes, weights = _normal_nodes()
    signal = np.linspace(0, 1, 201) ** 2 * 40
    magnitude = np.hypot(signal[:, None, None] + nodes, nodes[:, None])  # (signals, nodes, nodes)

    def mean(values: Array) -> Array:
        return np.asarray(values @ weights @ weights)

    first = mean(magnitude)
    return mean(_steepen(magnitude)), signal, np.stack([first, np.sqrt(mean(magnitude**2) - first**2)])


@functools.cache
def _normal_nodes() -> tuple[Array, Array]:
    """Nodes and weights of the mean of a function of a standard normal number (Gauss and Hermite)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    return nodes, weights / weights.sum()


@dataclass(frozen=True)
class Scale:
    """A stabiliser, and the range of the transformed image, which a network sees as 0 to 1."""

    stabiliser: Stabiliser
    low: float
    sigma: float  # of the noise on that scale

    @classmethod
    def of(cls, stabiliser: Stabiliser, ends: NDArray[np.float32]) -> Self:
        """Find the range from the smallest and the largest pixels (2, c): transforms are monotone."""
        stable = stabiliser.forward(ends[None])
        low, high = float(stable.min()), float(stable.max())
        return cls(stabiliser, low, min(1 / max(high - low, 1e-6), HIGHEST_SIGMA))

    def forward(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pixels (h, w, c) to what the network sees."""
        return (self.stabiliser.forward(pixels) - np.float32(self.low)) * np.float32(self.sigma)

    def inverse(self, denoised: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the network gives to pixels (h, w, c)."""
        return self.stabiliser.inverse(denoised / np.float32(self.sigma) + np.float32(self.low))


def keep_means(
    noisy: NDArray[np.float32], clean: NDArray[np.float32], radius: int = RADIUS
) -> NDArray[np.float32]:
    """Give back the coarse part of what was removed, so that the mean of each neighbourhood stays.

    An unbiased inverse relies on the noise being as it was modelled. Where photons are few, or the gain is
    not quite right, the mean shifts; noise itself has hardly any part this coarse.

    Parameters
    ----------
    noisy, clean : float32 array (h, w, c)
    radius : int
        The window, a box used twice, has ``2 * radius + 1`` pixels a side.

    Returns
    -------
    float32 array (h, w, c)
    """
    removed = (noisy - clean).astype(np.float64)
    width = 2 * radius + 1
    for axis in (0, 1, 0, 1):
        edges = [(radius + 1, radius) if each == axis else (0, 0) for each in range(3)]
        sums = np.pad(removed, edges, mode="symmetric").cumsum(axis)
        ahead, behind = (np.moveaxis(sums, axis, 0)[part] for part in (slice(width, None), slice(-width)))
        removed = np.moveaxis((ahead - behind) / width, 0, axis)
    kept: NDArray[np.float32] = clean + removed.astype(np.float32)
    return kept


def keeping_means(
    noisy: NDArray[np.float32], denoise: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Denoise pixels (h, w, c), and give back the coarse part of what was removed."""
    return keep_means(noisy, denoise(noisy))
