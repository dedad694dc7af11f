"""The network is chosen by the noise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

import pellucid
from pellucid.errors import InputError, UsageError
from pellucid.images.noise import NumpyRandom, parse_noise, to_8bit
from pellucid.images.picture import Picture, from_float
from pellucid.inference.auto import CAMERA, WHITE, Auto, choose
from pellucid.inference.model import Model, load_model
from pellucid.inference.sigma import FAINT, estimate_sigma
from tests.tiny import taking_file

Camera = Callable[..., Model]


def shading(channels: int = 3) -> NDArray[np.float32]:
    """A clean picture (160, 200, channels)."""
    slopes = np.linspace([0.1, 0.3, 0.5], [0.8, 0.6, 0.9], 200)[:, :channels]
    pixels: NDArray[np.float32] = np.tile(slopes, (160, 1, 1)).astype(np.float32)
    return pixels


def photograph(channels: int = 3) -> NDArray[np.float32]:
    """A photograph (256, 256, channels) with next to no noise."""
    pixels = data.cat()[:256, :256] / 255
    grey: NDArray[np.float64] = pixels.mean(2, keepdims=True)
    return (pixels if channels == 3 else grey).astype(np.float32)


def noisy(text: str, clean: NDArray[np.float32]) -> NDArray[np.uint8]:
    """What a file of a noisy picture holds."""
    return from_float(to_8bit(parse_noise(text).apply(clean, NumpyRandom(1))), "uint8")


# ---- the choice ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def camera(photo_grey_file: Path, photo_colour_file: Path) -> Camera:
    """Networks for photographs that take so much from each channel of every picture."""

    def make(*amounts: float) -> Model:
        channels, file = (1, photo_grey_file) if len(amounts) == 1 else (3, photo_colour_file)
        return Model("camera", {channels: taking_file(file, *amounts)})

    return make


@pytest.mark.parametrize("channels", [1, 3])
def test_white_noise_goes_to_the_network_for_it_whatever_the_other_finds(
    channels: int, camera: Camera
) -> None:
    pixels = noisy("gaussian:25", shading(channels))
    for amounts in ((0.0, 0.0, 0.0), (0.3, 0.3, 0.3)):
        choice = choose(pixels, camera(*amounts))
        assert (choice.name, choice.level) == (WHITE, estimate_sigma(pixels))
        assert choice.why == f"its noise is white, {255 * choice.level:.1f} of 255"


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_not_white_goes_to_the_network_for_photographs_when_that_would_take_something_away(
    channels: int, camera: Camera
) -> None:
    choice = choose(shading(channels), camera(0.03, 0.02, 0.01))
    assert choice.name == CAMERA
    assert choice.level == pytest.approx(((0.03**2 + 0.02**2 + 0.01**2) / 3) ** 0.5, rel=0.01)
    assert choice.why == f"its noise is a camera's, {255 * choice.level:.1f} of 255"


def test_a_network_for_grey_photographs_serves_too(camera: Camera) -> None:
    assert choose(shading(1), camera(0.03)).level == pytest.approx(0.03, rel=0.01)


@pytest.mark.parametrize("channels", [1, 3])
def test_where_neither_finds_noise_nothing_is_done(channels: int, camera: Camera) -> None:
    choice = choose(shading(channels), camera(0.0005, 0.0005, 0.001))
    assert choice.name is None
    assert 0 < choice.level < FAINT[channels]
    assert choice.why == "there is no noise to take away"


@pytest.mark.parametrize("channels", [1, 3])
def test_one_colour_is_clean(channels: int, camera: Camera) -> None:
    assert choose(np.full((120, 130, channels), 77, np.uint8), camera(0.3, 0.3, 0.3)) == (
        None,
        0,
        "there is no noise to take away",
    )


@pytest.mark.parametrize("size", [(1, 1), (5, 200), (96, 96), (97, 300)])
def test_a_picture_of_any_size_can_be_judged(size: tuple[int, int], camera: Camera) -> None:
    pixels = np.random.default_rng(0).random((*size, 3), dtype=np.float32)
    assert 0 <= choose(pixels, camera(0.3, 0.3, 0.3)).level <= 1


def test_a_frame_of_one_colour_does_not_make_a_noisy_photograph_clean() -> None:
    camera = load_model("photo-fast")
    framed = np.full((256, 256, 3), (60, 40, 20), np.uint8)
    inner = noisy("camera:iso=12800", photograph())[64:192, 64:192]
    framed[64:192, 64:192] = inner
    level = choose(inner, camera).level
    assert level > 2 / 255
    assert choose(framed, camera).level == pytest.approx(level, rel=0.4)


# ---- the default model ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def auto() -> Model:
    return load_model()


def test_auto_is_what_no_name_means(auto: Model) -> None:
    assert isinstance(auto, Auto)
    assert isinstance(load_model("auto"), Auto)
    assert (auto.name, auto.channels, auto.is_told) == ("auto", (3,), True)
    assert auto.card(3).name == "photo-fast-colour"


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_with_white_noise_is_denoised_as_by_the_network_for_it(channels: int, auto: Model) -> None:
    pixels = noisy("gaussian:25", photograph(channels))
    result = auto.denoise(pixels)
    assert (result.model, result.changed) == ("gaussian-fast", True)
    assert result.why.startswith("its noise is white, ")
    expected = load_model("gaussian-fast").denoise(pixels)
    assert result.sigma == expected.sigma
    np.testing.assert_array_equal(result.pixels, expected.pixels)
    np.testing.assert_array_equal(pellucid.denoise(pixels), expected.pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_photograph_is_denoised_as_by_the_network_for_photographs(channels: int, auto: Model) -> None:
    clean = photograph(channels)
    pixels = noisy("camera:iso=12800", clean)
    result = auto.denoise(pixels)
    assert (result.model, result.changed) == ("photo-fast", True)
    assert result.why.startswith("its noise is a camera's, ")
    expected = load_model("photo-fast").denoise(pixels)
    np.testing.assert_array_equal(result.pixels, expected.pixels)
    assert result.pixels.shape == pixels.shape


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_clean_picture_is_left_alone(channels: int, auto: Model) -> None:
    drawn = np.dstack([shading(), np.linspace(0, 1, 200) * np.ones((160, 1))])[..., :channels]
    pixels = from_float(drawn, "uint8")
    result = auto.denoise(pixels)
    assert (result.model, result.changed) == ("none", False)
    assert result.why == "there is no noise to take away"
    assert not np.shares_memory(result.pixels, pixels)
    np.testing.assert_array_equal(result.pixels, pixels)


@pytest.mark.parametrize("sigma", [0.0, 25 / 255])
def test_a_told_level_means_white_noise(sigma: float, auto: Model) -> None:
    pixels = noisy("camera:iso=12800", photograph())
    result = auto.denoise(pixels, sigma=sigma)
    assert (result.model, result.why, result.sigma) == ("gaussian-fast", "a noise level was told", sigma)
    np.testing.assert_array_equal(
        result.pixels, load_model("gaussian-fast").denoise(pixels, sigma=sigma).pixels
    )


@pytest.mark.parametrize("options", [{"strength": 0.5}, {"luma": 0, "chroma": 1.5}, {"strength": 0}])
@pytest.mark.parametrize("text", ["gaussian:25", "camera:iso=12800"])
def test_strength_luma_and_chroma_are_those_of_the_chosen_network(
    text: str, options: dict[str, Any], auto: Model
) -> None:
    pixels = noisy(text, photograph())
    result = auto.denoise(pixels, **options)
    expected = load_model(result.model).denoise(pixels, **options)
    np.testing.assert_array_equal(result.pixels, expected.pixels)
    assert result.changed == expected.changed == (options != {"strength": 0})


def test_progress_is_told_whichever_network_is_chosen(auto: Model) -> None:
    for text in ("gaussian:25", "camera:iso=12800"):
        steps: list[tuple[int, int]] = []
        auto.denoise(noisy(text, photograph()), progress=lambda *step, steps=steps: steps.append(step))
        assert steps == [(1, 1)]


def test_what_makes_no_sense_is_refused_before_a_network_is_chosen(auto: Model) -> None:
    pixels = shading()
    for options in ({"sigma": 25}, {"strength": 3}, {"luma": -1}, {"chroma": np.nan}):
        with pytest.raises(UsageError):
            auto.denoise(pixels, **options)
    with pytest.raises(UsageError, match="A picture cannot have shape"):
        auto.denoise(pixels[0, 0])
    with pytest.raises(InputError, match="NaN"):
        auto.denoise(pixels * np.nan)


def test_wrong_devices_and_threads_are_refused_when_it_is_loaded() -> None:
    with pytest.raises(UsageError, match=r"'quantum'.*auto, cpu, cuda"):
        load_model(device="quantum")
    with pytest.raises(UsageError, match="from 1"):
        load_model("auto", threads=0)


def test_a_file_tells_which_network_was_chosen_and_why(tmp_path: Path) -> None:
    picture = Picture(samples=noisy("gaussian:25", photograph()))
    pellucid.write_image(tmp_path / "noisy.png", picture)
    result = pellucid.denoise_file(tmp_path / "noisy.png")
    assert (result.model, result.changed) == ("gaussian-fast", True)
    assert result.why.startswith("its noise is white, ")
