import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pellucid.errors import UsageError
from pellucid.io.files import read_image, write_image
from tests.images import Make, again, gradient, refused


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint32", "int32", "float64", "complex64"])
def test_a_tiff_with_other_numbers_is_refused(dtype: str, tiff_file: Make) -> None:
    refused(tiff_file(np.ones((5, 6), dtype)), "samples")


def test_half_floats_are_read_as_floats(tiff_file: Make) -> None:
    values = np.linspace(-1, 2, 30, dtype=np.float16).reshape(5, 6)
    image = read_image(tiff_file(values))
    assert image.samples.dtype == np.float32
    assert np.array_equal(image.samples[..., 0], values)


@pytest.mark.parametrize("photometric", ["minisblack", "rgb"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"compression": "zlib", "predictor": True}])
def test_channels_without_a_meaning_are_kept_and_are_no_transparency(
    photometric: str, dtype: str, options: dict[str, Any], tiff_file: Make, tmp_path: Path
) -> None:
    import tifffile

    values = np.random.default_rng(0).integers(0, 200, (20, 30, 5)).astype(dtype)
    if dtype == "float32" and "predictor" in options:
        pytest.skip("tifffile needs imagecodecs for differences of floats")
    path = tiff_file(values, photometric=photometric, planarconfig="contig", **options)
    image = read_image(path)
    colours = 3 if photometric == "rgb" else 1
    assert image.alpha is None
    assert image.extra_channels is not None
    assert np.array_equal(image.samples, values[..., :colours])
    assert np.array_equal(image.extra_channels, values[..., colours:])
    write_image(tmp_path / "out.tif", image)
    with tifffile.TiffFile(tmp_path / "out.tif") as out:
        assert np.array_equal(out.asarray(), values)
        page: Any = out.pages[0]
        assert (page.photometric.name.lower(), page.extrasamples) == (photometric, (0,) * (5 - colours))
        assert page.is_tiled == ("tile" in options)
    with pytest.raises(UsageError, match=r"neither colour nor transparency|floating-point"):
        write_image(tmp_path / "out.png", image)


def test_alpha_among_extra_channels_is_transparency_and_the_others_stay(
    tiff_file: Make, tmp_path: Path
) -> None:
    import tifffile

    values = np.random.default_rng(0).integers(0, 200, (20, 30, 6)).astype(np.uint8)
    path = tiff_file(values, photometric="rgb", extrasamples=["unassalpha", "unspecified", "unassalpha"])
    image = read_image(path)
    assert image.alpha is not None
    assert np.array_equal(image.alpha, values[..., 3])
    write_image(tmp_path / "out.tif", image)
    with tifffile.TiffFile(tmp_path / "out.tif") as out:
        page: Any = out.pages[0]
        assert np.array_equal(out.asarray(), values)
        assert tuple(page.extrasamples) == (2, 0, 2)


@pytest.mark.parametrize(
    ("shape", "options"),
    [((5, 6, 5), {"photometric": "separated", "extrasamples": ["unassalpha"]})],
)
def test_a_tiff_whose_channels_are_no_image_is_refused(
    shape: tuple[int, ...], options: dict[str, Any], tiff_file: Make
) -> None:
    refused(tiff_file(np.zeros(shape, np.uint8), **options), "channels")


def test_a_tiff_in_cielab_is_refused(tiff_file: Make) -> None:
    refused(tiff_file(gradient(), photometric="cielab"), "CIELAB")


def test_ycbcr_that_is_no_jpeg_is_refused(pillow_file: Make) -> None:
    red = Image.new("RGB", (16, 16), (200, 30, 30))
    refused(pillow_file("in.tif", red.convert("YCbCr")), "YCbCr")
    image = read_image(pillow_file("jpeg.tif", red, compression="jpeg", quality=95))
    assert abs(image.samples[8, 8].astype(int) - (200, 30, 30)).max() < 4


def test_floats_in_which_zero_is_white_are_refused(tiff_file: Make) -> None:
    refused(tiff_file(np.zeros((4, 4), np.float32), photometric="miniswhite"), "0 is white")


@pytest.mark.parametrize("offset", [2**40, 2**62, 2**63 - 1, 2**64 - 1])
def test_a_large_tiff_whose_directory_lies_beyond_its_end_is_broken(offset: int, tiff_file: Make) -> None:
    path = tiff_file(gradient(), photometric="rgb", byteorder="<", bigtiff=True)
    data = path.read_bytes()
    path.write_bytes(data[:8] + struct.pack("<Q", offset) + data[16:])
    refused(path, "broken TIFF")


