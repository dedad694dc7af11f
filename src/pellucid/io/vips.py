"""libvips, which decodes and encodes most formats: its errors, an image as a source, a saver as a sink."""

import logging
import os
import struct
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pellucid.cpus import usable_cpus
from pellucid.errors import InputError, UsageError
from pellucid.io.exif import resolution_of, upright, upright_xmp
from pellucid.io.format import Data, name_of
from pellucid.io.image import Encoding, Metadata, Samples, is_resolution, stretched
from pellucid.io.source import Source

log = logging.getLogger("pellucid")

TYPES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}
_INTERPRETATIONS = {
    ("uint8", 1): "b-w",
    ("uint8", 3): "srgb",
    ("uint16", 1): "grey16",
    ("uint16", 3): "rgb16",
    ("float32", 1): "b-w",
    ("float32", 3): "scrgb",
}
UNKNOWN_RESOLUTION = 2.835  # pixels per millimetre, 72 an inch: what libvips writes when nothing is known

_forked = False


def _after_fork() -> None:
    global _forked
    _forked = vips.cache_info().currsize > 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@cache
def vips() -> Any:
    """Import pyvips when the first file is read or written: it costs start-up time.

    Unless the application uses pyvips itself, libvips' own warnings are turned off, in C. pyvips would call
    Python for each of its messages, and an interrupt that arrives in such a call is lost.
    """
    first = "pyvips" not in sys.modules
    if first:
        os.environ.setdefault("VIPS_WARNING", "0")  # any value means: no warnings
        os.environ.setdefault("VIPS_CONCURRENCY", str(usable_cpus()))  # libvips does not see quotas
    import pyvips

    if first:
        pyvips._remove_log_handler()
    # A cached file would be given again after it was overwritten, and would hold its memory.
    pyvips.cache_set_max(0)
    return pyvips


# ---- errors --------------------------------------------------------------------------------------

_lock = threading.Lock()
_running = 0
_overlaps = 0


@contextmanager
def calling() -> Iterator[Callable[[Exception], str]]:
    """Call libvips, and give the function that finds the reason of an error.

    libvips notes errors in one buffer for all threads, so its words are quoted only where no other call ran
    at the same time: else they might be about another file. Whether a call failed is never read from there.

    Raises
    ------
    UsageError
        In a process that was forked after libvips had started its threads, which do not exist there.
    """
    global _running, _overlaps
    if _forked:
        raise UsageError(
            "This process was forked after images had been read or written, and libvips does not survive that",
            'Start workers by multiprocessing.get_context("spawn"), or fork before the first image is read',
        )
    with _lock:
        alone = _running == 0
        _running += 1
        _overlaps += not alone
        overlaps = _overlaps
        if alone:
            vips().vips_lib.vips_error_clear()

    def reason(exc: Exception) -> str:
        if alone and overlaps == _overlaps and isinstance(exc, vips().Error):
            return _words(exc.detail) or "it is damaged"
        return "it is damaged or cut off"

    try:
        yield reason
    finally:
        with _lock:
            _running -= 1


def _words(text: str) -> str:
    """Make one line of libvips' errors: the first three, without the seeks that only follow from others."""
    lines = dict.fromkeys(line.strip() for line in text.splitlines() if line.strip())
    informative = [line for line in lines if ": bad seek" not in line] or list(lines)
    return "; ".join(informative[:3])


# ---- decoding ------------------------------------------------------------------------------------


