"""Pixels without data: they come back unchanged, and no other pixel depends on them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def valid_pixels(pixels: NDArray[Any], nodata: float | None = None) -> Mask | None:
    """Find the pixels with data.

    Parameters
    ----------
    pixels : array (h, w) or (h, w, channels)
    nodata : float, optional
        The value of a sample that means "no data", such as -9999. NaN means it always.

    Returns
    -------
    bool array (h, w) or None
        False where a sample is NaN or, in floats, `nodata`; in integers, where `nodata` may be a colour's
        value too, where all samples are `nodata`. None when all pixels have data.
    """
    if pixels.dtype.kind == "u" and nodata is None:
        return None
    view = pixels.reshape(*pixels.shape[:2], -1)
    if view.dtype.kind == "u":
        invalid = (view == nodata).all(axis=2)
    else:
        invalid = np.isnan(view).any(axis=2)
        if nodata is not None:
            invalid |= (view == view.dtype.type(nodata)).any(axis=2)
    return None if not invalid.any() else ~invalid


def fill(pixels: NDArray[Any], valid: Mask) -> NDArray[Any]:
    """Replace what is not valid by a smooth continuation of the pixels around it.

    Parameters
    ----------
    pixels : array (h, w) or (h, w, channels)
    valid : bool array (h, w)

    Returns
    -------
    array
        Of the same shape and dtype; valid pixels are unchanged, and the others depend on these alone. Without
        valid pixels all are 0.

    References
    ----------
    Push-pull: Gortler and others (1996), "The Lumigraph", section 3.4, doi:10.1145/237170.237200.
    """
    view = pixels.reshape(*pixels.shape[:2], -1)
    weight = valid[..., None].astype(np.float64 if view.dtype == np.float64 else np.float32)
    known = np.where(valid[..., None], view, 0).astype(weight.dtype)
    smooth = _pull(known, weight)
    if view.dtype.kind == "u":
        smooth = np.rint(smooth)
    filled = np.where(valid[..., None], view, smooth.astype(view.dtype))
    return filled.reshape(pixels.shape)


def _pull(known: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    """Fill where `weight` (h, w, 1) is zero; `known` (h, w, c) is zero there."""
    if weight.all() or weight.size == 1:
        return known
    height, width = weight.shape[:2]
    total, count = _halved(known), _halved(weight)
    coarse = _pull(total / np.maximum(count, 1), (count > 0).astype(weight.dtype))
    grown = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return np.where(weight > 0, known, _blurred(_blurred(grown, 0), 1))


def _halved(values: NDArray[Any]) -> NDArray[Any]:
    """Sums over 2 x 2 pixels."""
    height, width, channels = values.shape
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    sums: NDArray[Any] = even.reshape(-(-height // 2), 2, -(-width // 2), 2, channels).sum(axis=(1, 3))
    return sums


def _blurred(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """Weights 1/4, 1/2, 1/4: repeated twofold before, values become linear interpolation."""
    padded = np.pad(values, [(int(each == axis), int(each == axis)) for each in range(3)], mode="edge")
    low, high = (
        padded.take(range(values.shape[axis]), axis),
        padded.take(range(2, values.shape[axis] + 2), axis),
    )
    blurred: NDArray[Any] = values / 2 + (low + high) / 4
    return blurred
