"""What the noise of an image is like, and what is done about it."""

import functools
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image as PillowImage
from skimage import data

import pellucid
from pellucid.datasets.graphics import KINDS, draw_page
from pellucid.errors import InputError, UsageError
from pellucid.inference.analysis import CAMERA, CLEAN, SIGNAL_DEPENDENT, SMOOTH, WHITE, Analysis
from pellucid.inference.coarse import enlarge
from pellucid.io.image import from_float
from pellucid.noise.base import NumpyRandom, to_8bit
from pellucid.noise.jpeg import YCBCR
from pellucid.noise.registry import parse_noise

Floats = NDArray[np.float32]

CODES = {CLEAN, WHITE, SIGNAL_DEPENDENT, SMOOTH, CAMERA}
PHOTOGRAPHS = ("cat", "astronaut", "camera")  # CC0 and public domain, as scikit-image says

every_photograph = pytest.mark.parametrize("name", PHOTOGRAPHS)
grey_and_colour = pytest.mark.parametrize("channels", [1, 3])


@functools.cache
def photograph(name: str = "cat", channels: int = 3) -> Floats:
    """A photograph at half its size, which halves its own noise, (h, w, channels), 0 to 1."""
    samples = np.atleast_3d(getattr(data, name)())
    samples = np.repeat(samples, 3, 2) if samples.shape[2] == 1 else samples
    height, width = (extent // 2 * 2 for extent in samples.shape[:2])
    halves = samples[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3)) / 255
    pixels: Floats = (halves if channels == 3 else halves.mean(2, keepdims=True)).astype(np.float32)
    pixels.flags.writeable = False
    return pixels


def noisy(text: str, clean: Floats, seed: int = 1) -> Floats:
    return np.asarray(parse_noise(text).apply(clean, NumpyRandom(seed)))


def blurred(noise: Floats) -> Floats:
    """Weights 1/4, 1/2, 1/4 across and down."""
    rows = (2 * noise + np.roll(noise, 1, 0) + np.roll(noise, -1, 0)) / 4
    return np.asarray((2 * rows + np.roll(rows, 1, 1) + np.roll(rows, -1, 1)) / 4, np.float32)


def demosaicked(pixels: Floats) -> Floats:
    """One colour of each pixel kept, as behind a Bayer filter, and the others interpolated from around it."""
    rows, columns = np.indices(pixels.shape[:2]) % 2
    seen = np.dstack([(rows == 0) & (columns == 0), rows != columns, (rows == 1) & (columns == 1)])
    weight = seen.astype(np.float32)
    return blurred(pixels * weight) / blurred(weight)


# ---- level and kind ------------------------------------------------------------------------------


@every_photograph
@grey_and_colour
@pytest.mark.parametrize("sigma", [5, 15, 25, 50])
def test_white_noise_is_found_and_called_white(name: str, channels: int, sigma: int) -> None:
    found = pellucid.analyse(noisy(f"gaussian:{sigma}", photograph(name, channels)))
    assert found.kind == WHITE
    assert 255 * found.level == pytest.approx(sigma, rel=0.15)


@every_photograph
@grey_and_colour
@pytest.mark.parametrize("sigma", [5, 15, 25, 50])
def test_white_noise_that_was_clipped_and_rounded_is_found_and_called_independent(
    name: str, channels: int, sigma: int
) -> None:
    pixels = from_float(to_8bit(noisy(f"gaussian:{sigma}", photograph(name, channels))), "uint8")
    found = pellucid.analyse(pixels)
    assert found.kind in (WHITE, SIGNAL_DEPENDENT)  # black has half of it, and less of its power
    assert 255 * found.level == pytest.approx(sigma, rel=0.15)


@every_photograph
@grey_and_colour
@pytest.mark.parametrize("photons", [10, 30, 100])
def test_photon_noise_is_called_signal_dependent_and_its_gain_is_found(
    name: str, channels: int, photons: int
) -> None:
    found = pellucid.analyse(noisy(f"poisson:{photons}", photograph(name, channels)))
    assert found.kind == SIGNAL_DEPENDENT
    assert len(found.gain) == len(found.offset) == channels
    assert np.mean(found.gain) == pytest.approx(1 / photons, rel=0.3)
    assert found.steepness > 1
    assert found.stabiliser is not None


