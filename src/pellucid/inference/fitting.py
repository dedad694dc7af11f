"""From the levels of blocks to the noise of a sensor, ``variance = gain * brightness + offset``.

References
----------
A. Foi and others: Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data. IEEE
Transactions on Image Processing 17 (2008).
"""

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.inference.survey import BLOCK, Blocks
from pellucid.noise.jpeg import YCBCR

Array = NDArray[np.float32]

EPSILON = 0.5 / 255  # as in training: levels far below this are equal
BINS = 24

ALIKE = 1.15
"""Channels whose levels are within this factor of those of all together have one line."""

SLACK, CLEAR = 0.025, {1: 0.04, 3: 0.06}
"""By the first, as a logarithm of variances, a line with a negative offset fits better than one without; by
the second, for grey and for colour images, it does so clearly: few files in colour have a pedestal."""

HALVES = 0.4, 0.6
"""These shares of white are counted: paper and skies are as bright as white, highlights have texture."""

CUT_SIDE, CUT_SHARES = 8, (0.15, 0.9)
"""Pixels a side of the blocks from which the noise below black is found, and their shares of black."""

UNEVEN, UNCUT = 2.5, 2.5
"""In a block without structure, the variance of the means of its quarters is less than so many times what
noise explains; and noise is not cut off where the light is stronger than so many times its level."""

PATCH, PATCHES = 4, 32  # blocks a side of a patch, and how many patches show the correlation


def mean_level(levels: Array, weight: Array) -> float:
    """The weighted geometric mean of levels (n,)."""
    return float(np.exp((np.log(levels + EPSILON) * weight).sum() / weight.sum()) - EPSILON)


def weighted_range(values: Array, weight: Array) -> tuple[float, float]:
    """The weighted quantiles 0.05 and 0.95."""
    order = np.argsort(values)
    share = np.cumsum(weight[order])
    low, high = values[order][np.searchsorted(share, np.array([0.05, 0.95]) * share[-1])]
    return float(low), float(high)


def fit_channels(
    brightness: Array, levels: Array, weight: Array, slack: float = SLACK
) -> list[tuple[float, float]]:
    """Gain and offset of each channel, for blocks (c, n): of all channels together where these are alike.

    The channels of an image cover different ranges of brightness, so that one line is surer than three.
    """
    channels = len(levels)
    lines = [fit(bright, each, weight, slack) for bright, each in zip(brightness, levels, strict=True)]
    if channels == 1:
        return lines
    gain, offset = fit(brightness.ravel(), levels.ravel(), np.tile(weight, channels), slack)
    for bright, each in zip(brightness, levels, strict=True):
        shift = np.log(each + EPSILON) - 0.5 * np.log(np.maximum(gain * bright + offset, EPSILON**2))
        if abs(float((shift * weight).sum() / weight.sum())) > np.log(ALIKE):
            return lines
    return [(gain, offset)] * channels


def fit(brightness: Array, levels: Array, weight: Array, slack: float = SLACK) -> tuple[float, float]:
    """Gain and offset of ``variance = gain * brightness + offset``, both for blocks (n,).

    Least squares of relative errors over bins of brightness, reweighted by the variance that was found; the
    gain is at least 0. A negative offset, as after a pedestal, must fit clearly better than none: texture,
    which is brighter where there is more light, looks like one.
    """
    bright, variance, share = binned(brightness, levels, weight)
    line = variance
    gain, offset = 0.0, 0.0
    for _ in range(6):
        certain = share / np.maximum(line, 1e-10) ** 2
        centre = (certain * bright).sum() / certain.sum()
        mean = (certain * variance).sum() / certain.sum()
        spread = (certain * (bright - centre) ** 2).sum()
        slope = (certain * (bright - centre) * (variance - mean)).sum() / spread if spread > 0 else 0.0
        gain = max(0.0, float(slope))
        offset = float(mean - gain * centre)
        line = np.maximum(gain * bright + offset, 1e-3 * variance.mean())
    if offset >= 0:
        return gain, offset
    plain = float((certain * bright * variance).sum() / (certain * bright**2).sum())

    def error(line: NDArray[Any]) -> float:
        return float(np.sqrt((share * np.log(np.maximum(line, 1e-3 * variance) / variance) ** 2).sum()))

    free = error(gain * bright + offset)
    return (plain, 0.0) if error(plain * bright) < free + slack else (gain, offset)


