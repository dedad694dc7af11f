"""Which arrays are images, and how two of them blend."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, UsageError
from pellucid.inference.masked import Mask, fill, valid_pixels
from pellucid.io.image import SAMPLE_TYPES
from pellucid.noise.jpeg import YCBCR


def check_array(pixels: NDArray[Any]) -> NDArray[Any]:
    """Give an array that is an image as (h, w, channels).

    Raises
    ------
    UsageError
        For a wrong type, shape or dtype.
    """
    if not isinstance(pixels, np.ndarray) or isinstance(pixels, np.matrix):  # which stays flat
        raise UsageError(
            f"Expected an image array, got {type(pixels).__name__}",
            "Give a NumPy array, as numpy.asarray makes",
        )
    if pixels.dtype.name not in SAMPLE_TYPES:
        raise UsageError(
            f"Expected an image array, got one of {pixels.dtype.name}", f"Give {', '.join(SAMPLE_TYPES)}"
        )
    view = pixels[..., None] if pixels.ndim == 2 else pixels
    if view.ndim != 3 or view.shape[2] not in (1, 3, 4) or 0 in view.shape:
        raise UsageError(
            f"Expected an image array, got one of shape {pixels.shape}",
            "Give (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), with at least one pixel",
        )
    return view


def check_values(colour: NDArray[Any]) -> None:
    """Refuse values that no image has.

    Raises
    ------
    InputError
        For values that are not finite, or too large.
    """
    if colour.dtype.kind == "f":
        largest = float(np.abs(colour).max())  # NaN and infinity included
        if not largest < 1e30:
            raise InputError(
                "The image has infinity or values beyond 1e30",
                "Replace them first, for instance with numpy.nan_to_num",
            )


@dataclass(frozen=True)
class Planes:
    """An array that is an image, and its parts.

    Parameters
    ----------
    pixels : array
        As it was given.
    view : array (h, w, c)
        The same, with an axis for the channels and without a mask.
    colour : array (h, w, 1 or 3)
        What a network sees: without alpha, as grey where red, green and blue are equal, and with what is no
        image filled smoothly.
    valid : bool array (h, w), optional
        Where there is image; None: everywhere. Elsewhere it is transparent, masked, NaN or no data.
    """

    pixels: NDArray[Any]
    view: NDArray[Any]
    colour: NDArray[Any]
    valid: Mask | None = None

    @classmethod
    def of(cls, pixels: NDArray[Any], nodata: float | None = None, alpha: NDArray[Any] | None = None) -> Self:
        """Check an array, and take it apart.

        Parameters
        ----------
        pixels : array or masked array
            See `pellucid.denoise`.
        nodata : float, optional
            The value that means "no data".
        alpha : array (h, w), optional
            Where it is 0, there is no image.

        Raises
        ------
        UsageError
            For a wrong type, shape or dtype.
        InputError
            For infinite values, or where no pixel has data.
        """
        view = check_array(np.ma.getdata(pixels) if np.ma.isMaskedArray(pixels) else pixels)
        valid = valid_pixels(pixels, nodata)
        if valid is not None and not valid.any():
            raise InputError(
                "No pixel holds data: all are NaN, masked, or the no-data value", "Give an image"
            )
        alpha = view[..., 3] if view.shape[2] == 4 else alpha
        if alpha is not None and not alpha.all() and alpha.any():
            valid = alpha > 0 if valid is None else valid & (alpha > 0)
        colour = view[..., :3]
        if valid is not None:
            colour = fill(colour, valid)
        check_values(colour)
        return cls(pixels, view, colour[..., :1] if is_grey(colour) else colour, valid)

    def like(self, view: NDArray[Any]) -> NDArray[Any]:
        """Give an array (h, w, c) the shape of the one that was given, and what is no image as it was."""
        if self.valid is not None:
            np.copyto(view, self.view, where=~self.valid[..., None])
        result = view.reshape(self.pixels.shape)
        if np.ma.isMaskedArray(self.pixels):
            return np.ma.array(result, mask=np.ma.getmask(self.pixels))
        return result


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
