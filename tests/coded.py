"""Autoencoders in files, tiny and untrained."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.networks.autoencoder import Autoencoder
from pellucid.networks.families import ConvLatentSettings, ConvPoolSettings, DenseSettings
from pellucid.training.checkpoint import make_network
from pellucid.training.export import export_network
from pellucid.training.recipe import Degrade, Recipe, Schedule, SetData

Coded = tuple[Path, Autoencoder]


def coded_file(
    table: DenseSettings | ConvLatentSettings | ConvPoolSettings, path: Path, *, channels: Literal[1, 3] = 1
) -> Autoencoder:
    """Export a network for images of 12 x 12 pixels, and give what the file holds: rounded weights."""
    recipe = Recipe(
        name="tiny",
        version="1",
        purpose="Tests",
        licence="Apache-2.0",
        trained_on="Nothing",
        data=SetData(name="made", size=12, channels=channels),
        degrade=Degrade(),
        network=table,
        schedule=Schedule(steps=1),
    )
    torch.manual_seed(0)
    network = make_network(recipe)
    assert isinstance(network, Autoencoder)
    export_network(network, recipe, path, steps=0, figures={})
    return network.half().float().eval()


def images(count: int, height: int = 12, width: int = 12, channels: int = 1) -> NDArray[np.uint8]:
    """Any images, uint8 (count, height, width, channels)."""
    return np.random.default_rng(count).integers(0, 256, (count, height, width, channels), dtype=np.uint8)
