"""The camera as a noise model: from light to JPEG, each step a short function.

The noise in a camera's file is not white. The sensor's noise depends on the light, has passed through a
Bayer mosaic, white balance, colour matrix and tone curve, was smoothed and sharpened in the camera, and went
into a JPEG: it is coloured, blotchy and stronger in some tones. `shoot` takes a clean image back to the
light that such a camera would have seen [1]_, photographs it, and gives the noisy image with its clean
target, which went the same way without noise.

All steps work on planes (n, channels, height, width), NumPy's for images and torch's for training, and are
written once, with functions that both libraries have (see `pellucid.noise.arrays`).

References
----------
.. [1] T. Brooks, B. Mildenhall, T. Xue, J. Chen, D. Sharlet, J. Barron, "Unprocessing Images for Learned Raw
   Denoising", CVPR 2019, section 3.
.. [2] H. Malvar, L. He, R. Cutler, "High-Quality Linear Interpolation for Demosaicing of Bayer-Patterned
   Color Images", ICASSP 2004.
.. [3] S. Guo, Z. Yan, K. Zhang, W. Zuo, L. Zhang, "Toward Convolutional Blind Denoising of Real Photographs"
   (CBDNet), CVPR 2019: noise must pass through the camera's own processing.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from pellucid.noise.arrays import Array, Pixels, Value, asarray_like, from_planes, library, mix, to_planes
from pellucid.noise.base import Limits, Noise, Parameter, Random, to_8bit
from pellucid.noise.jpeg import RGB, YCBCR, jpeg
from pellucid.noise.resize import resample
from pellucid.noise.shot import Shot, draw_shot

__all__ = ["Camera", "Shot", "draw_shot", "shoot"]

_BIAS = 5.0
"""Pixels (standard deviation) over which the change of tone by noise is averaged."""

_MARGIN = 8
"""Pixels around the image, cut off at the end: filters wrap round, and none reaches as far into content."""


# ---- the shot ------------------------------------------------------------------------------------


def shoot(clean: Pixels, shot: Shot, random: Random) -> tuple[Pixels, Pixels]:
    """Photograph a clean image.

    Parameters
    ----------
    clean : array
        NumPy (height, width), (height, width, 1 or 3) or torch (n, 1 or 3, height, width), float, 0 to 1.
        Grey is photographed in colour and turned into grey before it is stored.
    shot : Shot
    random : Random
        The source that fits the kind of array.

    Returns
    -------
    noisy, target : array
        Of the same shape, kind and dtype, multiples of 1/255 from 0 to 1. The target is stored at quality
        100: in the mean of many shots the errors of JPEG vanish, while the subsampling of chroma stays.
    """
    planes = to_planes(clean)
    colour = planes if planes.shape[1] == 3 else library(planes).concatenate([planes] * 3, 1)
    light = unprocess(enlarge(colour, shot), shot)
    mosaic = through_bayer_filter(light.clip(0, 1), shot)
    # Demosaicing is linear: the noise passes through it alone, and the image may be spared the zipper edges
    # that these two simple ways leave and cameras' own do not. Colours are balanced before it.
    gains = through_bayer_filter(shot.gains + library(light).zeros_like(light), shot)
    noise = demosaic((add_sensor_noise(mosaic, shot, random) - mosaic) * gains, shot) / shot.gains
    light = light + shot.zipper * (demosaic(mosaic * gains, shot) / shot.gains - light)
    lit, more, less = (develop(each, shot) for each in (light, light + noise, light - noise))
    # Clipping moves the mean of the light, and the bent tone curve moves the mean of the tones. The opposite
    # noise shows both means without most of the noise, and a denoiser should give one of them.
    light_mean = tone(lit + _blur((more + less) / 2 - lit, _BIAS), shot)
    noisy, target = tone(more, shot), tone(lit, shot)
    tone_mean = target + _blur((noisy + tone(less, shot)) / 2 - target, _BIAS)
    target = tone_mean + shot.stacked * (light_mean - tone_mean)
    noisy = reduce_noise(noisy, target, shot)
    height, width = planes.shape[-2:]
    results = []
    for image, quality in ((noisy, shot.quality), (target, 100)):
        image = sharpen(image, shot)
        image = mix(image, YCBCR[:1]) if planes.shape[1] == 1 else image
        image = to_8bit(shrink(image, (height, width), shot))
        stored = jpeg(image, quality, shot.subsampling)
        results.append(from_planes(stored + shot.lossless * (image - stored), clean))
    return results[0], results[1]


def develop(light: Pixels, shot: Shot) -> Pixels:
    """White balance and colour matrix: from the sensor's colours to a screen's, in light that it can show."""
    return mix(light * shot.gains, shot.matrix).clip(0, 1)


# ---- back to the light ---------------------------------------------------------------------------


def unprocess(pixels: Pixels, shot: Shot) -> Pixels:
    """From colours on a screen to the light behind the sensor's three colour filters [1]_."""
    return mix(inverse_tone(pixels.clip(0, 1), shot), library(pixels).linalg.inv(shot.matrix)) / shot.gains


