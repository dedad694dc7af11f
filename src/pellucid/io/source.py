"""Where samples come from: a file that is decoded piece by piece, or an array."""

from typing import Any, Protocol

import numpy as np

from pellucid.io.image import Encoding, Metadata, Samples


class Source(Protocol):
    """One image: everything about it is known before a sample is decoded.

    Attributes
    ----------
    name : str
        How messages name it, such as its path.
    height, width : int
        In pixels, upright.
    channels : int
        Of colour: 1 (grey) or 3 (red, green, blue).
    alpha : bool
        Whether alpha follows the colour.
    extra : int
        How many channels of other meaning follow.
    dtype : numpy.dtype
        uint8, uint16, float32 or float64, in the machine's byte order.
    nodata : float or None
        The value of samples that means "no data".
    metadata : Metadata
    encoding : Encoding
    """

    name: str
    height: int
    width: int
    channels: int
    alpha: bool
    extra: int
    dtype: np.dtype[Any]
    nodata: float | None
    metadata: Metadata
    encoding: Encoding

    def read(self, rows: slice, columns: slice) -> Samples:
        """Decode a region (height, width, channels + alpha + extra).

        Slices have a start and a stop within the image. Regions may be read in any order and more than
        once; top to bottom is the fastest: a format that is decoded row by row starts again for rows above
        those that it gave last.

        Raises
        ------
        InputError
            When the file is damaged.
        LimitError
            When memory does not suffice.
        """

    def close(self) -> None:
        """Let go of files and memory."""


class ArraySource:
    """An array as a source.

    Parameters
    ----------
    samples : array (height, width, channels + alpha + extra)
    name : str
    alpha : bool
    extra : int
    nodata : float, optional
    metadata : Metadata, optional
    encoding : Encoding, optional
    """

    def __init__(
        self,
        samples: Samples,
        *,
        name: str = "The array",
        alpha: bool = False,
        extra: int = 0,
        nodata: float | None = None,
        metadata: Metadata | None = None,
        encoding: Encoding | None = None,
    ) -> None:
        self._samples, self.name, self.alpha, self.extra, self.nodata = samples, name, alpha, extra, nodata
        self.height, self.width, channels = samples.shape
        self.channels = channels - alpha - extra
        self.dtype = samples.dtype.newbyteorder("=")
        self.metadata, self.encoding = metadata or Metadata(), encoding or Encoding()

    def read(self, rows: slice, columns: slice) -> Samples:
        """Give a region, in the machine's byte order: a view where that is possible."""
        return self._samples[rows, columns].astype(self.dtype, copy=False)

    def close(self) -> None:
        """Do nothing."""
