"""A network of one's own: any `torch.nn.Module` that turns noisy images (n, c, h, w) into denoised ones.

The recipe names it as ``module:Class``. The module is found in the working folder, or wherever Python finds
modules; the class is made without arguments. To train by such a recipe is to run that code.
"""

import importlib
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.networks.families import OwnSettings
from pellucid.networks.network import Network


class Own(Network):
    """One's own module with the facts that training and export need."""

    compact = False

    def __init__(self, settings: OwnSettings, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size, self.stride, self.any_size = size, settings.multiple, settings.any_size
        self.module = made(settings.module)
        images = torch.rand(2, channels, *size)
        try:
            with torch.no_grad():
                output = self.module.eval()(images)
        except RuntimeError as exc:
            raise UsageError(
                f"{settings.module} does not take images of shape {tuple(images.shape)}: {exc}",
                "It must turn images (n, c, h, w) into images of the same shape",
            ) from exc
        finally:
            self.module.train()
        if not torch.is_tensor(output) or output.shape != images.shape:
            got = tuple(output.shape) if torch.is_tensor(output) else type(output).__name__
            raise UsageError(
                f"{settings.module} gives {got} for images of shape {tuple(images.shape)}",
                "It must give images of the same shape",
            )

    def forward(self, noisy: Tensor) -> Tensor:
        """Give the denoised images (n, c, h, w); in use clipped to [0, 1]."""
        denoised: Tensor = self.module(noisy)
        return denoised if self.training else denoised.clamp(0, 1)


def made(name: str) -> nn.Module:
    """Make the module that ``module:Class`` names.

    Raises
    ------
    UsageError
        When there is none.
    """
    where, colon, what = name.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(where), what)() if colon else None
    except (ImportError, AttributeError, TypeError) as exc:
        raise UsageError(
            f"{name} cannot be made: {exc}",
            "Name a class that needs no arguments, in a module of the working folder: networks:Mine",
        ) from exc
    finally:
        sys.path.remove(here)
    if not isinstance(found, nn.Module):
        raise UsageError(f"{name} is no torch.nn.Module", "Name one as in networks:Mine")
    return found
