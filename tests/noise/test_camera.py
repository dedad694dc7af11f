"""A simulated camera's noise has the statistics that were asked for, and its target is the clean image."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data

from pellucid.errors import UsageError
from pellucid.noise import camera
from pellucid.noise.base import Noise, NumpyRandom, to_8bit
from pellucid.noise.camera import Camera, Shot, draw_shot, shoot
from pellucid.noise.jpeg import YCBCR
from pellucid.noise.registry import parse_noise
from pellucid.training.randomness import TorchRandom

Pixels = NDArray[np.float32]

CAMERAS = 40
LIGHT_ONLY: dict[str, Any] = {
    "luma_share": 0.0,
    "chroma_share": 0.0,
    "coring": 0.0,
    "blotches": 0.0,
    "sharpening": 0.0,
    "scale": 1.0,
    "quality": 100,
}
"""No processing in the camera, nothing resized, no JPEG to speak of."""


def flat(value: float, size: int = 128) -> Pixels:
    return np.full((size, size, 3), value, np.float32)


def photo() -> Pixels:
    """A real photograph, (512, 512, 3)."""
    pixels: Pixels = np.asarray(data.astronaut(), np.float32) / np.float32(255)
    return pixels


def a_shot(iso: float, pixels: Pixels, seed: int = 0, **settings: Any) -> Any:
    return replace(draw_shot(iso, NumpyRandom(seed), pixels), **settings)


def noise_of(shot: Shot, pixels: Pixels, seed: int = 0) -> NDArray[np.float64]:
    """Noise (h, w, 3) in grey levels of 255, of mean 0."""
    noisy, target = shoot(pixels, shot, NumpyRandom(seed))
    difference = np.asarray(noisy - target, np.float64) * 255
    centred: NDArray[np.float64] = difference - difference.mean(axis=(0, 1))
    return centred


def alike(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def luma_and_blue(noise: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    planes = noise @ YCBCR.T
    return planes[..., 0], planes[..., 1]


# ---- the sensor ----------------------------------------------------------------------------------


@pytest.mark.parametrize("iso", [100, 3200, 25600])
def test_variance_against_light_is_a_line_with_the_asked_slope(iso: int) -> None:
    shot = a_shot(iso, flat(0), row=0, clips=0)
    light = np.linspace(0.05, 0.95, 10, dtype=np.float32)
    mosaic = np.broadcast_to(light[:, None], (10, 200_000))[None, None]
    variances = (camera.add_sensor_noise(mosaic, shot, NumpyRandom(0)) - mosaic).var(axis=-1).ravel()
    slope, read = np.polyfit(light, variances, 1)
    assert slope == pytest.approx(shot.slope.item(), rel=0.02)
    assert read == pytest.approx(shot.read.item(), abs=0.02 * shot.slope.item())
    np.testing.assert_allclose(variances, slope * light + read, rtol=0.03)


def test_a_higher_iso_has_a_proportionally_steeper_slope_and_more_read_noise() -> None:
    low, high = (a_shot(iso, flat(0)) for iso in (100, 25600))
    assert (high.slope / low.slope).item() == pytest.approx(256, rel=1e-4)
    assert (high.read / low.read).item() == pytest.approx(256**2.18, rel=1e-3)


def test_a_row_shares_its_noise() -> None:
    shot = a_shot(100, flat(0), slope=0.0, read=0.0, row=0.1, clips=0)
    noisy = camera.add_sensor_noise(np.zeros((1, 1, 500, 40), np.float32), shot, NumpyRandom(0))
    assert np.ptp(noisy, axis=-1).max() == 0
    assert noisy.std() == pytest.approx(0.1, rel=0.1)


def test_clipping_at_black_leaves_nothing_below_it() -> None:
    dark = np.zeros((1, 1, 64, 64), np.float32)
    clipped, kept = (
        camera.add_sensor_noise(dark, a_shot(3200, flat(0), clips=clips), NumpyRandom(0)) for clips in (1, 0)
    )
    assert clipped.min() == 0
    assert kept.min() < 0
    np.testing.assert_array_equal(clipped, kept.clip(0, None))


def test_hot_pixels_are_few_and_bright() -> None:
    dark = np.full((1, 1, 400, 400), 0.5, np.float32)
    even, hot = (
        camera.add_sensor_noise(dark, a_shot(3200, flat(0), hot=hot, row=0.0), NumpyRandom(0)) - dark
        for hot in (0.0, 10.0)
    )
    changed = hot != even
    assert 0.0005 < changed.mean() < 0.003
    assert hot[changed].min() > 3 * even.std()
    assert hot.max() > 2 * even.max()


@pytest.mark.parametrize("malvar", [0, 1])
@pytest.mark.parametrize("phase", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_demosaicing_gives_smooth_colours_back_in_every_phase(malvar: int, phase: tuple[int, int]) -> None:
    y, x = np.mgrid[:32, :40].astype(np.float32) / 40
    light = np.stack([0.2 + 0.3 * x, 0.5 - 0.2 * y, 0.1 + 0.4 * y])[None]
    shot = a_shot(100, flat(0), phase=phase, malvar=malvar)
    mosaic = camera.through_bayer_filter(light, shot)
    again = camera.demosaic(mosaic, shot)
    inside = np.s_[..., 2:-2, 2:-2]
    np.testing.assert_allclose(again[inside], light[inside], atol=1e-5)
    for channel, (row, column) in enumerate([(0, 0), (0, 1), (1, 1)]):
        own = np.s_[0, channel, (row + phase[0]) % 2 :: 2, (column + phase[1]) % 2 :: 2]
        np.testing.assert_allclose(again[own], light[own], atol=1e-6)


def test_malvar_keeps_more_detail_than_bilinear() -> None:
    clean = np.moveaxis(photo()[:256, :256], -1, 0)[None]
    shots = [a_shot(100, flat(0), malvar=malvar) for malvar in (0, 1)]
    bilinear, malvar = (
        np.mean((camera.demosaic(camera.through_bayer_filter(clean, each), each) - clean) ** 2)
        for each in shots
    )
    assert malvar < bilinear / 2


def test_an_image_that_is_demosaiced_too_has_zipper_edges_in_its_target() -> None:
    clean = photo()[:128, :128]
    spared, shown = (
        shoot(clean, a_shot(50, clean, **LIGHT_ONLY, malvar=0, zipper=zipper), NumpyRandom(0))
        for zipper in (0.0, 1.0)
    )
    errors = [np.mean((each[1] - clean) ** 2) for each in (spared, shown)]
    assert errors[1] > 3 * errors[0]
    assert np.mean((shown[0] - shown[1]) ** 2) < errors[1] / 3  # no noise: both have the same edges


# ---- the processing ------------------------------------------------------------------------------


@pytest.mark.parametrize("lift", [1.0, 1.4])
@pytest.mark.parametrize("contrast", [0.02, 0.5, 1.0])
def test_the_tone_curve_and_its_inverse_cancel(contrast: float, lift: float) -> None:
    shot = a_shot(100, flat(0), contrast=contrast, lift=lift)
    values = np.linspace(0, 1, 1001, dtype=np.float32).reshape(1, 1, -1, 1)
    light = camera.inverse_tone(values, shot)
    assert (np.diff(light, axis=2) > 0).all()
    np.testing.assert_allclose(camera.tone(light, shot), values, atol=1e-3)


@pytest.mark.parametrize("radius", [1.0, 2.0])
def test_smoothing_correlates_luma_noise_as_its_radius_says(radius: float) -> None:
    """A Gaussian of standard deviation r gives white noise the autocorrelation exp(-d^2 / 4 r^2)."""
    shot = a_shot(800, flat(0), luma_share=1.0, luma_radius=radius, blotches=0.0)
    noise = 0.1 * np.repeat(NumpyRandom(0).normal(np.zeros((1, 1, 256, 256))), 3, axis=1)
    smooth = camera.reduce_noise(0.5 + noise, np.full_like(noise, 0.5), shot)[0, 0] - 0.5
    for lag in (1, 2):
        expected = np.exp(-(lag**2) / (4 * radius**2))
        assert alike(smooth[:, lag:], smooth[:, :-lag]) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize(("spared", "coring"), [(1.0, 0.0), (0.0, 0.6)])
def test_more_noise_is_left_where_there_is_detail(spared: float, coring: float) -> None:
    clean = np.full((1, 3, 128, 256), 0.5)
    clean[..., 128:] += 0.2 * np.random.default_rng(1).choice([-1, 1], (128, 128))
    noise = 0.01 * NumpyRandom(0).normal(clean)
    shot = a_shot(800, flat(0), luma_share=0.9, luma_radius=1.0, knee=5 / 255, spared=spared, coring=coring)
    left = (camera.reduce_noise(clean + noise, clean, shot) - clean).mean(1)
    plain, busy = left[..., 16:112].std(), left[..., 144:240].std()
    assert busy > 1.8 * plain
    even = replace(shot, spared=0.0, coring=0.0)
    left = (camera.reduce_noise(clean + noise, clean, even) - clean).mean(1)
    assert left[..., 144:240].std() == pytest.approx(left[..., 16:112].std(), rel=0.1)


def test_blotches_are_stronger_than_those_of_white_noise_that_was_blurred() -> None:
    noise = 0.1 * np.repeat(NumpyRandom(0).normal(np.zeros((1, 1, 256, 256))), 3, axis=1)
    coarse = []
    for blotches in (0.0, 1.0):
        shot = a_shot(800, flat(0), luma_share=0.0, coring=0.0, blotches=blotches, blotch_radius=1.5)
        left = camera.reduce_noise(0.5 + noise, np.full_like(noise, 0.5), shot)[0, 0] - 0.5
        coarse.append(left.reshape(8, 32, 8, 32).mean((1, 3)).std())
        assert (left[:, 1:] - left[:, :-1]).std() == pytest.approx(0.1 * 2**0.5, rel=0.02)  # the fine stays
    assert coarse[1] == pytest.approx(2 * coarse[0], rel=0.05)


def test_chroma_is_smoothed_apart_from_luma() -> None:
    pixels = flat(0.4)
    shot = a_shot(3200, pixels, **LIGHT_ONLY)
    luma, blue = luma_and_blue(noise_of(shot, pixels))
    smoothed = replace(shot, chroma_share=1.0, chroma_radius=4.0)
    luma_after, blue_after = luma_and_blue(noise_of(smoothed, pixels))
    assert luma_after.std() == pytest.approx(luma.std(), rel=0.02)
    assert blue_after.std() < blue.std() / 3
    assert alike(blue_after[:, 4:], blue_after[:, :-4]) > 0.5


def test_sharpening_makes_edges_steeper_and_leaves_flat_tones() -> None:
    step = np.repeat(np.array([[0.3] * 16 + [0.7] * 16], np.float32), 32, axis=0)[None, None].repeat(
        3, axis=1
    )
    sharp = camera.sharpen(step, a_shot(100, flat(0), sharpening=0.8, sharpening_radius=1.0))
    assert np.abs(np.diff(sharp, axis=-1)).max() > 0.5
    np.testing.assert_allclose(sharp[..., 5:11], step[..., 5:11], atol=1e-3)


# ---- the whole shot ------------------------------------------------------------------------------


def test_the_mean_of_many_noisy_images_is_the_target_within_the_curves_bias() -> None:
    clean = photo()[100:196, 100:196]
    for seed in range(4):
        shot = a_shot(3200, clean, seed, quality=100)
        shots = [shoot(clean, shot, NumpyRandom(100 + each)) for each in range(40)]
        target = shots[0][1]
        error = np.mean([noisy for noisy, _ in shots], axis=0) - target
        noise = np.std(shots[0][0] - target)
        middle = (target > 0.1) & (target < 0.9)
        assert abs(error[middle].mean()) < 0.002
        assert error.std() < 0.2 * noise + 0.5 / 255  # noise / sqrt(40), and rounding


def test_where_there_is_hardly_any_noise_the_target_keeps_tone_and_colour() -> None:
    clean = photo()
    for seed in range(4):
        _, target = shoot(clean, a_shot(50, clean, seed, sharpening=0.0), NumpyRandom(seed))
        means = [x[:512, :512].reshape(8, 64, 8, 64, 3).mean(axis=(1, 3)) for x in (clean, target)]
        assert np.abs(means[1] - means[0]).max() < 0.5 / 255


def test_dark_tones_are_nearly_as_bright_in_the_target_as_in_the_noisy_image() -> None:
    dark = flat(0.03)
    shot = a_shot(12800, dark, quality=100)
    noisy, target = shoot(dark, shot, NumpyRandom(0))
    lighter = noisy.mean() - dark.mean()
    assert lighter > 1 / 255  # since there is nothing below black
    assert abs(noisy.mean() - target.mean()) < 0.3 * lighter


@pytest.mark.parametrize("value", [0.1, 0.2, 0.4, 0.7])
def test_the_target_of_a_raw_converter_is_as_bright_as_the_mean_of_many_shots_light(value: float) -> None:
    """In telephones' files dark tones are darker, by 13 of 255, than in the stack of many shots."""
    pixels = flat(value)
    shot = draw_shot(12800.0, NumpyRandom(4), pixels, 1.0)
    noisy, target = shoot(pixels, replace(shot, lossless=1, hot=0, scale=1.0, row=0), NumpyRandom(0))
    light, stacked = (camera.inverse_tone(x.transpose(2, 0, 1)[None], shot).mean() for x in (noisy, target))
    assert light == pytest.approx(stacked, rel=0.03)
    assert noisy.mean() < target.mean()


