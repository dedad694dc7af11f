"""A PDF as a container of scans: found on its pages, replaced in the same objects, saved with all the rest.

A scan is an image, or a column of strips, that covers most of a page. It is found in the content streams,
also inside form XObjects and as an inline image, wherever it lies on the page and however it is turned.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, LimitError
from pellucid.io.pdf.samples import Decoded, NotDecodedError, decode, library
from pellucid.io.pdf.writing import encode_samples

SMALLEST = 400
"""Pixels: images with a shorter side are logos and the like, no pages."""

COVERED = 0.6
"""Share of a page that its scan covers at least."""

DEEPEST = 8
"""Form XObjects inside each other are searched down to this level."""

Matrix = NDArray[np.float64]


log = logging.getLogger("pellucid")


class Placed(NamedTuple):
    """An image object and where it is drawn: the matrix (3, 3) of row vectors that places the unit square."""

    image: Any
    matrix: Matrix


@dataclass(frozen=True)
class Scan:
    """A page's scan.

    Parameters
    ----------
    images : tuple
        One image object of pikepdf, or strips of the same width from top to bottom.
    """

    images: tuple[Any, ...]

    @property
    def key(self) -> tuple[Any, ...]:
        """The same for scans that are the same objects."""
        return tuple(image.objgen for image in self.images)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.images[0].Width), sum(int(image.Height) for image in self.images)


class Document:
    """A PDF that may be changed.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When it is missing, broken, encrypted or signed.
    MissingExtraError
        When the extra `pdf` is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._pikepdf, self._path = library(), path
        self._pdf = _open(self._pikepdf, path)
        self.pages = len(self._pdf.pages)
        if not self.pages:
            self.close()
            raise InputError(f"{path} has no pages", "Use an intact copy")
        if self._pdf.get_warnings():
            log.warning("%s is damaged: what could be read of it is kept", path)

    def scans(self, number: int, *, max_pixels: int) -> list[Scan]:
        """Find the scans of a page, numbered from 0: usually one, or none.

        Raises
        ------
        LimitError
            When one has more than `max_pixels` pixels.
        """
        page = self._pdf.pages[number]
        found = _columns(self._placed(page))
        scans = [Scan(tuple(each.image for each in column)) for column in found if _covers(column, page)]
        scans = list({scan.key: scan for scan in scans if min(scan.size) >= SMALLEST}.values())
        for scan in scans:
            if scan.size[0] * scan.size[1] > max_pixels:
                size = f"{scan.size[0]} x {scan.size[1]} pixels on page {number + 1}"
                raise LimitError(
                    f"{self._path} has an image of {size}, more than the limit of {max_pixels:,}",
                    "If you trust the file, raise the limit (max_pixels, --max-pixels)",
                )
        return scans

    def read(self, scan: Scan) -> list[Decoded]:
        """Decode a scan: one part for each of its images.

        Raises
        ------
        NotDecodedError
            Why it cannot be cleaned, in words.
        """
        parts = [decode(image) for image in scan.images]
        if len({(part.pixels.dtype, part.pixels.shape[1:], part.kind) for part in parts}) > 1:
            raise NotDecodedError("consists of strips with different colours")
        return parts

    def replace(self, scan: Scan, parts: Sequence[Decoded], clean: NDArray[Any]) -> list[str]:
        """Write cleaned samples (h, w) or (h, w, 3) of all parts; gives what could not be kept.

        Raises
        ------
        NotDecodedError
            When an image would grow too much; all stay unchanged then.
        """
        tops = np.cumsum([0, *(len(part.pixels) for part in parts)])
        writes = [
            encode_samples(self._pdf, image, part, clean[top : top + len(part.pixels)])
            for image, part, top in zip(scan.images, parts, tops[:-1], strict=True)
        ]
        return [note for write in writes if (note := write())]

    def _placed(self, page: Any) -> list[Placed]:
        """The images of a page; large inline images become objects first, so that they can be replaced."""
        with suppress(self._pikepdf.PdfError, ValueError, TypeError):  # of a page that is broken
            placed = list(_drawn(self._pikepdf, page.obj, np.eye(3), DEEPEST))
            if any(each.image is None for each in placed):
                page.externalize_inline_images(min_size=SMALLEST)
                placed = list(_drawn(self._pikepdf, page.obj, np.eye(3), DEEPEST))
            return [each for each in placed if each.image is not None]
        return []

    def save(self, path: Path) -> None:
        """Write the document; the same changes give the same bytes."""
        self._pdf.save(path, deterministic_id=True, linearize=self._pdf.is_linearized)

    def close(self) -> None:
        """Let go of the file."""
        self._pdf.close()


# ---- opening -------------------------------------------------------------------------------------


