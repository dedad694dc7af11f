from typing import Any

import pytest
import torch
import torch.nn.functional as F
from msgspec.structs import replace
from torch import Tensor

from pellucid.networks.families import UNetSettings
from pellucid.networks.unet import Residual, UNet, strided

SMALL = UNetSettings(widths=(4, 8), encoder=(1,), body=1, decoder=(1,))
SETTINGS = [
    SMALL,
    UNetSettings(widths=(4, 8, 12), encoder=(0, 1), body=2, decoder=(1, 1)),
    UNetSettings(widths=(6,), encoder=(), body=1, decoder=()),
    UNetSettings(widths=(4, 8), encoder=(0,), body=0, decoder=(0,), unshuffle=4),
]
every_network = pytest.mark.parametrize("settings", SETTINGS, ids=str)


def build(settings: UNetSettings, channels: int = 1) -> UNet:
    torch.manual_seed(0)
    network = UNet(settings, channels).requires_grad_(False)
    network.tail.weight.mul_(10)  # undo "begin near there is no noise"
    return network


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def told(value: float) -> Tensor:
    return torch.full((1, 1, 1, 1), value)


@pytest.mark.parametrize("channels", [1, 3])
@every_network
def test_the_result_has_the_shape_of_the_images(settings: UNetSettings, channels: int) -> None:
    network = build(settings, channels)
    noisy = images(2, channels, network.stride, 3 * network.stride)
    denoised = network(noisy, told(0.1))
    assert denoised.shape == noisy.shape
    assert not torch.equal(denoised, noisy)


@pytest.mark.parametrize(("settings", "stride"), list(zip(SETTINGS, [4, 8, 2, 8], strict=True)), ids=str)
def test_the_stride_is_what_sizes_must_be_multiples_of(settings: UNetSettings, stride: int) -> None:
    network = build(settings)
    assert network.stride == stride
    with pytest.raises(RuntimeError):
        network(images(1, 1, stride, stride + 1), told(0.1))


@pytest.mark.parametrize("unshuffle", [1, 2, 4])
def test_the_first_layer_is_a_3x3_convolution_of_the_unshuffled_image(unshuffle: int) -> None:
    layer, x = strided(3, 5, unshuffle), images(2, 3, 8, 12)
    kernels = F.pixel_unshuffle(layer.weight, unshuffle)
    assert kernels.shape[2:] == (3, 3)
    expected = F.conv2d(F.pixel_unshuffle(x, unshuffle), kernels, padding=1)
    torch.testing.assert_close(layer(x), expected)


def test_a_block_that_narrows_is_one_that_does_not_and_a_1x1_convolution_after_it() -> None:
    torch.manual_seed(0)
    wide, after, x = Residual(8, 8), torch.nn.Conv2d(8, 3, 1, bias=False), images(2, 8, 6, 7)
    narrow = Residual(8, 3)
    assert isinstance(narrow.narrow, torch.nn.Conv2d)
    with torch.no_grad():
        narrow.first.weight.copy_(wide.first.weight)
        narrow.second.weight.copy_(
            torch.einsum("ou,uikl->oikl", after.weight[:, :, 0, 0], wide.second.weight)
        )
        narrow.narrow.weight.copy_(after.weight)
        torch.testing.assert_close(narrow(x), after(wide(x)))


@every_network
def test_scaling_image_and_sigma_scales_the_result(settings: UNetSettings) -> None:
    network = build(settings)
    noisy = images(1, 1, 32, 32)
    assert torch.equal(network(4 * noisy, told(0.4)), 4 * network(noisy, told(0.1)))


@every_network
def test_there_is_no_bias_and_nothing_but_convolutions_learns(settings: UNetSettings) -> None:
    names = [name for name, _ in build(settings).named_parameters()]
    assert names
    assert all(name.endswith("weight") for name in names)
    assert {weight.ndim for weight in build(settings).parameters()} == {4}


def test_every_weight_learns() -> None:
    network = build(SETTINGS[1]).requires_grad_(True)
    network(images(1, 1, 32, 32), told(0.1)).square().mean().backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in network.parameters())


def test_each_image_of_a_batch_is_denoised_for_itself_with_its_own_sigma() -> None:
    network, noisy = build(SMALL), images(3, 1, 16, 16)
    sigmas = torch.tensor([0.0, 0.1, 0.3]).reshape(3, 1, 1, 1)
    together = network(noisy, sigmas)
    for k in range(3):
        torch.testing.assert_close(together[k : k + 1], network(noisy[k : k + 1], sigmas[k : k + 1]))


def test_one_sigma_equals_a_map_of_it_and_a_map_may_vary() -> None:
    network, noisy = build(SMALL), images(1, 1, 64, 64)
    sigma_map = torch.full((1, 1, 32, 32), 0.1)
    torch.testing.assert_close(network(noisy, sigma_map), network(noisy, told(0.1)))
    sigma_map[..., 16:] = 0.3
    left = network(noisy, sigma_map)[..., :8]
    torch.testing.assert_close(left, network(noisy, told(0.1))[..., :8])


def test_a_image_moved_by_the_stride_gives_the_result_moved_by_the_stride() -> None:
    network, noisy = build(SMALL), images(1, 1, 96, 96)
    moved = network(noisy[..., network.stride :], told(0.1))
    inner = slice(40, 56)
    shifted = slice(40 - network.stride, 56 - network.stride)
    torch.testing.assert_close(moved[..., shifted], network(noisy, told(0.1))[..., inner])


def test_an_untrained_network_begins_near_the_image_itself() -> None:
    torch.manual_seed(0)
    noisy = images(1, 1, 32, 32)
    with torch.no_grad():
        change = UNet(SMALL, 1)(noisy, told(0.1)) - noisy
    assert 0 < change.abs().max() < 0.3


@every_network
def test_bfloat16_rounds_the_noise_and_never_the_image(settings: UNetSettings) -> None:
    network = build(settings)
    noisy = images(1, 1, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        rough: Any = network(noisy, told(0.1))
    fine = network(noisy, told(0.1))
    assert rough.dtype == torch.float32
    assert not torch.equal(rough, fine)
    noise = (noisy - fine).abs().max()
    assert (rough - fine).abs().max() < 0.05 * noise


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_network_that_finds_nothing_gives_the_image_back_or_a_black_one(activation: str) -> None:
    noisy = images(2, 1, 8, 8)
    for predicts, expected in (("noise", noisy), ("image", torch.zeros_like(noisy))):
        network = build(replace(SMALL, activation=activation, predicts=predicts))
        network.tail.weight.zero_()
        torch.testing.assert_close(network(noisy, told(0.1)), expected)


def test_the_activation_makes_a_difference() -> None:
    noisy = images(1, 1, 16, 16)
    results = [build(replace(SMALL, activation=name))(noisy, told(0.1)) for name in ("relu", "gelu")]
    assert not torch.allclose(*results)
