"""Images at other sizes."""

import functools
import math
import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.noise.arrays import Pixels, asarray_like, take


def resample(planes: Pixels, size: Sequence[int], *, first: float, step: float) -> Pixels:
    """Values at first, first + step, ... of both axes, with Keys's cubic (1981), widened where it shrinks.

    Beyond its edges the image goes on as its mirror image.

    Parameters
    ----------
    planes : NumPy or torch array (n, channels, height, width)
    size : (int, int)
        Height and width of the result.
    first, step : float
        Position of the first value, in pixels of the given planes, and the distance between two.

    Returns
    -------
    array (n, channels, *size), of the same kind
    """
    width = max(step, 1.0)
    for axis, count in enumerate(size, -2):
        length = planes.shape[axis]
        positions = first + step * np.arange(count)[:, None]  # (count, 1)
        nearest = np.floor(positions) + np.arange(-math.ceil(2 * width) + 1, math.ceil(2 * width) + 1)
        weights = _cubic(np.abs(nearest - positions) / width)  # (count, taps)
        weights /= weights.sum(axis=1, keepdims=True)
        index = nearest.astype(np.int64) % (2 * length)
        index = np.minimum(index, 2 * length - 1 - index)
        used = np.flatnonzero(weights.any(axis=0))  # one tap only where nothing is resized
        weights = weights if axis == -1 else weights[:, None]  # one for each row, or for each column
        rows = (asarray_like(planes, weights[..., tap]) * take(planes, index[:, tap], axis) for tap in used)
        planes = functools.reduce(operator.add, rows)
    return planes


def _cubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0))
