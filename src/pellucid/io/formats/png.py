"""PNG (W3C Recommendation, third edition): its chunks.

libvips decodes and encodes the pixels; the chunks that it does not carry, or stores where other programs do
not look, are read and written here.
"""

import logging
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pellucid.errors import InputError
from pellucid.io.colour import Colorimetry
from pellucid.io.format import Data, Format, name_of, several_images, stream_of
from pellucid.io.image import Cicp, Encoding, Extra, Metadata, known_resolution
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.vips_sink import FewBitsSink, VipsSink
from pellucid.io.vips_source import VipsSource

log = logging.getLogger("pellucid")

_END_OF_IHDR, _END_OF_PHYS = 33, 54
_LARGEST = 1 << 26  # bytes of a chunk when it is unpacked
_XMP = b"XML:com.adobe.xmp\0"
# ImageMagick's way to store EXIF and XMP, which libvips reads.
_PROFILES = (b"Raw profile type exif\0", b"Raw profile type APP1\0", b"Raw profile type xmp\0")
# Chunks that hold for other pixels too, though a program that does not know them could not tell.
_KEPT = (b"gIFg", b"oFFs", b"pCAL", b"sCAL", b"sTER", b"mDCV", b"cLLI", b"mDCv", b"cLLi", b"sRGB", b"tIME")
# Chunks that libvips, or this module, carries in another way, or that describe the compressed data.
_HANDLED = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"pHYs", b"eXIf", b"gAMA", b"cHRM", b"cICP")
_DROPPED = (b"bKGD", b"sBIT", b"hIST", b"sPLT", b"iDOT")  # docs/formats.md


class PngChunks(Extra):
    """Chunks to copy, complete with length and checksum."""


@dataclass
class _Facts:
    kept: bytes = b""
    texts: bool = False
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    resolution: tuple[float, float] | None = None
    colorimetry: Colorimetry = field(default_factory=Colorimetry)
    cicp: Cicp | None = None
    profiled: bool = False
    srgb: bool = False
    animated: bool = False
    complete: bool = False
    trailing: int = 0
    lost: list[str] = field(default_factory=list)


def _open(data: Data) -> Source:
    name = name_of(data)
    with stream_of(data) as file:
        facts = _facts(file)
    if facts.animated:
        raise several_images(name)
    if not facts.complete:
        raise InputError(f"{name} is a PNG that is cut off", "Use an intact copy of the file")
    if facts.lost:
        log.warning("%s: the chunks %s will not be in a changed image", name, ", ".join(facts.lost))
    if facts.trailing:
        log.warning("%s: %d bytes behind the image are left out", name, facts.trailing)
    label = "PNG text" if facts.texts else "chunks of a PNG"
    numbers = facts.colorimetry
    return VipsSource(
        data,
        "pngload",
        Metadata(
            icc=facts.icc,
            exif=facts.exif,
            xmp=facts.xmp,
            cicp=facts.cicp,
            # The specification's order: cICP, iCCP, sRGB, then gAMA and cHRM.
            colorimetry=None if numbers.is_empty or (facts.srgb and not numbers.is_srgb) else numbers,
            resolution=facts.resolution,
            extra=(PngChunks(facts.kept, label),) if facts.kept else (),
        ),
        Encoding(format="png"),
        profiled=facts.profiled,
    )


def _create(path: Path, like: Source) -> Sink:
    def start(head: bytes) -> bytes:
        # libvips always states a resolution, also where none is known.
        stated = head[_END_OF_IHDR + 4 :].startswith(b"pHYs")
        return head[:_END_OF_IHDR] + _first_chunks(like.metadata) + (b"" if stated else head[_END_OF_IHDR:])

    def make(bits: int | None) -> VipsSink:
        # All filters make files a quarter smaller than none.
        options = {"filter": "all"} if bits is None else {"bitdepth": bits}
        return VipsSink(path, like, "pngsave", options, carried=(), start=(_END_OF_PHYS, start))

    bits = like.encoding.bits
    return FewBitsSink(make, bits) if bits in PNG.few_bits and not like.alpha else make(None)


