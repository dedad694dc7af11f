"""Images become codes, codes become images, and a file keeps them."""

import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import pellucid
from pellucid.errors import InputError, UsageError
from pellucid.inference.codec import (
    Codec,
    Codes,
    network_file,
    quantise,
    read_codes,
    restore,
    write_codes,
)
from tests.coded import Coded, images

SHIPPED = Path(pellucid.__file__).parent / "models"


def some_codes(*shape: int) -> Codes:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return Codes(values=values, model="ab" * 32, names=tuple(f"digit {k}" for k in range(shape[0])))


# ---- the two halves of a network -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "size", "code"), [("dense", 12, (4, 4)), ("two", 12, (2,)), ("pool", 20, (6, 5, 5))]
)
def test_the_halves_do_what_torch_does(
    kind: str, size: int, code: tuple[int, ...], request: pytest.FixtureRequest
) -> None:
    path, network = request.getfixturevalue(kind)
    codec = Codec(path)
    samples = images(5, size, size, codec.card.channels)
    with torch.no_grad():
        planes = torch.from_numpy(samples.transpose(0, 3, 1, 2) / np.float32(255))
        denoised, expected = network(planes)
    codes = codec.encode(samples)
    assert codes.dtype == np.float32
    assert codes.shape == (5, *code)
    assert np.abs(codes - expected.numpy()).max() <= 1e-5
    decoded = codec.decode(codes)
    assert decoded.dtype == np.float32
    assert decoded.shape == samples.shape
    assert np.abs(decoded - denoised.permute(0, 2, 3, 1).numpy()).max() <= 1e-5


def test_a_half_holds_no_weights_of_the_other(dense: Coded) -> None:
    path, _ = dense
    codes = Codec(path).encode(images(2))
    changed = path.with_name("changed.onnx")
    model = onnx.load(path)
    for weight in model.graph.initializer:
        if weight.name.startswith("decoder"):
            weight.raw_data = bytes(len(weight.raw_data))
    onnx.save(model, changed)
    assert np.array_equal(Codec(changed).encode(images(2)), codes)
    assert np.allclose(Codec(changed).decode(codes), 0.5)  # the sigmoid of nothing


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "float64"])
def test_every_kind_of_sample_gives_the_same_code(dense: Coded, kind: str) -> None:
    samples = images(3)
    white = {"uint8": 255, "uint16": 65535}.get(kind, 1)
    same = (samples / 255 * white).astype(kind)
    codec = Codec(dense[0])
    assert np.allclose(codec.encode(same), codec.encode(samples), atol=1e-5)
    assert np.allclose(codec.encode(same[..., 0]), codec.encode(samples), atol=1e-5)


def test_a_code_does_not_depend_on_the_images_beside_it(dense: Coded) -> None:
    codec = Codec(dense[0])
    samples = images(300)  # more than run at a time
    alone = np.concatenate([codec.encode(each[None]) for each in samples[250:260]])
    assert np.allclose(codec.encode(samples)[250:260], alone, atol=1e-6)
    assert len(codec.decode(codec.encode(samples))) == 300


def test_a_network_with_skips_is_refused_with_the_reason() -> None:
    with pytest.raises(InputError, match="has no code: a U-Net has skips"):
        Codec(SHIPPED / "gaussian-instant-grey.onnx")


def test_a_code_with_unpooling_cannot_be_decoded_by_itself(unpool: Coded) -> None:
    codec = Codec(unpool[0])
    codes = codec.encode(images(2))
    assert codes.shape == (2, 4, 6, 6)
    with pytest.raises(UsageError, match="unpooling must be given where"):
        codec.decode(codes)


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        Codec(tmp_path / "gone.onnx")
    (tmp_path / "words.onnx").write_text("words")
    with pytest.raises(InputError, match="cannot be loaded as a network"):
        Codec(tmp_path / "words.onnx")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 12, 12, 3), "is for grey images, and these are colour images"),
        ((2, 12, 16), "takes images of 12 x 12 pixels, and these have 16 x 12"),
        ((0, 12, 12), "contains no images"),
        ((12, 12), "contains no images"),
    ],
)
def test_images_that_do_not_fit_are_refused(dense: Coded, shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Codec(dense[0]).encode(np.zeros(shape, np.uint8))


def test_sides_that_the_stride_does_not_divide_are_refused(pool: Coded) -> None:
    with pytest.raises(UsageError, match="multiples of 4 pixels, and these have 14 x 12"):
        Codec(pool[0]).encode(np.zeros((1, 12, 14, 3), np.uint8))


def test_values_that_are_no_numbers_are_refused(dense: Coded) -> None:
    with pytest.raises(UsageError, match="type int64"):
        Codec(dense[0]).encode(np.zeros((1, 12, 12), np.int64))
    with pytest.raises(InputError, match="NaN"):
        Codec(dense[0]).encode(np.full((1, 12, 12), np.nan))


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("dense", (2, 16)), ("dense", (4, 4)), ("dense", (0, 4, 4)), ("two", (5, 3)), ("pool", (2, 5, 3, 3))],
)
def test_codes_of_another_shape_are_refused(
    kind: str, shape: tuple[int, ...], request: pytest.FixtureRequest
) -> None:
    with pytest.raises(UsageError, match="cannot have shape"):
        Codec(request.getfixturevalue(kind)[0]).decode(np.zeros(shape, np.float32))


