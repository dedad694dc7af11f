"""The images of an evaluation, and the noise that is added to them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from pellucid.datasets.dataset import Dataset
from pellucid.errors import InputError, UsageError
from pellucid.evaluation.images import Corruption, ImageSet, first, load_set, read_corruption
from pellucid.io.files import write_image
from pellucid.io.image import Image, to_float
from pellucid.noise.base import NumpyRandom
from pellucid.noise.registry import parse_noise


def save(path: Path, samples: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, Image(samples=np.ascontiguousarray(samples)))


def test_a_dataset_is_tested_on_its_test_images_and_chosen_on_its_validation_images() -> None:
    parts = np.arange(3 * 2 * 4 * 4, dtype=np.uint8).reshape(3, 2, 4, 4, 1)
    dataset = Dataset(name="few", train=parts[0], validation=parts[1], test=parts[2], note="all")
    found = ImageSet.of(dataset)
    assert (found.name, found.note, found.channels) == ("few", "all", 1)
    np.testing.assert_array_equal(found.validation, parts[1])
    np.testing.assert_array_equal(found.test, parts[2])
    assert len(found.first(1).test) == 1
    assert len(found.first(1).validation) == 2


def test_a_folder_keeps_the_size_of_each_image_and_is_grey_when_all_files_are(tmp_path: Path) -> None:
    save(tmp_path / "a.png", data.camera()[:20, :30, None])
    save(tmp_path / "deeper" / "b.png", data.camera()[:11, :12, None])
    found = load_set(str(tmp_path))
    assert [each.shape for each in found.test] == [(20, 30, 1), (11, 12, 1)]
    assert {each.shape for each in found.validation} == {(128, 128, 1)}


def test_a_folder_with_a_colour_file_is_colour_unless_grey_is_asked_for(tmp_path: Path) -> None:
    save(tmp_path / "data" / "photos" / "a.png", data.camera()[:20, :30, None])
    save(tmp_path / "data" / "photos" / "b.png", data.cat()[:20, :30])
    for grey, channels in ((False, 3), (True, 1)):
        found = load_set("photos", data_dir=tmp_path / "data", grey=grey)
        assert {each.shape[2] for each in [*found.test, *found.validation]} == {channels}


def test_a_set_that_is_not_there_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"toasters.*mnist, fashion-mnist, cifar10, small-digits, or a folder"
    ):
        load_set("toasters", data_dir=tmp_path)
    with pytest.raises(InputError, match="contains no images"):
        load_set(str(tmp_path))


@pytest.mark.parametrize(
    ("most", "pixels", "count"), [(None, 10**9, 12), (3, 10**9, 3), (9, 600, 2), (9, 1, 1)]
)
def test_the_first_images_are_limited_by_number_and_by_pixels(
    most: int | None, pixels: int, count: int, images: ImageSet
) -> None:
    assert len(first(images.test, most, pixels)) == count  # of 16 x 16 pixels


def test_noise_is_that_of_one_source_for_all_images_in_order(images: ImageSet) -> None:
    clean, noisy = next(Corruption(parse_noise("gaussian:0.5"), seed=3, clip=False).batches(images.test))
    np.testing.assert_array_equal(clean, to_float(np.stack(images.test)))
    np.testing.assert_array_equal(noisy, parse_noise("gaussian:0.5").apply(clean, NumpyRandom(3)))


@pytest.mark.parametrize("text", ["uniform:0.3", "poisson:20", "jpeg:30", "camera:iso=3200"])
def test_the_first_images_have_the_same_noise_whichever_follow(text: str, images: ImageSet) -> None:
    noise = read_corruption(text)
    all_noisy, few_noisy = (next(noise.batches(images.test[:count]))[1] for count in (12, 3))
    np.testing.assert_array_equal(all_noisy[:3], few_noisy)


def test_noisy_images_are_clipped_and_not_rounded(images: ImageSet) -> None:
    ((_, noisy),) = read_corruption("gaussian:0.5").batches(images.test)
    assert (noisy.min(), noisy.max()) == (0, 1)
    assert not np.isin(noisy, to_float(np.arange(256, dtype=np.uint8))).all()
    ((_, unclipped),) = read_corruption("gaussian:0.5", clip=False).batches(images.test)
    assert unclipped.min() < 0
    np.testing.assert_array_equal(unclipped.clip(0, 1), noisy)


def test_batches_hold_images_of_one_shape_in_the_order_of_the_set() -> None:
    shapes = [(4, 4, 1)] * 300 + [(4, 6, 1), (4, 4, 1)]
    every = [np.full(shape, number % 256, np.uint8) for number, shape in enumerate(shapes)]
    batches = [clean for clean, _ in read_corruption("gaussian:0").batches(every)]
    assert [len(batch) for batch in batches] == [256, 44, 1, 1]
    values = [round(255 * float(image[0, 0, 0])) for batch in batches for image in batch]
    assert values == [number % 256 for number in range(302)]


def test_only_gaussian_noise_has_a_level_that_can_be_given() -> None:
    assert read_corruption("gaussian:51").sigma == 0.2
    assert read_corruption("uniform:0.11").sigma is None


@pytest.mark.parametrize("text", ["gaussian:0-50", "poisson-gaussian:30-60,5", "camera:iso=100-3200"])
def test_a_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"'{text}' is a range"):
        read_corruption(text)
