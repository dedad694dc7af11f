"""JPEG 2000 (ISO/IEC 15444-1), by imagecodecs in the extra `codecs`; its boxes are read and written here."""

import logging
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pellucid.errors import InputError, require
from pellucid.io.exif import orientation_of
from pellucid.io.format import Data, Format, name_of, stream_of
from pellucid.io.image import Encoding, Metadata, Samples, depth_of, known_resolution
from pellucid.io.isobmff import boxed, content_of, inner_boxes, top_boxes
from pellucid.io.orientation import is_turned, upright_pixels
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.upright import upright_metadata
from pellucid.io.vips import usable_profile
from pellucid.io.vips_source import divided
from pellucid.io.whole import WholeSink, WholeSource, stretched_from

log = logging.getLogger("pellucid")

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_CODESTREAM = b"\xff\x4f\xff\x51"
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF = b"JpgTiffExif->JP2"
_SRGB, _GREY = 16, 17  # enumerated colour spaces
_USUAL = (b"jP  ", b"ftyp", b"jp2h", b"jp2c", b"rreq", b"uinf", b"free")


@dataclass
class _Facts:
    start: int = 0  # of the codestream
    width: int = 0
    height: int = 0
    precisions: list[int] = field(default_factory=list)
    reversible: bool = False
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    resolution: tuple[float, float] | None = None
    kinds: dict[int, int] = field(default_factory=dict)  # by channel: 0 colour, 1 alpha, 2 premultiplied
    lost: list[str] = field(default_factory=list)


def _open(data: Data) -> Source:
    name = name_of(data)
    imagecodecs = require("imagecodecs", "codecs", "to read JPEG 2000")
    with stream_of(data) as file:
        try:
            facts = _facts(file)
            bands, bits = len(facts.precisions), max(facts.precisions, default=0)
            if not bands or facts.width <= 0 or facts.height <= 0:
                raise ValueError("it has no codestream, or no pixels")
        except (struct.error, IndexError, ArithmeticError, ValueError) as exc:
            raise InputError(f"{name} is a broken JPEG 2000 file: {exc}", "Use an intact copy") from exc
    if facts.lost:
        log.warning("%s: %s will not be in a changed image", name, " and ".join(facts.lost))
    alpha = facts.kinds.get(bands - 1, 0) in (1, 2)
    channels = 3 if bands - alpha >= 3 else 1
    metadata = Metadata(
        icc=usable_profile(name, facts.icc, channels),
        exif=facts.exif,
        xmp=facts.xmp,
        resolution=facts.resolution,
        extra_samples=(0,) * (bands - alpha - channels),
    )

    turn = orientation_of(facts.exif or b"")
    height, width = (facts.height, facts.width)[:: -1 if is_turned(turn) else 1]

    def decode() -> Samples:
        with stream_of(data) as file:
            file.seek(facts.start)  # from the whole file the decoder would convert the colours
            samples: Any = imagecodecs.jpeg2k_decode(file.read())
        samples = upright_pixels(samples.reshape(facts.height, facts.width, -1), turn)
        samples = stretched_from(samples, bits)
        return divided(samples) if facts.kinds.get(bands - 1) == 2 else samples

    return WholeSource(
        name,
        (height, width, bands),
        np.uint8 if bits <= 8 else np.uint16,
        decode,
        metadata=upright_metadata(metadata, turn, (width, height)),
        encoding=Encoding(format="jp2", lossy=not facts.reversible, bits=bits if bits in (10, 12) else None),
        alpha=alpha,
        extra=bands - alpha - channels,
    )


# ---- reading -------------------------------------------------------------------------------------


def _facts(file: BinaryIO) -> _Facts:
    facts = _Facts()
    if file.read(4) == _CODESTREAM:
        _note_codestream(facts, file, 0)
        return facts
    for box in top_boxes(file):
        if box.name == b"jp2h":
            _note_header(facts, content_of(file, box))
        elif box.name == b"jp2c":
            _note_codestream(facts, file, box.content)
        elif box.name == b"uuid":
            content = content_of(file, box)
            if content[:16] == _XMP:
                facts.xmp = content[16:]
            elif content[:16] == _EXIF:
                facts.exif = content[16:].removeprefix(b"Exif\0\0")
            else:
                facts.lost.append("data of other programs")
        elif box.name not in _USUAL:
            facts.lost.append(f"the box {box.name.decode('latin-1')}")
    return facts


