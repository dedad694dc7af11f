"""TIFF with many planes: what becomes of channels, colours, pyramids, and of what cannot be kept."""

from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

import pellucid
from pellucid.errors import InputError, UsageError
from pellucid.io.stack import channel_of, planes_of
from pellucid.io.stack_files import open_stack
from tests.stacks import tiff_facts, volume

MODEL: Any = {"model": "gaussian-instant", "sigma": 0.02}


def denoised(path: Path, **options: Any) -> tuple[Path, pellucid.FileResult]:
    output = path.with_name(f"clean{path.name[path.name.index('.') :]}")
    return output, pellucid.denoise_file(path, output, **{**MODEL, **options})


def channels(path: Path) -> list[str]:
    stack = open_stack(path)
    assert stack is not None
    with closing(stack):
        return [channel_of(stack, plane) for plane in planes_of(stack)]


def test_each_channel_of_a_hyperstack_has_its_own_noise(tmp_path: Path) -> None:
    path = tmp_path / "cells.tif"
    faint, bright = volume(2, 3, 64, 64, mean=50.0), volume(2, 3, 64, 64, mean=3000.0, seed=1)
    array = np.stack([faint, bright], axis=2)  # t, z, c, y, x
    tifffile.imwrite(path, array, imagej=True, metadata={"axes": "TZCYX"})
    output, result = denoised(path, model="auto", sigma=None)
    assert [(each.name, each.planes) for each in result.channels] == [("channel 1", 6), ("channel 2", 6)]
    assert [each.changed for each in result.channels] == [True, True]
    assert result.channels[1].sigma > 4 * result.channels[0].sigma
    assert tiff_facts(output) == tiff_facts(path)


