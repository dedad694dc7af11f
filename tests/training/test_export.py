"""A torch network becomes a file that does the same."""

import copy
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from pellucid.errors import PellucidError
from pellucid.inference.card import Card
from pellucid.inference.session import Session
from pellucid.networks.autoencoder import Autoencoder
from pellucid.networks.families import (
    ConvLatentSettings,
    ConvPoolSettings,
    EstimatorSettings,
    Settings,
    UNetSettings,
    family_of,
)
from pellucid.networks.unet import UNet
from pellucid.training.export import cost, export_network, receptive_radius
from pellucid.training.recipe import recipe_from_json
from tests.tiny import (
    AUTOENCODERS,
    DENSE,
    LATENT,
    PHOTO,
    POOL,
    UNET,
    colours,
    set_recipe,
    textured_network,
    tiny_recipe,
    write_exported,
)

RECIPE = tiny_recipe(channels=3, network=UNetSettings((8, 16), (1,), 1, (1,)))
UNPOOL = ConvPoolSettings(widths=(4, 6), up="unpool")
LINEAR = ConvLatentSettings(code=5, widths=(4, 6), output="linear", dropout=0.3, activation="gelu")


@pytest.fixture(autouse=True)
def traced_once() -> None:
    """Not here."""


@pytest.fixture(scope="module")
def network() -> UNet:
    made = textured_network(RECIPE)
    assert isinstance(made, UNet)
    return made


@pytest.fixture(scope="module")
def exported(network: UNet, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Card]:
    path = tmp_path_factory.mktemp("export") / "tiny.onnx"
    return path, export_network(network, RECIPE, path, steps=7, figures={"made up": 1.5})


def test_the_file_does_what_torch_does(exported: tuple[Path, Card], network: UNet) -> None:
    session, rounded = Session(exported[0]), copy.deepcopy(network).half().float()
    for height, width, sigma in ((4, 4, 0.0), (20, 64, 0.1), (96, 28, 0.3)):
        noisy = colours(height, width)
        with torch.no_grad():
            batch = torch.from_numpy(noisy.transpose(2, 0, 1)[None])
            expected = rounded(batch, torch.full((1, 1, 1, 1), sigma))[0].permute(1, 2, 0).numpy()
        assert np.abs(session.run(noisy, sigma) - expected).max() <= 1e-5


def test_rounded_weights_change_little(exported: tuple[Path, Card], network: UNet) -> None:
    noisy = colours(64, 64)
    with torch.no_grad():
        batch = torch.from_numpy(noisy.transpose(2, 0, 1)[None])
        expected = network(batch, torch.full((1, 1, 1, 1), 0.1))[0].permute(1, 2, 0).numpy()
    assert np.abs(Session(exported[0]).run(noisy, 0.1) - expected).max() <= 0.25 / 255


def test_the_file_holds_two_bytes_a_weight_and_its_card(exported: tuple[Path, Card], network: UNet) -> None:
    path, card = exported
    stored = onnx.load(path).graph.initializer
    weights = [each for each in stored if len(each.dims) == 4]
    assert {each.data_type for each in weights} == {onnx.TensorProto.FLOAT16}
    assert sum(int(np.prod(each.dims)) for each in weights) == card.parameters
    assert card.parameters == sum(weight.numel() for weight in network.parameters())
    assert Session(path).card == card


def test_the_card_says_what_the_recipe_and_the_run_say(exported: tuple[Path, Card]) -> None:
    card = exported[1]
    assert (card.name, card.version, card.licence) == (RECIPE.name, RECIPE.version, RECIPE.licence)
    assert (card.purpose, card.trained_on) == (RECIPE.purpose, RECIPE.trained_on)
    assert (card.channels, card.stride, card.steps) == (3, 4, 7)
    assert card.sigma == pytest.approx((0, 75 / 255))
    assert card.figures == {"made up": 1.5}
    assert recipe_from_json(card.recipe) == RECIPE
    assert card.overlap == card.radius


def test_exporting_leaves_the_network_alone_and_only_the_file_behind(
    network: UNet, exported: tuple[Path, Card]
) -> None:
    expected = textured_network(RECIPE)
    for one, two in zip(network.parameters(), expected.parameters(), strict=True):
        assert torch.equal(one, two)
    assert list(exported[0].parent.iterdir()) == [exported[0]]


def test_a_network_that_does_not_survive_half_precision_is_never_written(tmp_path: Path) -> None:
    network = textured_network(RECIPE)
    with torch.no_grad():
        next(network.parameters()).mul_(1e9)  # beyond the largest half
    with pytest.raises(PellucidError, match="differs from torch by"):
        export_network(network, RECIPE, tmp_path / "broken.onnx", steps=0, figures={})
    assert not (tmp_path / "broken.onnx").exists()


