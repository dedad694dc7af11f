"""The two shortest ways: an array, and a file."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pellucid
from pellucid.errors import InputError, LimitError, UsageError
from pellucid.inference.denoise import denoise, denoise_file
from pellucid.inference.model import Model
from pellucid.inference.registry import load_model
from pellucid.io.files import read_image, write_image
from pellucid.io.image import Image, Metadata
from pellucid.io.registry import default_output
from tests.tiny import colours

SIGMA = 25 / 255


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def photo_file(photo: NDArray[np.uint8], tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    alpha = np.arange(photo[..., 0].size, dtype=np.uint8).reshape(photo.shape[:2])
    write_image(
        path, Image(samples=photo, alpha=alpha, metadata=Metadata(resolution=(10.0, 20.0), xmp=b"<x/>"))
    )
    return path


# ---- arrays --------------------------------------------------------------------------------------


def test_a_name_a_file_and_a_loaded_model_do_the_same(grey_file: Path, grey_model: Model) -> None:
    pixels = colours(20, 30)[..., 0]
    expected = grey_model.denoise(pixels, sigma=SIGMA, strength=0.7).image
    for model in (grey_file, str(grey_file), grey_model):
        np.testing.assert_array_equal(denoise(pixels, model=model, sigma=SIGMA, strength=0.7), expected)


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 3), (20, 30, 4), (1, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_the_public_function_keeps_shape_and_dtype(shape: tuple[int, ...], dtype: str) -> None:
    pixels = np.ones(shape, dtype)
    denoised = pellucid.denoise(pixels, sigma=SIGMA)
    assert (denoised.shape, denoised.dtype) == (pixels.shape, pixels.dtype)


def test_what_cannot_be_a_model_is_refused() -> None:
    kinds: tuple[Any, ...] = (7, None, ["auto"])
    for kind in kinds:
        for use in (load_model, lambda model: denoise(np.zeros((8, 8)), model=model)):
            with pytest.raises(UsageError, match=f"A model cannot be {type(kind).__name__}"):
                use(kind)
    with pytest.raises(UsageError, match=r"no model 'nothing'.*gaussian-fast"):
        denoise(np.zeros((8, 8)), model="nothing")


def test_a_strength_of_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"strength is None.*from 0"):
        denoise(np.zeros((8, 8)), strength=None)  # type: ignore[call-overload]


# ---- files ---------------------------------------------------------------------------------------


def test_a_file_is_denoised_next_to_the_noisy_one_which_stays(photo_file: Path, model: Model) -> None:
    before, image = digest(photo_file), read_image(photo_file)
    result = denoise_file(photo_file, model=model, sigma=SIGMA)
    assert result.output == photo_file.with_name("photo-denoised.png")
    assert (result.source, result.sigma, result.changed) == (photo_file, SIGMA, True)
    assert (result.width, result.height) == (128, 96)
    back = read_image(result.output)
    assert image.alpha is not None
    whole = np.dstack([image.samples, image.alpha])
    np.testing.assert_array_equal(back.samples, denoise(whole, model=model, sigma=SIGMA)[..., :3])
    assert digest(photo_file) == before


def test_all_else_in_the_file_stays(photo_file: Path, model: Model) -> None:
    source = read_image(photo_file)
    output = read_image(denoise_file(photo_file, model=model, sigma=SIGMA).output)
    assert source.alpha is not None
    assert output.alpha is not None
    np.testing.assert_array_equal(output.alpha, source.alpha)
    assert output.metadata == source.metadata


@pytest.mark.parametrize(("dtype", "suffix"), [("uint16", ".png"), ("uint16", ".tif"), ("float32", ".tif")])
def test_the_bit_depth_stays(dtype: str, suffix: str, tmp_path: Path, model: Model) -> None:
    samples = np.zeros((20, 30, 1), dtype) + np.array(1, dtype)
    write_image(tmp_path / f"deep{suffix}", Image(samples=samples))
    output = read_image(denoise_file(tmp_path / f"deep{suffix}", model=model, sigma=SIGMA).output)
    assert output.samples.dtype == dtype


@pytest.mark.parametrize(("sigma", "strength"), [(SIGMA, 0.0), (0.0, 1.0)])
def test_a_image_that_is_left_unchanged_is_the_very_same_file(
    sigma: float, strength: float, photo_file: Path, model: Model
) -> None:
    result = denoise_file(photo_file, model=model, sigma=sigma, strength=strength)
    assert not result.changed
    assert digest(result.output) == digest(photo_file)


def test_a_image_that_is_left_unchanged_can_take_another_format(photo_file: Path, model: Model) -> None:
    result = denoise_file(photo_file, photo_file.with_suffix(".tif"), model=model, sigma=SIGMA, strength=0)
    assert not result.changed
    back = read_image(result.output)
    assert back.encoding.format == "tiff"
    np.testing.assert_array_equal(back.samples, read_image(photo_file).samples)


def test_paths_may_be_text(photo_file: Path, tmp_path: Path, model: Model) -> None:
    result = denoise_file(str(photo_file), str(tmp_path / "out.webp"), model=model, sigma=SIGMA)
    assert read_image(result.output).encoding.format == "webp"


def test_an_output_that_exists_is_replaced_only_when_asked(photo_file: Path, model: Model) -> None:
    output = photo_file.with_name("there.png")
    output.write_bytes(b"precious")
    with pytest.raises(UsageError, match=r"there\.png"):
        denoise_file(photo_file, output, model=model, sigma=SIGMA)
    assert output.read_bytes() == b"precious"
    denoise_file(photo_file, output, model=model, sigma=SIGMA, overwrite=True)
    assert read_image(output).samples.shape == (96, 128, 3)


@pytest.mark.parametrize("name", ["out.jpg", "out.txt", "out"])
def test_an_output_that_cannot_hold_the_image_is_refused_before_the_work(
    name: str, photo_file: Path, model: Model
) -> None:
    def never(done: int, total: int) -> None:
        pytest.fail("the image was denoised")

    output = photo_file.with_name(name)
    with pytest.raises(UsageError, match=r"PNG|\.png"):
        denoise_file(photo_file, output, model=model, sigma=SIGMA, progress=never)
    assert not output.exists()


def test_missing_and_too_large_images_are_refused_and_nothing_is_written(
    photo_file: Path, model: Model
) -> None:
    with pytest.raises(InputError, match=r"gone\.png"):
        denoise_file(photo_file.with_name("gone.png"), model=model, sigma=SIGMA)
    with pytest.raises(LimitError, match="pixels"):
        denoise_file(photo_file, model=model, sigma=SIGMA, max_pixels=1000)
    assert list(photo_file.parent.iterdir()) == [photo_file]


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("a/photo.jpg", "a/photo-denoised.jpg"),
        ("two.dots.TIF", "two.dots-denoised.TIF"),
        ("phone.HEIC", "phone-denoised.avif"),
    ],
)
def test_the_default_output_is_next_to_the_source(source: str, output: str) -> None:
    assert default_output(Path(source)) == Path(output)


def test_an_empty_path_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="is a folder or device"):
        denoise_file("")
