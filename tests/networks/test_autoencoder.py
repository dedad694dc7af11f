import logging
import warnings
from math import prod
from typing import Any, get_args

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.inference.session import runtime
from pellucid.networks.autoencoder import Autoencoder, ConvLatent, ConvPool, Dense, position_of_maximum
from pellucid.networks.families import (
    AutoencoderSettings,
    ConvLatentSettings,
    ConvPoolSettings,
    DenseSettings,
)
from pellucid.networks.unet import ACTIVATIONS

SETTINGS = [
    DenseSettings(level=3),
    DenseSettings(level=2, hidden=7),
    ConvLatentSettings(code=5, widths=(4, 6)),
    ConvLatentSettings(code=2, widths=(4, 6), kernel=4, blocks=1, hidden=9),
    ConvPoolSettings(widths=(4, 6)),
    ConvPoolSettings(widths=(4, 6), up="nearest"),
    ConvPoolSettings(widths=(4, 6), up="bilinear"),
    ConvPoolSettings(widths=(4, 6), up="unpool"),
]
every_network = pytest.mark.parametrize("settings", SETTINGS, ids=str)


def build(settings: AutoencoderSettings, channels: int = 1, size: tuple[int, int] = (16, 24)) -> Autoencoder:
    torch.manual_seed(0)
    match settings:
        case DenseSettings():
            network: Autoencoder = Dense(settings, channels, size)
        case ConvLatentSettings():
            network = ConvLatent(settings, channels, size)
        case ConvPoolSettings():
            network = ConvPool(settings, channels, size)
    return network.requires_grad_(False).eval()


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@every_network
@pytest.mark.parametrize(("channels", "size"), [(1, (28, 28)), (3, (8, 20))])
def test_images_and_codes_have_the_shapes_that_are_reported(
    settings: AutoencoderSettings, channels: int, size: tuple[int, int]
) -> None:
    network = build(settings, channels, size)
    denoised, code = network(images(3, channels, *size))
    assert denoised.shape == (3, channels, *size)
    assert code.shape == (3, *network.code_shape)
    assert denoised.min() >= 0
    assert denoised.max() <= 1


@every_network
def test_a_run_is_encode_and_then_decode(settings: AutoencoderSettings) -> None:
    network, noisy = build(settings), images(2, 1, 16, 24)
    denoised, code = network(noisy)
    torch.testing.assert_close(network.encode(noisy), code)
    if settings != ConvPoolSettings(widths=(4, 6), up="unpool"):
        torch.testing.assert_close(network.decode(code), denoised)


@every_network
def test_each_image_of_a_batch_is_coded_for_itself(settings: AutoencoderSettings) -> None:
    network, noisy = build(settings), images(3, 1, 16, 24)
    codes = network.encode(noisy)
    for k in range(3):
        torch.testing.assert_close(codes[k : k + 1], network.encode(noisy[k : k + 1]))


@every_network
def test_every_weight_learns(settings: AutoencoderSettings) -> None:
    network = build(settings).requires_grad_(True).train()
    network(images(8, 1, 16, 24))[0].square().mean().backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in network.parameters())


def test_a_dense_network_of_level_8_is_the_classic_one() -> None:
    network = build(DenseSettings(), size=(28, 28))
    assert network.code_shape == (8, 8)
    assert count(network) == (784 * 64 + 64) + (64 * 64 + 64) + (64 * 784 + 784)


def test_conv_latent_is_the_network_of_the_tutorials() -> None:
    network = build(ConvLatentSettings(), size=(28, 28))
    encoder = (9 * 1 * 32 + 32) + (9 * 32 * 64 + 64) + (7 * 7 * 64 * 16 + 16)
    decoder = (16 * 7 * 7 * 64 + 7 * 7 * 64) + (9 * 64 * 64 + 64) + (9 * 64 * 32 + 32) + (9 * 32 * 1 + 1)
    assert network.code_shape == (16,)
    assert count(network) == encoder + decoder


def test_conv_pool_is_the_network_of_the_tutorials() -> None:
    network = build(ConvPoolSettings(), size=(28, 28))
    assert network.code_shape == (32, 7, 7)
    assert count(network) == (9 * 32 + 32) + 3 * (9 * 32 * 32 + 32) + (9 * 32 + 1)


def test_a_code_of_16_numbers_may_have_a_large_network_around_it() -> None:
    settings = ConvLatentSettings(widths=(32, 64), blocks=2, hidden=512)
    network = build(settings, size=(28, 28))
    assert network.code_shape == (16,)
    assert 3e6 < count(network) < 4e6