def test_a_resolution_that_no_image_has_is_left_out(
    tiff_file: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tiff_file(gradient(), photometric="rgb", resolution=(4e9, 4e9))
    assert read_image(path).metadata.resolution is None
    write_image(tmp_path / "out.png", read_image(path))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "options", [{"photometric": 32803}, {"subfiletype": 1}, {"extratags": [(50706, 1, 4, b"\1\4\0\0")]}]
)
def test_a_raw_file_is_refused_and_not_its_preview_denoised(options: dict[str, Any], tiff_file: Make) -> None:
    refused(tiff_file(gradient()[..., 0], **options), "raw file")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    "options",
    [
        {"byteorder": ">"},
        {"tile": (16, 16)},
        {"rowsperstrip": 3},
        {"bigtiff": True},
        {"compression": "zlib", "predictor": True},
        {"planarconfig": "separate"},
    ],
)
def test_a_tiff_of_any_layout_gives_its_samples(dtype: str, options: dict[str, Any], tiff_file: Make) -> None:
    values = gradient().astype(dtype) * (257 if dtype == "uint16" else 1)
    stored = values.transpose(2, 0, 1) if "planarconfig" in options else values
    if dtype == "float32":
        options = {name: value for name, value in options.items() if name != "predictor"}
    image = read_image(tiff_file(stored, photometric="rgb", **options))
    assert image.samples.dtype == dtype
    assert np.array_equal(image.samples, values)


