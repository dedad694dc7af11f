"""Networks from recipes, weights from other networks, and what a run remembers."""

import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

from pellucid.errors import UsageError
from pellucid.networks.autoencoder import ConvLatent, ConvPool, Dense
from pellucid.networks.families import (
    ConvLatentSettings,
    ConvPoolSettings,
    DenseSettings,
    EstimatorSettings,
    PhotoSettings,
    UNetSettings,
)
from pellucid.networks.network import Network
from pellucid.networks.noise import NoiseEstimator
from pellucid.networks.photo import PhotoUNet
from pellucid.networks.summary import example_inputs
from pellucid.networks.unet import UNet
from pellucid.training.checkpoint import load_pretrained, make_network, resume
from pellucid.training.recipe import Recipe
from pellucid.training.recipe_files import load_recipe
from tests.tiny import (
    DENSE,
    LATENT,
    PHOTO,
    POOL,
    UNET,
    set_recipe,
    textured_network,
    tiny_recipe,
    write_exported,
)

WIDER_UNET = UNetSettings(widths=(12, 20), encoder=(0,), body=1, decoder=(1,))
DEEPER_UNET = UNetSettings(widths=(12, 20), encoder=(1,), body=3, decoder=(2,))
WIDER_PHOTO = PhotoSettings(widths=(12, 20), encoder=(0,), body=1, decoder=(1,), estimator=6)


def crops(network: Any) -> Recipe:
    return tiny_recipe(channels=3, network=network)


def small(network: Any) -> Recipe:
    return set_recipe(network=network)


@pytest.mark.parametrize(
    ("recipe", "kind"),
    [
        (crops(UNET), UNet),
        (crops(PHOTO), PhotoUNet),
        (crops(EstimatorSettings(4)), NoiseEstimator),
        (small(DENSE), Dense),
        (small(LATENT), ConvLatent),
        (small(POOL), ConvPool),
        (small(UNET), UNet),
    ],
)
def test_a_recipe_makes_the_network_that_it_names(recipe: Recipe, kind: type[Network]) -> None:
    assert type(make_network(recipe)) is kind


@pytest.mark.parametrize(
    ("name", "network", "side"),
    [
        ("mnist", DENSE, 28),
        ("fashion-mnist", POOL, 28),
        ("cifar10", POOL, 32),
        ("a folder", POOL, 16),
        ("mnist", ConvPoolSettings(widths=(4, 4, 4)), 32),  # padded to eights
    ],
)
def test_an_autoencoder_is_made_for_the_images_of_its_set(name: str, network: Any, side: int) -> None:
    recipe = small(network)
    data = msgspec.structs.replace(recipe.set, name=name, channels=3 if name == "cifar10" else 1)
    assert data.image_size(recipe.network.stride) == (side, side)


# ---- the weights of another network --------------------------------------------------------------


def start_file(recipe: Recipe, folder: Path) -> tuple[Path, Network]:
    """A file with any weights, and the network with the rounded weights that it holds."""
    network, path = textured_network(recipe), folder / "start.onnx"
    write_exported(recipe, path)
    return path, network.half().float().eval()


def results(network: Network, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    with torch.no_grad():
        given: Any = network(*inputs)
    return given if isinstance(given, tuple) else (given,)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (crops(UNET), crops(UNET)),
        (crops(UNET), crops(WIDER_UNET)),
        (crops(UNET), crops(DEEPER_UNET)),
        (crops(PHOTO), crops(WIDER_PHOTO)),
        (crops(EstimatorSettings(4)), crops(EstimatorSettings(7))),
        (small(DENSE), small(DenseSettings(level=3, hidden=20))),
        (small(LATENT), small(ConvLatentSettings(code=5, widths=(6, 9)))),
        (small(LATENT), small(ConvLatentSettings(code=8, widths=(4, 6)))),
        (small(POOL), small(ConvPoolSettings(widths=(6, 9)))),
        (
            small(ConvPoolSettings(widths=(4, 6), up="nearest")),
            small(ConvPoolSettings(widths=(6, 9), up="nearest")),
        ),
    ],
)
def test_a_wider_or_deeper_network_begins_as_the_same_function(
    narrow: Recipe, wide: Recipe, tmp_path: Path
) -> None:
    path, old = start_file(narrow, tmp_path)
    new = textured_network(wide).eval()
    load_pretrained(new, str(path))
    sides = (32, 48) if narrow.data.channels == 3 else (16, 16)
    inputs = example_inputs(old, narrow.family, narrow.data.channels, sides)
    for before, after in zip(results(old, inputs), results(new, inputs), strict=True):
        torch.testing.assert_close(after[:, : before.shape[1]], before, rtol=0, atol=1e-6)


