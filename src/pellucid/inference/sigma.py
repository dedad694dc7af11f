"""How much noise is in a picture, as a small network sees it."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.images.picture import to_float
from pellucid.images.sigma import wavelet_sigma
from pellucid.inference import index
from pellucid.inference.pixels import check_pixels, is_grey
from pellucid.inference.session import RunOptions, Session

CLEAN = 1 / 255
"""With less white noise than this, a picture has none: the eye sees none, and the estimate means little."""

FAINT = {1: 0.2 / 255, 3: 0.5 / 255}
"""Grey and colour photographs from which less would be taken are left alone; benchmarks/auto.py chose it."""

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
    LimitError
        When the estimator's file is missing or has changed.
    """
    colour = check_pixels(pixels)[..., :3]
    return noise_level(colour[..., :1] if is_grey(colour) else colour)


def noise_level(colour: NDArray[Any]) -> float:
    """Do what `estimate_sigma` does for an array (h, w, 1 or 3) that is known to be a picture."""
    crops = telling_crops(colour)
    if not len(crops):
        return 0.0
    level, trust = _session(colour.shape[2]).call(noisy=crops).astype(np.float64).T
    weight = np.exp(trust - trust.max())
    learned = (weight * level).sum() / weight.sum()
    # Patterns that no photograph holds can fool the network, but not so far beyond the wavelet estimate,
    # which takes texture for noise and so errs high; clipped noise makes it err low, hence the factor.
    bound = 1.5 * max(wavelet_sigma(crop) for crop in crops.transpose(0, 2, 3, 1))
    return float(np.clip(learned, 0, min(bound, 1)))


def camera_noise_level(colour: NDArray[Any], session: Session) -> float:
    """How much noise a network for photographs would take from a picture.

    The levels that such a network estimates are too high where there is texture; what it takes away is not.

    Parameters
    ----------
    colour : array (h, w, 1 or 3)
    session : Session
        The network.

    Returns
    -------
    float
        The root of the mean square of what it takes from a few crops, 0 to 1.
    """
    crops = telling_crops(colour)[::3]  # some of them: this network is slower than a small estimator
    if not len(crops):
        return 0.0
    noisy = crops.repeat(session.card.channels // colour.shape[2], axis=1).transpose(0, 2, 3, 1)
    told = (1.0, 1.0)[: session.card.channels]
    taken = np.stack([session.run(crop, told) - crop for crop in noisy])  # (n, h, w, c)
    squares = _places(taken**2, session.card.stride).mean(axis=(2, 4, 5))
    squares = squares[_lively(noisy, session.card.stride)]
    return float(np.sqrt(squares.mean())) if squares.size else 0.0


def _lively(crops: NDArray[np.float32], side: int) -> NDArray[np.bool_]:
    """Which places of crops are neither of one colour nor beside such a place: (n, rows, columns).

    Letterboxes and burnt-out skies hold no noise whatever the rest of the picture holds.
    """
    spread: NDArray[np.float32] = np.ptp(_places(crops, side), axis=(2, 4)).max(axis=-1)
    alive = np.pad(spread > 0, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    near = np.lib.stride_tricks.sliding_window_view(alive, (3, 3), axis=(1, 2))
    return np.asarray(near.all(axis=(3, 4)))


def _places(crops: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Crops (n, h, w, c) as places of `side` x `side` pixels: (n, rows, side, columns, side, c)."""
    n, height, width, channels = crops.shape
    return crops.reshape(n, height // side, side, width // side, side, channels)


@functools.cache
def _session(channels: int) -> Session:
    (entry,) = (entry for entry in index.entries("sigma") if entry.channels == channels)
    index.verify(entry)
    return Session(entry.path, RunOptions(threads=1))  # so small that a second thread only costs


def telling_crops(view: NDArray[Any]) -> NDArray[np.float32]:
    """Crops of the picture (h, w, c) on an even grid, float32 (n, c, CROP, CROP).

    Those of one colour, such as margins, say nothing about the noise and are left out.
    """
    small = [(0, max(0, CROP - extent)) for extent in view.shape[:2]]
    if any(after for _, after in small):
        view = np.pad(view, (*small, (0, 0)), mode="reflect")
    rows, columns = (
        np.unique(np.linspace(0, extent - CROP, GRID).round().astype(int)) for extent in view.shape[:2]
    )
    crops = [view[row : row + CROP, column : column + CROP] for row in rows for column in columns]
    planes = to_float(np.stack(crops).transpose(0, 3, 1, 2))  # (n, h, w, c) -> (n, c, h, w)
    telling: NDArray[np.float32] = planes[np.ptp(planes, axis=(1, 2, 3)) > 0]
    return telling
