"""Cleaned samples back into an image of a PDF, with the codec, the bits and the colours that it had.

Two codecs that nothing writes are replaced: JBIG2 by CCITT G4, and JPEG 2000 by JPEG. Lossless codecs become
Flate, and colours that no network can clean, such as CMYK, become sRGB.
"""

import io
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.io.pdf.samples import Decoded, NotDecodedError, Pixels, library, planes_of

GROWTH = 1.3
"""An image that would become larger by more than this stays unchanged; those of one bit are exempt."""

QUALITIES = 85, 75, 65, 50
"""Of a JPEG in place of JPEG 2000: the first that does not grow too much."""

NAMES = {
    "DCTDecode": "JPEG",
    "JPXDecode": "JPEG 2000",
    "CCITTFaxDecode": "CCITT G4",
    "JBIG2Decode": "JBIG2",
    "FlateDecode": "Flate",
    "LZWDecode": "LZW",
    "RunLengthDecode": "run lengths",
}


class _Encoded(NamedTuple):
    """The content of a stream, its filter and the filter's parameters."""

    data: bytes
    codec: str
    parameters: dict[str, Any] | None = None


def encode_samples(pdf: Any, image: Any, before: Decoded, clean: Pixels) -> Callable[[], str]:
    """Encode cleaned samples for an image object, and change nothing yet.

    Parameters
    ----------
    pdf : pikepdf.Pdf
        To which the image belongs.
    image : pikepdf.Stream
    before : Decoded
        What it shows.
    clean : array
        Of the same shape and dtype as `before.pixels`; 0 and 255 where that is bilevel.

    Returns
    -------
    function
        Writes them into the object. It gives what could not be kept, to follow "page 3"; empty where all was.

    Raises
    ------
    NotDecodedError
        When it would grow too much.
    """
    pikepdf, old = library(), len(image.read_raw_bytes())
    space, bits = image.get("/ColorSpace"), before.bits
    if before.kind == "bilevel":
        made = _bits(clean == 0, before.ink)
    elif before.kind == "palette":
        made, palette = _palette(clean, bits)
        palette = palette[:, : planes_of(space[1])]
        space = pikepdf.Array([space[0], space[1], len(palette) - 1, pikepdf.String(palette.tobytes())])
    elif before.codec == "JPXDecode":
        made, bits = _jpeg_2000(clean, GROWTH * old), 8
    elif before.codec == "DCTDecode":
        made = _jpeg(clean, _tables(pikepdf, pdf, image))
    else:
        bits = bits if before.kind == "direct" else 8
        made = _flate(clean, bits)
    if before.kind == "converted":
        space = pikepdf.Name.DeviceGray if clean.ndim == 2 else _srgb(pdf)
    if before.kind != "bilevel" and len(made.data) > GROWTH * old:
        raise NotDecodedError(f"would become {len(made.data) / old:.1f} times as large")

    def write() -> str:
        _replace(pikepdf, pdf, image, made, None if before.clear is None else _bits(before.clear, 1))
        if before.kind != "bilevel":
            image.BitsPerComponent, image.ColorSpace = bits, space
            if "/Decode" in image:  # of the old samples
                del image.Decode
        return _difference(before, made)

    return write


def _replace(pikepdf: Any, pdf: Any, image: Any, made: _Encoded, clear: _Encoded | None) -> None:
    """Put content into a stream; what a colour key hid is hidden by a mask."""

    def put(stream: Any, what: _Encoded) -> None:
        parameters = None if what.parameters is None else pikepdf.Dictionary(what.parameters)
        stream.write(what.data, filter=pikepdf.Name(f"/{what.codec}"), decode_parms=parameters)

    put(image, made)
    if clear is not None:
        size = {"Width": image.Width, "Height": image.Height}
        names = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Image}
        image.Mask = pdf.make_stream(b"", **names, **size, ImageMask=True, BitsPerComponent=1)
        put(image.Mask, clear)


def _difference(before: Decoded, made: _Encoded) -> str:
    """What has another form now, in words."""
    old, new = (NAMES.get(name, name or "plain samples") for name in (before.codec, made.codec))
    words = [f"stored as {new}, no longer as {old}"] if old not in (new, "plain samples") else []
    words += ["in sRGB"] if before.kind == "converted" and before.pixels.ndim == 3 else []
    words += ["in grey"] if before.kind == "converted" and before.pixels.ndim == 2 else []
    return " and ".join(words)


# ---- encoding ------------------------------------------------------------------------------------


