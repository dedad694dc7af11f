"""The laws that every recipe obeys."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from pellucid.networks.network import Network
from pellucid.networks.summary import example_inputs
from pellucid.training import estimating
from pellucid.training.checkpoint import make_network
from pellucid.training.export import cost
from pellucid.training.losses import LOSSES
from pellucid.training.optimizer import make_optimizers
from pellucid.training.recipe import Data, PageData, Recipe, SetData, as_made, recipe_from_json, recipe_json
from pellucid.training.recipe_files import load_recipe, recipe_names

BUDGETS = {"instant": 6_000, "fast": 30_000, "best": 200_000}  # multiply-adds a pixel
RECIPES = {name: load_recipe(name) for name in recipe_names()}
CROPS = [name for name, recipe in RECIPES.items() if isinstance(recipe.data, (Data, PageData))]

every_recipe = pytest.mark.parametrize("name", RECIPES)
every_recipe_of_crops = pytest.mark.parametrize("name", CROPS)


def network_of(recipe: Recipe) -> Network:
    torch.manual_seed(recipe.seed)
    return make_network(recipe)


# ---- the list ------------------------------------------------------------------------------------


def test_each_network_for_white_noise_and_each_estimator_has_a_recipe_for_grey_and_one_for_colour() -> None:
    families = [*(f"gaussian-{size}" for size in BUDGETS), "noise"]
    assert {f"{name}-{kind}" for name in families for kind in ("grey", "colour")} < set(RECIPES)


def test_photographs_and_the_classical_autoencoders_have_recipes() -> None:
    digits = {
        "mnist-dense",
        "mnist-latent",
        "mnist-latent16",
        "mnist-latent16-best",
        "mnist-best",
        "mnist-pool",
    }
    others = {"fashion-latent16", "fashion-best", "cifar10-pool", "cifar10-best"}
    assert {"photo-fast-colour", *digits, *others, "folder-pool", "tutorial-capacity"} < set(RECIPES)


@every_recipe
def test_its_name_is_that_of_its_file(name: str) -> None:
    assert RECIPES[name].name == name


@every_recipe_of_crops
def test_its_name_says_its_channels(name: str) -> None:
    assert RECIPES[name].data.channels == {"grey": 1, "colour": 3}[name.rsplit("-", 1)[1]]


@every_recipe
def test_it_says_what_it_is_for_what_it_was_trained_on_and_its_licence(name: str) -> None:
    recipe = RECIPES[name]
    assert all([recipe.purpose, recipe.trained_on, recipe.licence, recipe.version])


@every_recipe
def test_it_travels_as_json(name: str) -> None:
    assert recipe_from_json(recipe_json(RECIPES[name])) == as_made(RECIPES[name])


@every_recipe
def test_each_of_its_variants_is_another_recipe(name: str) -> None:
    variants = [load_recipe(name, [change, "variants=[]"]) for change in RECIPES[name].variants]
    assert all(variants.count(each) == 1 for each in variants)


# ---- its data ------------------------------------------------------------------------------------


@every_recipe
def test_it_trains_on_none_of_the_images_that_validate_or_test(name: str) -> None:
    data = RECIPES[name].data
    if isinstance(data, (Data, SetData)):
        train, other = ((data.name,), data.test) if isinstance(data, SetData) else (data.train, data.tune)
        assert other not in train
        assert not any("test" in Path(folder).name for folder in (*train, other or ""))


# ---- its network ---------------------------------------------------------------------------------


@every_recipe_of_crops
def test_its_network_stays_within_the_budget(name: str) -> None:
    recipe = RECIPES[name]
    if recipe.family.denoises:
        multiply_adds, _ = cost(network_of(recipe), recipe.family, recipe.data.channels)
        assert multiply_adds <= BUDGETS[name.split("-")[1]]


@every_recipe_of_crops
def test_each_of_its_patches_fits_the_network(name: str) -> None:
    recipe = RECIPES[name]
    stride = network_of(recipe).stride
    for patch in recipe.schedule.patch:
        assert patch % stride == 0


@every_recipe
def test_each_of_its_weights_is_moved_by_one_optimizer(name: str) -> None:
    network = network_of(RECIPES[name])
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # known to torch, not to its types
    optimizers = make_optimizers(network, RECIPES[name].schedule)
    moved = [
        weight.data_ptr()
        for optimizer in optimizers
        for group in optimizer.param_groups
        for weight in group["params"]
    ]
    assert sorted(moved) == sorted(weight.data_ptr() for weight in network.parameters())


@every_recipe
def test_its_loss_can_be_computed(name: str) -> None:
    recipe = RECIPES[name]
    network, loss = network_of(recipe), LOSSES[recipe.loss]
    inputs = example_inputs(
        network, recipe.family, recipe.data.channels, recipe.data.image_size(recipe.network.stride)
    )
    with torch.no_grad():
        result: Tensor | tuple[Tensor, ...] = network(*inputs)
    first = result[0] if isinstance(result, tuple) else result
    if not recipe.family.denoises:
        losses = estimating.loss(network(*inputs), torch.full_like(first, 0.1), torch.ones(1))
    else:
        losses = loss(first, torch.full_like(first, 0.5))
    assert losses.shape == (1,)
    assert losses.isfinite().all()
    if recipe.family.denoises:
        assert first.shape == inputs[0].shape
