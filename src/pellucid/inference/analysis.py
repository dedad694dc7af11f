"""Noise analysis: how strong the noise is, how it depends on brightness, and of which kind it is.

    image ─ tiles ─ small network ─ blocks of 4 x 4 pixels ─ level, gain, offset, kind ─ what to do

A small network (`pellucid.networks.noise`) gives each block the level of its noise, how certain that is, and
whether neighbouring pixels have independent noise. Blocks that are no image (transparent, masked, of one
value, next to such) do not count. To the others the noise of a sensor is fitted,
``variance = gain * brightness + offset``, and one function, `advise`, decides.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.inference import index
from pellucid.inference.coarse import fine_detail, halve
from pellucid.inference.content import GRAPHICS, PHOTOGRAPH, content_of
from pellucid.inference.few_photons import COUNTED_SIDE, Counts, photon_counts
from pellucid.inference.fitting import (
    CLEAR,
    SLACK,
    curve,
    fit_channels,
    fit_cut_off,
    mean_level,
    residuals,
    weighted_range,
)
from pellucid.inference.html import table_html
from pellucid.inference.session import RunOptions, Session
from pellucid.inference.stabilise import Anscombe
from pellucid.inference.survey import (
    BLOCK,
    FEWEST_BLOCKS,
    SIDE,
    Array,
    Blocks,
    Mask,
    Survey,
    cut_tiles,
    has_flat_shades,
    measure,
    survey,
)

MIN_WHITE_SIGMA = 1 / 255
"""With less white noise than this nobody sees any, and removing it gains little."""

SURE = 3.0
"""Log-odds from which the kind of the noise needs no trial."""

FAINT_SIGMA, FAINT_ODDS = 3 / 255, 2.0
"""Below this level texture looks like noise, and the odds must be this good: clean images stay unchanged."""

FEW_PHOTONS = 0.25
"""Above this level photons are so few that a stabilised image is far from normal noise."""

STEEP, STRONG = 1.2, 0.1
"""Noise is signal-dependent where its level changes by this factor over the brightness of the image, and by
more above a level of 0.1, where clipping at black and white flattens the noise."""

NARROW = 0.1
"""Integers of 16 bits, or floats, in a narrower range than this and far from 0 are no usual image."""

UNEQUAL, FEW_TILES = 1.3, 4
"""Channels whose levels differ by this factor, in at most so many tiles, are stabilised one by one."""
STABILISED = 16
"""At most so many tiles are measured again after stabilisation."""

MANY_CLIPPED = 0.2
"""From this share of samples at black or white on, a channel may be quiet because it is clipped."""

SOME_BLACK, FLATTER, STEEP_IN_DARK = 0.1, 1.15, 1.1
"""Where more samples than the first are black, strong noise is measured from shares of black, too: its level
is by at most the second factor higher than the network finds, unless `MANY_CLIPPED`; then this line shows
signal-dependent noise from the third factor on."""

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
        rows += [("Level", f"{255 * self.level:.3g} of 255"), ("Steepness", f"{self.steepness:.3g}")]
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
        ratios = np.sqrt(np.maximum(ends[:, 1], 1e-9) / np.maximum(ends[:, 0], 1e-9))
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
        levels = self.levels if self.kind == WHITE else (self.level,) * len(self.levels)
        least = max(*levels, 1e-6 * self.white) / 16  # a channel may have no noise
        return Anscombe((0.0,) * len(levels), tuple(max(each, least) ** 2 for each in levels))

    def variance(self, pixels: Array) -> NDArray[np.floating[Any]]:
        """The variance of the noise at clean pixels (..., c), by the same model as the treatment's."""
        model = self.stabiliser
        if model is None:
            return np.full_like(pixels, self.level**2)
        variance: NDArray[np.floating[Any]] = np.asarray(model.gain) * pixels + np.asarray(model.offset)
        return variance