def test_a_network_is_found_by_its_file_its_run_or_its_name(dense: Coded, tmp_path: Path) -> None:
    assert network_file(str(dense[0])) == dense[0]
    (tmp_path / "one.onnx").write_bytes(dense[0].read_bytes())
    assert network_file(str(tmp_path)) == tmp_path / "one.onnx"
    assert network_file("gaussian-instant").parent == SHIPPED
    (tmp_path / "other.onnx").write_bytes(dense[0].read_bytes())
    with pytest.raises(UsageError, match="contains several"):
        network_file(str(tmp_path))
    with pytest.raises(UsageError, match="no model 'toaster'"):
        network_file("toaster")


# ---- files ---------------------------------------------------------------------------------------


def test_the_hash_is_that_of_the_file(dense: Coded, two: Coded) -> None:
    assert Codec(dense[0]).hash == hashlib.sha256(dense[0].read_bytes()).hexdigest()
    assert Codec(dense[0]).hash != Codec(two[0]).hash


@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 4), (1, 6, 3, 2)])
def test_a_file_gives_back_what_was_written(tmp_path: Path, shape: tuple[int, ...]) -> None:
    codes = some_codes(*shape)
    write_codes(tmp_path / "codes.npz", codes)
    again = read_codes(tmp_path / "codes.npz", model=codes.model)
    assert np.array_equal(again.values, codes.values)
    assert again.values.dtype == np.float32
    assert (again.model, again.names) == (codes.model, codes.names)
    assert list(tmp_path.iterdir()) == [tmp_path / "codes.npz"]


def test_eight_bits_take_a_quarter_and_differ_by_half_a_level(tmp_path: Path) -> None:
    codes = some_codes(2000, 16)
    write_codes(tmp_path / "whole.npz", codes)
    write_codes(tmp_path / "small.npz", codes, bits=8)
    whole, small = (tmp_path / f"{name}.npz" for name in ("whole", "small"))
    assert small.stat().st_size < 0.4 * whole.stat().st_size
    level = np.ptp(codes.values, axis=0) / 255
    assert (np.abs(read_codes(small).values - codes.values) <= 0.501 * level).all()


@given(
    arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=4, max_side=4),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
@settings(max_examples=50, deadline=None)
def test_levels_restore_any_code_to_half_a_level(
    values: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]",
) -> None:
    levels, low, high = quantise(values)
    assert levels.dtype == np.uint8
    again = restore(levels, low, high)
    assert again.dtype == np.float32
    assert (np.abs(again - values) <= (high - low) * 0.51 / 255 + 1e-6 * np.abs(values).max()).all()


def test_a_constant_code_stays_exact() -> None:
    values = np.full((3, 2), 0.7, np.float32)
    assert np.array_equal(restore(*quantise(values)), values)


def test_codes_of_another_network_are_refused(tmp_path: Path) -> None:
    write_codes(tmp_path / "codes.npz", some_codes(2, 3))
    with pytest.raises(InputError, match="SHA-256 begins abababababab, and this one's begins cdcdcdcdcdcd"):
        read_codes(tmp_path / "codes.npz", model="cd" * 32)


def test_what_exists_is_replaced_only_when_allowed(tmp_path: Path) -> None:
    path = tmp_path / "codes.npz"
    write_codes(path, some_codes(2, 3))
    with pytest.raises(UsageError, match="exists already"):
        write_codes(path, some_codes(4, 3))
    write_codes(path, some_codes(4, 3), overwrite=True)
    assert len(read_codes(path).values) == 4


@pytest.mark.parametrize(("name", "bits"), [("codes.png", None), ("codes", 8), ("codes.npz", 7)])
def test_other_suffixes_and_bits_are_refused(tmp_path: Path, name: str, bits: int | None) -> None:
    with pytest.raises(UsageError):
        write_codes(tmp_path / name, some_codes(2, 3), bits=bits)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: there is no folder"):
        write_codes(tmp_path / "gone" / "codes.npz", some_codes(2, 3))


def good() -> dict[str, object]:
    return {
        "format": "pellucid codes 1",
        "model": "ab",
        "names": np.array(["a", "b"]),
        "values": np.zeros((2, 3), np.float32),
    }


@pytest.mark.parametrize(
    "change",
    [
        {"format": "another"},
        {"values": np.zeros((2, 3))},
        {"values": np.zeros(2, np.float32)},
        {"values": np.full((2, 3), np.nan, np.float32)},
        {"names": np.array(["a"])},
        {"names": np.array(["a", "../b"])},
        {"names": np.array(["a", "..\\b"])},
        {"names": np.array(["a", None], object)},
    ],
    ids=str,
)
def test_an_archive_of_other_things_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "codes.npz"
    np.savez(path, **(good() | change))  # type: ignore[arg-type]  # its stubs mix up the keywords
    with pytest.raises(InputError, match=r"codes\.npz is no file of codes"):
        read_codes(path)


def test_any_other_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "codes.npz"
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_codes(path)
    write_codes(path, some_codes(50, 3))
    whole = path.read_bytes()

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    for content in (b"", b"words", whole[: len(whole) // 2], pickle.dumps(Trap())):
        path.write_bytes(content)
        with pytest.raises(InputError, match="no file of codes"):
            read_codes(path)
    assert not (tmp_path / "sprung").exists()