@every_photograph
@grey_and_colour
@pytest.mark.parametrize("sigma", [30, 60])
def test_blurred_noise_is_called_correlated(name: str, channels: int, sigma: int) -> None:
    clean = photograph(name, channels)
    noise = blurred(noisy(f"gaussian:{sigma}", np.zeros_like(clean)))  # 3/8 of sigma is left
    found = pellucid.analyse(from_float(to_8bit(clean + noise), "uint8"))
    assert found.kind == CAMERA or (found.kind == SMOOTH and channels == 1)
    assert found.log_odds < 0
    assert found.stabiliser is None


def test_a_noisy_grey_image_that_was_enlarged_has_smooth_noise() -> None:
    height, width, _ = photograph("cat", 1).shape
    clean, pixels = (
        enlarge(each, 2 * height, 2 * width)
        for each in (photograph("cat", 1), noisy("gaussian:25", photograph("cat", 1)))
    )
    found = pellucid.analyse(pixels)
    assert found.kind == SMOOTH
    assert found.coarse is not None
    assert found.coarse.kind in (WHITE, SIGNAL_DEPENDENT)
    assert found.halvings == 1
    assert np.square(pellucid.denoise(pixels) - clean).mean() < np.square(pixels - clean).mean() / 2


@every_photograph
@pytest.mark.parametrize("text", ["gaussian:10", "gaussian:25", "poisson:50"])
def test_demosaicked_noise_is_called_a_cameras(name: str, text: str) -> None:
    pixels = demosaicked(noisy(text, photograph(name)))
    assert pellucid.analyse(from_float(to_8bit(pixels), "uint8")).kind == CAMERA


@grey_and_colour
def test_correlation_is_measured(channels: int) -> None:
    grey = np.full((200, 300, channels), 0.5, np.float32)
    white = noisy("gaussian:20", grey)
    smooth = grey + blurred(white - grey)
    one, two = pellucid.analyse(white), pellucid.analyse(smooth)
    assert one.correlation == pytest.approx(0, abs=0.05)
    assert two.correlation == pytest.approx(2 / 3, abs=0.05)  # that of these weights
    if channels == 1:
        assert np.isnan(one.channel_correlation)
        assert one.luma == pytest.approx(20 / 255, rel=0.1)
        assert one.chroma == 0


def test_luma_and_chroma_levels_are_those_of_independent_and_of_shared_noise() -> None:
    grey = np.full((200, 300, 3), 0.5, np.float32)
    noise = noisy("gaussian:20", grey) - grey
    apart = pellucid.analyse(grey + noise)
    assert apart.channel_correlation == pytest.approx(0, abs=0.05)
    assert apart.luma == pytest.approx(20 / 255 * np.linalg.norm(YCBCR[0]), rel=0.1)
    assert apart.chroma == pytest.approx(20 / 255 * np.linalg.norm(YCBCR[1]), rel=0.1)
    shared = pellucid.analyse(grey + noise[..., :1] + noise / 10)
    assert shared.channel_correlation > 0.95
    assert shared.luma == pytest.approx(20 / 255, rel=0.15)
    assert shared.chroma < 0.2 * shared.luma


def test_clipped_samples_are_counted() -> None:
    ramp = np.tile(np.linspace(-0.25, 1.25, 300, dtype=np.float32), (200, 1))
    black, white = pellucid.analyse(ramp.clip(0, 1)).clipped
    assert black == pytest.approx(1 / 6, abs=0.05)
    assert white == pytest.approx(1 / 6, abs=0.05)


# ---- clean images --------------------------------------------------------------------------------


def gradient() -> NDArray[np.uint8]:
    slopes = np.linspace([0.1, 0.3, 0.5], [0.8, 0.6, 0.9], 300)
    return from_float(np.tile(slopes, (200, 1, 1)), "uint8")


CLEAN_IMAGES: dict[str, Callable[[], NDArray[Any]]] = {
    "a gradient": gradient,
    "a gradient in floats": lambda: np.tile(np.linspace(0, 1, 300, dtype=np.float32), (200, 1)),
    "one colour": lambda: np.full((100, 150, 3), (30, 60, 200), np.uint8),
    "black": lambda: np.zeros((64, 64), np.float32),
    "white": lambda: np.full((64, 64), 65535, np.uint16),
    "a checkerboard": data.checkerboard,
}


@pytest.mark.parametrize("name", CLEAN_IMAGES)
def test_an_image_without_noise_is_clean_and_stays_unchanged(name: str) -> None:
    pixels = CLEAN_IMAGES[name]()
    assert pellucid.analyse(pixels).kind == CLEAN
    np.testing.assert_array_equal(pellucid.denoise(pixels), pixels)


