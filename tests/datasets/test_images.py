"""A folder of images as a data set."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from pellucid.datasets.dataset import Dataset
from pellucid.datasets.images import folder_dataset
from pellucid.errors import InputError, UsageError
from pellucid.io.files import write_image
from pellucid.io.image import Image

Save = Callable[[str, NDArray[Any]], Path]


def plain(value: int, height: int = 12, width: int = 12) -> NDArray[np.uint8]:
    """An image of one grey value."""
    return np.full((height, width, 3), value, np.uint8)


def values(images: NDArray[np.uint8]) -> list[int]:
    """Which `plain` images these are."""
    assert (images == images[:, :1, :1, :1]).all()
    return sorted(images[:, 0, 0, 0].tolist())


def load(folder: Path, **options: Any) -> Dataset:
    return folder_dataset(folder, **{"size": 8, "channels": 3, **options})


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write an image below the test's folder `set`."""

    def write(name: str, samples: NDArray[Any]) -> Path:
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, Image(samples=np.ascontiguousarray(samples)))
        return path

    return write


@pytest.fixture
def twenty(save: Save, tmp_path: Path) -> Path:
    """A folder with sub-folders of twenty different images."""
    for value in range(20):
        save(f"{value % 3}/{value}.png", plain(10 * value))
    return tmp_path / "set"


# ---- images ------------------------------------------------------------------------------------


def test_any_format_and_size_becomes_one_array_of_squares(save: Save, tmp_path: Path) -> None:
    photo = data.astronaut()
    for name, samples in {
        "a.png": photo[:97, :64],
        "b.jpg": photo[:64, :201],
        "c.tif": photo[:40, :40].astype(np.uint16) * 257,
        "d.webp": photo[:5, :300],
        "e.png": photo[:33, :33, :1],
        "f.tif": photo[:50, :60] / np.float32(255),
    }.items():
        save(name, samples)
    for channels in (1, 3):
        found = load(tmp_path / "set", size=32, channels=channels, validation=0, test=0.2)
        assert found.train.shape == (5, 32, 32, channels)
        assert found.test.shape == (1, 32, 32, channels)
        assert found.validation.shape == (0, 32, 32, channels)
        assert {part.dtype for part in (found.train, found.test, found.validation)} == {np.dtype(np.uint8)}
        assert found.train_labels is found.validation_labels is found.test_labels is None


def test_a_crop_is_the_square_in_the_middle_shrunk_with_antialiasing(save: Save, tmp_path: Path) -> None:
    wide = np.zeros((16, 48, 3), np.uint8)
    wide[:, 16:32] = np.tile(np.array([0, 255], np.uint8), 8)[:, None]  # stripes that shrinking turns to grey
    save("wide.png", wide)
    save("high.png", wide.swapaxes(0, 1) // 2)
    found = load(tmp_path / "set", size=4, validation=0, test=0)
    bright, dark = sorted(found.train.mean(axis=(1, 2, 3)), reverse=True)
    assert bright == pytest.approx(127.5, abs=3)
    assert dark == pytest.approx(63.5, abs=3)


def test_a_resized_image_keeps_its_edges_and_gives_up_its_proportions(save: Save, tmp_path: Path) -> None:
    wide = np.zeros((16, 48, 3), np.uint8)
    wide[:, 24:] = 200
    save("wide.png", wide)
    (square,) = load(tmp_path / "set", fit="resize", validation=0, test=0).train
    assert square[:, :3].max() <= 1
    assert square[:, 5:].min() >= 199


def test_a_image_of_the_asked_size_is_not_changed_and_a_smaller_one_is_enlarged(
    save: Save, tmp_path: Path
) -> None:
    photo = data.cat()[100:108, 200:208]
    save("photo.png", photo)
    for fit in ("crop", "resize"):
        (same,) = load(tmp_path / "set", fit=fit, validation=0, test=0).train
        np.testing.assert_array_equal(same, photo)
    (larger,) = load(tmp_path / "set", size=16, validation=0, test=0).train
    np.testing.assert_allclose(larger.mean(axis=(0, 1)), photo.mean(axis=(0, 1)), atol=3)


# ---- the split -----------------------------------------------------------------------------------


def test_each_image_is_in_one_part_of_the_asked_size(twenty: Path) -> None:
    found = load(twenty, validation=0.2, test=0.1)
    assert [len(found.train), len(found.validation), len(found.test)] == [14, 4, 2]
    together = [*values(found.train), *values(found.validation), *values(found.test)]
    assert sorted(together) == [10 * value for value in range(20)]
    assert found.name == "set"
    assert found.note == "20 images of 8 x 8 pixels: 14 to train, 4 to validate, 2 to test"


def test_the_split_depends_on_content_and_seed_and_not_on_names_and_sizes(twenty: Path) -> None:
    first = load(twenty)
    for number, path in enumerate(sorted(twenty.rglob("*.png"), key=lambda path: path.name)):
        path.rename(twenty / f"{(7 * number) % 20}.png")
    renamed, smaller = load(twenty), load(twenty, size=4, channels=1)
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(first, part), getattr(renamed, part))
        assert values(getattr(first, part)) == values(getattr(smaller, part))
    assert {tuple(values(load(twenty, seed=seed).test)) for seed in range(5)} != {tuple(values(first.test))}


