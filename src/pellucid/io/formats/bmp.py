"""BMP (learn.microsoft.com, "Bitmap Storage"): rows from the bottom, padded to four bytes, blue first."""

import logging
import struct
from pathlib import Path

import numpy as np

from pellucid.errors import InputError
from pellucid.io.format import Data, Format, name_of, stream_of
from pellucid.io.image import Encoding, Metadata, Samples, known_resolution
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.vips import usable_profile
from pellucid.io.vips_sink import FewBitsSink

log = logging.getLogger("pellucid")

_RGB, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6
_COMPRESSIONS = {1: "run lengths", 2: "run lengths", 4: "a JPEG", 5: "a PNG"}
_MASKS = {16: (0x7C00, 0x3E0, 0x1F, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}
_EMBEDDED, _SRGB = 0x4D424544, 0x73524742  # kinds of colour space: a profile in the file, sRGB
_LENGTHS = (12, 40, 52, 56, 64, 108, 124)  # of all headers that there have been
_V5 = 124  # bytes of the header that can hold masks and a profile


class _BmpSource:
    """Reads any region: no sample depends on another."""

    extra = 0
    nodata: float | None = None

    def __init__(self, data: Data) -> None:
        self.name, self._data = name_of(data), data
        with stream_of(data) as file:
            head = file.read(14 + _V5 + 12 + 1024)
            size = file.seek(0, 2)
        try:
            self._parse(head, size)
        except struct.error as exc:
            raise self._broken("its header is cut off") from exc

    def _parse(self, head: bytes, size: int) -> None:
        (self._start,), (length,) = struct.unpack_from("<I", head, 10), struct.unpack_from("<I", head, 14)
        if length == 12:  # of OS/2
            width, height, _, bits = struct.unpack_from("<HHHH", head, 18)
            compression, x, y, colours = 0, 0, 0, 0
        else:
            width, height, _, bits, compression = struct.unpack_from("<iiHHI", head, 18)
            x, y, colours = struct.unpack_from("<iiI", head, 38)
        self.width, self.height, self._bits, self._down = width, abs(height), bits, height < 0
        if compression not in (_RGB, _BITFIELDS, _ALPHA_BITFIELDS):
            how = _COMPRESSIONS.get(compression, f"method {compression}")
            raise InputError(f"{self.name} is a BMP compressed as {how}", "Save it without compression")
        if width <= 0 or not height or bits not in (1, 4, 8, 16, 24, 32):
            raise self._broken(f"its header says {width} x {height} pixels of {bits} bits")
        self._row = (width * bits + 31) // 32 * 4
        if self._start + self._row * self.height > size:
            raise self._broken("it is cut off")
        self._masks = _MASKS.get(bits, (0, 0, 0, 0))
        if compression != _RGB:
            masks = struct.unpack_from("<IIII", head, 54)
            has_alpha = compression == _ALPHA_BITFIELDS or length >= 56
            self._masks = (*masks[:3], masks[3] if has_alpha else 0)
            if not all(self._masks[:3]):
                raise self._broken("a colour has no bits")
        self._palette: Samples | None = None
        grey = full = False
        if bits <= 8:
            step = 3 if length == 12 else 4
            raw = np.frombuffer(head[14 + length :][: step * (colours or 1 << bits)], np.uint8)
            entries = raw[: len(raw) // step * step].reshape(-1, step)[:, 2::-1]
            palette = np.zeros((1 << bits, 3), np.uint8)
            palette[: len(entries)] = entries[: 1 << bits]
            grey = bool((entries == entries[:, :1]).all())
            self._palette = palette[:, :1] if grey else palette
            full = grey and np.array_equal(palette[:, 0], np.linspace(0, 255, 1 << bits).astype(np.uint8))
        self.channels, self.alpha, self.dtype = 1 if grey else 3, bool(self._masks[3]), np.dtype(np.uint8)
        self.encoding = Encoding(format="bmp", bits=bits if full and bits < 8 else None)
        resolution = known_resolution(x / 1000, y / 1000) if x > 0 and y > 0 else None
        self.metadata = Metadata(icc=self._profile(head, length), resolution=resolution)

    def _profile(self, head: bytes, length: int) -> bytes | None:
        if length < _V5 or struct.unpack_from("<I", head, 14 + 56)[0] != _EMBEDDED:
            return None
        offset, size = struct.unpack_from("<II", head, 14 + 112)
        with stream_of(self._data) as file:
            file.seek(14 + offset)
            return usable_profile(self.name, file.read(size), self.channels)

    def read(self, rows: slice, columns: slice) -> Samples:
        """Read a region (height, width, channels)."""
        count = rows.stop - rows.start
        first = rows.start if self._down else self.height - rows.stop
        with stream_of(self._data) as file:
            file.seek(self._start + first * self._row)
            raw = np.frombuffer(file.read(count * self._row), np.uint8).reshape(count, self._row)
        raw = raw if self._down else raw[::-1]
        if self._palette is not None:
            return self._palette[self._indices(raw)[:, columns]]
        if self._bits == 24:
            return raw[:, : self.width * 3].reshape(count, self.width, 3)[:, columns, ::-1]
        words = np.ascontiguousarray(raw).view("<u2" if self._bits == 16 else "<u4")[:, columns]
        masks = self._masks if self.alpha else self._masks[:3]
        return np.stack([_masked(words, mask) for mask in masks], axis=-1)

    def _indices(self, raw: Samples) -> Samples:
        if self._bits == 8:
            return raw[:, : self.width]
        if self._bits == 1:
            return np.unpackbits(raw, axis=1, count=self.width)
        return np.stack([raw >> 4, raw & 15], axis=-1).reshape(len(raw), -1)[:, : self.width]

    def _broken(self, why: str) -> InputError:
        return InputError(f"{self.name} is a broken BMP file: {why}", "Use an intact copy")

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""


def _masked(words: Samples, mask: int) -> Samples:
    """Give the samples in some bits of words, stretched over 8 bits."""
    shift = (mask & -mask).bit_length() - 1
    largest = mask >> shift
    values = (words & mask) >> shift
    return values.astype(np.uint8) if largest == 255 else np.rint(values * (255 / largest)).astype(np.uint8)


class _BmpSink:
    """Rows are written where they belong: the first ones at the end."""

    def __init__(self, path: Path, like: Source, bits: int | None) -> None:
        self._like, self._bits, self._top = like, bits, 0
        bands = 4 if like.alpha else like.channels
        depth = bits or bands * 8
        self._row = (like.width * depth + 31) // 32 * 4
        levels = np.linspace(0, 255, 1 << depth).astype(np.uint8) if depth <= 8 else np.zeros(0, np.uint8)
        palette = np.stack([levels, levels, levels, levels * 0], axis=-1).tobytes()
        self._icc = like.metadata.icc or b""
        length = _V5 if like.alpha or self._icc else 40
        self._start = 14 + length + len(palette)
        size = self._row * like.height
        total = self._start + size + len(self._icc)
        x, y = (round(side * 1000) for side in like.metadata.resolution or (0, 0))
        head = struct.pack("<2sIII", b"BM", total, 0, self._start)
        compression = _BITFIELDS if like.alpha else _RGB
        head += struct.pack("<IiiHHI", length, like.width, like.height, 1, depth, compression)
        head += struct.pack("<IiiII", size, x, y, len(levels), 0)
        if length == _V5:
            masks = (*_MASKS[32][:3], 0xFF000000) if like.alpha else (0, 0, 0, 0)
            kind = _EMBEDDED if self._icc else _SRGB
            head += struct.pack("<IIIII", *masks, kind) + bytes(48)
            head += struct.pack("<IIII", 4, self._start - 14 + size if self._icc else 0, len(self._icc), 0)
        self._file = path.open("wb")
        self._file.write(head + palette)

    def write(self, rows: Samples) -> None:
        """Write the next rows."""
        count = len(rows)
        raw = np.zeros((count, self._row), np.uint8)
        if rows.shape[2] == 2:  # grey with alpha, which BMP has as colour only
            rows = rows[..., (0, 0, 0, 1)]
        if self._bits is not None:
            indices = rows[..., 0] // (255 // ((1 << self._bits) - 1))
            packed = np.unpackbits(indices[..., None], axis=2)[..., -self._bits :].reshape(count, -1)
            packed = np.packbits(packed, axis=1)
        elif rows.shape[2] == 1:
            packed = rows[..., 0]
        else:
            packed = rows[..., (2, 1, 0, 3)[: rows.shape[2]]].reshape(count, -1)
        raw[:, : packed.shape[1]] = packed
        self._top += count
        self._file.seek(self._start + (self._like.height - self._top) * self._row)
        self._file.write(raw[::-1].tobytes())

    def commit(self) -> None:
        """Write the profile, which is the end."""
        self._file.seek(self._start + self._like.height * self._row)
        self._file.write(self._icc)
        self._file.close()

    def abort(self) -> None:
        """Close the file."""
        self._file.close()


def _create(path: Path, like: Source) -> Sink:
    bits = like.encoding.bits
    if bits in BMP.few_bits and not like.alpha and like.channels == 1:
        return FewBitsSink(lambda few: _BmpSink(path, like, few), bits)
    return _BmpSink(path, like, None)


BMP = Format(
    name="bmp",
    label="BMP",
    suffixes=(".bmp", ".dib"),
    matches=lambda head: head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _LENGTHS,
    open=_BmpSource,
    create=_create,
    few_bits=(1, 4),
    alpha=True,
    grey_profile=True,
    longest=32_767,  # the whole file has to be shorter than 4 GB
    carries=frozenset({"icc", "resolution"}),
)
