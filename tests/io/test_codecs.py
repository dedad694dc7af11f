import base64
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageCms, ImageOps, PngImagePlugin

from pellucid.errors import LimitError, UsageError
from pellucid.io.files import read_image, write_image
from pellucid.io.image import Encoding, Image, Metadata
from tests.images import Make, again, gradient, refused


def profile(space: Any) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()


TABLE_BROKEN = profile("sRGB")[:132] + b"\xff" * 60 + profile("sRGB")[192:]

# 24 x 16 pixels, made for this test with pillow-heif. Its EXIF asks for a turn, which HEIC says otherwise.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAb1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA"
    "ADRpbG9jAAAAAERAAAIAAQAAAAAB4QABAAAAAAAAAGQAAgAAAAACRQABAAAAAAAAADYAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAA"
    "kAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq"
    "rprm4CGgwIAAAAyAAAADAIRiAAEABkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFw"
    "AAAAGAAAAAEAAAAQAAAAAf///9gAAAAC////0AAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAA"
    "GmlyZWYAAAAAAAAADmNkc2MAAgABAAEAAACibWRhdAAAAGAoAa8JyGuVJj3sjvCuCT/0GaJm5hu1Nr0qtTSnfWyUjDFkvH2uURDW"
    "b3CXICylJMDKYfs4NzR9/iDWGXmwRfdlhEy7gJtGtw2GoOHE0FhPPpWl+mDgA9DNoh9ltkzbaDwAAAAGRXhpZgAATU0AKgAAAAgA"
    "AgEPAAIAAAAGAAAAJgESAAMAAAABAAYAAAAAAABNYWtlcgA="
)


# ---- several images in one file ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["moving.png", "moving.webp", "moving.avif", "pages.tif"])
def test_a_file_with_several_images_is_refused(name: str, pillow_file: Make) -> None:
    frames = [PILImage.fromarray(gradient() // divisor) for divisor in (1, 2, 3)]
    path = pillow_file(name, frames[0], save_all=True, append_images=frames[1:])
    refused(path, "several images or an animation|more than one page")


def test_a_phone_image_with_a_second_image_behind_is_read_with_a_warning(
    photo: NDArray[np.uint8], pillow_file: Make, caplog: pytest.LogCaptureFixture
) -> None:
    frame = PILImage.fromarray(photo)
    path = pillow_file("phone.jpg", frame, format="MPO", save_all=True, append_images=[frame.resize((8, 8))])
    assert read_image(path).samples.shape == photo.shape
    assert "only the first image is read" in caplog.text


# ---- upright -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_turned_upright_and_the_tag_says_so(
    suffix: str, orientation: int, pillow_file: Make, tmp_path: Path
) -> None:
    exif = PILImage.Exif()
    exif[274], exif[271] = orientation, "Maker"
    exact: dict[str, dict[str, Any]] = {
        ".jpg": {"quality": 100, "subsampling": 0},
        ".webp": {"lossless": True},
        ".avif": {"quality": 100, "subsampling": "4:4:4"},
    }
    options = exact.get(suffix, {})
    options["tiffinfo" if suffix == ".tif" else "exif"] = exif
    path = pillow_file("turned" + suffix, gradient(), **options)
    with PILImage.open(path) as opened:
        upright = ImageOps.exif_transpose(opened)
        expected = np.asarray(upright).astype(int)
    image = read_image(path)
    assert image.samples.shape == expected.shape
    assert np.abs(image.samples - expected).max() <= (3 if suffix in (".jpg", ".avif") else 0)
    for other in (suffix, ".png", ".tif", ".avif"):
        out = tmp_path / f"out{other}"
        back = again(image, out)
        assert back.samples.shape == expected.shape
        with PILImage.open(out) as opened:
            assert opened.getexif().get(274, 1) == 1
            assert opened.getexif()[271].rstrip("\0") == "Maker"


def test_the_orientation_in_xmp_is_made_upright_too(pillow_file: Make) -> None:
    exif = PILImage.Exif()
    exif[274] = 6
    xmp = b'<r xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    image = read_image(pillow_file("turned.jpg", gradient(), exif=exif, xmp=xmp))
    assert b'tiff:Orientation="1"' in (image.metadata.xmp or b"")


def test_size_and_resolution_turn_with_the_image(pillow_file: Make) -> None:
    exif = PILImage.Exif()
    exif[274] = 6
    exif.get_ifd(0x8769).update({0xA002: 24, 0xA003: 16})
    path = pillow_file("turned.jpg", gradient(), exif=exif, dpi=(100, 200))
    image = read_image(path)
    assert image.metadata.resolution == pytest.approx((200 / 25.4, 100 / 25.4))
    written = PILImage.Exif()
    written.load(image.metadata.exif or b"")
    assert (written.get_ifd(0x8769)[0xA002], written.get_ifd(0x8769)[0xA003]) == (16, 24)


# ---- JPEG ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("quality", [1, 10, 30, 50, 51, 75, 90, 95, 100])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_jpeg_is_written_at_its_own_quality_and_subsampling(
    quality: int, subsampling: str, photo: NDArray[np.uint8], pillow_file: Make, tmp_path: Path
) -> None:
    image = read_image(pillow_file("in.jpg", photo, quality=quality, subsampling=subsampling))
    assert image.encoding.quality == quality
    assert image.encoding.subsampled == (subsampling == "4:2:0")
    back = again(image, tmp_path / "out.jpg")
    assert (back.encoding.quality, back.encoding.subsampled) == (
        image.encoding.quality,
        image.encoding.subsampled,
    )


