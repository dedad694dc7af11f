"""Pages of a TIFF as segments (strips or tiles): decoded by tifffile, and replaced in a copy of the file.

A segment that has become shorter, as denoised samples do when they are compressed, takes the place of the old
one; a longer one goes to the end of the file. So nothing else in the file moves.
"""

import math
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

from pellucid.errors import InputError, LimitError, require
from pellucid.io.image import Samples

DEFLATE, LZMA = (8, 32946), 34925
LOSSLESS = (1, 5, *DEFLATE, 32773, LZMA, 34926, 50000)
"""Compressions that are written as they were read; the others become Deflate."""

_NO_CODECS = (1, *DEFLATE, LZMA)  # which need no imagecodecs
_NODATA = 42113
_CLASSIC = 2**32 - 1  # the largest offset of a TIFF that is no BigTIFF


def check_page(name: str, page: Any) -> None:
    """Refuse a page that cannot be decoded or encoded again.

    Raises
    ------
    MissingExtraError
        When its compression needs imagecodecs.
    """
    packed = page.bitspersample % 8 != 0
    if int(page.compression) not in _NO_CODECS or int(page.predictor) == 3 or packed:
        what = f"{page.bitspersample}-bit samples" if packed else f"{page.compression.name} compression"
        require("imagecodecs", "codecs", f"to read {name}, which has {what},")


def nodata_of(page: Any) -> float | None:
    """The value that means "no data"; None where samples are not stored as they are read, as in a palette."""
    if _NODATA not in page.tags or int(page.photometric) not in (1, 2) or page.bitspersample < 8:
        return None
    with suppress(ValueError, AttributeError):
        return float(page.tags[_NODATA].value.split("\0")[0])
    return None


class PageReader:
    """Reads regions of a page.

    Parameters
    ----------
    page : tifffile.TiffPage or TiffFrame
    name : str
        Of the file, for errors.
    """

    def __init__(self, page: Any, name: str) -> None:
        self._page, self._name, key = page, name, page.keyframe
        self.height, self.width, self.samples = key.imagelength, key.imagewidth, key.samplesperpixel
        self.tall, self.wide = (
            (key.tilelength, key.tilewidth) if key.is_tiled else (key.rowsperstrip, key.imagewidth)
        )
        self.tall = min(self.tall, self.height) if not key.is_tiled else self.tall
        self.down, self.across = math.ceil(self.height / self.tall), math.ceil(self.width / self.wide)
        self.separate = self.samples if key.planarconfig == 2 and self.samples > 1 else 1
        self.inverted = int(key.photometric) == 0
        self._row: tuple[int, Samples] | None = None
        if min(len(page.dataoffsets), len(page.databytecounts)) < self.down * self.across * self.separate:
            raise InputError(f"{name} is a broken TIFF file: segments are missing", "Use an intact copy")

    def read(self, rows: slice, columns: slice) -> Samples:
        """Decode a region (height, width, samples)."""
        first, last = rows.start // self.tall, (rows.stop - 1) // self.tall
        lines = np.concatenate([self.line(y) for y in range(first, last + 1)])
        return lines[rows.start - first * self.tall : rows.stop - first * self.tall, columns]

    def line(self, y: int) -> Samples:
        """Decode a row of segments (rows, width, samples)."""
        if self._row is None or self._row[0] != y:
            area = self.down * self.across
            layers = [
                np.concatenate(
                    [self.segment(s * area + y * self.across + x) for x in range(self.across)], axis=1
                )
                for s in range(self.separate)
            ]
            rows = min(self.tall, self.height - y * self.tall)
            self._row = y, np.concatenate(layers, axis=2)[:rows, : self.width]
        return self._row[1]

    def segment(self, number: int) -> Samples:
        """Decode a segment (rows, columns, samples)."""
        page = self._page
        file, key = page.parent.filehandle, page.keyframe
        offset, size = page.dataoffsets[number], page.databytecounts[number]
        try:
            file.seek(offset)
            data = file.read(size) if size else None
            array, _, shape = key.decode(data, number, jpegtables=page.jpegtables)
        except MemoryError:
            raise
        except Exception as exc:  # each codec has errors of its own
            words = " ".join(str(exc).split()) or type(exc).__name__
            raise InputError(f"{self._name} cannot be read: {words}", "Use an intact copy") from exc
        if array is None:
            array = np.full(shape, key.nodata, key.dtype)
        native: Samples = array[0].astype(array.dtype.newbyteorder("="), copy=False)
        return native


