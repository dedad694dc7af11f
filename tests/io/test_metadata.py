"""Metadata between formats: resolution without a unit, IPTC, long XMP, ImageJ's own."""

import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PILImage
from PIL import IptcImagePlugin

from pellucid.errors import UsageError
from pellucid.io.files import read_image, write_image
from pellucid.io.image import Image, Metadata
from pellucid.io.photoshop import PhotoshopResources
from tests.images import Make, gradient

GREY = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
RECORDS = b"\x1c\x02\x05\0\x05Title\x1c\x02\x50\0\x06Author"  # application records 5 and 80
IPTC = {(2, 5): b"Title", (2, 80): b"Author"}


def written(source: Path, name: str) -> Path:
    target = source.with_name(name)
    write_image(target, read_image(source))
    return target


def tags(path: Path) -> dict[str, Any]:
    with tifffile.TiffFile(path) as file:
        return {tag.name: tag.value for tag in file.pages.first.tags}


def app13(records: bytes, before: bytes = b"") -> bytes:
    """Photoshop's segment of a JPEG, with IPTC records among its resources."""
    padded = records + b"\0" * (len(records) % 2)
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + padded
    content = b"Photoshop 3.0\0" + before + resource
    return b"\xff\xed" + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize("order", ["<", ">"])
def test_imagej_keeps_its_calibration_and_its_notes(order: Any, tmp_path: Path) -> None:
    path = tmp_path / "cells.tif"
    notes = {"unit": "um", "Info": "Gain = 2\nµ", "Labels": ["first"], "Ranges": (1.0, 4000.0)}
    tifffile.imwrite(path, GREY, byteorder=order, imagej=True, resolution=(10, 20), metadata=notes)
    back = written(path, "clean.tif")
    found = tags(back)
    assert (found["XResolution"], found["YResolution"], found["ResolutionUnit"]) == ((10, 1), (20, 1), 1)
    assert read_image(back).metadata.resolution is None
    with tifffile.TiffFile(path) as before, tifffile.TiffFile(back) as after:
        assert after.imagej_metadata == before.imagej_metadata
        assert after.imagej_metadata is not None
        assert {"Info", "Labels", "Ranges", "unit"} <= set(after.imagej_metadata)


def test_a_resolution_without_a_unit_travels_through_png(tiff_file: Make) -> None:
    path = tiff_file(GREY, resolution=(10, 20), resolutionunit=1)
    back = tags(written(written(path, "on the way.png"), "back.tif"))
    assert (back["XResolution"], back["YResolution"], back["ResolutionUnit"]) == ((10, 1), (20, 1), 1)


def test_a_resolution_without_a_unit_turns_with_the_image(tiff_file: Make) -> None:
    tag = (274, 3, 1, 6, True)  # to be turned by a quarter
    path = tiff_file(GREY, resolution=(10, 20), resolutionunit=1, extratags=[tag])
    back = tags(written(path, "upright.tif"))
    assert (back["XResolution"], back["YResolution"], back["ResolutionUnit"]) == ((20, 1), (10, 1), 1)


def test_a_turned_jpeg_keeps_the_resolution_of_its_exif(pillow_file: Make) -> None:
    exif = PILImage.Exif()
    exif[0x0112], exif[0x011A], exif[0x011B], exif[0x0128] = 6, 200.0, 100.0, 2
    path = pillow_file("turned.jpg", PILImage.new("RGB", (8, 4), "grey"), exif=exif)
    expected = pytest.approx((100 / 25.4, 200 / 25.4), rel=1e-3)
    for name in ("upright.jpg", "upright.tif", "upright.png", "upright.webp"):
        assert read_image(path).metadata.resolution == expected
        path = written(path, name)
    assert read_image(path).metadata.resolution == expected


@pytest.mark.parametrize(("unit", "per_mm"), [(2, 25.4), (3, 10.0)])
def test_a_resolution_with_a_unit_stays(unit: int, per_mm: float, tiff_file: Make) -> None:
    path = tiff_file(GREY, resolution=(72, 144), resolutionunit=unit)
    for name in ("same.tif", "other.png", "again.tif"):
        path = written(path, name)
        assert read_image(path).metadata.resolution == pytest.approx((72 / per_mm, 144 / per_mm), rel=1e-3)


