"""The network that estimates the noise of each block."""

import pytest
import torch
from torch import Tensor

from pellucid.networks.families import EstimatorSettings
from pellucid.networks.noise import NoiseEstimator


def build(channels: int = 1) -> NoiseEstimator:
    torch.manual_seed(0)
    return NoiseEstimator(EstimatorSettings(4), channels).requires_grad_(False)


def images(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(4, 4), (16, 40), (64, 64)])
def test_each_block_of_4_x_4_pixels_has_a_level_for_each_channel_a_spread_and_a_kind(
    channels: int, height: int, width: int
) -> None:
    blocks = (height // 4, width // 4)
    levels, log_spread, independent = build(channels)(images(5, channels, height, width))
    assert levels.shape == (5, channels, *blocks)
    assert log_spread.shape == independent.shape == (5, 1, *blocks)
    assert all(each.isfinite().all() for each in (levels, log_spread, independent))
    assert levels.min() > 0


def test_untrained_it_estimates_a_little_noise_everywhere() -> None:
    levels, _, _ = build(3)(torch.full((1, 3, 64, 64), 0.5))
    assert 1 / 255 < levels.min() <= levels.max() < 12 / 255


def test_the_images_of_a_batch_do_not_influence_each_other() -> None:
    network, noisy = build(), images(4, 1, 32, 32)
    together = network(noisy)
    for k in range(4):
        for whole, alone in zip(together, network(noisy[k : k + 1]), strict=True):
            torch.testing.assert_close(whole[k : k + 1], alone)


def test_a_block_depends_on_the_pixels_around_it_only() -> None:
    network, noisy = build(), images(1, 1, 64, 128)
    changed = noisy.clone()
    changed[..., 124:] = 0
    for before, after in zip(network(noisy), network(changed), strict=True):
        assert torch.equal(before[..., :24], after[..., :24])
        assert not torch.equal(before, after)


def test_every_weight_learns() -> None:
    network = build().requires_grad_(True)
    outputs: tuple[Tensor, ...] = network(images(2, 1, 32, 32))
    torch.stack([each.square().sum() for each in outputs]).sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in network.parameters())


def test_the_estimate_is_in_single_precision_under_bfloat16() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        outputs = build()(images(2, 1, 32, 32))
    assert {each.dtype for each in outputs} == {torch.float32}
