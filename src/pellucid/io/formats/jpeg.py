"""JPEG (ITU-T T.81): how a file was compressed, and its segments.

libvips decodes and encodes the pixels. It neither says how a file was compressed nor carries most of the
segments, so both are read here.
"""

import io
import logging
import mmap
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pellucid.errors import InputError
from pellucid.io.format import Data, Format, name_of, stream_of
from pellucid.io.image import Encoding, Extra, Metadata, known_resolution
from pellucid.io.photoshop import PhotoshopResources, iptc_in, with_iptc
from pellucid.io.promises import without_promises
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.vips_sink import VipsSink
from pellucid.io.vips_source import VipsSource

log = logging.getLogger("pellucid")

# The tables of T.81, annex K, in the zigzag order in which files contain them.
_BRIGHTNESS = bytes.fromhex(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933"
    "383740485c4e404457453738506d51575f626768673e4d71797064785c656763"
)
_COLOUR = bytes.fromhex("111212181518 2f1a1a2f 634238426363") + b"\x63" * 48

_PHOTOSHOP = b"Photoshop 3.0\0"  # begins each segment of Photoshop's image resources
_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1"  # says that one follows (ISO 21496-1)
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_END = b"\xff\xd9"
_SEGMENT = 65_533  # bytes that a segment holds at most
_SOF = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
# After a scan's marker the coded data run up to a marker that is neither a stuffed byte nor a restart.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class JpegSegments(Extra):
    """Comments and segments of makers that libvips does not carry, ready to be inserted."""


class JpegTrailer(Extra):
    """Data behind the image, such as the film of a motion photo, to which XMP refers."""


@dataclass
class _Facts:
    """How a JPEG was written, and what is in its segments."""

    tables: dict[int, tuple[int, ...]] = field(default_factory=dict)
    components: list[tuple[int, int]] = field(default_factory=list)
    segments: bytes = b""
    exif: bool = False
    photoshop: bytes = b""
    xmp: bytes = b""
    resolution: tuple[float, float] | None = None
    lost: list[str] = field(default_factory=list)
    images: bool = False  # whether further images follow the first: a preview, a gain map, the other eye
    complete: bool = True  # whether there is a marker for the end
    trailer: bytes = b""


def _open(data: Data) -> Source:
    name = name_of(data)
    with stream_of(data) as file:
        facts = _facts(file)
    xmp, extras = facts.xmp or None, list[Extra]()
    if facts.images or facts.trailer[:3] == b"\xff\xd8\xff":
        others = "previews, gain maps and film" if b"ftyp" in facts.trailer else "previews or gain maps"
        log.warning("%s: only the first image is read; its %s do not go with it", name, others)
        xmp = without_promises(xmp)
    elif facts.trailer.strip(b"\0"):  # more than padding
        extras.append(JpegTrailer(facts.trailer, "data behind the image, such as a film"))
    if not facts.complete:
        data = _completed(data, name)
    if facts.lost:
        log.warning("%s: %s will not be in a changed image", name, " and ".join(facts.lost))
    if facts.segments:
        extras.append(JpegSegments(facts.segments, "JPEG comments and segments of the camera's maker"))
    if facts.photoshop:
        extras.append(PhotoshopResources(facts.photoshop, "Photoshop's image resources"))
    sampling = [factors for factors, _ in facts.components]
    used = [facts.tables[table] for _, table in facts.components if table in facts.tables]
    return VipsSource(
        data,
        "jpegload",
        Metadata(xmp=xmp, iptc=iptc_in(facts.photoshop), resolution=facts.resolution, extra=tuple(extras)),
        Encoding(
            format="jpeg",
            lossy=True,
            quality=_quality(used),
            subsampled=sampling == [0x22, 0x11, 0x11],
        ),
        tolerant=True,
        name=name,
    )