def test_no_resolution_is_made_up_in_a_tiff(tiff_file: Make) -> None:
    back = tags(written(tiff_file(GREY, resolution=(1, 1), resolutionunit=1), "out.tif"))
    assert (back["XResolution"], back["YResolution"], back["ResolutionUnit"]) == ((1, 1), (1, 1), 1)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif"])
@pytest.mark.parametrize("maker", [None, "Maker"])
def test_no_resolution_is_made_up(suffix: str, maker: str | None, pillow_file: Make) -> None:
    exif = PILImage.Exif()
    if maker:
        exif[271] = maker
    back = written(pillow_file("in.png", gradient(), exif=exif), f"out{suffix}")
    assert read_image(back).metadata.resolution is None
    with PILImage.open(back) as opened:
        assert suffix == ".jpg" or "dpi" not in opened.info  # which Pillow makes up there itself
        assert dict(opened.getexif()) == dict(exif)


@pytest.mark.parametrize("dpi", [72, 300])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif", ".tif"])
def test_a_resolution_travels_to_every_format(suffix: str, dpi: int, pillow_file: Make) -> None:
    back = written(pillow_file("in.png", gradient(), dpi=(dpi, 2 * dpi)), f"out{suffix}")
    expected = pytest.approx((dpi, 2 * dpi), rel=1e-3)
    with PILImage.open(back) as opened:
        tags = opened.getexif()
        assert expected == (opened.info["dpi"] if "dpi" in opened.info else (tags[282], tags[283]))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", [".webp", ".avif"])
def test_a_resolution_joins_exif_without_moving_its_bytes(order: str, suffix: str, tmp_path: Path) -> None:
    rows = struct.pack(f"{order}HHII", 271, 2, 14, 8) + struct.pack(f"{order}HHIHH", 274, 3, 1, 1, 0)
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 22)
    exif = start + b"a long maker\0\0" + struct.pack(f"{order}H", 2) + rows + bytes(4)
    path = tmp_path / f"out{suffix}"
    write_image(path, Image(samples=gradient(), metadata=Metadata(exif=exif, resolution=(10.0, 20.0))))
    with PILImage.open(path) as opened:
        tags, found = dict(opened.getexif()), opened.info["exif"].removeprefix(b"Exif\0\0")
    assert tags == {271: "a long maker\0", 274: 1, 282: 254.0, 283: 508.0, 296: 2}
    assert found[8 : len(exif)] == exif[8:]


