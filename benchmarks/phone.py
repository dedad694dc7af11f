"""A phone at night, written apart from the simulated camera that trains the networks.

Small sensor, short exposure, no smoothing: Poisson and Gaussian noise on a Bayer mosaic, clipped at black,
white balance, bilinear demosaicing, a colour matrix, sRGB's curve, JPEG. A network has no advantage here from
having learned the other simulation.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.noise.base import NumpyRandom
from pellucid.noise.jpeg import YCBCR
from pellucid.noise.registry import parse_noise

Pixels: TypeAlias = NDArray[np.float32]

GAINS = np.array([2.0, 1.0, 1.7], np.float32)  # white balance: red and blue filters pass less light
MATRIX = np.array([[1.6, -0.45, -0.15], [-0.25, 1.5, -0.25], [0.0, -0.6, 1.6]], np.float32)
READ = 3.0  # electrons
QUALITY = 95
STEPS = 10  # of bisection


def phone(clean: Pixels, seed: int, psnr: float) -> tuple[Pixels, Pixels]:
    """Photograph a clean image in so little light that the result has a given PSNR.

    Parameters
    ----------
    clean : float32 array (h, w, 1 or 3), 0 to 1
        Grey is photographed in colour, and turned into grey before it is stored.
    seed : int
        Of the noise.
    psnr : float
        Of the noisy image to the target, in dB, before the JPEG.

    Returns
    -------
    noisy, target : float32 array (h, w, 1 or 3)
        The target went through the same steps without noise and without JPEG: the mean of many raw shots.
    """
    light = _linear(clean if clean.shape[2] == 3 else clean.repeat(3, 2)) @ np.linalg.inv(MATRIX).T / GAINS
    mosaic = (light.clip(0, None) * _filters(light.shape)).sum(axis=2)

    def developed(mosaic: Pixels) -> Pixels:
        colour = _developed(mosaic)
        return colour if clean.shape[2] == 3 else colour @ YCBCR[0][:, None]

    target = developed(mosaic)
    random = NumpyRandom(seed)
    # The same draws for every exposure: bisection needs a smooth function.
    shot, read = random.normal(mosaic), random.normal(mosaic)
    low, high = 0.0, 6.0  # photons at white: 1 to a million
    for _ in range(STEPS):
        middle = (low + high) / 2
        noisy = developed(_exposed(mosaic, 10**middle, shot, read))
        error = float(np.mean(np.square(noisy - target)))
        low, high = (middle, high) if error > 10 ** (-psnr / 10) else (low, middle)
    return parse_noise(f"jpeg:{QUALITY}").apply(noisy, NumpyRandom(seed)), target


def _exposed(mosaic: Pixels, photons: float, shot: Pixels, read: Pixels) -> Pixels:
    """Signal and noise of a sensor, as a raw file clips them."""
    electrons = mosaic * photons
    noise = electrons**0.5 * shot + READ * read
    return np.asarray(((electrons + noise) / photons).clip(0, 1), np.float32)


def _filters(shape: tuple[int, ...]) -> Pixels:
    """RGGB: 1 where a pixel has the filter of a colour, (h, w, 3)."""
    row, column = np.arange(shape[0])[:, None] % 2, np.arange(shape[1]) % 2
    colour = row + column  # 0 is red, 1 green, 2 blue
    return np.stack([colour == k for k in range(3)], axis=2).astype(np.float32)


def _developed(mosaic: Pixels) -> Pixels:
    """From a mosaic (h, w) to a colour image (h, w, 3)."""
    filters = _filters(mosaic.shape)
    known = mosaic[..., None] * filters
    colours = _sum_around(known) / _sum_around(filters)
    light = np.where(filters > 0, known, colours) * GAINS @ MATRIX.T
    return _curved(light.clip(0, 1))


def _sum_around(planes: Pixels) -> Pixels:
    """Bilinear weights over 3 x 3 pixels: 1 2 1, 2 4 2, 1 2 1."""
    for axis in (0, 1):
        widths = [(1, 1) if k == axis else (0, 0) for k in range(3)]
        padded = np.pad(planes, widths, mode="reflect")
        first, middle, last = (np.take(padded, range(k, k + planes.shape[axis]), axis) for k in range(3))
        planes = first + 2 * middle + last
    return planes


def _linear(pixels: Pixels) -> Pixels:
    """The inverse of sRGB's curve (IEC 61966-2-1)."""
    return np.where(pixels > 0.04045, ((pixels + 0.055) / 1.055) ** 2.4, pixels / 12.92).astype(np.float32)


def _curved(light: NDArray[Any]) -> Pixels:
    curved = 1.055 * light.clip(0.0031308, 1) ** (1 / 2.4) - 0.055
    return np.where(light > 0.0031308, curved, 12.92 * light).astype(np.float32)
