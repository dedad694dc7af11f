"""Metrics agree with their definitions and with scikit-image."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data
from skimage.metrics import structural_similarity

from pellucid.errors import UsageError
from pellucid.metrics.quality import mse, psnr, ssim

METRICS: dict[str, Callable[[NDArray[Any], NDArray[Any]], float]] = {
    "mse": mse,
    "psnr": lambda a, b: psnr(a, b, data_range=1),
    "ssim": lambda a, b: ssim(a, b, data_range=1),
}
every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


def noisy(image: NDArray[Any], sigma: float) -> NDArray[np.float64]:
    noise: NDArray[np.float64] = np.random.default_rng(0).normal(0, sigma, image.shape)
    return image + noise


def reference_ssim(a: NDArray[Any], b: NDArray[Any], data_range: float) -> float:
    return float(
        structural_similarity(
            a,
            b,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=data_range,
            channel_axis=2 if a.ndim == 3 else None,
        )
    )


@given(st.integers(11, 90), st.integers(11, 90), st.sampled_from([(), (1,), (3,)]), st.floats(0, 1))
@settings(max_examples=40)
def test_ssim_equals_scikit_images(height: int, width: int, channels: tuple[int, ...], sigma: float) -> None:
    clean = np.random.default_rng(0).random((height, width, *channels))
    other = noisy(clean, sigma)
    assert ssim(clean, other, data_range=1) == pytest.approx(reference_ssim(clean, other, 1), abs=1e-6)


@pytest.mark.parametrize("name", ["camera", "astronaut", "page"])
def test_ssim_of_8_bit_photographs_equals_scikit_images(name: str) -> None:
    clean = getattr(data, name)()
    other = noisy(clean, 25).clip(0, 255).astype(np.uint8)
    assert ssim(clean, other, data_range=255) == pytest.approx(reference_ssim(clean, other, 255), abs=1e-6)


@every_metric
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 3)])
def test_metrics_are_symmetric(metric: Any, shape: tuple[int, ...]) -> None:
    a = np.random.default_rng(0).random(shape)
    assert metric(a, a / 2) == pytest.approx(metric(a / 2, a), rel=1e-12)


def test_equal_images_are_perfect() -> None:
    image = data.camera()
    assert mse(image, image) == 0
    assert psnr(image, image, data_range=255) == math.inf
    assert ssim(image, image, data_range=255) == pytest.approx(1, abs=1e-12)


def test_mse_is_the_mean_of_the_squared_differences() -> None:
    assert mse(np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([[1.0, 1.0], [2.0, 0.0]])) == 2.5


def test_psnr_of_an_error_of_a_tenth_of_the_range_is_20_db() -> None:
    black = np.zeros((8, 9, 3))
    assert psnr(black, black + 0.1, data_range=1) == pytest.approx(20)
    assert psnr(black, black + 25.5, data_range=255) == pytest.approx(20)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_differences_of_any_dtype_do_not_wrap_around(dtype: type[np.generic]) -> None:
    low, high = np.full((16, 16), 10).astype(dtype), np.full((16, 16), 200).astype(dtype)
    assert mse(low, high) == mse(high, low) == 190**2


def test_black_and_white_images_can_be_compared() -> None:
    assert mse(np.ones((4, 4), bool), np.zeros((4, 4), bool)) == 1


def test_scaling_image_and_range_together_changes_nothing() -> None:
    clean = data.camera()
    other = noisy(clean, 20).clip(0, 255).astype(np.uint8)
    for metric in (psnr, ssim):
        expected = metric(clean / 255, other / 255, data_range=1)
        assert metric(clean, other, data_range=255) == pytest.approx(expected, rel=1e-9)


@every_metric
def test_different_shapes_are_refused_with_both_named(metric: Any) -> None:
    with pytest.raises(UsageError, match=r"\(20, 30, 3\).*\(20, 30\)"):
        metric(np.zeros((20, 30, 3)), np.zeros((20, 30)))


@every_metric
@pytest.mark.parametrize("shape", [(20,), (2, 20, 30, 3), (0, 30), (20, 30, 0)])
def test_what_is_no_image_is_refused(metric: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="is no image"):
        metric(np.zeros(shape), np.zeros(shape))


@pytest.mark.parametrize("shape", [(10, 30), (30, 10, 3)])
def test_ssim_of_a_image_smaller_than_its_window_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="at least 11 pixels a side"):
        ssim(np.zeros(shape), np.zeros(shape), data_range=1)


@pytest.mark.parametrize("metric", [psnr, ssim])
@pytest.mark.parametrize("data_range", [0, -1, math.inf, math.nan])
def test_an_impossible_data_range_is_refused(metric: Any, data_range: float) -> None:
    with pytest.raises(UsageError, match="data range"):
        metric(np.zeros((16, 16)), np.ones((16, 16)), data_range=data_range)
