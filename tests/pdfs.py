"""Scanned pages as PDF files, in every way in which an image can be stored in one."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image

from pellucid.errors import require

Pixels = NDArray[np.uint8]

WIDTH, HEIGHT = 403, 424
PAPER, INK = 200, 20


def scanned() -> Pixels:
    """A page with grain on its paper and lines in place of text."""
    grain = np.random.default_rng(0).integers(-6, 7, (HEIGHT, WIDTH))
    pixels = PAPER + grain
    pixels[INKED] = INK + grain[INKED] // 3
    return pixels.astype(np.uint8)


INKED = np.zeros((HEIGHT, WIDTH), bool)
for _top in range(40, HEIGHT - 40, 16):
    INKED[_top : _top + 4, 30:-30] = True


def coloured() -> Pixels:
    """The same in blue ink on yellow paper."""
    grey = scanned()
    return np.stack([grey, grey - grey // 16, np.where(INKED, 120, grey - 30)], 2).astype(np.uint8)


def bilevel() -> Pixels:
    """The same as 0 and 255, with specks."""
    specks = np.random.default_rng(1).random((HEIGHT, WIDTH)) < 0.01
    return np.where(INKED | specks, 0, 255).astype(np.uint8)


# ---- streams -------------------------------------------------------------------------------------


def file_of(pixels: Pixels | Image.Image, form: str, **options: Any) -> bytes:
    """The bytes of an image file that Pillow writes."""
    stream = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(stream, form, **options)
    return stream.getvalue()


def strip_of(pixels: NDArray[Any], compression: str) -> bytes:
    """The only strip of a TIFF, in which black is 1 where the pixels are 1 bit."""
    data = file_of(pixels, "TIFF", compression=compression, tiffinfo={278: len(pixels)})
    with Image.open(io.BytesIO(data)) as tiff:
        (start,), (length,) = tiff.tag_v2[273], tiff.tag_v2[279]  # type: ignore[attr-defined]
    return data[start : start + length]


def packed(samples: NDArray[Any], bits: int) -> bytes:
    """Samples (h, w) of so many bits in rows of whole bytes."""
    each = np.unpackbits(samples.astype(np.uint8)[..., None], axis=2)[..., -bits:]
    return np.packbits(each.reshape(len(samples), -1), axis=1).tobytes()


def jbig2(pixels: Pixels) -> bytes:
    """An embedded JBIG2 stream: a page and one generic region in MMR, which is the code of CCITT G4."""
    height, width = pixels.shape
    code = strip_of(pixels == 0, "group4")

    def segment(number: int, kind: int, data: bytes) -> bytes:
        return struct.pack(">IBBBI", number, kind, 0, 1, len(data)) + data

    page = struct.pack(">IIIIBH", width, height, 0, 0, 0, 0)
    region = struct.pack(">IIIIB", width, height, 0, 0, 0) + b"\1" + code
    return segment(0, 48, page) + segment(1, 38, region)


def make_images(pikepdf: Any) -> Mapping[str, Callable[[], tuple[bytes, dict[str, Any]]]]:
    """For each name a function that gives the data of an image and the keys of its stream."""
    name, array, dictionary = pikepdf.Name, pikepdf.Array, pikepdf.Dictionary
    white = dictionary(WhitePoint=[0.9505, 1, 1.089])
    tint = dictionary(FunctionType=2, Domain=[0, 1], C0=[1], C1=[0], N=1)
    four = dictionary(FunctionType=2, Domain=[0, 1], C0=[0, 0, 0, 0], C1=[0, 0, 0, 1], N=1)
    ramp = bytes(np.repeat(np.arange(0, 256, 17, dtype=np.uint8), 3))

    def keys(space: Any = name.DeviceGray, bits: int = 8, **more: Any) -> dict[str, Any]:
        return {"Width": WIDTH, "Height": HEIGHT, "ColorSpace": space, "BitsPerComponent": bits, **more}

    def flate(data: NDArray[Any] | bytes, *given: Any, **more: Any) -> tuple[bytes, dict[str, Any]]:
        data = data if isinstance(data, bytes) else data.tobytes()
        return zlib.compress(data), keys(*given, Filter=name.FlateDecode, **more)

    def dct(pixels: Pixels | Image.Image, space: Any, **options: Any) -> tuple[bytes, dict[str, Any]]:
        more: dict[str, Any] = (
            {"Decode": [1, 0] * 4} if space == name.DeviceCMYK else {}
        )  # as Pillow writes it
        return file_of(pixels, "JPEG", **options), keys(space, Filter=name.DCTDecode, **more)

    def fax(
        data: bytes, k: int = -1, space: Any = name.DeviceGray, **more: Any
    ) -> tuple[bytes, dict[str, Any]]:
        parms = dictionary({"/K": k, "/Columns": WIDTH, "/Rows": HEIGHT, **more.pop("parms", {})})
        return data, keys(space, 1, Filter=name.CCITTFaxDecode, DecodeParms=parms, **more)

    def predicted(kind: int) -> tuple[bytes, dict[str, Any]]:
        rows = scanned()
        left = np.pad(rows, ((0, 0), (1, 0)))[:, :-1]
        rows = rows - left
        rows = np.pad(rows, ((0, 0), (1, 0)), constant_values=1) if kind > 2 else rows
        return flate(
            rows, DecodeParms=dictionary(Predictor=kind, Colors=1, BitsPerComponent=8, Columns=WIDTH)
        )

    def runs() -> bytes:
        data = scanned().tobytes()
        return b"".join(bytes([127]) + data[k : k + 128] for k in range(0, len(data), 128)) + b"\x80"

    def indices() -> NDArray[np.uint8]:
        return (scanned() // 17).astype(np.uint8)

    ink = bilevel() == 0
    group4 = strip_of(ink, "group4")
    cmyk = np.stack([*(np.zeros_like(scanned()),) * 3, 255 - scanned()], 2)
    return {
        "flate": lambda: flate(scanned()),
        "flate, TIFF predictor": lambda: predicted(2),
        "flate, PNG predictor": lambda: predicted(11),
        "flate, colours": lambda: flate(coloured(), name.DeviceRGB),
        "plain": lambda: (scanned().tobytes(), keys()),
        "lzw": lambda: (strip_of(scanned(), "tiff_lzw"), keys(Filter=name.LZWDecode)),
        "run lengths": lambda: (runs(), keys(Filter=name.RunLengthDecode)),
        "2 bits": lambda: flate(packed(scanned() // 50 % 4, 2), name.DeviceGray, 2),
        "4 bits": lambda: flate(packed(indices(), 4), name.DeviceGray, 4),
        "16 bits": lambda: flate((scanned() * np.uint16(257)).astype(">u2"), name.DeviceGray, 16),
        "16 bits, colours": lambda: flate((coloured() * np.uint16(257)).astype(">u2"), name.DeviceRGB, 16),
        "inverted": lambda: flate(255 - scanned(), Decode=[1, 0]),
        "CalGray": lambda: flate(scanned(), array([name.CalGray, white])),
        "CalRGB": lambda: flate(coloured(), array([name.CalRGB, white])),
        "ICC": lambda: flate(coloured(), "srgb"),
        "palette, 8 bits": lambda: flate(
            scanned(), array([name.Indexed, name.DeviceGray, 255, pikepdf.String(bytes(range(256)))])
        ),
        "palette, 4 bits": lambda: flate(
            packed(indices(), 4), array([name.Indexed, name.DeviceRGB, 15, pikepdf.String(ramp)]), 4
        ),
        "palette, 1 bit": lambda: flate(
            packed(ink, 1),
            array([name.Indexed, name.DeviceRGB, 1, pikepdf.String(b"\xff\xfa\xe0\0\0\x60")]),
            1,
        ),
        "CMYK": lambda: flate(cmyk, name.DeviceCMYK),
        "Lab": lambda: flate(
            np.stack([scanned(), *(np.full_like(scanned(), 128),) * 2], 2),
            array([name.Lab, dictionary(WhitePoint=[0.9505, 1, 1.089], Range=[-128, 127, -128, 127])]),
        ),
        "Separation": lambda: flate(
            255 - scanned(), array([name.Separation, name.Black, name.DeviceGray, tint])
        ),
        "Separation, 1 bit": lambda: fax(
            group4,
            space=array([name.Separation, name.Black, name.DeviceGray, tint]),
            parms={"/BlackIs1": True},
        ),
        "DeviceN": lambda: flate(
            255 - scanned(), array([name.DeviceN, array([name.Black]), name.DeviceCMYK, four])
        ),
        "JPEG": lambda: dct(scanned(), name.DeviceGray, quality=60),
        "JPEG, colours": lambda: dct(coloured(), name.DeviceRGB, quality=80),
        "JPEG, progressive": lambda: dct(coloured(), name.DeviceRGB, quality=80, progressive=True),
        "JPEG, CMYK": lambda: dct(Image.fromarray(cmyk, "CMYK"), name.DeviceCMYK, quality=90),
        "JPEG 2000": lambda: (
            file_of(scanned(), "JPEG2000", quality_mode="rates", quality_layers=[8]),
            keys(Filter=name.JPXDecode),
        ),
        "JPEG 2000, its own colours": lambda: (
            file_of(coloured(), "JPEG2000", quality_mode="rates", quality_layers=[16]),
            {"Width": WIDTH, "Height": HEIGHT, "Filter": name.JPXDecode},
        ),
        "1 bit": lambda: flate(packed(~ink, 1), name.DeviceGray, 1),
        "CCITT G4": lambda: fax(group4),
        "CCITT G4, black is 1": lambda: fax(group4, parms={"/BlackIs1": True}, Decode=[1, 0]),
        "CCITT G4, no end": lambda: fax(group4, parms={"/EndOfBlock": False}),
        "CCITT G3": lambda: fax(strip_of(ink, "group3"), 0),
        "JBIG2": lambda: (jbig2(bilevel()), keys(name.DeviceGray, 1, Filter=name.JBIG2Decode)),
        "stencil": lambda: flate(packed(~ink, 1), None, 1, ImageMask=True),
        "stencil, CCITT": lambda: fax(group4, space=None, ImageMask=True),
    }


# ---- files ---------------------------------------------------------------------------------------


def add_image(pdf: Any, data: bytes, keys: Mapping[str, Any]) -> Any:
    """An image object in a PDF."""
    import pikepdf

    names = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Image}
    stream = pdf.make_stream(data, **names)
    for key, value in keys.items():
        if value == "srgb":
            value = pikepdf.Array(
                [pikepdf.Name.ICCBased, pdf.make_stream(bytes(pyvips.Image.profile_load(value)), N=3)]
            )
        if value is not None:
            stream[f"/{key}"] = value
    return stream


def add_page(pdf: Any, content: str, **images: Any) -> Any:
    """A page of the size of `scanned` in points, that draws images by their names."""
    import pikepdf

    page = pdf.add_blank_page(page_size=(WIDTH, HEIGHT))
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(**images))
    page.Contents = pdf.make_stream(content.encode())
    return page


FULL = f"q {WIDTH} 0 0 {HEIGHT} 0 0 cm /Scan Do Q"
"""Draws the image `Scan` over the whole page."""


def scan_pdf(path: Path, data: bytes, keys: Mapping[str, Any], content: str = FULL) -> Path:
    """A PDF with one page that shows one image."""
    import pikepdf

    with pikepdf.new() as pdf:
        add_page(pdf, content, Scan=add_image(pdf, data, keys))
        pdf.save(path)
    return path


def flate_pdf(path: Path, pixels: Pixels | None = None, content: str = FULL) -> Path:
    """A PDF with one page, without loss."""
    pixels = scanned() if pixels is None else pixels
    space = "/DeviceGray" if pixels.ndim == 2 else "/DeviceRGB"
    import pikepdf

    keys = {"Width": pixels.shape[1], "Height": len(pixels), "BitsPerComponent": 8}
    keys |= {"ColorSpace": pikepdf.Name(space), "Filter": pikepdf.Name.FlateDecode}
    return scan_pdf(path, zlib.compress(pixels.tobytes()), keys, content)


def rendered(path: Path, page: int = 0) -> Pixels:
    """What pdfium shows of a page: uint8 (h, w, 3), one pixel a point."""
    pdfium = require("pypdfium2", "pdf", "to look at pages")
    with pdfium.PdfDocument(path) as pdf:
        pixels = np.array(pdf[page].render(scale=1, rev_byteorder=True).to_numpy())
    return (
        pixels[..., :3]
        if pixels.ndim == 3 and pixels.shape[2] >= 3
        else np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, 2)
    )
