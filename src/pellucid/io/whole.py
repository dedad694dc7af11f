"""Formats whose libraries decode and encode whole images only."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import InputError
from pellucid.io.image import Encoding, Metadata, Samples, stretched
from pellucid.io.source import Source


class WholeSource:
    """An image that is decoded when its first region is read.

    Parameters
    ----------
    name : str
        For messages.
    shape : (height, width, bands)
        With alpha and extra channels; upright.
    dtype : dtype
    decode : function
        Gives the samples (height, width, bands).
    metadata : Metadata
    encoding : Encoding
    alpha : bool
    extra : int
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, int, int],
        dtype: Any,
        decode: Callable[[], Samples],
        *,
        metadata: Metadata,
        encoding: Encoding,
        alpha: bool = False,
        extra: int = 0,
    ) -> None:
        self.name, self.alpha, self.extra = name, alpha, extra
        self.height, self.width, bands = shape
        self.channels = bands - alpha - extra
        self.dtype = np.dtype(dtype)
        self.metadata, self.encoding, self.nodata = metadata, encoding, metadata.nodata
        self._decode, self._shape = decode, shape
        self._samples: Samples | None = None

    def read(self, rows: slice, columns: slice) -> Samples:
        """Give a region of the decoded image."""
        if self._samples is None:
            try:
                samples = self._decode().reshape(self._shape)
            except MemoryError:
                raise
            except Exception as exc:  # each library has errors of its own
                words = " ".join(str(exc).split()) or type(exc).__name__
                raise InputError(
                    f"{self.name} cannot be read: {words}", "Use an intact copy of the file"
                ) from exc
            self._samples = samples.astype(self.dtype, copy=False)
        return self._samples[rows, columns]

    def close(self) -> None:
        """Let go of the samples."""
        self._samples = None


class WholeSink:
    """Rows that are gathered, and encoded at the end.

    Parameters
    ----------
    path : Path
    like : Source
    encode : function of (samples, like)
        Gives the bytes of the file for an image (height, width, bands).
    """

    def __init__(self, path: Path, like: Source, encode: Callable[[Samples, Source], bytes]) -> None:
        self._path, self._like, self._encode = path, like, encode
        self._rows: list[Samples] = []

    def write(self, rows: Samples) -> None:
        """Take the next rows."""
        self._rows.append(rows.copy())

    def commit(self) -> None:
        """Encode the image."""
        self._path.write_bytes(self._encode(np.concatenate(self._rows), self._like))

    def abort(self) -> None:
        """Let go of the rows."""
        self._rows = []


def stretched_from(samples: Samples, bits: int) -> Samples:
    """Stretch integers of a number of bits over uint8, or over uint16 where they have more than 8."""
    full = 255 if bits <= 8 else 65535
    if bits in (8, 16):
        return samples
    if bits in (10, 12):  # as all other formats
        return stretched(samples.astype(np.uint16) << (16 - bits), bits)
    return np.rint(samples * (full / ((1 << bits) - 1))).astype(np.uint8 if bits <= 8 else np.uint16)
