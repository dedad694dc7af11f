"""Which arrays are pictures, and how two of them blend."""

import logging
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, UsageError
from pellucid.images.jpeg import YCBCR
from pellucid.images.picture import SAMPLE_TYPES

log = logging.getLogger("pellucid")

_TWELVE_BITS = 4096  # levels of what many cameras for science write into files of 16 bits


def check_pixels(pixels: NDArray[Any]) -> NDArray[Any]:
    """Give the picture as (h, w, channels), or say why it is none.

    Raises
    ------
    UsageError
        For a wrong shape or dtype.
    InputError
        For values that are not finite.
    """
    if isinstance(pixels, (np.ma.MaskedArray, np.matrix)):  # they would lose their mask, or stay flat
        raise UsageError(
            f"A picture cannot be a {type(pixels).__name__}", "Give a plain array, such as numpy.asarray(it)"
        )
    if not isinstance(pixels, np.ndarray) or pixels.dtype.name not in SAMPLE_TYPES:
        found = pixels.dtype.name if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise UsageError(f"A picture cannot be {found}", f"Give a NumPy array of {', '.join(SAMPLE_TYPES)}")
    view = pixels[..., None] if pixels.ndim == 2 else pixels
    if view.ndim != 3 or view.shape[2] not in (1, 3, 4) or 0 in view.shape:
        raise UsageError(
            f"A picture cannot have shape {pixels.shape}",
            "Give (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), with at least one pixel",
        )
    if view.dtype.kind == "f":
        largest = float(np.abs(view).max())  # NaN and infinity included
        if not largest < 1e30:
            raise InputError(
                "The picture holds NaN, infinity or values beyond 1e30",
                "Replace those values first, for instance with numpy.nan_to_num",
            )
        if largest > 16:
            log.warning("the picture holds values up to %g; in floats, white should be 1", largest)
    elif view.dtype == np.uint16 and 0 < (top := int(view.max())) < _TWELVE_BITS:
        log.warning("the picture uses %d of the 65,535 levels by which noise is judged", top)
    return view


@dataclass(frozen=True)
class Planes:
    """An array that is an image, and its parts.

    Parameters
    ----------
    pixels : array
        As it was given.
    view : array (h, w, c)
        The same, with an axis for the channels.
    colour : array (h, w, 1 or 3)
        What a network sees: without alpha, and as grey where red, green and blue are equal.
    valid : bool array (h, w), optional
        Where there is image; None: everywhere. Elsewhere `view` is transparent.
    """

    pixels: NDArray[Any]
    view: NDArray[Any]
    colour: NDArray[Any]
    valid: NDArray[np.bool_] | None

    @classmethod
    def of(cls, pixels: NDArray[Any]) -> Self:
        """Check an array, and take it apart; raises as `check_pixels`."""
        view = check_pixels(pixels)
        colour = view[..., :3]
        valid = None
        if view.shape[2] == 4 and not view[..., 3].all():
            valid = view[..., 3] > 0
        return cls(pixels, view, colour[..., :1] if is_grey(colour) else colour, valid)


def is_grey(colour: NDArray[Any]) -> bool:
    """Whether red, green and blue are equal everywhere; looks at the first rows before all."""
    return colour.shape[2] == 3 and all(
        np.array_equal(part[..., 0], part[..., k]) for part in (colour[:8], colour) for k in (1, 2)
    )


def blend(
    noisy: NDArray[np.float32], clean: NDArray[np.float32], luma: float, chroma: float
) -> NDArray[np.float32]:
    """Take away the named shares, at most all, of the noise in luma and in chroma."""
    luma, chroma = min(luma, 1.0), min(chroma, 1.0)
    if luma == chroma == 1:
        return clean
    change = clean - noisy
    if luma == chroma or noisy.shape[2] == 1:
        return noisy + np.float32(luma) * change
    grey = luma_of(change)
    result: NDArray[np.float32] = noisy + np.float32(luma) * grey + np.float32(chroma) * (change - grey)
    return result


def luma_of(change: NDArray[np.float32]) -> NDArray[np.float32]:
    """What of a change (h, w, 3) changes luma alone: (h, w, 1), the same for all channels."""
    luma: NDArray[np.float32] = (change @ YCBCR[0])[..., None]
    return luma
