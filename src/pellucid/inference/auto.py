"""Choosing the network by the noise: the default wherever no network is named.

    clean             unchanged
    white             gaussian-*
    signal-dependent  variance stabilisation, then gaussian-*
    camera            photo-*, unless it would remove next to nothing
    smooth            gaussian-* on the image at half or a quarter of its size
    page              page-fast, where the image shows ink on paper

Images up to a megapixel get the best networks, larger ones, and grey ones with strong camera noise, the fast
ones.
"""

import functools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pellucid.inference.analysis import (
    CAMERA,
    CLEAN,
    NO_NOISE,
    PAGE,
    REDUCED,
    SIGNAL_DEPENDENT,
    SMOOTH,
    SURE,
    WHITE,
    Analysis,
    advise,
    louder,
)
from pellucid.inference.card import Card
from pellucid.inference.coarse import halve
from pellucid.inference.content import DOCUMENT, PHOTOGRAPH
from pellucid.inference.denoiser import Decision, Denoiser
from pellucid.inference.few_photons import is_too_coarse
from pellucid.inference.measuring import analyse_coarse, analyse_tiles
from pellucid.inference.model import MIN_CAMERA_SIGMA, RICIAN_AUTO, RICIAN_ESTIMATED, Model
from pellucid.inference.overview import Overview
from pellucid.inference.pages import ONLY_NOISE, PageModel
from pellucid.inference.stabilise import HIGHEST_SIGMA
from pellucid.inference.survey import SIDE
from pellucid.inference.treatment import Treatment
from pellucid.inference.trial import removes_noise
from pellucid.options import DenoiseOptions

BEST_PIXELS = 2**20
"""Up to so many pixels the best networks take about a second on two cores."""

TRIED, DOUBT = 2, 1.5
"""On so many tiles a trial shows whether a network removes noise; texture has lower odds than this."""

TOO_COARSE = "it counts single photons in integers, which cannot hold a mean of few: convert it to floats"
NO_NOISE_BUT_TEXTURE = "what a network would remove is texture or a pattern, and no noise"

NOT_WHITE = "; its paper is not made white, since no page was recognised: name the model page-fast for one"

SMALLEST_PAGE = 256
"""Pixels of the shorter side; smaller images show too little to be recognised as a page."""

FAINT_PAGE, NOISY_PAGE, MOST_INDEPENDENT = 5 / 255, 16 / 255, 5.8
"""Noise on a page is at most so strong. Where it is not faint, it went through a lens or JPEG, so that its
log-odds are lower; else it was added to a rendering."""

MOST = 0.5
"""A network for photographs that removes this part of smooth noise learned such noise, and keeps detail."""

SOME = 0.2
"""A network for photographs removes a smaller part than this of what is texture or a pattern."""

FAINT = 8 / 255
"""Below this level of correlated noise, texture may be all that there is: a trial decides. From it on, camera
noise in grey images is left to ``photo-fast``."""


