"""Measuring the noise of an image: from tiles, through a small network and a fit, to an analysis.

    image ─ tiles ─ small network ─ blocks of 4 x 4 pixels ─ level, gain, offset, kind ─ what to do

A small network (`pellucid.networks.noise`) gives each block the level of its noise, how certain that is, and
whether neighbouring pixels have independent noise. Blocks that are no image (transparent, masked, of one
value, next to such) do not count. To the others the noise of a sensor is fitted,
``variance = gain * brightness + offset``, and one function, `pellucid.inference.analysis.advise`, decides.
"""

import functools
from dataclasses import replace

import numpy as np

from pellucid.inference import index
from pellucid.inference.analysis import (
    CLEAN,
    MIN_WHITE_SIGMA,
    NO_NOISE,
    REDUCED,
    SIGNAL_DEPENDENT,
    SMOOTH,
    SURE,
    WHITE,
    Analysis,
    advise,
    differ,
    in_words,
    louder,
    scaled,
)
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

FAINT_SIGMA, FAINT_ODDS = 3 / 255, 2.0
"""Below this level texture looks like noise, and the odds must be this good: clean images stay unchanged."""

FEW_PHOTONS = 0.25
"""Above this level photons are so few that a stabilised image is far from normal noise."""

NARROW = 0.1
"""Integers of 16 bits, or floats, in a narrower range than this and far from 0 are no usual image."""

MOST, FAR_BRIGHTER = 0.95, 16
"""Where the first share of samples is darker than the brightest by the second factor, as between stars, noise
may be measured in the range of these samples."""

BRIGHTEST = 2.0
"""In units of white: the few samples above it, such as stars, say nothing of the noise, and hide it."""

STABILISED = 16
"""At most so many tiles are measured again after stabilisation."""

MANY_CLIPPED = 0.2
"""From this share of samples at black or white on, a channel may be quiet because it is clipped."""

CUT_SIGMA, SOME_CUT, FLATTER, STEEP_IN_DARK = (5 / 255, 12 / 255), 0.1, 1.15, 1.1
"""Where more samples than the second are black, or white, noise above the first, for each, is measured from
the others: its level is at most the third factor higher than the network finds, unless `MANY_CLIPPED`; then
this line shows signal-dependent noise from the fourth factor on."""

FEW_TILES = 4
"""In at most so many tiles it is seen whether the levels of channels differ."""


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
    tiles = np.minimum((tiles - np.float32(black)) / np.float32(white), np.float32(BRIGHTEST))
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
    inside = where.keep.repeat(BLOCK, 1).repeat(BLOCK, 2)
    cut = [float(each.mean(axis=1)[inside].mean()) for each in (tiles <= 0, tiles >= 1)]
    line = None
    least = CUT_SIGMA[cut[1] > cut[0]]
    if worth and found.visible > least and max(cut) > SOME_CUT and max(clipped) > 0:
        line = fit_cut_off(tiles, where.keep, blocks, at_white=cut[1] > cut[0])
    if line is not None and max(cut) > MANY_CLIPPED:
        return scaled(_before_the_cut(found, *line), black, white)
    if worth and found.is_steep and found.level < FEW_PHOTONS:
        found = stabilised_twice(found, tiles, where, session)
    elif line is not None:
        there = line[0] * (cut[1] > cut[0]) + line[1]
        level = min(max(found.level, max(there, 0) ** 0.5), FLATTER * found.level)
        found = replace(found, level=level, levels=(level,) * channels)
    if worth and found.is_reduced:
        found = louder(found, REDUCED[1])
    independent = found.log_odds >= (FAINT_ODDS if found.level < FAINT_SIGMA else 0)
    return advise(scaled(found, black, white), independent=independent, steep=found.is_steep)


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


def dark_range(tiles: Array) -> tuple[float, float] | None:
    """Black, and how far white is from it, of most of an image where few samples are far brighter; else None.

    In linear images of stars or lamps the noise of everything else is invisible before stretching.
    """
    most = np.quantile(tiles, MOST)
    return value_range(np.minimum(tiles, most)) if 0 < most < tiles.max() / FAR_BRIGHTER else None


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
    why = f"its noise is correlated, {in_words(found)}, and hides no detail finer than itself"
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
