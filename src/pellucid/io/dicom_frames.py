"""The frames of a DICOM file: stored values as arrays, decoded one at a time.

pydicom parses, its plugins decompress. Their warnings and errors quote values of the file, such as the name
of a patient or a date; none of them leaves `discreet`.
"""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from pellucid.errors import InputError, PellucidError, require
from pellucid.io.format import Data, name_of, stream_of
from pellucid.io.image import Samples

INTACT = "Use an intact copy of the file"

_LOCK = threading.RLock()

# No images of something, by their SOP class: a part of its name in the standard, and what it is in words.
_OTHER = {
    "Segmentation": "a segmentation: its samples are labels, and have no noise",
    "Dose": "a radiotherapy dose: its samples were computed, not measured",
    "Parametric Map": "a parametric map: its samples are results of a computation",
    "Structured Report": "a report",
    " SR ": "a report",
    "Encapsulated": "a document",
    "Presentation State": "a presentation state",
    "Waveform": "a waveform",
    "ECG": "a waveform",
    "Raw Data": "raw data of a scanner, and no image yet",
    "Spectroscopy": "spectra",
    "Registration": "a registration",
    "Fiducials": "fiducials",
    "Directory": "an index of other files",
    "Structure Set": "a set of contours",
    " Plan": "a plan of a treatment",
    "Video": "a video",
}
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_JPEG_12 = "1.2.840.10008.1.2.4.51"
_LOSSY = {
    **dict.fromkeys(range(50, 57), "ISO_10918_1"),
    81: "ISO_14495_1",
    91: "ISO_15444_1",
    203: "ISO_15444_15",
}
"""The last number of the transfer syntaxes that may have changed samples, and the names of their methods."""


@contextmanager
def discreet(name: str, problem: str = "is a broken DICOM file") -> Iterator[None]:
    """Replace whatever pydicom and its plugins say by words that quote nothing of the file."""
    from pydicom import config

    log = logging.getLogger("pydicom")
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = (
            log.propagate,
            config.settings.reading_validation_mode,
            config.settings.writing_validation_mode,
        )
        log.propagate = False
        config.settings.reading_validation_mode = config.IGNORE
        config.settings.writing_validation_mode = config.IGNORE
        try:
            yield
        except (PellucidError, MemoryError):
            raise
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            raise InputError(
                f"{name} cannot be read: {reason}", "Check the path and its permissions"
            ) from None
        except Exception as exc:
            raise InputError(f"{name} {problem} ({type(exc).__name__})", INTACT) from None
        finally:
            log.propagate = before[0]
            config.settings.reading_validation_mode, config.settings.writing_validation_mode = before[1:]


