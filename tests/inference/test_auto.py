"""The network is chosen by the noise."""

import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage
from skimage import data

import pellucid
from pellucid.errors import InputError, UsageError
from pellucid.inference.analysis import CAMERA, SIGNAL_DEPENDENT, SMOOTH, WHITE
from pellucid.inference.auto import BEST_PIXELS, Auto
from pellucid.inference.coarse import enlarge, halve
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.registry import load_model
from pellucid.io.image import Image, from_float
from pellucid.noise.base import NumpyRandom, to_8bit
from pellucid.noise.jpeg import YCBCR
from pellucid.noise.registry import parse_noise

FAMILIES = {WHITE: "gaussian-", SIGNAL_DEPENDENT: "gaussian-", SMOOTH: "gaussian-", CAMERA: "photo-"}

every_noise = pytest.mark.parametrize("text", ["gaussian:25", "poisson:30", "camera:iso=12800"])
grey_and_colour = pytest.mark.parametrize("channels", [1, 3])


def shading(channels: int = 3) -> NDArray[np.float32]:
    """A clean image (160, 200, channels)."""
    slopes = np.linspace([0.1, 0.3, 0.5], [0.8, 0.6, 0.9], 200)[:, :channels]
    pixels: NDArray[np.float32] = np.tile(slopes, (160, 1, 1)).astype(np.float32)
    return pixels


def photograph(channels: int = 3) -> NDArray[np.float32]:
    """A photograph (128, 160, channels) with next to no noise."""
    pixels = data.cat()[20:276, 20:340].reshape(128, 2, 160, 2, 3).mean(axis=(1, 3)) / 255
    grey: NDArray[np.float64] = pixels.mean(2, keepdims=True)
    return (pixels if channels == 3 else grey).astype(np.float32)


def noisy(text: str, clean: NDArray[np.float32]) -> NDArray[np.uint8]:
    """What a file of a noisy image contains."""
    return from_float(to_8bit(parse_noise(text).apply(clean, NumpyRandom(1))), "uint8")


def error(pixels: NDArray[np.uint8], clean: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.square(pixels / 255 - clean).mean()))


@pytest.fixture(scope="module")
def auto() -> Denoiser:
    return load_model()


# ---- the choice ----------------------------------------------------------------------------------


def test_auto_is_the_model_without_a_name(auto: Denoiser) -> None:
    assert isinstance(auto, Auto)
    assert isinstance(load_model("auto"), Auto)
    assert (auto.name, auto.channels, auto.takes_sigma) == ("auto", (3,), True)
    assert auto.card(3).name == "photo-fast-colour"


@every_noise
@grey_and_colour
def test_the_kind_of_noise_decides_the_family(text: str, channels: int, auto: Denoiser) -> None:
    clean = photograph(channels)
    pixels = noisy(text, clean)
    found, result = pellucid.analyse(pixels), auto.denoise(pixels)
    correlated = (CAMERA,) if channels == 3 else (CAMERA, SMOOTH)
    kinds = {"gaussian": (WHITE,), "poisson": (SIGNAL_DEPENDENT,), "camera": correlated}
    assert found.kind in kinds[text.partition(":")[0]]
    assert result.changed
    assert result.model.startswith(FAMILIES[found.kind])
    assert (result.sigma, result.why) == (found.level, found.why)
    assert (result.image.shape, result.image.dtype) == (pixels.shape, pixels.dtype)
    assert error(result.image, clean) < error(pixels, clean)
    np.testing.assert_array_equal(pellucid.denoise(pixels), result.image)


@grey_and_colour
def test_white_noise_is_removed_as_by_the_network_for_it(channels: int, auto: Denoiser) -> None:
    pixels = noisy("gaussian:25", photograph(channels))
    result = auto.denoise(pixels)
    expected = load_model(result.model).denoise(pixels, sigma=result.sigma)
    np.testing.assert_array_equal(result.image, expected.image)


def test_camera_noise_is_removed_as_by_the_network_for_photographs(auto: Denoiser) -> None:
    pixels = noisy("camera:iso=12800", photograph())
    result = auto.denoise(pixels)
    np.testing.assert_array_equal(result.image, load_model(result.model).denoise(pixels).image)


def demosaiced(mosaic: NDArray[np.float64]) -> NDArray[np.float32]:
    """A Bayer mosaic (h, w), bilinearly to colours, and to grey (h, w, 1)."""
    rows, columns = np.indices(mosaic.shape) % 2
    grey = np.zeros(mosaic.shape)
    for colour, weight in enumerate(YCBCR[0]):
        filters = (rows + columns == colour).astype(float)
        known, near = (summed(each) for each in (mosaic * filters, filters))
        grey += weight * np.where(filters > 0, mosaic, known / near)
    return grey[..., None].astype(np.float32)


