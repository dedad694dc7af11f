"""What colours mean is kept in the same format, converted to a profile, or refused; never silently sRGB."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import ImageCms

from pellucid.errors import UsageError
from pellucid.io.colour import Colorimetry, cicp_profile
from pellucid.io.files import read_image, write_image
from pellucid.io.image import Cicp, Image, Metadata
from tests.images import gradient

HDR = Cicp(9, 16, 9, True)
P3 = Cicp(12, 13, 0, True)
LINEAR = Colorimetry(gamma=100_000)


def png_with(path: Path, *chunks: tuple[bytes, bytes]) -> Path:
    """Write a PNG with more chunks behind its header."""
    buffer = io.BytesIO()
    PILImage.fromarray(gradient()).save(buffer, "PNG")
    content, more = buffer.getvalue(), b""
    for name, data in chunks:
        more += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(content[:33] + more + content[33:])
    return path


def avif_points(path: Path) -> tuple[int, ...]:
    content = path.read_bytes()
    place = content.index(b"colrnclx") + 8
    return struct.unpack(">HH", content[place : place + 4])


def shown(profile: bytes, colour: tuple[int, int, int]) -> NDArray[np.int64]:
    """Convert one colour to sRGB with Little CMS."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    pixel = PILImage.new("RGB", (1, 1), colour)
    converted: Any = ImageCms.profileToProfile(pixel, source, ImageCms.createProfile("sRGB"))
    return np.array(converted.getpixel((0, 0)), np.int64)


@pytest.mark.parametrize("lossy", [False, True])
def test_code_points_of_a_png_and_an_avif_stay(lossy: bool, tmp_path: Path) -> None:
    from dataclasses import replace

    path = png_with(tmp_path / "in.png", (b"cICP", bytes([9, 16, 0, 1])))
    image = read_image(path)
    assert image.metadata.cicp is not None
    image = replace(image, encoding=replace(image.encoding, lossy=lossy))
    write_image(tmp_path / "out.avif", image)
    assert avif_points(tmp_path / "out.avif") == (9, 16)
    with PILImage.open(tmp_path / "out.avif") as opened:  # which decodes it all the same
        assert np.abs(np.asarray(opened).astype(int) - gradient()).max() <= (12 if lossy else 0)
    write_image(tmp_path / "out.png", read_image(tmp_path / "out.avif"))
    assert b"cICP\x09\x10\x00\x01" in (tmp_path / "out.png").read_bytes()


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp", ".gif", ".ppm"])
def test_hdr_is_refused_where_it_cannot_be_described(suffix: str, tmp_path: Path) -> None:
    image = Image(samples=gradient(), metadata=Metadata(cicp=HDR))
    with pytest.raises(UsageError, match="not sRGB"):
        write_image(tmp_path / f"out{suffix}", image)


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp", ".bmp"])
def test_display_p3_becomes_a_profile_elsewhere(suffix: str, tmp_path: Path) -> None:
    write_image(tmp_path / f"out{suffix}", Image(samples=gradient(), metadata=Metadata(cicp=P3)))
    profile = read_image(tmp_path / f"out{suffix}").metadata.icc
    assert profile is not None
    assert shown(profile, (200, 200, 200)) == pytest.approx([200, 200, 200], abs=1)
    # P3's (255, 80, 80) is redder than sRGB can show; the reference is the CSS Color 4 conversion.
    assert shown(profile, (200, 100, 100)) == pytest.approx([215, 94, 97], abs=2)


def test_srgb_by_any_description_needs_no_profile(tmp_path: Path) -> None:
    for number, metadata in enumerate(
        [Metadata(cicp=Cicp(1, 13)), Metadata(colorimetry=Colorimetry(gamma=45455))]
    ):
        write_image(tmp_path / f"{number}.ppm", Image(samples=gradient(), metadata=metadata))
        write_image(tmp_path / f"{number}.jpg", Image(samples=gradient(), metadata=metadata))
        assert read_image(tmp_path / f"{number}.jpg").metadata.icc is None


def test_gamma_and_chromaticities_stay_in_a_png(tmp_path: Path) -> None:
    points = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)  # of Adobe RGB
    chunks = ((b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(">8I", *points)))
    path = png_with(tmp_path / "in.png", *chunks)
    write_image(tmp_path / "out.png", read_image(path))
    content = (tmp_path / "out.png").read_bytes()
    assert all(name + data in content for name, data in chunks)


def test_a_linear_png_becomes_a_jpeg_with_a_linear_profile(tmp_path: Path) -> None:
    path = png_with(tmp_path / "in.png", (b"gAMA", struct.pack(">I", 100_000)))
    write_image(tmp_path / "out.jpg", read_image(path))
    profile = read_image(tmp_path / "out.jpg").metadata.icc
    assert profile is not None
    assert shown(profile, (55, 55, 55)) == pytest.approx([128, 128, 128], abs=1)  # 0.216 is sRGB's 0.5


@pytest.mark.parametrize("primaries", [1, 5, 6, 9, 11, 12])
@pytest.mark.parametrize("transfer", [1, 4, 5, 8, 13])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_profile_of_code_points_keeps_white_and_black(
    primaries: int, transfer: int, channels: int
) -> None:
    profile = cicp_profile(primaries, transfer, channels)
    assert profile is not None
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    mode = "L" if channels == 1 else "RGB"
    for level in (0, 255):
        pixel = PILImage.new(mode, (1, 1), level if channels == 1 else (level,) * 3)
        target = ImageCms.createProfile("sRGB")
        converted: Any = ImageCms.profileToProfile(pixel, source, target, outputMode="RGB")
        assert converted.getpixel((0, 0)) == pytest.approx((level,) * 3, abs=1)


@pytest.mark.parametrize("points", [(0,) * 8, (31270, 0, 64000, 33000, 30000, 60000, 15000, 6000)])
def test_chromaticities_without_a_meaning_are_refused(points: tuple[int, ...], tmp_path: Path) -> None:
    metadata = Metadata(colorimetry=Colorimetry(gamma=100_000, points=points))
    with pytest.raises(UsageError, match="not sRGB"):
        write_image(tmp_path / "out.jpg", Image(samples=gradient(), metadata=metadata))
    write_image(tmp_path / "out.png", Image(samples=gradient(), metadata=metadata))


def test_a_profile_other_than_srgb_is_refused_where_there_is_no_place_for_it(tmp_path: Path) -> None:
    profile = cicp_profile(12, 13, 3)
    image = Image(samples=gradient(), metadata=Metadata(icc=profile))
    with pytest.raises(UsageError, match="colour profile"):
        write_image(tmp_path / "out.ppm", image)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    write_image(tmp_path / "out.ppm", Image(samples=gradient(), metadata=Metadata(icc=srgb)))


def test_premultiplied_colours_of_an_avif_are_divided(tmp_path: Path) -> None:
    values = np.dstack([gradient(), np.full((16, 24), 128, np.uint8)])
    path = tmp_path / "in.avif"
    PILImage.fromarray(values).save(path, quality=100, subsampling="4:4:4", alpha_premultiplied=True)
    image = read_image(path)
    assert image.alpha is not None
    assert np.array_equal(image.alpha, values[..., 3])
    assert np.abs(image.samples - gradient().astype(int)).max() <= 6
