"""JPEG XL (ISO/IEC 18181), by imagecodecs in the extra `codecs`; its header and boxes are read here.

imagecodecs gives neither the meaning of the colours nor metadata. Files whose colours are described by an ICC
profile are refused, since the profile could not be read.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pellucid.errors import InputError, require
from pellucid.io.exif import with_resolution
from pellucid.io.format import Data, Format, name_of, several_images, stream_of
from pellucid.io.image import Cicp, Encoding, Metadata, Samples
from pellucid.io.isobmff import boxed, content_of, top_boxes
from pellucid.io.orientation import is_turned
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.upright import upright_metadata
from pellucid.io.vips_source import divided
from pellucid.io.whole import WholeSink, WholeSource, stretched_from

log = logging.getLogger("pellucid")

_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_FTYP = boxed(b"ftyp", b"jxl \0\0\0\0jxl ")
_USUAL = (b"JXL ", b"ftyp", b"jxll", b"jxlc", b"jxlp", b"jxli", b"jbrd", b"Exif", b"xml ")
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_ALPHA, _SPOT, _FILTER = 0, 2, 5  # kinds of extra channels


class _Bits:
    """Reads numbers from a codestream, the lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._value, self._length, self._place = int.from_bytes(data, "little"), len(data) * 8, 0

    def take(self, count: int) -> int:
        if self._place + count > self._length:
            raise ValueError("its header is cut off")
        found = self._value >> self._place & (1 << count) - 1
        self._place += count
        return found

    def choose(self, *choices: tuple[int, int]) -> int:
        """A number in one of four lengths: (what is added, bits)."""
        added, count = choices[self.take(2)]
        return added + self.take(count)

    def enum(self) -> int:
        return self.choose((0, 0), (1, 0), (2, 4), (18, 6))


@dataclass
class _Facts:
    width: int = 0
    height: int = 0
    orientation: int = 1  # as in EXIF, whose own does not count here; the decoder turns the pixels
    bits: int = 8
    floats: bool = False
    grey: bool = False
    extra: list[int] = field(default_factory=list)  # kinds of extra channels
    premultiplied: bool = False
    lossy: bool = True
    several: bool = False
    cicp: Cicp | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    lost: list[str] = field(default_factory=list)


def _open(data: Data) -> Source:
    name = name_of(data)
    imagecodecs = require("imagecodecs", "codecs", "to read JPEG XL")
    with stream_of(data) as file:
        try:
            facts = _facts(file)
        except (ValueError, IndexError, KeyError) as exc:
            raise InputError(f"{name} cannot be read: {exc}", "Convert it to PNG with djxl") from exc
    if facts.several:
        raise several_images(name)
    alpha = facts.extra[:1] == [_ALPHA]
    channels = 1 if facts.grey else 3
    if len(facts.extra) > alpha:
        raise InputError(
            f"{name} has {len(facts.extra)} channels that are no colour", "Convert it to PNG with djxl"
        )
    if facts.lost:
        log.warning("%s: %s will not be in a changed image", name, " and ".join(facts.lost))
    height, width = (facts.height, facts.width)[:: -1 if is_turned(facts.orientation) else 1]
    shape = (height, width, channels + alpha)
    metadata = Metadata(cicp=facts.cicp, exif=facts.exif, xmp=facts.xmp)

    def decode() -> Samples:
        content = data if isinstance(data, bytes) else data.read_bytes()
        decoded: Any = imagecodecs.jpegxl_decode(content)
        samples: Samples = decoded.reshape(shape)
        if facts.floats:
            return samples
        samples = stretched_from(samples, facts.bits)
        return divided(samples) if alpha and facts.premultiplied else samples

    return WholeSource(
        name,
        shape,
        np.float32 if facts.floats else np.uint8 if facts.bits <= 8 else np.uint16,
        decode,
        metadata=upright_metadata(metadata, facts.orientation, (width, height)),
        encoding=Encoding(
            format="jxl", lossy=facts.lossy, bits=facts.bits if facts.bits in (10, 12) else None
        ),
        alpha=alpha,
    )


# ---- reading -------------------------------------------------------------------------------------


def _facts(file: BinaryIO) -> _Facts:
    facts = _Facts()
    head = file.read(1 << 12)
    if not head.startswith(b"\xff\x0a"):
        stream = None
        for box in top_boxes(file):
            if box.name in (b"jxlc", b"jxlp") and stream is None:
                stream = content_of(file, box)[4 if box.name == b"jxlp" else 0 :]
            elif box.name == b"Exif":
                content = content_of(file, box)
                facts.exif = content[4 + int.from_bytes(content[:4], "big") :].removeprefix(b"Exif\0\0")
            elif box.name == b"xml ":
                facts.xmp = content_of(file, box)
            elif box.name not in _USUAL:
                what = {b"brob": "compressed metadata", b"jumb": "content credentials"}
                facts.lost.append(what.get(box.name, f"the box {box.name.decode('latin-1')}"))
        head = (stream or b"")[: 1 << 12]
    if not head.startswith(b"\xff\x0a"):
        raise ValueError("it has no codestream")
    _note_header(facts, _Bits(head[2:]))
    return facts