def test_a_small_share_still_gets_a_image_and_a_share_of_0_gets_none(save: Save, tmp_path: Path) -> None:
    for value in (1, 2, 3):
        save(f"{value}.png", plain(value))
    found = load(tmp_path / "set", validation=0.01, test=0.01)
    assert [len(found.train), len(found.validation), len(found.test)] == [1, 1, 1]
    found = load(tmp_path / "set", validation=0, test=0)
    assert [len(found.train), len(found.validation), len(found.test)] == [3, 0, 0]


@pytest.mark.parametrize("seed", range(6))
def test_identical_images_stay_together_and_are_reported(
    save: Save, tmp_path: Path, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    for value in range(6):
        save(f"{value}.png", plain(value))
        save(f"copies/{value}.tif", plain(value, 24, 24))  # another file, the same image at this size
    found = load(tmp_path / "set", validation=0.3, test=0.3, seed=seed)
    parts = [values(part) for part in (found.train, found.validation, found.test)]
    assert [len(part) for part in parts] == [4, 4, 4]
    assert all(part[::2] == part[1::2] for part in parts)
    words = "6 of them are copies of others and in the same part as those"
    assert words in found.note
    assert words in caplog.text
    assert "is a copy of" in caplog.text


def test_what_cannot_be_read_is_left_out_with_a_warning(
    twenty: Path, save: Save, caplog: pytest.LogCaptureFixture
) -> None:
    (twenty / "broken.png").write_bytes((twenty / "1" / "1.png").read_bytes()[:50])
    (twenty / "text.jpg").write_text("no image")
    save("nan.tif", np.full((9, 9, 3), np.nan, np.float32))
    with caplog.at_level(logging.WARNING, "pellucid"):
        found = load(twenty)
    assert len(found.train) + len(found.validation) + len(found.test) == 20
    assert found.note.endswith("; 3 more cannot be read")
    for name in ("broken.png", "text.jpg", "nan.tif"):
        assert any(line.startswith("Left out: ") and name in line for line in caplog.messages)


# ---- refusals ------------------------------------------------------------------------------------


def test_too_few_different_images_are_refused(save: Save, tmp_path: Path) -> None:
    for name in "abc":
        save(f"{name}.png", plain(7))
    with pytest.raises(InputError, match=r"set has only 1 different images.*Add images"):
        load(tmp_path / "set", validation=0)


def test_a_folder_of_broken_files_only_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(InputError, match="has only 0 different images that can be read"):
        load(tmp_path, validation=0, test=0)


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no folder .*missing"):
        load(tmp_path / "missing")


@pytest.mark.parametrize("option", [{"size": 0}, {"channels": 2}, {"fit": "squeeze"}])
def test_an_option_that_cannot_be_is_refused_before_anything_is_read(
    tmp_path: Path, option: dict[str, Any]
) -> None:
    with pytest.raises(
        UsageError, match="Ask for 1 pixel or more, 1 or 3 channels, 'crop', 'resize' or 'cut'"
    ):
        load(tmp_path / "missing", **option)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.1), (0.1, -0.1), (0, 1), (float("nan"), 0.1)])
def test_shares_that_leave_nothing_to_train_are_refused(tmp_path: Path, shares: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="Give shares from 0 that leave something to train"):
        load(tmp_path / "missing", validation=shares[0], test=shares[1])


# ---- squares at the image's own resolution -------------------------------------------------------


def test_cutting_keeps_the_resolution_and_takes_the_middle(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (20, 30, 3), np.uint8) for _ in range(4)]
    for number, image in enumerate(images):
        write_image(tmp_path / f"{number}.png", Image(samples=image))
    found = load(tmp_path, fit="cut", validation=0, test=0)
    middles = {image[6:14, 11:19].tobytes() for image in images}
    assert {each.tobytes() for each in found.train} == middles


def test_each_training_image_gives_several_random_squares_and_the_others_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(10):
        samples = rng.integers(0, 256, (20, 30, 3), np.uint8)
        write_image(tmp_path / f"{number}.png", Image(samples=samples))
    one, other = (load(tmp_path, fit="cut", crops=5, seed=seed) for seed in (1, 1))
    assert (len(one.train), len(one.validation), len(one.test)) == (40, 1, 1)
    assert len({each.tobytes() for each in one.train}) > 30
    assert "5 random squares from each training image" in one.note
    np.testing.assert_array_equal(one.train, other.train)


def test_an_image_that_is_smaller_than_a_square_is_enlarged(tmp_path: Path) -> None:
    write_image(tmp_path / "flat.png", Image(samples=plain(90, 4, 20)))
    found = load(tmp_path, fit="cut", crops=3, validation=0, test=0)
    assert found.train.shape == (3, 8, 8, 3)
    assert (found.train == 90).all()