def fit_cut_off(
    tiles: Array, keep: NDArray[np.bool_], blocks: Blocks, *, at_white: bool = False
) -> tuple[float, float] | None:
    """Gain and offset where black, or white, cuts off much of the noise of tiles (n, c, h, w), before it did.

    In a block of 8 x 8 pixels, the mean of the samples and that of their squares tell the mean and the
    deviation that a normal distribution had before everything below black was set to black. Blocks of
    4 x 4 pixels count where `keep` (n, h / 4, w / 4) says. None where few have a share that tells something.
    How the noise grows with the light is seen in the measured blocks that neither black nor white cuts off.
    """
    n, c, height, width = tiles.shape
    rows, columns = height // CUT_SIDE, width // CUT_SIDE
    parts = (1 - tiles if at_white else tiles)[..., : rows * CUT_SIDE, : columns * CUT_SIDE]
    parts = parts.reshape(n * c * rows, CUT_SIDE, columns, CUT_SIDE)
    share, mean, power = ((each.mean(axis=(1, 3)).ravel()) for each in (parts <= 0, parts, parts**2))
    quarters = parts.reshape(-1, 2, CUT_SIDE // 2, columns, 2, CUT_SIDE // 2).mean(axis=(2, 5))
    spread = quarters.var(axis=(1, 3)).ravel()
    image = keep[:, : 2 * rows, : 2 * columns].reshape(n, rows, 2, columns, 2).all(axis=(2, 4))
    low, high = HALVES if at_white else CUT_SHARES
    tells = (share > low) & (share < high) & (parts < 1).all(axis=(1, 3)).ravel()
    tells &= np.repeat(np.asarray(image)[:, None], c, axis=1).ravel()
    tells &= spread < UNEVEN * (power - mean**2) / (CUT_SIDE // 2) ** 2
    if tells.sum() < BINS:
        return None
    ratio = np.linspace(-3, 3, 601)  # of mean and deviation, before
    normal = NormalDist()
    above, density = (np.array([each(x) for x in ratio]) for each in (normal.cdf, normal.pdf))
    left = ratio * above + density
    square = ((ratio**2 + 1) * above + ratio * density) / left**2  # falls
    at = np.interp(-power[tells] / mean[tells] ** 2, -square, ratio)
    deviation = mean[tells] / np.interp(at, ratio, left)
    light = 1 - at * deviation if at_white else at * deviation
    uncut = np.minimum(blocks.brightness, 1 - blocks.brightness) > UNCUT * float(np.median(deviation))
    weight = np.broadcast_to(blocks.weight**2, uncut.shape)[uncut]
    brightness = np.append(light, blocks.brightness[uncut])
    levels = np.append(deviation, blocks.levels[uncut])
    weight = np.append(np.full_like(deviation, weight.mean() if len(weight) else 1), weight)
    return fit(brightness.astype(np.float32), levels.astype(np.float32), weight.astype(np.float32))


def binned(
    brightness: Array, levels: Array, weight: Array
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Brightness, variance and share of bins of equal weight."""
    order = np.argsort(brightness)
    weight = weight[order].astype(np.float64)
    share = np.cumsum(weight)
    begins = np.unique(np.searchsorted(share, np.linspace(0, share[-1], BINS, endpoint=False)))
    begins = begins[begins < len(order)]
    total = np.add.reduceat(weight, begins)
    bright = np.add.reduceat(brightness[order] * weight, begins) / total
    logs = np.add.reduceat(np.log(levels[order] + 1e-4) * weight, begins) / total
    return bright, np.exp(2 * logs), total / total.sum()


def curve(brightness: Array, levels: Array, weight: Array) -> tuple[tuple[float, float], ...]:
    """Brightness and level of bins of equal weight, darkest first."""
    bright, variance, _ = binned(brightness, levels, weight)
    return tuple(zip(bright.tolist(), np.sqrt(variance).tolist(), strict=True))


def residuals(tiles: Array, weight: Array) -> tuple[float, float, float, float]:
    """How the noise correlates, in the patches of 16 x 16 pixels where it can be seen best.

    Parameters
    ----------
    tiles : float32 array (n, c, rows, columns)
    weight : float32 array (n, rows / 4, columns / 4)
        Of the blocks; 0 for those that do not count.

    Returns
    -------
    neighbours, channels : float
        Correlation of the noise of adjacent pixels, and of the channels; NaN where there is none.
    luma, chroma : float
        Standard deviations.
    """
    n, c, height, width = tiles.shape
    rows, columns = height // (BLOCK * PATCH), width // (BLOCK * PATCH)
    weight = weight[:, : rows * PATCH, : columns * PATCH].reshape(n, rows, PATCH, columns, PATCH)
    certain = weight.min(axis=(2, 4)).ravel()
    best = np.argsort(-certain)[:PATCHES]
    best = best[certain[best] > 0]
    nothing = float("nan")
    if not len(best):
        return nothing, nothing, 0.0, 0.0
    side = BLOCK * PATCH
    patches = tiles[:, :, : rows * side, : columns * side].reshape(n, c, rows, side, columns, side)
    patches = patches.transpose(0, 2, 4, 1, 3, 5).reshape(-1, c, side, side)[best]
    noise = patches - _planes(patches)
    power = float((noise**2).mean())
    if power < 1e-12:
        return nothing, nothing, 0.0, 0.0
    across = (noise[..., :-1] * noise[..., 1:]).mean()
    down = (noise[..., :-1, :] * noise[..., 1:, :]).mean()
    neighbours = float(across + down) / 2 / power
    if c == 1:
        return neighbours, nothing, power**0.5, 0.0
    planes = np.einsum("kc,nchw->nkhw", YCBCR, noise)
    luma, chroma = (float(np.sqrt((each**2).mean())) for each in (planes[:, 0], planes[:, 1:]))
    pairs = (noise * noise[:, [1, 2, 0]]).mean()
    return neighbours, float(pairs) / power, luma, chroma


def _planes(patches: Array) -> Array:
    """The plane that fits each patch (n, c, h, w) best: light and shading that is no noise."""
    side = patches.shape[-1]
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    ramp /= np.sqrt((ramp**2).sum() * side)
    across = (patches * ramp).sum(axis=(2, 3), keepdims=True) * ramp
    down = (patches * ramp[:, None]).sum(axis=(2, 3), keepdims=True) * ramp[:, None]
    planes: Array = patches.mean(axis=(2, 3), keepdims=True) + across + down
    return planes