def _note_header(facts: _Facts, bits: _Bits) -> None:
    """Read SizeHeader and ImageMetadata (ISO/IEC 18181-1, D.2 and D.3)."""
    facts.height, facts.width = _size(bits)
    if bits.take(1):  # all that follows has its default: sRGB in 8 bits
        return
    if bits.take(1):
        facts.orientation = bits.take(3) + 1
        if bits.take(1):
            _size(bits)
        if bits.take(2):  # a preview, an animation
            facts.several = True
            return
    facts.bits, facts.floats = _depth(bits)
    bits.take(1)
    for _ in range(bits.choose((0, 0), (1, 0), (2, 4), (1, 12))):
        facts.extra.append(_extra_channel(facts, bits))
    facts.lossy = bool(bits.take(1))
    facts.grey, facts.cicp = _colours(bits)
    if facts.lossy and facts.cicp is not None:
        raise ValueError("its colours are not sRGB")


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)

    def side() -> int:
        return 8 * (1 + bits.take(5)) if small else bits.choose((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    ratio = bits.take(3)
    if not ratio:
        return height, side()
    across, down = _RATIOS[ratio]
    return height, height * across // down


def _depth(bits: _Bits) -> tuple[int, bool]:
    floats = bool(bits.take(1))
    if not floats:
        return bits.choose((8, 0), (10, 0), (12, 0), (1, 6)), False
    found = bits.choose((32, 0), (16, 0), (24, 0), (1, 6))
    bits.take(4)
    return found, True


def _extra_channel(facts: _Facts, bits: _Bits) -> int:
    if bits.take(1):
        return _ALPHA
    kind = bits.enum()
    _depth(bits)
    bits.choose((0, 0), (3, 0), (4, 0), (1, 3))
    for _ in range(bits.choose((0, 0), (0, 4), (16, 5), (48, 10))):
        bits.take(8)
    if kind == _ALPHA:
        facts.premultiplied |= bool(bits.take(1))
    elif kind == _SPOT:
        bits.take(64)
    elif kind == _FILTER:
        bits.choose((1, 0), (0, 2), (3, 4), (19, 8))
    return kind


def _colours(bits: _Bits) -> tuple[bool, Cicp | None]:
    """Whether the image is grey, and the code points of colours other than sRGB (E.2)."""
    if bits.take(1):
        return False, None
    if bits.take(1):
        raise ValueError("its colours are described by an ICC profile")
    space = bits.enum()
    if space > 1:
        raise ValueError(f"its colours are of kind {space}")
    white = bits.enum()
    primaries = bits.enum() if white == 1 and space == 0 else 1
    if white != 1 or primaries == 2:
        raise ValueError("its colours have a white or primaries of their own")
    if bits.take(1):
        raise ValueError(f"its colours have the gamma {bits.take(24) / 1e7}")
    cicp = Cicp({11: 12}.get(primaries, primaries), bits.enum())
    return space == 1, None if cicp.is_srgb else cicp


# ---- writing -------------------------------------------------------------------------------------


def _create(path: Path, like: Source) -> Sink:
    require("imagecodecs", "codecs", "to write JPEG XL")
    return WholeSink(path, like, _encode)


def _encode(samples: Samples, like: Source) -> bytes:
    imagecodecs = require("imagecodecs", "codecs", "to write JPEG XL")
    content = bytes(
        imagecodecs.jpegxl_encode(
            samples[..., 0] if samples.shape[2] == 1 else samples,
            lossless=not like.encoding.lossy,
            distance=1.0 if like.encoding.lossy else None,  # hard to tell from the original
        )
    )
    if not content.startswith(_SIGNATURE):
        content = _SIGNATURE + _FTYP + boxed(b"jxlc", content)
    made, metadata = b"", like.metadata
    exif = with_resolution(metadata.exif, metadata.resolution, metadata.resolution_unit)
    if exif:
        made += boxed(b"Exif", bytes(4) + exif)
    if metadata.xmp:
        made += boxed(b"xml ", metadata.xmp)
    start = len(_SIGNATURE) + len(_FTYP)
    if content[start + 4 : start + 8] == b"jxll":
        start += 9
    return content[:start] + made + content[start:]


JXL = Format(
    name="jxl",
    label="JPEG XL",
    suffixes=(".jxl",),
    matches=lambda head: head.startswith((_SIGNATURE, b"\xff\x0a")),
    open=_open,
    create=_create,
    depths=(8,),  # imagecodecs would mark more bits as linear light
    alpha=True,
    lossless="both",
    carries=frozenset({"exif", "xmp", "resolution"}),
    needs="codecs",
)
