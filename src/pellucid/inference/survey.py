"""Where the noise of an image can be measured: tiles on an even grid, and the blocks of these that count.

Blocks that are no image (transparent, masked, of one value, next to such) do not count.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.inference.session import Session

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Window = tuple[slice, slice]

SIDE = 64  # pixels a side of a tile
SHARE = 0.45  # of the image's area that is measured, ...
FEWEST, TILES = 9, 64  # ... in at least and at most so many tiles
BLOCK = 4  # pixels a side of a block

FEWEST_BLOCKS = 0.04
"""Where no larger share of an image can be measured, the rest is of one colour: text, or a drawing."""

SCATTERED = 2
"""Blocks with more missing pixels leave out those around them, too: smoothly filled areas have no noise."""

SHADES, SHADE_BLOCKS = 3, 4
"""How many colours must have how many flat blocks, to show that there is no independent noise."""


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

    def of(self, some: NDArray[np.intp]) -> "Survey":
        """The same of some of the tiles."""
        return Survey(self.keep[some], self.flat[some], self.trust[some], self.brightness[some])


def tile_windows(height: int, width: int) -> list[Window]:
    """Rows and columns of the tiles of an image, on an even grid."""
    height, width = (max(extent, 4 * BLOCK) // BLOCK * BLOCK for extent in (height, width))
    tall, wide = min(SIDE, height), min(SIDE, width)
    count = max(FEWEST, min(TILES, round(SHARE * height * width / SIDE**2)))
    down = max(1, min(round(height / tall), round((count * height / width) ** 0.5)))
    across = max(1, min(round(width / wide), round(count / down)))
    return [
        (slice(row, row + tall), slice(column, column + wide))
        for row in _begins(height - tall, down)
        for column in _begins(width - wide, across)
    ]


def _begins(room: int, count: int) -> list[int]:
    """Evenly from 0 to `room`; one alone in the middle."""
    return [room // 2] if count == 1 else np.linspace(0, room, count).astype(int).tolist()


def stack_tiles(pixels: list[Array], masks: list[Mask] | None) -> tuple[Array, Mask | None]:
    """Tiles (h, w, c) as an array (n, c, h, w), and their masks as (n, h, w); small ones are mirrored."""
    height, width = pixels[0].shape[:2]
    small = [(0, 0), (0, max(0, 4 * BLOCK - height)), (0, max(0, 4 * BLOCK - width))]
    tiles = np.pad(np.stack(pixels), [*small, (0, 0)], mode="symmetric").transpose(0, 3, 1, 2)
    valid = None if masks is None else np.pad(np.stack(masks), small, mode="symmetric")
    return np.ascontiguousarray(tiles), valid


def cut_tiles(pixels: Array) -> Array:
    """The tiles (n, c, rows, columns) of an image (h, w, c) without gaps."""
    return stack_tiles([pixels[window] for window in tile_windows(*pixels.shape[:2])], None)[0]


def survey(tiles: Array, masks: Mask | None) -> Survey:
    """Find the blocks of tiles (n, c, rows, columns) that count, and how bright they are."""
    flat = (over_blocks(np.maximum, tiles) == over_blocks(np.minimum, tiles)).all(axis=1)
    out = left_out(flat)
    if masks is not None:
        missing = over_blocks(np.add, (~masks[:, None]).astype(np.uint8))[:, 0]
        gaps = (missing > 0) | near(missing > SCATTERED, 3)
        out, flat = out | gaps, flat & ~gaps
    size = np.float32(BLOCK**2)
    clipped = ((tiles <= 0) | (tiles >= 1)).mean(axis=1, keepdims=True, dtype=np.float32)
    trust = (1.25 - 2.5 * _smoothed(over_blocks(np.add, clipped)) / size).clip(0, 1)[:, 0]
    if (trust * ~out).sum() < 0.05 * (~out).sum():
        trust = np.ones_like(trust)  # all is clipped, and must do
    return Survey(~out, flat, trust, _smoothed(over_blocks(np.add, tiles)) / size)


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
    area = ~near(~flat, 1)  # flat all around
    return flat | near(area, 4)


def has_flat_shades(
    tiles: Array, flat: Mask, gain: tuple[float, ...], offset: tuple[float, ...], least: float
) -> bool:
    """Whether blocks of exactly one colour have three or more shades between black and white.

    Independent noise leaves none where its level is above `least`: such images are drawn, or were processed.
    """
    shades = tiles[:, :, ::BLOCK, ::BLOCK].transpose(0, 2, 3, 1)[flat]  # (blocks, c)
    visible = (shades * np.array(gain) + np.array(offset)).mean(axis=1) > least**2
    inside = ((shades > 0) & (shades < 1)).all(axis=1)
    _, counts = np.unique(shades[visible & inside], axis=0, return_counts=True)
    return int((counts >= SHADE_BLOCKS).sum()) >= SHADES


def near(marked: Mask, distance: int) -> Mask:
    """Blocks (n, r, k) with a marked one at most so many blocks away, down and across."""
    for axis in (1, 2):
        spread = marked.copy()
        for step in range(1, distance + 1):
            ahead, behind = (np.moveaxis(each, axis, 0) for each in (spread, marked))
            ahead[step:] |= behind[:-step]
            ahead[:-step] |= behind[step:]
        marked = spread
    return marked


def over_blocks(combine: np.ufunc, tiles: NDArray[Any]) -> NDArray[Any]:
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
