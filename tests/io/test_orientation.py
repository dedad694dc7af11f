"""What has coordinates turns with the pixels: one marked block, described in every way, stays described."""

import io
import json
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import ExifTags
from PIL import Image as PILImage

from pellucid.errors import InputError
from pellucid.io.exif import upright
from pellucid.io.files import read_image, write_image
from pellucid.io.orientation import upright_pixels, upright_point
from pellucid.io.photoshop import PhotoshopResources
from pellucid.io.xmp import upright_xmp
from tests.images import Make

WIDTH, HEIGHT = 48, 32  # of the stored image
LEFT, TOP, WIDE, HIGH = 6, 4, 12, 8  # of the white block in it
EXIF = b"Exif\0\0"
ORIENTATIONS = range(1, 9)

SPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "img": "http://ns.adobe.com/xap/1.0/g/img/",
    "rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "area": "http://ns.adobe.com/xmp/sType/Area#",
    "dim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "mp": "http://ns.microsoft.com/photo/1.2/",
    "mpri": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "mpreg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "iptc": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "apple": "http://ns.apple.com/faceinfo/1.0/",
}
X, Y, W, H = LEFT / WIDTH, TOP / HEIGHT, WIDE / WIDTH, HIGH / HEIGHT
CX, CY = X + W / 2, Y + H / 2
RELATIVE = f'iptc:rbUnit="relative" iptc:rbX="{X}" iptc:rbY="{Y}" iptc:rbW="{W}" iptc:rbH="{H}"'
PIXELS = f'iptc:rbUnit="pixel" iptc:rbX="{LEFT}" iptc:rbY="{TOP}" iptc:rbW="{WIDE}" iptc:rbH="{HIGH}"'
CORNERS = ((X, Y), (X + W, Y), (X + W, Y + H), (X, Y + H))
VERTICES = "".join(f'<rdf:li iptc:rbX="{x}" iptc:rbY="{y}"/>' for x, y in CORNERS)
BODY = f"""
<rdf:Description tiff:Orientation="6" tiff:ImageWidth="{WIDTH}" tiff:ImageLength="{HEIGHT}" crs:HasCrop="True"
  crs:CropLeft="{X}" crs:CropTop="{Y}" crs:CropRight="{X + W}" crs:CropBottom="{Y + H}" crs:CropAngle="0">
 <exif:PixelXDimension>{WIDTH}</exif:PixelXDimension><exif:PixelYDimension>{HEIGHT}</exif:PixelYDimension>
 <exif:SubjectArea><rdf:Seq><rdf:li>{LEFT + WIDE // 2}</rdf:li><rdf:li>{TOP + HIGH // 2}</rdf:li>
  <rdf:li>{WIDE}</rdf:li><rdf:li>{HIGH}</rdf:li></rdf:Seq></exif:SubjectArea>
 <rs:Regions rdf:parseType="Resource">
  <rs:AppliedToDimensions dim:w="{WIDTH}" dim:h="{HEIGHT}" dim:unit="pixel"/>
  <rs:RegionList><rdf:Bag>
   <rdf:li><rdf:Description rs:Name="attributes &amp; more" rs:Rotation="-1.57080">
    <rs:Area area:x="{CX}" area:y="{CY}" area:w="{W}" area:h="{H}" area:unit="normalized"/>
    <rs:Extensions rdf:parseType="Resource"><apple:AngleInfoRoll>270</apple:AngleInfoRoll></rs:Extensions>
   </rdf:Description></rdf:li>
   <rdf:li rdf:parseType="Resource"><rs:Area rdf:parseType="Resource">
    <area:x>{CX}</area:x><area:y>{CY}</area:y><area:w>{W}</area:w><area:h> {H} </area:h>
    <area:unit>normalized</area:unit></rs:Area></rdf:li>
  </rdf:Bag></rs:RegionList></rs:Regions>
 <mp:RegionInfo rdf:parseType="Resource"><mpri:Regions><rdf:Bag>
  <rdf:li mpreg:Rectangle="{X}, {Y}, {W}, {H}" mpreg:PersonDisplayName="Ann"/></rdf:Bag></mpri:Regions>
 </mp:RegionInfo>
 <iptc:ImageRegion><rdf:Bag>
  <rdf:li rdf:parseType="Resource"><iptc:RegionBoundary iptc:rbShape="rectangle" {RELATIVE}/></rdf:li>
  <rdf:li rdf:parseType="Resource"><iptc:RegionBoundary iptc:rbShape="rectangle" {PIXELS}/></rdf:li>
  <rdf:li rdf:parseType="Resource"><iptc:RegionBoundary rdf:parseType="Resource">
   <iptc:rbUnit>relative</iptc:rbUnit><iptc:rbShape>polygon</iptc:rbShape><iptc:rbVertices><rdf:Seq>{VERTICES}</rdf:Seq></iptc:rbVertices>
  </iptc:RegionBoundary></rdf:li>
  <rdf:li rdf:parseType="Resource"><iptc:RegionBoundary iptc:rbShape="circle" iptc:rbUnit="relative"
   iptc:rbX="{CX}" iptc:rbY="{CY}" iptc:rbRx="{HIGH / 2 / WIDTH}"/></rdf:li>
 </rdf:Bag></iptc:ImageRegion>
 <xmp:Thumbnails><rdf:Alt><rdf:li rdf:parseType="Resource"><img:image>/9j/4AAQ</img:image>
  <img:width>9</img:width></rdf:li></rdf:Alt></xmp:Thumbnails>
</rdf:Description>"""


