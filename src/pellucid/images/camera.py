"""The camera as a noise model: from light to JPEG, each step a short function.

What a camera's file shows is not white noise. The sensor's noise depends on the light, has passed through a
Bayer mosaic, white balance, colour matrix and tone curve, was smoothed and sharpened in the camera, and went
into a JPEG: it is coloured, blotchy and stronger in some tones. `shoot` takes a clean picture back to the
light that such a camera would have seen [1]_, photographs it, and gives the noisy picture with its clean
target, which went the same way without noise.

All steps work on planes (n, channels, height, width), NumPy's for pictures and torch's for training, and are
written once, with functions that both libraries have (see `pellucid.images.arrays`).

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
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from pellucid.images.arrays import beside, library, mix
from pellucid.images.jpeg import RGB, YCBCR, jpeg
from pellucid.images.noise import Limits, Noise, Parameter, Pixels, Random, to_8bit
from pellucid.images.resize import resample

_BIAS = 5.0
"""Over so many pixels (standard deviation) the change of tone that noise brings is averaged."""

_MARGIN = 8
"""Pixels around the picture, cut off at the end: filters wrap round, and none reaches as far into content."""


# ---- the settings --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shot:
    """The settings of one shot.

    Each is a number or an array (n, 1, 1, 1), one value for each picture, unless its line says otherwise.
    Light runs from 0 to 1, full scale. Radii are standard deviations of Gaussians, in pixels of the sensor.
    """

    contrast: Parameter  # share of the S-curve in the tone curve, above 0 and at most 1
    matrix: Pixels  # (n, 3, 3), from the sensor's colours to sRGB's; the rows' sums are 1
    gains: Pixels  # (n, 3, 1, 1), white balance and exposure, at least 1
    phase: tuple[Parameter, Parameter]  # row and column of the first red pixel, 0 or 1
    slope: Parameter  # shot noise: variance for each unit of light
    read: Parameter  # read noise: variance
    row: Parameter  # standard deviation of what a whole row shares
    clips: Parameter  # 1 if values below black are cut off before demosaicing, else 0
    malvar: Parameter  # demosaicing: 1 for Malvar's, 0 for bilinear
    luma_share: Parameter  # of luma noise, this share is smoothed
    luma_radius: Parameter
    spared: Parameter  # of luma's smoothing, this share is left out where there is detail
    coring: Parameter  # of all noise, this share is taken away where there is none
    knee: Parameter  # what counts as detail: half at this standard deviation
    chroma_share: Parameter
    chroma_radius: Parameter
    blotches: Parameter  # noise coarser than the next is stronger by this share
    blotch_radius: Parameter
    sharpening: Parameter  # how much of the unsharp mask is added
    sharpening_radius: Parameter
    scale: float  # sensor's size over the picture's; one for all pictures, as it decides the arrays' shape
    quality: Parameter  # of the JPEG, 1 to 100
    subsampling: tuple[int, int]  # rows and columns of pixels to one of chroma; one for all pictures


def draw_shot(iso: Parameter, random: Random, pixels: Pixels) -> Shot:
    """Draw a camera and its settings for each picture.

    Parameters
    ----------
    iso : float or array (n, 1, 1, 1)
        What the user set on the camera, 100 to 25600 on most.
    random : Random
        The source that fits the kind of array.
    pixels : array
        The pictures to be taken: NumPy (height, width, channels) or torch (n, channels, height, width).
    """
    like = _planes(pixels)[:, :1, :1, :1]
    xp = library(like)
    one = xp.ones_like(like)

    def draw(low: float, high: float) -> Pixels:  # (n, 1, 1, 1)
        return random.between(low, high, like) * one

    def draw_log(low: float, high: float) -> Pixels:
        return low * (high / low) ** draw(0, 1)

    def draw_whole(low: int, high: int) -> Pixels:
        return draw(low, high + 1) // 1

    def happens(share: float) -> Pixels:  # 1 or 0
        return (draw(0, 1) < share) * one

    def shared(low: float, high: float) -> float:  # one number for all pictures
        return float(random.between(low, high, like[:1]))

    # At ISO 100, 1 / slope is the full well: 125,000 electrons of a large pixel to 12,500 of a small one.
    slope = iso / 100 * draw_log(8e-6, 8e-5)
    read = slope**2.18 * math.e ** (1.2 + draw(-0.7, 0.7))  # the line of [1], with a wider spread
    exposure = draw(1, 1.6)
    size = shared(0, 1)
    coarse, lossless = happens(0.15), happens(0.1)
    quality = coarse * draw_whole(60, 84) + (1 - coarse) * draw_whole(88, 99)
    return Shot(
        contrast=draw(0.02, 1),
        matrix=_colour_matrix(draw),
        gains=xp.concatenate([exposure * draw(1.2, 2.5), exposure, exposure * draw(1.2, 2.4)], 1),
        phase=(draw_whole(0, 1), draw_whole(0, 1)),
        slope=slope,
        read=read,
        row=happens(0.5) * draw(0, 0.3) * read**0.5,
        clips=happens(0.5),
        malvar=happens(0.6),
        # Most cameras smooth nearly all of the noise, luma over a pixel and chroma over many.
        luma_share=happens(0.9) * (1 - draw(0, 1) ** 2),
        luma_radius=draw_log(0.5, 3),
        spared=draw(0.3, 1),
        coring=draw(0, 0.9),
        knee=draw_log(0.4, 6) / 255,
        chroma_share=happens(0.95) * (1 - draw(0, 0.7) ** 2),
        chroma_radius=draw_log(1, 24),
        # White noise that was blurred has weaker blotches than files from cameras show.
        blotches=draw(0, 2.5),
        blotch_radius=draw_log(4, 14),
        sharpening=happens(0.3) * draw(0, 1),
        sharpening_radius=draw(0.5, 1.2),
        # As it was; shrunk, as for web pages and by phones that bin; enlarged, as by digital zoom.
        scale=1.0 if size < 0.7 else shared(1, 1.5) if size < 0.9 else shared(0.7, 1),
        quality=lossless * 100 + (1 - lossless) * quality,
        subsampling=((1, 1), (1, 2), (2, 2))[int(shared(0, 3))],
    )


def _colour_matrix(draw: Callable[[float, float], Pixels]) -> Pixels:
    """A matrix (n, 3, 3) from a sensor's colours to sRGB's: more saturation, and some crosstalk."""
    saturation = draw(0.1, 0.8)
    others = [draw(-0.14, 0.14) - saturation / 3 for _ in range(6)]
    green_red, blue_red, red_green, blue_green, red_blue, green_blue = others
    rows = [
        [1 - green_red - blue_red, green_red, blue_red],
        [red_green, 1 - red_green - blue_green, blue_green],
        [red_blue, green_blue, 1 - red_blue - green_blue],
    ]
    xp = library(saturation)
    return xp.concatenate([entry for row in rows for entry in row], 1).reshape(-1, 3, 3)


# ---- the shot ------------------------------------------------------------------------------------


def shoot(clean: Pixels, shot: Shot, random: Random) -> tuple[Pixels, Pixels]:
    """Photograph a clean picture.

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
    planes = _planes(clean)
    colour = planes if planes.shape[1] == 3 else library(planes).concatenate([planes] * 3, 1)
    light = unprocess(enlarge(colour, shot), shot)
    mosaic = through_bayer_filter(light, shot)
    # Demosaicing is linear: the noise passes through it alone, and the picture is spared the zipper edges
    # that these two simple ways leave and cameras' own do not.
    noise = demosaic(add_sensor_noise(mosaic, shot, random) - mosaic, shot)
    noisy, target = develop(light + noise, shot), develop(light, shot)
    # The tone curve bends, so that noise changes the mean tone, as the mean of many shots shows too. The
    # opposite noise gives that mean: a denoiser should not learn to move tones.
    bias = (noisy + develop(light - noise, shot)) / 2 - target
    target = target + _blur(bias, _BIAS)
    noisy = reduce_noise(noisy, target, shot)
    size = planes.shape[-2:]
    results = []
    for picture, quality in ((noisy, shot.quality), (target, 100)):
        picture = sharpen(picture, shot)
        picture = mix(picture, YCBCR[:1]) if planes.shape[1] == 1 else picture
        picture = jpeg(to_8bit(shrink(picture, size, shot)), quality, shot.subsampling)
        results.append(_unplane(picture, clean))
    return results[0], results[1]