def test_a_jpeg_with_tables_of_its_own_is_written_with_finer_ones(
    photo: NDArray[np.uint8], pillow_file: Make, tmp_path: Path
) -> None:
    tables = [[7] * 64, [9] * 64]
    write_image(tmp_path / "out.jpg", read_image(pillow_file("in.jpg", photo, qtables=tables)))
    with PILImage.open(tmp_path / "out.jpg") as out:
        written = out.quantization  # type: ignore[attr-defined]
    assert max(written[0]) <= 7
    assert max(written[1]) <= 9


def test_another_image_becomes_a_jpeg_of_good_quality(pillow_file: Make, tmp_path: Path) -> None:
    back = again(read_image(pillow_file("in.png", gradient())), tmp_path / "out.jpg")
    assert (back.encoding.quality, back.encoding.subsampled) == (95, False)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_progressive_jpeg_and_bytes_behind_the_end_do_no_harm(
    mode: str, photo: NDArray[np.uint8], pillow_file: Make
) -> None:
    pil_image = PILImage.fromarray(photo).convert(mode)
    path = pillow_file("progressive.jpg", pil_image, progressive=True, quality=95)
    plain = read_image(path).samples
    path.write_bytes(path.read_bytes() + b"junk" * 100)
    assert np.array_equal(read_image(path).samples, plain)
    assert plain.shape[2] == len(mode)


def test_comments_and_long_xmp_of_a_jpeg_are_kept(pillow_file: Make, tmp_path: Path) -> None:
    path = pillow_file("in.jpg", gradient(), comment="a comment")
    content = path.read_bytes()
    part = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", 4, 0) + b"more"
    path.write_bytes(content[:2] + b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part + content[2:])
    write_image(tmp_path / "out.jpg", read_image(path))
    assert part in (tmp_path / "out.jpg").read_bytes()
    with PILImage.open(tmp_path / "out.jpg") as out:
        assert out.info["comment"] == b"a comment"


