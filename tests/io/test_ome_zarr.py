"""OME-Zarr: planes come back exactly, pyramids fit, and everything else in the folder stays."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid import denoise_file
from pellucid.errors import InputError, UsageError
from pellucid.io.stack import Derivation, PlaneSink, planes_of
from pellucid.io.stack_files import create_stack, open_stack

zarr: Any = pytest.importorskip("zarr", reason="needs the extra science")

MADE = Derivation("Pellucid 0.1.0")
VERSIONS = ("0.4", "0.5")


def make(
    path: Path,
    samples: NDArray[Any],
    axes: str,
    *,
    version: str = "0.5",
    chunks: tuple[int, ...] | None = None,
    shards: tuple[int, ...] | None = None,
    levels: int = 1,
    nearest: bool = False,
) -> Path:
    """Write an OME-Zarr with a pyramid in y and x."""
    form: Any = 2 if version == "0.4" else 3
    group = zarr.open_group(path, mode="w", zarr_format=form)
    kinds = {"T": "time", "C": "channel"}
    datasets, values = [], samples
    for level in range(levels):
        if level:
            values = shrunk(values, nearest=nearest)
        array = group.create_array(
            str(level), shape=values.shape, dtype=values.dtype, chunks=chunks or values.shape, shards=shards
        )
        array[...] = values
        scale = [0.5 * 2**level if axis in "YX" else 1.0 for axis in axes]
        transformations = [{"type": "scale", "scale": scale}]
        datasets.append({"path": str(level), "coordinateTransformations": transformations})
    image: dict[str, Any] = {
        "axes": [{"name": axis.lower(), "type": kinds.get(axis, "space")} for axis in axes],
        "datasets": datasets,
        "name": "cells",
    }
    omero: dict[str, Any] = {
        "channels": [{"label": "nuclei", "color": "0000FF"}, {"label": "actin", "color": "00FF00"}]
    }
    for channel in omero["channels"]:
        channel["window"] = {"min": 0, "max": 4095, "start": 0, "end": 1000}
    if version == "0.4":
        group.attrs.update({"multiscales": [image | {"version": "0.4"}]})
    else:
        group.attrs.update({"ome": {"version": "0.5", "multiscales": [image]}})
    if "C" in axes:
        group.attrs.update(
            {"omero": omero} if version == "0.4" else {"ome": {**group.attrs["ome"], "omero": omero}}
        )
    return path


def shrunk(values: NDArray[Any], *, nearest: bool) -> NDArray[Any]:
    if nearest:
        return values[..., ::2, ::2]
    parts = [values[..., y::2, x::2].astype(np.float64) for y in (0, 1) for x in (0, 1)]
    mean = np.mean(parts, axis=0)
    return np.asarray(np.rint(mean) if values.dtype.kind in "iu" else mean).astype(values.dtype)


def noisy(shape: tuple[int, ...], dtype: str = "uint16") -> NDArray[Any]:
    made = np.random.default_rng(0).normal(0.4, 0.1, shape)
    return (made * 1000).clip(0, 127 if dtype == "int8" else 4000).astype(dtype)


def write_planes(path: Path, target: Path, change: int, planes: list[int] | None = None) -> None:
    """Write planes with something added, in strips of rows that fit no chunk."""
    stack = open_stack(path)
    assert stack is not None
    with closing(stack):
        sink = create_stack(target, stack, MADE)
        for number, plane in enumerate(planes_of(stack)):
            if planes is None or number in planes:
                part, one = stack.parts[plane.part], PlaneSink(sink, plane)
                height, width = part.size("Y"), part.size("X")
                for top in range(0, height, 7):
                    rows = stack.read(plane, slice(top, min(top + 7, height)), slice(0, width))
                    one.write(rows + rows.dtype.type(change))
        sink.commit()


LAYOUTS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...], tuple[int, ...] | None]] = {
    "planes": ("CZYX", (2, 3, 40, 52), (1, 1, 16, 16), None),
    "slabs": ("ZYX", (7, 40, 52), (3, 16, 32), None),
    "all in one": ("TCZYX", (1, 2, 3, 20, 24), (1, 2, 3, 20, 24), None),
    "one plane": ("YX", (40, 52), (16, 16), None),
    "shards": ("CZYX", (2, 4, 32, 32), (1, 1, 8, 8), (1, 2, 16, 32)),
    "turned": ("XYZ", (20, 24, 5), (8, 8, 2), None),
}


@pytest.mark.parametrize(
    ("layout", "version"), [*((each, "0.5") for each in LAYOUTS), ("planes", "0.4"), ("slabs", "0.4")]
)
def test_planes_are_read_and_written_exactly_whatever_the_chunks(
    tmp_path: Path, layout: str, version: str
) -> None:
    axes, shape, chunks, shards = LAYOUTS[layout]
    samples = noisy(shape)
    path = make(tmp_path / "a.zarr", samples, axes, version=version, chunks=chunks, shards=shards)
    write_planes(path, tmp_path / "b.zarr", 5)
    found = zarr.open_group(tmp_path / "b.zarr", mode="r")["0"]
    assert np.array_equal(found[...], samples + 5)
    assert (found.chunks, found.shards, found.dtype) == (chunks, shards, samples.dtype)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "float16", "float64", ">u2"])
def test_every_type_of_samples_stays(tmp_path: Path, dtype: str) -> None:
    samples = noisy((2, 20, 24), dtype)
    path = make(tmp_path / "a.zarr", samples, "ZYX", version="0.4")
    denoise_file(path, tmp_path / "b.zarr", sigma=0.001, model="gaussian-fast")
    found = zarr.open_group(tmp_path / "b.zarr", mode="r")["0"]
    assert found.dtype == samples.dtype
    assert np.allclose(found[...].astype(float).mean(), samples.astype(float).mean(), rtol=0.02)


def test_planes_that_are_not_written_stay(tmp_path: Path) -> None:
    samples = noisy((7, 40, 52))
    path = make(tmp_path / "a.zarr", samples, "ZYX", chunks=(3, 16, 32))
    write_planes(path, tmp_path / "b.zarr", 5, planes=[1, 4])
    found = zarr.open_group(tmp_path / "b.zarr", mode="r")["0"][...]
    assert [int((found[k] - samples[k]).max()) for k in range(7)] == [0, 5, 0, 0, 5, 0, 0]


@pytest.mark.parametrize(("version", "nearest"), [("0.4", False), ("0.5", False), ("0.5", True)])
def test_the_pyramid_is_made_again_as_it_was_made(tmp_path: Path, version: str, nearest: bool) -> None:
    samples = noisy((2, 32, 48))
    path = make(
        tmp_path / "a.zarr", samples, "CYX", version=version, levels=3, chunks=(1, 16, 16), nearest=nearest
    )
    write_planes(path, tmp_path / "b.zarr", 8, planes=[0])
    group, expected = zarr.open_group(tmp_path / "b.zarr", mode="r"), group_levels(path)
    for level, before in enumerate(expected):
        assert np.array_equal(group[str(level)][1], before[1])
        assert np.array_equal(group[str(level)][0], before[0] + 8)


def group_levels(path: Path) -> list[NDArray[Any]]:
    group = zarr.open_group(path, mode="r")
    return [group[name][...] for name in sorted(name for name, _ in group.arrays())]


def test_levels_of_odd_sizes_are_filled(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zarr", noisy((32, 48)), "YX")
    group = zarr.open_group(path, mode="r+")
    small = group.create_array("1", shape=(11, 17), dtype="uint16", chunks=(4, 4))
    small[...] = 1
    image = group.attrs["ome"]["multiscales"][0]
    image["datasets"].append({"path": "1", "coordinateTransformations": []})
    group.attrs.update({"ome": {"version": "0.5", "multiscales": [image]}})
    write_planes(path, tmp_path / "b.zarr", 0)
    found = zarr.open_group(tmp_path / "b.zarr", mode="r")["1"][...]
    assert found.min() > 100


@pytest.mark.parametrize("version", VERSIONS)
def test_metadata_labels_and_further_files_stay(tmp_path: Path, version: str) -> None:
    path = make(tmp_path / "a.zarr", noisy((2, 20, 24)), "CYX", version=version)
    labels = zarr.open_group(path, mode="r+").create_group("labels")
    labels.create_array("cells", shape=(20, 24), dtype="uint8", chunks=(20, 24))[...] = 3
    (path / "notes.txt").write_text("mine")
    write_planes(path, tmp_path / "b.zarr", 1)
    copies = {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}
    changed = [
        name for name, content in copies.items() if (tmp_path / "b.zarr" / name).read_bytes() != content
    ]
    assert changed
    assert all(name.parts[0] == "0" for name in changed)


@pytest.mark.parametrize("version", VERSIONS)
def test_another_library_finds_it_valid(tmp_path: Path, version: str) -> None:
    yaozarrs = pytest.importorskip("yaozarrs")
    path = make(tmp_path / "a.ome.zarr", noisy((2, 32, 48)), "CYX", version=version, levels=2)
    denoise_file(path, tmp_path / "b.ome.zarr", sigma=0.1, model="gaussian-fast")
    names = ("zarr.json",) if version == "0.5" else (".zattrs",)
    for name in names:
        facts = json.loads((tmp_path / "b.ome.zarr" / name).read_text())
        yaozarrs.validate_ome_object(facts.get("attributes", facts))


def test_other_names_of_levels_and_separators_of_chunks_stay(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    samples = noisy((32, 48))
    for name, level in (("s0", samples), ("s1", shrunk(samples, nearest=False))):
        separator = {"name": "v2", "separator": "."}
        array = group.create_array(
            name, shape=level.shape, dtype="uint16", chunks=(8, 8), chunk_key_encoding=separator
        )
        array[...] = level
    datasets = [{"path": name} for name in ("s0", "s1")]
    group.attrs["multiscales"] = [{"axes": ["y", "x"], "datasets": datasets, "version": "0.3"}]
    write_planes(tmp_path / "a.zarr", tmp_path / "b.zarr", 8)
    assert (tmp_path / "b.zarr/s1/0.0").is_file()
    names = [{file.name for file in (tmp_path / each).rglob("*")} for each in ("a.zarr", "b.zarr")]
    assert names[0] == names[1]


def test_channels_have_their_names(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zarr", noisy((2, 48, 48)), "CYX")
    result = denoise_file(path, tmp_path / "b.zarr", sigma=0.1, model="gaussian-fast")
    assert [channel.name for channel in result.channels] == ["nuclei", "actin"]


def test_the_series_of_a_converted_file_are_parts(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    for name in ("0", "1", "10", "2"):
        make(tmp_path / "a.zarr" / name, noisy((20, 24)), "YX", version="0.4")
    stack = open_stack(tmp_path / "a.zarr")
    assert stack is not None
    with closing(stack):
        assert [part.name for part in stack.parts] == ["0", "1", "2", "10"]


def test_the_fields_of_a_plate_are_parts(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w")
    root.attrs["ome"] = {"version": "0.5", "plate": {"wells": [{"path": "A/1"}]}}
    well = root.create_group("A/1")
    well.attrs["ome"] = {"version": "0.5", "well": {"images": [{"path": "0"}, {"path": "1"}]}}
    for name in ("0", "1"):
        make(tmp_path / "a.zarr/A/1" / name, noisy((20, 24)), "YX")
    stack = open_stack(tmp_path / "a.zarr")
    assert stack is not None
    with closing(stack):
        assert [part.name for part in stack.parts] == ["A/1/0", "A/1/1"]


def test_a_plain_array_needs_axes_unless_it_names_them(tmp_path: Path) -> None:
    for name, dimensions in (("named", ["z", "y", "x"]), ("plain", None)):
        array = zarr.create_array(
            tmp_path / f"{name}.zarr",
            shape=(3, 20, 24),
            dtype="uint8",
            chunks=(1, 20, 24),
            dimension_names=dimensions,
        )
        array[...] = noisy((3, 20, 24), "uint8")
    for path, axes in ((tmp_path / "named.zarr", None), (tmp_path / "plain.zarr", "ZYX")):
        stack = open_stack(path, axes=axes)
        assert stack is not None
        with closing(stack):
            assert stack.parts[0].axes == "ZYX"
    with pytest.raises(UsageError, match="axes"):
        open_stack(tmp_path / "plain.zarr")


def test_what_is_no_image_or_broken_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "empty.zarr", mode="w").attrs["a"] = 1
    with pytest.raises(InputError, match="without images"):
        open_stack(tmp_path / "empty.zarr")
    path = make(tmp_path / "a.zarr", noisy((3, 20, 24)), "ZYX", chunks=(1, 20, 24))
    chunk = path / "0/c/1/0/0"
    chunk.write_bytes(chunk.read_bytes()[:20])
    with pytest.raises(InputError, match="cannot be decoded"):
        denoise_file(path, tmp_path / "b.zarr", sigma=0.1, model="gaussian-fast")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.zarr", "empty.zarr"]
    (path / "zarr.json").write_text("{")
    with pytest.raises(InputError, match="broken"):
        open_stack(path)


def test_an_array_without_a_chunk_has_its_fill_value_there(tmp_path: Path) -> None:
    path = make(tmp_path / "a.zarr", noisy((3, 20, 24)), "ZYX", chunks=(1, 20, 24))
    (path / "0/c/1/0/0").unlink()
    write_planes(path, tmp_path / "b.zarr", 0)
    found = zarr.open_group(tmp_path / "b.zarr", mode="r")["0"]
    assert found[1].max() == 0


def test_transformations_of_an_image_and_of_its_levels_stay(tmp_path: Path) -> None:
    """ome-zarr-py's issues 172 and 403: those of all levels together, and shifts of single ones."""
    path = make(tmp_path / "a.zarr", noisy((2, 20, 24)), "ZYX", version="0.4")
    group = zarr.open_group(path, mode="a")
    (image,) = group.attrs["multiscales"]
    image["coordinateTransformations"] = [{"type": "scale", "scale": [2, 1, 1]}]
    for level in image["datasets"]:
        level["coordinateTransformations"].append({"type": "translation", "translation": [0, 0.5, 0.5]})
    group.attrs["multiscales"] = [image]
    write_planes(path, tmp_path / "b.zarr", 5)
    assert dict(zarr.open_group(tmp_path / "b.zarr", mode="r").attrs) == dict(group.attrs)