def _facts(file: BinaryIO) -> _Facts:
    """Walk over the chunks of a PNG without decoding any."""
    facts = _Facts()
    size = file.seek(0, 2)
    file.seek(8)
    while len(head := file.read(8)) == 8 and not facts.complete:
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        facts.complete = name == b"IEND" and file.tell() + length + 4 <= size
        if name == b"IDAT" or file.tell() + length + 4 > size:
            file.seek(length + 4, 1)
            continue
        data = file.read(length)
        if zlib.crc32(head[4:] + data) != int.from_bytes(file.read(4), "big"):
            facts.lost.append(f"{name.decode('latin-1')} (damaged)")
            continue
        _take(facts, name, data)
    facts.trailing = size - file.tell() + len(head) if facts.complete else 0
    return facts


def _take(facts: _Facts, name: bytes, data: bytes) -> None:
    """Note what one chunk says."""
    if name == b"acTL":
        facts.animated = True
    elif name == b"iCCP":  # of which libpng drops some that others can use
        facts.profiled, facts.icc = True, _unpacked(data.split(b"\0", 1)[-1][1:])
    elif name == b"eXIf":  # which libvips does not see behind the pixels
        facts.exif = data
    elif name == b"iTXt" and data.startswith(_XMP):
        facts.xmp = _xmp(data[len(_XMP) :])
    elif name in (b"tEXt", b"zTXt", b"iTXt"):
        if not data.startswith(_PROFILES):
            facts.texts = True
            facts.kept += _chunk(name, data)
    elif name == b"pHYs" and len(data) == 9 and data[8] == 1:
        x, y = struct.unpack(">II", data[:8])
        facts.resolution = known_resolution(x / 1000, y / 1000)
    elif name == b"pHYs":  # the shape of the pixels, without a unit
        facts.kept += _chunk(name, data)
    elif name == b"gAMA" and len(data) == 4:
        facts.colorimetry = facts.colorimetry.with_gamma(int.from_bytes(data, "big"))
    elif name == b"cHRM" and len(data) == 32:
        facts.colorimetry = facts.colorimetry.with_points(struct.unpack(">8I", data))
    elif name == b"cICP" and len(data) == 4:
        facts.cicp = Cicp(data[0], data[1], data[2], bool(data[3]))
    elif name in _KEPT or (name not in _HANDLED + _DROPPED and name[3] & 32):  # "safe to copy"
        facts.srgb |= name == b"sRGB"
        facts.kept += _chunk(name, data)
    elif name not in _HANDLED + _DROPPED:
        facts.lost.append(name.decode("latin-1"))


def _xmp(rest: bytes) -> bytes | None:
    """Read XMP in iTXt: compression flag and method, language, translated keyword, text."""
    packed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    return _unpacked(text) if packed else text


def _unpacked(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, _LARGEST)
    except zlib.error:
        return None


def _first_chunks(metadata: Metadata) -> bytes:
    """Make the chunks behind the header.

    libvips would write EXIF anew, and XMP as zTXt, where other programs do not look for it; libpng does not
    write every profile.
    """
    made = b""
    if metadata.icc:
        made += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc))
    if metadata.cicp is not None:
        cicp = metadata.cicp
        made += _chunk(b"cICP", bytes([cicp.primaries, cicp.transfer, 0, int(cicp.full_range)]))
    if metadata.colorimetry is not None:
        numbers = metadata.colorimetry
        made += _chunk(b"gAMA", struct.pack(">I", numbers.gamma)) if numbers.gamma else b""
        made += _chunk(b"cHRM", struct.pack(">8I", *numbers.points)) if numbers.points else b""
    if metadata.resolution is not None:
        x, y = (round(side * 1000) for side in metadata.resolution)
        made += _chunk(b"pHYs", struct.pack(">IIB", x, y, 1))
    if metadata.xmp:
        made += _chunk(b"iTXt", _XMP + b"\0\0\0\0" + metadata.xmp)
    made += metadata.of(PngChunks)
    return made + (_chunk(b"eXIf", metadata.exif) if metadata.exif else b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


PNG = Format(
    name="png",
    label="PNG",
    suffixes=(".png",),
    matches=lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"),
    open=_open,
    create=_create,
    depths=(8, 16),
    few_bits=(1, 2, 4),
    alpha=True,
    grey_profile=True,
    carries=frozenset({"icc", "resolution", "cicp", "colorimetry", "exif", "xmp"}),
    extras=(PngChunks,),
)
