"""Smooth random fields and the filters that a page passes: arrays (height, width, channels), float32."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Page = NDArray[np.float32]


def field_of(rng: np.random.Generator, shape: tuple[int, ...], cell: float) -> Page:
    """A smooth random field (h, w, 1) of variance 1 that changes over `cell` pixels (cubic B-splines)."""
    cell = max(2.0, cell)
    down, across = (_splines(extent, cell, rng.uniform()) for extent in shape[:2])
    knots = rng.standard_normal((down.shape[1], across.shape[1]), np.float32)
    return np.asarray((down @ knots @ across.T)[..., None], np.float32)


def _splines(extent: int, cell: float, start: float) -> NDArray[np.float32]:
    """The weights of the knots at each pixel (extent, knots), of which the squares' sum is 1 on average."""
    at = np.arange(extent, dtype=np.float32)[:, None] / cell + start
    distance = abs(at - np.arange(math.ceil(extent / cell) + 4) + 1)
    near = 2 / 3 - distance**2 + distance**3 / 2
    weights = np.where(distance < 1, near, np.where(distance < 2, (2 - distance).clip(0, 2) ** 3 / 6, 0))
    return np.asarray(weights / 0.692, np.float32)  # sqrt(151 / 315): the integral of the spline's square


def unit(x: Page) -> Page:
    """A field of variance 1, moved to 0 to 1 by a logistic curve."""
    return np.asarray(1 / (1 + np.exp(-1.7 * x)), np.float32)


def normal_quantile(share: float) -> float:
    """Below this lies the share of a standard normal (Hastings 1955, 26.2.23 of Abramowitz and Stegun)."""
    tail = min(max(1 - share, 1e-6), 0.5)
    t = math.sqrt(-2 * math.log(tail))
    return t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (
        1 + 1.432788 * t + 0.189269 * t**2 + 0.001308 * t**3
    )


def along(x: NDArray[np.float32], length: int, axis: int) -> NDArray[np.float32]:
    """The mean over so many neighbours along one axis of (h, w), which wraps round."""
    total = np.cumsum(np.concatenate([x, x.take(range(length), axis)], axis), axis, dtype=np.float64)
    ends = total.take(range(length, total.shape[axis]), axis) - total.take(
        range(total.shape[axis] - length), axis
    )
    return np.asarray(ends / length, np.float32)


def blur(x: Any, sigma: float) -> Page:
    """Convolve (h, w, c) with a Gaussian of this standard deviation in pixels; edges go on as they end."""
    if sigma < 0.1:
        return np.asarray(x, np.float32)
    reach = max(1, math.ceil(2.5 * sigma))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    for axis in (0, 1):
        pad = [(reach, reach) if each == axis else (0, 0) for each in range(3)]
        wide = np.pad(x, pad, mode="edge")
        parts = (
            np.float32(tap) * (wide[at : at + x.shape[0]] if axis == 0 else wide[:, at : at + x.shape[1]])
            for at, tap in enumerate(taps)
        )
        x = sum(parts)
    return np.asarray(x, np.float32)
