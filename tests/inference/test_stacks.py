"""Stacks keep their numbers: one noise model a channel, means, slopes, time courses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import pellucid
from pellucid.errors import InputError, UsageError
from pellucid.inference.analyse import analyse_file
from tests.inference.page_images import text_page
from tests.stacks import volume

FAST: Any = {"model": "gaussian-instant", "sigma": 0.02}


def save(folder: Path, array: Any) -> Path:
    path = folder / "noisy.npy"
    np.save(path, array)
    return path


def denoised(path: Path, **options: Any) -> tuple[Any, pellucid.FileResult]:
    output = path.with_name("clean.npy")
    result = pellucid.denoise_file(path, output, axes=options.pop("axes", "ZYX"), overwrite=True, **options)
    return np.load(output), result


def scene(planes: int, low: float, high: float, side: int = 96) -> Any:
    """Expected counts (planes, side, side): discs of several brightnesses on a flat ground."""
    rows, columns = np.mgrid[:side, :side]
    clean = np.full((planes, side, side), low)
    for number in range(4):
        inside = np.hypot(rows - side * (0.3 + 0.4 * (number % 2)), columns - side * (0.3 + 0.2 * number))
        clean[:, inside < side / 7] = low + (high - low) * (number + 1) / 4
    return clean


def test_the_noise_of_a_channel_is_found_once_from_planes_across_the_stack(tmp_path: Path) -> None:
    array = volume(20, 96, 96)
    array[:3] = 0  # before the shutter opened
    array[-3:] = 0
    clean, result = denoised(save(tmp_path, array))
    (channel,) = result.channels
    row = channel.document()
    assert (row["planes"], row["changed"]) == (20, True)
    assert row["gain"][0] == pytest.approx(1, rel=0.15)
    assert row["range"][0] == 0
    assert not clean[[0, 1, 2, -3, -2, -1]].any()
    (found,) = analyse_file(tmp_path / "noisy.npy", axes="ZYX")
    assert found.document()["gain"] == row["gain"]


def test_each_plane_can_be_analysed_alone(tmp_path: Path) -> None:
    array = np.stack([volume(96, 96, mean=100.0 * 9**k, seed=k) for k in range(3)])
    _, result = denoised(save(tmp_path, array), per_plane=True)
    assert [each.planes for each in result.channels] == [1, 1, 1]
    assert result.channels[2].sigma > 5 * result.channels[0].sigma


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize(("low", "high"), [(5, 60), (50, 600)])
def test_intensities_stay(low: float, high: float, dtype: str, tmp_path: Path) -> None:
    truth = scene(4, low, high)
    array = np.random.default_rng(1).poisson(truth).astype(dtype)
    clean, result = denoised(save(tmp_path, array))
    assert result.changed
    assert clean.dtype == array.dtype
    flat = np.s_[:, 2:20, 60:94]  # the ground
    assert clean[flat].mean() == pytest.approx(array[flat].mean(), rel=0.005)
    slope, _ = np.polyfit(truth.ravel(), clean.ravel().astype(float), 1)
    assert 0.98 <= slope <= 1.02
    assert np.square(clean - truth).mean() < np.square(array - truth).mean() / 3


def test_levels_far_from_zero_and_below_it_stay(tmp_path: Path) -> None:
    truth = scene(4, 100, 900) - 1024.0  # as computed tomography has them
    array = (truth + np.random.default_rng(2).normal(0, 30, truth.shape)).astype(np.int16)
    clean, result = denoised(save(tmp_path, array))
    assert result.changed
    assert clean.mean() == pytest.approx(truth.mean(), abs=1)
    slope, _ = np.polyfit(truth.ravel(), clean.ravel().astype(float), 1)
    assert 0.98 <= slope <= 1.02


def test_the_time_course_of_an_activation_keeps_its_amplitude(tmp_path: Path) -> None:
    """An fMRI series: a few voxels become brighter by 4 % in every second block of volumes."""
    random = np.random.default_rng(3)
    anatomy = volume(6, 64, 64, dtype="float64", mean=500.0, photons=False)
    course = np.array([0, 0, 0, 1, 1, 1] * 2, float)
    series = np.repeat(anatomy[None], len(course), axis=0).astype(float)  # t, z, y, x
    active = np.s_[:, 2:4, 14:26, 14:26]
    series[active] *= 1 + 0.04 * course[:, None, None, None]
    array = (series + random.normal(0, 15, series.shape)).astype(np.int16)
    clean, result = denoised(save(tmp_path, array), axes="TZYX")
    assert result.changed
    inner = np.s_[:, 2:4, 16:24, 16:24]
    true, noisy, kept = (
        np.polyfit(course, each[inner].mean(axis=(1, 2, 3)), 1)[0] for each in (series, array, clean)
    )
    assert abs(kept - true) <= 0.05 * true + abs(noisy - true)
    assert kept == pytest.approx(noisy, rel=0.05)


def test_a_weak_activation_on_an_anatomy_with_sharp_steps_keeps_its_amplitude(tmp_path: Path) -> None:
    anatomy = np.full((2, 64, 64), 500.0)
    anatomy[:, :, :20], anatomy[:, 40:], anatomy[:, 5:12, 30:60] = 300, 800, 1000
    course = np.array([0, 0, 0, 1, 1, 1] * 2, float)
    series = np.repeat(anatomy[None], len(course), axis=0)  # t, z, y, x
    series[:, :, 14:26, 14:26] *= 1 + 0.04 * course[:, None, None, None]
    array = (series + np.random.default_rng(3).normal(0, 15, series.shape)).astype(np.int16)
    clean, result = denoised(save(tmp_path, array), axes="TZYX")
    assert result.changed
    assert np.square(clean - series).mean() < np.square(array - series).mean() / 8
    true, kept = (
        np.polyfit(course, each[..., 16:24, 16:24].mean(axis=(1, 2, 3)), 1)[0] for each in (series, clean)
    )
    assert kept == pytest.approx(true, rel=0.05)


def test_the_bias_of_rician_noise_does_not_come_back_in_a_series(tmp_path: Path) -> None:
    random, truth = np.random.default_rng(0), np.zeros((2, 64, 64))
    truth[:, 20:50, 20:50] = 500
    array = np.hypot(truth + random.normal(0, 50, truth.shape), random.normal(0, 50, truth.shape))
    path = save(tmp_path, array.astype(np.float32))
    series, slices = (denoised(path, axes=axes, noise="rician:auto")[0] for axes in ("TYX", "ZYX"))
    np.testing.assert_array_equal(series, slices)
    assert series[:, :15].mean() < 0.8 * array[:, :15].mean()


def test_a_stack_is_never_taken_for_a_page(tmp_path: Path) -> None:
    page = text_page()[..., 0]
    light = np.linspace(0.9, 0.6, page.shape[1])
    noisy = np.clip(light * page + np.random.default_rng(0).normal(0, 4, (3, *page.shape)), 0, 255)
    array = noisy.astype(np.uint8)
    assert pellucid.denoise_result(array[0]).model == "page-fast"
    assert "page" not in denoised(save(tmp_path, array))[1].model
    assert "page" not in pellucid.denoise_result(array, axes="ZYX").model


def test_what_an_array_does_not_say_is_asked_for(tmp_path: Path) -> None:
    path = save(tmp_path, volume(3, 20, 20))
    with pytest.raises(UsageError, match=r"axes.*ZYX"):
        denoised(path, axes=None)
    with pytest.raises(UsageError, match="does not fit"):
        denoised(path, axes="YX")
    assert [each.name for each in tmp_path.iterdir()] == ["noisy.npy"]


def test_letters_count_planes_and_channels_have_names(tmp_path: Path) -> None:
    array = np.stack([volume(3, 48, 48, mean=40.0), volume(3, 48, 48, mean=4000.0)])  # c, z, y, x
    _, result = denoised(save(tmp_path, array), axes="CZYX")
    assert [(each.name, each.planes) for each in result.channels] == [("channel 1", 3), ("channel 2", 3)]
    clean, result = denoised(save(tmp_path, array), axes="CZYX", channel="2", pages="1-4", **FAST)
    changed = (clean != array).any(axis=(2, 3))
    np.testing.assert_array_equal(changed, [[False] * 3, [True, False, False]])


def test_infinity_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    array = volume(30, 20, 20, dtype="float32")
    array[29, 3, 3] = np.inf  # in a plane that the analysis does not see
    path = save(tmp_path, array)
    with pytest.raises(InputError, match="Z 30"):
        denoised(path, **FAST)
    assert [each.name for each in tmp_path.iterdir()] == ["noisy.npy"]


def test_pixels_that_are_nan_stay_so_and_reach_no_other(tmp_path: Path) -> None:
    array = volume(2, 48, 48, dtype="float64")
    array[:, 10:20, 10:20] = np.nan
    clean, _ = denoised(save(tmp_path, array), **FAST)
    np.testing.assert_array_equal(np.isnan(clean), np.isnan(array))


def test_an_array_of_one_plane_is_an_image(tmp_path: Path) -> None:
    path = save(tmp_path, volume(40, 50, mean=40.0, dtype="uint8"))
    assert pellucid.read_image(path).samples.shape == (40, 50, 1)
    pellucid.denoise_file(path, tmp_path / "clean.png", **FAST)
    assert pellucid.read_image(tmp_path / "clean.png").samples.shape == (40, 50, 1)
    with pytest.raises(InputError, match=r"has one.*as a whole"):
        pellucid.read_image(_tiff(tmp_path))


def _tiff(folder: Path) -> Path:
    path = folder / "stack.tif"
    tifffile.imwrite(path, volume(3, 40, 50), photometric="minisblack")
    return path


def test_the_planes_of_an_array_share_their_noise_and_images_do_not() -> None:
    array = np.stack([volume(96, 96, mean=400.0, seed=k) for k in range(4)])
    shared = pellucid.denoise_result(array, axes="ZYX")
    assert shared.analysis is not None
    alone = pellucid.denoise_result(array, axes="NYX")
    assert alone.analysis is None
    assert repr(pellucid.denoise_result(array, axes="ZYX", per_plane=True).sigma) == repr(alone.sigma)
    np.testing.assert_array_equal(alone.image[2], pellucid.denoise(array[2]))


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_what_was_masked_out_keeps_its_value(dtype: str, tmp_path: Path) -> None:
    array = volume(3, 96, 96, mean=500.0, dtype="float64")
    rows, columns = np.mgrid[:96, :96]
    outside = np.hypot(rows - 48, columns - 48) > 30
    array[:, outside] = 0
    clean, result = denoised(save(tmp_path, array.astype(dtype)), **FAST)
    assert result.changed
    far = np.hypot(rows - 48, columns - 48) > 40
    assert not clean[:, far].any()
    assert (clean[:, ~outside] != array[:, ~outside]).any()