def develop(light: Pixels, shot: Shot) -> Pixels:
    """White balance, colour matrix and tone curve: from the sensor's colours to those of a screen."""
    return tone(mix(light * shot.gains, shot.matrix), shot)


# ---- back to the light ---------------------------------------------------------------------------


def unprocess(pixels: Pixels, shot: Shot) -> Pixels:
    """From colours on a screen to the light behind the sensor's three colour filters [1]_."""
    return mix(inverse_tone(pixels.clip(0, 1), shot), library(pixels).linalg.inv(shot.matrix)) / shot.gains


def tone(light: Pixels, shot: Shot) -> Pixels:
    """From linear light to the screen: sRGB's curve, mixed with the S-curve 3x^2 - 2x^3 of [1]_."""
    light = light.clip(0, 1)
    curved = 1.055 * light.clip(0.0031308, 1) ** (1 / 2.4) - 0.055
    curved = curved - 12.92 * (0.0031308 - light).clip(0, 1)
    return curved + shot.contrast * (curved * curved * (3 - 2 * curved) - curved)


def inverse_tone(pixels: Pixels, shot: Shot) -> Pixels:
    """The inverse of `tone`: the middle root of a cubic, then sRGB's inverse curve."""
    xp = library(pixels)
    q = (2 + shot.contrast) / (4 * shot.contrast)
    sine = 3**1.5 * (pixels - 0.5) / (4 * shot.contrast * q**1.5)
    curved = 0.5 + 2 * (q / 3) ** 0.5 * xp.sin(xp.arcsin(sine.clip(-1, 1)) / 3)
    return xp.where(curved > 0.04045, ((curved.clip(0.04045, 1) + 0.055) / 1.055) ** 2.4, curved / 12.92)


