"""What the noise of an image is like: how strong, how it depends on brightness, and of which kind.

    image ─ tiles ─ small network ─ blocks of 4 x 4 pixels ─ level, gain, offset, kind ─ what to do

A small network (`pellucid.networks.noise`) gives each block the level of its noise, how certain that is, and
whether neighbouring pixels have independent noise. Blocks that are no image (transparent, masked, of one
value, next to such) do not count. From the others this module fits the noise of a sensor,
``variance = gain * brightness + offset`` (Foi and others 2008), and one function, `advise`, decides.
"""

import functools
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.inference import index
from pellucid.inference.coarse import fine_detail, halve
from pellucid.inference.session import RunOptions, Session
from pellucid.inference.stabilise import Anscombe
from pellucid.io.image import to_float
from pellucid.noise.jpeg import YCBCR

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIDE = 64  # pixels a side of a tile
SHARE = 0.45  # of the image's area that is measured, ...
FEWEST, TILES = 4, 64  # ... in at least and at most so many tiles
BLOCK = 4  # pixels a side of a block
EPSILON = 0.5 / 255  # as in training: levels far below this are equal

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

NO_NOISE = "there is no noise to remove"
CLEAN, WHITE, SIGNAL_DEPENDENT = "clean", "white", "signal-dependent"
SMOOTH, CAMERA = "smooth", "camera"


@dataclass(frozen=True)
class Analysis:
    """The noise of an image.

    Levels are standard deviations in units of white, 0 to 1; brightness likewise.

    Parameters
    ----------
    kind : str
        What to do, a stable code: ``clean`` (nothing), ``white`` (one level for all brightness),
        ``signal-dependent`` (stabilise the variance first), ``camera`` (correlated noise), ``smooth``
        (correlated noise in a grey image without finer detail: denoise at a fraction of its size).
    why : str
        The reasons, in words.
    content : str
        What the image shows: ``photograph`` (or anything else with shades), ``document`` (dark strokes on
        paper), or ``graphics`` (drawings and screenshots: areas of exactly one colour).
    level : float
        Root mean square over the measured blocks.
    gain, offset : tuple of float
        For each channel, variance = gain * brightness + offset.
    white : float
        What counts as white: 1, but the brightest values of an image of more than 8 bits that is much darker
        or brighter.
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
    white: float = 1.0
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

    @property
    def visible(self) -> float:
        """The level as a share of the image's white."""
        return self.level / self.white

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
    def stabiliser(self) -> Anscombe | None:
        """The transform that makes the noise white; None where it is white, or not independent."""
        return Anscombe(self.gain, self.offset) if self.kind == SIGNAL_DEPENDENT else None


class Blocks(NamedTuple):
    """The measured blocks of an image."""

    brightness: Array  # (c, n)
    levels: Array  # (c, n)
    weight: Array  # (n,): one over the typical error of the logarithm of the levels
    log_odds: Array  # (n,)


class Survey(NamedTuple):
    """Where tiles can be measured."""

    keep: Mask  # (n, r, k): the blocks that count
    flat: Mask  # (n, r, k): blocks of one colour
    trust: Array  # (n, r, k): 1 where up to a tenth of the samples were clipped, 0 from a half on
    brightness: Array  # (n, c, r, k), around each block


