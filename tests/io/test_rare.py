"""JPEG 2000, JPEG XL and rare TIFF compressions: with the extra `codecs`, or with an error that names it."""

import base64
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageCms

from pellucid.errors import InputError, MissingExtraError
from pellucid.io.files import read_image, write_image
from pellucid.io.image import Encoding, Image, Metadata, stretched
from tests.images import gradient

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

# Grey, 4 x 4 pixels of 7, compressed with ZSTD; made with tifffile and imagecodecs.
ZSTD = base64.b64decode(
    "SUkqAAgAAAAMAAABBAABAAAABAAAAAEBBAABAAAABAAAAAIBAwABAAAACAAAAAMBAwABAAAAUMMAAAYBAwABAAAAAQAAABEBBAAB"
    "AAAAsAAAABUBAwABAAAAAQAAABYBBAABAAAABAAAABcBBAABAAAAEQAAABoBBQABAAAAngAAABsBBQABAAAApgAAACgBAwABAAAA"
    "AQAAAAAAAAABAAAAAQAAAAEAAAABAAAAAAAotS/9IBBFAAAQBwcBADLAAg=="
)


def without_imagecodecs(monkeypatch: pytest.MonkeyPatch) -> None:
    import_module("tifffile")  # which looks for imagecodecs once
    monkeypatch.setitem(sys.modules, "imagecodecs", None)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.tif", ZSTD), ("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n"), ("a.jxl", b"\xff\x0a" + bytes(9))],
)
def test_without_the_extra_the_error_names_it(
    name: str, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).write_bytes(content)
    without_imagecodecs(monkeypatch)
    with pytest.raises(MissingExtraError, match=r'pip install "pellucid\[codecs\]"'):
        read_image(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jp2", "a.jxl"])
def test_without_the_extra_nothing_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_imagecodecs(monkeypatch)
    with pytest.raises(MissingExtraError, match="codecs"):
        write_image(tmp_path / name, Image(samples=gradient()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_a_tiff_in_lzma_is_read_and_written_without_any_extra(
    dtype: str, channels: int, tmp_path: Path
) -> None:
    import tifffile

    values = np.random.default_rng(0).integers(0, 200, (20, 30, channels)).astype(dtype)
    photometric = "rgb" if channels == 3 else "minisblack"
    path, out = tmp_path / "in.tif", tmp_path / "out.tif"
    options: dict[str, Any] = {"planarconfig": "contig"} if channels > 1 else {}
    tifffile.imwrite(path, values.squeeze(), photometric=photometric, compression="lzma", **options)
    image = read_image(path)
    assert np.array_equal(image.samples, values[..., : image.samples.shape[2]])
    write_image(out, image)
    with tifffile.TiffFile(out) as written:
        page: Any = written.pages[0]
        assert page.compression.name == "LZMA"
        assert np.array_equal(written.asarray().reshape(values.shape), values)


def test_a_tiff_in_zstd_is_read_and_written(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    import tifffile

    (tmp_path / "in.tif").write_bytes(ZSTD)
    image = read_image(tmp_path / "in.tif")
    assert np.array_equal(image.samples, np.full((4, 4, 1), 7, np.uint8))
    write_image(tmp_path / "out.tif", image)
    with tifffile.TiffFile(tmp_path / "out.tif") as written:
        page: Any = written.pages[0]
        assert page.compression.name == "ZSTD"
        assert (written.asarray() == 7).all()


@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("compression", ["zstd", "lerc", "jpegxl", "png"])
def test_rare_compressions_of_a_tiff_are_read(
    compression: str, tile: tuple[int, int] | None, tmp_path: Path
) -> None:
    pytest.importorskip("imagecodecs")
    import tifffile

    path = tmp_path / "in.tif"
    options: dict[str, Any] = {"tile": tile} if tile else {}
    tifffile.imwrite(path, gradient(), photometric="rgb", compression=compression, **options)
    assert np.array_equal(read_image(path).samples, gradient())


# ---- JPEG 2000, checked with Pillow ----------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_jpeg_2000_of_another_program_is_read(mode: str, tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    pil_image = PILImage.fromarray(gradient()).convert(mode)
    if mode.endswith("A"):
        pil_image.putalpha(PILImage.fromarray(gradient()[..., 1]))
    pil_image.save(tmp_path / "in.jp2")
    image = read_image(tmp_path / "in.jp2")
    values = np.asarray(pil_image).reshape(16, 24, -1)
    assert np.array_equal(image.samples, values[..., : image.samples.shape[2]])
    assert (image.alpha is not None) == mode.endswith("A")
    assert not image.encoding.lossy
    pil_image.save(tmp_path / "lossy.jp2", irreversible=True)
    assert read_image(tmp_path / "lossy.jp2").encoding.lossy


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
def test_jpeg_2000_is_written_for_other_programs(channels: int, alpha: bool, tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    values = gradient()[..., :channels]
    metadata = Metadata(icc=SRGB if channels == 3 else None, resolution=(11.8, 5.9), xmp=b"<x/>")
    image = Image(samples=values, alpha=gradient()[..., 2] if alpha else None, metadata=metadata)
    write_image(tmp_path / "out.jp2", image)
    with PILImage.open(tmp_path / "out.jp2") as opened:
        assert opened.mode == ("L" if channels == 1 else "RGB") + "A" * alpha
        assert np.array_equal(np.asarray(opened).reshape(16, 24, -1)[..., :channels], values)
        assert opened.info["dpi"] == pytest.approx((11.8 * 25.4, 5.9 * 25.4), rel=1e-3)
    back = read_image(tmp_path / "out.jp2").metadata
    assert (back.icc, back.xmp) == (metadata.icc, metadata.xmp)
    assert back.resolution == pytest.approx(metadata.resolution)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_jpeg_2000_of_more_than_8_bits_keeps_them(bits: int, tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    levels = np.random.default_rng(0).integers(0, 1 << bits, (16, 24, 1)).astype(np.uint16)
    samples = stretched(levels << (16 - bits), bits)
    encoding = Encoding(bits=bits if bits < 16 else None)
    write_image(tmp_path / "out.jp2", Image(samples=samples, encoding=encoding))
    back = read_image(tmp_path / "out.jp2")
    assert np.array_equal(back.samples, samples)
    assert back.encoding.bits == encoding.bits


def test_a_profile_of_a_jpeg_2000_does_not_change_its_samples(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    values = np.random.default_rng(0).integers(0, 65536, (16, 24, 3)).astype(np.uint16)
    write_image(tmp_path / "out.jp2", Image(samples=values, metadata=Metadata(icc=SRGB)))
    assert np.array_equal(read_image(tmp_path / "out.jp2").samples, values)


# ---- JPEG XL --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (7, 13), (64, 64), (8, 16), (300, 400), (90, 160)])
@pytest.mark.parametrize("lossy", [False, True])
def test_the_header_of_a_jpeg_xl_gives_its_size(size: tuple[int, int], lossy: bool, tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    values: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    (tmp_path / "in.jxl").write_bytes(imagecodecs.jpegxl_encode(values, lossless=not lossy))
    image = read_image(tmp_path / "in.jxl")
    assert image.samples.shape == values.shape
    assert image.encoding.lossy == lossy
    assert lossy or np.array_equal(image.samples, values)


@pytest.mark.parametrize("content", [b"\xff\x0a", b"\xff\x0a\x30", b"\0\0\0\x0cJXL \r\n\x87\n"])
def test_a_broken_jpeg_xl_is_refused(content: bytes, tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    (tmp_path / "in.jxl").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_image(tmp_path / "in.jxl")


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("suffix", [".jp2", ".jxl"])
def test_a_truncated_file_is_refused(
    suffix: str, share: float, photo: NDArray[np.uint8], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("imagecodecs")
    path = tmp_path / f"cut{suffix}"
    write_image(path, Image(samples=photo))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError, match="cut"):
        read_image(path)
    assert capfd.readouterr() == ("", "")