def test_an_estimator_takes_any_number_of_tiles_of_any_size(tmp_path: Path) -> None:
    recipe = tiny_recipe(channels=3, network=EstimatorSettings(4))
    network, card = textured_network(recipe), write_exported(recipe, tmp_path / "noise.onnx")
    assert (card.radius, card.stride, card.sigma) == (0, 4, None)
    session, rounded = Session(tmp_path / "noise.onnx"), copy.deepcopy(network).half().float()
    assert (session.inputs, session.outputs) == (["noisy"], ["levels", "log_spread", "independent"])
    for shape in ((1, 3, 4, 4), (1, 3, 64, 64), (7, 3, 16, 100)):
        tiles = np.random.default_rng(0).random(shape, dtype=np.float32)
        with torch.no_grad():
            expected = rounded(torch.from_numpy(tiles))
        for given, wanted in zip(session.call_all(noisy=tiles), expected, strict=True):
            assert np.abs(given - wanted.numpy()).max() <= 1e-5


# ---- photographs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [pytest.param(1, marks=pytest.mark.long), 3])
def test_a_network_for_photographs_gives_the_image_and_the_noise_that_it_found(
    channels: Any, tmp_path: Path
) -> None:
    recipe = tiny_recipe(channels=channels, network=PHOTO)
    network, card = textured_network(recipe), write_exported(recipe, tmp_path / "photo.onnx")
    session, rounded = Session(tmp_path / "photo.onnx"), copy.deepcopy(network).half().float()
    assert (session.inputs, session.outputs) == (["noisy", "gain"], ["denoised", "levels"])
    assert (card.sigma, card.stride, card.code, card.size) == (None, 8, None, None)
    noisy, gain = colours(40, 64)[..., :channels], (1.5, 0.5)[: 1 if channels == 1 else 2]
    with torch.no_grad():
        batch = torch.from_numpy(noisy.transpose(2, 0, 1)[None])
        denoised, levels = rounded(batch, torch.tensor(gain).reshape(1, -1, 1, 1))
    assert np.abs(session.run(noisy, gain) - denoised[0].permute(1, 2, 0).numpy()).max() <= 1e-5
    feeds = {"noisy": batch.numpy(), "gain": np.array(gain, np.float32).reshape(1, -1, 1, 1)}
    assert np.abs(session.call("levels", **feeds) - levels.numpy()).max() <= 1e-5


def test_the_levels_are_raised_by_the_gains_of_the_recipe(tmp_path: Path) -> None:
    for name, gains in (("plain", (1.0, 1.0)), ("raised", (4.0, 0.0))):
        recipe = tiny_recipe(channels=3, network=msgspec.structs.replace(PHOTO, gains=gains))
        write_exported(recipe, tmp_path / f"{name}.onnx")
    plain, raised = (Session(tmp_path / f"{name}.onnx") for name in ("plain", "raised"))
    noisy = colours(40, 64)
    expected = plain.run(noisy, (4.0, 0.0))
    assert np.abs(raised.run(noisy, (1.0, 1.0)) - expected).max() <= 1e-3
    assert np.abs(plain.run(noisy, (1.0, 1.0)) - expected).max() > 5e-3


def test_a_photograph_is_seen_as_far_as_its_noise_is_estimated() -> None:
    photo, plain = (textured_network(tiny_recipe(network=table)) for table in (PHOTO, UNET))
    radii = [receptive_radius(made, family_of(table), 1) for made, table in ((photo, PHOTO), (plain, UNET))]
    assert radii[0] > radii[1]


# ---- autoencoders --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "channels"),
    [*((table, 1) for table in (*AUTOENCODERS, UNPOOL)), *((table, 3) for table in (DENSE, POOL, LINEAR))],
    ids=lambda each: type(each).__name__ if isinstance(each, Settings) else str(each),
)
def test_an_autoencoder_gives_images_and_codes_of_any_number_of_images(
    table: Any, channels: Any, tmp_path: Path
) -> None:
    recipe = set_recipe(network=table, channels=channels)
    network, card = textured_network(recipe), write_exported(recipe, tmp_path / "small.onnx")
    session, rounded = Session(tmp_path / "small.onnx"), copy.deepcopy(network).half().float().eval()
    assert (session.inputs, session.outputs) == (["noisy"], ["denoised", "code"])
    images = np.random.default_rng(0).random((5, channels, 16, 16), dtype=np.float32)
    with torch.no_grad():
        denoised, code = rounded(torch.from_numpy(images))
    for count in (1, 5):
        assert np.abs(session.call(noisy=images[:count]) - denoised[:count].numpy()).max() <= 1e-5
        assert np.abs(session.call("code", noisy=images[:count]) - code[:count].numpy()).max() <= 1e-5
    assert card.code == tuple(code.shape[1:])
    assert card.sigma is None