def analyse_tiles(
    tiles: Array,
    masks: Mask | None,
    options: RunOptions,
    *,
    is_8bit: bool,
    scale: tuple[float, float] | None = None,
) -> Analysis:
    """Analyse the noise of an image.

    Parameters
    ----------
    tiles : float32 array (n, 1 or 3, rows, columns)
        As `pellucid.inference.survey.stack_tiles` gives them.
    masks : bool array (n, rows, columns), optional
        Which of their pixels are image.
    options : RunOptions
    is_8bit : bool
        Whether the samples have 8 bits; others may have another black than 0, and another white than 1.
    scale : (float, float), optional
        Black, and how far white is from it, where that is known.

    Raises
    ------
    LimitError
        When the estimator's file is missing or has changed.
    """
    clipped = _clipped(tiles)
    channels = tiles.shape[1]
    black, white = scale or ((0.0, 1.0) if is_8bit else value_range(tiles))
    tiles = (tiles - np.float32(black)) / np.float32(white)
    counts = photon_counts(tiles, masks)
    if counts is not None:
        return scaled(_counted(tiles, counts, clipped), black, white)
    session = _session(channels, options)
    where = survey(tiles, masks)
    blocks, weight = measure(tiles, where, session)
    image = tiles[0, 0].size * len(tiles) if masks is None else masks.sum()
    if where.keep.sum() * BLOCK**2 <= FEWEST_BLOCKS * image:
        none = (0.0,) * channels
        why = "there is nothing to measure noise on"
        return Analysis(CLEAN, why, content_of(tiles), 0.0, none, none, clipped=clipped)
    log_odds = float((blocks.log_odds * blocks.weight).sum() / blocks.weight.sum())
    if channels == 3 and log_odds > -SURE and max(clipped) < MANY_CLIPPED:
        blocks = with_channel_levels(blocks, tiles, where, _session(1, options))
    levels = [mean_level(each, blocks.weight**2) for each in blocks.levels]
    lines = fit_channels(blocks.brightness, blocks.levels, blocks.weight**2)
    bright = np.mean(blocks.brightness, axis=0)
    correlation, between, luma, chroma = residuals(tiles, weight)
    found = Analysis(
        kind=WHITE,
        why="",
        content=content_of(tiles),
        level=float(np.sqrt(np.mean(np.square(levels)))),
        gain=tuple(gain for gain, _ in lines),
        offset=tuple(offset for _, offset in lines),
        levels=tuple(levels),
        log_odds=log_odds,
        correlation=correlation,
        channel_correlation=between,
        luma=luma,
        chroma=chroma,
        clipped=clipped,
        measured=float(where.keep.mean()),
        brightness=weighted_range(blocks.brightness.ravel(), np.tile(blocks.weight, len(levels))),
        curve=curve(bright, np.mean(blocks.levels, axis=0), blocks.weight**2),
    )
    if has_flat_shades(tiles, where.flat, found.gain, found.offset, MIN_WHITE_SIGMA):
        found = replace(found, log_odds=min(found.log_odds, -SURE))
        if found.content == GRAPHICS:
            return scaled(replace(found, kind=CLEAN, why=NO_NOISE), black, white)
    worth = found.log_odds > -SURE and found.level >= MIN_WHITE_SIGMA
    dark = float((tiles <= 0).mean(axis=1)[where.keep.repeat(BLOCK, 1).repeat(BLOCK, 2)].mean())
    line = None
    if worth and found.visible > STRONG and dark > SOME_BLACK and max(clipped) > 0:
        line = fit_cut_off(tiles, where.keep)
    if line is not None and dark > MANY_CLIPPED:
        return scaled(_before_the_cut(found, *line), black, white)
    if worth and found.is_steep and found.level < FEW_PHOTONS:
        found = stabilised_twice(found, tiles, where, session)
    elif line is not None:
        level = min(max(found.level, line[1] ** 0.5), FLATTER * found.level)
        found = replace(found, level=level, levels=(level,) * channels)
    if worth and found.is_reduced:
        found = louder(found, REDUCED[1])
    found = advise(found, independent=found.log_odds >= (FAINT_ODDS if found.level < FAINT_SIGMA else 0))
    return scaled(found, black, white)


