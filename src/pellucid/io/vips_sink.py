"""A file as a sink, encoded by libvips."""

import os
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pellucid.io.image import Samples
from pellucid.io.source import Source
from pellucid.io.vips import calling, vips

_INTERPRETATIONS = {
    ("uint8", 1): "b-w",
    ("uint8", 3): "srgb",
    ("uint16", 1): "grey16",
    ("uint16", 3): "rgb16",
}

Start = Callable[[bytes], bytes]
"""Makes the start of a file from the one that libvips has written."""


class VipsSink:
    """Rows for a saver of libvips, which runs in a thread and reads them from a pipe as an unpacked PNG.

    pyvips has no way to push rows into libvips; a PNG without compression can be made row by row and costs
    little (0.1 s for 36 MB). The saver's own bytes come through a callback in its thread, so that an error of
    the disc is known by its number and not by words in libvips' common buffer.

    Parameters
    ----------
    path : Path
        The file to write.
    like : Source
        Size, dtype, channels, metadata and encoding.
    saver : str
        Of libvips, such as "pngsave".
    options : dict
        Of the saver.
    carried : tuple of str
        Which of "xmp", "icc" libvips writes.
    start : (int, function)
        How many bytes at the start of the file are replaced, and what makes the others from them.
    bits : int, optional
        10 or 12, for samples that are rounded to so many upper bits of uint16.
    """

    def __init__(
        self,
        path: Path,
        like: Source,
        saver: str,
        options: dict[str, Any],
        *,
        carried: tuple[str, ...] = ("icc",),
        start: tuple[int, Start] = (0, bytes),
        bits: int | None = None,
    ) -> None:
        self._like, self._saver, self._options, self._carried = like, saver, options, carried
        self._bits, self._error, self._path = bits, None, path
        self._file = path.open("wb")
        self._output = _Output(self._file, *start)
        self._reading, writing = os.pipe()
        self._pipe = os.fdopen(writing, "wb", buffering=1 << 16)
        self._thread = threading.Thread(target=self._save, name="pellucid-save", daemon=True)
        self._thread.start()
        bands = like.channels + like.alpha
        self._png = _PngStream(self._pipe, like.width, like.height, bands, like.dtype)

    _error: Exception | None

    def write(self, rows: Samples) -> None:
        """Encode the next rows."""
        if self._error is None:
            self._png.write(rows if self._bits is None else rounded(rows, self._bits))
        if self._error is not None:
            raise self._error

    def commit(self) -> None:
        """Write the end of the file."""
        self._png.end()
        self._stop()
        if self._error is not None:
            raise self._error

    def abort(self) -> None:
        """Stop the saver."""
        self._stop()

    def _stop(self) -> None:
        self._pipe.close()
        self._thread.join()
        self._file.close()

    def _save(self) -> None:
        try:
            with calling() as reason:
                source = vips().Source.new_from_descriptor(self._reading)
                raster = vips().Image.pngload_source(source, access="sequential", fail_on="error")
                target = vips().TargetCustom()
                target.on_write(self._output.write)
                getattr(self._dressed(raster), self._saver + "_target")(target, **self._options)
                self._output.finish()
        except (vips().Error, UnicodeDecodeError) as exc:
            self._error = self._output.error or OSError(f"libvips cannot encode it: {reason(exc)}")
        except Exception as exc:  # raised by `write` and `commit`, in the thread of the caller
            self._error = exc
        while os.read(self._reading, 1 << 20):  # a writer must neither wait nor meet a broken pipe
            pass
        os.close(self._reading)

    def _dressed(self, raster: Any) -> Any:
        """Give the raster its metadata."""
        like, metadata = self._like, self._like.metadata
        raster = raster.copy(interpretation=_INTERPRETATIONS[like.dtype.name, like.channels])
        keep, kept = vips().enums.ForeignKeep, vips().enums.ForeignKeep.OTHER
        for ours, theirs, flag in (("xmp", "xmp-data", keep.XMP), ("icc", "icc-profile-data", keep.ICC)):
            data = getattr(metadata, ours)
            if data is not None and ours in self._carried:
                raster.set_type(vips().GValue.blob_type, theirs, data)
                kept |= flag
        self._options = {"keep": kept, **self._options}
        return raster