def test_what_a_raw_converter_leaves_is_the_noise_of_a_mosaic() -> None:
    """Crops of telephones: luma 0.27 at one pixel and -0.11 at two, chroma 0.6 and 0.26."""
    pixels = flat(0.5)
    figures = []
    for seed in range(20):
        shot = draw_shot(6400.0, NumpyRandom(seed), pixels, 1.0)
        noise = noise_of(replace(shot, scale=1.0, lossless=1, malvar=1), pixels, seed)
        luma, blue = luma_and_blue(noise)
        figures.append([alike(x[:, lag:], x[:, :-lag]) for x in (luma, blue) for lag in (1, 2)])
    assert np.median(figures, axis=0) == pytest.approx([0.27, -0.11, 0.6, 0.26], abs=0.06)


def test_a_share_of_the_cameras_is_a_raw_converter() -> None:
    batch = torch.full((64, 3, 8, 8), 0.5)
    shot: Any = draw_shot(3200.0, TorchRandom(torch.Generator().manual_seed(0)), batch, 0.25)
    assert set(shot.stacked.flatten().tolist()) == {0, 1}
    assert 0.1 < shot.stacked.mean() < 0.4
    assert (shot.luma_share[shot.stacked == 1] == 0).all()


def test_the_target_hardly_depends_on_the_noise() -> None:
    clean = photo()[:64, :64]
    shot = a_shot(3200, clean)
    (first, target), (second, same) = (shoot(clean, shot, NumpyRandom(seed)) for seed in (1, 2))
    assert np.abs(target - same).mean() < 0.15 * np.abs(first - second).mean()


