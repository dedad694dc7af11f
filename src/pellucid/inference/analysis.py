"""Noise analysis: how strong the noise is, how it depends on brightness, of which kind it is, and what to do.

`pellucid.inference.measuring` makes it from an image.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.inference.html import table_html
from pellucid.inference.stabilise import Anscombe
from pellucid.inference.survey import Array

MIN_WHITE_SIGMA = 1 / 255
"""With less white noise than this nobody sees any, and removing it gains little."""

SURE = 3.0
"""Log-odds from which the kind of the noise needs no trial."""

STEEP, STRONG = 1.2, 0.1
"""Noise is signal-dependent where its level changes by this factor over the brightness of the image, and by
more above a level of 0.1, where clipping at black and white flattens the noise."""

UNEQUAL, POWER = 1.3, 1 / 3
"""Channels whose levels differ by this factor are divided by this power of their levels, before a network for
white noise of one level in all channels: the first power would destroy what the channels have in common."""

REDUCED = 2.6, 1.22, 8 / 255
"""Below these log-odds the noise of a grey image is independent only nearly, as after making the image
smaller; then the network finds 0.82 of the level, whatever the level and the size (0.4 to 0.95). Noise
fainter than the last number has lower odds anyway."""

NO_NOISE = "there is no noise to remove"
CLEAN, WHITE, SIGNAL_DEPENDENT = "clean", "white", "signal-dependent"
SMOOTH, CAMERA, PAGE = "smooth", "camera", "page"


@dataclass(frozen=True)
class Analysis:
    """The noise of an image.

    Levels are standard deviations in units of white, 0 to 1; brightness likewise.

    Parameters
    ----------
    kind : str
        What to do, a stable code: ``clean`` (nothing), ``white`` (one level for all brightness),
        ``signal-dependent`` (stabilise the variance first), ``camera`` (correlated noise), ``smooth``
        (correlated noise in a grey image without finer detail: denoise at a fraction of its size), ``page``
        (a scanned or photographed page: separate ink from paper).
    why : str
        The reasons, in words.
    content : str
        What the image shows: ``photograph`` (or anything else with shades), ``document`` (dark strokes on
        paper, scanned or drawn), or ``graphics`` (drawings and screenshots: areas of exactly one colour).
    level : float
        A typical level: the geometric mean over the measured blocks; of colours, the root mean square.
    levels : tuple of float
        Of each channel.
    gain, offset : tuple of float
        For each channel, variance = gain * brightness + offset.
    photon : float
        The brightness of one photon, where the image counts them: all samples are multiples of it, with the
        noise that counts have; else 0.
    white : float
        The range of brightness: 1, but that of the image itself where its samples have more than 8 bits and
        are much darker or brighter, or far from 0.
    black : float
        Where this range begins: 0, but the lowest values of an image that is far from 0.
    log_odds : float
        That neighbouring pixels have independent noise; beyond 3 and -3 it is as good as certain.
    correlation : float
        Between the noise of horizontal and vertical neighbours, measured in flat places; NaN without any.
    channel_correlation : float
        Between the noise of red, green and blue, likewise; NaN for grey images.
    luma, chroma : float
        Levels of luma and chroma, likewise; of a grey image, chroma is 0.
    clipped : (float, float)
        Shares of samples at black and at white.
    measured : float
        Share of the image's area that could be measured.
    brightness : (float, float)
        The range in which nine tenths of the measured blocks lie.
    curve : tuple of (float, float)
        Brightness and level, darkest first: what the line was fitted to.
    halvings : int
        Of smooth noise: how often the image is halved before it is denoised.
    coarse : Analysis, optional
        Of smooth noise: that of the halved image.
    """

    kind: str
    why: str
    content: str
    level: float
    gain: tuple[float, ...]
    offset: tuple[float, ...]
    levels: tuple[float, ...] = ()
    photon: float = 0.0
    white: float = 1.0
    black: float = 0.0
    log_odds: float = 0.0
    correlation: float = float("nan")
    channel_correlation: float = float("nan")
    luma: float = 0.0
    chroma: float = 0.0
    clipped: tuple[float, float] = (0.0, 0.0)
    measured: float = 0.0
    brightness: tuple[float, float] = (0.0, 1.0)
    curve: tuple[tuple[float, float], ...] = field(default=(), repr=False)
    halvings: int = 0
    coarse: "Analysis | None" = None

    def _repr_html_(self) -> str:
        rows = [("What to do", f"{self.kind}: {self.why}"), ("Content", self.content)]
        rows += [("Level", in_words(self)), ("Steepness", f"{self.steepness:.3g}")]
        rows += [
            ("Correlation of neighbours", f"{self.correlation:.2f}"),
            ("Measured", f"{self.measured:.0%}"),
        ]
        return table_html(rows)

    @property
    def visible(self) -> float:
        """The level as a share of the range of brightness."""
        return self.level / self.white

    @property
    def snr(self) -> float:
        """Signal above black over noise, in the middle of the range of brightness; NaN without noise."""
        middle = np.mean(self.brightness)
        variance = float(np.mean(np.maximum(np.multiply(self.gain, middle) + self.offset, 0)))
        return float(middle - self.black) / variance**0.5 if variance > 0 else float("nan")

    @property
    def steepness(self) -> float:
        """The level at the bright end of the image over that at the dark end."""
        ends = np.outer(self.gain, self.brightness) + np.array(self.offset)[:, None]
        ends = np.maximum(ends, 1e-9 * self.white**2)
        ratios = np.sqrt(ends[:, 1] / ends[:, 0])
        return float(np.median(ratios))

    @property
    def is_steep(self) -> bool:
        """Whether the level changes with brightness, by more than clipping makes it seem in strong noise."""
        flattened = min(1.0, 20 * sum(self.clipped)) * max(0.0, self.visible - STRONG)
        return self.steepness > STEEP + 2 * flattened

    @property
    def is_reduced(self) -> bool:
        """Whether the noise of a grey image is only nearly independent (see `REDUCED`)."""
        strong = self.visible >= REDUCED[2]
        return strong and len(self.levels) == 1 and 0 <= self.log_odds < REDUCED[0]

    @property
    def stabiliser(self) -> Anscombe | None:
        """The transform that makes the noise white, of one level, in an image near 0; None where it is so."""
        if self.kind == SIGNAL_DEPENDENT:
            return Anscombe(self.gain, self.offset, (self.black,))
        if not self.levels or (self.black == 0 and (self.kind != WHITE or not differ(self.levels))):
            return None
        levels = np.array(self.levels if self.kind == WHITE else (self.level,) * len(self.levels))
        levels = levels.clip(max(levels.max(), 1e-6 * self.white) / 16)  # a channel may have no noise
        divisor = levels**POWER
        divisor *= np.sqrt(np.mean((levels / divisor) ** 2))
        return Anscombe((0.0,) * len(levels), tuple(np.square(divisor).tolist()))

    def variance(self, pixels: Array) -> NDArray[np.floating[Any]]:
        """The variance of the noise at clean pixels (..., c), as the treatment takes it to be."""
        if self.kind == SIGNAL_DEPENDENT:
            variance: NDArray[np.floating[Any]] = np.asarray(self.gain) * pixels + np.asarray(self.offset)
            return variance
        levels = self.levels if self.kind == WHITE and differ(self.levels) else (self.level,)
        return np.broadcast_to(np.square(levels), pixels.shape)


def louder(found: Analysis, factor: float) -> Analysis:
    """The analysis of noise whose levels are so many times as high."""
    return replace(
        found,
        level=factor * found.level,
        levels=tuple(factor * each for each in found.levels),
        gain=tuple(factor**2 * each for each in found.gain),
        offset=tuple(factor**2 * each for each in found.offset),
        curve=tuple((bright, factor * level) for bright, level in found.curve),
    )


def differ(levels: Sequence[float]) -> bool:
    """Whether channels have levels so different that one for all of them loses much."""
    return max(levels) > UNEQUAL * min(levels)


def scaled(found: Analysis, black: float, white: float) -> Analysis:
    """The analysis of an image that is `white` times as bright, and then brighter by `black`."""
    return replace(
        found,
        black=black,
        white=white,
        level=found.level * white,
        levels=tuple(white * level for level in found.levels),
        photon=found.photon * white,
        gain=tuple(white * gain for gain in found.gain),
        offset=tuple(
            white**2 * offset - white * gain * black
            for gain, offset in zip(found.gain, found.offset, strict=True)
        ),
        luma=found.luma * white,
        chroma=found.chroma * white,
        brightness=(black + found.brightness[0] * white, black + found.brightness[1] * white),
        curve=tuple((black + white * bright, white * level) for bright, level in found.curve),
    )


def in_units(found: Analysis, white: float) -> Analysis:
    """The analysis in the units of a file's samples, of which `white` is 1.0 as a pixel."""
    made = scaled(found, 0.0, white)
    coarse = None if found.coarse is None else in_units(found.coarse, white)
    return replace(made, black=found.black * white, white=found.white * white, coarse=coarse)


def in_words(found: Analysis) -> str:
    """The level, as a share of white, or of the range of an image that is darker or brighter."""
    return f"{255 * found.visible:.1f} of 255" + " of its range" * (found.white != 1)


def advise(found: Analysis, *, independent: bool, steep: bool | None = None) -> Analysis:
    """Decide what to do about noise that is, or is not, independent: the analysis' `kind`, and why."""
    steep = found.is_steep if steep is None else steep
    level = in_words(found)
    if not independent:
        return replace(found, kind=CAMERA, why=f"its noise is correlated, as a camera leaves it, {level}")
    if found.visible < MIN_WHITE_SIGMA:
        return replace(found, kind=CLEAN, why=NO_NOISE)
    if steep:
        return replace(found, kind=SIGNAL_DEPENDENT, why=f"its noise depends on brightness, {level}")
    return replace(found, kind=WHITE, why=f"its noise is white, {level}")
