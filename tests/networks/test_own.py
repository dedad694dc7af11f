"""A network of one's own in a recipe."""

from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.errors import UsageError
from pellucid.inference.session import Session
from pellucid.networks.families import OwnSettings
from pellucid.training.checkpoint import make_network
from pellucid.training.loop import train
from tests.tiny import set_images, set_recipe

NETWORKS = """
from torch import nn

class Mine(nn.Sequential):
    def __init__(self):
        layers = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)
        super().__init__(*layers)

class Dense(nn.Sequential):
    def __init__(self):
        layers = nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 256), nn.Unflatten(1, (1, 16, 16))
        super().__init__(*layers)

class Small(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 1, 3))

class Colour(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 3, 3, padding=1))

class Sized(nn.Module):
    def __init__(self, width):
        super().__init__()

def function():
    return 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = set_images(tmp_path_factory.mktemp("own"))
    (folder / "some_networks.py").write_text(NETWORKS, encoding="utf-8")
    return folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def test_it_trains_is_exported_and_denoises_images_of_any_size(here: Path, tmp_path: Path) -> None:
    recipe = set_recipe(network=OwnSettings("some_networks:Mine"), epochs=30)
    file = train(recipe, tmp_path, data_dir=here, device="cpu")
    card = Session(file).card
    assert card.figures["validation_psnr"] > card.figures["input_psnr"]
    assert (card.size, card.radius) == (None, 2)
    assert pellucid.denoise(np.full((20, 31), 0.5, np.float32), model=str(file)).shape == (20, 31)


def test_one_with_dense_layers_is_for_one_size(here: Path, tmp_path: Path) -> None:
    network = OwnSettings("some_networks:Dense", any_size=False)
    file = train(set_recipe(network=network, epochs=1), tmp_path, data_dir=here, device="cpu")
    assert Session(file).card.size == (16, 16)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("some_networks", "is no torch.nn.Module"),
        ("some_networks:function", "is no torch.nn.Module"),
        ("some_networks:Gone", "cannot be made: .*Gone"),
        ("no_such_networks:Mine", "cannot be made: No module named"),
        ("some_networks:Sized", "cannot be made: .*width"),
        ("some_networks:Small", r"gives \(2, 1, 14, 14\) for images"),
        ("some_networks:Colour", "does not take images of shape"),
    ],
)
def test_what_is_no_such_network_is_refused_in_words(here: Path, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_network(set_recipe(network=OwnSettings(name)))
