"""The laws of every format: what goes in comes out, or is refused in words."""

import math
import struct
import tempfile
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ImageCms

from pellucid.errors import UsageError
from pellucid.io.files import create_file, encode_image, image_source, open_image, read_image, write_image
from pellucid.io.format import LONGEST, Format
from pellucid.io.image import Encoding, Image, Metadata, stretched
from pellucid.io.registry import FORMATS, default_output, of_suffix, written

DTYPES = {8: "uint8", 10: "10 bit", 12: "12 bit", 16: "uint16", 32: "float32"}

MODULES = {"codecs": "imagecodecs", "heic": "pi_heif"}


def parameter(found: Format) -> Any:
    """A format as a test's parameter, skipped where its extra is not installed."""
    missing = found.needs is not None and find_spec(MODULES[found.needs]) is None
    skipped = pytest.mark.skipif(missing, reason=f"needs the extra {found.needs}")
    return pytest.param(found, id=found.name, marks=[skipped])


WRITTEN = [parameter(each) for each in written()]
EXACT = [parameter(each) for each in written() if each.lossless != "no"]
LOSSY = [parameter(each) for each in written() if each.lossless != "yes"]
ROOT = Path(__file__).parents[2]


def random_samples(random: np.random.Generator, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    if dtype == "float32":
        return (random.standard_normal(shape) * 3).astype(np.float32)
    if dtype.endswith("bit"):
        bits = int(dtype.split()[0])
        return stretched((random.integers(0, 1 << bits, shape) << (16 - bits)).astype(np.uint16), bits)
    return random.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


@st.composite
def images(draw: st.DrawFn, found: Format) -> Image:
    dtype = DTYPES[draw(st.sampled_from(found.depths))]
    side = st.one_of(st.integers(1, 3), st.integers(1, 40))
    height, width = draw(side), draw(side)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    channels = draw(st.sampled_from([1, 3]))
    has_alpha = found.alpha and draw(st.booleans())
    return Image(
        samples=random_samples(random, (height, width, channels), dtype),
        alpha=random_samples(random, (height, width), dtype) if has_alpha else None,
        encoding=Encoding(bits=int(dtype.split()[0]) if dtype.endswith("bit") else None),
    )


def there_and_back(found: Format, image: Image) -> Image:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "image" + found.suffixes[0])
        write_image(path, image)
        return read_image(path)


def as_written(found: Format, image: Image) -> NDArray[Any]:
    """The samples, with grey as equal red, green and blue where a format has colour only."""
    grey = found.grey and not (found.name == "bmp" and image.alpha is not None)
    samples = image.samples
    return samples if grey else np.broadcast_to(samples, (*samples.shape[:2], 3))


@pytest.mark.parametrize("found", EXACT)
def test_a_lossless_format_gives_back_the_very_samples(found: Format) -> None:
    @settings(max_examples=15 if found.name == "avif" else 30, deadline=None)
    @given(images(found))
    def law(image: Image) -> None:
        back = there_and_back(found, image)
        assert back.samples.dtype == image.samples.dtype
        assert np.array_equal(back.samples, as_written(found, image))
        if image.alpha is None:
            assert back.alpha is None
        else:
            assert back.alpha is not None
            assert np.array_equal(back.alpha, image.alpha)
        assert (back.encoding.format, back.depth, back.encoding.lossy) == (found.name, image.depth, False)

    law()


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "packbits", "lzma"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_lossless_tiff_compression_gives_back_the_very_samples(
    compression: str, tile: tuple[int, int] | None, dtype: str
) -> None:
    found = of_suffix("image.tif")
    assert found is not None
    samples = random_samples(np.random.default_rng(1), (37, 43, 3), dtype)
    encoding = Encoding(format="tiff", compression=compression, tile=tile)
    back = there_and_back(found, Image(samples=samples, encoding=encoding))
    assert np.array_equal(back.samples, samples)
    assert back.encoding == encoding


@pytest.mark.parametrize("found", LOSSY)
def test_a_lossy_format_stays_near_a_photograph(found: Format, photo: NDArray[np.uint8]) -> None:
    @settings(max_examples=15, deadline=None)
    @given(st.integers(1, 96), st.integers(1, 128), st.booleans())
    def law(height: int, width: int, grey: bool) -> None:
        samples = np.ascontiguousarray(photo[:height, :width, : 1 if grey else 3])
        back = there_and_back(found, Image(samples=samples, encoding=Encoding(lossy=True)))
        assert back.samples.shape[:2] == (height, width)
        error = float(np.mean((back.samples.astype(float) - samples) ** 2))
        assert 10 * math.log10(255**2 / max(error, 1e-9)) >= (25 if found.name == "gif" else 30)
        assert back.encoding.lossy or found.name == "gif"  # whose 256 colours are exact

    law()