def test_noise_correlates_between_neighbours_and_channels_as_that_of_cameras_does() -> None:
    """Crops of two cameras: luma 0.3 to 0.7, chroma 0.87 to 0.96, red and green 0.54 to 0.88."""
    pixels = flat(0.45)
    figures = []
    for seed in range(CAMERAS):
        noise = noise_of(a_shot(3200, pixels, seed), pixels, seed)
        luma, blue = luma_and_blue(noise)
        figures.append(
            [
                alike(luma[:, 1:], luma[:, :-1]),
                alike(blue[:, 1:], blue[:, :-1]),
                alike(noise[..., 0], noise[..., 1]),
            ]
        )
    luma_low, luma_middle, luma_high = np.percentile(figures, (10, 50, 90), axis=0)[:, 0]
    assert luma_low < 0.45 < luma_middle < 0.75 < luma_high
    blue_middle, blue_high = np.percentile(figures, (50, 90), axis=0)[:, 1]
    assert 0.7 < blue_middle < 0.95 < blue_high + 0.03
    red_green_middle, red_green_high = np.percentile(figures, (50, 90), axis=0)[:, 2]
    assert 0.5 < red_green_middle < 0.9
    assert red_green_high > 0.85


def test_noise_grows_with_iso() -> None:
    pixels = flat(0.4, 64)
    levels = [
        np.median([noise_of(a_shot(iso, pixels, seed), pixels).std() for seed in range(15)])
        for iso in (100, 800, 6400, 25600)
    ]
    assert levels == sorted(levels)
    assert levels[0] < 1.5
    assert 2 * levels[1] < levels[-1]