def _completed(data: Data, name: str) -> bytes:
    """Add the end marker that a file lacks.

    Raises
    ------
    InputError
        When more is missing: the pixels then depend on the bits that are put in its place.
    """
    content = data if isinstance(data, bytes) else data.read_bytes()
    sums = [0, 0]
    for number, ones in enumerate((b"", b"\xff\0" * 4096)):
        source = VipsSource(content + ones + _END, "jpegload", Metadata(), Encoding(), name=name)
        for top in range(0, source.height, 256):
            rows = source.read(slice(top, min(top + 256, source.height)), slice(0, source.width))
            sums[number] = zlib.crc32(rows, sums[number])
        source.close()
    if sums[0] != sums[1]:
        raise InputError(f"{name} is a JPEG that is cut off", "Use an intact copy of the file")
    log.warning("%s lacks the marker of its end", name)
    return content + _END


def _create(path: Path, like: Source) -> Sink:
    encoding = like.encoding
    return _JpegSink(
        path,
        like,
        "jpegsave",
        {"Q": encoding.quality, "subsample_mode": "on" if encoding.subsampled else "off"},
        start=(2, lambda marker: marker + _first_segments(like.metadata)),
    )


class _JpegSink(VipsSink):
    """A JPEG and the data behind it."""

    def commit(self) -> None:
        """Write the end of the image, and the data behind it."""
        super().commit()
        trailer = self._like.metadata.of(JpegTrailer)
        if trailer:
            with self._path.open("ab") as file:
                file.write(trailer)


# ---- reading -------------------------------------------------------------------------------------


def _facts(file: BinaryIO) -> _Facts:
    facts = _Facts()
    for marker, data in _segments(file):
        if marker == 0xDB:
            facts.tables.update(_tables(data))
        elif marker in _SOF and len(data) > 5:
            facts.components = [(data[i + 1], data[i + 2]) for i in range(6, len(data) - 2, 3)]
        elif marker == 0xE0 and data.startswith(b"JFIF\0") and len(data) >= 12:
            facts.resolution = _density(data)
        elif marker == 0xE0 and data.startswith(b"JFXX\0"):
            facts.lost.append("the thumbnail of JFIF")
        elif marker == 0xE1 and data.startswith(b"Exif\0\0"):
            facts.lost += ["further EXIF"] if facts.exif else []
            facts.exif = True
        elif marker == 0xE1 and data.startswith(_XMP):
            facts.lost += ["further XMP"] if facts.xmp else []
            facts.xmp = facts.xmp or data[len(_XMP) :]
        elif marker == 0xED and data.startswith(_PHOTOSHOP):
            facts.photoshop += data[len(_PHOTOSHOP) :]
        elif marker == 0xE2 and data.startswith((b"MPF\0", _GAIN_MAP)):
            facts.images = True
        elif marker == 0xEB and "content credentials and layers in APP11" not in facts.lost:
            facts.lost.append("content credentials and layers in APP11")  # they hold for the noisy pixels
        elif marker == 0xFE or (0xE0 <= marker <= 0xEF and not _written_by_libvips(marker, data)):
            facts.segments += _segment(marker, data)
    facts.complete, later, facts.trailer = _behind(file)
    facts.segments += later
    return facts