class _Output:
    """A file whose start is replaced while libvips writes it; remembers why writing failed."""

    def __init__(self, file: BinaryIO, size: int, replaced: "Start") -> None:
        self._file, self._size, self._replaced = file, size, replaced
        self._head = b""
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            if self._size:
                self._head += bytes(data)
                if len(self._head) >= self._size:
                    self.finish()
            else:
                self._file.write(data)
        except OSError as exc:
            self.error = exc
            return -1
        return len(data)

    def finish(self) -> None:
        """Write what has waited for the start to be complete."""
        self._file.write(self._replaced(self._head[: self._size]) + self._head[self._size :])
        self._head, self._size, self._replaced = b"", 0, bytes
        self._file.flush()


class _PngStream:
    """A PNG whose pixels are not compressed, written row by row (W3C Recommendation; RFC 1951, 3.2.4)."""

    def __init__(self, file: BinaryIO, width: int, height: int, bands: int, dtype: np.dtype[Any]) -> None:
        self._file, self._adler = file, 1
        colour = {1: 0, 2: 4, 3: 2, 4: 6}[bands]
        file.write(b"\x89PNG\r\n\x1a\n")
        self._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, dtype.itemsize * 8, colour, 0, 0, 0))
        self._chunk(b"IDAT", b"\x78\x01")

    def write(self, rows: Samples) -> None:
        height = len(rows)
        lines = np.zeros((height, 1 + rows[0].nbytes), np.uint8)  # each begins with its filter: none
        ordered = rows.astype(rows.dtype.newbyteorder(">"), order="C", copy=False)
        lines[:, 1:] = ordered.reshape(height, -1).view(np.uint8)
        data = lines.data.cast("B")
        self._adler = zlib.adler32(data, self._adler)
        for start in range(0, len(data), 65535):
            block = data[start : start + 65535]
            self._chunk(b"IDAT", struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF), block)

    def end(self) -> None:
        self._chunk(b"IDAT", b"\x01\0\0\xff\xff" + struct.pack(">I", self._adler))
        self._chunk(b"IEND")

    def _chunk(self, name: bytes, *parts: bytes | memoryview) -> None:
        checksum = zlib.crc32(name)
        self._file.write(struct.pack(">I", sum(len(part) for part in parts)) + name)
        for part in parts:
            checksum = zlib.crc32(part, checksum)
            self._file.write(part)
        self._file.write(struct.pack(">I", checksum))


def rounded(samples: Samples, bits: int) -> Samples:
    """Round to the upper bits of uint16, where libvips takes them from: the reverse of `stretched`."""
    levels = np.rint(samples * np.float32((2**bits - 1) / 65535))
    return levels.astype(np.uint16) << (16 - bits)


def fits(samples: Samples, bits: int) -> bool:
    """Tell whether few bits, stretched over uint8, hold these very samples."""
    return not np.any(samples % (255 // (2**bits - 1)))


class FewBitsSink:
    """Grey of 1, 2 or 4 bits, held in memory until it is known that all samples have few levels.

    Parameters
    ----------
    make : function of the number of bits or None
        Gives the sink: at the end for few bits, or for 8 bits (None) as soon as a sample needs them.
    bits : int
    """

    def __init__(self, make: "Callable[[int | None], Any]", bits: int) -> None:
        self._make, self._bits, self._held, self._sink = make, bits, list[Samples](), None

    _sink: Any

    def write(self, rows: Samples) -> None:
        """Take the next rows."""
        if self._sink is None and fits(rows, self._bits):
            self._held.append(rows.copy())
            return
        self._release(None)
        self._sink.write(rows)

    def commit(self) -> None:
        """Write the end."""
        self._release(self._bits)
        self._sink.commit()

    def abort(self) -> None:
        """Stop."""
        if self._sink is not None:
            self._sink.abort()

    def _release(self, bits: int | None) -> None:
        if self._sink is None:
            self._sink = self._make(bits)
            for held in self._held:
                self._sink.write(held)
            self._held = []