def packet(prefixes: dict[str, str] | None = None) -> bytes:
    """The body as a packet, with each prefix replaced by another one where that is asked for."""
    body, names = BODY, prefixes or {name: name for name in SPACES}
    for name, other in names.items():
        body = body.replace(f"<{name}:", f"<{other}:").replace(f"</{name}:", f"</{other}:")
        body = body.replace(f" {name}:", f" {other}:")
    declared = " ".join(f'xmlns:{names[name]}="{uri}"' for name, uri in SPACES.items())
    rdf = names["rdf"]
    content = f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><{rdf}:RDF {declared}>{body}</{rdf}:RDF></x:xmpmeta>"
    begin, end = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>', '<?xpacket end="w"?>'
    return f"{begin}{content}{' ' * 100}{end}".encode()


def stored() -> Any:
    """Grey noise with the white block."""
    array = np.random.default_rng(0).integers(0, 100, (HEIGHT, WIDTH), np.uint8)
    array[TOP : TOP + HIGH, LEFT : LEFT + WIDE] = 255
    return array


def block(array: Any) -> tuple[int, int, int, int]:
    """Where the white block is: left, top, width, height."""
    rows, columns = np.nonzero(array > 200)
    left, top = int(columns.min()), int(rows.min())
    return left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top


def expected(orientation: int) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """The block in the upright image, and the size of that."""
    array = upright_pixels(stored(), orientation)
    return block(array), (array.shape[1], array.shape[0])


def described(xmp: bytes) -> dict[str, Any]:
    """Read with another parser what a packet says, boxes as fractions (left, top, width, height)."""
    root = ET.fromstring(xmp.decode().strip("\ufeff"))
    found: dict[str, Any] = {}

    def name(key: str) -> str:
        prefix, local = key.split(":")
        return f"{{{SPACES[prefix]}}}{local}"

    def value(node: ET.Element, key: str) -> str | None:
        child = node.find(name(key))
        return child.text if child is not None else node.get(name(key))

    def numbers(node: ET.Element, *keys: str) -> tuple[float, ...]:
        return tuple(float(value(node, key) or "nan") for key in keys)

    found["areas"] = []
    for area in root.iter(name("rs:Area")):
        x, y, w, h = numbers(area, "area:x", "area:y", "area:w", "area:h")
        found["areas"].append((x - w / 2, y - h / 2, w, h))
    (microsoft,) = (
        node.get(name("mpreg:Rectangle")) for node in root.iter() if name("mpreg:Rectangle") in node.attrib
    )
    found["microsoft"] = tuple(map(float, (microsoft or "").split(",")))
    one, two, polygon, circle = root.iter(name("iptc:RegionBoundary"))
    box = ("iptc:rbX", "iptc:rbY", "iptc:rbW", "iptc:rbH")
    found["relative"], found["pixels"] = numbers(one, *box), numbers(two, *box)
    found["vertices"] = sorted(numbers(item, *box[:2]) for item in polygon.iter(name("rdf:li")))
    found["circle"] = numbers(circle, "iptc:rbX", "iptc:rbY", "iptc:rbRx")
    (main,) = (node for node in root.iter() if name("crs:CropLeft") in node.attrib)
    found["crop"] = numbers(main, *(f"crs:Crop{side}" for side in ("Left", "Top", "Right", "Bottom")))
    found["sizes"] = numbers(
        main, "tiff:ImageWidth", "tiff:ImageLength", "exif:PixelXDimension", "exif:PixelYDimension"
    )
    (applied,) = root.iter(name("rs:AppliedToDimensions"))
    found["applied"] = numbers(applied, "dim:w", "dim:h")
    found["orientation"] = value(main, "tiff:Orientation")
    (subject,) = root.iter(name("exif:SubjectArea"))
    found["subject"] = tuple(int(item.text or "") for item in subject.iter(name("rdf:li")))
    found["thumbnails"] = len(list(root.iter(name("xmp:Thumbnails"))))
    found["angles"] = [
        float(text)
        for node in root.iter()
        for key in ("rs:Rotation", "apple:AngleInfoRoll")
        if (text := value(node, key))
    ]
    return found