# ---- regions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", WRITTEN)
def test_any_region_in_any_order_is_that_of_the_whole_image(
    found: Format, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / f"image{found.suffixes[0]}"
    write_image(path, Image(samples=photo, encoding=Encoding(tile=(16, 32))))
    whole = read_image(path).samples
    for data in (path, path.read_bytes()):
        with closing(open_image(data)) as source:
            assert (source.height, source.width, source.channels) == whole.shape
            for rows, columns in (
                (slice(0, 10), slice(0, 128)),
                (slice(10, 50), slice(5, 90)),
                (slice(90, 96), slice(127, 128)),
                (slice(3, 40), slice(31, 65)),
            ):
                assert np.array_equal(source.read(rows, columns), whole[rows, columns])


@pytest.mark.parametrize("found", WRITTEN)
@pytest.mark.parametrize("height", [1, 7, 64])
def test_rows_written_one_after_the_other_make_the_same_file(
    found: Format, height: int, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    image = Image(samples=photo)
    source = image_source(image)
    sink = create_file(tmp_path / f"rows{found.suffixes[0]}", source)
    for top in range(0, 96, height):
        sink.write(photo[top : top + height])
    assert not (tmp_path / f"rows{found.suffixes[0]}").exists()
    sink.commit()
    assert (tmp_path / f"rows{found.suffixes[0]}").read_bytes() == encode_image(image, found.name)


@pytest.mark.parametrize("found", WRITTEN)
def test_a_file_that_is_given_up_leaves_nothing(
    found: Format, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    sink = create_file(tmp_path / f"image{found.suffixes[0]}", image_source(Image(samples=photo)))
    sink.write(photo[:20])
    sink.abort()
    assert list(tmp_path.iterdir()) == []


# ---- metadata ------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", WRITTEN)
def test_profile_exif_xmp_and_resolution_travel_with_the_pixels_or_are_named(
    found: Format, caplog: pytest.LogCaptureFixture
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = bytes.fromhex("4d4d002a00000008 0001 010f0002 00000006 0000001a 00000000") + b"Maker\0"
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
    metadata = Metadata(icc=profile, exif=exif, xmp=xmp, resolution=(300 / 25.4, 150 / 25.4))
    back = there_and_back(found, Image(samples=np.zeros((4, 5, 3), np.uint8), metadata=metadata)).metadata
    assert back.icc == (profile if "icc" in found.carries else None)
    assert (back.xmp or b"").rstrip(b"\0") == (xmp if "xmp" in found.carries else b"")
    assert (b"Maker" in (back.exif or b"")) == ("exif" in found.carries)
    if "resolution" in found.carries:
        assert back.resolution == pytest.approx(metadata.resolution, rel=1e-3)
    for name in {"EXIF": "exif", "XMP": "xmp", "resolution": "resolution"}.items():
        assert (name[0] in caplog.text) == (name[1] not in found.carries)


def grey_profile() -> bytes:
    """Make the smallest ICC profile of a grey scale with gamma 2 (ICC.1:2001-04)."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 512) + b"\0\0"
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, 20, b"kTRC", 176, 14)
    body = tags + white + curve
    head = struct.pack(">I4sI", 128 + len(body), b"\0" * 4, 0x02400000) + b"mntrGRAYXYZ "
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + white[8:] + bytes(48)
    return head + body


@pytest.mark.parametrize("found", WRITTEN)
def test_a_grey_profile_is_kept_or_refused(found: Format) -> None:
    image = Image(samples=np.zeros((4, 5, 1), np.uint8), metadata=Metadata(icc=grey_profile()))
    if found.grey_profile:
        assert there_and_back(found, image).metadata.icc == grey_profile()
    else:
        with pytest.raises(UsageError, match="grey with a colour profile of its own"):
            there_and_back(found, image)


@pytest.mark.parametrize("found", WRITTEN)
def test_an_image_without_metadata_is_given_none(found: Format) -> None:
    back = there_and_back(found, Image(samples=np.zeros((4, 5, 3), np.uint8)))
    assert replace(back.metadata, resolution_unit="in", exif=None) == Metadata()
    assert not back.metadata.exif


@pytest.mark.parametrize("found", WRITTEN)
def test_a_second_round_trip_changes_nothing_but_lossy_samples(
    found: Format, photo: NDArray[np.uint8]
) -> None:
    first = there_and_back(found, Image(samples=photo, metadata=Metadata(resolution=(10.0, 10.0))))
    second = there_and_back(found, first)
    assert second.samples.shape == first.samples.shape
    assert (second.metadata, second.encoding) == (first.metadata, first.encoding)


@pytest.mark.parametrize("found", WRITTEN)
def test_an_rgb_image_with_equal_channels_stays_rgb(found: Format) -> None:
    samples = np.repeat(np.arange(64, dtype=np.uint8).reshape(8, 8, 1), 3, axis=2)
    assert there_and_back(found, Image(samples=samples)).samples.shape == (8, 8, 3)


# ---- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", WRITTEN)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("alpha", [False, True])
def test_what_a_format_cannot_hold_is_refused_with_those_that_can_and_nothing_is_written(
    found: Format, dtype: str, alpha: bool, tmp_path: Path
) -> None:
    image = Image(samples=np.zeros((4, 4, 3), dtype), alpha=np.zeros((4, 4), dtype) if alpha else None)
    able = [each for each in written() if image.depth in each.depths and (each.alpha or not alpha)]
    if found in able:
        write_image(tmp_path / f"out{found.suffixes[0]}", image)
        return
    words = f"{found.label} cannot hold .*Write {' or '.join(each.label for each in able)}"
    with pytest.raises(UsageError, match=words):
        write_image(tmp_path / f"out{found.suffixes[0]}", image)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("found", [parameter(each) for each in written() if each.longest < 100_000])
def test_a_side_too_long_for_a_format_is_refused(found: Format, tmp_path: Path) -> None:
    side = found.longest + 1
    with pytest.raises(UsageError, match=f"cannot hold {side} x 1 pixels"):
        write_image(tmp_path / f"out{found.suffixes[0]}", Image(samples=np.zeros((1, side, 1), np.uint8)))


# ---- the registry --------------------------------------------------------------------------------


def test_no_two_formats_share_a_name_or_a_suffix() -> None:
    suffixes = [suffix for each in FORMATS for suffix in each.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert len({each.name for each in FORMATS}) == len(FORMATS)
    assert all(of_suffix(f"IMAGE{suffix.upper()}") is not None for suffix in suffixes)


@pytest.mark.parametrize("found", [pytest.param(each, id=each.name) for each in FORMATS])
def test_the_default_output_of_every_format_can_be_written(found: Format) -> None:
    target = of_suffix(default_output(Path(f"image{found.suffixes[0]}")))
    assert target is not None
    assert target.is_written


@pytest.mark.parametrize("make", ["table", "stacks_table"])
def test_the_documentation_has_the_tables_of_all_formats(make: str) -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    expected = {"table": table, "stacks_table": stacks_table}[make]()
    assert expected in page, f"docs/formats.md should contain:\n\n{expected}"


def stacks_table() -> str:
    """The table of formats with many planes in docs/formats.md."""
    rows = [["format", "suffixes", "a folder", "extra"], ["---"] * 4]
    for each in FORMATS:
        if each.open_stack is not None:
            folder = "yes" if each.is_folder is not None else "no"
            rows.append(
                [each.label, " ".join(each.suffixes), folder, f"`{each.needs}`" if each.needs else ""]
            )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def table() -> str:
    """The table of formats in docs/formats.md."""
    titles = ["format", "suffixes", "bits per sample", "alpha", "grey", "lossless", "keeps", "longest side"]
    rows = [titles, ["---"] * len(titles)]
    names = {"icc": "ICC", "exif": "EXIF", "xmp": "XMP", "iptc": "IPTC", "cicp": "CICP"}
    for each in FORMATS:
        if each.open_stack is not None and each.create is None:
            continue
        bits = [str(bits) for bits in (*each.few_bits, *each.depths) if bits != 32]
        keeps = [words for name, words in names.items() if name in each.carries]
        keeps += ["further channels"] if each.extra_channels else []
        notes = ["read only"] if each.create is None else []
        notes += [f"extra `{each.needs}`"] if each.needs else []
        rows.append(
            [
                f"{each.label} ({', '.join(notes)})" if notes else each.label,
                " ".join(each.suffixes),
                ", ".join([*bits, *(["float"] if 32 in each.depths else [])]),
                "yes" if each.alpha else "no",
                "yes" if each.grey else "as RGB",
                each.lossless,
                ", ".join(keeps) or "nothing",
                "any" if each.longest == LONGEST else f"{each.longest:,}",
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
