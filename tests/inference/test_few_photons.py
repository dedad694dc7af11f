"""Images of few photons are recognised, and their light is found again."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from skimage import data

import pellucid
from pellucid.inference.analysis import CLEAN, SIGNAL_DEPENDENT, WHITE
from pellucid.inference.few_photons import ONCE, passes

Floats = NDArray[np.float64]


def light() -> Floats:
    """A photograph (150, 225, 3), 0 to 1."""
    halves = data.cat()[:300, :450].astype(np.float64).reshape(150, 2, 225, 2, 3)
    return np.asarray(halves.mean(axis=(1, 3)) / 255)


def counted(photons: float, *, grey: bool = False) -> tuple[NDArray[np.int64], Floats]:
    """Counts of photons where white sends so many, and their expected numbers."""
    expected = photons * (light().mean(axis=2) if grey else light())
    return np.random.default_rng(0).poisson(expected), expected


def rms(error: Any) -> float:
    return float(np.sqrt(np.mean(np.square(error))))


@pytest.mark.parametrize("photons", [0.5, 1, 3, 10])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("stored", ["8 bits", "16 bits, stretched", "16 bits", "floats"])
def test_counts_are_recognised_in_any_type_and_each_is_worth_its_step(
    photons: float, grey: bool, stored: str
) -> None:
    counts, _ = counted(photons, grey=grey)
    highest = counts.max()
    samples, step = {
        "8 bits": (np.rint(counts * (255 / highest)).astype(np.uint8), 1 / highest),
        "16 bits, stretched": (np.rint(counts * (65535 / highest)).astype(np.uint16), 1 / highest),
        "16 bits": (counts.astype(np.uint16), 1 / 65535),
        "floats": (counts.astype(np.float32), 1),
    }[stored]
    found = pellucid.analyse(samples)
    assert found.kind == (CLEAN if stored == "16 bits" else SIGNAL_DEPENDENT)
    assert found.photon == pytest.approx(step, rel=0.01)
    assert found.gain == (found.photon,) * len(found.gain)
    assert set(found.offset) == {0.0}


def test_counts_whose_brightest_are_cut_off_are_counts() -> None:
    counts, _ = counted(3)
    found = pellucid.analyse(np.minimum(np.rint(counts * 45.0), 255).astype(np.uint8))
    assert found.photon == pytest.approx(45 / 255, rel=0.01)


def test_noise_that_does_not_grow_with_the_light_is_no_count_of_photons() -> None:
    """Dark images of 8 bits have few values, all of them multiples of one level."""
    clean = 0.15 * light()
    noisy = clean + np.random.default_rng(0).normal(0, 5 / 255, clean.shape)
    found = pellucid.analyse(np.rint(noisy.clip(0, 1) * 255).astype(np.uint8))
    assert (found.kind, found.photon) == (WHITE, 0)
    assert 255 * found.level == pytest.approx(5, rel=0.1)


def test_a_dark_photograph_of_few_levels_is_denoised() -> None:
    clean = 12 * light()
    noisy = np.random.default_rng(0).poisson(clean).astype(np.uint8)
    assert rms(pellucid.denoise(noisy) - clean) < 0.4 * rms(noisy - clean)


def few_shades(name: str) -> NDArray[np.uint8]:
    grey = Image.fromarray(data.camera())
    if name == "dithered":
        return np.asarray(grey.convert("1").convert("L"))
    if name == "palette":
        return np.asarray(Image.fromarray(data.cat()).quantize(16).convert("RGB"))
    if name == "stretched":
        return np.asarray(grey) // 8 * 8
    return np.asarray(grey) // 64 * 64


@pytest.mark.parametrize("name", ["dithered", "palette", "stretched", "four shades"])
def test_few_shades_alone_are_no_counts(name: str) -> None:
    assert pellucid.analyse(few_shades(name)).photon == 0


def test_few_single_photons_in_integers_are_left_as_they_are() -> None:
    counts, _ = counted(3)
    samples = counts.astype(np.uint16)  # their means, 0.4 or 1.2, have no integer
    result = pellucid.denoise_result(samples)
    assert "floats" in result.why
    np.testing.assert_array_equal(result.image, samples)


def test_a_network_that_is_named_warns_where_integers_count_few_photons(
    caplog: pytest.LogCaptureFixture,
) -> None:
    samples = counted(3)[0].astype(np.uint16)
    pellucid.denoise(samples, model="gaussian-instant", noise="poisson:65535")
    assert "give floats" in caplog.text


def test_points_that_no_noise_explains_stay() -> None:
    expected = np.full((192, 192), 0.3)
    expected[10::40, 12::24] = 40
    noisy = np.random.default_rng(0).poisson(expected).astype(np.float32)
    denoised = pellucid.denoise(noisy, noise="poisson:1")
    assert denoised[10::40, 12::24].mean() == pytest.approx(40, rel=0.15)
    assert rms(denoised - expected) < 0.6 * rms(noisy - expected)


def test_counts_too_faint_to_be_seen_are_left() -> None:
    counts, _ = counted(0.5)
    samples = counts.astype(np.uint8)  # all of it is black to the eye
    assert pellucid.analyse(samples).kind == CLEAN
    np.testing.assert_array_equal(pellucid.denoise(samples), samples)


@pytest.mark.parametrize("photons", [0.5, 1, 3])
@pytest.mark.parametrize("grey", [False, True])
def test_an_image_of_few_photons_loses_most_of_its_error_and_none_of_its_light(
    photons: float, grey: bool
) -> None:
    counts, expected = counted(photons, grey=grey)
    noisy = counts.astype(np.float32)
    for denoised in (pellucid.denoise(noisy), pellucid.denoise(noisy, noise="poisson:1")):
        assert rms(denoised - expected) < 0.25 * rms(noisy - expected)
        assert denoised.mean() == pytest.approx(noisy.mean(), rel=0.02)


def test_few_photons_in_tiles_are_those_in_one_piece() -> None:
    counts, _ = counted(2, grey=True)
    noisy = np.tile(counts, (5, 4)).astype(np.float32)
    whole = pellucid.load_model("gaussian-instant", exact=True)
    tiled = pellucid.load_model("gaussian-instant", exact=True, memory=180e6)
    pieces, one = (each.denoise(noisy, noise="poisson:1").image for each in (tiled, whole))
    np.testing.assert_allclose(pieces, one, atol=2e-3)


def test_few_photons_in_little_memory_are_denoised_in_one_pass(caplog: pytest.LogCaptureFixture) -> None:
    noisy = np.tile(counted(2, grey=True)[0], (5, 4)).astype(np.float32)
    model = pellucid.load_model("gaussian-best", memory=200e6)
    assert rms(model.denoise(noisy, noise="poisson:1").image - noisy) > 0.5
    assert "one pass" in caplog.text


@given(st.floats(0, 1000))
def test_passes_go_from_coarse_to_fine(photons: float) -> None:
    found = passes(photons)
    halvings = [each.halvings for each in found]
    assert halvings == sorted(halvings, reverse=True)
    assert found[0].share == 1
    if photons < 5:
        assert photons * 4 ** halvings[0] >= 2 or photons < 0.05
        assert len(found) == 2
    else:
        assert found == ONCE
    variances = [each.variance * 4**each.halvings for each in found]
    assert all(0 < each <= 1 for each in variances)
    assert math.isclose(variances[0], 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_noise_that_black_cuts_off_has_the_level_from_before(channels: int) -> None:
    clean = 0.15 * light() if channels == 3 else 0.15 * light().mean(axis=2)
    noisy = clean + np.random.default_rng(0).normal(0, 0.25, clean.shape)
    stored = np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)
    assert pellucid.analyse(stored).level == pytest.approx(0.25, rel=0.1)
    denoised = pellucid.denoise(stored) / 255
    assert rms(denoised - clean) < 0.03  # the mean of what was cut off is brighter by 0.1


@pytest.mark.parametrize("factor", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("sigma", [0.1, 0.16])
def test_the_level_of_a_grey_image_that_was_made_smaller_is_found(factor: float, sigma: float) -> None:
    clean = np.asarray(data.camera())[:400, :400] / 255
    noisy = clean + np.random.default_rng(0).normal(0, sigma, clean.shape)
    side = round(400 * factor)

    def smaller(pixels: Floats) -> NDArray[np.float32]:
        image = Image.fromarray(pixels.astype(np.float32))
        return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))

    true = float(np.std(smaller(noisy) - smaller(clean)))
    assert pellucid.analyse(smaller(noisy)).level == pytest.approx(true, rel=0.15)
