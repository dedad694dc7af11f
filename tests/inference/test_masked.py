"""What is no data comes back untouched and influences nothing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import pellucid
from pellucid.errors import InputError
from pellucid.inference.masked import fill, valid_pixels
from pellucid.io.files import read_image
from tests.images import Make

HOLE = (slice(0, 20), slice(30, 60))


def noisy(dtype: str, channels: int | None = None) -> NDArray[Any]:
    """A noisy ramp (64, 80) or (64, 80, channels), 0.2 to 0.8."""
    shape = (64, 80) if channels is None else (64, 80, channels)
    ramp = np.linspace(0.3, 0.7, 80)[None, :, None] + np.random.default_rng(0).normal(0, 0.08, (64, 80, 3))
    values = ramp[..., : channels or 1].reshape(shape).clip(0.01, 0.99)
    return values.astype(dtype) if dtype.startswith("float") else (values * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("float32", -9999),
        ("float32", np.nan),
        ("float32", -3.4028234663852886e38),
        ("uint16", 65535),
        ("uint8", 0),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_that_are_no_data_stay_in_a_tiff_and_influence_nothing(
    dtype: str, nodata: float, channels: int, tiff_file: Make
) -> None:
    holes = []
    for inside in (nodata, 0.5 if dtype == "float32" else 77):  # once without data, once with any
        samples = noisy(dtype, channels)
        samples[HOLE] = inside
        path = tiff_file(
            np.squeeze(samples),
            photometric="rgb" if channels == 3 else "minisblack",
            extratags=[(42113, 2, None, f"{nodata:.17g}", True)],
        )
        result = pellucid.denoise_file(path, sigma=0.08, overwrite=True)
        holes.append(read_image(result.output))
        assert holes[-1].metadata.nodata == pytest.approx(nodata, nan_ok=True)
    with_hole, without = (each.samples for each in holes)
    np.testing.assert_array_equal(with_hole[HOLE], np.full_like(with_hole[HOLE], nodata))
    limits = [0.15, 0.85] if dtype == "float32" else [0.15 * np.iinfo(dtype).max, 0.85 * np.iinfo(dtype).max]
    rest = np.ma.masked_equal(with_hole, nodata).compressed()
    rest = rest[np.isfinite(rest)]
    assert rest.min() > limits[0]
    assert rest.max() < limits[1]
    far = np.s_[55:]
    assert np.abs(with_hole[far].astype(float) - without[far]).max() <= 0.02 * (limits[1] - limits[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_and_masked_pixels_of_an_array_come_back_and_influence_nothing(dtype: str) -> None:
    pixels = noisy(dtype)
    with_nan, with_any = pixels.copy(), pixels.copy()
    with_nan[HOLE], with_any[HOLE] = np.nan, 1e25
    mask = np.isnan(with_nan)
    one = pellucid.denoise(with_nan, sigma=0.08)
    two = pellucid.denoise(np.ma.array(with_any, mask=mask), sigma=0.08)
    assert isinstance(two, np.ma.MaskedArray)
    np.testing.assert_array_equal(np.isnan(one), mask)
    np.testing.assert_array_equal(two.mask, mask)
    np.testing.assert_array_equal(two.data[mask], with_any[mask])
    np.testing.assert_array_equal(one[~mask], two.data[~mask])
    assert one[~mask].std() < pixels[~mask].std()


def test_an_image_without_noise_keeps_its_gaps() -> None:
    pixels = np.full((64, 64), 0.5, np.float32)
    pixels[10:20, 10:20] = np.nan
    np.testing.assert_array_equal(pellucid.denoise(pixels), pixels)


def test_an_image_of_nan_alone_is_refused() -> None:
    with pytest.raises(InputError, match="No pixel has data"):
        pellucid.denoise(np.full((32, 32), np.nan, np.float32))


def test_infinity_is_refused() -> None:
    pixels = noisy("float32")
    pixels[0, 0] = np.inf
    with pytest.raises(InputError, match="infinity"):
        pellucid.denoise(pixels, sigma=0.1)


def test_a_colour_that_contains_the_value_in_one_channel_holds_data_in_integers_only() -> None:
    for dtype, holds in (("uint8", True), ("float32", False)):
        pixels = np.ones((4, 4, 3), dtype)
        pixels[0, 0, 0] = 0
        pixels[1, 1] = 0
        valid = valid_pixels(pixels, nodata=0)
        assert valid is not None
        assert (valid[0, 0], valid[1, 1]) == (holds, False)
        assert valid.sum() == 15 - (not holds)


@pytest.mark.parametrize("nodata", [None, -9999, 7.5])
def test_where_all_pixels_hold_data_there_is_no_mask(nodata: float | None) -> None:
    for dtype in ("uint8", "uint16", "float32", "float64"):
        assert valid_pixels(noisy(dtype, 3), nodata) is None


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["uint8", "uint16", "float32"]),
    st.integers(0, 2**32 - 1),
)
def test_filled_pixels_lie_between_the_valid_ones(height: int, width: int, dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(50, 200, (height, width, 3)).astype(dtype)
    valid = rng.random((height, width)) < rng.random()
    valid[rng.integers(height), rng.integers(width)] = True
    filled = fill(pixels, valid)
    assert (filled.shape, filled.dtype) == (pixels.shape, pixels.dtype)
    np.testing.assert_array_equal(filled[valid], pixels[valid])
    slack = 1e-3 if dtype == "float32" else 0
    assert filled.min() >= pixels[valid].min() - slack
    assert filled.max() <= pixels[valid].max() + slack


def test_a_ramp_goes_on_through_a_gap() -> None:
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    valid = np.ones((64, 64), np.bool_)
    valid[24:40, 24:40] = False
    assert np.abs(fill(ramp, valid) - ramp).max() < 0.12
