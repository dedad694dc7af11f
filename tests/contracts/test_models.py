"""The laws that every network that ships obeys."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.errors import InputError, UsageError
from pellucid.inference.analyse import estimate_sigma
from pellucid.inference.analysis import MIN_WHITE_SIGMA
from pellucid.inference.index import MODELS, Entry, names, shipped, verify
from pellucid.inference.model import FIXED_MEMORY, STRIPS, Model
from pellucid.inference.registry import load_model
from pellucid.inference.session import Session
from pellucid.io.image import from_float
from pellucid.noise.base import NumpyRandom, to_8bit
from pellucid.noise.camera import draw_shot, shoot
from pellucid.noise.sensor import Gaussian
from pellucid.training.recipe import recipe_from_json
from pellucid.training.recipe_files import load_recipe
from tests.tiny import colours, reach_of

PAGES = [entry for entry in shipped() if entry.kind == "pages"]
DENOISERS = [entry for entry in shipped() if entry.name in names() and entry not in PAGES]
WHITE = [entry for entry in DENOISERS if entry.name.startswith("gaussian")]  # they are given the noise level
BUDGETS = {"instant": 6_000, "fast": 30_000, "best": 200_000}  # multiply-adds a pixel

every_file = pytest.mark.parametrize("entry", shipped(), ids=lambda entry: entry.file)
every_page_cleaner = pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.file)
every_image_network = pytest.mark.parametrize("entry", [*DENOISERS, *PAGES], ids=lambda entry: entry.file)
every_denoiser = pytest.mark.parametrize("entry", DENOISERS, ids=lambda entry: entry.file)
every_white_denoiser = pytest.mark.parametrize("entry", WHITE, ids=lambda entry: entry.file)
every_camera_denoiser = pytest.mark.parametrize(
    "entry", [entry for entry in DENOISERS if entry not in WHITE], ids=lambda entry: entry.file
)
grey_and_colour = pytest.mark.parametrize("channels", [1, 3])


@cache
def model_of(entry: Entry) -> Model:
    return Model(entry.name, {entry.channels: entry.path})


@cache
def session_of(entry: Entry) -> Session:
    return Session(entry.path)


def image(entry: Entry, height: int, width: int) -> NDArray[np.float32]:
    return colours(height, width)[..., : entry.channels]


def denoised(entry: Entry, model: Model, pixels: NDArray[Any]) -> NDArray[Any]:
    """The result for a noisy image, with its noise level where the network takes one."""
    return model.denoise(pixels, sigma=0.1 if entry in WHITE else None).image


# ---- the table -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*names(), "noise"])
def test_each_name_serves_grey_and_colour_images(name: str) -> None:
    channels = sorted(entry.channels for entry in shipped() if entry.name == name)
    assert channels in ([1, 3], [3], [1])
    assert channels != [3] or name.startswith("photo")  # grey photographs go through as colours
    assert channels != [1] or name.startswith("page")  # the colour of a page follows its brightness


def test_the_table_and_the_folder_hold_the_same_files() -> None:
    assert sorted(entry.file for entry in shipped()) == sorted(path.name for path in MODELS.glob("*.onnx"))


@every_file
def test_it_is_the_file_that_was_released(entry: Entry) -> None:
    verify(entry)


@every_file
def test_its_card_agrees_with_the_table_and_with_its_recipe(entry: Entry) -> None:
    card = session_of(entry).card
    kind = {1: "grey", 3: "colour"}[entry.channels]
    assert (card.name, card.channels, card.purpose) == (f"{entry.name}-{kind}", entry.channels, entry.purpose)
    assert entry.file == f"{card.name}.onnx"
    assert all([card.version, card.licence, card.trained_on])
    recipe, today = recipe_from_json(card.recipe), load_recipe(card.name)
    assert (recipe.name, recipe.data.channels) == (card.name, card.channels)
    assert recipe.network == today.network
    assert card.steps == today.schedule.steps


@every_file
def test_its_inputs_and_outputs_are_those_of_its_kind(entry: Entry) -> None:
    session = session_of(entry)
    inputs, outputs, sigma = {
        "gaussian": (["noisy", "sigma"], ["denoised"], pytest.approx((0, 75 / 255))),
        "photo": (["noisy", "gain"], ["denoised", "levels"], None),
        "page": (["noisy", "paper"], ["denoised", "doubt"], None),
        "noise": (["noisy"], ["levels", "log_spread", "independent"], None),
    }[entry.name.split("-")[0]]
    assert (session.inputs, session.outputs, session.card.sigma) == (inputs, outputs, sigma)


@every_image_network
def test_its_card_is_possible_and_within_the_budget(entry: Entry) -> None:
    card = session_of(entry).card
    assert 0 < card.overlap <= card.radius
    assert card.multiply_adds <= BUDGETS[entry.name.split("-")[1]]
    assert card.parameters > 0
    assert card.bytes_per_pixel > 0


# ---- what it does --------------------------------------------------------------------------------


@every_denoiser
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_shape_and_dtype_stay_at_any_size(entry: Entry, dtype: str) -> None:
    model = model_of(entry)
    for height, width in ((1, 1), (1, 50), (37, 3), (64, 71)):
        pixels = from_float(image(entry, height, width), dtype)
        result = denoised(entry, model, pixels)
        assert (result.shape, result.dtype) == (pixels.shape, pixels.dtype)
        assert np.isfinite(result).all()


# photo-instant is too small to remove noise that no camera leaves.
@pytest.mark.parametrize(
    "entry", [each for each in DENOISERS if each.name != "photo-instant"], ids=lambda entry: entry.file
)
def test_white_noise_becomes_less(entry: Entry) -> None:
    noise = Gaussian(0.1).apply(np.zeros((96, 96, entry.channels), np.float32), NumpyRandom(0))
    shading = image(entry, 96, 96) * 0.5 + 0.2
    left = denoised(entry, model_of(entry), shading + noise) - shading
    assert left.std() < 0.8 * noise.std()


@every_camera_denoiser
@pytest.mark.parametrize("iso", [1600.0, 6400.0, 25600.0])
def test_the_noise_of_a_camera_becomes_less(iso: float, entry: Entry) -> None:
    random, shading = NumpyRandom(1), np.ones((128, 128, entry.channels), np.float32)
    shading *= np.linspace(0.2, 0.7, 128, dtype=np.float32)[:, None]
    noisy, clean = shoot(shading, draw_shot(iso, random, shading), random)
    left = denoised(entry, model_of(entry), noisy) - clean
    assert left.std() < 0.8 * (noisy - clean).std()


@every_page_cleaner
@pytest.mark.parametrize("channels", [1, 3])
def test_a_grey_sheet_with_noise_becomes_white_paper_with_its_ink(entry: Entry, channels: int) -> None:
    clean = np.ones((160, 192, channels), np.float32)
    for top in range(20, 140, 20):
        clean[top : top + 4, 24:-24:8] = clean[top : top + 4, 27:-24:8] = 0.1
    noisy = to_8bit(Gaussian(0.02).apply(clean * 0.8, NumpyRandom(0))).astype(np.float32)
    model = load_model(entry.name)
    white, kept = (model.denoise(noisy, paper=look).image for look in ("white", "keep"))
    assert np.median(white) > 0.98
    assert abs(np.median(kept) - 0.8) < 0.03
    assert white[clean < 0.5].mean() < 0.4
    assert white.shape == noisy.shape


@every_white_denoiser
def test_scaling_image_and_sigma_scales_the_result(entry: Entry) -> None:
    model, pixels = model_of(entry), image(entry, 48, 56)
    small, large = (model.denoise(k * pixels, sigma=0.1 * k).image for k in (1, 2))
    np.testing.assert_array_equal(large, 2 * small)


@every_denoiser
def test_two_runs_are_bit_identical(entry: Entry) -> None:
    pixels = image(entry, 120, 91)
    again = Model(entry.name, {entry.channels: entry.path})
    one, two = (denoised(entry, model, pixels) for model in (model_of(entry), again))
    np.testing.assert_array_equal(one, two)


@every_denoiser
def test_no_pixel_changes_what_lies_beyond_the_radius_in_its_card(entry: Entry) -> None:
    session = session_of(entry)
    card = session.card
    given = 0.1 if card.sigma else (1.0,) * min(2, card.channels)
    middle = card.stride * (card.radius // card.stride + 2)
    pixels = image(entry, 2 * middle, 2 * middle)
    changed = pixels.copy()
    changed[middle, middle] += 0.5
    places = np.argwhere(session.run(pixels, given) != session.run(changed, given))[:, :2]
    assert 0 < np.abs(places - middle).max() <= card.radius


@every_white_denoiser
def test_the_radius_in_its_card_is_exact(entry: Entry) -> None:
    card, model = session_of(entry).card, model_of(entry)
    reach = [
        reach_of(model, entry.channels, card.radius + card.stride + phase) for phase in (0, card.stride - 1)
    ]
    assert max(reach) == card.radius


@every_denoiser
def test_exact_tiles_equal_the_whole_image_and_so_do_one_and_two_threads(entry: Entry) -> None:
    card = session_of(entry).card
    whole = model_of(entry)

    @settings(max_examples=5, deadline=None)
    @given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([0, 40, 100]), st.sampled_from([1, 2]))
    def law(height: int, width: int, more: int, threads: int) -> None:
        pixels = image(entry, height, width)
        side = 2 * card.radius + 3 * card.stride + more
        memory = FIXED_MEMORY + (STRIPS * pixels[0].nbytes + card.bytes_per_pixel * side) * side
        tiled = Model(entry.name, {entry.channels: entry.path}, exact=True, memory=memory, threads=threads)
        assert np.abs(denoised(entry, tiled, pixels) - denoised(entry, whole, pixels)).max() <= 1e-5

    law()


# ---- the estimate of sigma -----------------------------------------------------------------------


@grey_and_colour
def test_noise_on_a_flat_image_is_estimated_within_20_percent(channels: int) -> None:
    flat = np.full((200, 300, channels), 0.5, np.float32)
    noisy = Gaussian(25 / 255).apply(flat, NumpyRandom(0))
    for pixels in (noisy, from_float(noisy, "uint8"), from_float(noisy, "uint16"), to_8bit(noisy)):
        assert estimate_sigma(pixels) == pytest.approx(25 / 255, rel=0.2)


@grey_and_colour
def test_a_flat_clean_image_has_less_noise_than_counts_and_stays_unchanged(channels: int) -> None:
    flat = np.full((200, 300, channels), 128, np.uint8)
    assert 0 <= estimate_sigma(flat) < MIN_WHITE_SIGMA
    model = Model("all", {entry.channels: entry.path for entry in DENOISERS if entry.name == "gaussian-fast"})
    result = model.denoise(flat)
    assert not result.changed
    np.testing.assert_array_equal(result.image, flat)


@grey_and_colour
@pytest.mark.parametrize("size", [(1, 1), (1, 200), (15, 16), (96, 96), (97, 500)])
def test_any_size_gives_an_estimate_and_the_same_one_again(size: tuple[int, int], channels: int) -> None:
    pixels = colours(*size)[..., :channels]
    estimate = estimate_sigma(pixels)
    assert 0 <= estimate <= 1
    assert estimate_sigma(pixels) == estimate
    if channels == 1:
        assert estimate_sigma(pixels[..., 0]) == estimate


@pytest.mark.parametrize("shape", [(5,), (0, 5), (5, 5, 2), (5, 5, 5)])
def test_the_estimate_for_a_wrong_shape_is_refused_with_those_that_are_possible(
    shape: tuple[int, ...],
) -> None:
    with pytest.raises(UsageError, match="shape"):
        estimate_sigma(np.zeros(shape, np.uint8))


def test_the_estimate_for_nan_or_a_wrong_dtype_is_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        estimate_sigma(np.full((8, 8), np.nan))
    with pytest.raises(UsageError, match="uint8, uint16, float32, float64"):
        estimate_sigma(np.zeros((8, 8), bool))


def test_alpha_and_the_two_further_channels_of_grey_do_not_change_the_estimate() -> None:
    noisy = from_float(colours(100, 120), "uint8")
    alpha = np.arange(1, 121, dtype=np.uint8) + np.zeros((100, 1), np.uint8)
    assert estimate_sigma(np.dstack([noisy, alpha])) == estimate_sigma(noisy)
    assert estimate_sigma(np.repeat(noisy[..., :1], 3, 2)) == estimate_sigma(noisy[..., 0])


@grey_and_colour
def test_without_sigma_it_is_the_estimate(channels: int) -> None:
    noisy = Gaussian(25 / 255).apply(np.full((64, 96, channels), 0.5, np.float32), NumpyRandom(0))
    entry = next(entry for entry in WHITE if entry.channels == channels)
    result = model_of(entry).denoise(noisy)
    assert result.sigma == estimate_sigma(noisy)
    given = model_of(entry).denoise(noisy, sigma=result.sigma)
    np.testing.assert_array_equal(result.image, given.image)
