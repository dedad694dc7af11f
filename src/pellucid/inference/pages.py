"""Cleaning scanned pages: the tone of the paper, colours, and pages that need nothing.

A network for pages sees brightness alone. The colour of ink and of marks is put back in the measure in which
their darkness stays: where a brown stain goes, its brown goes with it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.inference.denoiser import Decision
from pellucid.inference.model import Model
from pellucid.inference.overview import Overview
from pellucid.inference.session import Session
from pellucid.inference.stream import Work, luma_of
from pellucid.inference.tiling import pad_to
from pellucid.options import DenoiseOptions

Page = NDArray[np.float32]

UNCHANGED = 1.5 / 255
"""A page of which less is removed, as a root mean square, stays unchanged."""

FLAT = 0.5
"""Share of the light pixels that equal their neighbours exactly, from which on a page was drawn."""

CLEAN = "the page is clean"
DRAWN = "the page was drawn, not scanned: its paper has exactly one tone"

TRIED = 512
"""Pixels a side of the part in the middle on which it is tried how much would be removed."""

VIVID = 0.3
"""Colours stronger than this, largest minus smallest channel, are marks: they stay though they are light."""


class PageModel(Model):
    """A network for pages in grey, which serves colour too.

    Parameters
    ----------
    name, files, options
        As for `Model`.
    """

    def __init__(self, name: str, files: dict[int, Path], **options: Any) -> None:
        super().__init__(name, files, **options)
        self.channels = (1, 3)

    def session_for(self, channels: int) -> Session:
        """The network, the same for all pages."""
        return self._open(1)

    def decide(self, image: Overview, options: DenoiseOptions) -> Decision:
        """Make the paper even or white; leave a clean page unchanged."""
        if is_drawn(image.centre):
            return Decision(self.name, why=DRAWN)
        run = cleaner(self._open(1), paper_tone(image), white=options.paper == "white")
        centre = image.centre[
            tuple(slice(max(0, each - TRIED) // 2, None) for each in image.centre.shape[:2])
        ]
        centre = centre[:TRIED, :TRIED]
        removed = float(np.sqrt(np.mean((run(centre) - centre) ** 2)))
        if removed < UNCHANGED or max(options.strengths) == 0:
            return Decision(self.name, removed, CLEAN)
        work, session = Work(self._tiles(image, 0), run, options.strengths), self._open(1)
        return Decision(self.name, removed, work=work, network=session.title, digest=session.digest)


def cleaner(session: Session, tone: NDArray[np.float32], *, white: bool) -> Callable[[Page], Page]:
    """The network as a function of pages to clean ones.

    Parameters
    ----------
    session : Session
    tone : array (1,) or (3,)
        Of the paper.
    white : bool
        Whether the paper becomes white, else even in its own tone.

    Returns
    -------
    function of a float32 array (h, w, 1 or 3) to the same
    """
    brightness = float(luma_of(tone[None, None])[0, 0, 0]) if len(tone) == 3 else float(tone[0])
    paper, stride = np.float32(1.0 if white else brightness), session.card.stride
    tint = tone / np.float32(brightness)  # the paper's colour, of brightness 1

    def clean_grey(grey: Page) -> Page:
        height, width = grey.shape[:2]
        padded = pad_to(grey, (-(-height // stride) * stride, -(-width // stride) * stride))
        return session.run(padded, float(paper))[:height, :width]

    def clean_colour(page: Page) -> Page:
        balanced = page / tint
        grey = luma_of(balanced)
        clean = clean_grey(grey)
        kept = ((paper - clean) / np.maximum(brightness - grey, 0.02)).clip(0, 1)  # of the darkness
        marks = ((np.ptp(balanced, axis=2, keepdims=True) - VIVID) * 5).clip(0, 1)
        result = clean + np.maximum(kept, marks) * (balanced - grey)
        result = result + marks * (balanced - result)
        return np.asarray(result if white else result * tint, np.float32)

    return clean_grey if len(tone) == 1 else clean_colour


def is_drawn(page: Page) -> bool:
    """Whether the paper of a page (h, w, c) has exactly one value, as nothing that was scanned in grey has.

    Pages of black and white alone were made by a threshold, and may be scans.
    """
    grey = page[:-1, :-1].mean(2)
    light = grey >= np.median(grey)
    equal = ((page[:-1, :-1] == page[1:, :-1]) & (page[:-1, :-1] == page[:-1, 1:])).all(2)
    return bool(equal[light].mean() > FLAT) and len(np.unique(page[..., 0])) > 2


def paper_tone(image: Overview) -> NDArray[np.float32]:
    """The tone of the paper, one value for each channel: the most frequent brightness of the lighter half."""
    tiles = np.moveaxis(image.tiles, 1, -1).reshape(-1, image.channels)  # (n, c, h, w) -> (pixels, c)
    pixels = np.concatenate([tiles, image.centre[::4, ::4].reshape(-1, image.channels)])
    grey = luma_of(pixels[None])[0, :, 0] if image.channels == 3 else pixels[:, 0]
    light = grey >= np.median(grey)
    counts, edges = np.histogram(grey[light], bins=128, range=(0, 1))
    mode = edges[int(np.argmax(np.convolve(counts, np.hanning(9), mode="same")))] + 1 / 256
    near = light & (abs(grey - mode) <= 4 / 128)
    return np.asarray(np.median(pixels[near if near.any() else light], axis=0).clip(0.1, 1), np.float32)