# ---- the noise and its text ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["camera:iso=3200", "camera:iso=100-12800", "camera:iso=800,raw=1", "camera:iso=100-800,raw=0.25"]
)
def test_the_text_form_is_the_noise(text: str) -> None:
    noise = parse_noise(text)
    assert isinstance(noise, Camera)
    assert str(noise) == text


@settings(max_examples=50)
@given(st.tuples(st.floats(50, 204800), st.floats(50, 204800)).map(lambda pair: (min(pair), max(pair))))
def test_any_range_of_iso_reads_back_the_same_and_is_drawn_within(iso: tuple[float, float]) -> None:
    noise = Camera(iso)
    assert parse_noise(str(noise)) == noise
    drawn = noise.draw(NumpyRandom(0), flat(0, 1)).iso
    assert iso[0] * 0.999 <= drawn <= iso[1] * 1.001


def test_iso_is_drawn_uniformly_in_stops() -> None:
    random, noise = NumpyRandom(0), Camera((100, 25600))
    stops = [np.log2(noise.draw(random, flat(0, 1)).iso / 100) for _ in range(400)]
    assert np.mean(stops) == pytest.approx(4, abs=0.4)
    assert np.std(stops) == pytest.approx(8 / 12**0.5, rel=0.1)


@pytest.mark.parametrize(
    "values", ["", "x", "iso=", "iso=nan", "iso=10", "iso=3200-100", "iso=1e9", "gain=3", "1,2", "800,raw=2"]
)
def test_what_cannot_be_an_iso_is_refused_with_what_can(values: str) -> None:
    with pytest.raises(
        UsageError, match="camera:iso=ISO or camera:iso=ISO,raw=RAW with ISO from 50 to 204800"
    ):
        parse_noise(f"camera:{values}")