def test_pixels_that_are_not_square_stay_so_in_a_png(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    PILImage.fromarray(gradient()).save(path)
    data, shape = path.read_bytes(), struct.pack(">IIB", 2, 1, 0)
    chunk = struct.pack(">I", 9) + b"pHYs" + shape + struct.pack(">I", zlib.crc32(b"pHYs" + shape))
    path.write_bytes(data[:33] + chunk + data[33:])
    assert written(path, "out.png").read_bytes().count(chunk) == 1


def test_the_first_of_two_descriptions_is_kept_and_the_other_named(
    tiff_file: Make, caplog: pytest.LogCaptureFixture
) -> None:
    path = tiff_file(GREY, description="mine", metadata={"axes": "YX", "gain": 2})  # tifffile adds another
    assert tags(written(path, "out.tif"))["ImageDescription"] == "mine"
    assert "gain" in caplog.text


@pytest.mark.parametrize("kind", [1, 4, 7])
def test_iptc_travels_between_tiff_and_jpeg(kind: int, tiff_file: Make) -> None:
    data = RECORDS + b"\0" * (-len(RECORDS) % 4)
    count = len(data) // (4 if kind == 4 else 1)
    value: Any = struct.unpack(f"<{count}I", data) if kind == 4 else data
    path = tiff_file((GREY // 256).astype(np.uint8), extratags=[(33723, kind, count, value, True)])
    for name in ("same.tif", "other.jpg", "back.tif", "again.jpg"):
        path = written(path, name)
        with PILImage.open(path) as pil_image:
            assert IptcImagePlugin.getiptcinfo(pil_image) == IPTC


def test_the_image_resources_of_a_jpeg_are_kept_with_its_iptc(pillow_file: Make) -> None:
    path = pillow_file("a.jpg", PILImage.new("RGB", (8, 8), "grey"))
    clipping = b"8BIM\x07\xd0\x03abc" + struct.pack(">I", 3) + b"xyz\0"
    content = path.read_bytes()
    path.write_bytes(content[:2] + app13(RECORDS, clipping) + content[2:])
    assert app13(RECORDS, clipping) in written(path, "b.jpg").read_bytes()
    with PILImage.open(written(path, "c.tif")) as pil_image:
        assert IptcImagePlugin.getiptcinfo(pil_image) == IPTC


STRANGE = [b"8BIM\x04\x04\0\0\0\0\0\0", b"MeSa", b"8BIM\x07\xd0\0\0\0\0\0\x03xyz"]


@pytest.mark.parametrize("resources", STRANGE)
def test_the_iptc_of_an_image_comes_before_strange_resources(resources: bytes, tmp_path: Path) -> None:
    metadata = Metadata(iptc=RECORDS, extra=(PhotoshopResources(resources, "image resources"),))
    write_image(tmp_path / "a.jpg", Image(samples=np.zeros((4, 4, 3), np.uint8), metadata=metadata))
    assert read_image(tmp_path / "a.jpg").metadata.iptc == RECORDS


@pytest.mark.parametrize(("kind", "sizes"), [(2, b"1234"), (9, (1, 2, 3, 4))])
def test_notes_of_imagej_with_strange_sizes_do_no_harm(kind: int, sizes: Any, tiff_file: Make) -> None:
    notes = [(50838, kind, 4, sizes, True), (50839, 7, 4, b"IJIJ", True)]
    path = tiff_file(GREY, byteorder=">", extratags=notes)
    assert read_image(path).samples.shape == (8, 8, 1)


def test_a_small_file_with_many_notes_of_imagej_takes_little_memory(tiff_file: Make) -> None:
    rows = 2000
    table = b"IJIJ" + (b"info" + struct.pack(">I", 2**31)) * rows
    sizes = (len(table), *[0] * rows)
    notes = [(50838, 4, len(sizes), sizes, True), (50839, 7, len(table), table, True)]
    path = tiff_file(GREY, byteorder=">", extratags=notes)
    tracemalloc.start()
    read_image(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 5_000_000


def test_iptc_that_is_cut_off_does_not_keep_a_image_from_being_read(tiff_file: Make) -> None:
    path = tiff_file(GREY, extratags=[(33723, 7, len(RECORDS), RECORDS, True)])
    data = path.read_bytes()
    place = data.index(struct.pack("<HHI", 33723, 7, len(RECORDS)))
    path.write_bytes(data[: place + 4] + struct.pack("<I", 0x7FFFFFFF) + data[place + 8 :])
    image = read_image(path)
    assert np.array_equal(image.samples[..., 0], GREY)
    assert image.metadata.iptc is None


def test_iptc_longer_than_a_segment_is_kept(tmp_path: Path) -> None:
    records = b"".join(b"\x1c\x02\x78\x07\xd0" + bytes([65 + i]) * 2000 for i in range(50))
    path = tmp_path / "long.jpg"
    write_image(path, Image(samples=np.zeros((4, 4, 3), np.uint8), metadata=Metadata(iptc=records)))
    assert read_image(path).metadata.iptc == records


@pytest.mark.parametrize("size", [59_000, 60_001, 65_504])
def test_all_xmp_that_a_jpeg_can_hold_is_kept(size: int, tmp_path: Path) -> None:
    xmp = b"<x:xmpmeta>" + b" " * (size - 23) + b"</x:xmpmeta>"
    path = tmp_path / "long.jpg"
    write_image(path, Image(samples=np.zeros((4, 4, 3), np.uint8), metadata=Metadata(xmp=xmp)))
    assert read_image(path).metadata.xmp == xmp
    assert read_image(written(path, "again.jpg")).metadata.xmp == xmp


def test_more_xmp_than_a_jpeg_can_hold_is_refused(tmp_path: Path) -> None:
    image = Image(samples=np.zeros((4, 4, 3), np.uint8), metadata=Metadata(xmp=b" " * 65_505))
    with pytest.raises(UsageError, match="65,505 bytes of XMP"):
        write_image(tmp_path / "long.jpg", image)
