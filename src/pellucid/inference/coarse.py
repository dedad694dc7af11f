"""Denoising an image at a fraction of its size, where its noise is wider than a pixel.

Enlarged images, and images from microscopes whose camera is finer than the optics, have noise that is
correlated over a few pixels and no detail that is finer. In the image at half its size the same noise is
independent. So the coarse image is denoised and enlarged, and of the finest band only what stands out of the
noise is added again (an empirical Wiener filter: J. S. Lee, "Digital image enhancement and noise filtering by
use of local statistics", IEEE PAMI 2 (1980)). What noise alone would leave there is measured once for the
whole image, so that its tiles fit together. Over several scales: H. C. Burger, S. Harmeling, "Improving
denoising algorithms via a multi-scale meta-procedure", DAGM 2011.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pellucid.noise.resize import resample

Array = NDArray[np.float32]

WINDOW = 7  # pixels a side over which the power of the finest band is averaged
OUTLIER = 20  # times the median square: what one pixel counts for at most
CUBIC = 2  # pixels to either side that cubic interpolation needs
NOISE = 2.2  # times the median power: what noise alone hardly exceeds in a window


class Band(NamedTuple):
    """The finest band of an image: where squares are cut off, and the power that noise alone has."""

    largest: np.float32
    noise: np.float32


def halve(pixels: Array) -> Array:
    """Means of 2 x 2 pixels, (h, w, c) -> (ceil(h / 2), ceil(w / 2), c); a last odd row counts twice."""
    height, width, _ = pixels.shape
    even: Array = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    rows = even[::2] + even[1::2]
    half: Array = ((rows[:, ::2] + rows[:, 1::2]) / 4).astype(np.float32, copy=False)
    return half


def enlarge(half: Array, height: int, width: int) -> Array:
    """The inverse of `halve` but for what was finer: (h / 2, w / 2, c) -> (h, w, c), cubic."""
    planes = resample(half.transpose(2, 0, 1)[None], (height, width), first=-0.25, step=0.5)
    return np.ascontiguousarray(planes[0].transpose(1, 2, 0), dtype=np.float32)


def fine_detail(pixels: Array) -> float:
    """How much of the finest band of an image (h, w, c) is detail: its mean power over that of quiet windows.

    With nothing but noise it is 1.1 to 1.4, for the quietest quarter of the windows is quieter than the mean.
    """
    fine = pixels - halve(pixels).repeat(2, axis=0).repeat(2, axis=1)[: pixels.shape[0], : pixels.shape[1]]
    power = _blocks(fine**2, 16)
    return float(power.mean() / max(float(np.quantile(power, 0.25)), 1e-12))


def bands(pixels: Array, halvings: int) -> tuple[Band, ...]:
    """Measure the finest band of an image (h, w, c), that of the image at half its size, and so on."""
    if not halvings:
        return ()
    half = halve(pixels)
    squares: Array = (pixels - enlarge(half, *pixels.shape[:2])) ** 2
    largest = OUTLIER * np.median(squares)  # hot pixels are no detail
    noise = NOISE * np.median(_averaged(np.minimum(squares, largest)))
    return Band(np.float32(largest), np.float32(noise)), *bands(half, halvings - 1)


def denoise_coarse(pixels: Array, measured: tuple[Band, ...], denoise: Callable[[Array], Array]) -> Array:
    """Denoise an image at half its size, that at half of that, and so on.

    Parameters
    ----------
    pixels : float32 array (h, w, c)
        An image or a part of it: no pixel depends on others that are more than `reach` away from it.
    measured : tuple of Band
        As `bands` gives them, one for each time that the image is halved.
    denoise : function of a float32 array (h, w, c) to the same
        For independent noise.
    """
    if not measured:
        return denoise(pixels)
    half = halve(pixels)
    height, width = pixels.shape[:2]
    clean = enlarge(denoise_coarse(half, measured[1:], denoise), height, width)
    fine = pixels - enlarge(half, height, width)
    power = _averaged(np.minimum(fine**2, measured[0].largest))
    noise = measured[0].noise
    kept = 1 - noise / np.maximum(power, noise + np.float32(1e-20))
    return np.asarray(clean + fine * kept, np.float32)


def reach(halo: int, halvings: int) -> int:
    """How many pixels away an image matters that is halved so often, given the halo of its network."""
    return (
        halo if not halvings else 2 * reach(halo, halvings - 1) + 4 + WINDOW // 2
    )  # cubic: 2 pixels of half


def _averaged(squares: Array) -> Array:
    """Means of (h, w, c) over `WINDOW` x `WINDOW` pixels."""
    margin = WINDOW // 2
    padded = np.pad(squares, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    rows = np.asarray(sliding_window_view(padded, WINDOW, axis=0).mean(axis=-1))
    return np.asarray(sliding_window_view(rows, WINDOW, axis=1).mean(axis=-1), np.float32)


def _blocks(power: NDArray[Any], side: int) -> NDArray[Any]:
    """Means over blocks of so many pixels a side: (h, w, c) -> (blocks,)."""
    height, width = (extent // side for extent in power.shape[:2])
    blocks = power[: height * side, : width * side].reshape(height, side, width, side, -1)
    return np.asarray(blocks.mean(axis=(1, 3, 4))).ravel()
