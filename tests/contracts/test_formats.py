"""The laws of every format: what goes in comes out, or is refused in words."""

import math
import struct
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ImageCms

from pellucid.errors import UsageError
from pellucid.io.files import read_image, write_image
from pellucid.io.image import Encoding, Image, Metadata, stretched

SUFFIX = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif", "webp": ".webp", "avif": ".avif"}
HOLDS = {
    "png": ["uint8", "uint16"],
    "tiff": ["uint8", "uint16", "float32"],
    "webp": ["uint8"],
    "avif": ["uint8", "10 bit", "12 bit"],
}
GREY = ("png", "tiff", "jpeg")  # the others keep grey as equal red, green and blue
SIDES = st.one_of(st.integers(1, 3), st.integers(1, 40))


def random_samples(random: np.random.Generator, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    if dtype == "float32":
        return (random.standard_normal(shape) * 3).astype(np.float32)
    if dtype.endswith("bit"):
        bits = int(dtype.split()[0])
        return stretched((random.integers(0, 1 << bits, shape) << (16 - bits)).astype(np.uint16), bits)
    return random.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


@st.composite
def images(draw: st.DrawFn, kind: str) -> Image:
    dtype = draw(st.sampled_from(HOLDS[kind]))
    height, width = draw(SIDES), draw(SIDES)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    channels = draw(st.sampled_from([1, 3]))
    return Image(
        samples=random_samples(random, (height, width, channels), dtype),
        alpha=random_samples(random, (height, width), dtype) if draw(st.booleans()) else None,
        encoding=Encoding(bits=int(dtype.split()[0]) if dtype.endswith("bit") else None),
    )


def there_and_back(kind: str, image: Image) -> Image:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image" + SUFFIX[kind])
        write_image(path, image)
        return read_image(path)


@pytest.mark.parametrize("kind", ["png", "tiff", "webp", "avif"])
def test_a_lossless_format_gives_back_the_very_samples(kind: str) -> None:
    @settings(max_examples=15 if kind == "avif" else 40, deadline=None)
    @given(images(kind))
    def law(image: Image) -> None:
        back = there_and_back(kind, image)
        samples = image.samples
        if kind not in GREY:
            samples = np.broadcast_to(samples, (*samples.shape[:2], 3))
        assert back.samples.dtype == samples.dtype
        assert np.array_equal(back.samples, samples)
        if image.alpha is None:
            assert back.alpha is None
        else:
            assert back.alpha is not None
            assert np.array_equal(back.alpha, image.alpha)
        assert (back.encoding.format, back.depth, back.encoding.lossy) == (kind, image.depth, False)

    law()


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "packbits"])
@pytest.mark.parametrize("dtype", HOLDS["tiff"])
def test_every_lossless_tiff_compression_gives_back_the_very_samples(compression: str, dtype: str) -> None:
    samples = random_samples(np.random.default_rng(1), (37, 23, 3), dtype)
    back = there_and_back(
        "tiff", Image(samples=samples, encoding=Encoding(format="tiff", compression=compression))
    )
    assert np.array_equal(back.samples, samples)
    assert back.encoding.compression == compression


@pytest.mark.parametrize(("kind", "lowest"), [("jpeg", 30), ("webp", 30), ("avif", 30)])
def test_a_lossy_format_stays_near_a_photograph(kind: str, lowest: float, photo: NDArray[np.uint8]) -> None:
    @settings(max_examples=15, deadline=None)
    @given(st.integers(1, 96), st.integers(1, 128), st.booleans())
    def law(height: int, width: int, grey: bool) -> None:
        samples = np.ascontiguousarray(photo[:height, :width, : 1 if grey else 3])
        back = there_and_back(kind, Image(samples=samples, encoding=Encoding(lossy=True)))
        assert back.samples.shape[:2] == (height, width)
        error = float(np.mean((back.samples.astype(float) - samples) ** 2))
        assert 10 * math.log10(255**2 / max(error, 1e-9)) >= lowest
        assert back.encoding.lossy

    law()


