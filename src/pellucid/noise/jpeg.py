"""Images as JPEG keeps them, in arrays: NumPy's or torch's, on whatever device they are.

References
----------
.. [1] ITU-T T.81, "Digital compression and coding of continuous-tone still images", Annex K.
.. [2] libjpeg, jcparam.c (quality), jcsample.c and jdsample.c (chroma).
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.noise.arrays import Pixels, Value, asarray_like, from_planes, library, mix, take, to_planes
from pellucid.noise.base import QUALITY, Noise, Parameter, Random, to_8bit

# JFIF's luma and chroma, without the offset of chroma.
YCBCR = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], dtype=np.float32
)
RGB = np.linalg.inv(YCBCR)

# [1], tables K.1 and K.2.
_LUMA_TABLE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_CHROMA_TABLE = np.full((8, 8), 99)
_CHROMA_TABLE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

# The cosine transform of eight numbers: one row for each frequency.
_COSINES = np.cos((2 * np.arange(8) + 1) * np.arange(8)[:, None] * math.pi / 16) / 2
_COSINES[0] /= math.sqrt(2)


def jpeg(pixels: Pixels, quality: Value, subsampling: tuple[int, int]) -> Pixels:
    """Store an image and read it again: libjpeg's steps, save for the coding, which loses nothing.

    It is written out because it must run on a GPU too, and because libvips cannot write 4:2:2, the
    subsampling of many cameras.

    Parameters
    ----------
    pixels : array (n, 1 or 3, height, width)
        Grey or RGB, 0 to 1.
    quality : float or array (n, 1, 1, 1)
        1 to 100.
    subsampling : (int, int)
        Rows and columns of pixels, 1 or 2, to one value of chroma: (2, 2) is 4:2:0 and (1, 2) 4:2:2.

    Returns
    -------
    array
        The same shape, multiples of 1/255 from 0 to 1.
    """
    if pixels.shape[1] == 1:
        return to_8bit((_quantise(pixels * 255 - 128, quality, _LUMA_TABLE) + 128) / 255)
    planes = (mix(pixels, YCBCR) * 255).round()
    luma: Pixels = _quantise(planes[:, :1] - 128, quality, _LUMA_TABLE) + 128
    chroma: Pixels = planes[:, 1:]
    for axis, factor in zip((-2, -1), subsampling, strict=True):
        chroma = _halve(chroma, axis) if factor == 2 else chroma
    chroma = _quantise(chroma, quality, _CHROMA_TABLE)
    for axis, factor in zip((-2, -1), subsampling, strict=True):
        chroma = _double(chroma, axis, planes.shape[axis]) if factor == 2 else chroma
    planes = library(pixels).concatenate([luma, chroma], 1)
    return to_8bit(mix(planes, RGB) / 255)


def _quantise(planes: Pixels, quality: Any, table: NDArray[np.int64]) -> Pixels:
    """Round the cosine coefficients of blocks of 8 x 8 as the table and the quality say."""
    height, width = planes.shape[-2:]
    for axis, length in enumerate((height, width), -2):
        if length % 8:  # the last row and column go on to the end of their block
            planes = take(planes, np.minimum(np.arange(-(-length // 8) * 8), length - 1), axis)
    n, c, h, w = planes.shape
    blocks = planes.reshape((n, c, h // 8, 8, w // 8, 8))
    # libjpeg's jpeg_quality_scaling, in percent.
    percent = (quality < 50) * (5000 // quality) + (quality >= 50) * (200 - 2 * quality)
    steps = ((asarray_like(planes, table) * percent + 50) // 100).clip(1, 255)  # (8, 8) or (n, 1, 8, 8)
    steps = steps.reshape(-1, 1, 1, 8, 1, 8)
    blocks = _transform((_transform(blocks, _COSINES) / steps).round() * steps, _COSINES.T).round()
    rounded: Pixels = blocks.reshape((n, c, h, w))[..., :height, :width]
    return rounded


def _transform(blocks: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    """Apply a matrix to rows and columns of blocks (n, c, h/8, 8, w/8, 8)."""
    for _ in range(2):
        blocks = (
            (blocks.reshape((-1, 8)) @ asarray_like(blocks, matrix.T)).reshape(blocks.shape).swapaxes(-1, -3)
        )
    return blocks


def _halve(planes: Pixels, axis: int) -> Pixels:
    """The mean of each two pixels."""
    even = np.arange(0, planes.shape[axis], 2)
    odd = np.minimum(even + 1, planes.shape[axis] - 1)
    return (take(planes, even, axis) + take(planes, odd, axis)) / 2


def _double(planes: Pixels, axis: int, length: int) -> Pixels:
    """Three quarters of the nearest value and one of the next, as libjpeg does."""
    at = np.arange(length)
    following = (at // 2 + at % 2 * 2 - 1).clip(0, planes.shape[axis] - 1)
    return (3 * take(planes, at // 2, axis) + take(planes, following, axis)) / 4


@dataclass(frozen=True)
class Jpeg(Noise):
    """Saving as JPEG of this quality and reading again; the colour is subsampled below 90.

    The quality is rounded to an integer, and the pixels are clipped and rounded to 8 bit, as files are.
    """

    kind = "jpeg"
    quality: Parameter = field(metadata=QUALITY)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = decode(encode(x, quality))``."""
        quality = self.quality.round() if hasattr(self.quality, "ndim") else round(self.quality)
        planes = to_8bit(to_planes(pixels))
        coarse = quality < 90  # one for each image of a tensor
        if coarse is True or coarse is False:
            return from_planes(jpeg(planes, quality, (2, 2) if coarse else (1, 1)), pixels)
        fine, subsampled = (jpeg(planes, quality, subsampling) for subsampling in ((1, 1), (2, 2)))
        return from_planes(library(planes).where(coarse, subsampled, fine), pixels)