def test_the_exif_of_a_jpeg_comes_back_byte_for_byte(pillow_file: Make, tmp_path: Path) -> None:
    exif = PILImage.Exif()
    exif[271] = "Maker"
    exif.get_ifd(0x8769).update({33434: 0.02, 37500: b"a maker's note" * 99, 37510: b"ASCII\0\0\0hello"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 1.0, 2.0)})
    path = pillow_file("in.jpg", gradient(), exif=exif)
    with PILImage.open(path) as opened:
        expected = opened.info["exif"]
    for suffix in (".jpg", ".png", ".webp", ".avif"):
        out = tmp_path / f"out{suffix}"
        write_image(out, read_image(path))
        with PILImage.open(out) as opened:
            assert opened.info["exif"].removeprefix(b"Exif\0\0") == expected.removeprefix(b"Exif\0\0")


def test_exif_too_long_for_a_jpeg_is_refused(tmp_path: Path) -> None:
    image = Image(samples=gradient(), metadata=Metadata(exif=bytes(70_000)))
    with pytest.raises(UsageError, match="JPEG cannot hold 70,000 bytes of EXIF"):
        write_image(tmp_path / "out.jpg", image)


def test_a_jpeg_with_damage_in_its_middle_is_read_with_a_warning(
    photo: NDArray[np.uint8], pillow_file: Make, caplog: pytest.LogCaptureFixture
) -> None:
    path = pillow_file("damaged.jpg", photo)
    content = bytearray(path.read_bytes())
    content[-900:-880] = b"\xff" * 20
    path.write_bytes(content)
    assert read_image(path).samples.shape == photo.shape
    assert "is damaged" in caplog.text