@pytest.mark.parametrize("kind", SUFFIX)
def test_profile_exif_xmp_and_resolution_travel_with_the_pixels(kind: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = bytes.fromhex("4d4d002a00000008 0001 010f0002 00000006 0000001a 00000000") + b"Maker\0"
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
    image = Image(
        samples=np.zeros((4, 5, 3), np.uint8),
        metadata=Metadata(icc=profile, exif=exif, xmp=xmp, resolution=(300 / 25.4, 150 / 25.4)),
    )
    back = there_and_back(kind, image)
    assert back.metadata.icc == profile
    assert back.metadata.xmp is not None
    assert back.metadata.xmp.rstrip(b"\0") == xmp
    assert b"Maker" in (back.metadata.exif or b"")
    assert back.metadata.resolution == pytest.approx(image.metadata.resolution, rel=1e-4)


def grey_profile() -> bytes:
    """Make the smallest ICC profile of a grey scale with gamma 2 (ICC.1:2001-04)."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 512) + b"\0\0"
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"kTRC", 176, 14)
    body = tags + white + curve
    head = struct.pack(">I4sI", 128 + len(body), b"\0" * 4, 0x02400000) + b"mntrGRAYXYZ "
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + white[8:] + bytes(48)
    return head + body


@pytest.mark.parametrize("kind", SUFFIX)
def test_a_grey_profile_is_kept_or_refused(kind: str) -> None:
    image = Image(samples=np.zeros((4, 5, 1), np.uint8), metadata=Metadata(icc=grey_profile()))
    if kind in GREY:
        assert there_and_back(kind, image).metadata.icc == grey_profile()
    else:
        with pytest.raises(UsageError, match="grey with a colour profile of its own"):
            there_and_back(kind, image)


@pytest.mark.parametrize("kind", SUFFIX)
def test_a_image_without_metadata_is_given_none(kind: str) -> None:
    back = there_and_back(kind, Image(samples=np.zeros((4, 5, 3), np.uint8)))
    assert back.metadata.icc is None
    assert replace(back.metadata, resolution_unit="in", exif=None) == Metadata()
    assert not back.metadata.exif


@pytest.mark.parametrize("kind", SUFFIX)
def test_a_second_round_trip_changes_nothing_but_lossy_samples(kind: str, photo: NDArray[np.uint8]) -> None:
    first = there_and_back(kind, Image(samples=photo, metadata=Metadata(resolution=(10.0, 10.0))))
    second = there_and_back(kind, first)
    assert second.samples.shape == first.samples.shape
    assert (second.encoding.quality, second.encoding.subsampled, second.encoding.lossy) == (
        first.encoding.quality,
        first.encoding.subsampled,
        first.encoding.lossy,
    )
    assert (second.metadata, second.encoding) == (first.metadata, first.encoding)


@pytest.mark.parametrize("kind", ["png", "tiff", "jpeg", "webp", "avif"])
def test_a_rgb_image_with_equal_channels_stays_rgb(kind: str) -> None:
    samples = np.repeat(np.arange(64, dtype=np.uint8).reshape(8, 8, 1), 3, axis=2)
    assert there_and_back(kind, Image(samples=samples)).samples.shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("kind", "dtype", "alpha", "words"),
    [
        ("jpeg", "uint16", False, "JPEG cannot hold 16-bit samples. Write PNG or TIFF"),
        ("jpeg", "float32", False, "JPEG cannot hold floating-point samples. Write TIFF"),
        (
            "jpeg",
            "uint8",
            True,
            r"JPEG cannot hold transparency \(alpha\). Write PNG or TIFF or WebP or AVIF",
        ),
        ("png", "float32", False, "PNG cannot hold floating-point samples. Write TIFF"),
        ("webp", "uint16", False, "WebP cannot hold 16-bit samples. Write PNG or TIFF"),
        ("webp", "float32", True, "WebP cannot hold floating-point samples. Write TIFF"),
        ("avif", "uint16", False, "AVIF cannot hold 16-bit samples. Write PNG or TIFF"),
        ("avif", "float32", False, "AVIF cannot hold floating-point samples. Write TIFF"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_in_words_and_nothing_is_written(
    kind: str, dtype: str, alpha: bool, words: str, tmp_path: Path
) -> None:
    image = Image(samples=np.zeros((4, 4, 3), dtype), alpha=np.zeros((4, 4), dtype) if alpha else None)
    with pytest.raises(UsageError, match=words):
        write_image(tmp_path / f"out{SUFFIX[kind]}", image)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "side"), [("jpeg", 65_536), ("webp", 16_384), ("avif", 16_385)])
def test_a_side_too_long_for_a_format_is_refused(kind: str, side: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"cannot hold {side} x 1 pixels"):
        write_image(tmp_path / f"out{SUFFIX[kind]}", Image(samples=np.zeros((1, side, 1), np.uint8)))
