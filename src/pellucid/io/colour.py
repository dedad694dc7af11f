"""What colours mean: code points and chromaticities, and the ICC profile that says the same.

Not every format can hold every description, so that an image in another format is given the profile.
References: ITU-T H.273 (code points); ICC.1:2022 (profiles); Lindbloom, "Chromatic adaptation" (Bradford).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_D50 = np.array([0.9642, 1.0, 0.8249])
_D65 = (31270, 32900)
_SRGB_POINTS = (*_D65, 64000, 33000, 30000, 60000, 15000, 6000)
_SRGB_GAMMA = 45455
# Primaries of H.273: white, red, green, blue, x and y in units of 1/100000.
_PRIMARIES = {
    1: _SRGB_POINTS,
    5: (*_D65, 64000, 33000, 29000, 60000, 15000, 6000),
    6: (*_D65, 63000, 34000, 31000, 59500, 15500, 7000),
    9: (*_D65, 70800, 29200, 17000, 79700, 13100, 4600),
    11: (31400, 35100, 68000, 32000, 26500, 69000, 15000, 6000),
    12: (*_D65, 68000, 32000, 26500, 69000, 15000, 6000),
}
# Transfers of H.273 as parameters of ICC's parametric curve 3: gamma, a, b, c, d (linear: gamma 1).
_REC709 = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_SRGB = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_TRANSFERS: dict[int, tuple[float, ...]] = {
    **dict.fromkeys((1, 6, 14, 15), _SRGB),  # these are shown with sRGB's curve, as browsers do
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    13: _SRGB,
}


@dataclass(frozen=True)
class Colorimetry:
    """The meaning of colours as PNG's chunks gAMA and cHRM state it, in their units of 1/100000.

    Parameters
    ----------
    gamma : int
        The exponent of the encoding, such as 45455; 0 where it is not stated.
    points : tuple of 8 int
        x and y of white, red, green and blue; empty where they are not stated.
    """

    gamma: int = 0
    points: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is stated."""
        return not self.gamma and not self.points

    @property
    def is_srgb(self) -> bool:
        """Whether this is sRGB to the precision that files have."""
        near = (
            not self.points or max(abs(a - b) for a, b in zip(self.points, _SRGB_POINTS, strict=True)) < 100
        )
        return near and (not self.gamma or abs(self.gamma - _SRGB_GAMMA) < 100)

    def with_gamma(self, gamma: int) -> Self:
        """Give a copy with another gamma."""
        return replace(self, gamma=gamma)

    def with_points(self, points: Sequence[int]) -> Self:
        """Give a copy with other points."""
        return replace(self, points=tuple(points))

    def profile(self, channels: int) -> bytes | None:
        """Make the ICC profile that says the same; None where the numbers make no sense."""
        curve = (100_000 / self.gamma,) if self.gamma else _SRGB
        return _profile(self.points or _SRGB_POINTS, curve, channels)


def cicp_profile(primaries: int, transfer: int, channels: int) -> bytes | None:
    """Make the ICC profile that says the same as code points; None for HDR and what is not known."""
    points, curve = _PRIMARIES.get(primaries), _TRANSFERS.get(transfer)
    return None if points is None or curve is None else _profile(points, curve, channels)


def _profile(points: Sequence[int], curve: Sequence[float], channels: int) -> bytes | None:
    """Make a matrix profile (version 4), or one with a curve only for grey."""
    xy = np.array(points, float).reshape(4, 2) / 100_000
    if (xy[:, 1] <= 0).any():
        return None
    white, *primaries = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in xy)
    columns = np.stack(primaries, axis=1)
    if abs(np.linalg.det(columns)) < 1e-9:
        return None
    adapted = _bradford(white)
    columns = adapted @ (columns * np.linalg.solve(columns, white))
    kind = 0 if len(curve) == 1 else 3
    tone = b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _numbers(curve)
    tags = {
        b"desc": _text("From the image's own description of its colours"),
        b"cprt": _text("No copyright"),
        b"wtpt": b"XYZ \0\0\0\0" + _numbers(_D50),
        b"chad": b"sf32\0\0\0\0" + _numbers(adapted.ravel()),
    }
    if channels == 1:
        tags[b"kTRC"] = tone
    else:
        tags |= {name: b"XYZ \0\0\0\0" + _numbers(columns[:, i]) for i, name in enumerate(_XYZ)}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), tone)
    return _packed(tags, b"GRAY" if channels == 1 else b"RGB ")


_XYZ = (b"rXYZ", b"gXYZ", b"bXYZ")


def _bradford(white: Matrix) -> Matrix:
    """The matrix that adapts XYZ from a white to D50."""
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    adapted: Matrix = np.linalg.inv(cone) @ np.diag((cone @ _D50) / (cone @ white)) @ cone
    return adapted


def _numbers(values: Sequence[float] | Matrix) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(float(value) * 65536) for value in values))


def _text(text: str) -> bytes:
    words = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(words), 28) + words


def _packed(tags: dict[bytes, bytes], space: bytes) -> bytes:
    table, body = b"", b""
    start = 132 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    size = start + len(body)
    head = struct.pack(">I4sI", size, b"\0" * 4, 0x04300000) + b"mntr" + space + b"XYZ "
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _numbers(_D50) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body
