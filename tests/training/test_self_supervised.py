"""Learning without clean images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid.errors import UsageError
from pellucid.inference.session import Session
from pellucid.training.losses import mse
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import Recipe
from pellucid.training.self_supervised import WAYS, blind, pairs_of_neighbours
from tests.tiny import DNCNN, VAE, set_recipe, tiny_recipe

every_way = pytest.mark.parametrize("way", WAYS)


def seeded(seed: int = 0) -> TorchRandom:
    return TorchRandom(torch.Generator().manual_seed(seed))


@pytest.fixture
def noisy() -> Tensor:
    return torch.rand(4, 3, 24, 32, generator=torch.Generator().manual_seed(0))


def test_a_blind_spot_has_the_value_of_a_neighbour(noisy: Tensor) -> None:
    given, spots = blind(noisy, seeded())
    assert spots.shape == (4, 1, 24, 32)
    assert spots.sum((1, 2, 3)).tolist() == [12] * 4  # one in each 8 x 8 pixels
    assert torch.equal((given != noisy).any(1, keepdim=True), spots)
    wrapped = torch.cat([noisy[..., -2:], noisy, noisy[..., :2]], 3)
    wrapped = torch.cat([wrapped[:, :, -2:], wrapped, wrapped[:, :, :2]], 2)
    near = wrapped.unfold(2, 5, 1).unfold(3, 5, 1).flatten(4)  # (n, c, h, w, 25)
    assert (near == given[..., None]).any(-1).all()


def test_two_neighbours_of_each_four_pixels_make_two_images(noisy: Tensor) -> None:
    pick = pairs_of_neighbours(noisy, seeded())
    one, other = pick(noisy)
    assert one.shape == other.shape == (4, 3, 12, 16)
    place = torch.arange(24 * 32).reshape(1, 1, 24, 32).expand(4, 3, 24, 32)
    first, second = pick(place)
    distance = (first // 32 - second // 32).abs() + (first % 32 - second % 32).abs()
    assert (distance == 1).all()


@every_way
def test_the_best_constant_is_the_mean_of_the_clean_image(way: str) -> None:
    clean = torch.full((16, 1, 32, 32), 0.4)
    noisy, second = (
        clean + 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(k)) for k in (0, 1)
    )

    def loss_at(value: float) -> float:
        found = WAYS[way](lambda given: torch.full_like(given, value), noisy, second, mse, seeded())
        return float(found.mean())

    assert min((0.2, 0.3, 0.4, 0.5, 0.6), key=loss_at) == 0.4


@every_way
def test_a_network_learns_without_clean_images(
    way: str, trained: Callable[[Recipe], Path], data_dir: Path
) -> None:
    run = trained(set_recipe(network=DNCNN, noise="gaussian:0.3", epochs=40, target=way))
    figures = Session(run / "tiny.onnx").card.figures
    assert figures["validation_psnr"] > figures["input_psnr"]


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (lambda: set_recipe(network=DNCNN, noise=None, target="noise2void"), "these are clean"),
        (lambda: set_recipe(network=VAE, target="noise2void"), "cannot learn by noise2void"),
        (lambda: tiny_recipe(target="noise2noise"), "no set"),
    ],
)
def test_what_cannot_learn_so_is_refused(recipe: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        recipe()