@pytest.mark.parametrize("up", ["transposed", "nearest", "bilinear", "unpool"])
def test_conv_pool_takes_any_size_that_its_stride_divides(up: Any) -> None:
    network = build(ConvPoolSettings(widths=(4, 6, 8), up=up))
    assert network.any_size
    assert network.stride == 8
    for height, width in [(8, 8), (16, 40), (64, 24)]:
        denoised, code = network(images(1, 1, height, width))
        assert denoised.shape == (1, 1, height, width)
        assert code.shape == (1, 8, height // 8, width // 8)


@pytest.mark.parametrize("up", ["nearest", "unpool"])
def test_a_image_moved_by_the_stride_of_conv_pool_gives_the_result_moved(up: Any) -> None:
    network, noisy = build(ConvPoolSettings(widths=(4, 6), up=up)), images(1, 1, 96, 96)
    whole, moved = network(noisy)[0], network(noisy[..., 4:])[0]
    torch.testing.assert_close(moved[..., 36:52], whole[..., 40:56])


@pytest.mark.parametrize("settings", SETTINGS[:4], ids=str)
def test_dense_layers_are_made_for_one_size(settings: AutoencoderSettings) -> None:
    network = build(settings)
    assert not network.any_size
    with pytest.raises(UsageError, match=r"8 x 8 pixels do not fit.*made for 16 x 24.*train a network"):
        network(images(1, 1, 8, 8))


@pytest.mark.parametrize("settings", SETTINGS[2:], ids=str)
def test_a_size_that_cannot_be_halved_is_refused_in_words(settings: AutoencoderSettings) -> None:
    words = r"28 x 30 pixels do not fit.*multiples of 4\."
    with pytest.raises(UsageError, match=words):
        build(settings, size=(28, 30))
    network = build(settings)
    with pytest.raises(UsageError, match=words):
        network(images(1, 1, 28, 30))


def test_a_code_cannot_be_decoded_without_the_places_that_unpooling_needs() -> None:
    network = build(SETTINGS[-1])
    with pytest.raises(UsageError, match=r"where in the image each maximum was.*nearest or bilinear\."):
        network.decode(network.encode(images(1, 1, 16, 24)))


def test_unpooling_puts_each_number_where_its_window_had_its_maximum() -> None:
    network = build(ConvPoolSettings(widths=(3,), up="unpool"))
    x = images(2, 3, 6, 8)
    pooled, indices = nn.functional.max_pool2d(x, 2, return_indices=True)
    expected = nn.functional.max_unpool2d(pooled, indices, (2, 2))
    unpool = network.decoder[2]
    torch.testing.assert_close(unpool(pooled, position_of_maximum(x)), expected)


def test_of_equal_numbers_the_first_is_the_maximum() -> None:
    assert torch.equal(
        position_of_maximum(torch.zeros(1, 2, 4, 4)), torch.zeros(1, 2, 2, 2, dtype=torch.long)
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_make_different_networks_of_the_same_weights(activation: Any) -> None:
    plain, other = build(SETTINGS[2]), build(replace(SETTINGS[2], activation=activation))
    noisy = images(1, 1, 16, 24)
    assert torch.equal(plain(noisy)[0], other(noisy)[0]) == (activation == "relu")


def test_every_activation_that_settings_name_is_there() -> None:
    assert get_args(AutoencoderSettings.__annotations__["activation"]) == tuple(ACTIVATIONS)


@every_network
def test_a_linear_output_is_cut_off_in_use_and_left_alone_while_training(
    settings: AutoencoderSettings,
) -> None:
    network = build(replace(settings, output="linear"))
    noisy = 2000 * images(4, 1, 16, 24) - 1000
    training = network.train()(noisy)[0]
    assert training.min() < 0
    assert training.max() > 1
    torch.testing.assert_close(network.eval()(noisy)[0], training.clamp(0, 1))


@every_network
def test_dropout_acts_while_training_only(settings: AutoencoderSettings) -> None:
    network = build(replace(settings, dropout=0.5))
    noisy = images(2, 1, 16, 24)
    assert torch.equal(network(noisy)[0], network(noisy)[0])
    network.train()
    assert not torch.equal(network(noisy)[0], network(noisy)[0])


@every_network
def test_pixels_are_in_single_precision_under_bfloat16(settings: AutoencoderSettings) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        denoised, _ = build(settings)(images(1, 1, 16, 24))
    assert denoised.dtype == torch.float32


def export(network: Autoencoder) -> Any:
    sizes = {0: torch.export.Dim("images")}
    if network.any_size:
        sizes |= {
            2: network.stride * torch.export.Dim("rows"),
            3: network.stride * torch.export.Dim("columns"),
        }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the exporter
        program: Any = torch.onnx.export(
            network,
            (images(2, 1, *network.size),),
            input_names=["noisy"],
            output_names=["denoised", "code"],
            dynamic_shapes=(sizes,),
            dynamo=True,
            verbose=False,
        )
    return runtime().InferenceSession(program.model_proto.SerializeToString())


@every_network
def test_the_exported_network_does_what_torch_does(
    settings: AutoencoderSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "torch.onnx")  # it warns that torchvision is missing
    network = build(settings)
    session = export(network)
    shapes = [(1, 1, 16, 24), (5, 1, 16, 24)] + ([(2, 1, 8, 36)] if network.any_size else [])
    for shape in shapes:
        noisy = images(*shape)
        got = session.run(["denoised", "code"], {"noisy": noisy.numpy()})
        for ours, expected in zip(got, network(noisy), strict=True):
            np.testing.assert_allclose(ours, expected.numpy(), atol=1e-5)


@every_network
def test_weights_begin_as_in_keras(settings: AutoencoderSettings) -> None:
    learned = [m for m in build(settings).modules() if getattr(m, "bias", None) is not None]
    assert learned
    for layer in learned:
        assert not layer.get_parameter("bias").any()
        weight = layer.get_parameter("weight")
        area = prod(weight.shape[2:])
        assert weight.abs().max() <= (6 / (area * sum(weight.shape[:2]))) ** 0.5
