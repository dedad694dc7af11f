"""The statistics of each noise are those that were asked for."""

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from pellucid.errors import UsageError
from pellucid.noise.base import Noise, NumpyRandom, to_8bit
from pellucid.noise.jpeg import Jpeg
from pellucid.noise.registry import NOISES, parse_noise
from pellucid.noise.sensor import Gaussian, Poisson, PoissonGaussian, Rician, SaltAndPepper, Speckle, Uniform


def noisy_grey(noise: Noise, value: float) -> NDArray[np.float64]:
    """A flat image of one value with noise, in float64 so that its statistics are exact."""
    noisy = noise.apply(np.full((512, 512, 3), value, np.float32), NumpyRandom(0))
    return np.asarray(noisy, dtype=np.float64)


@pytest.mark.parametrize("sigma", [5 / 255, 50 / 255, 0.5])
def test_gaussian_noise_has_mean_0_and_the_asked_standard_deviation(sigma: float) -> None:
    noisy = noisy_grey(Gaussian(sigma), 0.5)
    assert noisy.mean() == pytest.approx(0.5, abs=0.005 * sigma)
    assert noisy.std() == pytest.approx(sigma, rel=0.01)


def test_a_mean_moves_gaussian_noise_and_leaves_the_rest_of_it() -> None:
    centred, moved = noisy_grey(Gaussian(0.5), 0.25), noisy_grey(Gaussian(0.5, mean=0.5), 0.25)
    np.testing.assert_allclose(moved, centred + 0.5, atol=1e-6)


def test_each_image_draws_its_own_mean_from_a_range() -> None:
    random, flat = NumpyRandom(0), np.zeros((1, 1, 1), np.float32)
    means = [Gaussian(0, mean=(0.2, 0.4)).apply(flat, random).item() for _ in range(200)]
    assert 0.2 <= min(means) < 0.21
    assert 0.39 < max(means) <= 0.4


def test_gaussian_noise_is_white() -> None:
    noise = noisy_grey(Gaussian(0.1), 0.5) - 0.5
    neighbours = (noise[1:, :, 0], noise[:-1, :, 0]), (noise[:, 1:, 0], noise[:, :-1, 0])
    for one, other in (*neighbours, (noise[..., 0], noise[..., 1])):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("peak", [1, 30, 1000])
@pytest.mark.parametrize("value", [0.1, 0.8])
def test_poisson_noise_keeps_the_mean_and_has_the_variance_mean_over_peak(peak: float, value: float) -> None:
    noisy = noisy_grey(Poisson(peak), value)
    assert noisy.mean() == pytest.approx(value, rel=0.02)
    assert noisy.var() == pytest.approx(value / peak, rel=0.02)
    np.testing.assert_allclose(noisy * peak, np.rint(noisy * peak), atol=1e-3)


def test_read_noise_is_in_photons_and_a_black_level_is_no_light() -> None:
    noise = Poisson(30, read=2, black=0.1)
    for value in (0.0, 0.1, 0.5):
        light = max(value - 0.1, 0)
        noisy = noisy_grey(noise, value)
        assert noisy.mean() == pytest.approx(0.1 + light, rel=0.01)
        assert noisy.var() == pytest.approx(light / 30 + (2 / 30) ** 2, rel=0.01)


def test_read_noise_in_photons_is_sigma_times_the_peak() -> None:
    photons, sigma = noisy_grey(Poisson(30, read=6), 0.5), noisy_grey(PoissonGaussian(30, 0.2), 0.5)
    np.testing.assert_allclose(photons, sigma, atol=1e-6)


def test_no_light_gives_no_poisson_noise() -> None:
    assert not noisy_grey(Poisson(30), 0).any()
    assert not noisy_grey(Poisson(30), -0.1).any()


