"""How weights lie in a file."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

from pellucid.inference.session import Session
from pellucid.networks.families import UNetSettings
from pellucid.networks.network import Network
from pellucid.training.checkpoint import load_pretrained, make_network
from pellucid.training.export import export_network
from pellucid.training.weights import LARGE, round_weights, stored_weights
from tests.tiny import colours, textured_network, tiny_recipe

RECIPE = tiny_recipe(channels=3, network=UNetSettings((8, 64), (1,), 1, (1,)))  # 64 x 64 x 3 x 3 is large


@pytest.fixture(scope="module")
def network() -> Network:
    return textured_network(RECIPE)


@pytest.fixture(scope="module")
def path(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "wide.onnx"
    export_network(network, RECIPE, path, steps=0, figures={})
    return path


def rounded(network: Network) -> dict[str, Tensor]:
    """The weights by name, after rounding."""
    copy = make_network(RECIPE)
    copy.load_state_dict(network.state_dict())
    round_weights(copy)
    return dict(copy.named_parameters())


def test_large_convolutions_take_a_byte_a_weight_and_others_two(path: Path, network: Network) -> None:
    stored = {each.name: each for each in onnx.load(path).graph.initializer}
    large = [name for name, weight in network.named_parameters() if weight.numel() >= LARGE]
    assert large == ["body.0.first.weight"]
    for name, weight in network.named_parameters():
        if name in large:
            assert len(stored[f"{name}_codes"].raw_data) == weight.numel()
            assert len(stored[f"{name}_scales"].raw_data) == 4 * len(weight)
        else:
            assert len(stored[f"{name}_half"].raw_data) == 2 * weight.numel()


def test_a_large_convolution_moves_by_at_most_half_a_step_of_its_output_channel(network: Network) -> None:
    for name, weight in rounded(network).items():
        exact = dict(network.named_parameters())[name]
        moved = (weight - exact).abs().flatten(1).amax(1)
        largest = exact.abs().flatten(1).amax(1)
        if weight.numel() >= LARGE:
            assert (moved <= largest * (0.5001 / 127 + 2**-11)).all()  # halves come first
            assert moved.any()
        else:
            assert torch.equal(weight, exact.half().float())


def test_the_file_gives_back_the_rounded_weights(path: Path, network: Network) -> None:
    stored = stored_weights(onnx.load(path))
    for name, weight in rounded(network).items():
        np.testing.assert_allclose(stored[name], weight.detach().numpy(), rtol=1e-6, atol=0)


def test_rounding_twice_is_rounding_once(network: Network) -> None:
    again = make_network(RECIPE)
    again.load_state_dict(rounded(network))
    round_weights(again)
    for name, weight in rounded(network).items():
        torch.testing.assert_close(dict(again.named_parameters())[name], weight, rtol=1e-6, atol=0)


def test_a_channel_without_weights_stays_without() -> None:
    layer = torch.nn.Conv2d(64, 64, 3, bias=False)
    with torch.no_grad():
        layer.weight[5] = 0
    round_weights(layer)
    assert not layer.weight[5].any()
    assert layer.weight.isfinite().all()


def test_another_network_begins_with_the_stored_weights(path: Path) -> None:
    network = make_network(RECIPE)
    load_pretrained(network, str(path))
    noisy = colours(64, 64)
    with torch.no_grad():
        batch = torch.from_numpy(noisy.transpose(2, 0, 1)[None])
        expected = network(batch, torch.full((1, 1, 1, 1), 0.1))[0].permute(1, 2, 0).numpy()
    assert np.abs(Session(path).run(noisy, 0.1) - expected).max() <= 1e-5
