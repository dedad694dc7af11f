"""Choosing the network by the noise: the default wherever no network is named."""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from numpy.typing import NDArray

from pellucid.inference.card import Card
from pellucid.inference.model import Model, Progress, Result, load_model
from pellucid.inference.pixels import check_pixels, is_grey
from pellucid.inference.sigma import CLEAN, FAINT, noise_level

WHITE, CAMERA = "gaussian-fast", "photo-fast"


class Choice(NamedTuple):
    """What to do with a picture."""

    name: str | None  # of the network; None: there is nothing to take away
    level: float  # of the noise, 0 to 1
    why: str  # in words


def choose(colour: NDArray[Any], camera: Model) -> Choice:
    """Choose by the noise in a picture (h, w, 1 or 3).

    The small estimator sees white noise alone. What it does not see, a camera may have left, and the network
    for photographs says how much of it there is to take away.
    """
    if (level := noise_level(colour)) >= CLEAN:
        return Choice(WHITE, level, f"its noise is white, {255 * level:.1f} of 255")
    if (level := camera.level(colour)) >= FAINT[colour.shape[2]]:
        return Choice(CAMERA, level, f"its noise is a camera's, {255 * level:.1f} of 255")
    return Choice(None, level, "there is no noise to take away")


class Auto(Model):
    """A denoiser that looks at each picture before it chooses one of two networks.

    Parameters
    ----------
    options
        As for `load_model`.
    """

    def __init__(self, **options: Any) -> None:
        self.name, self._options = "auto", options
        self._models = {name: load_model(name, **options) for name in (WHITE, CAMERA)}
        self.channels = self._models[CAMERA].channels

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled for another process, it opens its files anew there."""
        return partial(Auto, **self._options), ()

    @property
    def is_told(self) -> bool:
        """A picture whose noise level is told goes to the network for white noise."""
        return True

    def card(self, channels: int) -> Card:
        """The card of the network for photographs, the usual choice."""
        return self._models[CAMERA].card(channels)

    def level(self, colour: NDArray[Any]) -> float:
        """How much noise is in a picture (h, w, 1 or 3), as the network that fits it sees it: 0 to 1."""
        return choose(colour, self._models[CAMERA]).level

    def denoise(
        self,
        pixels: NDArray[Any],
        *,
        sigma: float | None = None,
        strength: float = 1.0,
        luma: float | None = None,
        chroma: float | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """Do what `Model.denoise` does, with the network that fits the picture."""
        strengths = self.check(sigma, strength, luma, chroma)
        if sigma is not None:
            result = self._models[WHITE].denoise(
                pixels, sigma=sigma, strength=strength, luma=luma, chroma=chroma, progress=progress
            )
            return replace(result, why="a noise level was told")
        colour = check_pixels(pixels)[..., :3]
        if is_grey(colour):
            colour = colour[..., :1]
        name, level, why = choose(colour, self._models[CAMERA])
        if name is None:
            return Result(pixels.copy(), level, changed=False, model="none", why=why)
        return replace(self._models[name].take_away(pixels, colour, level, strengths, progress), why=why)
