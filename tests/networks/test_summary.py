import pytest
import torch

from pellucid.inference.card import Layer
from pellucid.networks.families import (
    ConvLatentSettings,
    ConvPoolSettings,
    DenseSettings,
    EstimatorSettings,
    PhotoSettings,
    Settings,
    UNetSettings,
    family_of,
)
from pellucid.networks.network import Network
from pellucid.networks.summary import layers

SIZE = (28, 28)
U_NET = UNetSettings(widths=(4, 8), encoder=(1,), body=2, decoder=(1,))
NETWORKS: list[tuple[Settings, int, tuple[int, int]]] = [
    (DenseSettings(), 1, SIZE),
    (ConvLatentSettings(blocks=1, hidden=9, dropout=0.2), 1, SIZE),
    (ConvPoolSettings(), 1, SIZE),
    (ConvPoolSettings(up="bilinear"), 1, SIZE),
    (ConvPoolSettings(up="unpool", widths=(3, 4, 5)), 3, (64, 16)),
    (U_NET, 3, (16, 24)),
    (PhotoSettings((4, 8), (1,), 2, (1,), estimator=4), 3, (16, 24)),
    (EstimatorSettings(4), 1, (32, 32)),
]
every_network = pytest.mark.parametrize(
    ("settings", "channels", "size"), NETWORKS, ids=lambda x: type(x).__name__
)


def build(settings: Settings, channels: int, size: tuple[int, int]) -> Network:
    return family_of(settings).build(settings, channels, size)


def layers_of(settings: Settings, channels: int, size: tuple[int, int]) -> list[Layer]:
    return layers(build(settings, channels, size), family_of(settings), channels)


@every_network
def test_the_parameters_add_up(settings: Settings, channels: int, size: tuple[int, int]) -> None:
    counted = sum(layer.parameters for layer in layers_of(settings, channels, size))
    assert counted == sum(weight.numel() for weight in build(settings, channels, size).parameters())


@every_network
def test_the_first_row_is_the_image_and_the_last_what_the_network_gives(
    settings: Settings, channels: int, size: tuple[int, int]
) -> None:
    first, *_, last = layers_of(settings, channels, size)
    assert (first.name, first.shape, first.parameters) == ("input", (channels, *size), 0)
    assert last.shape == (channels, *size) if family_of(settings).denoises else last.name == "output"


@every_network
def test_looking_changes_nothing(settings: Settings, channels: int, size: tuple[int, int]) -> None:
    network, family = build(settings, channels, size), family_of(settings)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for training in (True, False):
        network.train(training)
        assert layers(network, family, channels) == layers(network, family, channels)
        assert all(module.training == training for module in network.modules())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_the_classic_dense_network_in_words() -> None:
    assert layers_of(*NETWORKS[0]) == [
        Layer("encoder", "input", (1, 28, 28), 0),
        Layer("encoder", "flatten", (784,), 0),
        Layer("encoder", "dense, ReLU", (64,), 784 * 64 + 64),
        Layer("decoder", "dense, ReLU", (64,), 64 * 64 + 64),
        Layer("decoder", "dense, sigmoid", (784,), 64 * 784 + 784),
        Layer("decoder", "reshape", (1, 28, 28), 0),
    ]


def test_conv_latent_in_words() -> None:
    rows = [(layer.part, layer.name, layer.shape) for layer in layers_of(*NETWORKS[1])]
    assert rows == [
        ("encoder", "input", (1, 28, 28)),
        ("encoder", "convolution 3x3, stride 2, ReLU, dropout 0.2", (32, 14, 14)),
        ("encoder", "residual block 3x3", (32, 14, 14)),
        ("encoder", "convolution 3x3, stride 2, ReLU, dropout 0.2", (64, 7, 7)),
        ("encoder", "residual block 3x3", (64, 7, 7)),
        ("encoder", "flatten", (3136,)),
        ("encoder", "dense, ReLU", (9,)),
        ("encoder", "dense", (16,)),
        ("decoder", "dense, ReLU", (9,)),
        ("decoder", "dense, ReLU", (3136,)),
        ("decoder", "reshape", (64, 7, 7)),
        ("decoder", "residual block 3x3", (64, 7, 7)),
        ("decoder", "transposed convolution 3x3, stride 2, ReLU", (64, 14, 14)),
        ("decoder", "residual block 3x3", (64, 14, 14)),
        ("decoder", "transposed convolution 3x3, stride 2, ReLU", (32, 28, 28)),
        ("decoder", "convolution 3x3, sigmoid", (1, 28, 28)),
    ]


@pytest.mark.parametrize(("k", "words"), [(3, "upsampling 2x bilinear"), (4, "unpooling 2x")])
def test_conv_pool_in_words(k: int, words: str) -> None:
    names = [layer.name for layer in layers_of(*NETWORKS[k])]
    assert names.count(words) == names.count("max pooling 2x2") == (2, 3)[k - 3]


def test_a_network_without_a_code_has_one_part() -> None:
    assert {layer.part for layer in layers_of(*NETWORKS[5])} == {"network"}
