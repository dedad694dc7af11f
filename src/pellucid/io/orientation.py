"""How the eight orientations of EXIF turn pixels, points and boxes.

The orientation of a file (tag 274, Exif 2.32) says how its stored image has to be turned to be upright.
Everything with coordinates has to turn with the pixels, so that the rule exists here once. Points and sizes
may be fractions of the width and height (then both are 1) or pixels, integers or decimals.
"""

from decimal import Decimal
from typing import Any, TypeVar

from numpy.typing import NDArray

Number = TypeVar("Number", int, Decimal)

MIRRORED = (2, 4, 5, 7)
QUARTERS = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 1, 7: 1, 8: 3}
"""By how many quarters of a turn, clockwise, the stored image is turned, after it was mirrored sideways."""


def is_turned(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation in (5, 6, 7, 8)


def upright_pixels(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn a stored image (h, w, ...) upright; gives a view. An unknown orientation is none."""
    if is_turned(orientation):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array


def upright_point(
    x: Number, y: Number, width: Number, height: Number, orientation: int
) -> tuple[Number, Number]:
    """Turn a point of a stored image of this width and height upright, x to the right and y down.

    For the index of a pixel, width and height are those of the image less one.
    """
    if is_turned(orientation):
        x, y, width, height = y, x, height, width
    if orientation in (2, 3, 6, 7):
        x = width - x
    if orientation in (3, 4, 7, 8):
        y = height - y
    return x, y
