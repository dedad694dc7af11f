"""The laws of every file with many planes: the same kind comes out, and only what is denoised has changed."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid.io.stack import Derivation, planes_of
from pellucid.io.stack_files import create_stack, open_stack
from tests.stacks import Kind, parameters, volume

EACH = pytest.mark.parametrize(("kind", "dtype"), parameters())
SHAPE = (3, 50, 60)


def made(kind: Kind, dtype: str, folder: Path) -> tuple[Path, Any]:
    path = folder / f"noisy{kind.suffix}"
    array = volume(*SHAPE, dtype=dtype, mean=40.0)
    kind.write(path, array)
    np.testing.assert_array_equal(kind.read(path), array)
    return path, array


@EACH
def test_planes_that_are_written_as_they_were_read_give_the_same_values(
    kind: Kind, dtype: str, tmp_path: Path
) -> None:
    path, array = made(kind, dtype, tmp_path)
    copy = tmp_path / f"copy{kind.suffix}"
    stack = open_stack(path, axes=kind.axes)
    assert stack is not None
    with closing(stack):
        sink = create_stack(copy, stack, Derivation("Test"))
        planes = planes_of(stack)
        for number, plane in enumerate(planes):
            rows = stack.read(plane, slice(0, SHAPE[1]), slice(0, SHAPE[2]))
            assert rows.dtype == np.dtype(dtype)
            for top in range(0, SHAPE[1], 16 + number):  # strips of any height
                sink.write(plane, top, rows[top : top + 16 + number])
        sink.commit()
    np.testing.assert_array_equal(kind.read(copy), array)
    assert kind.facts(copy) == kind.facts(path)
    assert len(planes) == SHAPE[0]


@EACH
def test_a_plane_that_is_not_written_stays(kind: Kind, dtype: str, tmp_path: Path) -> None:
    path, array = made(kind, dtype, tmp_path)
    copy = tmp_path / f"copy{kind.suffix}"
    stack = open_stack(path, axes=kind.axes)
    assert stack is not None
    with closing(stack):
        sink = create_stack(copy, stack, Derivation("Test"))
        plane = planes_of(stack)[1]
        random = np.random.default_rng(1).integers(0, 99, (*SHAPE[1:], 1)).astype(dtype)
        sink.write(plane, 0, random)
        sink.commit()
    array[1] = random[..., 0]
    np.testing.assert_array_equal(kind.read(copy), array)
    assert kind.facts(copy) == kind.facts(path)


@EACH
def test_a_stack_is_denoised_into_the_same_kind_of_file(kind: Kind, dtype: str, tmp_path: Path) -> None:
    path, array = made(kind, dtype, tmp_path)
    output = tmp_path / f"clean{kind.suffix}"
    result = pellucid.denoise_file(path, output, model="gaussian-instant", axes=kind.axes, sigma=0.02)
    clean = kind.read(output)
    assert result.changed
    assert (clean.dtype.newbyteorder("="), clean.shape) == (array.dtype, array.shape)
    assert kind.facts(output) == kind.facts(path)
    assert (clean != array).any(axis=(1, 2)).all()


@EACH
def test_a_stack_without_noise_is_copied_byte_for_byte(kind: Kind, dtype: str, tmp_path: Path) -> None:
    path = tmp_path / f"clean{kind.suffix}"
    kind.write(path, np.full(SHAPE, 7, dtype))
    output = tmp_path / f"out{kind.suffix}"
    assert not pellucid.denoise_file(path, output, axes=kind.axes).changed
    assert output.read_bytes() == path.read_bytes()