@pytest.mark.parametrize(
    ("photometric", "dtype"),
    [
        ("minisblack", "uint8"),
        ("minisblack", "uint16"),
        ("minisblack", "float16"),
        ("minisblack", "float32"),
        ("miniswhite", "uint8"),
        ("miniswhite", "uint16"),
        ("rgb", "uint8"),
    ],
)
@pytest.mark.parametrize(
    "options",
    [
        {"planarconfig": "contig"},
        {"planarconfig": "contig", "compression": "lzma"},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "rowsperstrip": 1},
        {"planarconfig": "separate", "tile": (16, 16)},
        {"planarconfig": "separate", "compression": "zlib"},
    ],
)
def test_channels_are_themselves_however_they_are_stored(
    photometric: str, dtype: str, options: dict[str, Any], tiff_file: Make
) -> None:
    colours = 3 if photometric == "rgb" else 1
    planes = np.stack([gradient()[..., k % 3] // (k + 1) for k in range(colours + 2)]).astype(dtype)
    stored = planes if options["planarconfig"] == "separate" else planes.transpose(1, 2, 0)
    image = read_image(tiff_file(stored, photometric=photometric, extrasamples=(2, 0), **options))
    colour = planes[:colours]
    if photometric == "miniswhite":
        colour = np.iinfo(planes.dtype).max - colour
    assert image.alpha is not None
    assert image.extra_channels is not None
    assert np.array_equal(image.samples, colour.transpose(1, 2, 0))
    assert np.array_equal(image.alpha, planes[colours])
    assert np.array_equal(image.extra_channels[..., 0], planes[-1])


def test_grey_that_is_multiplied_by_its_alpha_and_stored_apart_is_refused_in_words(tiff_file: Make) -> None:
    planes = np.stack([gradient()[..., 0], gradient()[..., 1]])
    path = tiff_file(planes, photometric="minisblack", planarconfig="separate", extrasamples=(1,))
    refused(path, "one plane after the other")


def test_a_lossless_compression_is_kept_and_a_lossy_one_becomes_lossless(
    pillow_file: Make, tmp_path: Path
) -> None:
    for compression, kept in [
        ("tiff_lzw", "tiff_lzw"),
        ("packbits", "packbits"),
        ("raw", "raw"),
        ("jpeg", "tiff_adobe_deflate"),
    ]:
        image = read_image(pillow_file("in.tif", gradient(), compression=compression))
        assert image.encoding.lossy == (compression == "jpeg")
        write_image(tmp_path / "out.tif", image, overwrite=True)
        with Image.open(tmp_path / "out.tif") as out:
            assert out.info["compression"] == kept


def test_a_fax_keeps_its_compression(pillow_file: Make, tmp_path: Path) -> None:
    pil_image = Image.fromarray(gradient()[..., 0] > 90)
    write_image(tmp_path / "out.tif", read_image(pillow_file("in.tif", pil_image, compression="group4")))
    with Image.open(tmp_path / "out.tif") as out:
        assert out.info["compression"] == "group4"
        assert np.array_equal(np.asarray(out), np.asarray(pil_image))


def test_white_may_be_zero(tiff_file: Make) -> None:
    image = read_image(tiff_file(np.full((4, 4), 10, np.uint8), photometric="miniswhite"))
    assert image.samples.max() == 245


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_the_alpha_of_a_tiff_is_kept_and_not_multiplied_in(
    kind: str, tiff_file: Make, tmp_path: Path
) -> None:
    values = np.dstack([gradient() // 4, np.full((16, 24), 128, np.uint8)])
    image = read_image(tiff_file(values, photometric="rgb", extrasamples=[kind]))
    assert image.alpha is not None
    assert image.alpha.min() == image.alpha.max() == 128
    factor = 255 / 128 if kind == "assocalpha" else 1
    assert np.abs(image.samples - values[..., :3] * factor).max() <= 1
    assert np.array_equal(again(image, tmp_path / "out.tif").samples, image.samples)


def test_a_small_preview_behind_a_tiff_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import tifffile

    with tifffile.TiffWriter(tmp_path / "in.tif") as out:
        out.write(gradient(), photometric="rgb", metadata=None)
        out.write(gradient()[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
    assert read_image(tmp_path / "in.tif").samples.shape == (16, 24, 3)
    assert "previews" in caplog.text


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_what_a_tiff_says_about_its_image_is_kept(
    byteorder: str, bigtiff: bool, tiff_file: Make, tmp_path: Path
) -> None:
    import tifffile

    place = (0.5, 0.5, 0.0)
    path = tiff_file(
        gradient(),
        photometric="rgb",
        byteorder=byteorder,
        bigtiff=bigtiff,
        description="from the microscope",
        software="the stage",
        datetime="2020:01:02 03:04:05",
        resolution=(300, 300),
        resolutionunit="INCH",
        extratags=[(33550, 12, 3, place, True), (315, 2, 0, "An artist", True)],
    )
    write_image(tmp_path / "out.tif", read_image(path))
    with tifffile.TiffFile(tmp_path / "out.tif") as out:
        tags = out.pages[0].tags  # type: ignore[union-attr]
        assert tags["ImageDescription"].value == "from the microscope"
        assert tags["Software"].value == "the stage"
        assert tags["DateTime"].value == "2020:01:02 03:04:05"
        assert tags["Artist"].value == "An artist"
        assert tags[33550].value == place
        assert tags["XResolution"].value[0] / tags["XResolution"].value[1] == pytest.approx(300)
        assert np.array_equal(out.asarray(), gradient())


def test_a_tiff_whose_tags_have_strange_types_is_refused_in_words(tiff_file: Make) -> None:
    path = tiff_file(gradient(), photometric="rgb", byteorder="<")
    bits = struct.pack("<HH", 258, 3)
    path.write_bytes(path.read_bytes().replace(bits, struct.pack("<HH", 258, 2)))
    refused(path, "samples|broken TIFF")


def test_a_description_that_is_not_utf8_is_kept(tiff_file: Make, tmp_path: Path) -> None:
    text = "unit=µm".encode("latin-1")
    path = tiff_file(gradient(), photometric="rgb", extratags=[(270, 2, 0, text, True)])
    write_image(tmp_path / "out.tif", read_image(path))
    assert text in (tmp_path / "out.tif").read_bytes()


def test_exif_travels_from_jpeg_to_tiff_and_back(pillow_file: Make, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271], exif[33432] = "Maker", "(c) somebody"
    exif.get_ifd(0x8769).update({33434: 0.02, 34855: 800, 36867: "2020:01:02 03:04:05"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 1.0, 2.5)})
    image = read_image(pillow_file("in.jpg", gradient(), exif=exif))
    for name in ("a.tif", "b.jpg", "c.tif", "d.webp", "e.png", "f.tif", "g.avif"):
        image = again(image, tmp_path / name)
        with Image.open(tmp_path / name) as opened:
            found = opened.getexif()
            assert (found[271], found[33432]) == ("Maker", "(c) somebody")
            assert found.get_ifd(0x8769)[34855] == 800
            assert found.get_ifd(0x8769)[33434] == pytest.approx(1 / 50)
            assert found.get_ifd(0x8769)[36867] == "2020:01:02 03:04:05"
            assert found.get_ifd(0x8825)[2] == (48.0, 1.0, 2.5)


FAR = b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63)


@pytest.mark.parametrize("exif", [b"", b"garbage", b"II*\0\xff\xff\xff\x7f", b"MM\0*\0\0\0\x08\xff\xff", FAR])
def test_broken_exif_does_no_harm(exif: bytes, pillow_file: Make, tmp_path: Path) -> None:
    image = read_image(pillow_file("in.jpg", gradient(), exif=b"Exif\0\0" + exif))
    for suffix in (".jpg", ".png", ".tif"):
        assert again(image, tmp_path / f"out{suffix}").samples.shape == (16, 24, 3)
