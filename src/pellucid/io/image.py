"""An image in memory, and the one place where samples become pixels and pixels become samples."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.errors import UsageError

Samples = NDArray[Any]
"""An array in a file's own dtype: uint8, uint16 or float32."""

BITS = {"uint8": (1, 2, 4), "uint16": (10, 12)}
"""Bits per sample that may be stretched over a dtype."""

SAMPLE_TYPES = ("uint8", "uint16", "float32", "float64")


def to_float(samples: Samples) -> NDArray[np.float32]:
    """Scale samples to pixels: the largest value of an integer dtype becomes 1.0.

    Parameters
    ----------
    samples : ndarray of uint8, uint16, float32 or float64, any shape
        Floats are neither scaled nor clipped.

    Returns
    -------
    ndarray of float32, the same shape
        The very array that was given, when it is float32 already.

    Raises
    ------
    UsageError
        For any other dtype.
    """
    largest = _largest(samples.dtype)
    if largest is None:
        return samples.astype(np.float32, copy=False)
    pixels: NDArray[np.float32] = np.divide(samples, np.float32(largest), dtype=np.float32)
    return pixels


def from_float(pixels: NDArray[Any], dtype: DTypeLike) -> Samples:
    """Turn pixels into samples of a dtype: the inverse of `to_float`.

    Parameters
    ----------
    pixels : ndarray of float32 or float64, any shape
        1.0 becomes the largest value of an integer dtype.
    dtype : dtype
        uint8, uint16, float32 or float64. Integers are rounded to the nearest (halves to the even one) and
        clipped to their range; floats are not clipped.

    Returns
    -------
    ndarray of dtype, the same shape

    Raises
    ------
    UsageError
        For any other dtype.
    """
    wanted = np.dtype(dtype)
    largest = _largest(wanted)
    if largest is None:
        return pixels.astype(wanted, copy=False)
    scaled: NDArray[Any] = pixels * pixels.dtype.type(largest)
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, largest, out=scaled)
    return scaled.astype(wanted)


def _largest(dtype: np.dtype[Any]) -> int | None:
    if dtype.name not in SAMPLE_TYPES:
        raise UsageError(
            f"Samples of type {dtype.name} are not supported",
            f"Use one of {', '.join(SAMPLE_TYPES)}",
        )
    return int(np.iinfo(dtype).max) if dtype.kind == "u" else None


def stretched(samples: Samples, bits: int | None) -> Samples:
    """Fill the lower bits of uint16 that 10 or 12 bits leave zero, so that white is 65535."""
    return samples | samples >> bits if bits in (10, 12) else samples


def is_resolution(sides: Any) -> bool:
    """Tell whether these are pixels per millimetre, horizontal and vertical, that libvips can write."""
    numbers = isinstance(sides, tuple) and all(isinstance(side, (int, float)) for side in sides)
    return numbers and len(sides) == 2 and all(0 < side < 1e6 for side in sides)


@dataclass(frozen=True, eq=False, kw_only=True)
class Image:
    """An image with everything that is needed to write the same kind of file again.

    Parameters
    ----------
    samples : ndarray (height, width, channels)
        uint8, uint16 or float32, C-contiguous; 1 channel (grey) or 3 (red, green, blue), upright.
    alpha : ndarray (height, width), optional
        Coverage, not multiplied into the samples, in the same dtype.
    profile : bytes, optional
        The ICC profile.
    metadata : mapping
        What travels beside the pixels: "exif" (bytes of a TIFF structure, orientation 1), "xmp", "iptc"
        (records), "photoshop" (image resources), "unit" (of the resolution: "in" or "cm"), "png" and "jpeg"
        (chunks or segments).
    resolution : (float, float), optional
        Pixels per millimetre, horizontal and vertical; None when unknown.
    format : str
        Where it came from: "png", "jpeg", "tiff", "webp", "avif" or "heic".
    bits : int, optional
        Bits per sample in the file where these are not all bits of the dtype: 1, 2 or 4 (stretched over
        uint8), 10 or 12 (stretched over uint16).
    lossy : bool
        Whether the file's compression changed the samples.
    quality : int
        The JPEG quality (1 to 100, as libjpeg counts) that is at least as good as the file's.
    subsampled : bool
        Whether a JPEG's colour was stored at half of the height and width (4:2:0).
    compression : str, optional
        The name of a TIFF's compression.
    nodata : float, optional
        The value of samples that are no data, as geographic TIFF files have it (NaN is no data in any case).

    Raises
    ------
    UsageError
        When dtype, shapes or numbers are not as said above.
    """

    samples: Samples
    alpha: Samples | None = None
    profile: bytes | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    resolution: tuple[float, float] | None = None
    format: str = "png"
    bits: int | None = None
    lossy: bool = False
    quality: int = 95
    subsampled: bool = False
    compression: str | None = None
    nodata: float | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that no file could hold; take others in the machine's own byte order."""
        if not isinstance(self.samples, np.ndarray):
            raise UsageError(f"Samples cannot be {type(self.samples).__name__}", "Give a NumPy array")
        for name, array in (("samples", self.samples), ("alpha", self.alpha)):
            if array is not None:
                native = array.astype(array.dtype.newbyteorder("="), copy=False)
                object.__setattr__(self, name, native)  # the dataclass is frozen for all others
        shape, dtype = self.samples.shape, self.samples.dtype
        if len(shape) != 3 or shape[2] not in (1, 3) or 0 in shape or dtype.name not in SAMPLE_TYPES[:3]:
            raise UsageError(
                f"An image cannot have samples of shape {shape} and type {dtype.name}",
                "Use (height, width, 1) or (height, width, 3), at least one pixel, uint8, uint16 or float32",
            )
        if self.bits is not None and self.bits not in BITS.get(dtype.name, ()):
            raise UsageError(
                f"{self.bits} bits are not stretched over {dtype.name}",
                "Use 1, 2 or 4 for uint8, 10 or 12 for uint16, or None",
            )
        if self.quality not in range(1, 101):
            raise UsageError(f"A JPEG quality of {self.quality} is not possible", "Use 1 to 100")
        if self.resolution is not None and not is_resolution(self.resolution):
            raise UsageError(
                f"A resolution of {self.resolution} is not possible",
                "Use pixels per millimetre, horizontal and vertical, above 0 and below a million, or None",
            )
        if self.alpha is not None and (self.alpha.shape != shape[:2] or self.alpha.dtype != dtype):
            raise UsageError(
                f"Alpha {self.alpha.dtype.name} of shape {self.alpha.shape} does not fit the samples",
                f"Use shape {shape[:2]} and type {dtype.name}",
            )

    @property
    def pixels(self) -> NDArray[np.float32]:
        """The samples as float32 (height, width, channels), made anew at each call."""
        return to_float(self.samples)

    @property
    def depth(self) -> int:
        """Bits per sample that a file must have to hold this image: 8, 10, 12, 16 or 32."""
        return self.bits if self.bits in (10, 12) else self.samples.itemsize * 8

    def with_samples(self, samples: Samples) -> Self:
        """Give a copy that holds other samples (height, width, 1 or 3) and all else as it was.

        Samples of another dtype have all of its bits.
        """
        same = getattr(getattr(samples, "dtype", None), "name", "") == self.samples.dtype.name
        return replace(self, samples=samples, bits=self.bits if same else None)