def _counted(tiles: Array, counts: Counts, clipped: tuple[float, float]) -> Analysis:
    """The analysis of an image of photon counts."""
    step, brightness = counts
    channels, light = len(brightness), float(brightness.mean())
    even = np.ones_like(brightness[0])
    levels = [mean_level(np.sqrt(step * each), even) for each in brightness]
    level = float(np.sqrt(np.mean(np.square(levels))))
    correlation, between, luma, chroma = residuals(tiles, np.ones_like(tiles[:, 0, ::BLOCK, ::BLOCK]))
    low, high = weighted_range(brightness.ravel(), np.tile(even, channels))
    bright = np.linspace(low, high, 9) if low < high else np.array([low])
    visible = level >= MIN_WHITE_SIGMA
    return Analysis(
        kind=SIGNAL_DEPENDENT if visible else CLEAN,
        why=f"it counts photons, {light / step:.2g} a pixel" if visible else NO_NOISE,
        content=PHOTOGRAPH,
        level=level,
        gain=(step,) * channels,
        offset=(0.0,) * channels,
        levels=tuple(levels),
        photon=step,
        log_odds=2 * SURE,
        correlation=correlation,
        channel_correlation=between,
        luma=luma,
        chroma=chroma,
        clipped=clipped,
        measured=brightness.shape[1] * COUNTED_SIDE**2 * channels / tiles.size,
        brightness=(low, high),
        curve=tuple(zip(bright.tolist(), np.sqrt(step * bright).tolist(), strict=True)),
    )


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


def _before_the_cut(found: Analysis, gain: float, offset: float) -> Analysis:
    """The analysis of the noise that black had not yet cut off, in place of what is left of it."""
    channels = len(found.gain)
    level = max(found.level, (gain * float(np.mean(found.brightness)) + offset) ** 0.5)
    whole = replace(
        found,
        level=level,
        levels=(level,) * channels,
        gain=(gain,) * channels,
        offset=(offset,) * channels,
    )
    return advise(whole, independent=True, steep=whole.steepness > STEEP_IN_DARK)


def _clipped(tiles: Array) -> tuple[float, float]:
    """The shares of samples at black and at white; floats that go beyond these were not clipped."""
    if tiles.min() < 0 or tiles.max() > 1:
        return 0.0, 0.0
    return float((tiles <= 0).mean()), float((tiles >= 1).mean())


def value_range(tiles: Array) -> tuple[float, float]:
    """Black, and how far white is from it: 0 and 1, unless samples of more than 8 bits are otherwise.

    So 12 bits in 16, or floats in the units of a detector, are analysed like the same image stretched, and
    heights below the sea, temperatures in kelvin or decibels like the same image moved to 0.
    """
    low, high = (float(each) for each in np.quantile(tiles, [0.001, 0.999]))
    extent = high - low
    negative = low < -0.4 * extent  # white noise around a black of 0 goes down to a third
    if extent > 0 and (negative or (low > high / 4 and (high > 1 or extent < NARROW))):
        return low, extent
    return 0.0, 1.0 if 0.5 < high <= 1 or high <= 0 else high


