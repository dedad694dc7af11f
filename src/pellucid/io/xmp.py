"""The geometry in an XMP packet: orientation, sizes, regions, crop and thumbnails.

A packet is XML (ISO 16684-1), and any writer chooses its own prefixes, and attributes or elements. Here expat
finds what is in it and where in the bytes, and only the values that depend on the orientation are replaced:
all else stays byte for byte. The parsers of the standard library that build a tree would write other prefixes
(`xml.etree`), or lose line breaks in attributes and the padding after the last element (`xml.dom.minidom`)
that programs need to edit a packet in place.

Coordinates are those of the stored image, before it is turned (Metadata Working Group, Guidelines 2.0, 2010;
IPTC Photo Metadata 2023.1, "Image Region").
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, DecimalException
from functools import cached_property
from xml.parsers import expat
from xml.sax.saxutils import escape

from pellucid.io.orientation import MIRRORED, QUARTERS, Number, is_turned, upright_point

_XMP = "http://ns.adobe.com/xap/1.0/"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_CAMERA_RAW = "http://ns.adobe.com/camera-raw-settings/1.0/"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_THUMBNAILS = f"{_XMP}Thumbnails"

_WIDTHS = (f"{_TIFF}ImageWidth", f"{_EXIF}PixelXDimension")
_HEIGHTS = (f"{_TIFF}ImageLength", f"{_TIFF}ImageHeight", f"{_EXIF}PixelYDimension")
_PAIRS = (
    (f"{_TIFF}XResolution", f"{_TIFF}YResolution"),
    (f"{_EXIF}FocalPlaneXResolution", f"{_EXIF}FocalPlaneYResolution"),
)
# The regions of the Metadata Working Group and those of ACDSee are built alike.
_AREAS = ("http://ns.adobe.com/xmp/sType/Area#", "http://ns.acdsee.com/sType/Area#")
_DIMENSIONS = ("http://ns.adobe.com/xap/1.0/sType/Dimensions#", "http://ns.acdsee.com/sType/Dimensions#")
_RECTANGLE = "http://ns.microsoft.com/photo/1.2/t/Region#Rectangle"
# Angles of faces, clockwise, and what a quarter of a turn is in their units: radians and degrees.
_ANGLES = (
    ("http://www.metadataworkinggroup.com/schemas/regions/Rotation", Decimal("1.57079632679")),
    ("http://ns.apple.com/faceinfo/1.0/AngleInfoRoll", Decimal(90)),
)

_TAG = re.compile(rb"""<[^\s/>]+((?:\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*/?>""")
_ATTRIBUTE = re.compile(rb"""\s+([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


@dataclass(frozen=True)
class _Value:
    """A text, and the bytes that it is written in."""

    text: str
    start: int
    end: int


@dataclass
class _Element:
    """An element: its name with its namespace, its attributes, what is inside, and where."""

    name: str
    parent: "_Element | None" = None
    attributes: Mapping[str, _Value] = field(default_factory=dict)
    start: int = 0
    inner: int = 0
    inner_end: int = 0
    end: int = 0
    text: str = ""
    children: "list[_Element]" = field(default_factory=list)

    @cached_property
    def properties(self) -> dict[str, _Value]:
        """The properties with a simple value, written as attributes or as elements."""
        simple = [child for child in self.children if not child.children]
        return {**self.attributes} | {
            child.name: _Value(child.text.strip(), child.inner, child.inner_end) for child in simple
        }


_FRACTIONS = Decimal(1), Decimal(1)
_Changes = Iterator[tuple[_Value, str]]


def upright_xmp(xmp: bytes, orientation: int, size: tuple[int, int]) -> bytes:
    """Adapt an XMP packet to an image whose pixels were turned upright and are about to change.

    The orientation becomes 1; sizes, resolutions, the subject's area, regions (of the Metadata Working Group,
    Microsoft, ACDSee and the IPTC) and Camera Raw's crop turn with the pixels. Thumbnails, which show the
    image as it was, are removed.

    Parameters
    ----------
    xmp : bytes
        A packet in UTF-8. One that is no XML, or has a document type, is returned unchanged.
    orientation : int
        How the pixels were turned, 1 to 8. At 1 all but the thumbnails stays.
    size : (width, height)
        Of the upright image, in pixels.
    """
    try:
        elements = _parsed(xmp)
    except (expat.ExpatError, ValueError):
        return xmp
    changes: dict[tuple[int, int], str] = {}
    for element in elements:
        if element.name == _THUMBNAILS:
            changes[element.start, element.end] = ""
        for rule in _RULES if orientation != 1 else ():
            # What is no number, or lacks a part, has no place that could be turned.
            with suppress(DecimalException, ValueError, LookupError):
                new = list(rule(element, orientation, size))
                changes |= {(old.start, old.end): escape(text, {'"': "&quot;"}) for old, text in new}
    result = bytearray(xmp)
    for (start, end), text in sorted(changes.items(), reverse=True):
        result[start:end] = text.encode()
    return bytes(result)


def _parsed(xmp: bytes) -> list[_Element]:
    """Find all elements, in the order of the packet; what is inside thumbnails is left out."""
    parser = expat.ParserCreate("UTF-8")
    parser.ordered_attributes = parser.buffer_text = True
    namespaces = {"": [""], "xml": ["http://www.w3.org/XML/1998/namespace"]}  # by prefix, the innermost last
    stack, declared, found = [_Element("")], list[list[str]](), list[_Element]()
    hidden: _Element | None = None

    def full(name: str, prefixed: bool) -> str:
        prefix, colon, local = name.rpartition(":")
        known = namespaces.get(prefix) if colon or not prefixed else [""]
        return (known[-1] if known else "?") + local

    def begin(name: str, attributes: list[str]) -> None:
        nonlocal hidden
        place = parser.CurrentByteIndex
        tag = _TAG.match(xmp, place)
        if tag is None:
            raise ValueError("a tag in another encoding")
        texts = dict(zip(attributes[::2], attributes[1::2], strict=True))
        declared.append([each for each in texts if each.split(":")[0] == "xmlns"])
        for each in declared[-1]:
            namespaces.setdefault(each.partition(":")[2], []).append(texts[each])
        values = {}
        for match in _ATTRIBUTE.finditer(xmp, *tag.span(1)):
            attribute = match[1].decode()
            values[full(attribute, True)] = _Value(texts[attribute], *match.span(match.lastindex or 0))
        element = _Element(full(name, False), stack[-1], values, place, tag.end())
        stack[-1].children.append(element)
        stack.append(element)
        if not hidden:
            found.append(element)
            hidden = element if element.name == _THUMBNAILS else None

    def end(_name: str) -> None:
        nonlocal hidden
        element = stack.pop()
        for each in declared.pop():
            namespaces[each.partition(":")[2]].pop()
        empty = xmp[element.inner - 2 : element.inner] == b"/>"
        element.inner_end = element.inner if empty else parser.CurrentByteIndex
        element.end = element.inner if empty else xmp.index(b">", element.inner_end) + 1
        hidden = None if hidden is element else hidden

    def add(text: str) -> None:
        stack[-1].text += text

    def refuse(*_: object) -> None:
        raise ValueError("a document type, which XMP has not")

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = add, refuse
    parser.Parse(xmp, True)
    return found


# ---- rules: from an element to the values in it that change -----------------------------------------------


def _sizes(element: _Element, orientation: int, size: tuple[int, int]) -> _Changes:
    known = element.properties
    if f"{_TIFF}Orientation" in known:
        yield known[f"{_TIFF}Orientation"], "1"
    if is_turned(orientation):
        for names, side in zip((_WIDTHS, _HEIGHTS), size, strict=True):
            yield from ((known[name], str(side)) for name in names if name in known)
        for one, two in _PAIRS:
            if one in known and two in known:
                yield from ((known[one], known[two].text), (known[two], known[one].text))


def _dimensions(element: _Element, orientation: int, size: tuple[int, int]) -> _Changes:
    """Turn the size that regions refer to, unless it is that of the upright image, as Lightroom writes it."""
    for namespace in _DIMENSIONS if is_turned(orientation) else ():
        if f"{namespace}w" in element.properties and _is_in(element, "AppliedToDimensions"):
            width, height = element.properties[f"{namespace}w"], element.properties[f"{namespace}h"]
            if (_number(width.text) > _number(height.text)) != (size[0] > size[1]):
                yield from ((width, height.text), (height, width.text))


def _is_in(element: _Element, name: str) -> bool:
    parent = element.parent
    return element.name.endswith(name) or (parent is not None and parent.name.endswith(name))


def _subject(element: _Element, orientation: int, size: tuple[int, int]) -> _Changes:
    """Turn a centre x, y, and a diameter or a width and a height, in whole pixels."""
    if element.name in (f"{_EXIF}SubjectArea", f"{_EXIF}SubjectLocation"):
        items = [child for sequence in element.children for child in sequence.children]
        old = [_Value(item.text.strip(), item.inner, item.inner_end) for item in items]
        x, y, *sides = (int(value.text) for value in old)
        width, height = size[::-1] if is_turned(orientation) else size
        new = *upright_point(x, y, width - 1, height - 1, orientation), *_sides(sides, orientation)
        yield from zip(old, map(str, new), strict=True)


def _area(element: _Element, orientation: int, size: tuple[int, int]) -> _Changes:
    """Turn a region of the Metadata Working Group: the centre, width and height; a diameter stays."""
    for namespace in _AREAS:
        if f"{namespace}x" in element.properties:
            known = {name: element.properties.get(namespace + name) for name in ("x", "y", "w", "h", "unit")}
            unit = known.pop("unit")
            old = [value for value in known.values() if value]
            x, y, *sides = (_number(value.text) for value in old)
            whole = _whole(unit is not None and unit.text == "pixel", orientation, size)
            new = *upright_point(x, y, *whole, orientation), *_sides(sides, orientation)
            yield from zip(old, map(_plain, new), strict=True)


def _angles(element: _Element, orientation: int, _size: tuple[int, int]) -> _Changes:
    for name, quarter in _ANGLES:
        if name in element.properties:
            old = element.properties[name]
            angle = _number(old.text) * (-1 if orientation in MIRRORED else 1)
            angle = (angle + QUARTERS[orientation] * quarter) % (4 * quarter)
            lowest = 0 if quarter == 90 else -2 * quarter  # degrees from 0 to 360, radians from -π to π
            angle += 4 * quarter * ((angle < lowest) - (angle > lowest + 4 * quarter))
            yield old, _plain((round(angle, 5) + 0).normalize())


def _microsoft(element: _Element, orientation: int, _size: tuple[int, int]) -> _Changes:
    if _RECTANGLE in element.properties:
        old = element.properties[_RECTANGLE]
        x, y, width, height = (_number(text.strip()) for text in old.text.split(","))
        yield old, ", ".join(map(_plain, _box(x, y, width, height, _FRACTIONS, orientation)))


def _iptc(element: _Element, orientation: int, size: tuple[int, int]) -> _Changes:
    """Turn a boundary of the IPTC: a rectangle, a circle (centre, radius over the width), or a vertex."""
    known = element.properties
    if f"{_IPTC}rbX" not in known:
        return
    old = [known[name] for key in "XYWH" if (name := f"{_IPTC}rb{key}") in known]
    x, y, *sides = (_number(value.text) for value in old)
    boundary = element
    for _ in range(4):  # a vertex, in a list, has the unit of its polygon
        if f"{_IPTC}rbUnit" not in boundary.properties and boundary.parent:
            boundary = boundary.parent
    pixels = boundary.properties[f"{_IPTC}rbUnit"].text == "pixel"
    whole = _whole(pixels, orientation, size)
    width, height = sides or (Decimal(0), Decimal(0))
    box = _box(x, y, width, height, whole, orientation)
    yield from zip(old, map(_plain, box), strict=False)
    if f"{_IPTC}rbRx" in known and is_turned(orientation) and not pixels:
        radius = known[f"{_IPTC}rbRx"]
        yield radius, _plain(round(_number(radius.text) * size[1] / size[0], 12).normalize())


def _crop(element: _Element, orientation: int, _size: tuple[int, int]) -> _Changes:
    """Turn Camera Raw's crop; one that is at an angle too is given up where its corners would be others."""
    known = element.properties
    if f"{_CAMERA_RAW}CropLeft" not in known:
        return
    old = [known[f"{_CAMERA_RAW}Crop{side}"] for side in ("Left", "Top", "Right", "Bottom")]
    angle = known.get(f"{_CAMERA_RAW}CropAngle")
    if angle and _number(angle.text) and orientation != 3:
        yield known[f"{_CAMERA_RAW}HasCrop"], "False"
        return
    left, top, right, bottom = (_number(value.text) for value in old)
    x, y, width, height = _box(left, top, right - left, bottom - top, _FRACTIONS, orientation)
    yield from zip(old, map(_plain, (x, y, x + width, y + height)), strict=True)


_RULES: tuple[Callable[[_Element, int, tuple[int, int]], _Changes], ...] = (
    _sizes, _dimensions, _subject, _area, _angles, _microsoft, _iptc, _crop,
)  # fmt: skip


def _number(text: str) -> Decimal:
    """Read a number; one that no coordinate can be might take a gigabyte to write."""
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    if len(text) > 28 or not isinstance(exponent, int) or exponent < -28 or abs(number) >= 10**9:
        raise ValueError(f"{text} is no coordinate")
    return number


def _whole(pixels: bool, orientation: int, size: tuple[int, int]) -> tuple[Decimal, Decimal]:
    """Width and height of the stored image, in pixels, or 1 and 1 where coordinates are fractions of them."""
    width, height = size[::-1] if is_turned(orientation) else size
    return (Decimal(width), Decimal(height)) if pixels else _FRACTIONS


def _sides(sides: list[Number], orientation: int) -> list[Number]:
    return sides[::-1] if is_turned(orientation) else sides


def _box(
    x: Decimal, y: Decimal, width: Decimal, height: Decimal, whole: tuple[Decimal, Decimal], orientation: int
) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Turn a box: its left, top, width and height."""
    one = upright_point(x, y, *whole, orientation)
    two = upright_point(x + width, y + height, *whole, orientation)
    width, height = _sides([width, height], orientation)
    return min(one[0], two[0]), min(one[1], two[1]), width, height


def _plain(number: Decimal) -> str:
    """Write a number without an exponent."""
    return format(number, "f")
