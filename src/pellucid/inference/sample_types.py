"""Planes of any type of samples as networks' paths take them, uint8, uint16 or float32, and back."""

import numpy as np

from pellucid.inference.stream import round_sum
from pellucid.io.image import SAMPLE_TYPES, Samples
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.stack import PlaneSource

WHITE = {"uint8": 255, "uint16": 65535, "int8": 127, "int16": 32767}
"""The sample that is white, 1.0 as a pixel. Other integers are pixels as they are, like floats."""

EXACT = 2**53
"""Integers up to this are exact as float64."""


def as_pixels(source: PlaneSource, nodata: float | None = None) -> Source:
    """Give a source of any type of samples as one of uint8, uint16 or float32; no data become NaN."""
    return _Pixels(source, nodata) if _is_other(source) else source


def from_pixels(sink: Sink, source: PlaneSource, *, keep_counts: bool = False) -> Sink:
    """Give the sink that takes what `as_pixels` gives, and passes on samples of the source's own type."""
    return _FromPixels(sink, source, keep_counts) if _is_other(source) else sink


def _is_other(source: PlaneSource) -> bool:
    return source.dtype.name not in SAMPLE_TYPES[:3] or source.missing is not None


class _Pixels:
    """Samples of another type as float32."""

    def __init__(self, source: PlaneSource, nodata: float | None) -> None:
        single = source.nodata if nodata is None else nodata
        self._source = source
        self._missing = source.missing if single is None else (single, single)
        self._white = WHITE.get(source.dtype.name, 1)
        self.name, self.height, self.width = source.name, source.height, source.width
        self.channels, self.alpha, self.extra = source.channels, source.alpha, source.extra
        self.dtype = np.dtype(np.float32)
        self.nodata: float | None = None  # it is NaN
        self.metadata, self.encoding = source.metadata, source.encoding

    def read(self, rows: slice, columns: slice) -> Samples:
        """Read a region as float32."""
        samples = self._source.read(rows, columns)
        pixels: Samples = (samples / np.float64(self._white)).astype(np.float32)
        if self._missing is not None:
            pixels[(samples >= self._missing[0]) & (samples <= self._missing[1])] = np.nan
        return pixels

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()


class _FromPixels:
    """Float32 as samples of the source's type; where they are NaN, the source's own samples stay."""

    def __init__(self, sink: Sink, source: PlaneSource, keep_counts: bool) -> None:
        self._sink, self._source, self._top, self._keep_counts = sink, source, 0, keep_counts
        self._white = WHITE.get(source.dtype.name, 1)

    def write(self, rows: Samples) -> None:
        """Pass rows on; integers are rounded, and limited to their range."""
        dtype, bottom = self._source.dtype, self._top + len(rows)
        values = rows.astype(np.float64) * self._white
        missing = np.isnan(values)
        if dtype.kind == "f":
            made = values.clip(-np.finfo(dtype).max, np.finfo(dtype).max).astype(dtype)
        else:
            limits = np.iinfo(dtype)
            low, high = max(limits.min, -EXACT), min(limits.max, EXACT)
            values = np.where(missing, 0, values).clip(low, high)
            made = round_sum(values, dtype) if self._keep_counts else np.rint(values).astype(dtype)
        if missing.any():
            before = self._source.read(slice(self._top, bottom), slice(0, self._source.width))
            made = np.where(missing, before, made)
        self._sink.write(made)
        self._top = bottom

    def commit(self) -> None:
        """Commit the sink."""
        self._sink.commit()

    def abort(self) -> None:
        """Abort the sink."""
        self._sink.abort()