def tone(light: Pixels, shot: Shot) -> Pixels:
    """From linear light to the screen: sRGB's curve, mixed with the S-curve 3x^2 - 2x^3 of [1]_; a root."""
    light = light.clip(0, 1)
    curved = 1.055 * light.clip(0.0031308, 1) ** (1 / 2.4) - 0.055
    curved = curved - 12.92 * (0.0031308 - light).clip(0, 1)
    curved = curved + shot.contrast * (curved * curved * (3 - 2 * curved) - curved)
    return curved.clip(0, 1) ** (1 / shot.lift)


def inverse_tone(pixels: Pixels, shot: Shot) -> Pixels:
    """The inverse of `tone`: the middle root of a cubic, then sRGB's inverse curve."""
    xp = library(pixels)
    pixels = pixels**shot.lift
    q = (2 + shot.contrast) / (4 * shot.contrast)
    sine = 3**1.5 * (pixels - 0.5) / (4 * shot.contrast * q**1.5)
    curved = 0.5 + 2 * (q / 3) ** 0.5 * xp.sin(xp.arcsin(sine.clip(-1, 1)) / 3)
    steep = curved > 0.04045
    return xp.where(steep, ((curved.clip(0.04045, 1) + 0.055) / 1.055) ** 2.4, curved / 12.92)


# ---- the sensor ----------------------------------------------------------------------------------


def through_bayer_filter(light: Pixels, shot: Shot) -> Pixels:
    """Of three colours (n, 3, h, w) leave the one (n, 1, h, w) that each pixel's filter lets through."""
    row, column = _parity(light, shot)
    red, green, blue = (light[:, channel : channel + 1] for channel in range(3))
    mosaic: Pixels = green + (1 - row) * (1 - column) * (red - green) + row * column * (blue - green)
    return mosaic


def add_sensor_noise(mosaic: Pixels, shot: Shot, random: Random) -> Pixels:
    """Shot noise, read noise and row noise, and what clipping at black leaves of them.

    The variance is ``slope * light + read`` (Foi and others 2008), plus that of the rows.
    """
    normal = random.normal(mosaic)
    normal = normal + shot.hot * (normal - 3).clip(0, None)
    noisy = mosaic + (shot.slope * mosaic + shot.read) ** 0.5 * normal
    noisy = noisy + shot.row * random.normal(mosaic[..., :1])
    clipped: Pixels = noisy - shot.clips * noisy.clip(None, 0)
    return clipped


def demosaic(mosaic: Pixels, shot: Shot) -> Pixels:
    """Fill in the two colours that each pixel lacks, (n, 1, h, w) -> (n, 3, h, w).

    Bilinear, and with Malvar's correction [2]_: a part of the Laplacian of the colour that the pixel has.
    """
    xp = library(mosaic)

    def both(planes: Pixels, step: int, axis: int) -> Pixels:  # the sum of two neighbours; wraps round
        return xp.roll(planes, step, axis) + xp.roll(planes, -step, axis)

    across, down = both(mosaic, 1, -1), both(mosaic, 1, -2)
    corners = both(down, 1, -1)
    far_across, far_down = both(mosaic, 2, -1), both(mosaic, 2, -2)
    far = far_across + far_down
    green = (across + down) / 4 + shot.malvar * (4 * mosaic - far) / 8
    same_row = across / 2 + shot.malvar * (5 * mosaic - corners - far_across + far_down / 2) / 8
    same_column = down / 2 + shot.malvar * (5 * mosaic - corners - far_down + far_across / 2) / 8
    corner = corners / 4 + shot.malvar * (6 * mosaic - 1.5 * far) / 8

    row, column = _parity(mosaic, shot)
    at_red, at_blue = (1 - row) * (1 - column), row * column
    beside_red, beside_blue = (1 - row) * column, row * (1 - column)  # at green, in the same row
    planes = [
        at_red * mosaic + at_blue * corner + beside_red * same_row + beside_blue * same_column,
        (beside_red + beside_blue) * mosaic + (at_red + at_blue) * green,
        at_blue * mosaic + at_red * corner + beside_blue * same_row + beside_red * same_column,
    ]
    return xp.concatenate(planes, 1)