def _written_by_libvips(marker: int, data: bytes) -> bool:
    heads = {0xE1: (b"Exif\0",), 0xE2: (b"ICC_PROFILE\0",), 0xEE: (b"Adobe",), 0xEB: (b"",)}
    return data.startswith(heads.get(marker, (b"\0none",)))


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Give each segment before the first scan: marker and content."""
    file.seek(2)
    while True:
        marker = file.read(2)
        while marker[:1] == b"\xff" and marker[1:] == b"\xff":  # fill bytes
            marker = marker[1:] + file.read(1)
        length = file.read(2)
        if len(length) < 2 or marker[0] != 0xFF or marker[1] in (0xD9, 0xDA):
            file.seek(-len(marker) - len(length), 1)
            return
        yield marker[1], file.read(max(int.from_bytes(length, "big") - 2, 0))


def _behind(file: BinaryIO) -> tuple[bool, bytes, bytes]:
    """Tell if there is an end, and give the segments from the first scan on, and what follows the end."""
    place = file.tell()
    size = file.seek(0, io.SEEK_END)
    if isinstance(file, io.BytesIO):
        return _after_end(file.getbuffer(), place)
    with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
        return _after_end(content, place)


def _after_end(content: mmap.mmap | memoryview, place: int) -> tuple[bool, bytes, bytes]:
    segments = b""
    while (found := _MARKER.search(content, place)) is not None:
        marker = content[found.start() + 1]
        if marker == 0xD9:
            return True, segments, bytes(content[found.end() :])
        place = found.end() + max(int.from_bytes(content[found.end() : found.end() + 2], "big"), 2)
        if marker == 0xFE or 0xE0 <= marker <= 0xEF:
            segments += bytes(content[found.start() : place])
    return False, segments, b""


def _density(jfif: bytes) -> tuple[float, float] | None:
    unit, x, y = struct.unpack(">BHH", jfif[7:12])
    per_mm = {1: 25.4, 2: 10.0}.get(unit)
    return known_resolution(x / per_mm, y / per_mm) if per_mm and x and y else None


def _tables(data: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    while data:
        wide, name = data[0] >> 4, data[0] & 15
        size = 128 if wide else 64
        if len(data) <= size:
            return
        yield name, struct.unpack(">64H" if wide else "64B", data[1 : size + 1])
        data = data[size + 1 :]


def _quality(used: Sequence[tuple[int, ...]]) -> int:
    """Find the lowest quality whose steps are nowhere coarser than these, so that it loses no more.

    The scaling is libjpeg's (jpeg_quality_scaling, Independent JPEG Group).
    """
    if not used:
        return 95

    def fine_enough(quality: int) -> bool:
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        return all(
            min(max((base * scale + 50) // 100, 1), 255) <= step
            for number, table in enumerate(used)
            for base, step in zip(_COLOUR if number else _BRIGHTNESS, table, strict=True)
        )

    return next((quality for quality in range(1, 100) if fine_enough(quality)), 100)


# ---- writing -------------------------------------------------------------------------------------


def _first_segments(metadata: Metadata) -> bytes:
    """Make the segments at a JPEG's start.

    libvips leaves JFIF out, loses large XMP, and takes IPTC only as it is stored in a JPEG.
    """
    per_mm = 10.0 if metadata.resolution_unit == "cm" else 25.4
    x, y = (min(max(round(side * per_mm), 1), 65535) for side in metadata.resolution or (1 / per_mm,) * 2)
    code = 0 if metadata.resolution is None else 2 if metadata.resolution_unit == "cm" else 1
    made = _segment(0xE0, b"JFIF\0\x01\x01" + struct.pack(">BHH", code, x, y) + b"\0\0")
    for head, data in ((b"Exif\0\0", metadata.exif), (_XMP, metadata.xmp)):
        if data:
            made += _segment(0xE1, head + data)
    resources = with_iptc(metadata.of(PhotoshopResources), metadata.iptc)
    room = _SEGMENT - len(_PHOTOSHOP)
    for start in range(0, len(resources), room):
        made += _segment(0xED, _PHOTOSHOP + resources[start : start + room])
    return made + metadata.of(JpegSegments)


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


JPEG = Format(
    name="jpeg",
    label="JPEG",
    suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"),
    matches=lambda head: head.startswith(b"\xff\xd8\xff"),
    open=_open,
    create=_create,
    grey_profile=True,
    lossless="no",
    longest=65_500,  # libjpeg's limit
    carries=frozenset({"icc", "resolution", "exif", "xmp", "iptc"}),
    extras=(JpegSegments, JpegTrailer, PhotoshopResources),
    largest={"exif": _SEGMENT - 6, "xmp": _SEGMENT - len(_XMP)},
)
