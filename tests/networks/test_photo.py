"""The network that finds out for itself how much noise is where."""

from typing import Literal

import msgspec
import pytest
import torch
from torch import Tensor

from pellucid.networks.photo import FOLD, PhotoUNet, kept_share, maps_for
from tests.tiny import PHOTO, textured_network, tiny_recipe


def build(channels: Literal[1, 3] = 3, widths: tuple[int, ...] = (4, 6)) -> PhotoUNet:
    levels = (1,) * (len(widths) - 1)
    table = msgspec.structs.replace(PHOTO, widths=widths, encoder=levels, decoder=levels)
    network = textured_network(tiny_recipe(channels=channels, network=table))
    assert isinstance(network, PhotoUNet)
    return network.requires_grad_(False)


def noisy(n: int, channels: int, height: int, width: int) -> Tensor:
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(1))


def gains(*values: float) -> Tensor:
    return torch.tensor(values).reshape(1, -1, 1, 1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (24, 40), (64, 32)])
def test_the_image_keeps_its_shape_and_has_levels_of_an_eighth_of_its_size(
    channels: Literal[1, 3], height: int, width: int
) -> None:
    denoised, levels = build(channels)(noisy(2, channels, height, width), gains(1))
    assert denoised.shape == (2, channels, height, width)
    assert levels.shape == (2, maps_for(channels), height // FOLD, width // FOLD)
    assert (levels >= 0).all()


def test_grey_images_have_a_luma_level_and_colour_images_one_of_chroma_too() -> None:
    assert (maps_for(1), maps_for(3)) == (1, 2)


@pytest.mark.parametrize(("widths", "stride"), [((4,), 8), ((4, 4), 8), ((4, 4, 4), 8), ((4, 4, 4, 4), 16)])
def test_the_stride_is_that_of_the_deeper_part(widths: tuple[int, ...], stride: int) -> None:
    network = build(1, widths)
    assert network.stride == stride
    assert network(noisy(1, 1, stride, 3 * stride), gains(1))[0].shape == (1, 1, stride, 3 * stride)


def test_untrained_it_estimates_a_little_noise_everywhere() -> None:
    _, levels = build()(torch.full((1, 3, 64, 64), 0.5), gains(1))
    assert 0.003 < levels.min() < levels.max() < 0.1


def test_the_levels_do_not_depend_on_the_gains_but_the_image_does() -> None:
    network, image = build(), noisy(1, 3, 32, 32)
    results = [network(image, gains(*pair)) for pair in ((1, 1), (2, 1), (1, 2))]
    images, levels = zip(*results, strict=True)
    assert torch.equal(levels[0], levels[1])
    assert torch.equal(levels[0], levels[2])
    assert not any(torch.equal(images[k], images[k - 1]) for k in range(3))


def test_one_gain_serves_both_levels() -> None:
    network, image = build(), noisy(1, 3, 32, 32)
    assert torch.equal(network(image, gains(1.5))[0], network(image, gains(1.5, 1.5))[0])


def test_twice_the_gain_is_twice_the_noise_to_the_u_net() -> None:
    one, two, image = build(), build(), noisy(1, 3, 32, 32)
    bias = torch.tensor([-4.0, -3.0])  # faint noise: heavy noise also decides how the tones are put back
    for network, share in ((one, 1), (two, 2)):  # estimators that say the same of every image
        network.estimator.levels.weight.zero_()
        assert network.estimator.levels.bias is not None
        level = share * torch.nn.functional.softplus(bias - 4)
        network.estimator.levels.bias.copy_(level.expm1().log() + 4)
    torch.testing.assert_close(one(image, gains(2))[0], two(image, gains(1))[0])


def test_noise_in_a_corner_changes_no_level_far_away() -> None:
    image = torch.full((1, 1, 128, 128), 0.5)
    changed = image.clone()
    changed[..., :8, :8] += 0.2 * torch.randn(8, 8, generator=torch.Generator().manual_seed(0))
    network = build(1)
    difference = (network(changed, gains(1))[1] - network(image, gains(1))[1])[0, 0].abs()
    assert difference[0, 0] > 0
    assert not difference[5:].any()
    assert not difference[:, 5:].any()


def test_each_image_of_a_batch_is_denoised_for_itself() -> None:
    network, images = build(), noisy(3, 3, 32, 32)
    together = network(images, gains(1))
    for k in range(3):
        for one, all_of_them in zip(network(images[k : k + 1], gains(1)), together, strict=True):
            torch.testing.assert_close(one, all_of_them[k : k + 1])


def test_every_weight_learns() -> None:
    network = build().requires_grad_(True)
    denoised, levels = network(noisy(2, 3, 64, 64), gains(1))
    (denoised.square().sum() + levels.sum()).backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in network.parameters())


def test_pixels_and_levels_are_in_single_precision_under_bfloat16() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        results = build()(noisy(1, 3, 32, 32), gains(1))
    assert [result.dtype for result in results] == [torch.float32] * 2


@pytest.mark.parametrize(
    ("luma", "chroma", "kept"), [(1, 1, 1.0), (10, 9, 1.0), (14, 12, 0.5), (30, 20, 0.0), (30, 3, 1.0)]
)
def test_tones_are_put_back_unless_luma_and_chroma_noise_are_heavy(
    luma: float, chroma: float, kept: float
) -> None:
    levels = torch.tensor([luma / 255, chroma / 255]).reshape(1, 2, 1, 1)
    assert kept_share(levels).item() == pytest.approx(kept, abs=0.02)
    assert kept_share(levels[:, :1]).item() == pytest.approx(1 / (1 + (luma / 14) ** 16), abs=0.01)


def test_the_tones_of_the_noisy_image_stay() -> None:
    network, image = build(), 0.5 + 0.3 * noisy(1, 3, 160, 160)
    assert network.estimator.levels.bias is not None
    network.estimator.levels.bias -= 4  # faint noise
    found: list[Tensor] = []
    network.unet.register_forward_hook(lambda *seen: found.append(seen[2] - image))
    denoised, _ = network(image, gains(1))
    moved, would_move = (each.mean((2, 3)).abs().max() for each in ((denoised - image), found[0]))
    assert moved < 0.1 * would_move