def _tables(pikepdf: Any, pdf: Any, image: Any) -> dict[str, Any]:
    """The quantisation tables, and so the quality, of a JPEG, its subsampling, and its kind."""
    from PIL.JpegImagePlugin import JpegImageFile, get_sampling

    filters = image.Filter if isinstance(image.Filter, pikepdf.Array) else [image.Filter]
    outer = pdf.make_stream(image.read_raw_bytes())  # such as ASCII85 around the JPEG
    outer.Filter = pikepdf.Array(list(filters)[:-1])
    try:
        before = JpegImageFile(io.BytesIO(outer.read_bytes()))
    except (OSError, SyntaxError, ValueError, pikepdf.PdfError) as exc:
        raise NotDecodedError("has a JPEG that cannot be read") from exc
    with before:
        if before.layers != planes_of(image.get("/ColorSpace", pikepdf.Name.Unknown)):
            raise NotDecodedError("has a JPEG whose colours are not those that its dictionary states")
        options = {
            "qtables": list(before.quantization.values())[:2],
            "progressive": "progressive" in before.info,
        }
        if before.mode == "RGB":
            options["subsampling"] = max(0, get_sampling(before))
    return options


def _jpeg(pixels: Pixels, options: dict[str, Any]) -> _Encoded:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", optimize=True, **options)
    return _Encoded(stream.getvalue(), "DCTDecode")


def _jpeg_2000(pixels: Pixels, limit: float) -> _Encoded:
    """JPEG in its place, as good as fits."""
    for quality in QUALITIES:
        made = _jpeg(pixels, {"quality": quality})
        if len(made.data) <= limit:
            break
    return made


def _bits(ink: NDArray[np.bool_], sample: int) -> _Encoded:
    """CCITT G4, in which `sample` means ink."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(ink).save(stream, "TIFF", compression="group4", tiffinfo={278: len(ink)})  # one strip
    with Image.open(stream) as tiff:
        tags = tiff.tag_v2  # type: ignore[attr-defined]
        (start,), (length,) = tags[273], tags[279]
    height, width = ink.shape
    parameters = {"/K": -1, "/Columns": width, "/Rows": height, "/BlackIs1": sample == 1}
    return _Encoded(stream.getvalue()[start : start + length], "CCITTFaxDecode", parameters)


def _palette(pixels: Pixels, bits: int) -> tuple[_Encoded, NDArray[np.uint8]]:
    """Indices into a palette of at most 2**bits colours, and the palette (n, 3)."""
    from PIL import Image

    indexed = Image.fromarray(pixels).quantize(2**bits, dither=Image.Dither.NONE)
    palette = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)[: 2**bits]
    return _flate(np.asarray(indexed), bits, scaled=False), palette


def _flate(pixels: Pixels, bits: int, *, scaled: bool = True) -> _Encoded:
    """Without loss, each row as it is, or predicted by its left or upper neighbours, whatever is smallest."""
    planes = 1 if pixels.ndim == 2 else 3
    samples = pixels.reshape(len(pixels), -1)
    if bits < 8:
        samples = np.rint(samples * ((2**bits - 1) / 255)).astype(np.uint8) if scaled else samples
        each = np.unpackbits(samples[..., None], axis=2)[..., -bits:]  # (h, w * planes, bits)
        rows = np.packbits(each.reshape(len(pixels), -1), axis=1)
    else:
        rows = samples.astype(f">u{bits // 8}").view(np.uint8)
    step = max(1, planes * bits // 8)
    left = np.pad(rows, ((0, 0), (step, 0)))[:, :-step]
    above = np.pad(rows, ((1, 0), (0, 0)))[:-1]
    forms = [
        np.pad(rows - neighbour, ((0, 0), (1, 0)), constant_values=kind)
        for kind, neighbour in ((0, np.uint8(0)), (1, left), (2, above))
    ]
    best = min(forms, key=lambda form: len(zlib.compress(form.tobytes(), 1)))
    parameters = {"/Predictor": 15, "/Colors": planes, "/BitsPerComponent": bits, "/Columns": pixels.shape[1]}
    return _Encoded(zlib.compress(best.tobytes(), 9), "FlateDecode", parameters)


def _srgb(pdf: Any) -> Any:
    """The colour space sRGB, with a profile: PDF/A allows it anywhere."""
    import pyvips

    pikepdf = library()
    profile = pdf.make_stream(bytes(pyvips.Image.profile_load("srgb")), N=3, Alternate=pikepdf.Name.DeviceRGB)
    return pikepdf.Array([pikepdf.Name.ICCBased, profile])
