"""The base of all networks of images."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from pellucid.networks.families import Settings


@dataclass(frozen=True)
class Goal:
    """What a network whose loss has terms of its own is given while it trains.

    Parameters
    ----------
    clean : tensor (n, c, h, w), 0 to 1
    loss : function of (denoised, clean) to (n,)
        The loss of the recipe.
    progress : float
        How much of the training is done, 0 to 1.
    """

    clean: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    progress: float = 1.0


Terms = dict[str, Tensor]
"""The terms of each image's loss, each (n,), by their names; the loss is their sum."""


class Network(nn.Module):
    """A network of images (n, c, h, w), with the facts that depend on its settings.

    Attributes
    ----------
    size : (int, int)
        Height and width it was built for.
    compact : bool
        Whether its file has weights of 16 and 8 bits. The exporter merges some layers, such as batch
        normalisation, whose weights are then others than those that were rounded.
    any_size : bool
        Whether it also takes every other size that `stride` divides.
    stride : int
        Height and width must be multiples of it.
    maps : int
        Channels of its second input, where it has one.
    code_shape : tuple of int, optional
        Of one image's code, for images of `size`; None: it has no code.
    """

    size: tuple[int, int]
    compact = True
    stride: int = 1
    any_size = True
    maps = 1
    code_shape: tuple[int, ...] | None = None

    def finish(self) -> None:
        """Change the trained weights in place into those of the file; most are the same."""

    def unfinish(self, settings: Settings) -> None:
        """Undo `finish`, after the weights of a file of these settings were loaded."""
