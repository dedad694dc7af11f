"""What the bytes of an image file say besides its pixels: its kind, its quality, its chunks.

libvips decodes and encodes; here stands what it does not tell or does not carry.
"""

import io
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

SUFFIXES = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
    ".avif": "avif",
    ".heic": "heic",
    ".heif": "heic",
    ".hif": "heic",
}
_FOREIGN = {
    b"GIF8": "a GIF",
    b"%PDF": "a PDF",
    b"BM": "a BMP",
    b"8BPS": "a Photoshop file",
    b"\xff\x0a": "a JPEG XL",
    b"\0\0\0\x0cJXL ": "a JPEG XL",
    b"\0\0\0\x0cjP  ": "a JPEG 2000",
    b"v/1\x01": "an OpenEXR file",
    b"SIMPLE  =": "a FITS file",
    b"\x89HDF": "an HDF5 file",
    b"FUJIFILMCCD-RAW": "a camera's raw file",
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML file, perhaps an SVG drawing",
}


def kind_of(head: bytes) -> str | None:
    """Name the format of a file from its first 64 bytes, or None when it is none that Pellucid reads."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    brands = _brands(head)
    if brands & {b"avif", b"avis"}:
        return "avif"
    return "heic" if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1"} else None


def _brands(head: bytes) -> set[bytes]:
    """Read what an AVIF or HEIC file (ISO/IEC 23008-12) says that it can be read as."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[i : i + 4] for i in range(8, end, 4)} if head[4:8] == b"ftyp" else set()


def is_sequence(file: BinaryIO) -> bool:
    """Tell whether an AVIF or HEIC file holds an animation or a burst."""
    file.seek(0)
    return bool(_brands(file.read(64)) & {b"avis", b"msf1", b"hevc", b"hevx"})


def foreign_name(head: bytes) -> str:
    """Say in words what a file is that `kind_of` does not know."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return next((name for magic, name in _FOREIGN.items() if text.startswith(magic)), "no image")


# ---- JPEG (ITU-T T.81) ---------------------------------------------------------------------------

END_OF_SOI = 2

# The tables of T.81, annex K, in the zigzag order in which files hold them.
_BRIGHTNESS = bytes.fromhex(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933"
    "383740485c4e404457453738506d51575f626768673e4d71797064785c656763"
)
_COLOUR = bytes.fromhex("111212181518 2f1a1a2f 634238426363") + b"\x63" * 48


@dataclass(frozen=True)
class JpegFacts:
    """How a JPEG was written, and the segments that libvips does not carry."""

    quality: int
    subsampled: bool
    segments: bytes
    photoshop: bytes  # its "image resources", of which one may be IPTC
    resolution: tuple[float, float] | None  # pixels per millimetre, horizontal and vertical
    images: bool  # whether further images follow the first: a preview, a gain map, the other eye


_PHOTOSHOP = b"Photoshop 3.0\0"  # begins each segment of Photoshop's image resources
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_SEGMENT = 65_533  # bytes that a segment holds at most
LARGEST = {"exif": _SEGMENT - 6, "xmp": _SEGMENT - len(_XMP)}
"""Bytes of EXIF and XMP that a JPEG can hold."""


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Give each segment before the first scan: marker and content."""
    file.seek(2)
    while True:
        marker = file.read(2)
        while marker[:1] == b"\xff" and marker[1:] == b"\xff":  # fill bytes
            marker = marker[1:] + file.read(1)
        length = file.read(2)
        if len(length) < 2 or marker[0] != 0xFF or marker[1] in (0xD9, 0xDA):
            return
        yield marker[1], file.read(max(int.from_bytes(length, "big") - 2, 0))


def jpeg_facts(file: BinaryIO) -> JpegFacts:
    """Read how a JPEG was compressed, from its tables."""
    tables: dict[int, tuple[int, ...]] = {}
    components: list[tuple[int, int]] = []
    kept, photoshop, images, resolution = b"", b"", False, None
    for marker, data in _segments(file):
        if marker == 0xDB:
            tables.update(_tables(data))
        elif marker in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA) and len(data) > 5:
            components = [(data[i + 1], data[i + 2]) for i in range(6, len(data) - 2, 3)]
        elif marker == 0xFE or data.startswith(b"http://ns.adobe.com/xmp/extension/\0"):
            kept += _segment(marker, data)
        elif data.startswith(b"JFIF\0") and len(data) >= 12:
            resolution = _density(data)
        elif marker == 0xED and data.startswith(_PHOTOSHOP):
            photoshop += data[len(_PHOTOSHOP) :]
        elif marker == 0xE2 and data.startswith(b"MPF\0"):
            images = True
    sampling = [factors for factors, _ in components]
    used = [tables[table] for _, table in components if table in tables]
    return JpegFacts(_quality(used), sampling == [0x22, 0x11, 0x11], kept, photoshop, resolution, images)


def _density(jfif: bytes) -> tuple[float, float] | None:
    unit, x, y = struct.unpack(">BHH", jfif[7:12])
    per_mm = {1: 25.4, 2: 10.0}.get(unit)
    return (x / per_mm, y / per_mm) if per_mm and x and y else None


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