def _open(pikepdf: Any, path: Path) -> Any:
    try:
        pdf = pikepdf.open(path)
    except FileNotFoundError as exc:
        raise InputError(f"There is no file {path}", "Check the path") from exc
    except pikepdf.PasswordError as exc:
        raise InputError(f"{path} is encrypted", "Remove the password first, for instance with qpdf") from exc
    except pikepdf.PdfError as exc:
        words = str(exc).removeprefix(f"{path}").lstrip(": ")
        raise InputError(
            f"{path} cannot be read as a PDF: {words}", "Repair it first, for instance with qpdf"
        ) from exc
    if pdf.is_encrypted:
        pdf.close()
        raise InputError(f"{path} is encrypted", "Remove the encryption first, for instance with qpdf")
    if _is_signed(pdf):
        pdf.close()
        raise InputError(
            f"{path} is signed, and a change would break the signature", "Clean a copy without it"
        )
    return pdf


def _is_signed(pdf: Any) -> bool:
    """Whether there is a signature; a field that waits for one is none."""
    form = pdf.Root.get("/AcroForm", {})
    if "/Perms" in pdf.Root or int(form.get("/SigFlags", 0)) & 2:  # certified, or only to be appended to
        return True
    return any(_is_signature(each) for each in pdf.objects)


def _is_signature(each: Any) -> bool:
    """Whether an object is a form field with a signature in it, wherever it hangs in the tree of fields."""
    try:
        return bool(each.get("/FT") == "/Sig" and "/V" in each)
    except (AttributeError, TypeError, ValueError):  # no dictionary
        return False


# ---- finding -------------------------------------------------------------------------------------


def _drawn(pikepdf: Any, owner: Any, matrix: Matrix, levels: int) -> Iterator[Placed]:
    """The images that a page or form draws; None in place of an inline image."""
    objects = _resources(owner).get("/XObject", {})
    stack: list[Matrix] = []
    content = pikepdf.Page(owner) if owner.get("/Type") == "/Page" else owner
    for operands, operator in pikepdf.parse_content_stream(content, "q Q cm Do BI ID EI"):
        name = str(operator)
        if name == "q":
            stack.append(matrix)
        elif name == "Q" and stack:
            matrix = stack.pop()
        elif name == "cm":
            matrix = _matrix(operands) @ matrix
        elif name == "INLINE IMAGE":
            yield Placed(None, matrix)
        elif name == "Do" and (drawn := objects.get(str(operands[0]))) is not None:
            if drawn.get("/Subtype") == "/Image" and _has_size(drawn):
                yield Placed(drawn, matrix)
            elif drawn.get("/Subtype") == "/Form" and levels:
                yield from _drawn(pikepdf, drawn, _matrix(drawn.get("/Matrix")) @ matrix, levels - 1)


def _has_size(image: Any) -> bool:
    try:
        return bool(int(image.Width) > 0 and int(image.Height) > 0)
    except (AttributeError, TypeError, ValueError):  # missing, or no number
        return False


def _resources(owner: Any) -> Any:
    """The resources of a page, which it may inherit, or of a form."""
    for _ in range(99):
        if owner is None or "/Resources" in owner:
            break
        owner = owner.get("/Parent")
    return {} if owner is None else owner.Resources


def _matrix(numbers: Any) -> Matrix:
    a, b, c, d, e, f = (1, 0, 0, 1, 0, 0) if numbers is None else (float(each) for each in numbers)
    return np.array([[a, b, 0], [c, d, 0], [e, f, 1]], np.float64)


def _columns(placed: list[Placed]) -> Iterator[list[Placed]]:
    """Put strips together: images of one width, of which each begins where the one above it ends."""
    left = list({(each.image.objgen, each.matrix.tobytes()): each for each in placed}.values())
    while left:
        column = [left.pop(0)]
        while following := [each for each in left if _follows(each, column[-1])]:
            column.append(following[0])
            left.remove(following[0])
        while above := [each for each in left if _follows(column[0], each)]:
            column.insert(0, above[0])
            left.remove(above[0])
        yield column


def _follows(below: Placed, above: Placed) -> bool:
    """Whether one image continues another downwards, within a pixel and a half."""
    if below.image.Width != above.image.Width:
        return False
    same_way = np.allclose(below.matrix[0], above.matrix[0], rtol=0.01)
    pixel = np.hypot(*above.matrix[1, :2]) / max(1, int(above.image.Height))
    upper_left = below.matrix[2, :2] + below.matrix[1, :2]
    return bool(same_way and np.abs(upper_left - above.matrix[2, :2]).max() <= 1.5 * pixel)


def _covers(column: list[Placed], page: Any) -> bool:
    """Whether images cover most of what is seen of a page."""
    left, bottom, right, top = _box(page)
    seen = 0.0
    for each in column:
        corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]]) @ each.matrix
        low, high = corners[:, :2].min(0), corners[:, :2].max(0)
        inside = np.minimum(high, (right, top)) - np.maximum(low, (left, bottom))
        share = abs(np.linalg.det(each.matrix[:2, :2])) / max(1e-9, float(np.prod(high - low)))
        seen += share * float(np.prod(inside.clip(0)))
    return seen >= COVERED * (right - left) * (top - bottom) > 0


def _box(page: Any) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of what is seen of a page."""
    sides = [
        sorted((float(box[k]), float(box[k + 2]))) for box in (page.mediabox, page.cropbox) for k in (0, 1)
    ]
    (x0, x1), (y0, y1), (u0, u1), (v0, v1) = sides
    return max(x0, u0), max(y0, v0), min(x1, u1), min(y1, v1)
