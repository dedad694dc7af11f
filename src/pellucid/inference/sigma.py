"""How much noise is in a picture, as a small network sees it."""

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.images.picture import to_float
from pellucid.images.sigma import wavelet_sigma
from pellucid.inference import index
from pellucid.inference.pixels import check_pixels, is_grey
from pellucid.inference.session import Session

CLEAN = 1 / 255
"""A picture with less noise than this is left alone: the eye sees none, and the estimate means little."""

CROP = 96  # pixels a side of a crop that the network sees
GRID = 5  # crops across and down the picture


def estimate_sigma(pixels: NDArray[Any]) -> float:
    """Estimate the standard deviation of white Gaussian noise in a picture.

    Parameters
    ----------
    pixels : array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4)
        uint8, uint16, float32 or float64; integers are scaled so that their largest value is 1. A fourth
        channel is alpha and does not matter.

    Returns
    -------
    float
        The noise level, 0 to 1. It errs high rather than low: a denoiser that is told too little leaves
        noise, one that is told a little too much loses little.

    Raises
    ------
    UsageError
        When shape or dtype make no sense.
    InputError
        When the array holds NaN or infinity.
    """
    colour = check_pixels(pixels)[..., :3]
    return noise_level(colour[..., :1] if is_grey(colour) else colour).total


class Levels(NamedTuple):
    """How much noise of each kind is in a picture: standard deviations, 0 to 1."""

    white: float  # the same at all places and in all frequencies
    camera: float  # what a camera's sensor, processing and JPEG left

    @property
    def total(self) -> float:
        """Both together."""
        return math.hypot(self.white, self.camera)


def noise_level(colour: NDArray[Any]) -> Levels:
    """Do what `estimate_sigma` does for an array (h, w, 1 or 3) that is known to be a picture."""
    crops = _crops(colour)
    crops = crops[np.ptp(crops, axis=(1, 2, 3)) > 0]  # margins and letterboxes say nothing
    if not len(crops):
        return Levels(0.0, 0.0)
    *levels, trust = _session(colour.shape[2]).call(noisy=crops).astype(np.float64).T
    weight = np.exp(trust - trust.max())
    white, camera = (max(0.0, float((weight * each).sum() / weight.sum())) for each in levels)
    # Patterns that no photograph holds can fool the network, but not so far beyond the wavelet estimate,
    # which takes texture for noise and so errs high; clipped noise makes it err low, hence the factor.
    bound = 1.5 * max(wavelet_sigma(crop) for crop in crops.transpose(0, 2, 3, 1))
    return Levels(min(white, bound, 1.0), min(camera, 1.0))


@functools.cache
def _session(channels: int) -> Session:
    (entry,) = (entry for entry in index.entries("sigma") if entry.channels == channels)
    index.verify(entry)
    return Session(entry.path, threads=1)  # so small that a second thread only costs


def _crops(view: NDArray[Any]) -> NDArray[np.float32]:
    """Crops of the picture (h, w, c) on an even grid, float32 (n, c, CROP, CROP)."""
    small = [(0, max(0, CROP - extent)) for extent in view.shape[:2]]
    if any(after for _, after in small):
        view = np.pad(view, (*small, (0, 0)), mode="reflect")
    rows, columns = (
        np.unique(np.linspace(0, extent - CROP, GRID).round().astype(int)) for extent in view.shape[:2]
    )
    crops = [view[row : row + CROP, column : column + CROP] for row in rows for column in columns]
    return to_float(np.stack(crops).transpose(0, 3, 1, 2))  # (n, h, w, c) -> (n, c, h, w)