class Auto(Denoiser):
    """A denoiser that analyses the noise of each image before it chooses a network.

    Parameters
    ----------
    models : mapping of str to Model
        ``photo-best``, ``photo-fast``, ``gaussian-best``, ``gaussian-fast`` and ``gaussian-instant``.
    pages : PageModel
        ``page-fast``.
    """

    def __init__(self, models: Mapping[str, Model], pages: PageModel) -> None:
        self.name, self._models, self._pages = "auto", models, pages
        self.channels = models["photo-fast"].channels

    @property
    def pages(self) -> PageModel:
        """The network for scanned pages."""
        return self._pages

    @property
    def takes_sigma(self) -> bool:
        """An image whose noise level is given goes to a network for white noise."""
        return True

    def card(self, channels: int) -> Card:
        """The card of the network for photographs, the usual choice."""
        return self._models["photo-fast"].card(channels)

    def check(self, options: DenoiseOptions) -> None:
        """Refuse noise that the networks for white noise cannot be given."""
        self._models["gaussian-fast"].check(options)

    def analyse(self, image: Overview) -> Analysis:
        """Analyse the noise of an image, with trials on a few crops."""
        return self._examine(image, DenoiseOptions())[0]

    def _examine(self, image: Overview, options: DenoiseOptions) -> tuple[Analysis, Decision | None]:
        """Analyse an image, and decide about it where it is a page."""
        run_options = self._models["photo-fast"].run_options
        plain = analyse_tiles(image.tiles, image.masks, run_options, is_8bit=image.dtype == np.uint8)
        if plain.content == DOCUMENT:
            page = self._as_page(image, plain, options)
            if page is None:
                plain = replace(plain, content=PHOTOGRAPH)
            elif page.why != ONLY_NOISE:
                return replace(plain, kind=PAGE if page.changed else CLEAN, why=page.why), page
        found = self._by_noise(image, plain)
        if found.kind == CLEAN and image.dark is not None:
            dark = analyse_tiles(image.tiles, image.masks, run_options, is_8bit=False, scale=image.dark)
            if dark.kind in (WHITE, SIGNAL_DEPENDENT) and self._by_noise(image, dark).kind == dark.kind:
                found = dark
        return found, None

    def _as_page(self, image: Overview, found: Analysis, options: DenoiseOptions) -> Decision | None:
        """What is done to what seems a document; None where it is no page, or too small to tell."""
        usual = found.white == 1 and found.black == 0 and image.masks is None
        scanned = found.level <= (NOISY_PAGE if found.log_odds < MOST_INDEPENDENT else FAINT_PAGE)
        if not (usual and scanned) or min(image.height, image.width) < SMALLEST_PAGE:
            return None
        page = self._pages.recognise(image, options)
        if page is None:
            return None
        if not page.changed:
            return replace(page, model="none")
        return replace(page, why=f"it is a page, from which {255 * page.sigma:.1f} of 255 would be removed")

    def _by_noise(self, image: Overview, plain: Analysis) -> Analysis:
        """What to do about the noise, with trials on a few crops."""

        @functools.cache
        def camera() -> float:
            """The level that a network for photographs removes."""
            return self._removed("photo-fast", image, advise(plain, independent=False))

        found = analyse_coarse(plain, image.centre, self._models["photo-fast"].run_options)
        if found.kind == SMOOTH:
            if camera() < MOST * plain.visible and self._removes_noise(image, found):
                return found
            found = plain
        independent = found.kind in (WHITE, SIGNAL_DEPENDENT)
        unsure = -SURE < found.log_odds < 0 and found.visible >= FAINT
        if unsure or (found.kind == CAMERA and found.visible < FAINT):
            if unsure:  # a network for the wrong kind of noise leaves most of it
                white = advise(found, independent=True)
                independent = self._removed("gaussian-fast", image, white) > camera()
                trial = f"{white.why}, as a trial on a few crops shows"
                found = replace(white, why=trial) if independent else advise(found, independent=False)
            if not independent:
                trial = f"in a trial a photo model removed {255 * camera():.1f} of 255"
                if camera() < MIN_CAMERA_SIGMA[image.channels]:
                    return replace(found, kind=CLEAN, why=f"{NO_NOISE}: {trial}")
                found = replace(found, why=f"{found.why}; {trial}")
        if is_too_coarse(image.tiles, image.dtype, found.photon):
            return replace(found, kind=CLEAN, why=TOO_COARSE)
        if independent and not found.photon and not self._removes_noise(image, found):
            if camera() < SOME * found.visible:
                return replace(found, kind=CLEAN, why=NO_NOISE_BUT_TEXTURE)
            other = advise(found, independent=False)
            return replace(other, why=f"{other.why}, as a trial on a few crops shows")
        return found

    def _removed(self, name: str, image: Overview, found: Analysis) -> float:
        """The level that a network removes from a few crops, as a share of the range of brightness."""
        unit = unit_of(found)
        return self._models[name].try_on(image, treatment_of(found), unit) * unit / found.white

    def _removes_noise(self, image: Overview, found: Analysis) -> bool:
        """Whether a network for white noise removes noise from a few crops, and no texture or pattern."""
        if found.is_reduced:  # the trial compares with independent noise
            found = louder(found, 1 / REDUCED[1])
        inner = found.coarse or found
        crops, valid = image.sample(TRIED)
        if found.halvings:
            crops = image.centre[None, : 4 * SIDE, : 4 * SIDE]
            for _ in range(found.halvings):
                crops = halve(crops[0])[None]
            valid = np.ones((*crops.shape[:3], 1), np.bool_)
        treatment = treatment_of(found)
        treatment = replace(treatment, level=min(treatment.level, HIGHEST_SIGMA))
        run = self._models["gaussian-instant"].runner(image, treatment)
        clip, doubtful = image.dtype.kind == "u", inner.log_odds < DOUBT
        return removes_noise(crops, valid, run, inner.variance, clip=clip, doubtful=doubtful)

    def decide(self, image: Overview, options: DenoiseOptions) -> Decision:
        """Choose the network that fits the noise that is given or found, or none."""
        speed = "best" if image.height * image.width <= BEST_PIXELS else "fast"
        no_page = NOT_WHITE if options.paper == "white" else ""
        if options.sigma is not None or options.noise is not None:
            decision = self._models[f"gaussian-{speed}"].decide(image, options)
            estimated = options.noise == RICIAN_AUTO
            if not decision.sigma:
                why = "no Rician noise is found" if estimated else "the noise level given is 0"
                return Decision("none", why=why + no_page)
            why = RICIAN_ESTIMATED if estimated else "the noise was given"
            return replace(decision, why=why + no_page)
        found, page = self._examine(image, options)
        if page is not None:
            return replace(page, analysis=found)
        if found.kind == CLEAN:
            return Decision("none", found.level, found.why + no_page, found)
        family = "photo" if found.kind == CAMERA else "gaussian"
        if family == "photo" and image.channels == 1 and found.visible >= FAINT:
            speed = "fast"  # it has seen grey photographs, the best one has not
        decision = self._models[f"{family}-{speed}"].remove(
            image,
            treatment_of(found),
            options,
            analysis=found,
            why=found.why + no_page,
            white=unit_of(found),
        )
        return replace(decision, sigma=found.level)


def treatment_of(found: Analysis) -> Treatment:
    """The noise that a network removes."""
    inner = found.coarse or found
    return Treatment(inner.level, inner.stabiliser, found.halvings)


def unit_of(found: Analysis) -> float:
    """The divisor of the image: networks for photographs expect a white of 1, others work at any scale."""
    return found.white if found.kind == CAMERA and found.stabiliser is None else 1.0
