"""The settings of one shot of a simulated camera, and how they are drawn.

References
----------
.. [1] T. Brooks, B. Mildenhall, T. Xue, J. Chen, D. Sharlet, J. Barron, "Unprocessing Images for Learned Raw
   Denoising", CVPR 2019, section 3.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from pellucid.noise.arrays import Array, Value, library, to_planes
from pellucid.noise.base import Random


@dataclass(frozen=True)
class Shot:
    """The settings of one shot.

    Each is a number or an array (n, 1, 1, 1), one value for each image, unless its line says otherwise.
    Light runs from 0 to 1, full scale. Radii are standard deviations of Gaussians, in pixels of the sensor.
    """

    contrast: Value  # share of the S-curve in the tone curve, above 0 and at most 1
    lift: Value  # shadows are lifted by this root of the tone, at least 1
    matrix: Array  # (n, 3, 3), from the sensor's colours to sRGB's; the rows' sums are 1
    gains: Array  # (n, 3, 1, 1), white balance and exposure, at least 1
    phase: tuple[Value, Value]  # row and column of the first red pixel, 0 or 1
    slope: Value  # shot noise: variance for each unit of light
    read: Value  # read noise: variance
    row: Value  # standard deviation of what a whole row shares
    hot: Value  # hot pixels: factor of the noise beyond three standard deviations
    clips: Value  # 1 if values below black are cut off before demosaicing, else 0
    malvar: Value  # demosaicing: 1 for Malvar's, 0 for bilinear
    zipper: Value  # 1 if the clean image is demosaiced too, which leaves zipper edges, else 0
    luma_share: Value  # of luma noise, this share is smoothed
    luma_radius: Value
    spared: Value  # of luma's smoothing, this share is left out where there is detail
    coring: Value  # of all noise, this share is removed where there is no detail
    knee: Value  # what counts as detail: half at this standard deviation
    chroma_share: Value
    chroma_radius: Value
    blotches: Value  # noise coarser than the next is stronger by this share
    blotch_radius: Value
    sharpening: Value  # how much of the unsharp mask is added
    sharpening_radius: Value
    scale: float  # sensor's size over the image's; one for all images, as it decides the arrays' shape
    lossless: Value  # 1 if the file is no JPEG
    quality: Value  # of the JPEG, 1 to 100
    subsampling: tuple[int, int]  # rows and columns of pixels to one of chroma; one for all images
    stacked: Value  # 1 if the target is the mean of many shots' light, 0 if the mean of their files


def draw_shot(iso: Value, random: Random, pixels: Array, raw: Value = 0.0) -> Shot:
    """Draw a camera and its settings for each image.

    Values
    ----------
    iso : float or array (n, 1, 1, 1)
        As set on the camera, 100 to 25600 on most.
    random : Random
        The source that fits the kind of array.
    pixels : array
        The images to be taken: NumPy (height, width, channels) or torch (n, channels, height, width).
    raw : float or array (n, 1, 1, 1)
        The chance that a small sensor takes the image and a raw converter develops it: `raw_settings`.
    """
    like = to_planes(pixels)[:, :1, :1, :1]
    xp = library(like)
    one = xp.ones_like(like)

    def draw(low: float, high: float) -> Array:  # (n, 1, 1, 1)
        drawn: Array = random.between(low, high, like) * one
        return drawn

    def draw_log(low: float, high: float) -> Array:
        return low * (high / low) ** draw(0, 1)

    def draw_whole(low: int, high: int) -> Array:
        return draw(low, high + 1) // 1

    def happens(share: Value) -> Array:  # 1 or 0
        happened: Array = (draw(0, 1) < share) * one
        return happened

    def shared(low: float, high: float) -> float:  # one number for all images
        return float(random.between(low, high, like[:1]))

    # At ISO 100, 1 / slope is the full well: 125,000 electrons of a large pixel to 12,500 of a small one.
    slope = iso / 100 * draw_log(8e-6, 8e-5)
    read = slope**2.18 * math.e ** (1.2 + draw(-0.7, 0.7))  # the line of [1], with a wider spread
    exposure = draw(1, 1.6)
    size = shared(0, 1)
    coarse, best = happens(0.15), happens(0.1)
    quality = coarse * draw_whole(60, 84) + (1 - coarse) * draw_whole(88, 99)
    shot = Shot(
        contrast=draw(0.02, 1),
        lift=1.0,
        matrix=_colour_matrix(draw),
        gains=xp.concatenate([exposure * draw(1.2, 2.5), exposure, exposure * draw(1.2, 2.4)], 1),
        phase=(draw_whole(0, 1), draw_whole(0, 1)),
        slope=slope,
        read=read,
        row=happens(0.5) * draw(0, 0.3) * read**0.5,
        hot=0.0,
        clips=happens(0.5),
        malvar=happens(0.6),
        zipper=0.0,
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
        lossless=0.0,
        quality=best * 100 + (1 - best) * quality,
        subsampling=((1, 1), (1, 2), (2, 2))[int(shared(0, 3))],
        stacked=0.0,
    )
    if isinstance(raw, float) and not raw:
        return shot
    is_raw = happens(raw)
    changes = {
        name: is_raw * value + (1 - is_raw) * getattr(shot, name)
        for name, value in raw_settings(iso, draw).items()
    }
    return replace(shot, **changes)


def raw_settings(iso: Value, draw: Callable[[float, float], Array]) -> dict[str, Array]:
    """The settings that differ where a small sensor takes the image and a simple raw converter develops it.

    At ISO 100 its full well is 50,000 to 4,000 electrons, and at any ISO its read noise is 0.7 to 4.5
    electrons. Nothing is smoothed, most files are no JPEGs, and the target is what light alone would have
    given: noise so heavy moves tones by more than a viewer should see.

    Values
    ----------
    iso : float or array (n, 1, 1, 1)
    draw : function of (low, high)
        Gives an array (n, 1, 1, 1), uniform between these.

    Returns
    -------
    dict of str to array (n, 1, 1, 1)
        By the names of `Shot`.
    """
    nothing = draw(0, 0)
    slope = iso / 100 * 2e-5 * 12.5 ** draw(0, 1)
    read = slope**2 * 0.5 * 40 ** draw(0, 1)
    return {
        "contrast": 0.02 + draw(-1, 1).clip(0, None),
        "lift": 1 + draw(-0.6, 0.3).clip(0, None),
        "slope": slope,
        "read": read,
        "row": draw(-0.3, 0.3).clip(0, None) * read**0.5,
        "hot": draw(-10, 10).clip(0, None),
        "clips": nothing,
        "malvar": (draw(0, 1) < 0.75) + nothing,
        "luma_share": nothing,
        "coring": nothing,
        "chroma_share": nothing,
        "blotches": nothing,
        "sharpening": nothing,
        "lossless": (draw(0, 1) < 0.6) + nothing,
        "stacked": nothing + 1,
        "zipper": (draw(0, 1) < 0.5) + nothing,
    }


def _colour_matrix(draw: Callable[[float, float], Array]) -> Array:
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
    matrix: Array = xp.concatenate([entry for row in rows for entry in row], 1).reshape((-1, 3, 3))
    return matrix
