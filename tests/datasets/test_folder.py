"""Clean crops from a folder of images."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.datasets.folder import crop_pool, image_files, read_samples, recolour
from pellucid.errors import InputError, UsageError
from pellucid.io.files import write_image
from pellucid.io.image import Image


def numbered() -> NDArray[np.uint8]:
    """A grey image (16, 16, 1) each of whose pixels has its own value."""
    return np.arange(256, dtype=np.uint8).reshape(16, 16, 1)


def save(path: Path, samples: NDArray[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, Image(samples=np.ascontiguousarray(samples)))
    return path


@pytest.fixture
def photo_file(photo: NDArray[np.uint8], tmp_path: Path) -> Path:
    return save(tmp_path / "photo.png", photo)


# ---- files ---------------------------------------------------------------------------------------


def test_images_are_found_in_all_folders_and_below_in_order(tmp_path: Path) -> None:
    names = ["b/2.png", "b/deep/er/1.tif", "b/3.PNG", "a/9.webp"]
    for name in names:
        save(tmp_path / name, numbered())
    (tmp_path / "b" / "notes.txt").write_text("no image")
    found = image_files([tmp_path / "b", tmp_path / "a"])
    assert found == [*sorted(found[:3]), tmp_path / "a/9.webp"]
    assert set(found) == {tmp_path / name for name in names}


def test_hidden_files_and_folders_named_like_images_are_no_images(tmp_path: Path) -> None:
    for name in ("a.png", "._a.png"):  # the second as some systems leave it beside each file
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "b.png").mkdir()
    (tmp_path / ".thumbnails").mkdir()
    (tmp_path / ".thumbnails/a.png").write_bytes(b"")
    assert image_files([tmp_path]) == [tmp_path / "a.png"]


def test_a_folder_that_is_empty_or_missing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no image")
    with pytest.raises(InputError, match=r"empty contains no images.*\.png"):
        image_files([tmp_path / "empty"])
    with pytest.raises(InputError, match=r"There is no folder .*missing"):
        image_files([tmp_path / "missing"])


# ---- samples -------------------------------------------------------------------------------------


def test_colour_is_read_as_it_is_and_made_grey_by_luma(photo_file: Path, photo: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(read_samples(photo_file, 3), photo)
    luma = photo @ [0.299, 0.587, 0.114]
    grey = read_samples(photo_file, 1)
    assert (grey.shape, grey.dtype) == ((*photo.shape[:2], 1), np.dtype(np.uint8))
    assert np.abs(grey[..., 0] - luma).max() <= 0.501


def test_grey_is_read_as_it_is_and_repeated_for_colour(tmp_path: Path) -> None:
    path = save(tmp_path / "grey.png", numbered())
    np.testing.assert_array_equal(read_samples(path, 1), numbered())
    np.testing.assert_array_equal(read_samples(path, 3), np.repeat(numbered(), 3, 2))


def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    path = save(tmp_path / "deep.png", np.array([[0, 128, 129, 257, 65535]], np.uint16)[..., None])
    assert read_samples(path, 1).ravel().tolist() == [0, 0, 1, 1, 255]


def test_floating_point_values_beyond_black_and_white_are_clipped(tmp_path: Path) -> None:
    path = save(tmp_path / "float.tif", np.array([[-0.1, 0, 0.5, 1, 3e5]], np.float32)[..., None])
    assert read_samples(path, 1).ravel().tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    path = save(tmp_path / "float.tif", np.full((2, 2, 1), value, np.float32))
    with pytest.raises(InputError, match=r"float\.tif has values that are infinite or not a number"):
        read_samples(path, 1)


# ---- crops ---------------------------------------------------------------------------------------


def test_an_unshrunk_crop_is_a_piece_of_the_image_itself(tmp_path: Path) -> None:
    path = save(tmp_path / "numbered.png", numbered())
    pool = crop_pool([path], channels=1, size=5, per_image=200, seed=3)
    assert (pool.shape, pool.dtype) == ((200, 1, 5, 5), np.dtype(np.uint8))
    corners = set()
    for crop in pool:
        row, column = divmod(int(crop[0, 0, 0]), 16)
        np.testing.assert_array_equal(crop[0], numbered()[row : row + 5, column : column + 5, 0])
        corners.add((row, column))
    assert {row for row, _ in corners} == {column for _, column in corners} == set(range(12))


def test_a_crop_may_be_the_whole_image(tmp_path: Path) -> None:
    path = save(tmp_path / "numbered.png", numbered())
    pool = crop_pool([path], channels=1, size=16, per_image=2, shrunk=1.0, scales=(0.5, 1.0))
    np.testing.assert_array_equal(pool[:, 0], [numbered()[..., 0]] * 2)


def test_the_same_seed_gives_the_same_crops_and_another_seed_others(photo_file: Path) -> None:
    def pool(seed: int) -> NDArray[np.uint8]:
        return crop_pool([photo_file], channels=3, size=32, per_image=20, shrunk=0.5, seed=seed)

    np.testing.assert_array_equal(pool(1), pool(1))
    assert not np.array_equal(pool(1), pool(2))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_the_named_share_of_the_crops_comes_from_shrunk_copies(share: float, tmp_path: Path) -> None:
    # Vertical stripes a pixel wide: in a shrunk copy, antialiasing turns them grey.
    stripes = np.tile(np.array([0, 255], np.uint8), (200, 100))[..., None]
    path = save(tmp_path / "stripes.png", stripes)
    pool = crop_pool([path], channels=1, size=16, per_image=1600, shrunk=share, scales=(0.6, 0.95))
    touched = np.mean([set(np.unique(crop)) != {0, 255} for crop in pool])
    assert touched == share if share in (0, 1) else abs(touched - share) < 0.12


@pytest.mark.parametrize("scales", [(0.25, 0.3), (0.5, 0.5), (0.9, 1.0)])
def test_the_scales_of_the_copies_are_those_that_were_asked_for(
    scales: tuple[float, float], tmp_path: Path
) -> None:
    # A ramp of one grey level a pixel becomes steeper when it is shrunk.
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))[..., None]
    path = save(tmp_path / "ramp.png", ramp)
    pool = crop_pool([path], channels=1, size=32, per_image=400, shrunk=1.0, scales=scales)
    inner = pool[:, 0, 16].astype(float)
    steepness = (inner[:, 31] - inner[:, 0]) / 31
    flat = (inner[:, 0] < 20) | (inner[:, 31] > 235)  # the filter is cut off at the borders
    found = 1 / steepness[~flat]
    assert scales[0] - 0.05 < found.min() <= found.max() < scales[1] + 0.05
    if scales[0] < scales[1]:
        assert np.ptp(found) > 0.6 * (scales[1] - scales[0])


def test_no_copy_is_too_small_for_a_crop(tmp_path: Path) -> None:
    path = save(tmp_path / "numbered.png", numbered())
    pool = crop_pool([path], channels=1, size=15, per_image=80, shrunk=1.0, scales=(0.1, 0.2))
    assert pool.shape == (80, 1, 15, 15)


def test_vivid_copies_have_other_and_stronger_colours(tmp_path: Path) -> None:
    path = save(tmp_path / "brown.png", np.full((64, 64, 3), (140, 120, 100), np.uint8))

    def colours(vivid: float) -> set[tuple[int, ...]]:
        pool = crop_pool([path], channels=3, size=8, per_image=800, shrunk=1.0, vivid=vivid)
        return {tuple(crop[:, 4, 4].tolist()) for crop in pool}  # one for each copy

    assert colours(0) == {(140, 120, 100)}
    found = np.array(sorted(colours(1)), float)
    np.testing.assert_allclose(found.mean(axis=1), 120, atol=0.5)  # as bright as before
    strength = found.std(axis=1) / np.std((140, 120, 100))
    assert 0.95 < strength.min() < 1.3
    assert 2.2 < strength.max() < 2.6
    assert (np.ptp(found, axis=0) > 60).all()  # every hue


@pytest.mark.parametrize(
    ("turn", "wanted"), [(0, (90, 60, 30)), (2 / 3, (30, 90, 60)), (1, (30, 60, 90)), (4 / 3, (60, 30, 90))]
)
def test_a_turned_hue_is_the_next_one_on_the_circle(turn: float, wanted: tuple[int, ...]) -> None:
    orange = np.full((1, 1, 3), (90, 60, 30), np.uint8)
    assert recolour(orange, turn=turn * np.pi, strength=1)[0, 0].tolist() == list(wanted)


def test_grey_stays_grey_whatever_is_done_to_the_colours() -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(16, 16, 3)
    np.testing.assert_array_equal(recolour(grey, turn=1.0, strength=2.5), grey)


def test_tilted_greys_are_colours_on_a_line_as_far_apart_as_before() -> None:
    grey = np.repeat(np.arange(90, 166, 5, dtype=np.uint8), 3).reshape(4, 4, 3)
    tilted = recolour(grey, turn=0.0, strength=1.0, tilt=np.pi / 3, towards=1.0).reshape(16, 3).astype(float)
    np.testing.assert_allclose(tilted.mean(0), 127.5, atol=0.5)
    steps = np.diff(tilted, axis=0)
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), 5 * np.sqrt(3), atol=1.5)
    brighter = steps.sum(1) / np.sqrt(3)  # along the old axis of greys
    assert brighter.mean() == pytest.approx(5 * np.sqrt(3) * np.cos(np.pi / 3), abs=0.2)


def test_crops_of_one_image_lie_together_in_the_order_of_the_files(tmp_path: Path) -> None:
    files = [save(tmp_path / f"{value}.png", np.full((9, 9, 3), value, np.uint8)) for value in (7, 3, 5)]
    pool = crop_pool(files, channels=3, size=8, per_image=11, shrunk=0.9)
    assert pool.shape == (33, 3, 8, 8)
    assert pool[:, 0, 0, 0].tolist() == [7] * 11 + [3] * 11 + [5] * 11


def test_a_image_that_is_too_small_is_left_out_with_a_warning(
    photo_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    small = save(tmp_path / "small.png", numbered())
    with caplog.at_level(logging.WARNING, "pellucid"):
        pool = crop_pool([small, photo_file], channels=1, size=17, per_image=4)
    assert len(pool) == 4
    assert "small.png is smaller than a crop of 17 pixels" in caplog.text


def test_when_all_are_too_small_it_is_an_error(tmp_path: Path) -> None:
    small = save(tmp_path / "small.png", numbered())
    with pytest.raises(UsageError, match=r"as large as a crop of 17 pixels.*smaller crop"):
        crop_pool([small], channels=1, size=17, per_image=4)
