"""How far apart two images are: MSE, PSNR and SSIM.

Images are arrays (height, width) or (height, width, channels) of one shape and any real dtype. The
difference is taken in float64, so integers do not wrap around, and piece by piece, so that a large image
costs hardly any memory.
"""

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UsageError

Array: TypeAlias = NDArray[Any]

SIGMA, RADIUS, TILE = 1.5, 5, 32  # of SSIM: the Gaussian's width, its reach, and the side of a piece
SMALLEST_SSIM = 2 * RADIUS + 1  # pixels a side


def mse(a: Array, b: Array) -> float:
    """Mean squared error.

    Parameters
    ----------
    a, b : array (height, width) or (height, width, channels)
        Two images of one shape, in the same units.

    Returns
    -------
    float
        In those units, squared.

    Raises
    ------
    UsageError
        When the shapes differ or are not those of an image.
    """
    _check(a, b)
    # Row by row: a whole image in float64 would need eight bytes a value, three times.
    squares = [np.mean(np.subtract(x, y, dtype=np.float64) ** 2) for x, y in zip(a, b, strict=True)]
    return float(np.mean(squares))


def psnr(a: Array, b: Array, *, data_range: float) -> float:
    """Peak signal-to-noise ratio: 10 log10(data_range^2 / MSE).

    Parameters
    ----------
    a, b : array (height, width) or (height, width, channels)
        Two images of one shape, in the same units.
    data_range : float
        From black to white: 1 for pixels from 0 to 1, 255 for 8 bit.

    Returns
    -------
    float
        In decibels; infinite for equal images.

    Raises
    ------
    UsageError
        When the shapes differ or are not those of an image, or the data range is not positive.
    """
    _check(a, b, data_range)
    error = mse(a, b)
    return math.inf if error == 0 else 20 * math.log10(data_range) - 10 * math.log10(error)


def ssim(a: Array, b: Array, *, data_range: float) -> float:
    """Mean structural similarity, with Gaussian weights of 11 x 11 pixels (sigma 1.5).

    Parameters
    ----------
    a, b : array (height, width) or (height, width, channels)
        Two images of one shape, in the same units, at least 11 pixels a side.
    data_range : float
        From black to white: 1 for pixels from 0 to 1, 255 for 8 bit.

    Returns
    -------
    float
        At most 1, for equal images; the mean over all channels and all pixels but the outer 5, whose
        window does not fit into the image.

    Raises
    ------
    UsageError
        When the shapes differ or are not those of an image, a side is under 11 pixels, or the data range
        is not positive.

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli: Image quality assessment: from error visibility to
    structural similarity. IEEE Transactions on Image Processing 13 (2004), equation 13.
    """
    _check(a, b, data_range)
    height, width, border = *a.shape[:2], 2 * RADIUS
    if min(height, width) <= border:
        raise UsageError(
            f"SSIM looks at {border + 1} x {border + 1} pixels and the image has {height} x {width}",
            f"Compare images of at least {border + 1} pixels a side, or use PSNR",
        )
    total = 0.0
    for top in range(0, height - border, TILE):
        for left in range(0, width - border, TILE):
            tile = np.s_[top : top + TILE + border, left : left + TILE + border]
            total += float(_similarity(a[tile], b[tile], data_range).sum())
    count: int = (height - border) * (width - border) * math.prod(a.shape[2:])
    return total / count


def _similarity(a: Array, b: Array, data_range: float) -> NDArray[np.float64]:
    """SSIM of each pixel whose window fits: (height, width, ...) -> (..., height - 10, width - 10)."""
    x, y = np.moveaxis(np.stack([a, b]).astype(np.float64), (1, 2), (-2, -1))
    mean_x, mean_y, xx, yy, xy = _smooth(np.stack([x, y, x * x, y * y, x * y]))
    means, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    similarity: NDArray[np.float64] = (2 * means + c1) * (2 * (xy - means) + c2)
    similarity /= (squares + c1) * (xx + yy - squares + c2)
    return similarity


def _weights() -> NDArray[np.float64]:
    """The band matrix (32, 42) whose row i is the Gaussian around column i + 5."""
    distance = np.arange(TILE + 2 * RADIUS) - np.arange(TILE)[:, None] - RADIUS
    weights: NDArray[np.float64] = np.exp(-0.5 * (distance / SIGMA) ** 2) * (abs(distance) <= RADIUS)
    weights /= weights[0].sum()  # every row has the same sum
    return weights


WEIGHTS = _weights()


def _smooth(tiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian means by two matrix products, several times quicker than eleven shifted sums."""
    height, width = tiles.shape[-2:]
    down, across = WEIGHTS[: height - 2 * RADIUS, :height], WEIGHTS[: width - 2 * RADIUS, :width]
    smooth: NDArray[np.float64] = down @ tiles @ across.T
    return smooth


def _check(a: Array, b: Array, data_range: float = 1.0) -> None:
    if a.shape != b.shape:
        raise UsageError(f"One image has the shape {a.shape}, the other {b.shape}", "Give both one shape")
    if a.ndim not in (2, 3) or a.size == 0:
        raise UsageError(
            f"An array of shape {a.shape} is no image",
            "Give (height, width) or (height, width, channels)",
        )
    if not 0 < data_range < math.inf:
        raise UsageError(
            f"The data range is {data_range}", "Give white minus black: 1 for floats, 255 for 8 bit"
        )
