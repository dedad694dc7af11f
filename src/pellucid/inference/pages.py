"""Cleaning scanned pages: the tone of the paper, colours, and pages that need nothing.

A network for pages sees brightness alone. The colour of ink and of marks is put back in the measure in which
their darkness stays: where a brown stain goes, its brown goes with it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.inference.content import is_drawn, is_strokes, is_two_valued, line_regularity
from pellucid.inference.denoiser import Decision
from pellucid.inference.model import Model
from pellucid.inference.overview import Overview
from pellucid.inference.page_facts import skew_of
from pellucid.inference.session import Session
from pellucid.inference.stream import Work, luma_of
from pellucid.inference.tiling import pad_to
from pellucid.options import DenoiseOptions

Page = NDArray[np.float32]

UNCHANGED = 1.5 / 255
"""A page of which less is removed, as a root mean square, stays unchanged."""

EXACT = 0.15
"""Share of exactly one colour from which on a page was drawn; scans have 0 to 0.11."""

SPECKS = 0.003
"""Of a page of one bit, less ink than this that changes sides is no noise: its edges alone become grey."""

CLEAN = "the page is clean"
DRAWN = "its paper has exactly one tone: the page was drawn, or its scanner made the paper white"

ONLY_NOISE = "the page has nothing on its paper but noise"
NO_PAPER = "there is no paper of one tone: it is no page, or a photograph fills it"

PAPER = 0.3
"""Images of which no larger share has one light tone are no pages, unless half as much becomes white."""

BLOCK = 8  # pixels a side, of which a mean shows dirt more than noise

TRIED = 512
"""Pixels a side of the part in the middle on which it is tried how much would be removed."""

WHITE, MIDDLE = 0.6, 0.2
"""In a trial, at least this share of a page becomes white, and at most so much neither white nor dark."""

LINES = 0.36
"""How regular lines of text are at least: photographs with dark twigs on a light sky reach 0.33."""

DIRT = 10 / 255
"""Where means of 8 x 8 pixels of paper change by no more, there is nothing but noise to remove."""

ASKEW, STEEPEST = 6.0, 24.0
"""Lines that rise or fall by more degrees than the first were photographed with no reading in mind: the image
is a photograph of a page. The second is the steepest angle that is tried."""

DIM, EXPOSED = 0.6, 0.7
"""A page whose paper is darker than the first is made as light as the second before the network sees it: none
that trained it was so dark."""

VIVID, COLD = 0.3, 0.15
"""Colours stronger than this, largest minus smallest channel, are marks: they stay though they are light.
The second is for those that are not brown or yellow, as stains and old paper are."""


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
        return self._try(image, options)[0]

    def recognise(self, image: Overview, options: DenoiseOptions, *, strict: bool = True) -> Decision | None:
        """As `decide`; None where a trial does not give white paper and dark ink, as only a page does.

        Where photographs are to be expected, `strict` asks for regular lines, as of text, or for many thin
        strokes, too; and a page that needs no other paper stays unchanged where it has nothing but noise,
        which is left to others.
        """
        decision, white, dirt = self._try(image, options)
        if is_two_valued(image.tiles) and image.tiles.max() <= 0.99:  # on paper of one grey tone
            decision = Decision(self.name, why=DRAWN)
        grey = (white > 0.5) & (white < 0.9)
        toned = float((white > 0.95).mean()) >= WHITE and float(grey.mean()) <= MIDDLE
        if not (toned or decision.why == DRAWN) or (strict and not shows_writing(white)):
            return None
        if strict and decision.changed and options.paper == "keep" and dirt < DIRT:
            return Decision(self.name, why=ONLY_NOISE)
        return decision

    def _try(self, image: Overview, options: DenoiseOptions) -> tuple[Decision, Page, float]:
        """What is decided on a trial in the middle of the page, what became white there (h, w), and the dirt.

        Of a page of one bit there is always dirt.
        """
        centre = middle(image.centre)
        (tone, share), white = paper_of(image), options.paper == "white"
        if is_drawn(image.tiles, EXACT):
            return Decision(self.name, why=DRAWN), centre.mean(axis=2) / tone.mean(), 1.0
        run = cleaner(self._open(1), tone, white=white)
        clean = run(centre)
        reflectance = (clean if white else clean / tone).mean(axis=2)
        if share < PAPER and float((reflectance > 0.95).mean()) < PAPER / 2:
            return Decision(self.name, why=NO_PAPER), reflectance, 1.0
        ink = centre.mean(axis=2) < 0.5 * tone.mean()
        if not white and ink.any():
            share = _depth(centre[ink] / tone) / max(_depth(clean[ink] / tone), 0.1)
            run, clean = with_depth(run, tone, share), deepened(clean, tone, share)
        removed = float(np.sqrt(np.mean((clean - centre) ** 2)))
        work = Work(self._tiles(image), run, options.strengths, page=True)
        one_bit = tone.min() > 0.99 and is_two_valued(image.tiles)
        few = one_bit and ((reflectance < 0.5) != ink).mean() < SPECKS * ink.mean()
        if removed < UNCHANGED or few or max(options.strengths) == 0:
            decision = Decision(self.name, removed, CLEAN)
        else:
            session, why = self._open(1), f"it removes {255 * removed:.1f} of 255 from the page"
            decision = Decision(self.name, removed, why, None, work, session.title, session.digest)
        dirt = 1.0 if one_bit else dirt_on(reflectance > 0.95, (centre - clean).mean(axis=2))
        return decision, reflectance, dirt


def shows_writing(reflectance: Page) -> bool:
    """Whether a page (h, w) has lines of text that are about level, or many thin strokes."""
    dark = reflectance < 0.5
    if abs(skew_of(dark, STEEPEST, 1.0)) > ASKEW:  # NaN without clear lines
        return False
    return line_regularity(dark) > LINES or is_strokes(reflectance)


def middle(page: Page) -> Page:
    """The part in the middle of a page (h, w, c) on which the network is tried."""
    top, left = (max(0, extent - TRIED) // 2 for extent in page.shape[:2])
    return page[top : top + TRIED, left : left + TRIED]


def dirt_on(paper: NDArray[np.bool_], removed: Page) -> float:
    """How far means of 8 x 8 pixels of what is removed from paper (h, w) are at most from their median."""
    rows, columns = (extent // BLOCK for extent in removed.shape)
    whole = slice(rows * BLOCK), slice(columns * BLOCK)
    blocks = removed[whole].reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
    blocks = blocks[paper[whole].reshape(rows, BLOCK, columns, BLOCK).all(axis=(1, 3))]
    return float(abs(blocks - np.median(blocks)).max()) if blocks.size else 1.0


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
    exposure = np.float32(EXPOSED / brightness if brightness < DIM else 1)
    brightness, tone = brightness * float(exposure), tone * exposure
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
        red, green, blue = np.split(balanced, 3, axis=2)
        least = np.where((red >= green) & (green >= blue), np.float32(VIVID), np.float32(COLD))
        marks = ((np.ptp(balanced, axis=2, keepdims=True) - least) * 5).clip(0, 1)
        result = clean + np.maximum(kept, marks) * (balanced - grey)
        result = result + marks * (balanced - result)
        return np.asarray(result if white else result * tint, np.float32)

    def clean_page(page: Page) -> Page:
        clean = (clean_grey if len(tone) == 1 else clean_colour)(np.minimum(page * exposure, 1))
        return clean if white else clean / exposure

    return clean_page


def with_depth(
    run: Callable[[Page], Page], tone: NDArray[np.float32], share: float
) -> Callable[[Page], Page]:
    """Give ink the tone that it had on the page: the network makes it black."""
    return lambda page: deepened(run(page), tone, share)


def deepened(clean: Page, tone: NDArray[np.float32], share: float) -> Page:
    """A page (h, w, c) on paper of a tone, with a share, at most all, of the darkness of its ink."""
    return np.asarray(tone - np.float32(min(share, 1.0)) * (tone - clean), np.float32)


def _depth(reflectance: NDArray[np.float32]) -> float:
    """How much darker than paper ink is, 0 to 1."""
    return 1 - float(np.median(reflectance))


def paper_of(image: Overview) -> tuple[NDArray[np.float32], float]:
    """The tone of the paper, for each channel, and its share of the pixels.

    It is the most frequent brightness of the lighter half.
    """
    tiles = np.moveaxis(image.tiles, 1, -1).reshape(-1, image.channels)  # (n, c, h, w) -> (pixels, c)
    pixels = np.concatenate([tiles, image.centre[::4, ::4].reshape(-1, image.channels)])
    grey = luma_of(pixels[None])[0, :, 0] if image.channels == 3 else pixels[:, 0]
    light = grey >= np.median(grey)
    counts, edges = np.histogram(grey[light], bins=128, range=(0, 1))
    mode = edges[int(np.argmax(np.convolve(counts, np.hanning(9), mode="same")))] + 1 / 256
    near = light & (abs(grey - mode) <= 4 / 128)
    tone = np.median(pixels[near if near.any() else light], axis=0).clip(0.02, 1)
    return np.asarray(tone, np.float32), float(near.mean())
