import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.io.files import read_image, write_image
from pellucid.io.image import Encoding, Image, Metadata, from_float, to_float


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_integer_sample_survives_the_way_to_float_and_back(dtype: type) -> None:
    samples: NDArray[Any] = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
    pixels = to_float(samples)
    assert pixels.dtype == np.float32
    assert (pixels.min(), pixels.max()) == (0.0, 1.0)
    assert np.array_equal(from_float(pixels, dtype), samples)


@given(st.floats(-3, 3, width=32), st.sampled_from(["uint8", "uint16"]))
def test_pixels_outside_the_range_are_clipped_and_others_rounded_to_the_nearest(
    value: float, name: str
) -> None:
    largest = np.iinfo(name).max
    sample = from_float(np.array([value], np.float64), name)[0]
    assert abs(float(sample) - min(max(value, 0), 1) * largest) <= 0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_neither_scaled_nor_clipped(dtype: type) -> None:
    values: NDArray[Any] = np.array([-2.5, 0.0, 7.25], dtype)
    assert to_float(values).tolist() == values.tolist()
    back = from_float(to_float(values), dtype)
    assert back.dtype == dtype
    assert back.tolist() == values.tolist()


def test_float32_samples_are_not_copied() -> None:
    values = np.zeros((2, 2, 1), np.float32)
    assert to_float(values) is values


@pytest.mark.parametrize("dtype", [np.int16, np.uint32, np.complex64, np.bool_])
def test_other_types_are_refused_with_the_list_of_what_is_possible(dtype: type) -> None:
    with pytest.raises(UsageError, match="uint8, uint16, float32, float64"):
        to_float(np.zeros(3, dtype))
    with pytest.raises(UsageError, match=np.dtype(dtype).name):
        from_float(np.zeros(3, np.float32), dtype)


def test_an_image_gives_its_pixels_as_float_and_takes_other_samples() -> None:
    image = Image(
        samples=np.full((2, 3, 1), 255, np.uint8),
        encoding=Encoding(quality=80),
        metadata=Metadata(icc=b"icc"),
    )
    assert image.pixels.tolist() == [[[1.0]] * 3] * 2
    other = image.with_samples(np.zeros((2, 3, 1), np.uint8))
    assert other.samples.max() == 0
    assert (other.metadata.icc, other.encoding.quality) == (b"icc", 80)
    assert image.samples.max() == 255


@pytest.mark.parametrize(("dtype", "depth"), [(np.uint8, 8), (np.uint16, 16), (np.float32, 32)])
def test_the_depth_is_that_of_the_samples(dtype: type, depth: int) -> None:
    assert Image(samples=np.zeros((1, 1, 3), dtype)).depth == depth


def test_ten_and_twelve_bits_are_a_depth_of_their_own_but_one_bit_is_held_by_eight() -> None:
    assert Image(samples=np.zeros((1, 1, 3), np.uint16), encoding=Encoding(bits=10)).depth == 10
    assert Image(samples=np.zeros((1, 1, 1), np.uint8), encoding=Encoding(bits=1)).depth == 8


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 2), (4, 4, 4), (0, 4, 3), (4, 0, 1), (1, 4, 4, 3)])
def test_samples_of_a_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="samples of shape"):
        Image(samples=np.zeros(shape, np.uint8))


def test_samples_in_the_other_byte_order_become_those_of_the_machine(tmp_path: Path) -> None:
    samples = np.arange(24, dtype=np.uint16).reshape(4, 6, 1) * 1000
    swapped, native = samples.astype(samples.dtype.newbyteorder("S")), Image(samples=samples)
    for image in (native.with_samples(swapped), Image(samples=swapped, alpha=swapped[..., 0])):
        write_image(tmp_path / "swapped.png", image, overwrite=True)
        back = read_image(tmp_path / "swapped.png")
        np.testing.assert_array_equal(back.samples, samples)
        assert back.alpha is None or np.array_equal(back.alpha, samples[..., 0])
    assert back.alpha is not None


def test_samples_that_are_no_array_are_refused() -> None:
    with pytest.raises(UsageError, match=r"Samples cannot be NoneType.*NumPy array"):
        Image(samples=np.zeros((4, 4, 1), np.uint8)).with_samples(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("alpha", [np.zeros((4, 5), np.uint8), np.zeros((4, 4), np.uint16)])
def test_alpha_that_does_not_fit_the_samples_is_refused(alpha: NDArray[Any]) -> None:
    with pytest.raises(UsageError, match="does not fit the samples"):
        Image(samples=np.zeros((4, 4, 3), np.uint8), alpha=alpha)


@pytest.mark.parametrize("bits", [10, 12])
def test_white_of_ten_and_twelve_bits_is_one(bits: int, tmp_path: Path) -> None:
    white = np.full((4, 4, 3), 65535, np.uint16)
    write_image(tmp_path / "white.avif", Image(samples=white, encoding=Encoding(bits=bits)))
    assert np.array_equal(read_image(tmp_path / "white.avif").pixels, np.ones((4, 4, 3)))


def test_samples_of_another_dtype_have_all_its_bits() -> None:
    image = Image(samples=np.zeros((4, 4, 3), np.uint16), encoding=Encoding(bits=10))
    assert image.with_samples(np.ones((4, 4, 3), np.uint16)).encoding.bits == 10
    assert image.with_samples(np.ones((4, 4, 3), ">u2")).encoding.bits == 10
    for dtype in (np.uint8, np.float32):
        assert image.with_samples(np.ones((4, 4, 3), dtype)).encoding.bits is None


@pytest.mark.parametrize("bits", [10, 3])
def test_bits_that_do_not_fit_the_samples_are_refused(bits: int) -> None:
    with pytest.raises(UsageError, match="not stretched"):
        Image(samples=np.zeros((4, 4, 3), np.uint8), encoding=Encoding(bits=bits))


@pytest.mark.parametrize("quality", [0, 101, "95"])
def test_a_quality_that_libjpeg_does_not_know_is_refused(quality: Any) -> None:
    with pytest.raises(UsageError, match="quality"):
        Encoding(quality=quality)


@pytest.mark.parametrize(
    "resolution",
    [(math.nan, 1.0), (-1.0, 1.0), (math.inf, 1.0), (1e7, 1e7), (1.0,), 5.0, ("a", "b")],
    ids=str,
)
def test_a_resolution_that_no_image_has_is_refused(resolution: Any) -> None:
    with pytest.raises(UsageError, match="resolution"):
        Metadata(resolution=resolution)


def test_axes_name_the_dimensions_of_an_image() -> None:
    assert Image(samples=np.zeros((2, 3, 1), np.uint8)).axes == "YX"
    assert Image(samples=np.zeros((2, 3, 3), np.uint8)).axes == "YXS"


def test_extra_channels_that_do_not_fit_the_samples_are_refused() -> None:
    with pytest.raises(UsageError, match="Extra channels"):
        Image(samples=np.zeros((4, 4, 3), np.uint8), extra_channels=np.zeros((4, 4), np.uint8))


def test_an_image_names_itself_in_a_line_whatever_it_carries() -> None:
    samples, metadata = np.zeros((3, 4, 3), np.uint8), Metadata(exif=bytes(60_000))
    image = Image(samples=samples, alpha=samples[..., 0], metadata=metadata, encoding=Encoding(format="png"))
    assert repr(image) == "<Image 4 x 3, colour, uint8, alpha, png>"