def test_the_variances_of_poisson_gaussian_noise_add_up() -> None:
    noisy = noisy_grey(PoissonGaussian(30, 0.1), 0.5)
    assert noisy.mean() == pytest.approx(0.5, rel=0.01)
    assert noisy.var() == pytest.approx(0.5 / 30 + 0.1**2, rel=0.01)


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_speckle_grows_with_the_brightness(value: float) -> None:
    noisy = noisy_grey(Speckle(0.2), value)
    assert noisy.mean() == pytest.approx(value, rel=0.01)
    assert noisy.std() == pytest.approx(0.2 * value, rel=0.01)


@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_salt_and_pepper_hit_the_asked_share_half_each(share: float) -> None:
    noisy = noisy_grey(SaltAndPepper(share), 0.5)
    assert np.mean(noisy == 1) == pytest.approx(share / 2, rel=0.03)
    assert np.mean(noisy == 0) == pytest.approx(share / 2, rel=0.03)
    assert np.mean(noisy == 0.5) == pytest.approx(1 - share, abs=1e-3)


@pytest.mark.parametrize("share", [0.11, 1.0])
def test_uniform_noise_replaces_the_asked_share_by_uniform_numbers(share: float) -> None:
    noisy = noisy_grey(Uniform(share), 2.0)
    replaced = noisy[noisy != 2]
    assert replaced.size / noisy.size == pytest.approx(share, rel=0.02)
    assert replaced.min() >= 0
    assert replaced.max() < 1
    np.testing.assert_allclose(np.quantile(replaced, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.01)


def test_rician_noise_on_black_is_rayleigh_noise() -> None:
    noisy = noisy_grey(Rician(0.1), 0)
    assert noisy.mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.01)
    assert noisy.std() == pytest.approx(0.1 * np.sqrt(2 - np.pi / 2), rel=0.01)


def test_rician_noise_has_the_second_moment_of_two_gaussians_and_resembles_one_on_white() -> None:
    noisy = noisy_grey(Rician(0.05), 1)
    assert np.mean(noisy**2) == pytest.approx(1 + 2 * 0.05**2, rel=0.001)
    assert noisy.std() == pytest.approx(0.05, rel=0.01)


def test_a_lower_jpeg_quality_does_more_harm() -> None:
    clean = data.astronaut().astype(np.float32) / 255
    errors = [np.mean((Jpeg(q).apply(clean, NumpyRandom(0)) - clean) ** 2) for q in (95, 50, 30, 5)]
    assert errors == sorted(errors)
    assert 0 < errors[0] < errors[-1] / 10


def test_jpeg_quality_is_rounded_and_gives_8_bit_values() -> None:
    clean = data.camera()[:64, :64, None].astype(np.float32) / 255
    noisy = Jpeg(30.4).apply(clean, NumpyRandom(0))
    np.testing.assert_array_equal(noisy, Jpeg(30).apply(clean, NumpyRandom(0)))
    np.testing.assert_allclose(noisy, to_8bit(noisy), atol=1e-7)


def test_each_image_draws_its_own_value_from_a_range() -> None:
    random, flat = NumpyRandom(0), np.zeros((64, 64, 1), np.float32)
    stds = [float(Gaussian((0.1, 0.3)).apply(flat, random).std()) for _ in range(200)]
    assert min(stds) == pytest.approx(0.1, abs=0.02)
    assert max(stds) == pytest.approx(0.3, abs=0.02)
    assert np.mean(stds) == pytest.approx(0.2, abs=0.02)


def test_noise_is_neither_clipped_nor_rounded_until_asked() -> None:
    noisy = noisy_grey(Gaussian(0.5), 0.5)
    assert noisy.min() < 0 < 1 < noisy.max()
    levels = to_8bit(noisy) * 255
    assert levels.min() == 0
    assert levels.max() == 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-9)