def thumbnail() -> bytes:
    buffer = io.BytesIO()
    PILImage.new("RGB", (40, 30), "red").save(buffer, "JPEG")
    return buffer.getvalue()


def camera_exif(orientation: int, order: str = ">", *, last: bool = True) -> bytes:
    """EXIF as cameras lay it out: directories, a maker's note, a thumbnail at the end or before the note."""
    note, small = b"a maker's note with offsets" + bytes(7), thumbnail()
    code = order
    main_rows, exif_rows, thumb_rows = 5, 5, 3
    main = 8
    values = main + 2 + 12 * main_rows + 4
    inner = values + 16  # two rationals
    area = inner + 2 + 12 * exif_rows + 4
    after = area + 8
    if last:
        note_at, one_at = after, after + len(note)
        small_at = one_at + 2 + 12 * thumb_rows + 4
        length = small_at + len(small)
    else:
        one_at = after
        small_at = one_at + 2 + 12 * thumb_rows + 4
        note_at = small_at + len(small) + len(small) % 2
        length = note_at + len(note)

    def row(tag: int, kind: int, count: int, value: bytes) -> bytes:
        return struct.pack(f"{code}HHI", tag, kind, count) + value.ljust(4, b"\0")

    def short(number: int) -> bytes:
        return struct.pack(f"{code}H", number)

    def long(number: int) -> bytes:
        return struct.pack(f"{code}I", number)

    data = bytearray(length)
    head = (b"MM\0*" if order == ">" else b"II*\0") + long(main)
    directory = short(main_rows) + row(274, 3, 1, short(orientation)) + row(282, 5, 1, long(values))
    directory += row(283, 5, 1, long(values + 8)) + row(296, 3, 1, short(2)) + row(34665, 4, 1, long(inner))
    directory += long(one_at)
    exif = short(exif_rows) + row(37396, 3, 4, long(area)) + row(37500, 7, len(note), long(note_at))
    exif += row(40962, 4, 1, long(WIDTH)) + row(40963, 3, 1, short(HEIGHT))
    exif += row(41492, 3, 2, short(LEFT) + short(TOP)) + long(0)
    one = short(thumb_rows) + row(259, 3, 1, short(6)) + row(513, 4, 1, long(small_at))
    one += row(514, 4, 1, long(len(small))) + long(0)
    subject = struct.pack(f"{code}4H", LEFT + WIDE // 2, TOP + HIGH // 2, WIDE, HIGH)
    parts = {0: head, main: directory, values: long(100) + long(1) + long(200) + long(1), inner: exif}
    parts |= {area: subject, note_at: note, one_at: one, small_at: small}
    for place, part in parts.items():
        data[place : place + len(part)] = part
    return bytes(data)


def loaded(exif: bytes) -> PILImage.Exif:
    read = PILImage.Exif()
    read.load(exif)
    return read


# ---- XMP -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("other", [False, True], ids=["usual prefixes", "other prefixes"])
def test_every_description_of_a_block_still_describes_it(orientation: int, other: bool) -> None:
    xmp = packet({name: f"n{i}" for i, name in enumerate(SPACES)} if other else None)
    (left, top, wide, high), (width, height) = expected(orientation)
    found = described(upright_xmp(xmp, orientation, (width, height)))
    box = left / width, top / height, wide / width, high / height
    assert found["areas"] == [pytest.approx(box)] * 2
    assert found["microsoft"] == found["relative"] == pytest.approx(box)
    assert found["pixels"] == (left, top, wide, high)
    x, y, w, h = box
    assert found["crop"] == pytest.approx((x, y, x + w, y + h))
    corners = [(x, y), (x, y + h), (x + w, y), (x + w, y + h)]
    assert found["vertices"] == [pytest.approx(corner) for corner in corners]
    assert found["circle"] == pytest.approx((x + w / 2, y + h / 2, HIGH / 2 / width))
    assert found["sizes"] == (width, height, width, height)
    assert found["applied"] == (width, height)
    assert found["subject"][2:] == (wide, high)
    assert found["thumbnails"] == 0
    centre = upright_point(LEFT + WIDE // 2, TOP + HIGH // 2, WIDTH - 1, HEIGHT - 1, orientation)
    assert found["subject"][:2] == centre
    assert found["orientation"] == ("6" if orientation == 1 else "1")


def test_a_face_that_was_stored_lying_stands_upright() -> None:
    """Lightroom and Apple write the angle of a face in the stored image."""
    assert described(upright_xmp(packet(), 6, (HEIGHT, WIDTH)))["angles"] == [pytest.approx(0, abs=1e-4), 0]
    assert described(upright_xmp(packet(), 2, (WIDTH, HEIGHT)))["angles"] == [pytest.approx(1.5708), 90]


def test_nothing_but_the_geometry_changes_in_a_packet() -> None:
    old, new = packet(), upright_xmp(packet(), 6, (HEIGHT, WIDTH))
    start, end = old.index(b"<xmp:Thumbnails>"), old.index(b"</xmp:Thumbnails>") + len(b"</xmp:Thumbnails>")
    assert upright_xmp(old, 1, (WIDTH, HEIGHT)) == old[:start] + old[end:]
    assert b"attributes &amp; more" in new
    assert new.startswith(old[:60])
    assert new.endswith(b" " * 100 + b'<?xpacket end="w"?>')


def test_lightroom_names_the_size_of_the_upright_image() -> None:
    old = packet().replace(f'dim:w="{WIDTH}" dim:h="{HEIGHT}"'.encode(), b'dim:w="32" dim:h="48"')
    assert described(upright_xmp(old, 6, (HEIGHT, WIDTH)))["applied"] == (32, 48)


def test_a_crop_at_an_angle_is_given_up_where_it_would_be_another() -> None:
    old = packet().replace(b'CropAngle="0"', b'CropAngle="2.5"')
    assert b'crs:HasCrop="False"' in upright_xmp(old, 6, (HEIGHT, WIDTH))
    half = upright_xmp(old, 3, (WIDTH, HEIGHT))
    assert b'crs:HasCrop="True"' in half
    assert described(half)["crop"] == pytest.approx((1 - X - W, 1 - Y - H, 1 - X, 1 - Y))


BROKEN = [
    b"",
    b"no XML",
    packet()[:500],
    b'<!DOCTYPE x [<!ENTITY a "b">]><x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>',
    packet().decode().replace("\ufeff", "").encode("utf-16"),
    b"<a>" * 5000 + b"</a>" * 5000,
]


@pytest.mark.parametrize("xmp", BROKEN, ids=range(len(BROKEN)))
def test_a_packet_that_cannot_be_parsed_is_kept(xmp: bytes) -> None:
    assert upright_xmp(xmp, 6, (HEIGHT, WIDTH)) == xmp


@pytest.mark.parametrize("text", ["", "left", "0,25", "NaN", "1e999999999", "0e-999999999"])
def test_a_coordinate_that_is_no_number_does_no_harm(text: str) -> None:
    old = packet().replace(f'area:x="{CX}"'.encode(), f'area:x="{text}"'.encode())
    new = upright_xmp(old, 6, (HEIGHT, WIDTH))
    assert ET.fromstring(new.decode()) is not None
    assert b'tiff:Orientation="1"' in new


fractions = st.decimals(0, 1, places=6)


@given(fractions, fractions, fractions, fractions, st.sampled_from([5, 6, 8, 7, 3, 2, 4]))
def test_turning_four_times_gives_the_same_regions(
    x: Decimal, y: Decimal, w: Decimal, h: Decimal, orientation: int
) -> None:
    area = f'<rs:Area area:x="{x}" area:y="{y}" area:w="{w}" area:h="{h}"/>'
    rectangle = f'<rdf:li mpreg:Rectangle="{x}, {y}, {w}, {h}"/>'
    spaces = " ".join(f'xmlns:{name}="{uri}"' for name, uri in SPACES.items())
    first = xmp = f"<rdf:RDF {spaces}>{area}{rectangle}</rdf:RDF>".encode()
    size = WIDTH, HEIGHT
    for _ in range(4):
        size = size[::-1] if orientation >= 5 else size
        xmp = upright_xmp(xmp, orientation, size)
    assert xmp == first


# ---- EXIF ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_turns_with_the_pixels(orientation: int, order: str) -> None:
    (left, top, wide, high), size = expected(orientation)
    exif = loaded(upright(camera_exif(orientation, order), orientation, size))
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    assert exif[274] == 1
    assert (inner[40962], inner[40963]) == size
    assert inner[37396][2:] == (wide, high)
    x, y = inner[37396][:2]
    array = upright_pixels(stored(), orientation)
    assert array[y, x] == 255
    assert abs(x - left - wide / 2) <= 1
    assert abs(y - top - high / 2) <= 1
    x, y = inner[41492]
    assert array[y, x] == 255
    assert (x - left, y - top) in {(0, 0), (wide - 1, 0), (0, high - 1), (wide - 1, high - 1)}
    assert (exif[282], exif[283]) == ((200, 100) if orientation >= 5 else (100, 200))


@pytest.mark.parametrize("last", [True, False], ids=["at the end", "before the maker's note"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_the_thumbnail_is_gone_and_the_makers_note_stays_in_its_place(orientation: int, last: bool) -> None:
    old = camera_exif(orientation, last=last)
    assert len(loaded(old).get_ifd(ExifTags.IFD.IFD1)) == 3
    new = upright(old, orientation, (WIDTH, HEIGHT))
    exif = loaded(new)
    assert exif.get_ifd(ExifTags.IFD.IFD1) == {}
    assert new.index(b"a maker's note") == old.index(b"a maker's note")
    assert exif.get_ifd(ExifTags.IFD.Exif)[37500] == b"a maker's note with offsets" + bytes(7)
    if last:
        assert len(new) == old.index(b"a maker's note") + 34  # nothing of the thumbnail is left


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 9))
@example(bytes(1), 65, 0)  # an entry without values in place of a directory
def test_broken_exif_is_no_error(noise: bytes, place: int, orientation: int) -> None:
    exif = bytearray(camera_exif(6))
    exif[place : place + len(noise)] = noise
    upright(bytes(exif), orientation, (WIDTH, HEIGHT))
    upright(bytes(exif[:place]), orientation, (WIDTH, HEIGHT))


# ---- Photoshop's image resources -----------------------------------------------------------------


def resource(kind: int, content: bytes, name: bytes = b"") -> bytes:
    padded = bytes([len(name)]) + name + b"\0" * ((len(name) + 1) % 2)
    return (
        b"8BIM"
        + struct.pack(">H", kind)
        + padded
        + struct.pack(">I", len(content))
        + content
        + bytes(len(content) % 2)
    )


def knot(x: float, y: float) -> bytes:
    """A corner of a path: its two control points are the corner itself."""
    return struct.pack(">H6i", 1, *[round(y * (1 << 24)), round(x * (1 << 24))] * 3)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_paths_guides_and_resolution_turn_and_the_thumbnail_goes(orientation: int) -> None:
    (left, top, wide, high), (width, height) = expected(orientation)
    path = struct.pack(">HH22x", 0, 4) + b"".join(knot(*corner) for corner in CORNERS)
    guides = struct.pack(">IIIIiBiB", 1, 576, 576, 2, LEFT * 32, 0, TOP * 32, 1)
    per_inch = struct.pack(">IHHIHH", 100 << 16, 1, 1, 200 << 16, 1, 1)
    other = resource(0x0404, b"odd", b"named")
    data = resource(0x040C, thumbnail()) + resource(0x07D0, path, b"Path 1") + resource(0x0408, guides)
    data += other + resource(0x03ED, per_inch) + b"MeSa"
    new = PhotoshopResources(data, "").upright(orientation, (width, height)).data
    assert b"\xff\xd8" not in new
    assert other in new
    assert new.endswith(b"MeSa")
    start = new.index(b"Path 1") + 11
    knots = [struct.unpack_from(">H6i", new, start + 26 * i) for i in range(1, 5)]
    xs, ys = ([each[place] / (1 << 24) * side for each in knots] for place, side in ((2, width), (1, height)))
    assert (min(xs), max(xs), min(ys), max(ys)) == pytest.approx((left, left + wide, top, top + high))
    one = struct.unpack_from(">iBiB", new, new.index(struct.pack(">II", 1, 576)) + 16)
    places = {direction: place / 32 for place, direction in (one[:2], one[2:])}
    assert places[0] in (left, left + wide)
    assert places[1] in (top, top + high)
    x = struct.unpack_from(">I", new, new.index(b"8BIM\x03\xed") + 12)[0] >> 16
    assert x == (200 if orientation >= 5 else 100)


@given(st.binary(max_size=60))
def test_broken_resources_are_kept(noise: bytes) -> None:
    data = resource(0x0404, b"text") + noise
    assert PhotoshopResources(data, "").upright(1, (4, 4)).data.startswith(resource(0x0404, b"text"))
    assert PhotoshopResources(noise, "").upright(6, (4, 4)).data is not None


# ---- files ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("exiftool"), reason="ExifTool is not installed")
@pytest.mark.parametrize(
    ("orientation", "suffix"), [(3, "jpg"), (5, "jpg"), (6, "jpg"), (6, "tif"), (6, "png"), (6, "webp")]
)
def test_another_program_finds_the_block_in_the_file(tmp_path: Path, orientation: int, suffix: str) -> None:
    path, out = tmp_path / "in.jpg", tmp_path / f"out.{suffix}"
    PILImage.fromarray(stored()).save(path, quality=95, exif=EXIF + camera_exif(orientation), xmp=packet())
    write_image(out, read_image(path))
    tags = subprocess.run(["exiftool", "-j", "-n", "-a", "-G1", out], capture_output=True, check=True).stdout
    (facts,) = json.loads(tags)
    (left, top, wide, high), (width, height) = expected(orientation)
    assert facts["Composite:ImageSize"] == f"{width} {height}"
    assert facts["XMP-mwg-rs:RegionAreaX"] == pytest.approx([(left + wide / 2) / width] * 2)
    assert facts["XMP-mwg-rs:RegionAreaW"] == pytest.approx([wide / width] * 2)
    assert [*map(float, facts["XMP-MP:RegionRectangle"].split(", "))] == pytest.approx(
        [left / width, top / height, wide / width, high / height]
    )
    assert facts["ExifIFD:SubjectArea"].split()[2:] == [str(wide), str(high)]
    assert not [name for name in facts if "Thumbnail" in name]


@pytest.mark.parametrize("orientation", [1, 6])
def test_no_thumbnail_shows_what_the_image_was(tmp_path: Path, orientation: int) -> None:
    path, out = tmp_path / "in.jpg", tmp_path / "out.jpg"
    PILImage.fromarray(stored()).save(path, quality=95, exif=EXIF + camera_exif(orientation), xmp=packet())
    write_image(out, read_image(path))
    with PILImage.open(out) as pil_image:
        assert pil_image.getexif().get_ifd(ExifTags.IFD.IFD1) == {}
        assert pil_image.size == expected(orientation)[1]
    assert out.read_bytes().count(b"\xff\xd8\xff") == 1


def test_a_map_that_would_be_turned_is_refused(tiff_file: Make) -> None:
    """Readers of maps ignore the orientation of a TIFF: its georeference is that of the stored image."""
    scale = (33550, 12, 3, (10.0, 10.0, 0.0), True)
    assert read_image(tiff_file(stored(), extratags=[scale])).samples.shape == (HEIGHT, WIDTH, 1)
    turned = tiff_file(stored(), "turned.tif", extratags=[scale, (274, 3, 1, 6, True)])
    with pytest.raises(InputError, match="georeference"):
        read_image(turned)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_an_avif_turns_its_regions_as_it_says_itself(tmp_path: Path, orientation: int) -> None:
    """Pillow writes the orientation as the boxes irot and imir, and not into EXIF."""
    exif = PILImage.Exif()
    exif[274] = orientation
    path = tmp_path / "in.avif"
    PILImage.fromarray(stored()).convert("RGB").save(path, quality=95, exif=exif, xmp=packet())
    image = read_image(path)
    (left, top, wide, high), (width, height) = expected(orientation)
    assert block(image.samples[..., 0]) == (left, top, wide, high)
    assert image.metadata.xmp is not None
    found = described(image.metadata.xmp)
    assert found["areas"] == [pytest.approx((left / width, top / height, wide / width, high / height))] * 2