def test_the_channels_of_an_ome_tiff_have_their_names(tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.tif"
    metadata = {"axes": "CZYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(path, volume(2, 3, 40, 50), metadata=metadata)
    assert channels(path) == ["DAPI"] * 3 + ["GFP"] * 3
    output, result = denoised(path, channel="GFP")
    assert [each.name for each in result.channels] == ["GFP"]
    changed = (tifffile.imread(output) != tifffile.imread(path)).any(axis=(2, 3))
    np.testing.assert_array_equal(changed, [[False] * 3, [True] * 3])
    assert tiff_facts(output) == tiff_facts(path)


def test_the_images_of_an_ome_tiff_may_differ_in_size_and_type(tmp_path: Path) -> None:
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(volume(3, 40, 50), metadata={"axes": "ZYX", "Name": "large"}, photometric="minisblack")
        tiff.write(volume(24, 30, dtype="float32"), metadata={"axes": "YX", "Name": "small"})
    assert channels(path) == ["large"] * 3 + ["small"]
    output, _ = denoised(path)
    assert tiff_facts(output) == tiff_facts(path)
    for number in range(2):
        before, after = (tifffile.imread(each, series=number) for each in (path, output))
        assert (before.dtype, before.shape) == (after.dtype, after.shape)
        assert (before != after).any()


@pytest.mark.parametrize("where", ["subifds", "pages"])
@pytest.mark.parametrize("size", [(64, 96), (63, 95)])
def test_the_smaller_levels_of_a_pyramid_are_made_anew(
    where: str, size: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / "pyramid.tif"
    array = volume(2, *size) if where == "subifds" else volume(*size)
    options: Any = {"photometric": "minisblack", "compression": "zlib", "tile": (32, 32)}
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(array, subifds=2 if where == "subifds" else 0, metadata=None, **options)
        for step in (2, 4):
            tiff.write(array[..., ::step, ::step], subfiletype=1, metadata=None, **options)
    output, _ = denoised(path)
    assert tiff_facts(output) == tiff_facts(path)
    levels = [tifffile.imread(output, level=k).astype(float) for k in range(3)]
    for level, smaller in pairwise(levels):
        inside = level[..., : size[0] // 4 * 4 - 4, : size[1] // 4 * 4 - 4]
        rows, columns = inside.shape[-2] // 2, inside.shape[-1] // 2
        means = inside.reshape(*inside.shape[:-2], rows, 2, columns, 2).mean(axis=(-3, -1))
        assert np.abs(means - smaller[..., :rows, :columns]).max() <= 1


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_stack_in_colour_stays_one(planar: Any, compression: Any, tmp_path: Path) -> None:
    path = tmp_path / "colour.tif"
    grey = volume(3, 40, 50, mean=60.0, dtype="uint8")
    array = np.stack([grey, grey // 2, grey // 3], axis=-1 if planar == "contig" else 1)
    options: Any = {"photometric": "rgb", "planarconfig": planar, "compression": compression}
    tifffile.imwrite(path, array, **options)
    output, result = denoised(path)
    assert [each.planes for each in result.channels] == [3]
    assert tiff_facts(output) == tiff_facts(path)
    assert (tifffile.imread(output) != array).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_samples_that_are_no_colours_are_channels(planar: Any, compression: Any, tmp_path: Path) -> None:
    path = tmp_path / "channels.tif"
    array = np.stack([volume(2, 40, 50, mean=9.0 * 4**k) for k in range(5)], axis=1)  # z, c, y, x
    stored = np.moveaxis(array, 1, -1) if planar == "contig" else array
    tifffile.imwrite(
        path, stored, photometric="minisblack", planarconfig=planar, compression=compression, metadata=None
    )
    assert len(set(channels(path))) == 5
    output, _ = denoised(path, channel="2", pages="1-5")
    assert tiff_facts(output) == tiff_facts(path)
    after = tifffile.imread(output)
    after = np.moveaxis(after, -1, 1) if planar == "contig" else after
    changed = (after != array).any(axis=(2, 3))
    np.testing.assert_array_equal(changed, [[False, True, False, False, False], [False] * 5])


def test_packed_samples_of_12_bits_stay_packed(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    path = tmp_path / "packed.tif"
    array = volume(2, 40, 50, mean=900.0)
    # tifffile writes no 12 bits: the strips are packed here, and the tag is changed.
    bits = array[..., None] >> np.arange(11, -1, -1, dtype=np.uint16) & 1
    packed = np.packbits(bits.astype(np.uint8).reshape(2, 40, -1), axis=2)  # 75 bytes a row
    tifffile.imwrite(path, packed, photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for page in list(tiff.pages):
            tags: Any = page.aspage().tags
            tags["ImageWidth"].overwrite(50)
            tags["BitsPerSample"].overwrite(12)
    np.testing.assert_array_equal(tifffile.imread(path), array)
    output, _ = denoised(path, sigma=30 / 65535)
    after = tifffile.imread(output)
    assert (after != array).any(axis=(1, 2)).all()
    assert after.max() < 4096
    assert abs(after.mean() / array.mean() - 1) < 0.005
    assert tiff_facts(output) == tiff_facts(path)


def test_lossy_pages_become_lossless(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    path = tmp_path / "lossy.tif"
    colour = np.stack([volume(2, 64, 64, mean=60.0, dtype="uint8")] * 3, axis=-1)
    tifffile.imwrite(path, colour, photometric="rgb", compression="jpeg", metadata=None)
    before = tifffile.imread(path)
    output, _ = denoised(path, pages="2")
    np.testing.assert_array_equal(tifffile.imread(output, key=0), before[0])
    assert (tifffile.imread(output, key=1) != before[1]).any()
    with tifffile.TiffFile(output) as tiff:
        assert [page.aspage().compression for page in tiff.pages] == [7, 8]


def test_bits_a_page_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "fax.tif"
    tifffile.imwrite(path, np.zeros((2, 16, 16), bool), photometric="minisblack")
    with pytest.raises(InputError, match=r"pages with 1 bits.*Save each page"):
        denoised(path)
    assert [each.name for each in tmp_path.iterdir()] == ["fax.tif"]


def test_complex_numbers_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "waves.tif"
    tifffile.imwrite(path, np.zeros((2, 16, 16), np.complex64), photometric="minisblack")
    with pytest.raises(InputError, match="complex64 samples"):
        denoised(path)


def test_axes_of_length_one_and_words_that_are_no_xml_are_no_obstacle(tmp_path: Path) -> None:
    path, broken = tmp_path / "frames.tif", tmp_path / "cells.ome.tif"
    frames = np.random.default_rng(0).integers(0, 255, (3, 1, 30, 40, 3), np.uint8)
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TCYXS"})
    output, _ = denoised(path)
    assert tiff_facts(output) == tiff_facts(path)
    tifffile.imwrite(broken, volume(2, 40, 50), photometric="minisblack")
    broken.write_bytes(broken.read_bytes().replace(b"<OME ", b"<OMX "))
    output, result = denoised(broken)
    assert tifffile.imread(output).shape == (2, 40, 50)
    assert [each.planes for each in result.channels] == [2]


def test_a_palette_is_intensities_where_it_grows_brighter(tmp_path: Path) -> None:
    path, odd = tmp_path / "glow.tif", tmp_path / "odd.tif"
    glow = np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)
    array = volume(2, 40, 50, mean=60.0, dtype="uint8")
    tifffile.imwrite(path, array, photometric="palette", colormap=glow)
    tifffile.imwrite(odd, array, photometric="palette", colormap=np.roll(glow, 90, axis=1))
    output, _ = denoised(path)
    assert tiff_facts(output) == tiff_facts(path)
    with pytest.raises(InputError, match="is no brightness"):
        denoised(odd)


def test_no_data_stays_and_reaches_no_pixel(tmp_path: Path) -> None:
    results = []
    for missing in (-9999, 20000):
        path = tmp_path / f"map{missing}.tif"
        array = volume(2, 64, 64, dtype="int16", mean=60.0)
        array[:, 20:40, 20:40] = missing
        tifffile.imwrite(path, array, photometric="minisblack", extratags=[(42113, 2, 0, str(missing), True)])
        output, _ = denoised(path)
        results.append(tifffile.imread(output))
        assert (results[-1][:, 20:40, 20:40] == missing).all()
        output.unlink()
    outside = np.ones((64, 64), bool)
    outside[20:40, 20:40] = False
    np.testing.assert_array_equal(results[0][:, outside], results[1][:, outside])


def test_pages_and_channels_that_are_not_there_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, volume(3, 20, 20), photometric="minisblack")
    for options in ({"pages": "4"}, {"pages": "0"}, {"pages": "2-1"}, {"pages": "x"}, {"channel": "GFP"}):
        with pytest.raises(UsageError):
            denoised(path, **options)
    with pytest.raises(UsageError, match="own format"):
        pellucid.denoise_file(path, tmp_path / "out.png", **MODEL)
    with pytest.raises(UsageError, match="says itself"):
        denoised(path, axes="ZYX")
    assert [each.name for each in tmp_path.iterdir()] == ["stack.tif"]


def test_the_sums_of_planes_can_be_kept(tmp_path: Path) -> None:
    for dtype in ("uint8", "uint16", "int16", "int32"):
        path = tmp_path / f"{dtype}.tif"
        array = volume(3, 64, 64, dtype=dtype, mean=40.0)
        tifffile.imwrite(path, array, photometric="minisblack")
        output, _ = denoised(path, keep_counts=True)
        after = tifffile.imread(output)
        assert (after != array).any()
        assert after.sum(axis=(1, 2), dtype=int).tolist() == array.sum(axis=(1, 2), dtype=int).tolist()
        output.unlink()


def test_a_damaged_plane_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, volume(12, 64, 64), photometric="minisblack", compression="zlib")
    with tifffile.TiffFile(path) as tiff:
        place, size = tiff.pages[7].dataoffsets[0], tiff.pages[7].databytecounts[0]
    data = bytearray(path.read_bytes())
    data[place : place + size] = bytes(size)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"cut\.tif"):
        denoised(path)
    assert [each.name for each in tmp_path.iterdir()] == ["cut.tif"]
