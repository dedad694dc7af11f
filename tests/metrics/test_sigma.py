"""The wavelet median finds white Gaussian noise where the image itself is smooth."""

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from pellucid.metrics.sigma import wavelet_sigma
from pellucid.noise.base import NumpyRandom
from pellucid.noise.sensor import Gaussian


def flat(*shape: int) -> NDArray[np.float32]:
    return np.full(shape, 0.5, np.float32)


def shaded(height: int, width: int) -> NDArray[np.float32]:
    """A smooth colour image: ramps and a slow wave."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    return np.stack([x, y * x, 0.5 + 0.5 * np.sin(6 * x + 4 * y)], axis=2).astype(np.float32)


@pytest.mark.parametrize("sigma", [1 / 255, 10 / 255, 50 / 255, 0.5])
@pytest.mark.parametrize("clean", [flat(256, 257, 1), flat(255, 256, 3), shaded(301, 300)])
def test_known_noise_on_a_smooth_image_is_found_within_3_percent(
    clean: NDArray[np.float32], sigma: float
) -> None:
    noisy = Gaussian(sigma).apply(clean, NumpyRandom(0))
    assert wavelet_sigma(noisy) == pytest.approx(sigma, rel=0.03)


def test_strong_noise_on_a_photograph_is_found_within_10_percent() -> None:
    noisy = Gaussian(25 / 255).apply(data.astronaut().astype(np.float32) / 255, NumpyRandom(0))
    assert wavelet_sigma(noisy) == pytest.approx(25 / 255, rel=0.1)


def test_few_outliers_hardly_matter() -> None:
    noisy = Gaussian(0.1).apply(flat(256, 256, 1), NumpyRandom(0))
    noisy[::16, ::16] = 100
    assert wavelet_sigma(noisy) == pytest.approx(0.1, rel=0.1)


def test_a_smooth_image_without_noise_has_none() -> None:
    assert wavelet_sigma(flat(64, 64, 3)) == pytest.approx(0, abs=1e-6)
    assert wavelet_sigma(shaded(301, 300)) == pytest.approx(0, abs=1e-4)


def test_colour_is_the_mean_of_its_channels() -> None:
    noisy = np.concatenate(
        [Gaussian(sigma).apply(flat(64, 64, 1), NumpyRandom(0)) for sigma in (0.1, 0.2, 0.3)], 2
    )
    channels = [wavelet_sigma(noisy[..., channel]) for channel in range(3)]
    assert wavelet_sigma(noisy) == pytest.approx(np.mean(channels))


def test_the_estimate_scales_with_the_image_and_ignores_its_brightness() -> None:
    noisy = Gaussian(0.1).apply(flat(64, 64, 1), NumpyRandom(0))
    assert wavelet_sigma(7 * noisy + 3) == pytest.approx(7 * wavelet_sigma(noisy), rel=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 9, 3), (2, 2, 3), (3, 5), (31, 32, 1)])
def test_any_size_gives_a_finite_estimate(shape: tuple[int, ...]) -> None:
    estimate = wavelet_sigma(np.random.default_rng(0).random(shape, dtype=np.float32))
    assert 0 <= estimate < 1