class VipsSource:
    """A file that libvips decodes row by row, or as a whole into its disc cache where it must be turned.

    Parameters
    ----------
    data : Path or bytes
    loader : str
        Of libvips, such as "pngload".
    metadata : Metadata
        What the format's own parser found; ICC, EXIF, XMP and the resolution in EXIF come from libvips.
    encoding : Encoding
    profiled : bool
        Whether the file has an ICC profile, even where libvips gives none because it is broken.
    turned : bool
        Whether the loader has turned the image upright, whatever EXIF says.
    tolerant : bool
        Whether damage that the decoder survives gives a warning instead of an error.
    extra : int or None
        The number of extra channels after the colour; None: whatever libvips takes for alpha is alpha.

    Raises
    ------
    InputError
        When the header cannot be read, or the file contains something that would be lost.
    """

    def __init__(
        self,
        data: Data,
        loader: str,
        metadata: Metadata,
        encoding: Encoding,
        *,
        profiled: bool = False,
        turned: bool = False,
        tolerant: bool = False,
        extra: int | None = None,
    ) -> None:
        self.name = name_of(data)
        self._data, self._loader, self._fail_on = data, loader, "warning" if tolerant else "error"
        self._turn, self._cmyk, self._next = 1, False, 0
        raster = self._raster = self._checked(self._load)
        if raster.get_typeof("orientation") and not turned:
            self._turn = raster.get("orientation")
            raster = self._raster = self._checked(self._load)
        self._several(raster, loader)
        if raster.interpretation == "cmyk" and raster.format != "float":
            log.warning("%s: CMYK is worked on as sRGB, and written so where anything changes", self.name)
            self._cmyk = True
            raster = self._raster = self._checked(self._load)
        elif raster.format not in TYPES or raster.interpretation == "cmyk":
            raise InputError(
                f"{self.name} has {raster.bands} channels of type {raster.format} ({raster.interpretation})",
                "Save it as grey, RGB or CMYK with at most 16 bits, or as float grey or RGB",
            )
        self.height, self.width = raster.height, raster.width
        self.extra = extra or 0
        colours = raster.bands - self.extra
        self.alpha = colours in (2, 4)
        self.channels = colours - self.alpha
        self.dtype = np.dtype(TYPES[raster.format])
        bits = self._bits(raster)
        self.encoding = replace(encoding, bits=bits)
        self.metadata = self._metadata(raster, metadata, profiled=profiled)
        self.nodata = metadata.nodata

    def read(self, rows: slice, columns: slice) -> Samples:
        """Decode a region; rows above the last ones are decoded anew from the top."""
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if rows.start < self._next and self._turn == 1:
            self._raster = self._checked(self._load)
        self._next = rows.stop

        def fetch() -> Any:
            region = vips().Region.new(self._raster)
            return region.fetch(columns.start, rows.start, width, height)

        array = np.frombuffer(self._checked(fetch), self.dtype)
        return stretched(array.reshape(height, width, -1), self.encoding.bits)

    def close(self) -> None:
        """Let go of the file."""
        self._raster = None

    def _load(self) -> Any:
        access = "sequential" if self._turn == 1 else "random"
        load = getattr(vips().Image, self._loader + ("_buffer" if isinstance(self._data, bytes) else ""))
        data = self._data if isinstance(self._data, bytes) else os.fsencode(self._data)
        raster = load(data, access=access, fail_on=self._fail_on)
        if self._cmyk:
            depth = 16 if raster.format == "ushort" else 8
            raster = raster.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=depth)
        return raster if self._turn == 1 else raster.autorot()

    def _checked(self, call: Callable[[], Any]) -> Any:
        """Call libvips; damage that a tolerant decoder survives is reported once, and the call repeated."""
        try:
            with calling() as reason:
                return call()
        except (vips().Error, UnicodeDecodeError) as exc:
            if self._fail_on == "error":
                raise InputError(
                    f"{self.name} cannot be read: {reason(exc)}", "Use an intact copy of the file"
                ) from exc
            problem = reason(exc)
        self._fail_on = "error"
        self._raster = self._checked(self._load)
        result = self._checked(call)
        log.warning("%s is damaged: %s", self.name, problem)
        return result

    def _several(self, raster: Any, loader: str) -> None:
        # The pages of a TIFF have been looked at: small previews are pages too.
        if loader != "tiffload" and raster.get_typeof("n-pages") and raster.get("n-pages") > 1:
            raise several_images(self.name)

    def _bits(self, raster: Any) -> int | None:
        bits = raster.get("bits-per-sample") if raster.get_typeof("bits-per-sample") else None
        few = bits in (1, 2, 4) and raster.bands == 1 and not raster.get_typeof("palette")
        return bits if few or bits in (10, 12) else None

    def _metadata(self, raster: Any, metadata: Metadata, *, profiled: bool) -> Metadata:
        def blob(name: str) -> bytes | None:
            return raster.get(name) if raster.get_typeof(name) else None

        turned = self._turn >= 5
        exif = metadata.exif if metadata.exif is not None else blob("exif-data")
        if exif is not None:
            exif = upright(exif.removeprefix(b"Exif\0\0"), (self.width, self.height) if turned else None)
        xmp = metadata.xmp if metadata.xmp is not None else blob("xmp-data")
        resolution = metadata.resolution
        if resolution and turned:
            resolution = resolution[::-1]
        resolution = resolution_of(exif or b"") or resolution
        unit = raster.get("resolution-unit") if raster.get_typeof("resolution-unit") else "in"
        return replace(
            metadata,
            icc=usable_profile(self.name, blob("icc-profile-data"), self.channels, profiled=profiled),
            exif=exif,
            xmp=None if xmp is None else upright_xmp(xmp),
            resolution=resolution if is_resolution(resolution) else None,
            resolution_unit=unit,
        )


