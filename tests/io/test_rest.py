"""Everything in a file is looked at: it is carried, or named in a warning, or the file is refused."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import PngImagePlugin

from pellucid.io.files import read_image, write_image
from tests.images import Make, gradient, refused

XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:G="http://ns.google.com/photos/1.0/camera/" G:MotionPhoto="1" G:MotionPhotoVersion='1'
xmlns:C="http://ns.google.com/photos/1.0/container/" xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/"
h:Version="1.0" G:SpecialTypeID="x"><C:Directory><rdf:Seq><rdf:li C:Item="a"/></rdf:Seq></C:Directory>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
FILM = b"\0\0\0\x18ftypmp42" + b"film" * 1000


def segment(marker: int, data: bytes) -> bytes:
    return bytes([255, marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg_with(path: Path, segments: bytes = b"", behind: bytes = b"", **options: Any) -> Path:
    buffer = io.BytesIO()
    PILImage.fromarray(gradient()).save(buffer, "JPEG", **options)
    content = buffer.getvalue()
    path.write_bytes(content[:2] + segments + content[2:] + behind)
    return path


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


# ---- JPEG ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [b"\xff\xda", b"\xff\xd9"])
def test_comments_between_and_behind_the_scans_are_kept(last: bytes, tmp_path: Path) -> None:
    path = jpeg_with(tmp_path / "in.jpg", progressive=True)
    content = path.read_bytes()
    place = content.rindex(last)
    path.write_bytes(content[:place] + segment(0xFE, b"late") + content[place:])
    write_image(tmp_path / "out.jpg", read_image(path))
    with PILImage.open(tmp_path / "out.jpg") as opened:
        assert opened.info["comment"] == b"late"


@pytest.mark.parametrize(
    "head", [b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", b"http://ns.adobe.com/xap/1.0/\0<x/>"]
)
def test_a_second_segment_of_exif_or_xmp_is_named(
    head: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read_image(jpeg_with(tmp_path / "one.jpg", segment(0xE1, head)))
    assert not caplog.text
    read_image(jpeg_with(tmp_path / "two.jpg", segment(0xE1, head) * 2))
    assert "further" in caplog.text


def test_a_damaged_chunk_of_a_png_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "in.png"
    PILImage.fromarray(gradient()).save(path)
    content = path.read_bytes()
    path.write_bytes(content[:33] + chunk(b"tEXt", b"Comment\0hello")[:-1] + b"\0" + content[33:])
    read_image(path)
    assert "tEXt (damaged)" in caplog.text


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("restart", [0, 2])
def test_the_film_of_a_motion_photo_stays_behind_the_image(
    progressive: bool, restart: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {"progressive": progressive, "restart_marker_blocks": restart, "xmp": XMP}
    path = jpeg_with(tmp_path / "in.jpg", behind=FILM, **options)
    write_image(tmp_path / "out.jpg", read_image(path))
    assert (tmp_path / "out.jpg").read_bytes().endswith(b"\xff\xd9" + FILM)
    assert read_image(tmp_path / "out.jpg").metadata.xmp == XMP
    assert caplog.text == ""


def test_a_format_that_cannot_hold_a_film_does_not_promise_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = jpeg_with(tmp_path / "in.jpg", behind=FILM, xmp=XMP)
    write_image(tmp_path / "out.png", read_image(path))
    assert "cannot hold the data behind the image, such as a film" in caplog.text
    xmp = read_image(tmp_path / "out.png").metadata.xmp or b""
    for promise in (b"MotionPhoto", b"Directory", b"h:Version"):
        assert promise not in xmp
    assert b'G:SpecialTypeID="x"' in xmp
    assert ElementTree.fromstring(xmp)[0][0].tag.endswith("Description")


def test_a_gain_map_is_named_and_no_longer_promised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    version = segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))
    gain_map = jpeg_with(tmp_path / "map.jpg").read_bytes()
    path = jpeg_with(tmp_path / "in.jpg", version, gain_map, xmp=XMP)
    write_image(tmp_path / "out.jpg", read_image(path))
    assert "gain maps" in caplog.text
    for promise in (b"h:Version", b"21496"):
        assert promise not in (tmp_path / "out.jpg").read_bytes()


def test_padding_behind_a_jpeg_is_no_data(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = jpeg_with(tmp_path / "in.jpg", behind=bytes(5000))
    write_image(tmp_path / "out.png", read_image(path))
    assert caplog.text == ""


@pytest.mark.parametrize("marker", [0xE1, 0xE2, 0xE3, 0xE4, 0xE6, 0xEA, 0xEC, 0xEF])
def test_segments_of_unknown_makers_are_kept(
    marker: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = segment(marker, b"FLIR\0\1\0\0" + b"T" * 3000) + segment(marker, b"measured")
    path = jpeg_with(tmp_path / "in.jpg", own)
    write_image(tmp_path / "out.jpg", read_image(path))
    assert own in (tmp_path / "out.jpg").read_bytes()
    assert caplog.text == ""
    write_image(tmp_path / "out.png", read_image(path))
    assert "segments of the camera's maker" in caplog.text


@pytest.mark.parametrize(
    ("marker", "data", "words"),
    [(0xEB, b"JP\0\1c2pa", "content credentials"), (0xE0, b"JFXX\0\x10" + bytes(20), "thumbnail of JFIF")],
)
def test_segments_that_hold_for_the_noisy_image_only_are_named(
    marker: int, data: bytes, words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = jpeg_with(tmp_path / "in.jpg", segment(marker, data))
    write_image(tmp_path / "out.jpg", read_image(path))
    assert words in caplog.text
    assert data not in (tmp_path / "out.jpg").read_bytes()


# ---- PNG -----------------------------------------------------------------------------------------


def png_with(path: Path, before: bytes = b"", after: bytes = b"", behind: bytes = b"") -> Path:
    buffer = io.BytesIO()
    PILImage.fromarray(gradient()).save(buffer, "PNG")
    content = buffer.getvalue()
    path.write_bytes(content[:33] + before + content[33:-12] + after + content[-12:] + behind)
    return path


def test_chunks_behind_the_pixels_are_kept(tmp_path: Path) -> None:
    exif = b"MM\0*\0\0\0\x08\0\1\1\x0f\0\2\0\0\0\6\0\0\0\x1a\0\0\0\0Maker\0"
    path = png_with(tmp_path / "in.png", after=chunk(b"tEXt", b"Title\0late") + chunk(b"eXIf", exif))
    write_image(tmp_path / "out.png", read_image(path))
    with PILImage.open(tmp_path / "out.png") as opened:
        opened.load()
        assert opened.text == {"Title": "late"}  # type: ignore[attr-defined]
        assert opened.getexif()[271] == "Maker"


def test_unknown_chunks_are_kept_where_that_is_safe_and_named_where_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = png_with(
        tmp_path / "in.png", chunk(b"vpAg", b"safe") + chunk(b"caBX", b"not safe"), behind=b"more"
    )
    write_image(tmp_path / "out.png", read_image(path))
    content = (tmp_path / "out.png").read_bytes()
    assert (b"vpAgsafe" in content, b"caBX" in content) == (True, False)
    assert "caBX" in caplog.text
    assert "4 bytes behind the image" in caplog.text


@pytest.mark.parametrize("packed", [False, True])
def test_xmp_of_a_png_is_where_other_programs_look_for_it(packed: bool, tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    xmp = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><!-- Zürich 東京 --></x:xmpmeta>"
    info.add_itxt("XML:com.adobe.xmp", xmp, zip=packed)
    PILImage.fromarray(gradient()).save(tmp_path / "in.png", pnginfo=info)
    write_image(tmp_path / "out.png", read_image(tmp_path / "in.png"))
    with PILImage.open(tmp_path / "out.png") as opened:
        assert opened.info["xmp"] == xmp.encode()
    assert (tmp_path / "out.png").read_bytes().count(b"XML:com.adobe.xmp") == 1


def test_iptc_that_imagemagick_stores_as_text_is_kept(tmp_path: Path) -> None:
    text = b"Raw profile type iptc\0\niptc\n       4\n1c020000\n"
    path = png_with(tmp_path / "in.png", chunk(b"tEXt", text))
    write_image(tmp_path / "out.png", read_image(path))
    assert text in (tmp_path / "out.png").read_bytes()


# ---- TIFF ----------------------------------------------------------------------------------------


def test_a_pyramid_in_subifds_is_named_and_the_tiles_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import tifffile

    values = np.random.default_rng(0).integers(0, 65536, (128, 128)).astype(np.uint16)
    with tifffile.TiffWriter(tmp_path / "in.tif") as out:
        out.write(values, subifds=1, tile=(32, 64), photometric="minisblack", metadata=None)
        out.write(np.ascontiguousarray(values[::2, ::2]), subfiletype=1, tile=(32, 64), metadata=None)
    write_image(tmp_path / "out.tif", read_image(tmp_path / "in.tif"))
    assert "SubIFDs" in caplog.text
    with tifffile.TiffFile(tmp_path / "out.tif") as written:
        page: Any = written.pages[0]
        assert (page.tilelength, page.tilewidth) == (32, 64)
        assert np.array_equal(written.asarray(), values)


@pytest.mark.parametrize(
    "description",
    ["ImageJ=1.53t\nimages=3\nslices=3\n", "ImageJ=1.53t\nimages=3\nchannels=3\n", '{"shape": [3, 16, 24]}'],
)
def test_planes_behind_one_directory_are_refused(description: str, tmp_path: Path) -> None:
    import tifffile

    stack = np.random.default_rng(0).integers(0, 256, (3, 16, 24)).astype(np.uint8)
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, stack[0], description=description, metadata=None)
    with tifffile.TiffFile(path) as tiff:
        start = tiff.pages[0].dataoffsets[0]
    with path.open("r+b") as file:
        file.seek(start)
        file.write(stack.tobytes())
    refused(path, "3 planes behind one directory")


def test_a_single_image_of_imagej_is_read(tmp_path: Path) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "in.tif", gradient()[..., 0], imagej=True)
    assert read_image(tmp_path / "in.tif").samples.shape == (16, 24, 1)


@pytest.mark.parametrize("nodata", [None, -9999])
def test_tiles_that_a_file_leaves_out_are_no_data(nodata: float | None, tmp_path: Path) -> None:
    import tifffile

    values = np.ones((64, 64), np.float32)
    tags = [] if nodata is None else [(42113, 2, 0, str(nodata), True)]
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, values, tile=(32, 32), compression="zlib", metadata=None, extratags=tags)
    with tifffile.TiffFile(path) as tiff:
        sizes = tiff.pages[0].tags[325]  # type: ignore[union-attr]
    width = {3: 2, 4: 4}[int(sizes.dtype)]
    with path.open("r+b") as file:
        file.seek(sizes.valueoffset + width)
        file.write(bytes(width))
    samples = read_image(path).samples[..., 0]
    assert np.array_equal(samples[:32, 32:], np.full((32, 32), nodata or 0, np.float32))
    assert samples[:32, :32].min() == samples[32:].min() == 1


# ---- WebP, AVIF, GIF -----------------------------------------------------------------------------


def test_unknown_chunks_of_a_webp_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "in.webp"
    PILImage.fromarray(gradient()).save(path, lossless=True, exif=PILImage.Exif())
    content = path.read_bytes() + b"C2PA" + struct.pack("<I", 4) + b"sign"
    path.write_bytes(content[:4] + struct.pack("<I", len(content) - 8) + content[8:] + b"behind")
    assert np.array_equal(read_image(path).samples, gradient())
    assert "the chunk C2PA and the data behind the image will not be in a changed image" in caplog.text


def test_the_film_of_an_avif_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "in.avif"
    PILImage.fromarray(gradient()).save(path, quality=100)
    path.write_bytes(path.read_bytes() + b"\0\0\0\x10mpvd" + b"f" * 8)
    read_image(path)
    assert "a film will not be in a changed image" in caplog.text


def test_comments_of_a_gif_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    PILImage.fromarray(gradient()).save(tmp_path / "in.gif", comment=b"a comment")
    read_image(tmp_path / "in.gif")
    assert "a comment will not be in a changed image" in caplog.text


def test_an_animated_gif_is_refused(tmp_path: Path, pillow_file: Make) -> None:
    frames = [PILImage.fromarray(gradient() // divisor) for divisor in (1, 2, 3)]
    refused(pillow_file("moving.gif", frames[0], save_all=True, append_images=frames[1:]), "several images")


@pytest.mark.parametrize("white", [200, 4095, 5000])
def test_a_pnm_with_samples_above_its_largest_is_refused(white: int, tmp_path: Path) -> None:
    path, kind = tmp_path / "in.pgm", np.dtype(">u2" if white > 255 else "u1")
    for largest in (white, white + 1):
        samples = np.full((4, 5), largest, kind)
        path.write_bytes(b"P5 5 4 %d\n" % white + samples.tobytes())
        if largest == white:
            assert (read_image(path).samples == (255 if white == 200 else 65535)).all()
    refused(path, f"samples above {white}")


@pytest.mark.parametrize("name", ["two.ppm", "two.pgm"])
def test_several_images_in_a_pnm_are_refused(name: str, pillow_file: Make) -> None:
    mode = "RGB" if name == "two.ppm" else "L"
    path = pillow_file(name, PILImage.fromarray(gradient()).convert(mode))
    path.write_bytes(path.read_bytes() * 2)
    refused(path, "several images")