# ---- the sensor ----------------------------------------------------------------------------------


def through_bayer_filter(light: Pixels, shot: Shot) -> Pixels:
    """Of three colours (n, 3, h, w) leave the one (n, 1, h, w) that each pixel's filter lets through.

    Colours that the sensor cannot see have negative light here: they count as black.
    """
    row, column = _parity(light, shot)
    red, green, blue = (light[:, channel : channel + 1].clip(0, 1) for channel in range(3))
    return green + (1 - row) * (1 - column) * (red - green) + row * column * (blue - green)


def add_sensor_noise(mosaic: Pixels, shot: Shot, random: Random) -> Pixels:
    """Shot noise, read noise and row noise, and what clipping at black leaves of them.

    The variance is ``slope * light + read`` (Foi and others 2008), and the rows' own beside it.
    """
    noisy = mosaic + (shot.slope * mosaic + shot.read) ** 0.5 * random.normal(mosaic)
    noisy = noisy + shot.row * random.normal(mosaic[..., :1])
    return noisy - shot.clips * noisy.clip(None, 0)


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
    """0 in rows, and columns, that hold red pixels, and 1 in those that hold blue ones."""
    height, width = planes.shape[-2:]
    row, column = (beside(planes, np.arange(length)) for length in (height, width))
    return (row[:, None] + shot.phase[0]) % 2, (column + shot.phase[1]) % 2


# ---- the camera's processing ---------------------------------------------------------------------


def reduce_noise(noisy: Pixels, clean: Pixels, shot: Shot) -> Pixels:
    """Smooth the noise as cameras do before they store it [3]_, luma and chroma apart.

    A camera's filter looks for edges and spares them. Here the clean picture is known, so that a linear
    filter of the noise alone has that effect. Where there is detail a camera smooths less, luma above all, so
    that more noise is left there. Blotches, the noise that is wider than a radius, are made stronger.
    """
    luma = mix(clean, YCBCR[:1])
    activity = _blur((luma - _blur(luma, 1.5)) ** 2, 2).clip(0, None)  # variance of the detail
    busy = activity / (activity + shot.knee**2)

    def smooth(planes: Pixels, share: Parameter, radius: Parameter) -> Pixels:
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


def _blur(planes: Pixels, radius: Parameter) -> Pixels:
    """Blur with a Gaussian by Fourier transform: it wraps round, and any radius takes the same time."""
    xp = library(planes)
    height, width = planes.shape[-2:]
    rows = beside(planes, np.fft.fftfreq(height)[:, None])
    columns = beside(planes, np.fft.rfftfreq(width))
    exponent = -2 * (math.pi * radius) ** 2
    # norm="ortho": without it NumPy 2.4 transforms float32 in float64, seven times as slow.
    spectrum = xp.fft.rfft2(planes, norm="ortho") * xp.exp(exponent * rows**2) * xp.exp(exponent * columns**2)
    return xp.fft.irfft2(spectrum, (height, width), norm="ortho")


# ---- sizes ---------------------------------------------------------------------------------------


def enlarge(planes: Pixels, shot: Shot) -> Pixels:
    """From the picture's size to the sensor's, with a margin all round."""
    size = [math.ceil(length * shot.scale) + 2 * _MARGIN for length in planes.shape[-2:]]
    return resample(planes, size, first=(0.5 - _MARGIN) / shot.scale - 0.5, step=1 / shot.scale)


def shrink(planes: Pixels, size: tuple[int, int], shot: Shot) -> Pixels:
    """From the sensor's size with margin to the picture's."""
    return resample(planes, size, first=_MARGIN + 0.5 * shot.scale - 0.5, step=shot.scale)


# ---- in and out ----------------------------------------------------------------------------------


def _planes(pixels: Pixels) -> Pixels:
    """(h, w), (h, w, c) or (n, c, h, w) -> (n, c, h, w)."""
    if not isinstance(pixels, np.ndarray):
        return pixels
    return np.ascontiguousarray(np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), -1, 0))[None]


def _unplane(planes: Pixels, like: Pixels) -> Pixels:
    """Undo `_planes`."""
    if not isinstance(like, np.ndarray):
        return planes
    return np.ascontiguousarray(np.moveaxis(planes[0], 0, -1), dtype=like.dtype).reshape(like.shape)


# ---- the noise -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Camera(Noise):
    """What a camera at this ISO makes of a picture; each picture is taken by another camera."""

    kind = "camera"
    iso: Parameter = field(metadata={"limits": Limits(50, 102400)})

    @classmethod
    def usage(cls) -> str:
        return super().usage().replace("camera:ISO", "camera:iso=ISO")

    def __str__(self) -> str:
        return super().__str__().replace(":", ":iso=")

    def draw(self, random: Random, like: Pixels) -> Self:
        """The same noise with a value from the range, uniform in its logarithm: cameras count in stops."""
        if not isinstance(self.iso, tuple):
            return self
        low, high = self.iso
        return replace(self, iso=low * (high / low) ** random.between(0, 1, like))

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """The noisy picture of `shoot`."""
        return shoot(pixels, draw_shot(self.iso, random, pixels), random)[0]
