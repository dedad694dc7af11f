"""Images of few photons: finding them, and denoising them from coarse to fine.

Where a detector counts single photons without read noise, samples are multiples of one step, and that step is
the gain, exactly. Below about five photons a pixel their noise is far from normal, even after variance
stabilisation, and a network leaves much of it. Means of 2 x 2 pixels have four times as many photons, so the
image is denoised at a fraction of its size first. Mixed with that estimate, the image has less noise, and is
denoised again at twice the size (L. Azzari, A. Foi: Variance stabilization for noisy+estimate combination in
iterative Poisson denoising. IEEE Signal Processing Letters 23 (2016)).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.inference.coarse import enlarge, halve
from pellucid.inference.stabilise import Anscombe
from pellucid.inference.survey import BLOCK, over_blocks

Array = NDArray[np.float32]

MOST_LEVELS = 64
"""An image of photon counts has at most so many different values."""

FILLED = 0.6
"""This share of the multiples of the step between the lowest and the highest value occurs."""

ENOUGH = 0.1
"""Where a smaller share of the blocks has no part of one value, black parts count, too."""

COUNTED_SIDE = 16  # pixels a side of the blocks whose variance is compared with their mean
LIKE_COUNTS = (0.7, 1.4)
"""Variance over mean, in photons: 1 for independent counts, less for few shades, more for texture. Noise that
does not grow with the light has more in the darker half of the blocks."""

INDEPENDENT = (0.75, 1.15)
"""Squared differences of neighbours over those of second neighbours: 1 for independent noise, less for
texture, more for dithers."""

CUT = 0.02
"""Noise is cut off where a larger share of the samples is black, or white, than the light explains."""

MANY, FEW, FEWEST = 5.0, 2.0, 0.05
"""From the first number of photons a pixel on, one pass is best; below the second, the estimate counts more,
and below the third no smaller size is tried."""

BRIGHT = 5, 3
"""No noise is brighter than its mean by so many standard deviations and so many photons."""

COUNTABLE = 8.0, 2.0
"""Fewer photons a pixel than the first, of fewer units of an integer type each than the second, are lost when
a mean of them is rounded."""


class Counts(NamedTuple):
    """Counts of photons: the brightness of one, and that of blocks (c, n) that are image."""

    step: float
    brightness: Array


def photon_counts(tiles: Array, masks: NDArray[np.bool_] | None) -> Counts | None:
    """Find out whether the samples of tiles (n, c, h, w) are counts of photons, where masks (n, h, w) say."""
    some = tiles[..., ::4, ::4]
    if masks is not None:
        some = some.transpose(0, 2, 3, 1)[masks[..., ::4, ::4]]
    if _step(some) is None:
        return None
    blocks = _cut(tiles)
    parts = blocks.reshape(*blocks.shape[:2], 4, 4, 4, 4)
    varied = np.ptp(parts, axis=(3, 5)).any(axis=1)  # (m, 4, 4)
    image = varied.all(axis=(1, 2))  # no bar, and not next to one
    if image.mean() < ENOUGH:  # too dark to tell
        image = varied.any(axis=(1, 2))
    if masks is not None:
        image &= _cut(masks[:, None]).all(axis=(1, 2, 3))
    blocks = blocks[image]
    step = _step(blocks) if len(blocks) else None
    if step is None:
        return None
    brightness = blocks.mean(axis=(2, 3))
    near, far = (_differences(blocks / np.float32(step), distance) for distance in (1, 2))
    lit = (brightness > 0.02 * step) & (far > 0)
    if not lit.any():
        return None
    near, far = near[lit], far[lit]
    quiet = near + far <= np.median(near + far)
    alike = near[quiet].sum() / far[quiet].sum()
    light = brightness[lit]
    ratios = near * step / light
    least, dark = (np.quantile(each, 0.25) for each in (ratios, ratios[light <= np.median(light)]))
    like = LIKE_COUNTS[0] < least < LIKE_COUNTS[1] and dark < LIKE_COUNTS[1]
    counted = like and INDEPENDENT[0] < alike < INDEPENDENT[1]
    return Counts(step, np.ascontiguousarray(brightness.T)) if counted else None


def is_too_coarse(tiles: Array, dtype: np.dtype[Any], photon: float) -> bool:
    """Whether integers of a type count so few photons, each this bright, that no integer is near a mean.

    Colours in 8 bits are a dark photograph: no detector counts so.
    """
    if dtype.kind not in "iu" or photon <= 0 or (dtype == np.uint8 and tiles.shape[1] == 3):
        return False
    few, units = tiles.mean() < COUNTABLE[0] * photon, photon * np.iinfo(dtype).max
    return bool(few and units < COUNTABLE[1])


def _step(samples: Array) -> float | None:
    """The step of which all samples are multiples, as near as 8 bits tell; None for many values."""
    values = np.unique(samples)
    values = values[values < 1]  # white may be cut off
    if not 3 <= len(values) <= MOST_LEVELS or values[0] < 0:
        return None
    apart = np.diff(values)
    step = float(apart[apart < 1.5 * apart.min()].mean())
    multiples = np.rint(values[0] / step) + np.append(0, np.rint(apart / step).cumsum())
    if len(values) < FILLED * (multiples[-1] - multiples[0] + 1):
        return None
    rounding = 0.51 / 255 if step > 1.5 / 255 else 0.01 * step
    values, multiples = values[multiples > 0], multiples[multiples > 0]
    least, most = ((values - rounding) / multiples).max(), ((values + rounding) / multiples).min()
    return float(least + most) / 2 if least <= most else None


def _differences(blocks: Array, distance: int) -> NDArray[Any]:
    """Half the mean squares of differences at a distance, down and across, of blocks (n, c, 16, 16)."""
    down = blocks[:, :, distance:] - blocks[:, :, :-distance]
    across = blocks[..., distance:] - blocks[..., :-distance]
    halves: NDArray[Any] = ((down**2).mean(axis=(2, 3)) + (across**2).mean(axis=(2, 3))) / 4
    return halves


def _cut(tiles: NDArray[Any]) -> NDArray[Any]:
    """Tiles (n, c, h, w) as blocks (m, c, 16, 16)."""
    n, c, height, width = tiles.shape
    rows, columns = height // COUNTED_SIDE, width // COUNTED_SIDE
    blocks = tiles[..., : rows * COUNTED_SIDE, : columns * COUNTED_SIDE].reshape(
        n, c, rows, COUNTED_SIDE, columns, COUNTED_SIDE
    )
    return blocks.transpose(0, 2, 4, 1, 3, 5).reshape(-1, c, COUNTED_SIDE, COUNTED_SIDE)


class Pass(NamedTuple):
    """One time through a network: how often the image is halved before, and its share in the mixture."""

    halvings: int
    share: float

    @property
    def variance(self) -> float:
        """That of the noise in the mixture, halved, as a part of that in the image."""
        return float(self.share**2 / 4**self.halvings)


ONCE: tuple[Pass, ...] = (Pass(0, 1.0),)


def is_cut_off(tiles: Array, noise: Anscombe, *, estimated: bool) -> bool:
    """Whether black or white cuts off noise in tiles (n, c, h, w), so that means are not those of the light.

    Without read noise, black is where no photon came: as often as the light of a block tells, where the lack
    of read noise was estimated.
    """
    if not any(noise.offset) and not estimated:
        return False
    varied = _varied(tiles)
    white = (tiles >= 1) if tiles.max() <= 1 else np.zeros_like(tiles, np.bool_)
    black = np.zeros_like(white) if tiles.min() < 0 else tiles <= 0
    cut = _image((black | white).astype(np.float32), varied).mean()
    if not any(noise.offset):
        cut -= np.exp(-_image(tiles, varied) / np.maximum(noise.gain, 1e-12)).mean()
    return bool(cut > CUT)


def plan_passes(tiles: Array, noise: Anscombe) -> tuple[Pass, ...]:
    """How often a network runs on an image of tiles (n, c, h, w), not cut off: often for few photons."""
    if min(noise.gain) <= 0:
        return ONCE
    return passes(noise.photons(_image(tiles, _varied(tiles))))


def _varied(tiles: Array) -> NDArray[np.bool_]:
    """Blocks (n, h / 4, w / 4) of more than one value: bars and margins are no image."""
    high, low = (over_blocks(each, tiles) for each in (np.maximum, np.minimum))
    varied: NDArray[np.bool_] = (high != low).any(axis=1)
    return varied if varied.mean() > ENOUGH else np.ones_like(varied)


def _image(tiles: Array, blocks: NDArray[np.bool_]) -> Array:
    """The means (m, c) of those blocks of tiles (n, c, h, w)."""
    sums = over_blocks(np.add, tiles).transpose(0, 2, 3, 1)[blocks]
    return np.asarray(sums / BLOCK**2, np.float32)


def passes(photons: float) -> tuple[Pass, ...]:
    """From coarse to fine, for so many photons a pixel (the mean of an image)."""
    if photons >= MANY:
        return ONCE
    if photons >= FEW:
        return Pass(1, 1.0), Pass(0, 0.7)
    halvings = 1 + math.floor(math.log(FEW / max(photons, FEWEST), 4))
    return Pass(halvings, 1.0), Pass(halvings - 1, 0.5)


def denoise_passes(
    pixels: Array, steps: Sequence[Pass], networks: Sequence[Callable[[Array], Array]], noise: Anscombe
) -> Array:
    """Denoise an image (h, w, c) from coarse to fine, each pass by its own network.

    Points so bright that no noise explains them stay: a fraction of the size does not show them.
    """
    clean, lowest = pixels, min(0.0, float(pixels.min()))
    for (halvings, share), network in zip(steps, networks, strict=True):
        mixed = (np.float32(share) * pixels + np.float32(1 - share) * clean) if share < 1 else pixels
        sizes = [mixed.shape[:2]]
        for _ in range(halvings):
            mixed = halve(mixed)
            sizes.append(mixed.shape[:2])
        clean = network(mixed)
        for height, width in sizes[-2::-1]:
            clean = enlarge(clean, height, width)
        clean = clean.clip(lowest)
    gain = np.asarray(noise.gain, np.float32)
    deviation = np.sqrt((gain * clean + np.asarray(noise.offset, np.float32)).clip(0))
    return np.where(pixels - clean > BRIGHT[0] * deviation + BRIGHT[1] * gain, pixels, clean)
