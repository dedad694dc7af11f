"""The formulas of noise on torch tensors."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pellucid.noise.base import NumpyRandom, Random, to_8bit
from pellucid.noise.jpeg import Jpeg
from pellucid.noise.registry import parse_noise
from pellucid.noise.sensor import Gaussian, Poisson
from pellucid.training.randomness import TorchRandom

# kind, brightness, mean and standard deviation that theory asks for
STATISTICS = [
    ("gaussian:25", 0.5, 0.5, 25 / 255),
    ("poisson:30", 0.5, 0.5, (0.5 / 30) ** 0.5),
    ("poisson-gaussian:30,51", 0.5, 0.5, (0.5 / 30 + 0.2**2) ** 0.5),
    ("speckle:0.2", 0.8, 0.8, 0.16),
    ("salt-and-pepper:0.2", 0.5, 0.5, 0.05**0.5),
    ("uniform:1", 2.0, 0.5, (1 / 12) ** 0.5),
    ("rician:51", 0.0, 0.2 * (np.pi / 2) ** 0.5, 0.2 * (2 - np.pi / 2) ** 0.5),
]


def seeded(seed: int) -> Random:
    return TorchRandom(torch.Generator().manual_seed(seed))


def flat(value: float) -> Tensor:
    return torch.full((4, 3, 128, 128), value)


@pytest.mark.parametrize(("text", "value", "mean", "std"), STATISTICS)
def test_the_statistics_are_those_that_were_asked_for(
    text: str, value: float, mean: float, std: float
) -> None:
    clean = flat(value)
    noisy = parse_noise(text).apply(clean, seeded(0))
    assert noisy.shape == clean.shape
    assert noisy.dtype == torch.float32
    assert noisy.mean().item() == pytest.approx(mean, rel=0.01)
    assert noisy.std().item() == pytest.approx(std, rel=0.01)
    assert torch.equal(clean, flat(value))


@pytest.mark.parametrize("text", ["gaussian:0-50", "poisson-gaussian:1-60,5", "uniform:0.1-0.5"])
def test_the_same_seed_gives_the_same_noise_and_another_seed_another(text: str) -> None:
    noise, clean = parse_noise(text), flat(0.5)
    assert torch.equal(noise.apply(clean, seeded(1)), noise.apply(clean, seeded(1)))
    assert not torch.equal(noise.apply(clean, seeded(1)), noise.apply(clean, seeded(2)))


def test_each_image_of_a_batch_draws_its_own_value_from_a_range() -> None:
    drawn = Gaussian((0.1, 0.3)).draw(seeded(0), torch.zeros(500, 3, 8, 8))
    assert drawn.sigma.shape == (500, 1, 1, 1)
    assert 0.1 <= drawn.sigma.min() < 0.11
    assert 0.29 < drawn.sigma.max() <= 0.3


def test_the_drawn_value_is_the_one_that_is_applied() -> None:
    clean, random = torch.zeros(8, 3, 64, 64), seeded(0)
    drawn = Gaussian((0.1, 0.9)).draw(random, clean)
    stds = drawn.formula(clean, random).std(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(stds, drawn.sigma, rtol=0.05, atol=0)


def test_no_light_gives_no_poisson_noise() -> None:
    assert not Poisson((1, 9)).apply(-flat(0.1), seeded(0)).any()


def test_tensors_are_clipped_and_rounded_like_arrays() -> None:
    noisy = Gaussian(0.5).apply(flat(0.5), seeded(0))
    np.testing.assert_array_equal(to_8bit(noisy).numpy(), to_8bit(noisy.numpy()))


@pytest.mark.parametrize("quality", [30, 95])
def test_jpeg_on_tensors_equals_jpeg_on_arrays(quality: int) -> None:
    noisy = Gaussian(0.1).apply(flat(0.5), seeded(0))
    array = noisy[0].permute(1, 2, 0).numpy()
    expected = Jpeg(quality).apply(array, NumpyRandom(0))
    ours = Jpeg(quality).apply(noisy, seeded(0))[0].permute(1, 2, 0).numpy()
    assert np.mean(np.abs(ours - expected) > 1 / 512) < 0.001  # halves may round either way


def test_each_tensor_draws_its_own_jpeg_quality() -> None:
    noisy = Gaussian(0.1).apply(flat(0.5), seeded(0))[:1].repeat(6, 1, 1, 1)
    errors = (Jpeg((5, 95)).apply(noisy, seeded(0)) - noisy).square().mean(dim=(1, 2, 3))
    assert len(errors.unique()) > 3
