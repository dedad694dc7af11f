"""Choosing the network by the noise: the default wherever no network is named.

    clean             unchanged
    white             gaussian-*
    signal-dependent  variance stabilisation, then gaussian-*
    camera            photo-*, unless it would remove next to nothing
    smooth            gaussian-* on the image at half or a quarter of its size

Images up to a megapixel get the best networks, larger ones the fast ones.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pellucid.inference.analysis import (
    CAMERA,
    CLEAN,
    NO_NOISE,
    SMOOTH,
    SURE,
    Analysis,
    advise,
    analyse_coarse,
    analyse_tiles,
)
from pellucid.inference.card import Card
from pellucid.inference.denoiser import Decision, Denoiser
from pellucid.inference.model import MIN_CAMERA_SIGMA, Model
from pellucid.inference.overview import Overview
from pellucid.inference.stabilise import Treatment
from pellucid.options import DenoiseOptions

BEST_PIXELS = 2**20
"""Up to so many pixels the best networks take about a second on two cores."""

FAINT = 8 / 255
"""Below this level of correlated noise, texture may be all that there is: a trial decides."""


class Auto(Denoiser):
    """A denoiser that analyses the noise of each image before it chooses a network.

    Parameters
    ----------
    models : mapping of str to Model
        ``photo-best``, ``photo-fast``, ``gaussian-best`` and ``gaussian-fast``.
    """

    def __init__(self, models: Mapping[str, Model]) -> None:
        self.name, self._models = "auto", models
        self.channels = models["photo-fast"].channels

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
        """Analyse the noise of an image, with a trial where the analysis alone cannot tell."""
        options = self._models["photo-fast"].run_options
        found = analyse_tiles(image.tiles, image.masks, options, is_8bit=image.dtype == np.uint8)
        found = analyse_coarse(found, image.centre, options)
        if found.kind == SMOOTH:
            return found
        unsure = -SURE < found.log_odds < 0 and found.visible >= FAINT
        if not unsure and not (found.kind == CAMERA and found.visible < FAINT):
            return found
        # A network for the wrong kind of noise leaves most of it.
        camera = self._models["photo-fast"].try_on(image, Treatment(found.level))
        if unsure:
            white = advise(found, independent=True)
            treatment = Treatment(white.level, white.stabiliser)
            if self._models["gaussian-fast"].try_on(image, treatment) > camera:
                return replace(white, why=f"{white.why}, as a trial on a few crops shows")
            found = advise(found, independent=False)
        if camera < MIN_CAMERA_SIGMA[image.channels]:
            return replace(found, kind=CLEAN, why=NO_NOISE)
        return found

    def decide(self, image: Overview, options: DenoiseOptions) -> Decision:
        """Choose the network that fits the noise that is given or found, or none."""
        speed = "best" if image.height * image.width <= BEST_PIXELS else "fast"
        if options.sigma is not None or options.noise is not None:
            decision = self._models[f"gaussian-{speed}"].decide(image, options)
            if not decision.sigma:
                return Decision("none", why="the noise level given is 0")
            return replace(decision, why="the noise was given")
        found = self.analyse(image)
        if found.kind == CLEAN:
            return Decision("none", found.level, found.why, found)
        family = "photo" if found.kind == CAMERA else "gaussian"
        inner = found.coarse or found
        decision = self._models[f"{family}-{speed}"].remove(
            image,
            Treatment(inner.level, inner.stabiliser),
            options,
            analysis=found,
            why=found.why,
            white=found.white if found.kind == CAMERA else 1.0,  # the others work at any scale
            halvings=found.halvings,
        )
        return replace(decision, sigma=found.level)