@pytest.mark.parametrize(
    ("text", "noise"),
    [
        ("gaussian:25", Gaussian(25 / 255)),
        ("gaussian:1", Gaussian(1 / 255)),
        ("gaussian:0.5", Gaussian(0.5)),
        ("gaussian:255", Gaussian(1.0)),
        ("gaussian:0-50", Gaussian((0, 50 / 255))),
        ("gaussian:0.5-50", Gaussian((0.5 / 255, 50 / 255))),
        ("gaussian:0.1-0.3", Gaussian((0.1, 0.3))),
        ("gaussian:1e-05-2e-05", Gaussian((1e-5, 2e-5))),
        ("gaussian:25", Gaussian(25 / 255, mean=0)),
        ("gaussian:0.5,mean=0.5", Gaussian(0.5, mean=0.5)),
        ("gaussian:25,mean=10", Gaussian(25 / 255, mean=10 / 255)),
        ("gaussian:0-50,mean=0-0.5", Gaussian((0, 50 / 255), mean=(0, 0.5))),
        ("gaussian:25,mean=255", Gaussian(25 / 255, mean=1)),
        ("poisson:30", Poisson(30)),
        ("poisson:100,read=1.6", Poisson(100, read=1.6)),
        ("poisson:100,black=5", Poisson(100, black=5 / 255)),
        ("poisson:50-200,read=0-3,black=0.1", Poisson((50, 200), read=(0, 3), black=0.1)),
        ("poisson-gaussian:30-60,5", PoissonGaussian((30, 60), 5 / 255)),
        ("speckle:1", Speckle(1.0)),
        ("uniform:0.11", Uniform(0.11)),
        ("jpeg:30", Jpeg(30)),
    ],
)
def test_text_means_what_its_readers_expect(text: str, noise: Noise) -> None:
    assert parse_noise(text) == noise
    assert str(noise) == text


def test_spaces_and_capitals_do_not_matter() -> None:
    assert parse_noise(" Gaussian: 25 ") == Gaussian(25 / 255)
    assert parse_noise("gaussian:0.5, Mean=0.5") == Gaussian(0.5, mean=0.5)


def test_a_name_before_a_value_changes_nothing() -> None:
    assert parse_noise("gaussian:sigma=25,mean=0") == Gaussian(25 / 255)
    assert parse_noise("poisson:photons=100,read=1.6") == Poisson(100, read=1.6)


def test_named_values_may_come_in_any_order() -> None:
    assert parse_noise("poisson:black=0.1,read=1.6,photons=100") == Poisson(100, read=1.6, black=0.1)


@pytest.mark.parametrize("values", ["2,5", "0.5,mean=", "0.5,mean", "mean=0.5", "25,sigma=30", "25,mean=-5"])
def test_a_mean_must_be_named_and_have_a_sigma(values: str) -> None:
    with pytest.raises(UsageError, match="Write gaussian:SIGMA or gaussian:SIGMA,mean=MEAN with SIGMA from"):
        parse_noise(f"gaussian:{values}")


@pytest.mark.parametrize("mean", [2, -0.1, float("nan"), (0.2, 0.1)])
def test_a_mean_outside_0_to_1_is_refused(mean: object) -> None:
    with pytest.raises(UsageError, match=r"gaussian: MEAN is .* MEAN from 0 to 1"):
        Gaussian(0.5, mean)


@pytest.mark.parametrize("text", ["", "grain:3", "25", ":25"])
def test_an_unknown_noise_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(UsageError, match=", ".join(NOISES)):
        parse_noise(text)


@pytest.mark.parametrize("sigma", [25, -0.1, float("nan"), float("inf"), (0.2, 0.1), (0.1, 0.2, 0.3), ()])
def test_a_standard_deviation_outside_0_to_1_is_refused(sigma: object) -> None:
    with pytest.raises(UsageError, match="SIGMA from 0 to 1"):
        Gaussian(sigma)


def test_a_numpy_number_does_not_widen_the_pixels() -> None:
    noisy = Gaussian(np.float64(0.1)).apply(np.zeros((4, 4, 1), np.float32), NumpyRandom(0))
    assert noisy.dtype == np.float32
