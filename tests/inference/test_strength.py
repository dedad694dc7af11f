"""How much noise is removed: the laws of strength, luma and chroma."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.model import Model
from pellucid.inference.registry import load_model
from pellucid.inference.session import Session
from pellucid.io.image import from_float
from pellucid.noise.base import NumpyRandom
from pellucid.noise.jpeg import YCBCR
from pellucid.noise.sensor import Gaussian
from pellucid.options import DenoiseOptions
from tests.tiny import colours

DTYPES = ["uint8", "uint16", "float32", "float64"]
SHAPES = [(33, 21), (1, 30, 1), (33, 21, 1), (33, 21, 3), (33, 21, 4)]


@pytest.fixture(scope="session")
def photo_model(photo_grey_file: Path, photo_colour_file: Path) -> Model:
    """Networks that find the noise for themselves."""
    return Model("photo", {1: photo_grey_file, 3: photo_colour_file})


@pytest.fixture(params=["given", "photo"])
def any_model(request: pytest.FixtureRequest, model: Model, photo_model: Model) -> Model:
    """One network that is given the noise level, and one that estimates it."""
    return model if request.param == "given" else photo_model


def denoised(model: Denoiser, pixels: NDArray[Any], **strengths: Any) -> NDArray[Any]:
    """What the model makes of an image, given its noise level where it takes one."""
    return model.denoise(pixels, sigma=0.1 if model.takes_sigma else None, **strengths).image


def image(shape: tuple[int, ...], dtype: str = "float32") -> NDArray[Any]:
    return from_float(0.2 + 0.6 * np.random.default_rng(0).random(shape), dtype)


def ycbcr(pixels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Luma (h, w) and chroma (h, w, 2)."""
    planes = pixels @ YCBCR.T
    return planes[..., 0], planes[..., 1:]


# ---- nothing, and half of it ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("strengths", [{"strength": 0}, {"luma": 0, "chroma": 0}])
def test_0_is_a_bit_identical_copy(
    shape: tuple[int, ...], dtype: str, strengths: dict[str, Any], any_model: Model
) -> None:
    pixels = image(shape, dtype)
    result = any_model.denoise(pixels, **strengths)
    assert not result.changed
    assert not np.shares_memory(result.image, pixels)
    assert result.image.dtype == pixels.dtype
    np.testing.assert_array_equal(result.image, pixels)


def test_a_image_in_grey_has_no_chroma_to_change(any_model: Model) -> None:
    for pixels in (image((20, 30)), np.repeat(image((20, 30, 1)), 3, 2)):
        assert not any_model.denoise(pixels, luma=0, chroma=1).changed
        for chroma in (0, 2):
            np.testing.assert_array_equal(
                denoised(any_model, pixels, chroma=chroma), denoised(any_model, pixels)
            )
        np.testing.assert_array_equal(
            denoised(any_model, pixels, luma=0.3, chroma=1), denoised(any_model, pixels, strength=0.3)
        )


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 1, exclude_min=True), st.sampled_from([1, 3]))
def test_up_to_1_it_is_a_blend(model: Model, photo_model: Model, strength: float, channels: int) -> None:
    pixels = image((20, 30, channels))
    for each in (model, photo_model):
        whole, some = (denoised(each, pixels, strength=share) for share in (1, strength))
        np.testing.assert_allclose(some, pixels + strength * (whole - pixels), rtol=0, atol=1e-6)


# ---- luma and chroma apart -----------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_luma_and_chroma_are_blends_of_their_own(
    model: Model, photo_model: Model, luma: float, chroma: float
) -> None:
    pixels = image((20, 30, 3))
    for each in (model, photo_model):
        whole, some = denoised(each, pixels), denoised(each, pixels, luma=luma, chroma=chroma)
        for before, after, now, share in zip(*map(ycbcr, (pixels, whole, some)), (luma, chroma), strict=True):
            np.testing.assert_allclose(now, before + share * (after - before), rtol=0, atol=2e-6)


def test_luma_0_changes_colour_alone_and_chroma_0_brightness_alone(any_model: Model) -> None:
    pixels = image((20, 30, 3))
    for name, kept in (("luma", 0), ("chroma", 1)):
        result = denoised(any_model, pixels, **{name: 0})
        parts = list(zip(ycbcr(pixels), ycbcr(result), strict=True))
        np.testing.assert_allclose(*parts[kept], rtol=0, atol=1e-6)
        assert np.abs(np.subtract(*parts[1 - kept])).max() > 1e-3


