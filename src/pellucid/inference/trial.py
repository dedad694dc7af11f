"""Trying a network on a few crops of an image, before all of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

BLOCK = 8  # pixels a side of the blocks that are flat or not

PATTERN = -0.1
"""Neighbours in what is removed from dithers and weaves are by more than this less alike than in noise."""

LIGHT, MOST = 0.3, 2.0
"""Where light is removed, the correlation of neighbours is higher than this, or the level than so many times
the one that was found."""

TEXTURE, PART = -0.2, 0.72
"""Neighbours in removed texture are so unlike, and it has less than this part of the level found ..."""

LESS = 0.88
"""... or less than this part of what is removed when that level is noise."""

BIAS = 0.3
"""Denoising moves the mean by less than this part of the noise level."""

Crop = NDArray[np.float32]


def removed_level(crops: NDArray[np.float32], denoise: Callable[[Crop], Crop]) -> float:
    """How much noise a network would remove from an image.

    Parameters
    ----------
    crops : float32 array (n, h, w, 1 or 3)
    denoise : function of a float32 array (h, w, 1 or 3) to the same
        The network.

    Returns
    -------
    float
        Root mean square of what it removes from the crops, where they are not flat, 0 to 1.
    """
    if not len(crops):
        return 0.0
    removed = np.stack([denoise(crop) - crop for crop in crops])  # (n, h, w, c)
    squares = _blocks(removed**2).mean(axis=(2, 4, 5))
    squares = squares[_textured(crops)]
    return float(np.sqrt(squares.mean())) if squares.size else 0.0


def removes_noise(
    crops: NDArray[np.float32],
    valid: NDArray[np.bool_],
    denoise: Callable[[Crop], Crop],
    variance: Callable[[Crop], NDArray[np.floating[Any]]],
    *,
    clip: bool,
    doubtful: bool,
) -> bool:
    """Whether a network removes noise from an image, and no texture, pattern or light.

    The denoised crops get noise again, of the variance that was found. From these, a network removes the like
    of what it removed before, if that was noise: neighbours are as unlike, and the mean stays.

    Parameters
    ----------
    crops : float32 array (n, h, w, 1 or 3)
    valid : bool array (n, h, w, 1)
        Which of their pixels are image.
    denoise : function of a float32 array (h, w, 1 or 3) to the same
        A network for white noise.
    variance : function of denoised crops to the variance of the noise there
    clip : bool
        Whether values end at 0 and 1.
    doubtful : bool
        Whether all of the noise that was found may be texture.
    """
    clean = np.stack([denoise(crop) for crop in crops])
    level = np.sqrt(variance(clean).clip(0)) * valid
    noisy = (clean + level * np.random.default_rng(0).standard_normal(clean.shape)).astype(np.float32)
    noisy = noisy.clip(0, 1) if clip else noisy
    removed, again = (crops - clean) * valid, (noisy - np.stack([denoise(crop) for crop in noisy])) * valid
    alike, typical = neighbours(removed), float(np.sqrt(np.square(level).mean()))
    texture = (alike < TEXTURE and removed.std() < PART * typical) or removed.std() < LESS * again.std()
    if doubtful and texture:
        return False
    moved = abs(float(removed.mean() - again.mean()))
    light = alike > LIGHT or removed.std() > MOST * typical or moved > BIAS * typical
    return alike - neighbours(again) > PATTERN and not light


def neighbours(removed: NDArray[np.float32]) -> float:
    """The correlation of adjacent pixels (n, h, w, c)."""
    centred = removed - removed.mean(axis=(1, 2), keepdims=True)
    across = (centred[:, :, 1:] * centred[:, :, :-1]).mean()
    down = (centred[:, 1:] * centred[:, :-1]).mean()
    return float(across + down) / 2 / max(float((centred**2).mean()), 1e-30)


def _textured(crops: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which blocks of crops are neither of one colour nor next to such a block: (n, rows, columns).

    Letterboxes and burnt-out skies have no noise whatever the rest of the image has.
    """
    spread: NDArray[np.float32] = np.ptp(_blocks(crops), axis=(2, 4)).max(axis=-1)
    alive = np.pad(spread > 0, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    near = sliding_window_view(alive, (3, 3), axis=(1, 2))
    return np.asarray(near.all(axis=(3, 4)))


def _blocks(crops: NDArray[np.float32]) -> NDArray[np.float32]:
    """Crops (n, h, w, c) as blocks of 8 x 8 pixels: (n, rows, 8, columns, 8, c)."""
    n, height, width, channels = crops.shape
    rows, columns = height // BLOCK, width // BLOCK
    whole = crops[:, : rows * BLOCK, : columns * BLOCK]
    return whole.reshape(n, rows, BLOCK, columns, BLOCK, channels)
