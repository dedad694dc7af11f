"""The classical denoisers do their best."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.evaluation.baselines import BASELINES, Baseline, choose_parameter, usable_baselines
from pellucid.evaluation.images import Corruption, ImageSet, read_corruption
from pellucid.io.image import to_float
from tests.evaluation.conftest import pieces

ALL = usable_baselines(28, on_request=True)
every_baseline = pytest.mark.parametrize("baseline", ALL, ids=lambda each: each.name)


def error(baseline: Baseline, value: float, images: ImageSet, corruption: Corruption) -> float:
    ((clean, noisy),) = corruption.batches(images.validation)
    return float(np.square(baseline.denoise(noisy, value) - clean).mean())


def test_the_tests_know_all_baselines() -> None:
    assert list(BASELINES) == ALL


def test_bm3d_which_takes_minutes_is_left_out_unless_it_is_asked_for() -> None:
    assert {each.name for each in ALL} - {each.name for each in usable_baselines(28)} == {"BM3D"}


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_usable_for_images_of_few_pixels_works_there(channels: int) -> None:
    for side in (1, 2, 9, 14):
        noisy = np.random.default_rng(side).random((1, side, side, channels), np.float32)
        usable = usable_baselines(side, on_request=True)
        assert len(usable) >= 3
        for baseline in usable:
            assert baseline.denoise(noisy, baseline.tries[0]).shape == noisy.shape


@every_baseline
def test_it_lowers_the_error_of_noisy_photographs_and_keeps_their_shape(
    baseline: Baseline, photo: NDArray[np.uint8]
) -> None:
    for samples in (photo[None, :64, :64], photo[None, :64, :64, :1]):
        ((clean, noisy),) = read_corruption("gaussian:0.2").batches(list(samples))
        value = baseline.tries[len(baseline.tries) // 2]
        denoised = baseline.denoise(noisy, value)
        assert denoised.shape == noisy.shape
        assert denoised.dtype == np.float32
        assert np.square(denoised - clean).mean() < 0.8 * np.square(noisy - clean).mean()


@pytest.mark.parametrize("name", ["median filter", "Gaussian filter"])
def test_filters_keep_the_images_and_channels_of_a_batch_apart(name: str, photo: NDArray[np.uint8]) -> None:
    (baseline,) = (each for each in BASELINES if each.name == name)
    batch = to_float(np.stack([photo, photo[::-1]]))
    value = baseline.tries[0]
    alone = baseline.denoise(np.ascontiguousarray(batch[1:, ..., 2:]), value)
    np.testing.assert_allclose(baseline.denoise(batch, value)[1:, ..., 2:], alone, atol=1e-6)


@pytest.mark.parametrize("name", ["median filter", "Gaussian filter", "total variation"])
def test_more_noise_wants_more_smoothing(name: str, photo: NDArray[np.uint8]) -> None:
    (baseline,) = (each for each in BASELINES if each.name == name)
    few = pieces(photo, 6, 32)
    weak, strong = (
        choose_parameter(baseline, few, read_corruption(text)) for text in ("gaussian:0.05", "gaussian:0.5")
    )
    assert weak < strong


def test_the_choice_does_not_see_the_noise_of_the_test_images(images: ImageSet) -> None:
    seen: list[NDArray[np.float32]] = []

    def remember(noisy: NDArray[np.float32], value: float) -> NDArray[np.float32]:
        seen.append(noisy)
        return noisy * np.float32(value)

    corruption = read_corruption("gaussian:0.2")
    spy = Baseline("spy", "gain", (0.5, 1.0), remember, chosen_on=3)
    assert choose_parameter(spy, images.validation, corruption) == 1
    assert {len(each) for each in seen} == {3}
    ((_, noisy),) = corruption.batches(images.validation[:3])
    assert all(np.abs(each - noisy).max() > 0.1 for each in seen)
