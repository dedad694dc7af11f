"""Cleaning scanned pages: the tone of the paper, colours, and pages that need nothing.

A network for pages sees brightness alone. The colour of ink and of marks is put back in the measure in which
their darkness stays: where a brown stain goes, its brown goes with it.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.inference.pixels import luma_of
from pellucid.inference.session import Session
from pellucid.inference.tiling import plan, run_tiled
from pellucid.io.image import from_float, to_float

Pixels = NDArray[np.float32]
Look = Literal["keep", "white"]
"""``keep`` makes the paper even in the page's own tone, ``white`` makes it white."""

LARGEST_TILE = 1088  # pixels a side

UNCHANGED = 1.5 / 255
"""A page of which less is removed, as a root mean square, stays unchanged."""

VIVID = 0.3
"""Colours stronger than this, largest minus smallest channel, are marks: they stay though they are light."""


def clean_page(
    session: Session,
    colour: NDArray[Any],
    look: Look = "keep",
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[Any] | None:
    """Clean a page.

    Parameters
    ----------
    session : Session
        A network for pages in grey.
    colour : array (h, w, 1 or 3)
        uint8, uint16, float32 or float64.
    look : str
        ``keep`` or ``white``.
    progress : function of (done, total), optional

    Returns
    -------
    array of the same shape and dtype, or None
        None where the page needs nothing.
    """
    tone = paper_tone(to_float(_thinned(colour)))
    brightness = float(np.mean(luma_of(tone))) if len(tone) == 3 else float(tone[0])
    paper = np.float32(1.0 if look == "white" else brightness)
    balance = brightness / tone  # makes the paper grey
    tint = np.ones_like(tone) if look == "white" else 1 / balance
    out = np.empty_like(colour)
    squares = 0.0

    def read(rows: slice, columns: slice) -> Pixels:
        return to_float(colour[rows, columns])

    def run(tile: Pixels) -> Pixels:
        if tile.shape[2] == 1:
            return session.run(tile, float(paper))
        page = tile * balance
        grey = luma_of(page)
        clean = session.run(grey, float(paper))
        kept = ((paper - clean) / np.maximum(brightness - grey, 0.02)).clip(0, 1)
        marks = ((np.ptp(page, axis=2, keepdims=True) - VIVID) * 5).clip(0, 1)
        kept = np.maximum(kept, marks)
        cleaned = clean + kept * (page - grey)
        return np.asarray((cleaned + marks * (page - cleaned)) * tint, np.float32)

    def write(rows: slice, columns: slice, noisy: Pixels, clean: Pixels) -> None:
        nonlocal squares
        squares += float(np.square(clean - noisy).sum(dtype=np.float64))
        out[rows, columns] = from_float(clean, out.dtype)

    height, width = colour.shape[:2]
    card = session.card
    tiles = plan(height, width, stride=card.stride, halo=card.overlap, largest=LARGEST_TILE)
    run_tiled(tiles, read, run, write, progress)
    return out if (squares / colour.size) ** 0.5 >= UNCHANGED else None


def paper_tone(page: Pixels) -> NDArray[np.float32]:
    """The tone of the paper, one value for each channel: the most frequent brightness of the lighter half.

    Parameters
    ----------
    page : float32 array (h, w, 1 or 3), 0 to 1
    """
    grey = (luma_of(page) if page.shape[2] == 3 else page)[..., 0]
    light = grey >= np.median(grey)
    counts, edges = np.histogram(grey[light], bins=128, range=(0, 1))
    smooth = np.convolve(counts, np.hanning(9), mode="same")
    mode = edges[int(np.argmax(smooth))] + 1 / 256
    near = light & (abs(grey - mode) <= 4 / 128)
    chosen = page[near] if near.any() else page[light]
    return np.asarray(np.median(chosen, axis=0).clip(0.1, 1.0), np.float32)


def _thinned(colour: NDArray[Any]) -> NDArray[Any]:
    """At most about a million pixels of a page, every so many."""
    step = max(1, round((colour.shape[0] * colour.shape[1] / 1e6) ** 0.5))
    return colour[::step, ::step]
