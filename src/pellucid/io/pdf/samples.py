"""The samples of an image in a PDF, decoded by pdfium whatever its codec, predictor, palette or mask."""

import io
import threading
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, require

Pixels = NDArray[Any]
Kind = Literal["bilevel", "direct", "palette", "converted"]

_pdfium = threading.Lock()  # it serves one thread at a time

OPAQUE = 0.5
"""An image of which a mask lets less than this share through is the colour of something else."""


class NotDecodedError(InputError):
    """An image that cannot be cleaned; `problem` follows "it"."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem, "It stays unchanged")

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.problem,)


@dataclass(frozen=True)
class Decoded:
    """What an image shows.

    Parameters
    ----------
    pixels : array (h, w) or (h, w, 3)
        uint8; uint16 where the file has 16 bits.
    kind : str
        ``bilevel``: 0 is ink and 255 is paper. ``direct``: grey, or red, green and blue, in the space of the
        file. ``palette``: the colours of its palette. ``converted``: sRGB or grey in place of other colours.
    codec : str
        Of the last filter, such as ``DCTDecode``; empty where there is none.
    bits : int
        Of a sample in the file.
    ink : int
        The sample, 0 or 1, that is ink in a bilevel image.
    clear : array (h, w) of bool, optional
        Where a colour key makes the image transparent.
    """

    pixels: Pixels
    kind: Kind
    codec: str
    bits: int
    ink: int = 0
    clear: NDArray[np.bool_] | None = None


def library() -> Any:
    """Give pikepdf, and see that pdfium is there.

    Raises
    ------
    MissingExtraError
        With the command that installs them.
    """
    require("pypdfium2", "pdf", "to read PDF")
    return require("pikepdf", "pdf", "to read and write PDF")


def codec_of(image: Any) -> str:
    """The name of the last filter of a stream, without its slash."""
    filters = image.get("/Filter", "")
    names = list(filters) if isinstance(filters, library().Array) else [filters]
    return str(names[-1]).removeprefix("/") if names else ""


def planes_of(space: Any) -> int:
    """How many samples a pixel has in a colour space; 0 where that is unknown."""
    return _plain(library(), space)[1]


def decode(image: Any) -> Decoded:
    """Decode an image object of pikepdf.

    Raises
    ------
    NotDecodedError
        When it is damaged, or a mask hides most of it.
    """
    pikepdf, pdfium = library(), require("pypdfium2", "pdf", "to read PDF")
    try:
        return _decode(pikepdf, image)
    except (
        pikepdf.PdfError,
        pdfium.PdfiumError,
        *(ValueError, TypeError, KeyError, IndexError, AttributeError),  # of dictionaries that are broken
    ) as exc:
        raise NotDecodedError("has an image that cannot be decoded") from exc


def _decode(pikepdf: Any, image: Any) -> Decoded:
    codec, stencil = codec_of(image), bool(image.get("/ImageMask", False))
    bits = 1 if stencil else int(image.get("/BitsPerComponent", 8))
    shown = _look(pikepdf, image)
    if (shown.pixels.shape[1], len(shown.pixels)) != (int(image.Width), int(image.Height)):
        raise NotDecodedError("has an image whose size is not the one it states")
    bilevel = bits == 1 and (stencil or shown.planes == 1)
    _refuse_hidden(pikepdf, image, None if bilevel else shown.clear)
    if bilevel:
        return _bilevel(pikepdf, image, shown.pixels.mean(2), codec)
    pixels: Pixels = shown.pixels
    if bits == 16 and codec != "JPXDecode":
        pixels = _sixteen_bits(image, shown)
    elif shown.planes == 1 or (shown.kind == "converted" and not np.ptp(pixels, axis=2).any()):
        grey = shown.kind == "direct" or not np.ptp(pixels, axis=2).any()
        pixels = pixels[..., 0] if grey else pixels
    return Decoded(np.ascontiguousarray(pixels), shown.kind, codec, bits, clear=shown.clear)


class _Shown(NamedTuple):
    """What pdfium makes of an image: uint8 (h, w, 3), its colour space, and where a colour key hides it."""

    pixels: NDArray[np.uint8]
    planes: int
    kind: Kind
    clear: NDArray[np.bool_] | None


def _look(pikepdf: Any, image: Any, **changes: Any) -> _Shown:
    """Let pdfium decode an image, alone in a PDF of its own, without profile and soft mask."""
    pdfium = require("pypdfium2", "pdf", "to read PDF")
    with pikepdf.new() as alone:
        page = alone.add_blank_page(page_size=(72, 72))
        copy = alone.copy_foreign(image)
        copy.ColorSpace, planes, kind = _plain(pikepdf, copy.get("/ColorSpace", pikepdf.Name.Unknown))
        if planes == 0 or copy.get("/ImageMask", False):
            del copy.ColorSpace
        keyed = isinstance(copy.get("/Mask"), pikepdf.Array)
        for key in ("/SMask", "/SMaskInData", *(() if keyed else ("/Mask",))):
            if key in copy:
                del copy[key]
        if "data" in changes:
            copy.write(changes.pop("data"))
        for key, value in changes.items():
            copy[f"/{key}"] = value
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Image=copy))
        page.Contents = alone.make_stream(b"72 0 0 72 0 0 cm /Image Do")
        stream = io.BytesIO()
        alone.save(stream, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    with _pdfium, pdfium.PdfDocument(stream.getvalue()) as pdf:
        (found,) = pdf[0].get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_IMAGE])
        samples = found.get_bitmap().to_numpy()
        samples = samples.reshape(*samples.shape[:2], -1)  # grey, or blue, green, red and perhaps alpha
        clear = samples[..., 3] == 0 if keyed and samples.shape[2] == 4 else None
        pixels = np.broadcast_to(
            samples[..., 2::-1] if samples.shape[2] > 1 else samples, (*samples.shape[:2], 3)
        )
        return _Shown(pixels.copy(), planes, kind, clear)


def _plain(pikepdf: Any, space: Any) -> tuple[Any, int, Kind]:
    """A colour space without its profile; how many samples a pixel has; whether colours can be written in it.

    With the profile, pdfium would convert to sRGB, and samples could not go back into the space they had.
    """
    name = str(space[0]) if isinstance(space, pikepdf.Array) else str(space)
    planes = int(space[1].N) if name == "/ICCBased" else PLANES.get(name, 0)
    if name == "/Indexed":
        base, _, kind = _plain(pikepdf, space[1])
        return (
            pikepdf.Array([space[0], base, *list(space)[2:]]),
            1,
            "palette" if kind == "direct" else "converted",
        )
    if name == "/DeviceN":
        planes = len(space[1])
    if name in ("/DeviceGray", "/CalGray") or (name, planes) == ("/ICCBased", 1):
        return pikepdf.Name.DeviceGray, 1, "direct"
    if name in ("/DeviceRGB", "/CalRGB") or (name, planes) == ("/ICCBased", 3):
        return pikepdf.Name.DeviceRGB, 3, "direct"
    return space, planes, "converted"


PLANES = {
    "/DeviceGray": 1,
    "/CalGray": 1,
    "/DeviceRGB": 3,
    "/CalRGB": 3,
    "/DeviceCMYK": 4,
    "/Lab": 3,
    "/Separation": 1,
}
"""Samples of a pixel in colour spaces that have a fixed number."""


def _refuse_hidden(pikepdf: Any, image: Any, clear: NDArray[np.bool_] | None) -> None:
    """Refuse an image of which little is seen: cleaning it could make what is seen as light as paper."""
    if int(image.get("/SMaskInData", 0)) or "/Matte" in image.get("/SMask", {}):
        raise NotDecodedError("has an image whose transparency cannot be kept")
    mask = image.get("/SMask", image.get("/Mask"))
    seen = 1.0 if clear is None else 1 - float(clear.mean())
    if isinstance(mask, pikepdf.Stream):
        seen = float(_look(pikepdf, mask).pixels.mean()) / 255
    if seen < OPAQUE:
        raise NotDecodedError("is made of layers")


def _bilevel(pikepdf: Any, image: Any, shown: NDArray[np.float64], codec: str) -> Decoded:
    """Ink and paper of an image of one bit, whatever its colours."""
    zero, one = _look(pikepdf, image, data=b"\x40", Width=2, Height=1).pixels[0].mean(1)
    if zero == one:
        raise NotDecodedError("has an image of one colour")
    stencil = bool(image.get("/ImageMask", False))  # what it paints is shown as 255
    ink = int((one > zero) if stencil else (one < zero))
    level = (zero + one) / 2
    is_ink = shown > level if stencil else shown < level
    return Decoded(np.where(is_ink, 0, 255).astype(np.uint8), "bilevel", codec, 1, ink)


def _sixteen_bits(image: Any, shown: _Shown) -> NDArray[np.uint16]:
    """All 16 bits, of which pdfium gives 8."""
    if shown.kind != "direct" or "/Decode" in image or shown.clear is not None:
        raise NotDecodedError("has an image of 16 bits in colours that cannot be kept")
    height, width = shown.pixels.shape[:2]
    samples = np.frombuffer(image.read_bytes(), ">u2").reshape(height, width, shown.planes)
    return samples.astype(np.uint16)[..., 0] if shown.planes == 1 else samples.astype(np.uint16)