def with_channel_levels(blocks: Blocks, tiles: Array, where: Survey, session: Session) -> Blocks:
    """The blocks, with levels from the network for grey images where those of the channels differ.

    The network for colour images was trained on one level for all channels.
    """
    some = slice(None, None, -(-len(tiles) // FEW_TILES))
    keep = where.keep[some]
    if not keep.any():
        return blocks

    def levels(part: slice) -> Array:
        planes = tiles[part].reshape(-1, 1, *tiles.shape[2:])  # (n * c, 1, h, w)
        found = session.call_all(noisy=planes)[0].reshape(-1, tiles.shape[1], *keep.shape[1:])
        return np.asarray(found.transpose(1, 0, 2, 3)[:, where.keep[part]])

    if not differ([mean_level(each, np.ones_like(each)) for each in levels(some)]):
        return blocks
    return blocks._replace(levels=levels(slice(None)))


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


def advise(found: Analysis, *, independent: bool, steep: bool | None = None) -> Analysis:
    """Decide what to do about noise that is, or is not, independent: the analysis' `kind`, and why."""
    steep = found.is_steep if steep is None else steep
    level = f"{255 * found.visible:.1f} of 255"
    if not independent:
        return replace(found, kind=CAMERA, why=f"its noise is correlated, as a camera leaves it, {level}")
    if found.visible < MIN_WHITE_SIGMA:
        return replace(found, kind=CLEAN, why=NO_NOISE)
    if steep:
        return replace(found, kind=SIGNAL_DEPENDENT, why=f"its noise depends on brightness, {level}")
    return replace(found, kind=WHITE, why=f"its noise is white, {level}")


SMOOTH_ODDS, MIN_SMOOTH_SIGMA = -0.5, 3 / 255
"""From these log-odds on, noise is too nearly independent to halve the image; smooth noise below this
level is left to the networks for photographs."""

NO_DETAIL = (1.4, 1.2)
"""An image is halved, and once more, where `fine_detail` is below these."""

PATTERN, TEXTURE = 0.4, 1.25
"""Where noise is independent, means of 2 x 2 pixels have half its level, and never a higher one. Where the
level falls by more, a pattern seemed noise, and where it rises, texture."""


def analyse_coarse(found: Analysis, pixels: Array, options: RunOptions) -> Analysis:
    """Halve a grey image (h, w, 1) until its noise is independent, as long as no detail is lost."""
    if found.log_odds >= SMOOTH_ODDS or pixels.shape[2] != 1 or found.visible < MIN_SMOOTH_SIGMA:
        return found
    coarse, halvings = found, 0
    for limit in NO_DETAIL:
        if coarse.log_odds >= 0 or min(pixels.shape[:2]) < 2 * SIDE or fine_detail(pixels) > limit:
            break
        pixels, halvings = halve(pixels), halvings + 1
        scale = found.black, found.white
        coarse = analyse_tiles(cut_tiles(pixels), None, options, is_8bit=False, scale=scale)
    coarse = advise(coarse, independent=True)
    share = coarse.level / found.level
    if not halvings or coarse.kind == CLEAN or not PATTERN < share < TEXTURE:
        return found
    why = f"its noise is correlated, {255 * found.visible:.1f} of 255, and hides no detail finer than itself"
    return replace(found, kind=SMOOTH, why=why, halvings=halvings, coarse=coarse)


def stabilised_twice(found: Analysis, tiles: Array, where: Survey, session: Session) -> Analysis:
    """Fit gain and offset again, to what is left of the dependence after a first stabilisation.

    Brightness means less where noise hides it, so that the first line is too flat; the noise of the
    stabilised image has nearly one level, which the network finds best.
    """
    usable = np.flatnonzero((where.keep * where.trust).any(axis=(1, 2)))
    some = usable[:: -(-len(usable) // STABILISED)]
    tiles, where = tiles[some], where.of(some)
    stabiliser = Anscombe(found.gain, found.offset)
    stable = stabiliser.forward(tiles.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    low, high = float(stable.min()), float(stable.max())
    scale = min(1 / (high - low), 0.25)  # the network is trained up to 0.35
    again, _ = measure((stable - low) * np.float32(scale), where, session)
    line = np.array(found.gain)[:, None] * again.brightness + np.array(found.offset)[:, None]
    levels = again.levels / np.float32(scale) * np.sqrt(np.maximum(line, 1e-9))
    # Whether there is a pedestal was decided on all tiles; these few overrule it only if they are clear.
    slack = SLACK if max(found.offset) > 0 else -np.inf if any(found.offset) else CLEAR[len(found.offset)]
    lines = fit_channels(again.brightness, levels, again.weight**2, slack)
    return replace(found, gain=tuple(gain for gain, _ in lines), offset=tuple(offset for _, offset in lines))


@functools.cache
def _session(channels: int, options: RunOptions) -> Session:
    entry = index.estimator(channels)
    index.verify(entry)
    return Session(entry.path, options)