def test_an_unknown_noise_is_refused_with_the_camera_among_the_known() -> None:
    with pytest.raises(UsageError, match="jpeg, camera"):
        parse_noise("grain:3")


@pytest.mark.parametrize("shape", [(17, 23, 1), (17, 23, 3), (1, 1, 3), (17, 23), (64, 8, 3)])
@pytest.mark.parametrize("seed", range(4))
def test_shape_and_dtype_stay_and_the_image_is_not_touched(shape: tuple[int, ...], seed: int) -> None:
    clean = np.random.default_rng(1).random(shape, dtype=np.float32)
    before = clean.copy()
    noisy = Camera(6400).apply(clean, NumpyRandom(seed))
    assert noisy.shape == shape
    assert noisy.dtype == np.float32
    assert 0 <= noisy.min() <= noisy.max() <= 1
    np.testing.assert_allclose(noisy, to_8bit(noisy), atol=1e-6)
    np.testing.assert_array_equal(clean, before)


def test_the_same_seed_gives_the_same_noise_and_another_seed_another() -> None:
    clean = photo()[:64, :64]
    noise: Noise = Camera((800, 6400))
    first, again, other = (noise.apply(clean, NumpyRandom(seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_grey_image_gets_grey_noise_of_the_level_of_luma() -> None:
    grey, colour = flat(0.5)[..., :1], flat(0.5)
    shot = a_shot(3200, colour, quality=100)
    (noisy, target), (in_colour, _) = (shoot(each, shot, NumpyRandom(0)) for each in (grey, colour))
    assert noisy.shape == grey.shape
    assert float(target.mean()) == pytest.approx(0.5, abs=0.003)
    assert noisy.std() == pytest.approx((in_colour @ YCBCR[0]).std(), rel=0.1)


def in_torch(shot: Shot) -> Shot:
    settings: dict[str, Any] = dict(vars(shot))
    arrays = {name: torch.from_numpy(x) for name, x in settings.items() if isinstance(x, np.ndarray)}
    row, column = map(torch.from_numpy, shot.phase)
    return Shot(**{**settings, **arrays, "phase": (row, column)})


def test_torch_takes_the_same_images_as_numpy() -> None:
    """With the sensor's noise turned off, nothing is random once the shot is drawn."""
    clean = photo()[100:171, 100:190]
    tensor = torch.from_numpy(clean).movedim(-1, 0)[None]
    for scale, subsampling in ((1.0, (2, 2)), (1.3, (1, 2)), (0.8, (1, 1))):
        shot = a_shot(3200, clean, quality=100.0, sharpening=0.5, scale=scale, subsampling=subsampling)
        shot = replace(shot, slope=0.0, read=0.0, row=0.0, lift=1.2, stacked=0.5, lossless=0.5)
        theirs = shoot(tensor, in_torch(shot), TorchRandom(torch.Generator()))
        for ours, other in zip(shoot(clean, shot, NumpyRandom(0)), theirs, strict=True):
            difference = np.abs(ours - other[0].movedim(0, -1).numpy()) * 255
            assert difference.mean() < 0.2  # a float's last digit may turn a rounding
            assert difference.max() < 6


def test_each_image_of_a_batch_is_taken_by_its_own_camera() -> None:
    batch = torch.full((6, 3, 64, 64), 0.4)
    generator = torch.Generator().manual_seed(0)
    noisy = Camera((100, 12800)).apply(batch, TorchRandom(generator))
    assert noisy.shape == batch.shape
    levels = noisy.std(dim=(1, 2, 3))
    assert len(set(levels.tolist())) == 6
    assert levels.max() > 2 * levels.min()
