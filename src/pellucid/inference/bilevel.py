"""Pages of one bit: from the grey that a network makes of them back to ink and paper."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pellucid.io.image import from_float, to_float

LEVEL = 128
"""Ink is darker. Of the thresholds that were tried, the one with the fewest errors of OCR."""

BLOCK = 32
"""Pixels a side of the blocks in which a halftone is looked for."""

HALFTONE = 0.15
"""Share of a block's pixels that change, and of its neighbours that differ, from which on it is halftone."""

LIGHT_TONE = 0.02
"""Share of changed pixels from which on a block next to a halftone belongs to it."""


def keep_bilevel(before: NDArray[np.uint8], clean: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make a cleaned page black and white again, and leave halftones as they were.

    The dots of a photograph in black and white look like noise, and a network for pages removes them.

    Parameters
    ----------
    before : array (h, w)
        0 and 255.
    clean : array (h, w)
        What a network made of it, 0 to 255.

    Returns
    -------
    array (h, w)
        0 and 255.
    """
    result = np.where(clean < LEVEL, 0, 255).astype(np.uint8)
    changed = _shares(result != before)
    edges = _shares(before != np.roll(before, 1, axis=1))
    halftone = (changed > HALFTONE) & (edges > HALFTONE)
    while True:
        larger = halftone | (_grown(halftone) & (changed > LIGHT_TONE))
        if np.array_equal(larger, halftone):
            break
        halftone = larger
    kept = np.kron(_grown(halftone), np.ones((BLOCK, BLOCK), np.bool_))
    return np.where(kept[: before.shape[0], : before.shape[1]], before, result)


def bilevel_of(
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> Callable[..., NDArray[np.float32]]:
    """A network for pages whose result is black and white again: a function of pixels (h, w, 1), 0 or 1."""

    def run_bilevel(page: NDArray[np.float32]) -> NDArray[np.float32]:
        before, clean = (from_float(each[..., 0], np.dtype(np.uint8)) for each in (page, run(page)))
        return to_float(keep_bilevel(before, clean))[..., None]

    return run_bilevel


def _shares(which: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The share of the pixels of each block, (h, w) -> (h / BLOCK, w / BLOCK) rounded up."""
    high, wide = (-(-side // BLOCK) for side in which.shape)
    padded = np.pad(which, [(0, high * BLOCK - which.shape[0]), (0, wide * BLOCK - which.shape[1])])
    return np.asarray(padded.reshape(high, BLOCK, wide, BLOCK).mean((1, 3)))


def _grown(blocks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Blocks with their eight neighbours."""
    padded = np.pad(blocks, 1)
    tall = padded[:-2] | padded[1:-1] | padded[2:]
    return np.asarray(tall[:, :-2] | tall[:, 1:-1] | tall[:, 2:])