class DicomFrames:
    """The frames of a DICOM file, each a region of stored values.

    Parameters
    ----------
    data : path or bytes

    Attributes
    ----------
    name : str
        For messages.
    header : pydicom.Dataset
        Everything before the pixels; overlays in unused bits have become overlays of their own.
    syntax : pydicom.uid.UID
        Of the transfer syntax.
    count, height, width, channels : int
        Of frames, rows, columns, and colours.
    dtype : numpy.dtype
        Signed or unsigned, 8, 16 or 32 bits.
    bits : int
        Stored per sample.
    padding : (float, float) or None
        The lowest and the highest value that means "no data".

    Raises
    ------
    InputError
        For a broken file, what is no image, and values that would be lost.
    MissingExtraError
        Where pydicom is missing.
    """

    def __init__(self, data: Data) -> None:
        require("pydicom", "science", "to read DICOM")
        self.name, self._data = name_of(data), data
        with discreet(self.name), stream_of(data) as file:
            self._open(file)

    def _open(self, file: BinaryIO) -> None:
        from pydicom import dcmread
        from pydicom.pixels.decoders.base import get_decoder
        from pydicom.pixels.utils import as_pixel_options
        from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

        header = dcmread(file, stop_before_pixels=True, force=True)
        meta = header.file_meta
        self.syntax = UID(meta.get("TransferSyntaxUID") or _guessed_syntax(header))
        if self.syntax == DeflatedExplicitVRLittleEndian:
            file.seek(0)
            header = dcmread(file, force=True)
            self._data, self._vr, self._start = bytes(header.get("PixelData", b"")), "OW", 0
            header.pop("PixelData", None)
        self.header = header
        self._refuse_others()
        if self.syntax != DeflatedExplicitVRLittleEndian:
            self._skip_to_pixels(file, *header.original_encoding)
            self._start = file.tell()
        self._compressed = file.seek(0, 2) - self._start
        self._parse()
        try:
            self._decoder = get_decoder(self.syntax)
        except NotImplementedError:
            raise self._unsupported(f"is compressed as {self.syntax.name}") from None
        self._options = as_pixel_options(header, transfer_syntax_uid=self.syntax, pixel_keyword="PixelData")
        self._options["number_of_frames"] = self.count
        self._options["pixel_vr"] = self._vr
        self._options["correct_unused_bits"] = False
        self._overlays, self._warned = 0, False
        self._extract_overlays()

    def _refuse_others(self) -> None:
        from pydicom.uid import UID

        header = self.header
        uid = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
        kind = UID(str(uid or "")).name
        other = next((words for part, words in _OTHER.items() if part in f" {kind} "), None)
        if "MPEG" in self.syntax.name or "HEVC" in self.syntax.name:
            other = "a video"
        if other:
            raise InputError(f"{self.name} is {other}", "Give the images that it was made from")
        if "Rows" not in header or "Columns" not in header or "BitsAllocated" not in header:
            raise InputError(f"{self.name} is a DICOM file without an image", "Give one with an image")

    def _skip_to_pixels(self, file: BinaryIO, implicit: bool, little: bool) -> None:
        """Pass the head of the element with the pixels."""
        order = "little" if little else "big"
        head = file.read(8 if implicit else 12)
        tag = int.from_bytes(head[:2], order), int.from_bytes(head[2:4], order)  # type: ignore[arg-type]
        self._vr = "OW" if implicit else head[4:6].decode("latin-1")
        if tag in ((0x7FE0, 8), (0x7FE0, 9)):
            raise self._unsupported("has floating-point samples, as results of computations have")
        if tag != (0x7FE0, 0x10):
            raise InputError(f"{self.name} is a DICOM file without an image", "Give one with an image")

    def _parse(self) -> None:
        header = self.header
        self.photometric = str(header.get("PhotometricInterpretation", "MONOCHROME2"))
        self.count = int(header.get("NumberOfFrames") or 1)
        self.height, self.width = int(header.Rows), int(header.Columns)
        allocated = int(header.BitsAllocated)
        self.bits = int(header.get("BitsStored") or allocated)
        self._high = int(header.get("HighBit", self.bits - 1))
        samples = int(header.get("SamplesPerPixel", 1))
        self._signed = bool(header.get("PixelRepresentation", 0))
        self.palette = self.photometric == "PALETTE COLOR"
        if self.photometric not in (*_GREY, *_COLOURS, "PALETTE COLOR"):
            raise self._unsupported(f"has colours as {self.photometric[:16]}")
        if (samples == 3) != (self.photometric in _COLOURS) or samples not in (1, 3):
            raise self._broken(f"it has {samples} samples per pixel as {self.photometric}")
        if allocated not in (8, 16, 32):
            raise self._unsupported(f"has samples of {allocated} bits")
        if not 0 < self.bits <= self._high + 1 <= allocated or min(self.height, self.width, self.count) < 1:
            raise self._broken("its header contradicts itself")
        if self.palette and self._signed:
            raise self._broken("its colours have negative numbers")
        if not self.palette and header.get("PixelPresentation") in ("COLOR", "MIXED"):
            raise self._unsupported("mixes grey values with colours of a palette")
        self._stored = np.dtype(f"{'i' if self._signed else 'u'}{allocated // 8}")
        self.channels, self.dtype = 3 if self.palette else samples, self._stored
        if self.palette:
            table = header.RedPaletteColorLookupTableDescriptor
            self.dtype = np.dtype(np.uint16 if table[2] > 8 else np.uint8)
            self.bits = 8 * self.dtype.itemsize
        self.padding = None if self.channels == 3 else self._padding()

    def _padding(self) -> tuple[float, float] | None:
        first = self.header.get("PixelPaddingValue")
        if first is None or isinstance(first, bytes):
            return None
        last = self.header.get("PixelPaddingRangeLimit")
        ends = sorted((float(first), float(first if last is None else last)))
        if not self._signed and ends[0] < 0:  # written as a signed number all the same
            ends = sorted(each % 2 ** (8 * self._stored.itemsize) for each in ends)
        return ends[0], ends[1]

    def read(self, index: int) -> Samples:
        """Decode a frame (height, width, channels).

        Raises
        ------
        InputError
            When it is damaged.
        MissingExtraError
            Where its compression needs a library that is not installed.
        """
        with discreet(self.name, f"has a frame that cannot be decoded: number {index + 1}"):
            values = self._decoded(index)
            if self.palette:
                values = self._colours(values)
            elif self.channels == 1:
                if not self._warned and self._rest(values).any():
                    self._warned = True
                    words = "%s: bits of its samples that nothing describes will not be in a changed image"
                    logging.getLogger("pellucid").warning(words, self.name)
                values = self._aligned(values)
            return np.ascontiguousarray(values, self.dtype)

    def _colours(self, indices: Samples) -> Samples:
        """Look colours (height, width, 3) up in the palette."""
        from pydicom.pixels.processing import apply_color_lut

        colours: Samples = apply_color_lut(indices[..., 0], self.header)[..., :3]
        return colours

    def _decoded(self, index: int) -> Samples:
        """A frame as it is stored, in colour as red, green and blue."""
        if self.syntax == _JPEG_12 and self.header.BitsStored > 8:
            return self._jpeg_12(index)
        if self.syntax.startswith("1.2.840.10008.1.2.4.20"):
            require("pylibjpeg", "science", "to read DICOM compressed as High-Throughput JPEG 2000")
        with stream_of(self._data) as file:
            file.seek(self._start)
            values, _ = self._decoder.as_array(file, index=index, **self._options)
        return values.reshape(self.height, self.width, -1).astype(values.dtype.newbyteorder("="), copy=False)

    def _jpeg_12(self, index: int) -> Samples:
        """A JPEG with 12 bits, which the plugins of pydicom with permissive licences do not decode."""
        from pydicom.encaps import get_frame

        codec: Any = require("imagecodecs", "codecs", "to read DICOM compressed as JPEG with 12 bits")
        with stream_of(self._data) as file:
            file.seek(self._start)
            frame = get_frame(file, index, number_of_frames=self.count)
        values: Samples = codec.jpeg8_decode(frame)
        return values.reshape(self.height, self.width, -1)

    def _aligned(self, values: Samples) -> Samples:
        """Stored values from words in which bits above and below may be in use for something else."""
        size = 8 * self._stored.itemsize
        aligned: Samples = values.astype(self._stored) << (size - 1 - self._high) >> (size - self.bits)
        return aligned

    def _rest(self, values: Samples) -> Samples:
        """The bits of words that are part of no value, copy of a sign, or overlay."""
        unsigned = f"u{self._stored.itemsize}"
        back = self._aligned(values) << (self._high + 1 - self.bits)
        ignored = self._overlays | (-1 << (self._high + 1) if self._signed else 0)
        counted = np.array(~ignored % (1 << 8 * self._stored.itemsize), unsigned)
        rest: Samples = (values.astype(self._stored).view(unsigned) ^ back.view(unsigned)) & counted
        return rest

    def _extract_overlays(self) -> None:
        """Give overlays in unused bits an element of their own, as the standard has them since 2004."""
        header = self.header
        groups = [
            group
            for group in range(0x6000, 0x6020, 2)
            if (group, 0x0102) in header and (group, 0x3000) not in header and (group, 0x0010) in header
        ]
        for group in groups:
            self._overlays |= 1 << int(header[group, 0x0102].value)
        if not self._overlays or self.photometric not in _GREY:
            return
        planes: dict[int, list[Samples]] = {group: [] for group in groups}
        for index in range(self.count):
            values = self._decoded(index).view(f"u{self._stored.itemsize}")
            for group, plane in planes.items():
                plane.append(values[..., 0] >> int(header[group, 0x0102].value) & 1)
        for group, frames in planes.items():
            packed = np.packbits(np.stack(frames).astype(np.uint8), bitorder="little").tobytes()
            header.add_new((group, 0x0100), "US", 1)
            header.add_new((group, 0x0102), "US", 0)
            header.add_new((group, 0x3000), "OW", packed + b"\0" * (len(packed) % 2))

    def _unsupported(self, what: str) -> InputError:
        return InputError(f"{self.name} {what}", "Convert it to grey or RGB with 8, 16 or 32 bits")

    def _broken(self, why: str) -> InputError:
        return InputError(f"{self.name} is a broken DICOM file: {why}", INTACT)

    @property
    def lossy(self) -> tuple[str, float] | None:
        """The method and the ratio of a lossy compression; None where there was none."""
        family, _, number = self.syntax.rpartition(".")
        method = _LOSSY.get(int(number)) if family == "1.2.840.10008.1.2.4" else None
        size = self.count * self.height * self.width * self.channels * self._stored.itemsize
        return None if method is None else (method, size / max(1, self._compressed))

    @property
    def noise(self) -> str | None:
        """The noise that its kind implies, as `pellucid.io.stack.Stack.noise`; None for most kinds."""
        header, modality = self.header, self.header.get("Modality")
        if modality == "CT":
            return "gaussian:auto"
        kind = values_of(header.get("ImageType"))
        third = kind[2] if len(kind) > 2 else ""
        magnitude = (
            third == "M" or third.startswith("M_") or header.get("ComplexImageComponent") == "MAGNITUDE"
        )
        from_zero = self.photometric in _GREY and not float(header.get("RescaleIntercept") or 0)
        return "rician:auto" if modality == "MR" and magnitude and from_zero else None


def values_of(value: Any) -> list[str]:
    """The values of an attribute that may have any number of them."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(each) for each in value]


def _guessed_syntax(header: Any) -> str:
    """The transfer syntax of a file that does not name it, from how its header is encoded."""
    implicit, little = header.original_encoding
    if implicit:
        return "1.2.840.10008.1.2"
    return "1.2.840.10008.1.2.1" if little else "1.2.840.10008.1.2.2"