def several_images(name: str) -> InputError:
    """Make the error for a file of which only the first image would be read."""
    return InputError(
        f"{name} holds several images or an animation, and only the first would be read",
        "Save each image as a file of its own",
    )


def usable_profile(name: str, profile: bytes | None, channels: int, *, profiled: bool = False) -> bytes | None:
    """Give an ICC profile back when Little CMS can use it for so many channels; else None, with a warning.

    Parameters
    ----------
    name : str
        Of the file, for the warning.
    profile : bytes, optional
    channels : int
        1 for grey or 3 for colour.
    profiled : bool
        Whether the file has a profile that the decoder has rejected.
    """
    if not profile and not profiled:
        return None
    if profile and int.from_bytes(profile[:4], "big") == len(profile):
        pixel = vips().Image.black(1, 1, bands=channels)
        pixel = pixel.copy(interpretation="b-w" if channels == 1 else "srgb")
        pixel.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
        with suppress(vips().Error), calling():
            imported = pixel.icc_import(embedded=True)
            vips().Region.new(imported).fetch(0, 0, 1, 1)
            return profile
    log.warning("%s: its colour profile is broken or of other colours, and is left out", name)
    return None


# ---- encoding ------------------------------------------------------------------------------------


class VipsSink:
    """Rows for a saver of libvips, which runs in a thread and reads them from a pipe as an unpacked PNG.

    pyvips has no way to push rows into libvips; a PNG without compression can be made row by row and costs
    little (0.1 s for 36 MB), and a pipe needs no call from C into Python.

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
        Which of "exif", "xmp", "icc" libvips writes.
    inserted : (int, bytes)
        Bytes to insert into the file, and after how many of its bytes.
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
        inserted: tuple[int, bytes] = (0, b""),
        bits: int | None = None,
    ) -> None:
        self._like, self._saver, self._options, self._carried = like, saver, options, carried
        self._bits, self._error, self._path = bits, None, path
        self._file = path.open("wb")
        self._output = _Output(self._file, *inserted)
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
        x, y = metadata.resolution or (UNKNOWN_RESOLUTION, UNKNOWN_RESOLUTION)
        raster = raster.copy(interpretation=_INTERPRETATIONS[like.dtype.name, like.channels], xres=x, yres=y)
        keep, kept = vips().enums.ForeignKeep, vips().enums.ForeignKeep.OTHER
        blob, text = vips().GValue.blob_type, vips().GValue.gstr_type
        for ours, theirs, flag, prefix in (
            ("exif", "exif-data", keep.EXIF, b"Exif\0\0"),
            ("xmp", "xmp-data", keep.XMP, b""),
            ("icc", "icc-profile-data", keep.ICC, b""),
        ):
            data = getattr(metadata, ours)
            if data is not None and ours in self._carried:
                raster.set_type(blob, theirs, prefix + data)
                kept |= flag
        if "exif" in self._carried and metadata.resolution:  # which libvips writes there
            kept |= keep.EXIF
        raster.set_type(text, "resolution-unit", metadata.resolution_unit)
        self._options = {"keep": kept, **self._options}
        return raster


class _Output:
    """A file in which bytes are inserted while libvips writes it; remembers why writing failed."""

    def __init__(self, file: BinaryIO, offset: int, inserted: bytes) -> None:
        self._file, self._offset, self._inserted = file, offset, inserted
        self._head = b""
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            if self._inserted:
                self._head += bytes(data)
                if len(self._head) >= self._offset:
                    self.finish()
            else:
                self._file.write(data)
        except OSError as exc:
            self.error = exc
            return -1
        return len(data)

    def finish(self) -> None:
        """Write what has waited for the place of insertion."""
        self._file.write(self._head[: self._offset] + self._inserted + self._head[self._offset :])
        self._head = self._inserted = b""
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
        data = memoryview(lines).cast("B")
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