@pytest.mark.parametrize("strength", [0.4, 1, 1.7])
def test_one_strength_is_that_of_luma_and_of_chroma(strength: float, any_model: Model) -> None:
    pixels = image((20, 30, 3), "uint8")
    expected = denoised(any_model, pixels, strength=strength)
    for strengths in (
        {"luma": strength, "chroma": strength},
        {"strength": strength, "luma": strength},
        {"strength": 0.2, "luma": strength, "chroma": strength},
    ):
        np.testing.assert_array_equal(denoised(any_model, pixels, **strengths), expected)


# ---- more than the network finds ------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_above_1_a_network_is_given_so_many_times_the_level(model: Model, channels: int) -> None:
    pixels = image((20, 30, channels))
    more = model.denoise(pixels, sigma=0.1, strength=1.5)
    np.testing.assert_array_equal(more.image, model.denoise(pixels, sigma=0.15).image)
    assert more.sigma == 0.1


def test_above_1_luma_and_chroma_have_gains_of_their_own(photo_colour_file: Path) -> None:
    model, pixels = load_model(photo_colour_file), colours(24, 40)
    results = {
        gains: denoised(model, pixels, luma=gains[0], chroma=gains[1])
        for gains in ((1.0, 1.0), (2.0, 1.0), (1.0, 2.0), (2.0, 2.0))
    }
    session = Session(photo_colour_file)
    for gains, result in results.items():
        np.testing.assert_array_equal(result, session.run(pixels, gains))
        assert sum(np.array_equal(result, other) for other in results.values()) == 1


def test_above_1_luma_and_chroma_are_given_levels_of_their_own(model: Model) -> None:
    pixels = colours(24, 40)
    parts = ycbcr(model.denoise(pixels, sigma=0.15).image)[0], ycbcr(denoised(model, pixels, strength=2))[1]
    both = ycbcr(denoised(model, pixels, luma=1.5, chroma=2))
    for part, whole in zip(parts, both, strict=True):
        np.testing.assert_allclose(part, whole, atol=1e-6)


def test_above_1_more_noise_is_removed() -> None:
    clean = colours(96, 96)[..., :1] * 0
    noisy = clean + 0.5 + Gaussian(0.1).apply(clean, NumpyRandom(0))
    model = load_model("gaussian-instant")
    left = [model.denoise(noisy, sigma=0.05, strength=strength).image.std() for strength in (0.5, 1, 1.5, 2)]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.5 * left[1]


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-0.1, 2.001, 50, np.nan, np.inf, True, "1"])
@pytest.mark.parametrize("name", ["strength", "luma", "chroma"])
def test_what_lies_outside_0_to_2_is_refused(name: str, value: Any, any_model: Model) -> None:
    with pytest.raises(UsageError, match=f"{name} is .*from 0 .* to 2"):
        any_model.denoise(image((8, 8), "uint8"), **{name: value})


@pytest.mark.parametrize("given", [{"sigma": 0.1}, {"noise": "gaussian:25"}, {"noise": "poisson:50"}])
def test_a_network_that_estimates_the_noise_takes_neither_sigma_nor_noise(
    given: dict[str, Any], photo_model: Model
) -> None:
    assert not photo_model.takes_sigma
    with pytest.raises(UsageError, match=r"photo.*sigma or noise.*strength"):
        photo_model.denoise(image((8, 8), "uint8"), **given)


def test_sigma_and_noise_exclude_each_other(model: Model) -> None:
    with pytest.raises(UsageError, match="sigma and noise"):
        model.denoise(image((8, 8), "uint8"), sigma=0.1, noise="gaussian:25")


def test_luma_and_chroma_take_the_place_of_the_strength() -> None:
    assert DenoiseOptions(strength=0.7).strengths == (0.7, 0.7)
    assert DenoiseOptions(strength=0.7, luma=0.2).strengths == (0.2, 0.7)
    assert DenoiseOptions(strength=0.7, chroma=1.9).strengths == (0.7, 1.9)
