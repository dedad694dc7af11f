"""From images to figures and their intervals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from pellucid.evaluation.scores import HIGHEST_PSNR, compare, summarize
from pellucid.metrics.quality import mse, psnr, ssim


def test_a_image_is_compared_as_the_metrics_say(photo: NDArray[np.uint8]) -> None:
    clean = (photo / 255).astype(np.float32)
    other = clean[::-1].copy()
    expected = (mse(other, clean), psnr(other, clean, data_range=1.0), ssim(other, clean, data_range=1.0))
    assert compare(other, clean) == pytest.approx(expected, rel=1e-6)


def test_a_image_without_error_has_a_finite_psnr(photo: NDArray[np.uint8]) -> None:
    clean = (photo / 255).astype(np.float32)
    assert compare(clean, clean) == (0, HIGHEST_PSNR, 1)


def test_a_image_too_small_for_ssim_has_none() -> None:
    error, decibels, likeness = compare(
        np.full((10, 40, 1), 0.1, np.float32), np.zeros((10, 40, 1), np.float32)
    )
    assert [error, decibels] == pytest.approx([0.01, 20])
    assert math.isnan(likeness)


@settings(max_examples=25, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(2, 40), st.just(2)), elements=st.floats(0, 1, width=16)))
def test_an_interval_lies_around_its_mean_and_between_the_extremes(values: NDArray[np.float64]) -> None:
    for figure, column in zip(summarize(values), values.T, strict=True):
        assert figure.mean == pytest.approx(column.mean())
        assert column.min() - 1e-12 <= figure.low <= figure.high <= column.max() + 1e-12


def test_the_interval_is_that_of_the_mean_of_many_numbers() -> None:
    values = np.random.default_rng(1).normal(3, 2, (4000, 1))
    (figure,) = summarize(values)
    assert figure.low < figure.mean < figure.high
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * 2 / math.sqrt(4000), rel=0.1)


def test_one_image_has_an_interval_of_no_width() -> None:
    (figure,) = summarize(np.array([[0.25]]))
    assert (figure.mean, figure.low, figure.high) == (0.25, 0.25, 0.25)