def _note_codestream(facts: _Facts, file: BinaryIO, start: int) -> None:
    """Read the size, the components and the transform (A.5.1 and A.6.1)."""
    facts.start = start
    file.seek(start)
    head = file.read(1 << 16)
    if not head.startswith(_CODESTREAM):
        raise ValueError("it has no codestream")
    right, bottom, left, top = struct.unpack_from(">IIII", head, 8)
    (count,) = struct.unpack_from(">H", head, 40)
    components = [struct.unpack_from(">BBB", head, 42 + 3 * i) for i in range(count)]
    if any(precision & 128 for precision, _, _ in components):
        raise ValueError("its samples are signed")
    if any((across, down) != (1, 1) for _, across, down in components):
        raise ValueError("its colours have fewer samples than its brightness")
    facts.width, facts.height = right - left, bottom - top
    facts.precisions = [precision + 1 for precision, _, _ in components]
    if not facts.precisions or max(facts.precisions) > 16 or len(set(facts.precisions)) > 1:
        raise ValueError(f"its samples have {facts.precisions} bits")
    place = 4 + struct.unpack_from(">H", head, 4)[0]
    while head[place] == 0xFF and head[place + 1] != 0x52:
        place += 2 + struct.unpack_from(">H", head, place + 2)[0]
    facts.reversible = head[place + 13] == 1


def _note_header(facts: _Facts, header: bytes) -> None:
    for box in inner_boxes(header):
        content = header[box.content : box.end]
        if box.name == b"colr" and content[0] in (2, 3):
            facts.icc = content[3:]
        elif box.name == b"colr" and content[0] == 1:
            space = int.from_bytes(content[3:7], "big")
            if space not in (_SRGB, _GREY):
                raise ValueError(f"its colours are of kind {space}, neither sRGB nor grey")
        elif box.name == b"pclr":
            raise ValueError("it has a palette")
        elif box.name == b"cdef":
            for i in range(int.from_bytes(content[:2], "big")):
                number, kind, _ = struct.unpack_from(">HHH", content, 2 + 6 * i)
                facts.kinds[number] = kind
        elif box.name == b"res ":
            for inner in inner_boxes(content):
                # Each is a fraction times a power of ten, in pixels per metre.
                y, y_divisor, x, x_divisor, y_power, x_power = struct.unpack_from(
                    ">HHHHbb", content, inner.content
                )
                x, y = x / x_divisor * 10.0**x_power, y / y_divisor * 10.0**y_power
                facts.resolution = known_resolution(x / 1000, y / 1000)


# ---- writing -------------------------------------------------------------------------------------


def _create(path: Path, like: Source) -> Sink:
    require("imagecodecs", "codecs", "to write JPEG 2000")
    return WholeSink(path, like, _encode)


def _encode(samples: Samples, like: Source) -> bytes:
    imagecodecs = require("imagecodecs", "codecs", "to write JPEG 2000")
    bits = depth_of(like.dtype, like.encoding.bits)
    if bits in (10, 12):
        samples = np.rint(samples * np.float32(((1 << bits) - 1) / 65535)).astype(np.uint16)
    content = imagecodecs.jpeg2k_encode(
        samples[..., 0] if samples.shape[2] == 1 else samples,
        level=0,  # without loss
        codecformat="j2k",
        reversible=True,
        bitspersample=bits,
        mct=like.channels == 3 and not like.alpha,
    )
    metadata, bands = like.metadata, samples.shape[2]
    header = boxed(b"ihdr", struct.pack(">IIHBBBB", like.height, like.width, bands, bits - 1, 7, 0, 0))
    if metadata.icc:
        header += boxed(b"colr", b"\2\0\0" + metadata.icc)
    else:
        header += boxed(b"colr", b"\1\0\0" + struct.pack(">I", _SRGB if like.channels == 3 else _GREY))
    if like.alpha:
        colours = [struct.pack(">HHH", i, 0, i + 1) for i in range(like.channels)]
        alpha = struct.pack(">HHH", like.channels, 1, 0)  # of the whole image
        header += boxed(b"cdef", struct.pack(">H", bands) + b"".join(colours) + alpha)
    if metadata.resolution:
        x, y = (max(1, min(round(side * 10), 65535)) for side in metadata.resolution)
        header += boxed(b"res ", boxed(b"resc", struct.pack(">HHHHbb", y, 1, x, 1, 2, 2)))
    made = _SIGNATURE + boxed(b"ftyp", b"jp2 \0\0\0\0jp2 ") + boxed(b"jp2h", header)
    for identity, data in ((_EXIF, metadata.exif), (_XMP, metadata.xmp)):
        made += boxed(b"uuid", identity + data) if data else b""
    return made + boxed(b"jp2c", bytes(content))


JP2 = Format(
    name="jp2",
    label="JPEG 2000",
    suffixes=(".jp2", ".j2k", ".j2c", ".jpx", ".jpf"),
    matches=lambda head: head.startswith((_SIGNATURE, _CODESTREAM)),
    open=_open,
    create=_create,
    depths=(8, 10, 12, 16),
    alpha=True,
    grey_profile=True,
    carries=frozenset({"icc", "resolution", "exif", "xmp"}),
    needs="codecs",
)
