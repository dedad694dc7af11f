"""The base of all networks of images."""

from torch import nn

from pellucid.networks.families import Settings


class Network(nn.Module):
    """A network of images (n, c, h, w), with the facts that depend on its settings.

    Attributes
    ----------
    size : (int, int)
        Height and width it was built for.
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
    stride: int = 1
    any_size = True
    maps = 1
    code_shape: tuple[int, ...] | None = None

    def finish(self) -> None:
        """Change the trained weights in place into those of the file; most are the same."""

    def unfinish(self, settings: Settings) -> None:
        """Undo `finish`, after the weights of a file of these settings were loaded."""
