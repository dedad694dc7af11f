"""Where samples go: a file that is encoded row by row, or an array."""

from typing import Protocol

from pellucid.io.image import Samples


class Sink(Protocol):
    """Takes the rows of an image from top to bottom; what it made appears with `commit`, or never.

    It is made for a `pellucid.io.source.Source`, whose size, channels, dtype, metadata and encoding it keeps
    as far as it can.
    """

    def write(self, rows: Samples) -> None:
        """Take the next rows (n, width, channels + alpha + extra), in the source's dtype.

        Raises
        ------
        LimitError
            When the disk is full.
        """

    def commit(self) -> None:
        """End the image after its last row, and put it in its place atomically."""

    def abort(self) -> None:
        """Leave nothing behind. After `commit` it does nothing."""


class ArraySink:
    """An array (height, width, n) that is filled from the top with the first n channels."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._filled = 0

    def write(self, rows: Samples) -> None:
        """Copy the next rows (n, width, channels)."""
        self._samples[self._filled : self._filled + len(rows)] = rows[..., : self._samples.shape[2]]
        self._filled += len(rows)

    def commit(self) -> None:
        """Check that no row is missing."""
        assert self._filled == len(self._samples), "rows are missing"

    def abort(self) -> None:
        """Do nothing."""