class PageWriter:
    """Replaces the samples of a page in a copy of its file.

    Parameters
    ----------
    reader : PageReader
        Of the page in the original file.
    file : binary file
        The copy, open for reading and writing.
    page : tifffile.TiffPage or TiffFrame
        In the original file.
    """

    def __init__(self, reader: PageReader, file: BinaryIO, page: Any) -> None:
        self._reader, self._file, self._page = reader, file, page
        self._encode = _encoder(page.keyframe)
        self._offsets, self._sizes = list(page.dataoffsets), list(page.databytecounts)
        self._waiting: list[Samples] = []
        self._rows = self._next = 0

    def write(self, rows: Samples) -> None:
        """Encode the rows of segments that are complete; rows come from the top."""
        reader = self._reader
        self._waiting.append(rows.copy())
        self._rows += len(rows)
        while self._next < reader.down:
            count = min(reader.tall, reader.height - self._next * reader.tall)
            if self._rows < count:
                break
            block = np.concatenate(self._waiting)
            self._waiting, self._rows = [block[count:]], self._rows - count
            self._line(self._next, block[:count])
            self._next += 1
        if self._next == reader.down:
            self._tags()

    def _line(self, y: int, block: Samples) -> None:
        """Encode a row of segments."""
        reader = self._reader
        tall = reader.tall if self._page.keyframe.is_tiled else len(block)
        right = reader.across * reader.wide - reader.width
        block = np.pad(block, ((0, tall - len(block)), (0, right), (0, 0)), "edge")
        for s in range(reader.separate):
            layer = block if reader.separate == 1 else block[..., s : s + 1]
            for x in range(reader.across):
                part = layer[:, x * reader.wide : (x + 1) * reader.wide]
                number = (s * reader.down + y) * reader.across + x
                self._put(number, self._encode(np.ascontiguousarray(part)))

    def _put(self, number: int, data: bytes) -> None:
        if len(data) <= self._sizes[number]:
            self._file.seek(self._offsets[number])
        else:
            end = self._file.seek(0, 2)
            self._file.write(b"\0" * (end % 2))
            self._offsets[number] = end + end % 2
            if self._offsets[number] + len(data) > _CLASSIC and not self._page.parent.is_bigtiff:
                raise LimitError(
                    f"{self._file.name} would become larger than 4 GB", "Save the stack as a BigTIFF first"
                )
        self._file.write(data)
        self._sizes[number] = len(data)

    def _tags(self) -> None:
        """Write the new places and sizes, and the compression where it has changed."""
        import tifffile

        tags: dict[int, Any] = {}
        key, page = self._page.keyframe, self._page
        if self._sizes != list(page.databytecounts) or self._offsets != list(page.dataoffsets):
            tags |= {324 if key.is_tiled else 273: self._offsets, 325 if key.is_tiled else 279: self._sizes}
        if int(key.compression) not in LOSSLESS:
            tags[259] = [8]
            tags |= {317: [1]} if 317 in key.tags else {}
            tags |= {262: [2]} if int(key.photometric) == 6 else {}
            tags |= {530: [1, 1]} if 530 in key.tags else {}  # half resolution of colours
        if not tags:
            return
        self._file.flush()
        with tifffile.TiffFile(self._file.name, mode="r+", _multifile=False) as tiff:
            tiff.filehandle.seek(page.offset)
            found = tifffile.TiffPage(tiff, 0).tags
            for code, values in tags.items():
                wide = {3: 4}.get(int(found[code].dtype)) if max(values) > 65535 else None
                found[code].overwrite(values if len(values) > 1 else values[0], dtype=wide)


def _encoder(page: Any) -> Callable[[Samples], bytes]:
    """The function that encodes a segment (rows, columns, samples) as the page's were."""
    import tifffile

    code, bits, dtype = int(page.compression), page.bitspersample, page.dtype
    lossless = code in LOSSLESS
    compress: Any = tifffile.TIFF.COMPRESSORS[code] if lossless else zlib.compress
    compress = {1: bytes, **dict.fromkeys(DEFLATE, zlib.compress)}.get(code, compress)
    predictor = int(page.predictor) if lossless else 1
    stored = dtype.newbyteorder(page.parent.byteorder)

    def encode(block: Samples) -> bytes:
        if bits % 8:
            full = (1 << bits) - 1
            shifts = np.arange(bits - 1, -1, -1, dtype=np.uint16)
            rows = block.clip(0, full).astype(np.uint16).reshape(len(block), -1, 1) >> shifts & 1
            data = np.packbits(rows.astype(np.uint8).reshape(len(block), -1), axis=1).tobytes()
        elif predictor == 3:
            codecs = require("imagecodecs", "codecs", "to write a TIFF with a predictor of floats")
            data = codecs.floatpred_encode(block.astype(stored), axis=-2)
            data = data if isinstance(data, bytes) else np.asarray(data).tobytes()
        else:
            words = block.astype(dtype.newbyteorder("="), copy=False)
            if predictor == 2:
                words = words.view(f"u{dtype.itemsize}")
                words = np.concatenate([words[:, :1], words[:, 1:] - words[:, :-1]], axis=1)
            data = words.astype(words.dtype.newbyteorder(page.parent.byteorder)).tobytes()
        if page.fillorder == 2:
            data = np.packbits(np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")).tobytes()
        return bytes(compress(data))

    return encode
