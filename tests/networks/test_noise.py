import pytest
import torch
from torch import Tensor

from pellucid.networks.sigma import SigmaEstimator


def build(channels: int = 1) -> SigmaEstimator:
    torch.manual_seed(0)
    return SigmaEstimator(channels, 4).requires_grad_(False)


def crops(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 40), (96, 96)])
def test_each_crop_is_given_a_level_and_a_trust(channels: int, height: int, width: int) -> None:
    estimate = build(channels)(crops(5, channels, height, width))
    assert estimate.shape == (5, 2)
    assert estimate.isfinite().all()


def test_a_crop_is_judged_for_itself() -> None:
    network, noisy = build(), crops(4, 1, 32, 32)
    together = network(noisy)
    for k in range(4):
        torch.testing.assert_close(together[k : k + 1], network(noisy[k : k + 1]))


def test_a_larger_place_of_the_same_kind_has_the_same_level_and_more_trust() -> None:
    network = build()
    small, large = (network(torch.full((1, 1, side, side), 0.5))[0] for side in (32, 64))
    torch.testing.assert_close(small[0], large[0])
    assert large[1] > small[1]


def test_crops_are_pooled_like_places() -> None:
    # Two flat halves, side by side: what straddles the border aside, the level lies between theirs.
    network = build()
    dark, light = torch.zeros(1, 1, 16, 256), torch.ones(1, 1, 16, 256)
    both = torch.cat([network(dark), network(light)])
    weights = both[:, 1].softmax(0)
    pooled = network(torch.cat([dark, light], 3))[0, 0]
    torch.testing.assert_close(pooled, (weights * both[:, 0]).sum(), rtol=0.05, atol=1e-3)


def test_every_weight_learns() -> None:
    network = build().requires_grad_(True)
    network(crops(2, 1, 32, 32)).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().max() > 0 for weight in network.parameters())


def test_the_estimate_is_in_single_precision_under_bfloat16() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert build()(crops(2, 1, 32, 32)).dtype == torch.float32