def analyse_pixels(colour: NDArray[Any], valid: Mask | None, options: RunOptions) -> Analysis:
    """Analyse the noise of an image.

    Parameters
    ----------
    colour : array (h, w, 1 or 3)
        uint8, uint16, float32 or float64; integers are scaled so that their largest value is 1.
    valid : bool array (h, w), optional
        What of it is image.
    options : RunOptions

    Raises
    ------
    LimitError
        When the estimator's file is missing or has changed.
    """
    tiles, masks = cut_tiles(colour, valid)
    clipped = _clipped(tiles)
    white = _white(tiles) if colour.dtype != np.uint8 else 1.0
    tiles /= np.float32(white)
    session = _session(colour.shape[2], options)
    where = survey(tiles, masks)
    blocks, weight = measure(tiles, where, session)
    image = tiles[0, 0].size * len(tiles) if masks is None else masks.sum()
    if where.keep.sum() * BLOCK**2 <= FEWEST_BLOCKS * image:
        none = (0.0,) * colour.shape[2]
        why = "there is nothing to measure noise on"
        return Analysis(CLEAN, why, content_of(tiles), 0.0, none, none, clipped=clipped)
    levels = [_mean_level(each, blocks.weight**2) for each in blocks.levels]
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
        log_odds=float((blocks.log_odds * blocks.weight).sum() / blocks.weight.sum()),
        correlation=correlation,
        channel_correlation=between,
        luma=luma,
        chroma=chroma,
        clipped=clipped,
        measured=float(where.keep.mean()),
        brightness=_range(blocks.brightness.ravel(), np.tile(blocks.weight, len(levels))),
        curve=_curve(bright, np.mean(blocks.levels, axis=0), blocks.weight**2),
    )
    if has_flat_shades(tiles, where.flat, found.gain, found.offset):
        found = replace(found, log_odds=min(found.log_odds, -SURE))
        if found.content == "graphics":
            return scaled(replace(found, kind=CLEAN, why=NO_NOISE), white)
    worth = found.log_odds > -SURE and MIN_WHITE_SIGMA <= found.level < FEW_PHOTONS
    if worth and found.is_steep:
        found = stabilised_twice(found, tiles, where, session)
    found = advise(found, independent=found.log_odds >= (FAINT_ODDS if found.level < FAINT_SIGMA else 0))
    return scaled(found, white)


def _clipped(tiles: Array) -> tuple[float, float]:
    """The shares of samples at black and at white; floats that go beyond these were not clipped."""
    if tiles.min() < 0 or tiles.max() > 1:
        return 0.0, 0.0
    return float((tiles <= 0).mean()), float((tiles >= 1).mean())


def _white(tiles: Array) -> float:
    """What counts as white: 1, unless an image of more than 8 bits is much darker, or brighter.

    So 12 bits in 16, or floats in the units of a detector, are analysed like the same image stretched.
    """
    bright = float(np.quantile(tiles, 0.999))
    return 1.0 if 0.5 < bright <= 1 or bright <= 0 else bright


def scaled(found: Analysis, white: float) -> Analysis:
    """The analysis of an image that is `white` times as bright."""
    return replace(
        found,
        white=white,
        level=found.level * white,
        gain=tuple(white * gain for gain in found.gain),
        offset=tuple(white**2 * offset for offset in found.offset),
        luma=found.luma * white,
        chroma=found.chroma * white,
        brightness=(found.brightness[0] * white, found.brightness[1] * white),
        curve=tuple((white * bright, white * level) for bright, level in found.curve),
    )


def advise(found: Analysis, *, independent: bool) -> Analysis:
    """Decide what to do about noise that is, or is not, independent: the analysis' `kind`, and why."""
    level = f"{255 * found.visible:.1f} of 255"
    if not independent:
        return replace(found, kind=CAMERA, why=f"its noise is correlated, as a camera leaves it, {level}")
    if found.visible < MIN_WHITE_SIGMA:
        return replace(found, kind=CLEAN, why=NO_NOISE)
    if found.is_steep:
        return replace(found, kind=SIGNAL_DEPENDENT, why=f"its noise depends on brightness, {level}")
    return replace(found, kind=WHITE, why=f"its noise is white, {level}")


FEWEST_BLOCKS = 0.04
"""Where no larger share of an image can be measured, the rest is of one colour: text, or a drawing."""

SHADES, SHADE_BLOCKS = 3, 4
"""How many colours must have how many flat blocks, to show that there is no independent noise."""

MIN_SMOOTH_SIGMA = 3 / 255
"""Smooth noise below this level is left to the networks for photographs."""

