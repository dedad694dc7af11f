"""PBM, PGM and PPM (netpbm.sourceforge.net/doc/pnm.html): a few words of text, then rows of samples."""

import logging
import re
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pellucid.errors import InputError, UsageError
from pellucid.io.format import Data, Format, name_of, several_images, stream_of
from pellucid.io.image import Encoding, Extra, Metadata, Samples, depth_of, stretched
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.vips_sink import FewBitsSink

log = logging.getLogger("pellucid")

_HEAD = 1 << 16  # bytes in which the header has to end
_TOKEN = re.compile(rb"\s*(?:#[^\n\r]*[\n\r]\s*)*(\d+)")
_COMMENT = re.compile(rb"#([^\n\r]*)")


class PnmComments(Extra):
    """Comment lines, with their signs."""


class _PnmSource:
    """Reads any region; text is decoded as a whole."""

    alpha, extra = False, 0

    def __init__(self, data: Data) -> None:
        self.name, self._data = name_of(data), data
        with stream_of(data) as file:
            head = file.read(_HEAD)
            size = file.seek(0, 2)
        self._kind = int(head[1:2])
        fields, place = [], 2
        for _ in range(2 if self._kind in (1, 4) else 3):
            found = _TOKEN.match(head, place)
            if found is None:
                raise self._broken("its header is not complete")
            fields.append(int(found.group(1)))
            place = found.end()
        self.width, self.height, self._white = (*fields, 1)[:3]
        if not (self.width and self.height and 0 < self._white < 65536):
            raise self._broken(f"its header says {fields}")
        self._start = place + 1
        self.channels = 3 if self._kind in (3, 6) else 1
        self.dtype = np.dtype(np.uint8 if self._white < 256 else np.uint16)
        self._row = (
            -(-self.width // 8) if self._kind == 4 else self.width * self.channels * self.dtype.itemsize
        )
        end = self._start + self._row * self.height
        if self._kind > 3 and size < end:
            raise self._broken("it is cut off")
        if self._kind > 3 and size > end:
            self._look_behind(end, size)
        bits = {1: 1, 3: 2, 15: 4, 1023: 10, 4095: 12}.get(self._white)
        self.encoding = Encoding(format="pnm", bits=bits if self.channels == 1 or bits in (10, 12) else None)
        comments = b"\n".join(b"#" + words for words in _COMMENT.findall(head[:place]))
        extra = (PnmComments(comments, "comments of a PNM"),) if comments else ()
        self.metadata, self.nodata = Metadata(extra=extra), None
        self._text: Samples | None = None

    nodata: float | None

    def read(self, rows: slice, columns: slice) -> Samples:
        """Read a region (height, width, channels)."""
        count = rows.stop - rows.start
        if self._kind < 4:
            values = self._words()[rows]
        else:
            with stream_of(self._data) as file:
                file.seek(self._start + rows.start * self._row)
                raw = np.frombuffer(file.read(self._row * count), np.uint8).reshape(count, self._row)
            if self._kind == 4:
                values = np.unpackbits(raw, axis=1, count=self.width)[..., None]
            else:
                values = raw.view(">u2" if self._white > 255 else "u1")
                values = values.reshape(count, self.width, self.channels)
        values = values[:, columns]
        return self._scaled(1 - values if self._kind in (1, 4) else values)

    def _words(self) -> Samples:
        """Decode samples that are written as decimal numbers."""
        if self._text is None:
            with stream_of(self._data) as file:
                file.seek(self._start - 1)
                text = _COMMENT.sub(b"", file.read())
            words = re.findall(rb"[01]", text) if self._kind == 1 else text.split()
            count = self.height * self.width * self.channels
            try:
                values = np.array(words[:count], np.uint16).reshape(self.height, self.width, self.channels)
            except (ValueError, OverflowError) as exc:
                raise self._broken("it is cut off, or its samples are no numbers") from exc
            self._text = values
        return self._text

    def _scaled(self, values: Samples) -> Samples:
        """Stretch samples so that the file's white is that of the dtype."""
        bits, full = self.encoding.bits, 255 if self._white < 256 else 65535
        if self._white < full and values.max(initial=0) > self._white:
            raise self._broken(f"it has samples above {self._white}, which its header states as the largest")
        if bits in (10, 12):
            return stretched(values.astype(np.uint16) << (16 - bits), bits)
        if self._white == full:
            return values.astype(self.dtype)
        scaled = np.rint(values * (full / self._white))
        return scaled.astype(self.dtype)

    def _look_behind(self, end: int, size: int) -> None:
        with stream_of(self._data) as file:
            file.seek(end)
            following = file.read(64).lstrip()
        if _matches(following):
            raise several_images(self.name)
        if following:
            log.warning("%s: %d bytes behind the image are left out", self.name, size - end)

    def _broken(self, why: str) -> InputError:
        return InputError(f"{self.name} is a broken PNM file: {why}", "Use an intact copy")

    def close(self) -> None:
        """Let go of the samples."""
        self._text = None


class _PnmSink:
    """Rows behind a header; one bit only where all samples have it."""

    def __init__(self, path: Path, like: Source, bits: int | None) -> None:
        self._bits = bits
        depth = depth_of(like.dtype, like.encoding.bits)
        self._white = (1 << depth) - 1
        kind = 4 if bits == 1 else 5 if like.channels == 1 else 6
        comments = like.metadata.of(PnmComments)
        head = b"P%d\n%s%d %d\n" % (kind, comments + b"\n" if comments else b"", like.width, like.height)
        self._file: BinaryIO = path.open("wb")
        self._file.write(head + (b"" if kind == 4 else b"%d\n" % self._white))

    def write(self, rows: Samples) -> None:
        """Write the next rows."""
        if self._bits == 1:
            self._file.write(np.packbits(rows[..., 0] == 0, axis=1).tobytes())
            return
        if self._white not in (255, 65535):
            rows = np.rint(rows * np.float32(self._white / 65535)).astype(np.uint16)
        self._file.write(rows.astype(rows.dtype.newbyteorder(">"), copy=False).tobytes())

    def commit(self) -> None:
        """Close the file."""
        self._file.close()

    def abort(self) -> None:
        """Close the file."""
        self._file.close()


def _create(path: Path, like: Source) -> Sink:
    if like.channels == 3 and path.suffix.lower() in (".pgm", ".pbm"):
        raise UsageError(f"{path.suffix[1:].upper()} cannot hold colour", "Write .ppm")
    if like.encoding.bits in PNM.few_bits and like.channels == 1:
        return FewBitsSink(lambda bits: _PnmSink(path, like, bits), like.encoding.bits or 1)
    return _PnmSink(path, like, None)


def _matches(head: bytes) -> bool:
    return head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in b" \t\r\n#" and len(head) > 2


PNM = Format(
    name="pnm",
    label="PNM",
    suffixes=(".ppm", ".pgm", ".pnm", ".pbm"),
    matches=_matches,
    open=_PnmSource,
    create=_create,
    depths=(8, 10, 12, 16),
    few_bits=(1,),
    extras=(PnmComments,),
)
