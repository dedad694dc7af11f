"""The laws that every recipe obeys."""

from pathlib import Path

import pytest
import torch

from pellucid.networks.unet import UNet
from pellucid.training.checkpoint import Network, make_network
from pellucid.training.export import cost
from pellucid.training.losses import LOSSES
from pellucid.training.optimizer import make_optimizers
from pellucid.training.recipe import (
    EstimatorTable,
    Recipe,
    UNetTable,
    load_recipe,
    recipe_from_json,
    recipe_json,
    recipe_names,
)

BUDGETS = {
    "gaussian-instant": 6_000,
    "gaussian-fast": 30_000,
    "gaussian-best": 200_000,
}  # multiply-adds a pixel

every_recipe = pytest.mark.parametrize("name", recipe_names())


def network_of(recipe: Recipe) -> Network:
    torch.manual_seed(recipe.seed)
    return make_network(recipe)


def test_each_network_has_a_recipe_for_grey_and_one_for_colour() -> None:
    families = [*BUDGETS, "sigma"]
    assert recipe_names() == sorted(f"{name}-{kind}" for name in families for kind in ("grey", "colour"))


@every_recipe
def test_its_name_is_that_of_its_file_and_says_its_channels(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.data.channels == {"grey": 1, "colour": 3}[name.rsplit("-", 1)[1]]


@every_recipe
def test_it_says_what_it_is_for_what_it_was_trained_on_and_its_licence(name: str) -> None:
    recipe = load_recipe(name)
    assert all([recipe.purpose, recipe.trained_on, recipe.licence, recipe.version])


@every_recipe
def test_it_travels_as_json(name: str) -> None:
    assert recipe_from_json(recipe_json(load_recipe(name))) == load_recipe(name)


@every_recipe
def test_it_trains_on_none_of_the_pictures_that_judge(name: str) -> None:
    data = load_recipe(name).data
    assert data.tune not in data.train
    assert not any("test" in Path(folder).name for folder in (*data.train, data.tune))


@every_recipe
def test_its_network_stays_within_the_budget(name: str) -> None:
    recipe = load_recipe(name)
    if isinstance(recipe.network, UNetTable):
        multiply_adds, _ = cost(network_of(recipe), recipe.data.channels)
        assert multiply_adds <= BUDGETS[name.rsplit("-", 1)[0]]


@every_recipe
def test_each_of_its_patches_fits_the_crops_and_the_network(name: str) -> None:
    recipe = load_recipe(name)
    stride = network_of(recipe).stride
    for patch in recipe.schedule.patch:
        assert patch <= recipe.data.crop
        assert patch % stride == 0


@every_recipe
def test_each_of_its_weights_is_moved_by_one_optimizer(name: str) -> None:
    network = network_of(load_recipe(name))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # known to torch, not to its types
    optimizers = make_optimizers(network, rate=1e-3, weight_decay=0.0)
    moved = [
        weight.data_ptr()
        for optimizer in optimizers
        for group in optimizer.param_groups
        for weight in group["params"]
    ]
    assert sorted(moved) == sorted(weight.data_ptr() for weight in network.parameters())


@every_recipe
def test_its_loss_can_be_computed(name: str) -> None:
    recipe = load_recipe(name)
    network, loss = network_of(recipe), LOSSES[recipe.loss]
    assert (recipe.loss == "pinball") == isinstance(recipe.network, EstimatorTable)
    clean = torch.rand(1, recipe.data.channels, 32, 32)
    sigma = torch.full((1, 1, 1, 1), 0.1)
    with torch.no_grad():
        if isinstance(network, UNet):
            losses = loss(network(clean + 0.1, sigma), clean)
        else:
            losses = loss(network(clean)[:, :1], sigma.flatten(1))
    assert losses.shape == (1,)
    assert losses.isfinite().all()
