"""A region is that of the whole image, however the file stores it."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageOps

from pellucid.errors import InputError
from pellucid.io.files import create_file, image_source, open_image, read_image, write_image
from pellucid.io.image import Image, Metadata
from pellucid.io.vips import vips
from tests.images import Make, gradient

REGIONS = [
    (slice(0, 5), slice(0, 24)),
    (slice(5, 16), slice(3, 20)),
    (slice(15, 16), slice(23, 24)),
    (slice(2, 9), slice(7, 8)),
]


def regions_are_those_of(path: Path, whole: NDArray[Any], tolerance: int = 0) -> None:
    with closing(open_image(path)) as source:
        bands = source.channels + source.alpha + source.extra
        whole = whole.reshape(source.height, source.width, bands)
        for rows, columns in REGIONS:
            found = source.read(rows, columns).astype(float)
            assert np.abs(found - whole[rows, columns]).max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "jpeg", "strips", "tiles", "lzma"])
def test_regions_of_an_image_that_is_turned(
    orientation: int, kind: str, tmp_path: Path, tiff_file: Make
) -> None:
    stored = gradient() if orientation < 5 else np.ascontiguousarray(gradient().swapaxes(0, 1))
    exif = PILImage.Exif()
    exif[274] = orientation
    path = tmp_path / f"image.{kind}"
    if kind in ("png", "jpeg"):
        options: dict[str, Any] = {"quality": 100, "subsampling": 0} if kind == "jpeg" else {}
        PILImage.fromarray(stored).save(path, kind, exif=exif, **options)
        with PILImage.open(path) as opened:
            expected = np.asarray(ImageOps.exif_transpose(opened))
    else:
        layout: dict[str, Any] = {
            "strips": {"rowsperstrip": 3},
            "tiles": {"tile": (16, 16), "compression": "zlib"},
            "lzma": {"compression": "lzma"},
        }
        tags = [(274, 3, 1, orientation, True)]
        path = tiff_file(stored, photometric="rgb", extratags=tags, **layout[kind])
        carrier = PILImage.fromarray(stored)
        carrier.getexif()[274] = orientation
        expected = np.asarray(ImageOps.exif_transpose(carrier))
    regions_are_those_of(path, expected, 3 if kind == "jpeg" else 0)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw", "predictor": "horizontal"},
        {"compression": "deflate", "predictor": "none"},
        {"compression": "packbits"},
        {"compression": "jpeg", "Q": 95},
        {"compression": "none", "bigtiff": True},
    ],
)
@pytest.mark.parametrize("tile", [False, True])
def test_regions_of_a_tiff_that_libvips_has_written(
    options: dict[str, Any], tile: bool, tmp_path: Path
) -> None:
    path = tmp_path / "image.tif"
    raster = vips().Image.new_from_memory(gradient(), 24, 16, 3, "uchar").copy(interpretation="srgb")
    raster.tiffsave(str(path), tile=tile, tile_width=16, tile_height=16, **options)
    whole = np.asarray(vips().Image.tiffload(str(path)).numpy())
    regions_are_those_of(path, whole)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    "options",
    [{"byteorder": ">"}, {"planarconfig": "separate"}, {"bigtiff": True}, {"compression": "zlib"}],
)
def test_regions_of_a_tiled_tiff_of_any_layout(dtype: str, options: dict[str, Any], tiff_file: Make) -> None:
    values = np.random.default_rng(0).integers(0, 200, (16, 24, 3)).astype(dtype)
    stored = values.transpose(2, 0, 1) if "planarconfig" in options else values
    regions_are_those_of(tiff_file(stored, photometric="rgb", tile=(16, 16), **options), values)


def test_regions_of_tiles_in_which_zero_is_white(tiff_file: Make) -> None:
    values = gradient()[..., 0]
    regions_are_those_of(tiff_file(values, photometric="miniswhite", tile=(16, 16)), 255 - values)


def test_regions_of_tiles_with_a_palette(tiff_file: Make) -> None:
    palette = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16) * 257
    values = gradient()[..., 0]
    path = tiff_file(values, photometric="palette", colormap=palette, tile=(16, 16))
    regions_are_those_of(path, (palette >> 8).T[values])


def test_regions_of_tiles_with_multiplied_alpha(tiff_file: Make) -> None:
    values = np.dstack([gradient() // 4, np.full((16, 24), 128, np.uint8)])
    path = tiff_file(values, photometric="rgb", extrasamples=["assocalpha"], tile=(16, 16))
    expected = np.dstack([values[..., :3] * (255 / 128), values[..., 3]])
    regions_are_those_of(path, expected, 1)


def test_regions_of_cmyk_tiles(tiff_file: Make, tmp_path: Path) -> None:
    ink = np.random.default_rng(0).integers(0, 256, (16, 24, 4)).astype(np.uint8)
    strips = read_image(tiff_file(ink, photometric="separated")).samples
    regions_are_those_of(tiff_file(ink, "tiles.tif", photometric="separated", tile=(16, 16)), strips)


def test_regions_of_an_interlaced_png(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    raster = vips().Image.new_from_memory(gradient(), 24, 16, 3, "uchar")
    raster.copy(interpretation="srgb").pngsave(str(path), interlace=True)
    regions_are_those_of(path, gradient())


def test_tiles_that_are_missing_are_an_error(tiff_file: Make) -> None:
    path = tiff_file(gradient(64, 64), photometric="rgb", tile=(16, 16))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match="cannot be read"), closing(open_image(path)) as source:
        source.read(slice(0, 64), slice(0, 64))


def test_a_tiff_of_more_than_its_largest_offset_is_a_bigtiff(tmp_path: Path) -> None:
    import tifffile

    exif = b"MM\0*\0\0\0\x08\0\1\1\x0f\0\2\0\0\0\6\0\0\0\x1a\0\0\0\0Maker\0"
    rows = np.full((100, 100_000, 1), 7, np.uint8)
    like = image_source(Image(samples=rows, metadata=Metadata(exif=exif)))
    like.height = 40_000  # 4 GB before compression, of which these are the first rows
    sink = create_file(tmp_path / "image.tif", like)
    sink.write(rows)
    sink.commit()
    with tifffile.TiffFile(tmp_path / "image.tif") as tiff:
        page: Any = tiff.pages[0]
        assert tiff.is_bigtiff
        assert page.shape == (40_000, 100_000)
        assert page.tags["Make"].value == "Maker"
        (first, *_) = page.segments()
        assert (first[0] == 7).all()


def test_bytes_are_read_as_a_file_is(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    write_image(tmp_path / "image.tif", Image(samples=photo))
    assert np.array_equal(read_image((tmp_path / "image.tif").read_bytes()).samples, photo)
    with pytest.raises(InputError, match="The image is not an image"):
        read_image(b"nothing")