@pytest.mark.parametrize(
    "profile", [b"garbage", profile("LAB"), profile("sRGB")[:300], b"junk" + profile("sRGB"), TABLE_BROKEN]
)
def test_a_profile_that_is_broken_or_of_other_colours_is_left_out_with_a_warning(
    profile: bytes, pillow_file: Make, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    image = read_image(pillow_file("in.jpg", gradient(), icc_profile=profile))
    assert image.metadata.icc is None
    again(image, tmp_path / "out.png")
    assert "profile is broken or of other colours" in caplog.text


@pytest.mark.parametrize("name", ["in.png", "in.jpg", "in.tif", "in.webp"])
def test_a_profile_that_is_padded_is_kept(name: str, pillow_file: Make, tmp_path: Path) -> None:
    srgb = profile("sRGB")
    image = read_image(pillow_file(name, gradient(), icc_profile=srgb + b"\0\0\0"))
    assert image.metadata.icc == srgb
    for suffix in (".png", ".jpg", ".tif", ".webp", ".avif"):
        write_image(tmp_path / f"out{suffix}", image)
        with PILImage.open(tmp_path / f"out{suffix}") as opened:
            assert opened.info["icc_profile"] == srgb


def test_a_profile_that_libpng_does_not_like_is_kept(pillow_file: Make, tmp_path: Path) -> None:
    strange = bytearray(profile("sRGB"))
    strange[64:68] = b"\0\0\0\x09"  # a rendering intent that there is not
    image = read_image(pillow_file("in.png", gradient(), icc_profile=bytes(strange)))
    assert image.metadata.icc == bytes(strange)
    assert again(image, tmp_path / "out.png").metadata.icc == bytes(strange)


def test_a_profile_that_libpng_drops_is_told_too(pillow_file: Make, caplog: pytest.LogCaptureFixture) -> None:
    image = read_image(pillow_file("grey.png", gradient()[..., 0], icc_profile=profile("sRGB")))
    assert image.metadata.icc is None
    assert "profile is broken or of other colours" in caplog.text


def test_a_jpeg_that_holds_red_green_and_blue_as_they_are_is_read(pillow_file: Make) -> None:
    path = pillow_file("rgb.jpg", gradient(), quality=100, subsampling=0, keep_rgb=True)
    assert np.abs(read_image(path).samples - gradient().astype(int)).max() <= 1


# ---- CMYK ----------------------------------------------------------------------------------------


def cmyk(red: int, green: int, blue: int) -> PILImage.Image:
    ink = np.zeros((8, 8, 4), np.uint8)
    ink[..., :3] = (255 - red, 255 - green, 255 - blue)
    return PILImage.frombytes("CMYK", (8, 8), ink.tobytes())


@pytest.mark.parametrize("name", ["ink.jpg", "ink.tif"])
def test_cmyk_is_worked_on_and_written_as_srgb(
    name: str, pillow_file: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    white, red = (read_image(pillow_file(name, cmyk(*c))) for c in ((255, 255, 255), (255, 0, 0)))
    assert "CMYK is converted to sRGB, and written as sRGB if anything changes" in caplog.text
    assert white.samples.min() > 245
    r, g, b = red.samples[4, 4].astype(int)
    assert r > 180
    assert max(g, b) < 100
    assert red.metadata.icc is not None
    assert again(red, tmp_path / f"out{name[3:]}").samples.shape == (8, 8, 3)


def test_cmyk_of_sixteen_bits_stays_at_sixteen(tiff_file: Make) -> None:
    image = read_image(tiff_file(np.zeros((4, 4, 4), np.uint16), photometric="separated"))
    assert image.samples.dtype == np.uint16
    assert image.samples.shape == (4, 4, 3)
    assert image.samples.min() > 64_000


# ---- PNG -----------------------------------------------------------------------------------------


def test_a_palette_becomes_rgb_and_transparent_entries_become_alpha(pillow_file: Make) -> None:
    pil_image = PILImage.fromarray(gradient()).quantize(8)
    expected = np.asarray(pil_image.convert("RGB"))
    plain = read_image(pillow_file("plain.png", pil_image))
    assert np.array_equal(plain.samples, expected)
    assert (plain.alpha, plain.encoding.bits) == (None, None)
    see_through = read_image(pillow_file("clear.png", pil_image, transparency=0))
    assert see_through.alpha is not None
    assert np.array_equal(see_through.alpha == 0, np.asarray(pil_image) == 0)


def test_a_transparent_colour_becomes_alpha(pillow_file: Make) -> None:
    image = read_image(pillow_file("clear.png", gradient(), transparency=tuple(gradient()[3, 4].tolist())))
    assert image.alpha is not None
    assert np.argwhere(image.alpha == 0).tolist() == [[3, 4]]


def test_grey_with_alpha_stays_grey_with_alpha(pillow_file: Make, tmp_path: Path) -> None:
    image = read_image(pillow_file("in.png", PILImage.fromarray(gradient()).convert("LA")))
    for suffix in (".png", ".tif"):
        back = again(image, tmp_path / f"out{suffix}")
        assert back.samples.shape == (16, 24, 1)
        assert back.alpha is not None


@pytest.mark.parametrize("name", ["fax.png", "fax.tif"])
def test_one_bit_stays_one_bit_while_the_pixels_allow_it(
    name: str, pillow_file: Make, tmp_path: Path
) -> None:
    pil_image = PILImage.fromarray(gradient()[..., 0] > 90)
    image = read_image(pillow_file(name, pil_image))
    assert image.encoding.bits == 1
    assert image.samples.dtype == np.uint8
    assert set(np.unique(image.samples)) == {0, 255}
    for suffix in (".png", ".tif"):
        out = tmp_path / f"out{suffix}"
        back = again(image, out)
        assert (back.encoding.bits, np.array_equal(back.samples, image.samples)) == (1, True)
        with PILImage.open(out) as opened:
            assert opened.mode == "1"
        smooth = image.samples.copy()
        smooth[0, 0] = 77
        assert again(image.with_samples(smooth), out).samples[0, 0] == 77


@pytest.mark.parametrize("bits", [2, 4])
def test_few_bits_of_grey_stay_few_while_the_pixels_allow_it(bits: int, tmp_path: Path) -> None:
    levels = np.arange(2**bits, dtype=np.uint8) * (255 // (2**bits - 1))
    image = Image(samples=np.tile(levels, (3, 1))[..., None], encoding=Encoding(bits=bits))
    for suffix in (".png", ".tif"):
        back = again(image, tmp_path / f"out{suffix}")
        assert (back.encoding.bits, np.array_equal(back.samples, image.samples)) == (bits, True)


def test_text_time_and_gamma_of_a_png_are_kept(pillow_file: Make, tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "A title")
    info.add_itxt("Comment", "日本語", zip=True)
    info.add(b"gAMA", struct.pack(">I", 100_000))
    info.add(b"tIME", bytes([7, 230, 1, 2, 3, 4, 5]))
    out = tmp_path / "out.png"
    write_image(out, read_image(pillow_file("in.png", gradient(), pnginfo=info)))
    with PILImage.open(out) as opened:
        assert opened.text == {"Title": "A title", "Comment": "日本語"}  # type: ignore[attr-defined]
        assert opened.info["gamma"] == 1.0
    assert b"tIME" in out.read_bytes()


def test_texts_that_a_format_cannot_hold_are_named_in_a_warning(
    pillow_file: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "A title")
    image = read_image(pillow_file("in.png", gradient(), pnginfo=info))
    write_image(tmp_path / "out.jpg", image)
    assert "JPEG cannot hold the PNG text of the original" in caplog.text


# ---- WebP, AVIF, HEIC ----------------------------------------------------------------------------


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_stays_lossless_or_lossy(
    lossless: bool, photo: NDArray[np.uint8], pillow_file: Make, tmp_path: Path
) -> None:
    image = read_image(pillow_file("in.webp", photo, lossless=lossless, quality=80))
    assert image.encoding.lossy != lossless
    back = again(image, tmp_path / "out.webp")
    assert back.encoding.lossy != lossless
    assert np.array_equal(back.samples, image.samples) == lossless


@pytest.mark.parametrize("bits", [10, 12])
def test_avif_of_ten_and_twelve_bits_rounds_to_the_nearest_level(bits: int, tmp_path: Path) -> None:
    samples = np.arange(0, 65536, 37, dtype=np.uint16)[: 40 * 44].reshape(40, 44, 1).repeat(3, axis=2)
    back = again(Image(samples=samples, encoding=Encoding(bits=bits)), tmp_path / "out.avif")
    assert back.encoding.bits == bits
    assert back.samples.dtype == np.uint16
    step = 1 << (16 - bits)
    below_the_top = samples < 65535 - step
    error = back.samples.astype(int) - samples
    assert np.abs(error[below_the_top]).max() <= step // 2


def test_heic_is_read_upright_and_offered_as_avif(tmp_path: Path) -> None:
    path = tmp_path / "in.heic"
    path.write_bytes(HEIC)
    image = read_image(path)
    assert (image.encoding.format, image.encoding.lossy, image.samples.shape) == ("heic", True, (16, 24, 3))
    assert np.abs(image.samples - gradient().astype(int)).mean() < 5
    exif = PILImage.Exif()
    exif.load(image.metadata.exif or b"")
    assert (exif[271], exif[274]) == ("Maker", 1)
    assert again(image, tmp_path / "out.avif").samples.shape == (16, 24, 3)
    with pytest.raises(UsageError, match=r"HEIC is read but not written\. Write AVIF"):
        write_image(tmp_path / "out.heic", image)
    with pytest.raises(LimitError, match="24 x 16"):
        read_image(path, max_pixels=100)
    path.write_bytes(HEIC[:-100])
    refused(path, "broken HEIC")


def test_without_pi_heif_the_error_says_how_to_install_it(tmp_path: Path) -> None:
    path = tmp_path / "in.heic"
    path.write_bytes(HEIC)
    script = (
        "import sys; sys.modules['pi_heif'] = None\n"
        "from pellucid.io.files import read_image\n"
        "read_image(sys.argv[1])\n"
    )
    result = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert 'pip install "pellucid[heic]"' in result.stderr
