"""Whatever holds an image goes in, and the same kind of thing comes out."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow

import pellucid
from pellucid.errors import InputError, LimitError, UsageError
from pellucid.inference.model import Model
from pellucid.io.image import Encoding, from_float
from tests.images import Make
from tests.tiny import colours

SIGMA = 0.1

every_kind = pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])


def samples(*shape: int, dtype: str = "uint8") -> NDArray[Any]:
    return from_float(0.2 + 0.6 * np.random.default_rng(0).random(shape), dtype)


def encoded(suffix: str) -> bytes:
    """A file of a noisy image, written by Pillow."""
    stream = io.BytesIO()
    Pillow.fromarray(samples(20, 30, 3)).save(stream, Pillow.registered_extensions()[suffix])
    return stream.getvalue()


# ---- bytes and streams ---------------------------------------------------------------------------


@every_kind
def test_bytes_give_bytes_of_the_same_format(suffix: str, model: Model) -> None:
    data = encoded(suffix)
    made = pellucid.denoise(data, model=model, sigma=SIGMA)
    assert isinstance(made, bytes)
    before, after = (Pillow.open(io.BytesIO(each)) for each in (data, made))
    assert (after.format, after.size, after.mode) == (before.format, before.size, before.mode)
    assert made != data
    if suffix in (".png", ".tif"):
        expected = model.denoise(np.asarray(before), sigma=SIGMA).image
        np.testing.assert_array_equal(np.asarray(after), expected)


@pytest.mark.parametrize("kind", [bytearray, memoryview, io.BytesIO])
def test_other_bytes_and_streams_give_bytes(kind: Callable[[bytes], Any], model: Model) -> None:
    data = encoded(".png")
    made = pellucid.denoise(kind(data), model=model, sigma=SIGMA)
    assert made == pellucid.denoise(data, model=model, sigma=SIGMA)


def test_an_open_file_gives_bytes_and_is_not_written(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "noisy.png"
    path.write_bytes(encoded(".png"))
    with path.open("rb") as stream:
        made = pellucid.denoise(stream, model=model, sigma=SIGMA)
    assert made == pellucid.denoise(path.read_bytes(), model=model, sigma=SIGMA)
    assert path.read_bytes() == encoded(".png")
    assert list(tmp_path.iterdir()) == [path]


@every_kind
def test_bytes_without_noise_come_back_unchanged(suffix: str) -> None:
    data = encoded(suffix)
    assert pellucid.denoise(data, sigma=0) == data


def test_bytes_that_are_no_image_are_refused() -> None:
    with pytest.raises(InputError, match="not an image"):
        pellucid.denoise(b"Dear reader,")
    with pytest.raises(InputError, match="empty"):
        pellucid.denoise(b"")
    with pytest.raises(UsageError, match=r"gives str.*'rb'"):
        pellucid.denoise(io.StringIO("text"))  # type: ignore[call-overload]


def test_the_limit_of_pixels_holds_for_bytes() -> None:
    with pytest.raises(LimitError, match="pixels"):
        pellucid.denoise(encoded(".png"), max_pixels=100)


# ---- paths and images ----------------------------------------------------------------------------


def test_a_path_gives_an_image_and_writes_nothing(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "noisy.jpg"
    path.write_bytes(encoded(".jpg"))
    for name in (path, str(path)):
        made = pellucid.denoise(name, model=model, sigma=SIGMA)
        assert isinstance(made, pellucid.Image)
        assert made.encoding.format == "jpeg"
        image = pellucid.read_image(path)
        np.testing.assert_array_equal(made.samples, model.denoise(image.samples, sigma=SIGMA).image)
    assert list(tmp_path.iterdir()) == [path]


def test_an_image_keeps_alpha_metadata_and_encoding(model: Model) -> None:
    alpha = np.arange(600, dtype=np.uint8).reshape(20, 30)
    encoding = Encoding(format="tiff", compression="lzw")
    image = pellucid.Image(samples=samples(20, 30, 3), alpha=alpha, encoding=encoding)
    made = pellucid.denoise(image, model=model, sigma=SIGMA)
    assert made.encoding == image.encoding
    assert made.alpha is not None
    np.testing.assert_array_equal(made.alpha, alpha)
    whole = np.dstack([image.samples, alpha])
    np.testing.assert_array_equal(made.samples, model.denoise(whole, sigma=SIGMA).image[..., :3])


@pytest.mark.parametrize("how", ["keep", "denoise"])
def test_extra_channels_are_kept_or_denoised(how: Any, model: Model) -> None:
    extra = samples(20, 30, 2)
    image = pellucid.Image(samples=samples(20, 30, 3), extra_channels=extra)
    made = pellucid.denoise(image, model=model, sigma=SIGMA, extra_channels=how)
    assert made.extra_channels is not None
    for channel in range(2):
        expected = model.denoise(extra[..., channel], sigma=SIGMA).image
        np.testing.assert_array_equal(
            made.extra_channels[..., channel], extra[..., channel] if how == "keep" else expected
        )


# ---- Pillow --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "shape", "dtype"),
    [
        ("L", (20, 30), "uint8"),
        ("LA", (20, 30, 2), "uint8"),
        ("RGB", (20, 30, 3), "uint8"),
        ("RGBA", (20, 30, 4), "uint8"),
        ("I;16", (20, 30), "uint16"),
        ("F", (20, 30), "float32"),
    ],
)
def test_an_image_of_pillow_gives_one_of_the_same_mode(
    mode: str, shape: tuple[int, ...], dtype: str, model: Model
) -> None:
    given = Pillow.fromarray(samples(*shape, dtype=dtype))
    given.info["icc_profile"] = b"a profile"
    assert given.mode == mode
    made = pellucid.denoise(given, model=model, sigma=SIGMA)
    assert isinstance(made, Pillow.Image)
    assert (made.mode, made.size, made.info) == (mode, given.size, given.info)
    before, after = np.asarray(given), np.asarray(made)
    assert not np.array_equal(before, after)
    if mode in ("LA", "RGBA"):
        np.testing.assert_array_equal(after[..., -1], before[..., -1])


@pytest.mark.parametrize(("mode", "expected"), [("L", "LA"), ("RGB", "RGBA"), ("P", "RGBA")])
def test_a_transparent_colour_of_pillow_becomes_alpha(mode: str, expected: str, model: Model) -> None:
    given = Pillow.fromarray(samples(20, 30, 3)).convert(mode)
    given.info["transparency"] = given.getpixel((4, 5))
    made = pellucid.denoise(given, model=model, sigma=SIGMA)
    assert (made.mode, made.info) == (expected, {})
    np.testing.assert_array_equal(made.getchannel("A"), given.convert("RGBA").getchannel("A"))
    assert made.getchannel("A").getpixel((4, 5)) == 0


def test_sixteen_bits_of_pillow_in_either_byte_order_are_denoised(model: Model) -> None:
    pixels = samples(20, 30, dtype="uint16")
    given = Pillow.frombytes("I;16B", (30, 20), pixels.astype(">u2").tobytes())
    made = np.asarray(pellucid.denoise(given, model=model, sigma=SIGMA))
    np.testing.assert_array_equal(made, pellucid.denoise(pixels, model=model, sigma=SIGMA))


@pytest.mark.parametrize("wrong", [torch.zeros(8, 8, requires_grad=True), torch.zeros(8, 8).bfloat16()])
def test_a_tensor_that_gives_no_array_is_refused_in_words(wrong: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="This Tensor gives no NumPy array"):
        pellucid.denoise(wrong)


def test_a_palette_becomes_colours_and_other_modes_are_refused(model: Model) -> None:
    palette = Pillow.fromarray(samples(20, 30, 3)).convert("P")
    assert pellucid.denoise(palette, model=model, sigma=SIGMA).mode == "RGB"
    assert pellucid.denoise(palette, model=model, sigma=0).mode == "P"
    with pytest.raises(UsageError, match=r"mode CMYK.*convert"):
        pellucid.denoise(palette.convert("CMYK"), model=model)


# ---- arrays --------------------------------------------------------------------------------------


def test_what_numpy_can_make_an_array_of_gives_an_array(model: Model) -> None:
    pixels = colours(20, 30)
    made = pellucid.denoise(torch.from_numpy(pixels), model=model, sigma=SIGMA)
    np.testing.assert_array_equal(made, model.denoise(pixels, sigma=SIGMA).image)


@pytest.mark.parametrize("what", [None, 3, [[0.5]], {"a": 1}])
def test_what_is_no_image_is_refused(what: Any) -> None:
    with pytest.raises(UsageError, match=f"got {type(what).__name__}"):
        pellucid.denoise(what)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ("YX", (20, 30)),
        ("ZYX", (4, 20, 30)),
        ("NYXC", (2, 20, 30, 3)),
        ("TCYX", (2, 3, 20, 30)),
        ("TKYX", (2, 5, 20, 30)),
        ("SYX", (4, 20, 30)),
        ("XY", (30, 20)),
        ("YXZ", (20, 30, 2)),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", ">u2", "float32"])
def test_the_images_of_a_stack_are_denoised_one_by_one(
    axes: str, shape: tuple[int, ...], dtype: str, model: Model
) -> None:
    stack = samples(*shape, dtype=np.dtype(dtype).name).astype(dtype)
    before = stack.copy()
    made = pellucid.denoise(stack, model=model, sigma=SIGMA, axes=axes)
    assert (made.shape, made.dtype) == (stack.shape, stack.dtype)
    np.testing.assert_array_equal(stack, before)
    colour = next((each for each in "SC" if each in axes), None)
    order = [each for each in axes if each not in "YXSC"] + ["Y", "X"] + ([colour] if colour else [])
    places = [axes.index(each) for each in order]
    ins, outs = stack.transpose(places), made.transpose(places)
    for index in np.ndindex(ins.shape[: len(order) - 2 - bool(colour)]):
        np.testing.assert_array_equal(outs[index], model.denoise(ins[index], sigma=SIGMA).image)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_the_axis_of_the_colours_can_be_named(axis: int, model: Model) -> None:
    pixels = samples(20, 30, 3)
    moved = np.moveaxis(pixels, -1, axis)
    made = pellucid.denoise(moved, model=model, sigma=SIGMA, channel_axis=axis)
    expected = model.denoise(pixels, sigma=SIGMA).image
    np.testing.assert_array_equal(np.moveaxis(made, axis, -1), expected)


@pytest.mark.parametrize("shape", [(3, 20, 30), (20, 30, 5), (20, 30, 2), (2, 20, 30, 3)])
def test_an_array_whose_axes_are_not_known_is_refused_with_the_argument_that_settles_it(
    shape: tuple[int, ...],
) -> None:
    with pytest.raises(UsageError, match=r"axes="):
        pellucid.denoise(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    "options",
    [
        {"axes": "YX"},
        {"axes": "YXX"},
        {"axes": "ZTX"},
        {"axes": "YSC"},
        {"axes": "YXS"},
        {"channel_axis": 3},
        {"axes": "ZYX", "channel_axis": 0},
    ],
)
def test_axes_that_do_not_fit_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        pellucid.denoise(np.zeros((20, 30, 5), np.uint8), **options)


def test_a_masked_stack_keeps_its_mask_and_what_is_masked(model: Model) -> None:
    stack = samples(2, 20, 30)
    mask = np.zeros(stack.shape, bool)
    mask[0, 5:9, 5:9] = True
    made = pellucid.denoise(np.ma.array(stack, mask=mask), model=model, sigma=SIGMA, axes="ZYX")
    np.testing.assert_array_equal(np.ma.getmaskarray(made), mask)
    np.testing.assert_array_equal(made.data[mask], stack[mask])
    np.testing.assert_array_equal(made.data[1], model.denoise(stack[1], sigma=SIGMA).image)


# ---- what was done -------------------------------------------------------------------------------


def test_a_result_says_what_was_done() -> None:
    noisy = from_float(0.5 + 0.1 * np.random.default_rng(0).standard_normal((96, 96)), "uint8")
    result = pellucid.denoise_result(noisy)
    assert result.changed
    assert result.model == "gaussian-best"
    assert result.analysis is not None
    assert (result.sigma, result.why) == (result.analysis.level, result.analysis.why)
    np.testing.assert_array_equal(result.image, pellucid.denoise(noisy))
    given = pellucid.denoise_result(noisy, sigma=0.1)
    assert (given.sigma, given.analysis) == (0.1, None)


def test_the_result_of_a_stack_names_all_models() -> None:
    noisy = 0.5 + 0.1 * np.random.default_rng(0).standard_normal((96, 96))
    stack = np.stack([noisy, np.full_like(noisy, 0.5)]).astype(np.float32)
    result = pellucid.denoise_result(stack, axes="NYX")
    assert (result.model, result.changed, result.analysis) == ("gaussian-best, none", True, None)
    np.testing.assert_array_equal(result.image[1], stack[1])


def test_options_of_loading_are_refused_with_a_loaded_model(model: Model) -> None:
    with pytest.raises(UsageError, match=r"memory.*load_model"):
        pellucid.denoise(samples(8, 8), model=model, sigma=SIGMA, memory=1e9)


def test_an_image_is_analysed_whatever_holds_it(pillow_file: Make) -> None:
    noisy = from_float(0.5 + 0.1 * np.random.default_rng(0).standard_normal((96, 96)), "uint8")
    path = pillow_file("noisy.png", noisy)
    expected = repr(pellucid.analyse(noisy))
    data = path.read_bytes()
    for what in (path, data, io.BytesIO(data), pellucid.read_image(path), Pillow.fromarray(noisy)):
        assert repr(pellucid.analyse(what)) == expected


# ---- files at flat memory ------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    channels=st.sampled_from([1, 3, 4]),
    side=st.sampled_from([80, 130, 400]),
)
def test_a_file_is_denoised_as_the_array_of_its_samples(
    tmp_path_factory: pytest.TempPathFactory,
    grey_file: Path,
    colour_file: Path,
    height: int,
    width: int,
    channels: int,
    side: int,
) -> None:
    files = {1: grey_file, 3: colour_file}
    memory = 150_000_000 + side * (5 * width * channels + 300 * side)
    tiled = Model("tiny", files, threads=1, exact=True, memory=memory)
    pixels = samples(height, width, channels)
    path = tmp_path_factory.mktemp("streamed") / "noisy.png"
    Pillow.fromarray(pixels[..., 0] if channels == 1 else pixels).save(path)
    output = pellucid.denoise_file(path, model=tiled, sigma=SIGMA).output
    made = np.atleast_3d(np.asarray(Pillow.open(output)))
    np.testing.assert_array_equal(made, tiled.denoise(pixels, sigma=SIGMA).image)
