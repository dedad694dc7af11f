"""Choosing the network by the noise: the default wherever no network is named.

    clean             unchanged
    white             gaussian-*
    signal-dependent  variance stabilisation, then gaussian-*
    camera            photo-*, unless it would remove next to nothing
    smooth            gaussian-* on the image at half or a quarter of its size

Images up to a megapixel get the best networks, larger ones the fast ones.
"""

import functools
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from pellucid.inference import index
from pellucid.inference.analysis import (
    CAMERA,
    CLEAN,
    NO_NOISE,
    SMOOTH,
    SURE,
    Analysis,
    advise,
    analyse_coarse,
    analyse_pixels,
)
from pellucid.inference.card import Card
from pellucid.inference.model import MIN_CAMERA_SIGMA, Model, Progress, Result, Treatment, load_model
from pellucid.inference.pixels import Planes
from pellucid.inference.session import RunOptions
from pellucid.noise.base import Noise

BEST_PIXELS = 2**20
"""Up to so many pixels the best networks take about a second on two cores."""

FAINT = 8 / 255
"""Below this level of correlated noise, texture may be all that there is: a trial decides."""


class Auto(Model):
    """A denoiser that analyses the noise of each image before it chooses a network.

    Parameters
    ----------
    options
        As for `load_model`.
    """

    def __init__(self, **options: Any) -> None:
        self.name, self._options = "auto", options
        self._run_options = RunOptions(options.get("device", "auto"), options.get("threads"))
        self._models = {name: load_model(name, **options) for name in index.names() if "instant" not in name}
        self.channels = self._models["photo-fast"].channels

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled for another process, it opens its files anew there."""
        return functools.partial(Auto, **self._options), ()

    @property
    def takes_sigma(self) -> bool:
        """An image whose noise level is given goes to a network for white noise."""
        return True

    def card(self, channels: int) -> Card:
        """The card of the network for photographs, the usual choice."""
        return self._models["photo-fast"].card(channels)

    def analyse(self, image: Planes) -> Analysis:
        """Analyse the noise of an image, with a trial where the analysis alone cannot tell."""
        found = analyse_pixels(image.colour, image.valid, self._run_options)
        found = analyse_coarse(found, image.colour, self._run_options)
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
        if camera < MIN_CAMERA_SIGMA[image.colour.shape[2]]:
            return replace(found, kind=CLEAN, why=NO_NOISE)
        return found

    def denoise(
        self,
        pixels: NDArray[Any],
        *,
        sigma: float | None = None,
        noise: str | Noise | None = None,
        strength: float = 1.0,
        luma: float | None = None,
        chroma: float | None = None,
        nodata: float | None = None,
        alpha: NDArray[Any] | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """Do what `Model.denoise` does, with the network that fits the image."""
        strengths = self.check(sigma, noise, strength, luma, chroma)
        image = Planes.of(pixels, nodata, alpha)
        speed = "best" if image.view[..., 0].size <= BEST_PIXELS else "fast"
        if sigma is not None or noise is not None:
            white = self._models[f"gaussian-{speed}"]
            treatment = white.treat(image, sigma, noise)
            if treatment is None:
                return Result(
                    pixels.copy(), 0.0, changed=False, model="none", why="the noise level given is 0"
                )
            result = white.remove_noise(image, treatment, strengths, progress)
            return replace(result, why="the noise was given")
        found = self.analyse(image)
        if found.kind == CLEAN:
            return Result(pixels.copy(), found.level, changed=False, model="none", why=found.why)
        family = "photo" if found.kind == CAMERA else "gaussian"
        model = self._models[f"{family}-{speed}"]
        inner = found.coarse or found
        treatment = Treatment(inner.level, inner.stabiliser)
        unit = found.white if found.kind == CAMERA else 1.0  # the others work at any scale
        if max(strengths) > 0 and (found.halvings or unit != 1):
            result = model.remove_scaled(image, treatment, found.halvings, strengths, progress, unit)
            return replace(result, sigma=found.level, why=found.why)
        return replace(model.remove_noise(image, treatment, strengths, progress), why=found.why)


def analyse(
    pixels: NDArray[Any], *, nodata: float | None = None, alpha: NDArray[Any] | None = None
) -> Analysis:
    """Analyse the noise of an image.

    Parameters
    ----------
    pixels : array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4)
        uint8, uint16, float32 or float64; integers are scaled so that their largest value is 1. Where the
        fourth channel, alpha, is 0, where floats are NaN, and where a masked array is masked, there is no
        image.
    nodata : float, optional
        The value of a sample that means "no data".
    alpha : array (h, w), optional
        Where it is 0, there is no image either.

    Returns
    -------
    Analysis

    Raises
    ------
    UsageError
        When shape or dtype make no sense.
    InputError
        When the array has infinite values, or no pixel has data.
    LimitError
        When weights that ship are missing or have changed.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (128, 128)).astype(np.float32)
    >>> found = analyse(noisy)
    >>> found.kind, round(found.level, 1)
    ('white', 0.1)
    """
    return _default().analyse(Planes.of(pixels, nodata, alpha))


@functools.cache
def _default() -> Auto:
    return Auto()


def estimate_sigma(pixels: NDArray[Any]) -> float:
    """Estimate the standard deviation of the noise in an image: the level that `analyse` finds, 0 to 1."""
    image = Planes.of(pixels)
    return analyse_pixels(image.colour, image.valid, RunOptions()).level
