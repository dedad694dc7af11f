"""Stabilised noise has standard deviation 1, and the inverse brings means back without bias."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data

from pellucid import denoise
from pellucid.errors import UsageError
from pellucid.inference.index import entries
from pellucid.inference.session import Session
from pellucid.inference.stabilise import (
    Anscombe,
    Rice,
    Stabiliser,
    keep_means,
)
from pellucid.inference.treatment import rice_sigma, rician_treatment, stabiliser_of
from pellucid.noise.base import Noise, NumpyRandom
from pellucid.noise.registry import parse_noise
from pellucid.noise.sensor import Gaussian, Poisson, PoissonGaussian, Rician, Speckle

PHOTONS = 200  # a pixel of 1; means up to that


def flat(value: float, side: int = 1000) -> NDArray[np.float32]:
    return np.full((side, side, 1), value, np.float32)


def stabilised(noise: Noise, value: float) -> NDArray[np.float64]:
    """The transform of a flat image with noise, in float64 so that its statistics are exact."""
    noisy = noise.apply(flat(value), NumpyRandom(0))
    return stabiliser_for(noise).forward(noisy).astype(np.float64)


def stabiliser_for(noise: Noise) -> Stabiliser:
    stabiliser = stabiliser_of(noise)
    assert stabiliser is not None
    return stabiliser


def inverse_of_mean(noise: Noise, value: float) -> float:
    mean = stabilised(noise, value).mean().reshape(1, 1, 1).astype(np.float32)
    return float(stabiliser_for(noise).inverse(mean).item())


# ---- photons -------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [0, 0.2, 0.7, 1.6, 5, 20])
@pytest.mark.parametrize("mean", [0.5, 1, 2, 5, 20, 63, 100])
def test_the_inverse_of_the_mean_of_the_transform_is_the_mean(mean: float, read: float) -> None:
    noise = Poisson(PHOTONS, read=read)
    sampled = 3 * np.hypot(np.sqrt(mean), read) / 1000  # three standard errors of a million pixels
    found = inverse_of_mean(noise, mean / PHOTONS) * PHOTONS
    assert found == pytest.approx(mean, abs=max(0.01 * mean, sampled))


@settings(max_examples=10, deadline=None)
@given(st.floats(0.5, 60), st.floats(0, 3))
def test_the_inverse_has_no_bias_at_any_mean(mean: float, read: float) -> None:
    test_the_inverse_of_the_mean_of_the_transform_is_the_mean(mean, read)


@pytest.mark.parametrize("read", [0, 0.2, 0.7, 1.6, 5, 20])
@pytest.mark.parametrize("mean", [2, 3, 5, 10, 30, 150])
def test_stabilised_noise_has_variance_1_above_2_photons(mean: float, read: float) -> None:
    assert stabilised(Poisson(PHOTONS, read=read), mean / PHOTONS).var() == pytest.approx(1, abs=0.05)


@settings(max_examples=10, deadline=None)
@given(st.floats(2, 150), st.floats(0, 20))
def test_stabilised_noise_has_variance_1_at_any_mean(mean: float, read: float) -> None:
    test_stabilised_noise_has_variance_1_above_2_photons(mean, read)


@pytest.mark.parametrize("mean", [0, 0.5, 5])
def test_images_with_a_subtracted_background_keep_their_mean(mean: float) -> None:
    noise = Poisson(PHOTONS, read=2)
    noisy = noise.apply(flat(mean / PHOTONS), NumpyRandom(0))
    assert (noisy < 0).any()
    assert inverse_of_mean(noise, mean / PHOTONS) * PHOTONS == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize("read", [0, 1.6])
@pytest.mark.parametrize("mean", [2, 5, 50])
def test_a_black_level_is_no_light(mean: float, read: float) -> None:
    noise = Poisson(PHOTONS, read=read, black=0.05)
    value = 0.05 + mean / PHOTONS
    assert stabilised(noise, value).var() == pytest.approx(1, abs=0.05)
    assert (inverse_of_mean(noise, value) - 0.05) * PHOTONS == pytest.approx(mean, rel=0.01)


def test_noise_that_does_not_depend_on_the_pixel_is_divided_by_its_deviation() -> None:
    pixels = np.array([[[-0.2], [0.3], [1.5]]], np.float32)
    plain = Anscombe((0.0,), (0.01,))
    np.testing.assert_allclose(plain.forward(pixels), pixels * 10, rtol=1e-6)
    np.testing.assert_allclose(plain.inverse(pixels * 10), pixels, rtol=1e-6)


def test_a_negative_offset_means_a_black_level() -> None:
    assert Anscombe((0.01,), (-0.001,)).forward(np.full((1, 1, 1), 0.1, np.float32)).item() == 0


def test_each_channel_has_its_own_gain_and_offset() -> None:
    pixels = np.random.default_rng(0).random((7, 9, 3), np.float32)
    gains, offsets = (0.01, 0.002, 0.0), (0.0, 1e-4, 1e-3)
    together = Anscombe(gains, offsets)
    stable = together.forward(pixels)
    clean = together.inverse(stable)
    for channel in range(3):
        alone = Anscombe(gains[channel : channel + 1], offsets[channel : channel + 1])
        part = slice(channel, channel + 1)
        np.testing.assert_allclose(stable[..., part], alone.forward(pixels[..., part]), rtol=1e-5)
        np.testing.assert_allclose(clean[..., part], alone.inverse(stable[..., part]), rtol=1e-5)


@settings(deadline=None)
@given(st.floats(1e-6, 0.1), st.floats(0, 0.1), st.floats(0, 0.5))
def test_transform_and_inverse_rise(gain: float, read: float, black: float) -> None:
    photons = Anscombe((gain,), (read**2 - gain * black,))
    rising = np.linspace(-0.5, 1.5, 500, dtype=np.float32).reshape(1, -1, 1)
    for function in (photons.forward, photons.inverse):
        out = function(100 * rising)
        assert out.dtype == np.float32
        assert (np.diff(out.ravel()) > 0).all()


def test_12_bits_in_a_file_of_16_give_the_same_as_12_bits_stretched() -> None:
    levels = np.random.default_rng(0).poisson(100, (16, 16, 1)).astype(np.float32)  # of 4,095
    in_16_bits, stretched = (np.divide(levels, white, dtype=np.float32) for white in (65535, 4095))
    one, other = Anscombe((1 / 65535,), (0.0,)), Anscombe((1 / 4095,), (0.0,))
    np.testing.assert_allclose(one.forward(in_16_bits), other.forward(stretched), rtol=1e-5)


@pytest.mark.parametrize(
    ("gain", "offset"), [(-0.1, 0.1), (0.0, 0.0), (0.0, -0.1), (np.nan, 0.1), (0.1, np.inf)]
)
def test_a_variance_that_cannot_be_is_refused(gain: float, offset: float) -> None:
    with pytest.raises(UsageError, match="variance"):
        Anscombe((gain,), (offset,))


@pytest.mark.parametrize("mean", [5, 20])
def test_a_network_between_transform_and_inverse_keeps_the_mean_of_a_flat_field(mean: float) -> None:
    entry = next(entry for entry in entries("gaussian-best") if entry.channels == 1)
    noise = Poisson(PHOTONS)
    noisy = noise.apply(flat(mean / PHOTONS, 384), NumpyRandom(0))
    stabiliser = stabiliser_for(noise)
    stable = stabiliser.forward(noisy)
    low, high = stable.min(), stable.max()
    denoised = Session(entry.path).run((stable - low) / (high - low), 1 / float(high - low))
    clean = stabiliser.inverse(denoised * (high - low) + low)
    assert clean.std() < noisy.std() / 10
    assert clean.mean() == pytest.approx(noisy.mean(), rel=0.005)


# ---- magnetic resonance --------------------------------------------------------------------------


@pytest.mark.parametrize("signal", [0, 0.5, 1, 2, 5, 20, 60])
def test_the_inverse_of_the_mean_of_rician_magnitudes_is_the_signal(signal: float) -> None:
    found = inverse_of_mean(Rician(0.01), signal / 100) * 100
    assert found == pytest.approx(signal, abs=0.1 if signal < 1 else 0.005 * signal)


@pytest.mark.parametrize("signal", [1, 1.5, 2, 3, 5, 20, 60])
def test_stabilised_rician_noise_has_deviation_1_where_there_is_signal(signal: float) -> None:
    assert stabilised(Rician(0.01), signal / 100).std() == pytest.approx(1, abs=0.06)


def test_the_background_of_magnitude_images_becomes_0() -> None:
    noisy = Rician(0.1).apply(flat(0), NumpyRandom(0))
    assert noisy.mean() > 0.12
    background = Rice(0.1).forward(noisy).mean(keepdims=True)
    darker = Rice(0.1).forward(np.zeros((1, 1, 1), np.float32))
    assert Rice(0.1).inverse(background).item() < 0.005
    assert Rice(0.1).inverse(darker).item() == 0


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("sigma", [0.02, 0.1])
def test_the_level_of_rician_noise_is_found_with_and_without_signal(value: float, sigma: float) -> None:
    noisy = Rician(sigma).apply(flat(value, 256), NumpyRandom(0))[..., 0]
    assert rice_sigma(noisy) == pytest.approx(sigma, rel=0.05)
    assert rice_sigma(1000 * noisy) == pytest.approx(1000 * sigma, rel=0.05)


def test_a_masked_background_does_not_hide_rician_noise() -> None:
    noisy = Rician(0.1).apply(flat(0.5, 256), NumpyRandom(0))[..., 0]
    noisy[:, :100] = 0
    assert rice_sigma(noisy) == pytest.approx(0.1, rel=0.05)
    assert rice_sigma(np.zeros((64, 64))) == 0


@pytest.mark.parametrize("factor", [1, 1.25, 1.5, 2])
def test_the_level_of_rician_noise_is_found_in_images_that_the_scanner_enlarged(factor: float) -> None:
    """By zeros around k-space, as most scanners do; twofold enlarged ones are halved."""
    side, random = 128, np.random.default_rng(0)
    clean = data.camera()[128:384:2, 128:384:2] / 255
    parts = clean + 0.15 * (random.normal(size=clean.shape) + 1j * random.normal(size=clean.shape))
    margin = round(side * (factor - 1) / 2)
    spectrum = np.pad(np.fft.fftshift(np.fft.fft2(parts)), margin)
    large = np.abs(np.fft.ifft2(np.fft.ifftshift(spectrum))) * (spectrum.size / clean.size)
    treatment = rician_treatment(large)
    assert treatment is not None
    assert treatment.level == pytest.approx(0.15, rel=0.25)
    assert treatment.halvings == (factor == 2)


@pytest.mark.parametrize("shape", [(64,), (7, 64), (64, 64, 3)])
def test_the_level_of_rician_noise_needs_one_channel(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"Expected a magnitude image \(h, w\)"):
        rice_sigma(np.zeros(shape))


# ---- from a noise to its stabiliser --------------------------------------------------------------


def test_each_noise_that_depends_on_the_pixel_has_its_stabiliser() -> None:
    assert stabiliser_of(Poisson(100)) == Anscombe((0.01,), (0.0,))
    assert stabiliser_of(PoissonGaussian(100, 0.1)) == Anscombe((0.01,), (0.1**2,))
    assert stabiliser_of(Rician(0.1)) == Rice(0.1)
    for noise in (Gaussian(0.1), Speckle(0.1), parse_noise("camera:iso=800")):
        assert stabiliser_of(noise) is None


def test_both_ways_to_write_read_noise_have_the_same_stabiliser() -> None:
    texts = "poisson:100,read=2", "poisson-gaussian:100,0.02"
    one, other = (stabiliser_for(parse_noise(text)) for text in texts)
    assert one == other


@pytest.mark.parametrize("text", ["poisson:10-20", "rician:0-0.1", "rician:0"])
def test_a_range_or_no_noise_has_no_stabiliser(text: str) -> None:
    with pytest.raises(UsageError):
        stabiliser_of(parse_noise(text))


def test_local_means_stay_and_what_is_fine_does_not_come_back() -> None:
    noisy = np.random.default_rng(0).normal(0.5, 0.1, (200, 150, 3)).astype(np.float32)
    clean = np.full_like(noisy, 0.4)  # too dark
    kept = keep_means(noisy, clean)
    assert kept.mean() == pytest.approx(noisy.mean(), abs=1e-3)
    assert kept.std() < 0.006
    assert keep_means(noisy[:3, :5], clean[:3, :5]).shape == (3, 5, 3)


@pytest.mark.parametrize("photons", [1.0, 2.0, 5.0])
def test_the_mean_of_few_photons_stays_though_the_gain_is_not_right(photons: float) -> None:
    counts = np.random.default_rng(0).poisson(photons, (160, 160)).astype(np.float32) / 100
    clean = denoise(counts, model="gaussian-instant", noise="poisson:125")
    assert clean.mean() == pytest.approx(counts.mean(), rel=0.005)
    assert clean.std() < counts.std() / 5