def drawn(kind: str) -> list[NDArray[np.uint8]]:
    return [draw_page(np.random.default_rng(seed), (256, 320), kind) for seed in range(4)]


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_images_are_clean(kind: str) -> None:
    assert [pellucid.analyse(pixels).kind for pixels in drawn(kind)] == [CLEAN] * 4


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_images_change_little(kind: str) -> None:
    for pixels in drawn(kind):
        change = pellucid.denoise(pixels).astype(float) - pixels
        assert np.sqrt(np.square(change).mean()) < 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_content_of_drawn_images_is_recognised(kind: str) -> None:
    found = [pellucid.analyse(pixels).content for pixels in drawn(kind)]
    assert found.count("photograph") <= 1
    assert pellucid.analyse(from_float(photograph(), "uint8")).content == "photograph"


# ---- what is no image ----------------------------------------------------------------------------


def letterbox(pixels: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    pixels[:30], pixels[-30:] = 0, 0
    return pixels


def margins(pixels: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    return np.pad(pixels, ((40, 40), (40, 40), (0, 0)), constant_values=255)


def circle(pixels: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    height, width = pixels.shape[:2]
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    pixels[rows**2 + columns**2 > 1] = 0
    return pixels


def transparent_junk(pixels: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    junk = np.random.default_rng(3).integers(0, 256, pixels.shape).astype(np.uint8)
    colours = np.repeat(np.where(valid[..., None], pixels, junk), 3 // pixels.shape[2], 2)
    return np.dstack([colours, np.where(valid, 255, 0).astype(np.uint8)])


def nan_holes(pixels: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    return np.where(valid[..., None], pixels.astype(np.float32) / 255, np.float32(np.nan))


def masked(pixels: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    pixels[~valid] = np.random.default_rng(3).integers(0, 256, pixels[~valid].shape)
    mask = np.broadcast_to(~valid[..., None], pixels.shape)
    return np.ma.array(pixels, mask=mask)


def holes(height: int, width: int) -> NDArray[np.bool_]:
    """True where there is image: all but a corner, a disc, and a scatter of pixels."""
    rows, columns = np.ogrid[:height, :width]
    valid: NDArray[np.bool_] = np.hypot(rows - height / 2, columns - width / 2) > height / 5
    valid[: height // 4, : width // 3] = False
    return valid & (np.random.default_rng(2).random((height, width)) > 0.001)


@pytest.mark.parametrize("name", ["cat", "astronaut"])
@grey_and_colour
@pytest.mark.parametrize("text", ["gaussian:20", "poisson:50"])
@pytest.mark.parametrize(
    "spoil", [letterbox, margins, circle, transparent_junk, nan_holes, masked], ids=lambda each: each.__name__
)
def test_what_is_no_image_does_not_move_the_level(
    name: str, channels: int, text: str, spoil: Callable[..., NDArray[Any]]
) -> None:
    pixels = from_float(to_8bit(noisy(text, photograph(name, channels))), "uint8")
    spoiled = spoil(pixels.copy(), holes(*pixels.shape[:2]))
    plain, found = pellucid.analyse(pixels), pellucid.analyse(spoiled)
    assert found.level == pytest.approx(plain.level, rel=0.15)
    assert found.kind in (WHITE, SIGNAL_DEPENDENT)


@every_photograph
def test_a_value_that_means_no_data_does_not_move_the_level(name: str) -> None:
    pixels = noisy("gaussian:20", photograph(name, 1))[..., 0]
    spoiled = np.where(holes(*pixels.shape), pixels, np.float32(-9999))
    found = pellucid.analyse(spoiled, nodata=-9999)
    assert found.level == pytest.approx(pellucid.analyse(pixels).level, rel=0.15)
    assert found.kind == WHITE


@every_photograph
@pytest.mark.parametrize("sigma", [10, 25])
def test_a_vignette_to_black_and_burnt_out_areas_do_not_move_the_level(name: str, sigma: int) -> None:
    clean = photograph(name)
    height, width = clean.shape[:2]
    rows, columns = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = (1.2 - rows**2 - columns**2).clip(0, 1)[..., None].astype(np.float32)
    for spoiled in (clean * light, clean * 1.8):
        found = pellucid.analyse(from_float(to_8bit(noisy(f"gaussian:{sigma}", spoiled)), "uint8"))
        assert 255 * found.level == pytest.approx(sigma, rel=0.15)


def ball(height: int, width: int, share: float = 0.7) -> Floats:
    """A ball (height, width) in the middle of black, as large as a share of the shorter side."""
    rows, columns = (np.arange(extent) - (extent - 1) / 2 for extent in (height, width))
    distance = np.hypot(rows[:, None], columns) / (share / 2 * min(height, width))
    return np.asarray(0.8 * np.sqrt((1 - distance**2).clip(0)), np.float32)


@pytest.mark.parametrize("size", [(216, 180), (180, 216), (120, 600), (600, 120), (100, 140)])
def test_a_subject_in_the_middle_of_black_is_measured(size: tuple[int, int]) -> None:
    photons = np.random.default_rng(0).poisson(8 * ball(*size, share=0.45)).astype(np.float32)
    found = pellucid.analyse(photons)
    assert found.kind == SIGNAL_DEPENDENT
    assert found.photon == pytest.approx(1)


@pytest.mark.parametrize("gain", [0.0, 0.02])
@pytest.mark.parametrize("sigma", [6 / 255, 15 / 255, 30 / 255])
def test_noise_that_black_cuts_off_around_a_subject_is_found(sigma: float, gain: float) -> None:
    clean = ball(240, 300)
    deviation = np.sqrt(sigma**2 + gain * clean)
    noise = deviation * np.random.default_rng(0).standard_normal(clean.shape)
    found = pellucid.analyse(from_float(to_8bit((clean + noise)[..., None].astype(np.float32)), "uint8"))
    assert found.kind == (SIGNAL_DEPENDENT if gain else WHITE)
    bright = found.gain[0] * 0.7 + found.offset[0] if gain else found.level**2
    assert np.sqrt(bright) == pytest.approx(np.sqrt(sigma**2 + 0.7 * gain), rel=0.12)


@pytest.mark.parametrize(("share", "brightness", "side"), [(0.1, 60, 2), (0.2, 25, 3), (0.1, 60, 1)])
def test_structure_in_the_dark_is_no_noise_that_black_cuts_off(
    share: float, brightness: int, side: int
) -> None:
    random = np.random.default_rng(0)
    clean = np.full((240, 320), 0.7)
    dots = random.random((240 // side, 160 // side)) < share
    clean[:, :160] = np.pad(
        brightness / 255 * np.kron(dots, np.ones((side, side))), ((0, 0), (0, 160 % side))
    )
    noisy = clean + random.normal(0, 10 / 255, clean.shape)
    found = pellucid.analyse(np.rint(noisy.clip(0, 1) * 255).astype(np.uint8))
    assert 255 * found.level == pytest.approx(10, rel=0.25)


def test_noise_that_black_cut_off_before_jpeg_is_found() -> None:
    noisy = ball(240, 300) + np.random.default_rng(0).normal(0, 30 / 255, (240, 300))
    file = io.BytesIO()
    PillowImage.fromarray(np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)).save(file, "JPEG", quality=92)
    assert 255 * pellucid.analyse(file.getvalue()).level == pytest.approx(30, rel=0.1)


@pytest.mark.parametrize("sigma", [0.06, 0.15])
def test_noise_that_white_cuts_off_around_a_subject_is_found(sigma: float) -> None:
    noise = np.random.default_rng(0).normal(0, sigma, (240, 300))
    found = pellucid.analyse(
        from_float(to_8bit((1 - ball(240, 300) + noise)[..., None].astype(np.float32)), "uint8")
    )
    assert found.kind == WHITE
    assert found.level == pytest.approx(sigma, rel=0.12)


@grey_and_colour
@pytest.mark.parametrize("spoil", [transparent_junk, nan_holes, masked], ids=lambda each: each.__name__)
@pytest.mark.parametrize("text", ["gaussian:25", "camera:iso=51200"])
def test_what_is_no_image_comes_back_bit_for_bit(
    channels: int, spoil: Callable[..., NDArray[Any]], text: str
) -> None:
    pixels = from_float(to_8bit(noisy(text, photograph("cat", channels))), "uint8")[:96, :128]
    valid = holes(*pixels.shape[:2])
    spoiled = spoil(pixels.copy(), valid)
    result = pellucid.denoise(spoiled)
    assert type(result) is type(spoiled)
    before, after = (np.ma.getdata(each) for each in (spoiled, result))
    np.testing.assert_array_equal(after[~valid], before[~valid])
    assert (after[valid] != before[valid]).any()
    if np.ma.isMaskedArray(spoiled):
        np.testing.assert_array_equal(np.ma.getmaskarray(result), np.ma.getmaskarray(spoiled))


# ---- any array -----------------------------------------------------------------------------------


@grey_and_colour
def test_uint8_uint16_and_floats_are_analysed_alike(channels: int) -> None:
    pixels = to_8bit(noisy("poisson:60", photograph("astronaut", channels)))
    found = [
        pellucid.analyse(from_float(pixels, dtype)) for dtype in ("uint8", "uint16", "float32", "float64")
    ]
    assert {each.kind for each in found} == {SIGNAL_DEPENDENT}
    assert [each.level for each in found] == pytest.approx([found[0].level] * 4, rel=1e-3)


@grey_and_colour
def test_twelve_bits_in_sixteen_are_analysed_as_the_same_data_stretched(channels: int) -> None:
    for text in ("gaussian:10", "gaussian:25", "poisson:50"):
        stretched = (noisy(text, photograph("cat", channels)).clip(0, 1) * 4095).astype(np.uint16)
        full, narrow = pellucid.analyse(stretched * 16), pellucid.analyse(stretched)
        assert narrow.kind == full.kind
        assert 16 * narrow.level == pytest.approx(full.level, rel=0.15)


@pytest.mark.parametrize(
    ("low", "extent", "level"),
    [(-4000, 1000, 30), (-1000, 800, 30), (-500, 1000, 40), (-30, 30, 1.5), (1003, 20, 1), (273, 30, 2)],
)
def test_floats_far_from_0_are_denoised_as_the_same_image_near_0(
    low: float, extent: float, level: float
) -> None:
    """Heights below the sea, Hounsfield units, decibels, hectopascal, kelvin."""
    clean = low + extent * photograph("camera", 1)
    pixels = noisy(f"gaussian:{255 * level / extent}", photograph("camera", 1)) * extent + low
    found = pellucid.analyse(pixels)
    assert found.kind == WHITE
    assert found.level == pytest.approx(level, rel=0.15)
    result = pellucid.denoise(pixels)
    assert np.square(result - clean).mean() < np.square(pixels - clean).mean() / 3
    assert abs(float(result.mean(dtype=float) - pixels.mean(dtype=float))) < level / 20


def test_the_dependence_on_brightness_does_not_depend_on_the_unit() -> None:
    light = np.tile(np.linspace(20, 120, 128), (128, 1))
    shot = np.random.default_rng(0).poisson(light).astype(np.float64)
    seen = [pellucid.analyse(shot * unit) for unit in (1.0, 1e-6)]
    assert seen[0].steepness == pytest.approx(seen[1].steepness, rel=0.02)
    assert seen[1].steepness > 1.5


def test_a_narrow_range_of_16_bits_is_denoised() -> None:
    clean = 32768 + 1000 * photograph("camera", 1).astype(float)
    pixels = np.rint(clean + np.random.default_rng(1).normal(0, 60, clean.shape)).astype(np.uint16)
    assert pellucid.analyse(pixels).kind == WHITE
    assert np.square(pellucid.denoise(pixels) - clean).mean() < np.square(pixels - clean).mean() / 3


@every_photograph
@pytest.mark.parametrize("levels", [(10, 10, 20), (8, 3, 30), (12, 12, 12)])
def test_each_channel_has_its_level(levels: tuple[float, ...], name: str) -> None:
    clean = photograph(name)
    noise = np.random.default_rng(1).normal(0, 1, clean.shape) * np.array(levels) / 255
    pixels = from_float(to_8bit((clean + noise).astype(np.float32)), "uint8")
    found = pellucid.analyse(pixels)
    assert found.kind == WHITE
    assert found.levels == pytest.approx([each / 255 for each in levels], rel=0.25, abs=1.2 / 255)
    error = np.square(pellucid.denoise(pixels) / 255 - clean).mean()
    one = np.square(pellucid.denoise(pixels, sigma=found.level) / 255 - clean).mean()
    assert error < 1.01 * one  # what channels have in common is used


def test_an_image_that_is_burnt_out_but_for_a_few_parts_is_analysed() -> None:
    ramp = np.linspace(0.05, 0.95, 64, dtype=np.float32)[:, None].repeat(64, axis=1)[..., None]
    part = from_float(to_8bit(noisy("gaussian:4", noisy("poisson:40", ramp))), "uint8")[..., 0]
    samples = np.full((512, 512), 255, np.uint8)
    for column in (89, 268, 448):  # tiles that a second look at every other tile leaves out
        samples[224:288, column : column + 64] = part
    assert pellucid.analyse(samples).kind == SIGNAL_DEPENDENT


@pytest.mark.parametrize("share", [0.01, 0.03])
def test_scattered_gaps_leave_enough_to_measure(share: float) -> None:
    pixels = noisy("gaussian:20", photograph())
    gaps = np.random.default_rng(0).random(pixels.shape[:2]) < share
    found = pellucid.analyse(np.where(gaps[..., None], np.float32(np.nan), pixels))
    assert found.kind == WHITE
    assert 255 * found.level == pytest.approx(20, rel=0.15)


def test_grey_in_rgb_is_analysed_as_grey_and_opaque_alpha_does_not_matter() -> None:
    grey = from_float(to_8bit(noisy("gaussian:20", photograph("astronaut", 1))), "uint8")
    expected = pellucid.analyse(grey)
    opaque = np.full_like(grey, 255)
    for pixels in (grey[..., 0], np.repeat(grey, 3, 2), np.dstack([grey, grey, grey, opaque])):
        assert same(pellucid.analyse(pixels), expected)


def same(one: Analysis, two: Analysis) -> bool:
    """Whether two analyses are equal; NaN equals NaN."""
    return repr(one) == repr(two) and one.curve == two.curve


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (3, 5), (15, 16), (17, 33), (64, 64), (97, 500)])
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_images_of_any_size_are_analysed_and_again_to_the_same_result(
    size: tuple[int, int], channels: int | None
) -> None:
    shape = size if channels is None else (*size, channels)
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    found = pellucid.analyse(pixels)
    assert found.kind in CODES
    assert 0 <= found.level <= 1
    assert same(pellucid.analyse(pixels.copy()), found)


@settings(max_examples=60, deadline=None)
@given(
    st.data(),
    st.sampled_from(["uint8", "uint16", "float32", "float64"]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([1, 3, 4]),
)
def test_any_array_has_a_finite_analysis(
    draw: st.DataObject, dtype: str, height: int, width: int, channels: int
) -> None:
    floats = {"min_value": -4.0, "max_value": 4.0, "width": 64 if dtype == "float64" else 32}
    elements = st.floats(**floats) if dtype.startswith("float") else None  # type: ignore[arg-type]
    pixels = draw.draw(arrays.arrays(dtype, (height, width, channels), elements=elements))
    found = pellucid.analyse(pixels)
    assert found.kind in CODES
    values = [found.level, found.log_odds, found.luma, found.chroma, found.measured]
    assert np.isfinite([*values, *found.gain, *found.offset, *found.clipped, *found.brightness]).all()
    assert found.level >= 0
    assert min(found.gain) >= 0
    assert found.why


def test_the_curve_is_what_the_line_was_fitted_to() -> None:
    found = pellucid.analyse(noisy("poisson:50", photograph("astronaut", 1)))
    brightness, levels = np.array(found.curve).T
    assert (np.diff(brightness) > 0).all()
    line = np.sqrt(found.gain[0] * brightness + found.offset[0])
    assert np.median(np.abs(levels / line - 1)) < 0.15


@pytest.mark.parametrize("shape", [(5,), (0, 5), (5, 5, 2), (5, 5, 5)])
def test_a_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError):
        pellucid.analyse(np.zeros(shape, np.uint8))


def test_infinity_and_images_without_any_data_are_refused() -> None:
    for value in (np.inf, np.nan):
        with pytest.raises(InputError):
            pellucid.analyse(np.full((32, 32), value, np.float32))


# ---- the default ---------------------------------------------------------------------------------


@grey_and_colour
@pytest.mark.parametrize(
    "text",
    [f"gaussian:{sigma}" for sigma in (10, 20, 30, 50)] + [f"poisson:{peak}" for peak in (10, 30, 100, 300)],
)
@pytest.mark.parametrize("name", ["cat", "camera"])
def test_the_default_never_raises_the_error_of_simulated_noise(name: str, text: str, channels: int) -> None:
    clean = photograph(name, channels)[:128, :192]
    pixels = from_float(to_8bit(noisy(text, clean)), "uint8")
    before, after = (np.square(each / 255 - clean).mean() for each in (pixels, pellucid.denoise(pixels)))
    assert after < before
