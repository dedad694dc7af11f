"""Choosing the network by the noise: the default wherever no network is named."""

from typing import Any

from numpy.typing import NDArray

from pellucid.inference.card import Card
from pellucid.inference.model import Model, Progress, Result, load_model
from pellucid.inference.pixels import check_pixels, is_grey
from pellucid.inference.sigma import CLEAN, Levels, noise_level

WHITE, CAMERA = "gaussian-fast", "photo-fast"


def choose(levels: Levels) -> tuple[str | None, str]:
    """Name the network for a picture with so much noise of each kind, or none, and say why."""
    if levels.total < CLEAN:
        return None, "there is no noise to take away"
    level = f"{255 * levels.total:.1f} of 255"
    if levels.white > levels.camera:
        return WHITE, f"its noise is white, {level}"
    return CAMERA, f"its noise is a camera's, {level}"


class Auto(Model):
    """A denoiser that looks at each picture before it chooses one of two networks.

    Parameters
    ----------
    options
        As for `load_model`.
    """

    def __init__(self, **options: Any) -> None:
        self.name = "auto"
        self._models = {name: load_model(name, **options) for name in (WHITE, CAMERA)}
        self.channels = self._models[CAMERA].channels

    @property
    def is_told(self) -> bool:
        """A picture whose noise level is told goes to the network for white noise."""
        return True

    def card(self, channels: int) -> Card:
        """The card of the network for photographs, the usual choice."""
        return self._models[CAMERA].card(channels)

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
        self.check(sigma, strength, luma, chroma)
        colour = check_pixels(pixels)[..., :3]
        if sigma is None:
            levels = noise_level(colour[..., :1] if is_grey(colour) else colour)
            name, why = choose(levels)
        else:
            levels, name, why = Levels(sigma, 0.0), WHITE, "a noise level was told"
        if name is None:
            return Result(pixels.copy(), levels.total, changed=False, model="none", why=why)
        told = levels.total if name == WHITE else None
        found = self._models[name].denoise(
            pixels, sigma=told, strength=strength, luma=luma, chroma=chroma, progress=progress
        )
        return Result(found.pixels, found.sigma, found.changed, name, why)