def test_only_the_card_of_a_network_with_dense_layers_names_a_size(tmp_path: Path) -> None:
    cards = {}
    for table in AUTOENCODERS:
        recipe = set_recipe(network=table)
        path = tmp_path / "small.onnx"
        cards[table] = write_exported(recipe, path)
    assert [(card.size, card.code, card.stride) for card in cards.values()] == [
        ((16, 16), (3, 3), 1),
        ((16, 16), (5,), 4),
        ((16, 16), (5,), 4),
        (None, (3, 4, 4), 4),
        ((16, 16), (4, 4), 1),
        ((16, 16), (6,), 1),
        (None, (6, 4, 4), 4),
    ]
    pooled = Session(path)  # of the last one
    for height, width in ((4, 12), (40, 28)):
        assert pooled.run(colours(height, width)[..., :1], ()).shape == (height, width, 1)


@pytest.mark.parametrize("table", [UNET, PHOTO, EstimatorSettings(4), *AUTOENCODERS], ids=str)
def test_the_card_lists_the_layers(table: Any, tmp_path: Path) -> None:
    recipe = set_recipe(network=table) if table in AUTOENCODERS else tiny_recipe(channels=3, network=table)
    card = write_exported(recipe, tmp_path / "any.onnx")
    assert card.layers[0].name == "input"
    assert sum(layer.parameters for layer in card.layers) == card.parameters
    assert {layer.part for layer in card.layers} == (
        {"encoder", "decoder"} if table in AUTOENCODERS else {"network"}
    )


def test_a_large_code_is_compared_by_its_own_size(tmp_path: Path) -> None:
    recipe = set_recipe(network=LATENT)
    network = textured_network(recipe)
    assert isinstance(network, Autoencoder)
    last = network.encoder[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight.mul_(2000)  # no number is wrong by more than it can be in single precision
    export_network(network, recipe, tmp_path / "large.onnx", steps=0, figures={})


@pytest.mark.parametrize(
    ("noise", "sigma"), [("gaussian:0.5", (0.5, 0.5)), ("gaussian:0.1-0.25", (0.1, 0.25))]
)
def test_a_u_net_for_a_set_says_the_levels_that_it_was_given(
    noise: str, sigma: tuple[float, float], tmp_path: Path
) -> None:
    recipe = set_recipe(network=UNET, noise=noise)
    card = write_exported(recipe, tmp_path / "small.onnx")
    assert (card.sigma, card.code, card.size) == (sigma, None, None)


# ---- what the card counts ------------------------------------------------------------------------


def test_multiply_adds_are_those_of_the_formula() -> None:
    head, down, tail = 5 * 4 * 9 / 4, 4 * 8 * 4 / 16, 4 * 4 * 9 / 4
    body, decoder = (8 * 8 * 9 + 8 * 4 * 9 + 8 * 4) / 16, 2 * 4 * 4 * 9 / 4  # the body narrows to 4 channels
    settings = UNetSettings(widths=(4, 8), encoder=(0,), body=1, decoder=(1,))
    assert cost_of(settings, 1)[0] == head + down + body + decoder + tail


def cost_of(settings: Settings, channels: int) -> tuple[int, int]:
    family = family_of(settings)
    return cost(family.build(settings, channels, (32, 32)), family, channels)


def test_a_wider_network_costs_more_time_and_memory() -> None:
    narrow, wide = (
        cost_of(UNetSettings(widths=(width,), encoder=(), body=1, decoder=()), 3) for width in (8, 16)
    )
    assert wide[0] > narrow[0]
    assert wide[1] > narrow[1]


@pytest.mark.parametrize(
    ("settings", "channels", "radius"),
    [
        # head, tail: one folded pixel each; a pixel in a folded pixel reaches one further
        (UNetSettings(widths=(4,), encoder=(), body=0, decoder=()), 1, 2 * 2 + 1),
        (UNetSettings(widths=(4,), encoder=(), body=0, decoder=()), 3, 2 * 2 + 1),
        (UNetSettings(widths=(4,), encoder=(), body=2, decoder=()), 1, 2 * 6 + 1),
        (UNetSettings(widths=(4,), encoder=(), body=1, decoder=(), unshuffle=4), 1, 4 * 4 + 3),
        # a coarse pixel covers two folded ones, of which the far one sees one more
        (UNetSettings(widths=(4, 8), encoder=(0,), body=0, decoder=(0,)), 1, 2 * 2 + 3),
    ],
)
def test_the_radius_is_that_of_the_graph(settings: UNetSettings, channels: int, radius: int) -> None:
    assert receptive_radius(UNet(settings, channels), family_of(settings), channels) == radius


def test_an_estimator_costs_little() -> None:
    assert cost_of(EstimatorSettings(16), 3)[0] < 5000
