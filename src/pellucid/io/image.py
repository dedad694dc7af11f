"""An image in memory, and the one place where samples become pixels and pixels become samples."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.errors import UsageError
from pellucid.io.colour import Colorimetry

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


def is_resolution(sides: object) -> bool:
    """Tell whether these are pixels per millimetre, horizontal and vertical, that a file can hold."""
    if not isinstance(sides, tuple) or len(sides) != 2:
        return False
    return all(isinstance(side, (int, float)) and 0 < side < 1e6 for side in sides)


def known_resolution(x: float, y: float) -> tuple[float, float] | None:
    """Give pixels per millimetre as a pair; None where no file could hold them."""
    return (x, y) if is_resolution((x, y)) else None


@dataclass(frozen=True)
class Cicp:
    """The meaning of colours as coding-independent code points (ITU-T H.273).

    Parameters
    ----------
    primaries, transfer, matrix : int
        Code points, such as 1, 13, 6 for sRGB or 9, 16, 9 for HDR10.
    full_range : bool
    """

    primaries: int
    transfer: int
    matrix: int = 0
    full_range: bool = True

    @property
    def is_srgb(self) -> bool:
        """Whether readers without colour management show the colours as they are meant."""
        # 2 is "unspecified"; BT.709, 601 and 2020's curves are shown as sRGB's by everyone.
        return self.primaries in (1, 2) and self.transfer in (1, 2, 6, 13, 14, 15)


@dataclass(frozen=True)
class Extra:
    """Bytes that only some formats can hold: each kind is a subclass next to the formats that know it.

    Parameters
    ----------
    data : bytes
    label : str
        Its name in a warning, after "cannot hold the", such as "JPEG comments".
    """

    data: bytes
    label: str

    def upright(self, orientation: int, size: tuple[int, int]) -> Self:
        """Adapt to an image whose pixels were turned; most kinds have no coordinates and no second view."""
        return self


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Everything that a file contains next to its samples.

    Parameters
    ----------
    icc : bytes, optional
        The ICC profile.
    cicp : Cicp, optional
        Code points of the colours; in a PNG they come before a profile.
    colorimetry : Colorimetry, optional
        Gamma and chromaticities of the colours, where neither a profile nor code points describe them.
    exif : bytes, optional
        A TIFF structure whose orientation is upright.
    xmp, iptc : bytes, optional
        An XMP packet; IPTC records.
    resolution : (float, float), optional
        Pixels per millimetre, horizontal and vertical.
    resolution_unit : str
        The unit in which a file states it: "in" or "cm".
    nodata : float, optional
        The value of samples that are no data (NaN is no data in any case).
    extra_samples : tuple of int
        The meaning of each extra channel as TIFF's tag ExtraSamples has it: 0 is not specified, 2 a further
        alpha that is not multiplied in.
    extra : tuple of Extra
        What is specific to a format.

    Raises
    ------
    UsageError
        When the resolution is not possible.
    """

    icc: bytes | None = None
    cicp: Cicp | None = None
    colorimetry: Colorimetry | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    resolution: tuple[float, float] | None = None
    resolution_unit: str = "in"
    nodata: float | None = None
    extra_samples: tuple[int, ...] = ()
    extra: tuple[Extra, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a resolution that no file could hold."""
        if self.resolution is not None and not is_resolution(self.resolution):
            raise UsageError(
                f"A resolution of {self.resolution} is not possible",
                "Use pixels per millimetre, horizontal and vertical, above 0 and below a million, or None",
            )

    def of(self, kind: type[Extra]) -> bytes:
        """Give the bytes of one kind of extra; empty where there are none."""
        return next((extra.data for extra in self.extra if type(extra) is kind), b"")


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a file stores its samples, so that the next file can store them in the same way.

    Parameters
    ----------
    format : str
        The name of a `Format`, such as "png".
    bits : int, optional
        Bits per sample in the file where these are not all bits of the dtype: 1, 2 or 4 (stretched over
        uint8), 10 or 12 (stretched over uint16).
    lossy : bool
        Whether compression changed the samples.
    quality : int
        The JPEG quality (1 to 100, as libjpeg counts) that is at least as good as the file's.
    subsampled : bool
        Whether a JPEG's colour is stored at half of the height and width (4:2:0).
    compression : str, optional
        The name of a TIFF's compression.
    tile : (int, int), optional
        Height and width of a TIFF's tiles.

    Raises
    ------
    UsageError
        When the quality is not possible.
    """

    format: str = "png"
    bits: int | None = None
    lossy: bool = False
    quality: int = 95
    subsampled: bool = False
    compression: str | None = None
    tile: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Refuse a quality that libjpeg does not know."""
        if self.quality not in range(1, 101):
            raise UsageError(f"A JPEG quality of {self.quality} is not possible", "Use 1 to 100")


@dataclass(frozen=True, eq=False, kw_only=True)
class Image:
    """An image with everything that is needed to write the same kind of file again.

    Parameters
    ----------
    samples : ndarray (height, width, channels)
        uint8, uint16 or float32, C-contiguous; 1 channel (grey) or 3 (red, green, blue), upright.
    alpha : ndarray (height, width), optional
        Coverage, not multiplied into the samples, in the same dtype.
    extra_channels : ndarray (height, width, n), optional
        Channels that are neither colour nor coverage, such as infrared, in the same dtype.
    metadata : Metadata
    encoding : Encoding

    Raises
    ------
    UsageError
        When dtypes, shapes or numbers are not as said above.
    """

    samples: Samples
    alpha: Samples | None = None
    extra_channels: Samples | None = None
    metadata: Metadata = field(default_factory=Metadata)
    encoding: Encoding = field(default_factory=Encoding)

    def __post_init__(self) -> None:
        """Refuse arrays that no file could hold; take others in the machine's own byte order."""
        if not isinstance(self.samples, np.ndarray):
            raise UsageError(f"Samples cannot be {type(self.samples).__name__}", "Give a NumPy array")
        for name in ("samples", "alpha", "extra_channels"):
            array = getattr(self, name)
            if array is not None:
                native = array.astype(array.dtype.newbyteorder("="), copy=False)
                object.__setattr__(self, name, native)  # the dataclass is frozen for all others
        shape, dtype = self.samples.shape, self.samples.dtype
        if len(shape) != 3 or shape[2] not in (1, 3) or 0 in shape or dtype.name not in SAMPLE_TYPES[:3]:
            raise UsageError(
                f"An image cannot have samples of shape {shape} and type {dtype.name}",
                "Use (height, width, 1) or (height, width, 3), at least one pixel, uint8, uint16 or float32",
            )
        if self.encoding.bits is not None and self.encoding.bits not in BITS.get(dtype.name, ()):
            raise UsageError(
                f"{self.encoding.bits} bits are not stretched over {dtype.name}",
                "Use 1, 2 or 4 for uint8, 10 or 12 for uint16, or None",
            )
        for label, array, dimensions in (
            ("Alpha", self.alpha, 2),
            ("Extra channels", self.extra_channels, 3),
        ):
            if array is not None and (
                array.shape[:2] != shape[:2] or array.ndim != dimensions or array.dtype != dtype
            ):
                raise UsageError(
                    f"{label} {array.dtype.name} of shape {array.shape} does not fit the samples",
                    f"Use {dimensions} dimensions that begin with {shape[:2]}, and type {dtype.name}",
                )

    def __repr__(self) -> str:
        """Give size and kind in a line: samples and metadata would fill screens."""
        height, width, channels = self.samples.shape
        parts = {"alpha": self.alpha, "extra channels": self.extra_channels}
        more = "".join(f", {name}" for name, part in parts.items() if part is not None)
        kind = "grey" if channels == 1 else "colour"
        return f"<Image {width} x {height}, {kind}, {self.samples.dtype.name}{more}, {self.encoding.format}>"

    @property
    def axes(self) -> str:
        """The meaning of the samples' dimensions: YX for grey (with one channel), YXS for colour."""
        return "YX" if self.samples.shape[2] == 1 else "YXS"

    @property
    def pixels(self) -> NDArray[np.float32]:
        """The samples as float32 (height, width, channels), made anew at each call."""
        return to_float(self.samples)

    @property
    def depth(self) -> int:
        """Bits per sample that a file must have to hold this image: 8, 10, 12, 16 or 32."""
        return depth_of(self.samples.dtype, self.encoding.bits)

    def with_samples(self, samples: Samples) -> Self:
        """Give a copy that contains other samples (height, width, 1 or 3) and all else unchanged.

        Samples of another dtype have all of its bits.
        """
        same = getattr(getattr(samples, "dtype", None), "name", "") == self.samples.dtype.name
        encoding = self.encoding if same else replace(self.encoding, bits=None)
        return replace(self, samples=samples, encoding=encoding)


def depth_of(dtype: np.dtype[Any], bits: int | None) -> int:
    """Bits per sample that a file must have for such samples: 8, 10, 12, 16 or 32."""
    return bits if bits in (10, 12) else dtype.itemsize * 8