def jpeg_segments(resolution: tuple[float, float] | None, metadata: Mapping[str, Any]) -> bytes:
    """Make the segments to insert at a JPEG's start.

    libvips leaves JFIF out, loses large XMP, and takes IPTC only as it stands in a JPEG.
    """
    unit = metadata.get("unit", "in")
    per_mm = 10.0 if unit == "cm" else 25.4
    x, y = (min(max(round(side * per_mm), 1), 65535) for side in resolution or (1 / per_mm, 1 / per_mm))
    code = 0 if resolution is None else 2 if unit == "cm" else 1
    made = _segment(0xE0, b"JFIF\0\x01\x01" + struct.pack(">BHH", code, x, y) + b"\0\0")
    for name, head in (("exif", b"Exif\0\0"), ("xmp", _XMP)):
        if metadata.get(name):
            made += _segment(0xE1, head + metadata[name])
    resources, iptc = metadata.get("photoshop", b""), metadata.get("iptc", b"")
    if iptc and iptc_in(resources) != iptc:
        resources = _iptc_resource(iptc) + resources  # readers take the first
    room = _SEGMENT - len(_PHOTOSHOP)
    for start in range(0, len(resources), room):
        made += _segment(0xED, _PHOTOSHOP + resources[start : start + room])
    return made + bytes(metadata.get("jpeg", b""))


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def iptc_in(resources: bytes) -> bytes | None:
    """Find the IPTC records among Photoshop's image resources (Adobe Photoshop File Formats)."""
    place = 0
    while resources[place : place + 4] == b"8BIM" and len(resources) >= place + 12:
        (kind,) = struct.unpack_from(">H", resources, place + 4)
        place += 6 + (resources[place + 6] + 2) // 2 * 2  # a name, with its length, is padded to even
        size, place = int.from_bytes(resources[place : place + 4], "big"), place + 4
        if kind == 0x0404:
            return resources[place : place + size]
        place += size + size % 2
    return None


def _iptc_resource(iptc: bytes) -> bytes:
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0" * (len(iptc) % 2)


# ---- PNG (W3C Recommendation) --------------------------------------------------------------------

# Text (not XMP, not ImageMagick's EXIF, which libvips carries), time, and what colours mean.
_KEPT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"gAMA", b"cHRM", b"sRGB", b"cICP")
_CARRIED_TEXTS = (b"XML:com.adobe.xmp", b"Raw profile type ")
END_OF_IHDR = 33
UNKNOWN_PNG_RESOLUTION = 2835  # pixels a metre, 72 an inch: what libvips writes when nothing is known


@dataclass(frozen=True)
class PngFacts:
    """Chunks to keep, pixels a millimetre, and whether there are a colour profile, more images, the end."""

    chunks: bytes
    profiled: bool
    resolution: tuple[float, float] | None
    animated: bool
    complete: bool


def png_facts(file: BinaryIO) -> PngFacts:
    """Walk over the chunks of a PNG without decoding any."""
    kept, resolution, profiled, animated, complete = b"", None, False, False, False
    size = file.seek(0, io.SEEK_END)
    file.seek(8)
    while len(head := file.read(8)) == 8 and not complete:
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        animated |= name == b"acTL"
        profiled |= name == b"iCCP"
        if name in _KEPT_CHUNKS:
            data = file.read(length + 4)
            if zlib.crc32(name + data[:-4]) == int.from_bytes(data[-4:], "big"):
                kept += b"" if data.startswith(_CARRIED_TEXTS) else head + data
        elif name == b"pHYs" and length == 9:
            x, y, unit = struct.unpack(">IIB4x", file.read(13).ljust(13, b"\0"))
            known = unit == 1 and x and y and (x, y) != (UNKNOWN_PNG_RESOLUTION, UNKNOWN_PNG_RESOLUTION)
            resolution = (x / 1000, y / 1000) if known else None
        else:
            file.seek(length + 4, io.SEEK_CUR)
        complete = name == b"IEND" and file.tell() <= size
    return PngFacts(kept, profiled, resolution, animated, complete)


def png_chunks(exif: bytes | None, ready: bytes) -> bytes:
    """Make the chunks to insert behind a PNG's header."""
    if not exif:
        return ready
    return (
        struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif)) + ready
    )


# ---- WebP and AVIF -------------------------------------------------------------------------------


def webp_is_lossless(file: BinaryIO) -> bool:
    """Look for the chunk of lossless WebP pixels."""
    file.seek(12)
    while len(head := file.read(8)) == 8 and head[:4] != b"VP8 ":
        if head[:4] == b"VP8L":
            return True
        length = int.from_bytes(head[4:], "little")
        file.seek(length + length % 2, io.SEEK_CUR)
    return False


def avif_is_lossless(file: BinaryIO) -> bool:
    """Tell whether an AVIF holds its red, green and blue as they are, which only lossless ones do."""
    file.seek(0)
    head = file.read(1 << 16)
    place = head.find(b"colrnclx")
    return place >= 0 and head[place + 12 : place + 14] == b"\0\0"


# ---- writing -------------------------------------------------------------------------------------


def insert(path: Path, offset: int, data: bytes) -> None:
    """Insert bytes into a file, moving what follows in blocks from the end, so that little memory is used."""
    block = 1 << 20
    if not data:
        return
    with path.open("r+b") as file:
        position = file.seek(0, io.SEEK_END)
        while position > offset:
            start = max(offset, position - block)
            file.seek(start)
            moved = file.read(position - start)
            file.seek(start + len(data))
            file.write(moved)
            position = start
        file.seek(offset)
        file.write(data)
