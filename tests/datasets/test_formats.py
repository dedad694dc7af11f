"""IDX and CIFAR files, whole and broken."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.datasets.formats import RECORD, parse_cifar, parse_idx, read_unpacked
from pellucid.errors import InputError, LimitError
from tests.datasets.made import cifar, idx

CONTENT = bytes(range(256)) * 40

# ---- gzip ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["file", "file.gz"])
@pytest.mark.parametrize("packed", [True, False])
def test_a_file_is_unpacked_when_it_is_packed_whatever_its_name(
    tmp_path: Path, name: str, packed: bool
) -> None:
    (tmp_path / name).write_bytes(gzip.compress(CONTENT) if packed else CONTENT)
    assert read_unpacked(tmp_path / name) == CONTENT


@pytest.mark.parametrize("length", [2, 9, 30, -1])
def test_a_gzip_file_that_is_cut_off_is_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "cut.gz").write_bytes(gzip.compress(CONTENT)[:length])
    with pytest.raises(InputError, match=r"cut\.gz is a damaged gzip file.*Get the published file"):
        read_unpacked(tmp_path / "cut.gz")


@pytest.mark.parametrize("place", [15, -6])
def test_a_gzip_file_with_a_wrong_byte_is_refused(tmp_path: Path, place: int) -> None:
    packed = bytearray(gzip.compress(CONTENT))
    packed[place] ^= 0xFF
    (tmp_path / "wrong.gz").write_bytes(packed)
    with pytest.raises(InputError, match=r"wrong\.gz is a damaged gzip file"):
        read_unpacked(tmp_path / "wrong.gz")


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_is_no_file_is_refused_with_the_systems_reason(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"cannot be read: (No such file|Is a directory)"):
        read_unpacked(tmp_path / name)


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_that_holds_too_much_is_refused(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "large"
    path.write_bytes(gzip.compress(CONTENT) if packed else CONTENT)
    assert read_unpacked(path, max_bytes=len(CONTENT)) == CONTENT
    with pytest.raises(LimitError, match=r"large contains more than 10,239 bytes"):
        read_unpacked(path, max_bytes=len(CONTENT) - 1)


# ---- IDX -----------------------------------------------------------------------------------------


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3), seed=st.integers(0, 99))
def test_an_idx_file_gives_its_values_in_their_order(sizes: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, sizes, np.uint8)
    read = parse_idx(idx(values), "file", dimensions=len(sizes))
    np.testing.assert_array_equal(read, values)
    assert read.dtype == np.uint8
    assert read.flags.writeable


WHOLE = idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "begins with nothing, not with 00 00 08 03"),
        (b"\0\0\x08", "begins with 00 00 08, not"),
        (b"\0\0\x0d\x03" + WHOLE[4:], "begins with 00 00 0d 03, not"),  # floats
        (b"\0\0\x08\x01" + WHOLE[4:], "begins with 00 00 08 01, not"),  # labels
        (b"<html>", "begins with 3c 68 74 6d"),
        (WHOLE[:4], "4 bytes and"),
        (WHOLE[:15], "15 bytes and"),
        (WHOLE[:-1], "39 bytes and says that it holds 2 x 3 x 4 values"),
        (WHOLE + b"\0", "41 bytes and"),
        (idx(np.zeros((0, 28, 28), np.uint8)), "16 bytes and says that it holds 0 x 28 x 28 values"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "16 bytes and says that it holds 4294967295 x "),
    ],
)
def test_what_is_no_idx_file_is_refused_with_what_was_found(content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=f"^the file (is no IDX file|has).*{words}"):
        parse_idx(content, "the file", dimensions=3)


@settings(max_examples=200)
@given(head=st.sampled_from([b"", b"\0\0\x08\x03"]), rest=st.binary(max_size=40))
def test_any_bytes_are_an_idx_file_or_are_refused(head: bytes, rest: bytes) -> None:
    try:
        values = parse_idx(head + rest, "file", dimensions=3)
    except InputError:
        return
    assert idx(values) == head + rest


# ---- CIFAR ---------------------------------------------------------------------------------------


def test_a_cifar_file_gives_images_with_the_channel_last() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    labels = np.array([0, 9, 3, 3])
    read, read_labels = parse_cifar(cifar(images, labels), "file")
    np.testing.assert_array_equal(read, images)
    np.testing.assert_array_equal(read_labels, labels)
    assert (read.dtype, read_labels.dtype) == (np.dtype(np.uint8), np.dtype(np.int64))
    assert read.flags.c_contiguous
    assert read.flags.writeable


@pytest.mark.parametrize("length", [0, 1, RECORD - 1, RECORD + 1, 2 * (RECORD + 1)])
def test_a_cifar_file_that_is_not_whole_records_is_refused(length: int) -> None:
    with pytest.raises(InputError, match=f"the file has {length:,} bytes, which are not whole records"):
        parse_cifar(bytes(length), "the file")


def test_a_cifar_file_with_a_label_above_9_is_refused() -> None:
    content = cifar(np.zeros((2, 32, 32, 3), np.uint8), np.array([9, 10]))
    with pytest.raises(InputError, match="the file has the label 10; those of CIFAR-10 are 0 to 9"):
        parse_cifar(content, "the file")