NO_DETAIL = (1.4, 1.2)
"""An image is halved, and once more, where `fine_detail` is below these."""


def analyse_coarse(found: Analysis, colour: NDArray[Any], options: RunOptions) -> Analysis:
    """Halve a grey image until its noise is independent, as long as no detail is lost."""
    if found.log_odds >= 0 or colour.shape[2] != 1 or found.visible < MIN_SMOOTH_SIGMA:
        return found
    rows, columns = (slice(max(0, extent // 2 - 512), extent // 2 + 512) for extent in colour.shape[:2])
    pixels, halvings = to_float(colour[rows, columns]), 0
    coarse = found
    for limit in NO_DETAIL:
        if coarse.log_odds >= 0 or min(pixels.shape[:2]) < 2 * SIDE or fine_detail(pixels) > limit:
            break
        pixels, halvings = halve(pixels), halvings + 1
        coarse = analyse_pixels(pixels, None, options)
    coarse = advise(coarse, independent=True)
    if not halvings or coarse.kind == CLEAN:
        return found
    why = f"its noise is correlated, {255 * found.visible:.1f} of 255, and hides no detail finer than itself"
    return replace(found, kind=SMOOTH, why=why, halvings=halvings, coarse=coarse)


def stabilised_twice(found: Analysis, tiles: Array, where: Survey, session: Session) -> Analysis:
    """Fit gain and offset again, to what is left of the dependence after a first stabilisation.

    Brightness means less where noise hides it, so that the first line is too flat; the noise of the
    stabilised image has nearly one level, which the network finds best.
    """
    stabiliser = Anscombe(found.gain, found.offset)
    stable = stabiliser.forward(tiles.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    low, high = float(stable.min()), float(stable.max())
    scale = min(1 / (high - low), 0.25)  # the network knows levels up to 0.35
    again, _ = measure((stable - low) * np.float32(scale), where, session)
    line = np.array(found.gain)[:, None] * again.brightness + np.array(found.offset)[:, None]
    levels = again.levels / np.float32(scale) * np.sqrt(np.maximum(line, 1e-9))
    lines = fit_channels(again.brightness, levels, again.weight**2)
    return replace(found, gain=tuple(gain for gain, _ in lines), offset=tuple(offset for _, offset in lines))


# ---- where to look -------------------------------------------------------------------------------


def cut_tiles(colour: NDArray[Any], valid: Mask | None) -> tuple[Array, Mask | None]:
    """The pixels to measure: tiles on an even grid.

    Returns
    -------
    float32 array (n, c, rows, columns)
        Sides are multiples of `BLOCK`; images smaller than four blocks are mirrored.
    bool array (n, rows, columns) or None
        What of it is image.
    """
    small = [(0, max(0, 4 * BLOCK - extent)) for extent in colour.shape[:2]]
    if any(after for _, after in small):
        colour = np.pad(colour, (*small, (0, 0)), mode="symmetric")
        valid = None if valid is None else np.pad(valid, small, mode="symmetric")
    height, width = (extent // BLOCK * BLOCK for extent in colour.shape[:2])
    tall, wide = min(SIDE, height), min(SIDE, width)
    count = max(FEWEST, min(TILES, round(SHARE * height * width / SIDE**2)))
    down = max(1, min(height // tall, round((count * height / width) ** 0.5)))
    across = max(1, min(width // wide, round(count / down)))
    windows = [
        (slice(row, row + tall), slice(column, column + wide))
        for row in np.linspace(0, height - tall, down).astype(int)
        for column in np.linspace(0, width - wide, across).astype(int)
    ]
    tiles = to_float(np.stack([colour[window].transpose(2, 0, 1) for window in windows]))
    return tiles, None if valid is None else np.stack([valid[window] for window in windows])


def survey(tiles: Array, masks: Mask | None) -> Survey:
    """Find the blocks of tiles (n, c, rows, columns) that count, and how bright they are."""
    flat = (_over_blocks(np.maximum, tiles) == _over_blocks(np.minimum, tiles)).all(axis=1)
    out = left_out(flat)
    if masks is not None:
        gaps = _near(~_over_blocks(np.logical_and, masks[:, None])[:, 0], 3)
        out, flat = out | gaps, flat & ~gaps
    size = np.float32(BLOCK**2)
    clipped = ((tiles <= 0) | (tiles >= 1)).mean(axis=1, keepdims=True, dtype=np.float32)
    trust = (1.25 - 2.5 * _smoothed(_over_blocks(np.add, clipped)) / size).clip(0, 1)[:, 0]
    if (trust * ~out).sum() < 0.05 * (~out).sum():
        trust = np.ones_like(trust)  # all is clipped, and must do
    return Survey(~out, flat, trust, _smoothed(_over_blocks(np.add, tiles)) / size)


def measure(tiles: Array, where: Survey, session: Session) -> tuple[Blocks, Array]:
    """Run the network on tiles (n, c, rows, columns).

    Returns
    -------
    Blocks
    float32 array (n, rows / 4, columns / 4)
        Their weight; 0 where blocks were left out.
    """
    levels, log_spread, log_odds = session.call_all(noisy=tiles)
    weight = np.exp(-log_spread[:, 0].clip(-4, 3)) * where.keep * where.trust
    return Blocks(
        where.brightness.transpose(1, 0, 2, 3)[:, where.keep],
        levels.transpose(1, 0, 2, 3)[:, where.keep],
        weight[where.keep],
        log_odds[:, 0][where.keep],
    ), weight


def left_out(flat: Mask) -> Mask:
    """Which blocks (n, r, k) do not count: flat ones, and what is near a large flat area.

    Letterboxes, margins and burnt-out skies show no noise, whatever the rest of the image has, and spoil
    the estimate next to them. Single flat blocks do not: dark noise that was clipped has many.
    """
    area = ~_near(~flat, 1)  # flat all around
    return flat | _near(area, 4)


def has_flat_shades(tiles: Array, flat: Mask, gain: tuple[float, ...], offset: tuple[float, ...]) -> bool:
    """Whether blocks of exactly one colour have three or more shades between black and white.

    Independent noise leaves none where it is visible: such images are drawn, or were processed.
    """
    shades = tiles[:, :, ::BLOCK, ::BLOCK].transpose(0, 2, 3, 1)[flat]  # (blocks, c)
    visible = (shades * np.array(gain) + np.array(offset)).mean(axis=1) > MIN_WHITE_SIGMA**2
    inside = ((shades > 0) & (shades < 1)).all(axis=1)
    _, counts = np.unique(shades[visible & inside], axis=0, return_counts=True)
    return int((counts >= SHADE_BLOCKS).sum()) >= SHADES


def _near(marked: Mask, distance: int) -> Mask:
    """Blocks (n, r, k) with a marked one at most so many blocks away, down and across."""
    for axis in (1, 2):
        near = marked.copy()
        for step in range(1, distance + 1):
            ahead, behind = (np.moveaxis(each, axis, 0) for each in (near, marked))
            ahead[step:] |= behind[:-step]
            ahead[:-step] |= behind[step:]
        marked = near
    return marked


def _over_blocks(combine: np.ufunc, tiles: NDArray[Any]) -> NDArray[Any]:
    """Combine the values of each block: (n, c, h, w) -> (n, c, h/4, w/4)."""
    rows = functools.reduce(combine, (tiles[:, :, k::BLOCK] for k in range(BLOCK)))
    blocks: NDArray[Any] = functools.reduce(combine, (rows[..., k::BLOCK] for k in range(BLOCK)))
    return blocks


def _smoothed(means: Array) -> Array:
    """Means over 3 x 3 blocks, of (n, c, r, k): noise in the brightness would flatten the fitted line."""
    padded = np.pad(means, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :, :-2] + padded[:, :, 1:-1] + padded[:, :, 2:]
    smooth: Array = (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 9
    return smooth


# ---- what is there -------------------------------------------------------------------------------


def _mean_level(levels: Array, weight: Array) -> float:
    return float(np.exp((np.log(levels + EPSILON) * weight).sum() / weight.sum()) - EPSILON)


def _range(values: Array, weight: Array) -> tuple[float, float]:
    """The weighted quantiles 0.05 and 0.95."""
    order = np.argsort(values)
    share = np.cumsum(weight[order])
    low, high = values[order][np.searchsorted(share, np.array([0.05, 0.95]) * share[-1])]
    return float(low), float(high)


BINS = 24


ALIKE = 1.15
"""Channels whose levels are within this factor of those of all together have one line."""


def fit_channels(brightness: Array, levels: Array, weight: Array) -> list[tuple[float, float]]:
    """Gain and offset of each channel, for blocks (c, n): of all channels together where these are alike.

    The channels of an image cover different ranges of brightness, so that one line is surer than three.
    """
    channels = len(levels)
    lines = [fit(bright, each, weight) for bright, each in zip(brightness, levels, strict=True)]
    if channels == 1:
        return lines
    gain, offset = fit(brightness.ravel(), levels.ravel(), np.tile(weight, channels))
    for bright, each in zip(brightness, levels, strict=True):
        shift = np.log(each + EPSILON) - 0.5 * np.log(np.maximum(gain * bright + offset, EPSILON**2))
        if abs(float((shift * weight).sum() / weight.sum())) > np.log(ALIKE):
            return lines
    return [(gain, offset)] * channels


def fit(brightness: Array, levels: Array, weight: Array) -> tuple[float, float]:
    """Gain and offset of ``variance = gain * brightness + offset``, both for blocks (n,).

    Least squares of relative errors over bins of brightness, reweighted by the variance that was found; the
    gain is at least 0.
    """
    bright, variance, share = binned(brightness, levels, weight)
    line = variance
    gain, offset = 0.0, 0.0
    for _ in range(6):
        certain = share / np.maximum(line, 1e-10) ** 2
        centre = (certain * bright).sum() / certain.sum()
        mean = (certain * variance).sum() / certain.sum()
        spread = (certain * (bright - centre) ** 2).sum()
        slope = (certain * (bright - centre) * (variance - mean)).sum() / spread if spread > 0 else 0.0
        gain = max(0.0, float(slope))
        offset = float(mean - gain * centre)
        line = np.maximum(gain * bright + offset, 1e-3 * variance.mean())
    return gain, offset


def binned(
    brightness: Array, levels: Array, weight: Array
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Brightness, variance and share of bins of equal weight."""
    order = np.argsort(brightness)
    weight = weight[order].astype(np.float64)
    share = np.cumsum(weight)
    begins = np.unique(np.searchsorted(share, np.linspace(0, share[-1], BINS, endpoint=False)))
    begins = begins[begins < len(order)]
    total = np.add.reduceat(weight, begins)
    bright = np.add.reduceat(brightness[order] * weight, begins) / total
    logs = np.add.reduceat(np.log(levels[order] + 1e-4) * weight, begins) / total
    return bright, np.exp(2 * logs), total / total.sum()


def _curve(brightness: Array, levels: Array, weight: Array) -> tuple[tuple[float, float], ...]:
    bright, variance, _ = binned(brightness, levels, weight)
    return tuple(zip(bright.tolist(), np.sqrt(variance).tolist(), strict=True))


PAPER, STROKE, GRAPHICS = 0.08, 0.3, 0.35
"""Luma by which paper varies and by which ink is darker, and the share of flat blocks in drawn images."""


def content_of(tiles: Array) -> str:
    """Recognise drawn images by flat blocks, and documents by paper and thin dark strokes on it.

    Most blocks of a document are about as bright as each other, a share is crossed by strokes, and next to
    nearly every stroke there is paper. Black areas, such as letterboxes, do not count as drawn.
    """
    luma = tiles.mean(axis=1, keepdims=True)
    high, low = (_over_blocks(each, luma)[:, 0] for each in (np.maximum, np.minimum))
    mean = _over_blocks(np.add, luma)[:, 0] / BLOCK**2
    counts, edges = np.histogram(mean, 25, (0, 1))
    tone = (edges[counts.argmax()] + edges[counts.argmax() + 1]) / 2
    strokes = low < tone - STROKE
    beside_paper = strokes & _near(high > tone - STROKE / 2, 1)
    paper = float((abs(mean - tone) < PAPER).mean())
    if tone > 0.5 and paper > 0.45 and strokes.mean() > 0.01 and beside_paper.sum() > 0.85 * strokes.sum():
        return "document"
    lit = mean > 0.02
    return "graphics" if (lit & (high == low)).sum() > GRAPHICS * lit.sum() else "photograph"


PATCH, PATCHES = 4, 32  # blocks a side of a patch, and how many patches show the correlation


def residuals(tiles: Array, weight: Array) -> tuple[float, float, float, float]:
    """How the noise correlates, in the patches of 16 x 16 pixels where it can be seen best.

    Parameters
    ----------
    tiles : float32 array (n, c, rows, columns)
    weight : float32 array (n, rows / 4, columns / 4)
        Of the blocks; 0 for those that do not count.

    Returns
    -------
    neighbours, channels : float
        Correlation of the noise of adjacent pixels, and of the channels; NaN where there is none.
    luma, chroma : float
        Standard deviations.
    """
    n, c, height, width = tiles.shape
    rows, columns = height // (BLOCK * PATCH), width // (BLOCK * PATCH)
    weight = weight[:, : rows * PATCH, : columns * PATCH].reshape(n, rows, PATCH, columns, PATCH)
    certain = weight.min(axis=(2, 4)).ravel()
    best = np.argsort(-certain)[:PATCHES]
    best = best[certain[best] > 0]
    nothing = float("nan")
    if not len(best):
        return nothing, nothing, 0.0, 0.0
    side = BLOCK * PATCH
    patches = tiles[:, :, : rows * side, : columns * side].reshape(n, c, rows, side, columns, side)
    patches = patches.transpose(0, 2, 4, 1, 3, 5).reshape(-1, c, side, side)[best]
    noise = patches - _planes(patches)
    power = float((noise**2).mean())
    if power < 1e-12:
        return nothing, nothing, 0.0, 0.0
    across = (noise[..., :-1] * noise[..., 1:]).mean()
    down = (noise[..., :-1, :] * noise[..., 1:, :]).mean()
    neighbours = float(across + down) / 2 / power
    if c == 1:
        return neighbours, nothing, power**0.5, 0.0
    planes = np.einsum("kc,nchw->nkhw", YCBCR, noise)
    luma, chroma = (float(np.sqrt((each**2).mean())) for each in (planes[:, 0], planes[:, 1:]))
    pairs = (noise * noise[:, [1, 2, 0]]).mean()
    return neighbours, float(pairs) / power, luma, chroma


def _planes(patches: Array) -> Array:
    """The plane that fits each patch (n, c, h, w) best: light and shading that is no noise."""
    side = patches.shape[-1]
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    ramp /= np.sqrt((ramp**2).sum() * side)
    across = (patches * ramp).sum(axis=(2, 3), keepdims=True) * ramp
    down = (patches * ramp[:, None]).sum(axis=(2, 3), keepdims=True) * ramp[:, None]
    planes: Array = patches.mean(axis=(2, 3), keepdims=True) + across + down
    return planes


@functools.cache
def _session(channels: int, options: RunOptions) -> Session:
    (entry,) = (entry for entry in index.entries("noise") if entry.channels == channels)
    index.verify(entry)
    return Session(entry.path, options)
