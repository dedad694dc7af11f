"""Arrays in, arrays out."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.errors import InputError, LimitError, UsageError
from pellucid.inference.model import FIXED_MEMORY, STRIPS, Model
from pellucid.inference.registry import load_model
from pellucid.io.image import from_float, to_float
from tests.tiny import colours, reach_of

DTYPES = ["uint8", "uint16", "float32", "float64"]
SHAPES = [(1, 1), (5, 7), (1, 30, 1), (33, 21, 1), (1, 1, 3), (33, 21, 3), (1, 1, 4), (33, 21, 4)]

every_dtype = pytest.mark.parametrize("dtype", DTYPES)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def image(shape: tuple[int, ...], dtype: str, seed: int = 0) -> NDArray[Any]:
    pixels = 0.2 + 0.6 * np.random.default_rng(seed).random(shape)
    return from_float(pixels, dtype)


def memory_for(model: Model, pixels: NDArray[Any], side: int) -> int:
    """Bytes that allow tiles of N pixels a side."""
    card = model.card(3 if pixels.ndim == 3 and pixels.shape[2] == 3 else 1)
    row = int(pixels[0].nbytes)
    return FIXED_MEMORY + (STRIPS * row + card.bytes_per_pixel * side) * side


def files(model: Model, grey: Path, colour: Path, **options: Any) -> Model:
    return Model(model.name, {1: grey, 3: colour}, **options)


# ---- what stays as it is -------------------------------------------------------------------------


@every_dtype
@every_shape
def test_shape_and_dtype_stay_and_the_input_is_not_touched(
    shape: tuple[int, ...], dtype: str, model: Model
) -> None:
    pixels = image(shape, dtype)
    before = pixels.copy()
    result = model.denoise(pixels, sigma=0.1)
    assert (result.image.shape, result.image.dtype) == (pixels.shape, pixels.dtype)
    assert (result.sigma, result.changed) == (0.1, True)
    assert not np.shares_memory(result.image, pixels)
    np.testing.assert_array_equal(pixels, before)
    assert not np.array_equal(result.image, pixels)


def test_sigma_0_is_a_bit_identical_copy(model: Model) -> None:
    pixels = image((9, 8, 3), "float64")
    result = model.denoise(pixels, sigma=0)
    assert (result.sigma, result.changed) == (0, False)
    np.testing.assert_array_equal(result.image, pixels)


@every_dtype
def test_alpha_is_untouched_and_does_not_matter(dtype: str, model: Model) -> None:
    pixels = image((20, 30, 4), dtype)
    denoised = model.denoise(pixels, sigma=0.1).image
    np.testing.assert_array_equal(denoised[..., 3], pixels[..., 3])
    np.testing.assert_array_equal(
        denoised[..., :3], model.denoise(np.ascontiguousarray(pixels[..., :3]), sigma=0.1).image
    )


@every_dtype
@pytest.mark.parametrize("channels", [3, 4])
def test_grey_in_rgb_stays_grey_and_equals_the_grey_image(channels: int, dtype: str, model: Model) -> None:
    grey = image((20, 30, 1), dtype)
    denoised = model.denoise(np.repeat(grey, channels, 2), sigma=0.1).image
    for channel in range(3):
        np.testing.assert_array_equal(
            denoised[..., channel : channel + 1], model.denoise(grey, sigma=0.1).image
        )


def test_one_coloured_pixel_in_the_last_row_makes_a_image_coloured(model: Model) -> None:
    pixels = np.repeat(image((40, 30, 1), "uint8"), 3, 2)
    pixels[-1, -1, 2] ^= 64
    denoised = model.denoise(pixels, sigma=0.1).image
    assert not np.array_equal(denoised[..., 0], denoised[..., 2])


def test_the_three_ways_to_give_a_grey_image_give_one_result(model: Model) -> None:
    pixels = image((20, 30), "uint16")
    flat, deep = (model.denoise(array, sigma=0.1).image for array in (pixels, pixels[..., None]))
    np.testing.assert_array_equal(flat, deep[..., 0])


# ---- the numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("strength", [0.3, 1])
def test_an_integer_result_is_the_float_result_rounded(dtype: str, strength: float, model: Model) -> None:
    pixels = image((20, 30, 3), dtype)
    as_float = model.denoise(to_float(pixels), sigma=0.1, strength=strength).image
    result = model.denoise(pixels, sigma=0.1, strength=strength).image
    np.testing.assert_array_equal(result, from_float(as_float, dtype))


def test_floats_outside_0_to_1_are_clipped_neither_on_the_way_in_nor_out(model: Model) -> None:
    pixels = image((24, 32, 3), "float32")
    pixels[::2] *= -1
    small = model.denoise(pixels, sigma=0.1).image
    large = model.denoise(4 * pixels, sigma=0.4).image
    np.testing.assert_array_equal(large, 4 * small)  # the network has no biases, and 4 is a power of 2
    assert large.min() < -1
    assert large.max() > 2


def test_two_runs_are_bit_identical(grey_file: Path, colour_file: Path, model: Model) -> None:
    pixels = image((123, 211, 3), "float32")
    first = model.denoise(pixels, sigma=0.1).image
    np.testing.assert_array_equal(first, model.denoise(pixels, sigma=0.1).image)
    fresh = files(model, grey_file, colour_file)
    np.testing.assert_array_equal(first, fresh.denoise(pixels, sigma=0.1).image)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 40) | st.integers(1, 700),
    st.integers(1, 40) | st.integers(1, 700),
    st.sampled_from([64, 100, 250]),
    st.booleans(),
)
def test_exact_tiles_equal_the_whole_image_and_so_do_one_and_two_threads(
    grey_file: Path, colour_file: Path, model: Model, height: int, width: int, side: int, colour: bool
) -> None:
    pixels = colours(height, width)[..., : 3 if colour else 1]
    whole = model.denoise(pixels, sigma=0.1).image
    options = {"exact": True, "memory": memory_for(model, pixels, side)}
    for threads in (1, 2):
        tiled = files(model, grey_file, colour_file, threads=threads, **options)
        assert np.abs(tiled.denoise(pixels, sigma=0.1).image - whole).max() <= 1e-5


def test_a_pixel_changes_what_lies_within_the_radius_and_nothing_beyond(grey_model: Model) -> None:
    card = grey_model.card(1)
    reach = max(reach_of(grey_model, 1, card.radius + card.stride + offset) for offset in range(card.stride))
    assert reach == card.radius


# ---- arrays of other makes -----------------------------------------------------------------------


def test_a_pickled_model_gives_the_same_pixels(grey_file: Path, colour_file: Path, model: Model) -> None:
    own = files(model, grey_file, colour_file, threads=1, exact=True)
    pixels = image((33, 21, 3), "uint8")
    there = pickle.loads(pickle.dumps(own))  # what multiprocessing does
    assert np.array_equal(
        there.denoise(pixels, sigma=25 / 255).image, own.denoise(pixels, sigma=25 / 255).image
    )


def test_the_choice_among_networks_can_be_pickled_and_copied() -> None:
    auto, pixels = load_model(threads=1), image((33, 21, 3), "uint8")
    expected = auto.denoise(pixels, strength=1.5).image
    for other in (pickle.loads(pickle.dumps(auto)), copy.deepcopy(auto)):
        np.testing.assert_array_equal(other.denoise(pixels, strength=1.5).image, expected)


def test_arrays_that_are_not_contiguous_work(model: Model) -> None:
    pixels = image((40, 60, 3), "uint8")
    views = {
        "every second pixel": pixels[::2, ::2],
        "mirrored": pixels[:, ::-1],
        "transposed": pixels.transpose(1, 0, 2),
        "columns first in memory": np.asfortranarray(pixels),
        "channels reversed": pixels[..., ::-1],
    }
    for view in views.values():
        expected = model.denoise(np.ascontiguousarray(view), sigma=0.1).image
        np.testing.assert_array_equal(model.denoise(view, sigma=0.1).image, expected)


@every_dtype
def test_arrays_that_are_read_only_work_and_the_result_can_be_written(dtype: str, model: Model) -> None:
    pixels = image((20, 30, 3), dtype)
    pixels.flags.writeable = False
    for strength in (0, 1):
        assert model.denoise(pixels, sigma=0.1, strength=strength).image.flags.writeable


@pytest.mark.parametrize("dtype", [">u2", ">f4", ">f8"])
def test_the_other_byte_order_works_and_stays(dtype: str, model: Model) -> None:
    pixels = image((20, 30, 3), np.dtype(dtype).name)
    swapped = model.denoise(pixels.astype(dtype), sigma=0.1).image
    assert swapped.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(swapped, model.denoise(pixels, sigma=0.1).image)


# ---- memory and progress -------------------------------------------------------------------------


def tiles_used(model: Model, pixels: NDArray[Any]) -> int:
    seen: list[tuple[int, int]] = []
    model.denoise(pixels, sigma=0.1, progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == list(range(1, len(seen) + 1))
    assert {total for _, total in seen} == {len(seen)}
    return len(seen)


def test_less_memory_means_more_and_smaller_tiles(grey_file: Path, colour_file: Path, model: Model) -> None:
    pixels = image((300, 400, 3), "uint8")
    assert tiles_used(model, pixels) == 1
    counts = [
        tiles_used(files(model, grey_file, colour_file, memory=memory_for(model, pixels, side)), pixels)
        for side in (500, 200, 100)
    ]
    assert counts == sorted(counts)
    assert counts[0] < counts[1] < counts[2]


@pytest.mark.parametrize("memory", [0, 1000, FIXED_MEMORY])
def test_too_little_memory_is_an_error_that_says_what_to_do(
    memory: int, grey_file: Path, colour_file: Path, model: Model
) -> None:
    with pytest.raises(LimitError, match=rf"{memory // 10**6} MB.*400 x 300 pixels.*--memory"):
        files(model, grey_file, colour_file, memory=memory).denoise(image((300, 400), "uint8"), sigma=0.1)


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape", [(), (5,), (0, 5), (5, 0, 3), (5, 5, 0), (5, 5, 2), (5, 5, 5), (1, 5, 5, 3)]
)
def test_a_wrong_shape_is_refused_with_those_that_are_possible(shape: tuple[int, ...], model: Model) -> None:
    with pytest.raises(UsageError) as caught:
        model.denoise(np.zeros(shape, np.uint8), sigma=0.1)
    assert str(shape) in caught.value.problem
    assert "(h, w), (h, w, 1), (h, w, 3) or (h, w, 4)" in caught.value.remedy


@pytest.mark.parametrize("dtype", ["bool", "int8", "int16", "int64", "uint32", "float16", "complex64", "str"])
def test_a_wrong_dtype_is_refused_with_those_that_are_possible(dtype: str, model: Model) -> None:
    with pytest.raises(UsageError, match="uint8, uint16, float32, float64") as caught:
        model.denoise(np.zeros((8, 8), dtype), sigma=0.1)
    assert np.zeros(0, dtype).dtype.name in caught.value.problem


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_matrix_is_refused(model: Model) -> None:
    with pytest.raises(UsageError, match=r"got matrix.*NumPy array"):
        model.denoise(np.matrix(np.zeros((20, 30), np.float32)), sigma=0.1)


def test_what_is_no_array_is_refused(model: Model) -> None:
    with pytest.raises(UsageError, match=r"got list.*NumPy array"):
        model.denoise([[0, 1], [1, 0]], sigma=0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("channel", [0, 2])
def test_an_infinite_value_is_refused(dtype: str, value: float, channel: int, model: Model) -> None:
    pixels = image((20, 30, 4), dtype)
    pixels[19, 29, channel] = value
    with pytest.raises(InputError, match=r"infinity.*nan_to_num"):
        model.denoise(pixels, sigma=0.1)


@pytest.mark.parametrize("name", ["gaussian-fast", "gaussian-instant"])
@pytest.mark.parametrize("channels", [1, 3])
def test_noise_above_the_training_of_a_network_is_removed_at_a_smaller_scale(
    channels: int, name: str
) -> None:
    model, random = load_model(name), np.random.default_rng(0)
    clean = np.linspace(0.2, 0.8, 96, dtype=np.float32)[:, None, None] * np.ones((96, channels), np.float32)
    noisy = (clean + random.normal(0, 0.6, clean.shape)).clip(0, 1).astype(np.float32)
    limits = model.card(channels).sigma
    assert limits is not None
    most, share = limits[1], np.float32(limits[1] / 0.6)
    small = model.denoise(noisy * share, sigma=most).image / share
    np.testing.assert_allclose(model.denoise(noisy, sigma=0.6).image, small, atol=1e-4)
    less = model.denoise(noisy, sigma=most).image
    assert small.std(axis=1).mean() < less.std(axis=1).mean()


@pytest.mark.parametrize("sigma", [-0.1, -1e-9, 1.001, 25, np.nan, np.inf])
def test_a_sigma_outside_0_to_1_is_refused(sigma: float, model: Model) -> None:
    with pytest.raises(UsageError, match=r"sigma is .*from 0 to 1, such as 25 / 255"):
        model.denoise(image((8, 8), "uint8"), sigma=sigma)


def test_a_grey_network_refuses_colour_in_words(grey_model: Model) -> None:
    with pytest.raises(UsageError, match="is for grey images and this one has colours"):
        grey_model.denoise(image((8, 8, 3), "uint8"), sigma=0.1)


def test_a_colour_network_denoises_grey_images_and_keeps_them_grey(colour_file: Path) -> None:
    grey = image((20, 30), "uint8")
    alone = load_model(colour_file).denoise(grey, sigma=0.1)
    in_rgb = load_model(colour_file).denoise(np.stack([grey] * 3, axis=2), sigma=0.1)
    assert alone.changed
    for channel in range(3):
        np.testing.assert_array_equal(in_rgb.image[..., channel], alone.image)