def _parity(planes: Pixels, shot: Shot) -> tuple[Pixels, Pixels]:
    """0 in rows, and columns, with red pixels, and 1 in those with blue ones."""
    height, width = planes.shape[-2:]
    row, column = (asarray_like(planes, np.arange(length)) for length in (height, width))
    return (row[:, None] + shot.phase[0]) % 2, (column + shot.phase[1]) % 2


# ---- the camera's processing ---------------------------------------------------------------------


def reduce_noise(noisy: Pixels, clean: Pixels, shot: Shot) -> Pixels:
    """Smooth the noise as cameras do before they store it [3]_, luma and chroma apart.

    A camera's filter looks for edges and spares them. Here the clean image is known, so that a linear
    filter of the noise alone has that effect. Where there is detail a camera smooths less, luma above all, so
    that more noise is left there. Blotches, the noise that is wider than a radius, are made stronger.
    """
    luma = mix(clean, YCBCR[:1])
    activity = _blur((luma - _blur(luma, 1.5)) ** 2, 2).clip(0, None)  # variance of the detail
    busy = activity / (activity + shot.knee**2)

    def smooth(planes: Pixels, share: Value, radius: Value) -> Pixels:
        coarse = shot.blotches * _blur(planes, shot.blotch_radius)
        return planes + share * (_blur(planes, radius) - planes) + coarse

    noise = mix(noisy - clean, YCBCR) * (1 - shot.coring * (1 - busy))
    spared = shot.spared * busy
    luma = smooth(noise[:, :1], shot.luma_share * (1 - spared), shot.luma_radius)
    chroma = smooth(noise[:, 1:], shot.chroma_share * (1 - 0.5 * spared), shot.chroma_radius)
    return clean + mix(library(noise).concatenate([luma, chroma], 1), RGB)


def sharpen(pixels: Pixels, shot: Shot) -> Pixels:
    """Add an unsharp mask of the luma to all channels."""
    luma = mix(pixels, YCBCR[:1])
    return pixels + shot.sharpening * (luma - _blur(luma, shot.sharpening_radius))


def _blur(planes: Pixels, radius: Value) -> Pixels:
    """Blur with a Gaussian by Fourier transform: it wraps round, and any radius takes the same time."""
    xp = library(planes)
    height, width = planes.shape[-2:]
    rows = asarray_like(planes, np.fft.fftfreq(height)[:, None])
    columns = asarray_like(planes, np.fft.rfftfreq(width))
    exponent = -2 * (math.pi * radius) ** 2
    # norm="ortho": without it NumPy 2.4 transforms float32 in float64, seven times as slow.
    spectrum = xp.fft.rfft2(planes, norm="ortho") * xp.exp(exponent * rows**2) * xp.exp(exponent * columns**2)
    blurred: Pixels = xp.fft.irfft2(spectrum, (height, width), norm="ortho")
    return blurred


# ---- sizes ---------------------------------------------------------------------------------------


def enlarge(planes: Pixels, shot: Shot) -> Pixels:
    """From the image's size to the sensor's, with a margin all round."""
    size = [math.ceil(length * shot.scale) + 2 * _MARGIN for length in planes.shape[-2:]]
    return resample(planes, size, first=(0.5 - _MARGIN) / shot.scale - 0.5, step=1 / shot.scale)


def shrink(planes: Pixels, size: tuple[int, int], shot: Shot) -> Pixels:
    """From the sensor's size with margin to the image's."""
    return resample(planes, size, first=_MARGIN + 0.5 * shot.scale - 0.5, step=shot.scale)


# ---- the noise -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Camera(Noise):
    """A photograph by a camera at this ISO; each image is taken by another camera.

    `raw` is the chance that a small sensor took it and a simple raw converter developed it.
    """

    kind = "camera"
    iso: Parameter = field(metadata={"limits": Limits(50, 204800)})
    raw: Parameter = field(default=0.0, metadata={"limits": Limits(0, 1)})

    @classmethod
    def usage(cls) -> str:
        return super().usage().replace("camera:ISO", "camera:iso=ISO")

    def __str__(self) -> str:
        return super().__str__().replace(":", ":iso=")

    def draw(self, random: Random, like: Array) -> Self:
        """The same noise with values from the ranges, ISO uniform in stops, as cameras count."""
        if not isinstance(self.iso, tuple):
            return super().draw(random, like)
        low, high = self.iso
        iso = low * (high / low) ** random.between(0, 1, like)
        return Noise.draw(replace(self, iso=iso), random, like)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """The noisy image of `shoot`."""
        return shoot(pixels, draw_shot(self.iso, random, pixels, self.raw), random)[0]