def summed(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weighted sum of 3 x 3 pixels."""
    padded = np.pad(plane, 1, mode="reflect")
    down = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]


@pytest.mark.parametrize("name", ["cat", "coffee", "astronaut"])
def test_strong_camera_noise_in_grey_is_removed_as_by_the_better_network(name: str, auto: Denoiser) -> None:
    samples = getattr(data, name)()[:300, :400].reshape(150, 2, 200, 2, 3) / 255
    grey = samples.mean(axis=(1, 3, 4))
    clean = demosaiced(grey)
    noise = np.sqrt(0.03 * grey + 0.003) * np.random.default_rng(0).standard_normal(grey.shape)
    pixels = from_float(to_8bit(demosaiced(grey + noise)), "uint8")
    by_names = (load_model(each).denoise(pixels).image for each in ("photo-fast", "photo-best"))
    assert error(auto.denoise(pixels).image, clean) < 1.03 * min(error(each, clean) for each in by_names)


@pytest.mark.parametrize("name", ["cat", "coffee", "astronaut"])
@pytest.mark.parametrize("quality", [80, 90])
@pytest.mark.parametrize("text", ["gaussian:20", "poisson:60"])
def test_noise_before_jpeg_is_removed(text: str, quality: int, name: str, auto: Denoiser) -> None:
    samples = getattr(data, name)()[:300, :400].reshape(150, 2, 200, 2, 3) / 255
    clean = samples.mean(axis=(1, 3)).astype(np.float32)
    file = io.BytesIO()
    PillowImage.fromarray(noisy(text, clean)).save(file, "JPEG", quality=quality)  # 4:2:0
    pixels = np.asarray(PillowImage.open(file))
    assert error(auto.denoise(pixels).image, clean) < 0.85 * error(pixels, clean)


@pytest.mark.parametrize("photons", [5, 20])
def test_stabilised_photon_noise_leaves_less_error_and_no_bias(photons: int, auto: Denoiser) -> None:
    clean = photograph(1)
    pixels = parse_noise(f"poisson:{photons}").apply(clean, NumpyRandom(1))
    result = auto.denoise(pixels)
    plain = load_model(result.model).denoise(pixels, sigma=result.sigma)
    assert np.square(result.image - clean).mean() < np.square(plain.image - clean).mean()
    assert result.image.mean() == pytest.approx(clean.mean(), rel=0.02)


def test_large_images_get_the_fast_network(auto: Denoiser) -> None:
    noise = np.random.default_rng(0).normal(0.5, 0.1, (1024, BEST_PIXELS // 1024 + 1))
    pixels = noise.astype(np.float32)
    assert auto.denoise(pixels, strength=0).model == "gaussian-fast"
    assert auto.denoise(pixels[:, :-1], strength=0).model == "gaussian-best"


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_clean_image_stays_unchanged(channels: int, auto: Denoiser) -> None:
    drawn = np.dstack([shading(), np.linspace(0, 1, 200) * np.ones((160, 1))])[..., :channels]
    pixels = from_float(drawn, "uint8")
    result = auto.denoise(pixels)
    assert (result.model, result.changed) == ("none", False)
    assert result.why
    assert not np.shares_memory(result.image, pixels)
    np.testing.assert_array_equal(result.image, pixels)


def dithered() -> NDArray[np.uint8]:
    grey = PillowImage.fromarray(from_float(photograph(1), "uint8")[..., 0])
    return np.asarray(grey.convert("1")).astype(np.uint8) * 255


def of_a_palette() -> NDArray[np.uint8]:
    return np.asarray(PillowImage.fromarray(from_float(photograph(), "uint8")).convert("P").convert("RGB"))


def modules() -> NDArray[np.uint8]:
    bits = np.random.default_rng(0).integers(0, 2, (80, 80)).astype(np.uint8) * 255
    return np.kron(bits, np.ones((2, 2), np.uint8))


def woven(period: float) -> NDArray[np.uint8]:
    across, down = (np.sin(2 * np.pi * np.arange(160) / each) for each in (period, 1.1 * period))
    return from_float((0.5 + 0.25 * np.outer(down, across)).astype(np.float32)[..., None], "uint8")[..., 0]


PATTERNS: dict[str, Callable[[], NDArray[np.uint8]]] = {
    "dithered to 1 bit": dithered,
    "dithered to a palette": of_a_palette,
    "the modules of a code": modules,
    **{f"woven, period {each}": functools.partial(woven, each) for each in (2, 3, 4, 5, 6, 8)},
}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_is_no_noise(name: str, auto: Denoiser) -> None:
    pixels = PATTERNS[name]()
    change = auto.denoise(pixels).image.astype(float) - pixels
    assert np.sqrt(np.square(change).mean()) < 1


def test_sparse_light_on_black_is_not_removed(auto: Denoiser) -> None:
    """A few photons in thin lines, in counts times a gain of 2."""
    shape, random = (320, 320), np.random.default_rng(5)
    along = np.linspace(0, 1, 1500)
    lines = np.zeros(shape)
    for _ in range(25):
        top, bottom, left, right = random.uniform(0, 320, 4)
        bend = 20 * np.sin(3 * along + random.uniform(0, 6))
        rows = (top + (bottom - top) * along + bend).astype(int) % 320
        lines[rows, (left + (right - left) * along).astype(int) % 320] = 1
    light = enlarge(halve(lines[..., None].astype(np.float32)), *shape)[..., 0].clip(0)
    shot = (2 * random.poisson(150 * light)).astype(np.float32)
    assert auto.denoise(shot).image.mean() == pytest.approx(shot.mean(), rel=0.03)


def sky() -> NDArray[np.float64]:
    """A linear image of the sky: next to its brightest stars all else is black to the eye."""
    rows, columns = np.mgrid[:256, :256]
    light: NDArray[np.float64] = 0.002 + 0.001 * np.exp(
        -((rows - 120) ** 2 + (columns - 140) ** 2) / (2 * 45**2)
    )
    random = np.random.default_rng(1)
    for row, column in random.integers(8, 248, (30, 2)):
        star = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * 1.5**2))
        light += 10 ** -random.uniform(0, 3) * star
    return np.minimum(light, 1.0)


@pytest.mark.parametrize("samples", ["float", "16 bit", "colour"])
def test_noise_between_stars_is_removed_and_the_light_of_stars_stays(samples: str, auto: Denoiser) -> None:
    light = sky()
    light = np.repeat(light[..., None], 3, axis=2) if samples == "colour" else light
    deviation = np.sqrt(0.0005**2 + 1e-6 * light)
    noisy = (light + deviation * np.random.default_rng(0).standard_normal(light.shape)).astype(np.float32)
    white = 65535 if samples == "16 bit" else 1
    shot = (noisy.clip(0, 1) * white).round().astype(np.uint16) if white > 1 else noisy
    denoised = auto.denoise(shot).image / white
    dark, bright = light < 0.004, light > 0.02
    assert (denoised - light)[dark].std() < 0.3 * (noisy - light)[dark].std()
    assert denoised[bright].sum() == pytest.approx(light[bright].sum(), rel=0.01)
    assert denoised[dark].mean() == pytest.approx(light[dark].mean(), rel=0.01)


@pytest.mark.parametrize("side", [1, 5])
def test_lamps_do_not_hide_the_noise_of_all_else(side: int, auto: Denoiser) -> None:
    light = photograph() ** 2.2
    noisy = (light + 0.03 * np.random.default_rng(0).standard_normal(light.shape)).astype(np.float32)
    lamps = np.zeros(light.shape[:2], np.bool_)
    for row in range(side):
        for column in range(side):
            lamps[20 + row :: 40, 20 + column :: 40] = True
    noisy[lamps] = 300
    denoised = auto.denoise(noisy).image
    assert (denoised - light)[~lamps].std() < 0.6 * (noisy - light)[~lamps].std()
    assert denoised[lamps].mean() == pytest.approx(300, rel=0.001)


def test_a_frame_of_one_colour_does_not_make_a_noisy_photograph_clean() -> None:
    framed = np.full((256, 320, 3), (60, 40, 20), np.uint8)
    inner = noisy("camera:iso=12800", photograph())
    framed[64:192, 80:240] = inner
    expected, found = pellucid.analyse(inner), pellucid.analyse(framed)
    assert expected.kind == found.kind == CAMERA
    assert found.level == pytest.approx(expected.level, rel=0.25)


def test_the_estimate_of_sigma_is_the_level_of_the_analysis() -> None:
    for text in ("gaussian:25", "poisson:30"):
        pixels = noisy(text, photograph())
        assert pellucid.estimate_sigma(pixels) == pellucid.analyse(pixels).level


# ---- noise that is given -------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{}, {"sigma": 0.1}, {"sigma": 0}], ids=["found", "given", "0"])
def test_white_paper_where_no_page_is_found_is_mentioned(given: dict[str, Any], auto: Denoiser) -> None:
    pixels = noisy("gaussian:25", photograph())
    assert "no page was recognised" in auto.denoise(pixels, paper="white", **given).why
    assert "page" not in auto.denoise(pixels, **given).why


def test_a_given_level_means_white_noise(auto: Denoiser) -> None:
    pixels = noisy("camera:iso=12800", photograph())
    result = auto.denoise(pixels, sigma=25 / 255)
    assert (result.changed, result.sigma) == (True, 25 / 255)
    assert result.model.startswith("gaussian-")
    assert "given" in result.why
    expected = load_model(result.model).denoise(pixels, sigma=25 / 255)
    np.testing.assert_array_equal(result.image, expected.image)


@pytest.mark.parametrize("given", [{"sigma": 0}, {"sigma": 0.0}])
def test_a_given_level_of_0_changes_nothing(given: dict[str, Any], auto: Denoiser) -> None:
    pixels = noisy("gaussian:25", photograph())
    result = auto.denoise(pixels, **given)
    assert (result.changed, result.sigma) == (False, 0)
    np.testing.assert_array_equal(result.image, pixels)


@pytest.mark.parametrize("text", ["gaussian:25", "poisson:30", "poisson-gaussian:30,5", "rician:12"])
def test_given_noise_is_removed_as_by_the_network_that_is_given_it(text: str, auto: Denoiser) -> None:
    clean = photograph(1)
    pixels = noisy(text, clean)
    result = auto.denoise(pixels, noise=text)
    expected = load_model(result.model).denoise(pixels, noise=parse_noise(text))
    np.testing.assert_array_equal(result.image, expected.image)
    assert error(result.image, clean) < 0.7 * error(pixels, clean)


@pytest.mark.parametrize(
    "text",
    ["speckle:0.1", "jpeg:30", "salt-and-pepper:0.1", "camera:iso=800", "gaussian:10-20", "poisson:", "x"],
)
def test_noise_that_no_network_can_be_given_is_refused(text: str, auto: Denoiser) -> None:
    with pytest.raises(UsageError):
        auto.denoise(shading(), noise=text)


# ---- as any model --------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"strength": 0.5}, {"luma": 0, "chroma": 1.5}, {"strength": 0}])
@pytest.mark.parametrize("text", ["gaussian:25", "camera:iso=12800"])
def test_strength_luma_and_chroma_are_those_of_the_chosen_network(
    text: str, options: dict[str, Any], auto: Denoiser
) -> None:
    pixels = noisy(text, photograph())
    result = auto.denoise(pixels, **options)
    model = load_model(result.model)
    expected = model.denoise(pixels, sigma=result.sigma if model.takes_sigma else None, **options)
    np.testing.assert_array_equal(result.image, expected.image)
    assert result.changed == expected.changed == (options != {"strength": 0})


@every_noise
def test_progress_is_reported_whichever_network_is_chosen(text: str, auto: Denoiser) -> None:
    steps: list[tuple[int, int]] = []
    auto.denoise(noisy(text, photograph()), progress=lambda *step: steps.append(step))
    assert steps == [(1, 1)]


def test_wrong_arguments_are_refused_before_a_network_is_chosen(auto: Denoiser) -> None:
    pixels = shading()
    wrong: tuple[dict[str, Any], ...] = (
        {"sigma": 25},
        {"strength": 3},
        {"luma": -1},
        {"chroma": np.nan},
        {"sigma": 0.1, "noise": "gaussian:25"},
    )
    for options in wrong:
        with pytest.raises(UsageError):
            auto.denoise(pixels, **options)
    with pytest.raises(UsageError, match="shape"):
        auto.denoise(pixels[0, 0])
    with pytest.raises(InputError, match="NaN"):
        auto.denoise(pixels * np.nan)


def test_wrong_devices_and_threads_are_refused_when_it_is_loaded() -> None:
    with pytest.raises(UsageError, match=r"'quantum'.*auto, cpu, cuda"):
        load_model(device="quantum")
    with pytest.raises(UsageError, match="from 1"):
        load_model("auto", threads=0)


def test_the_result_of_a_file_names_the_network_and_why_it_was_chosen(tmp_path: Path) -> None:
    image = Image(samples=noisy("gaussian:25", photograph()))
    pellucid.write_image(tmp_path / "noisy.png", image)
    result = pellucid.denoise_file(tmp_path / "noisy.png")
    assert result.changed
    assert result.model.startswith("gaussian-")
    assert "white" in result.why