def test_the_new_channels_of_a_wider_network_learn(tmp_path: Path) -> None:
    path, _ = start_file(crops(UNET), tmp_path)
    network = make_network(crops(WIDER_UNET))
    load_pretrained(network, str(path))
    for _ in range(2):  # first what listens to them learns, then they do
        network.zero_grad()
        denoised = network(*example_inputs(network, crops(WIDER_UNET).family, 3, (16, 16)))
        (denoised - 0.5).square().mean().backward()
        with torch.no_grad():
            for weight in network.parameters():
                assert weight.grad is not None
                weight.sub_(0.01 * weight.grad)
    assert isinstance(network, UNet)
    grad = network.head.weight.grad
    assert grad is not None
    assert all(row.any() for row in grad)


def test_a_network_for_photographs_begins_as_the_one_for_white_noise_of_its_luma_level(
    tmp_path: Path,
) -> None:
    path, old = start_file(crops(UNET), tmp_path)
    new = make_network(crops(WIDER_PHOTO))
    assert isinstance(new, PhotoUNet)
    load_pretrained(new, str(path))
    noisy, sigma = example_inputs(old, crops(UNET).family, 3, (32, 48))
    with torch.no_grad():
        told = torch.full((1, 2, 1, 1), 0.9)  # chroma is not looked at yet, nor is the detail
        told[:, 0] = sigma
        detail = torch.rand_like(noisy)
        torch.testing.assert_close(new.unet(noisy, told, detail), old(noisy, sigma), rtol=0, atol=1e-6)


def test_gains_that_an_export_applied_are_not_applied_a_second_time(tmp_path: Path) -> None:
    loud = crops(msgspec.structs.replace(PHOTO, gains=(1.5, 0.8)))
    path, old = start_file(loud, tmp_path)
    new = make_network(loud)
    load_pretrained(new, str(path))
    inputs = example_inputs(old, loud.family, 3, (32, 48))
    for before, after in zip(results(old, inputs), results(new, inputs), strict=True):
        torch.testing.assert_close(after, before, rtol=0, atol=1e-3)  # rounded once more on the way


def test_how_much_was_taken_over_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, old = start_file(crops(UNET), tmp_path)
    new = make_network(crops(PHOTO))
    with caplog.at_level(logging.INFO, "pellucid"):
        load_pretrained(new, str(path))
    taken, count = (len(list(network.parameters())) for network in (old, new))
    assert f"{taken} of {count} weights are those of {path}" in caplog.text


def test_a_start_that_does_not_exist_or_fit_is_refused(tmp_path: Path) -> None:
    network = make_network(crops(UNET))
    with pytest.raises(UsageError, match=r"no file .*gone\.onnx to start from"):
        load_pretrained(network, str(tmp_path / "gone.onnx"))
    with pytest.raises(UsageError, match=r"no model 'toaster'.*gaussian-fast"):
        load_pretrained(network, "toaster")
    with pytest.raises(UsageError, match=r"gaussian-fast is the name of 2 networks.*gaussian-fast-colour"):
        load_pretrained(network, "gaussian-fast")
    path, _ = start_file(small(DENSE), tmp_path)
    with pytest.raises(UsageError, match=r"No weight of .*start\.onnx fits"):
        load_pretrained(network, str(path))


def test_a_run_begins_with_the_weights_that_its_recipe_names(tmp_path: Path) -> None:
    path, old = start_file(crops(UNET), tmp_path)
    recipe = msgspec.structs.replace(crops(UNET), start=str(path))
    state = resume(recipe, tmp_path, torch.device("cpu"))
    for network in (state.network, state.average):
        for one, two in zip(network.parameters(), old.parameters(), strict=True):
            assert torch.equal(one, two)


def test_a_shipped_network_can_be_the_start() -> None:
    recipe = tiny_recipe(
        network=UNetSettings(widths=(16, 32, 64), encoder=(0, 1), body=1, decoder=(1, 1)), patch=(64,)
    )
    network = make_network(recipe)
    before = [weight.clone() for weight in network.parameters()]
    load_pretrained(network, "gaussian-instant-grey")
    assert not any(torch.equal(one, two) for one, two in zip(before, network.parameters(), strict=True))


@pytest.mark.parametrize("name", ["gaussian-best-grey", "gaussian-best-colour"])
def test_a_recipe_that_starts_from_a_network_that_ships_begins_as_good_as_it(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.start is not None
    network = make_network(recipe).eval()
    load_pretrained(network, recipe.start)
    rows = torch.linspace(0.2, 0.8, 64).reshape(-1, 1)
    clean = rows.expand(recipe.data.channels, 64, 64)[None]
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        denoised: Any = network(noisy, torch.full((1, 1, 1, 1), 0.1))
    assert (denoised - clean).square().mean() < 0.05 * (noisy - clean).square().mean()
