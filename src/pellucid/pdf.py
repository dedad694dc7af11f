"""Scanned pages inside a PDF: cleaned in place, everything else stays.

The images of scanned pages are decoded, cleaned by a network for pages, and written back into the same
objects with the codec and the quality that they had. Text layer, links, bookmarks, forms, boxes, rotation
and metadata are never touched. JBIG2 becomes CCITT G4 and JPEG 2000 becomes JPEG, since nothing writes the
former two. Needs the extra `pdf`.
"""

import io
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from pellucid.atomic import atomic_write, refuse_existing
from pellucid.errors import InputError, require
from pellucid.inference.denoise import AnyModel, FileResult
from pellucid.inference.denoiser import Denoiser, denoise_array
from pellucid.inference.registry import denoiser_for
from pellucid.inference.stream import Progress
from pellucid.io.files import copy_file
from pellucid.io.registry import default_output
from pellucid.options import DenoiseKeywords, DenoiseOptions

Page = NDArray[np.uint8]

SMALLEST = 400
"""Pixels: images with a shorter side are logos and the like, no pages."""

COVERED = 0.6
"""Share of a page that its scan covers at least."""

LEVEL = 128
"""Pages of one bit are black below this after cleaning."""


def denoise_pdf(
    path: str | Path,
    output: str | Path | None = None,
    *,
    model: AnyModel = "auto",
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[DenoiseKeywords],
) -> FileResult:
    """Clean the scanned pages of a PDF.

    Parameters
    ----------
    path, output : str or Path
        By default ``scan-denoised.pdf`` for ``scan.pdf``.
    model : str, Path or Denoiser
        For pages; ``auto`` takes `page-fast`.
    overwrite : bool
        Replace the output if it exists.
    progress : function of (done, total), optional
        Called after each page.
    **options
        As for `pellucid.denoise`.

    Returns
    -------
    FileResult
        With the size of the largest scan; `why` says which pages stay unchanged and why, and which codecs had
        to change.

    Raises
    ------
    InputError
        When the file is no PDF, is encrypted or signed: a change would break what protects it.
    UsageError
        When the output exists.
    MissingExtraError
        When the extra `pdf` is not installed.
    """
    pikepdf, pdfium = (require(name, "pdf", "to read and write PDF") for name in ("pikepdf", "pypdfium2"))
    source = Path(path)
    target = default_output(source) if output is None else Path(output)
    refuse_existing(target, overwrite)
    choice = DenoiseOptions.of(**options)
    denoiser = denoiser_for("page-fast" if getattr(model, "name", model) == "auto" else model, choice)
    denoiser.check(choice)
    notes: list[str] = []
    cleaned: dict[Any, bool] = {}
    largest = (0, 0)
    with _open(pikepdf, source) as pdf, closing(_view(pdfium, source)) as drawn:
        for number, page in enumerate(pdf.pages, 1):
            scans = list(_scans(page, drawn[number - 1]))
            if not scans:
                notes.append(f"page {number} is no scan and stays unchanged")
            for image, view in scans:
                largest = max(largest, view.get_px_size())
                if image.objgen not in cleaned:
                    done = _clean(pikepdf, image, view, denoiser, choice, f"page {number}", notes)
                    cleaned[image.objgen] = done
            if progress:
                progress(number, len(pdf.pages))
        if any(cleaned.values()):
            with atomic_write(target, overwrite=overwrite) as temporary:
                pdf.save(temporary)
    count = sum(cleaned.values())
    if count:
        notes.insert(0, f"{count} scan{'s' * (count > 1)} cleaned")
    else:
        copy_file(source, target, overwrite=overwrite)
    return FileResult(
        source=source,
        output=target,
        sigma=0.0,
        changed=count > 0,
        model=denoiser.name if count else "none",
        why="; ".join(notes),
        width=largest[0],
        height=largest[1],
    )


def is_pdf(path: Path) -> bool:
    """Whether a file is a PDF, by its content."""
    try:
        if not path.is_file():  # a named pipe would wait for ever
            return False
        with path.open("rb") as file:
            return file.read(5) == b"%PDF-"
    except (OSError, ValueError):
        return False


def _open(pikepdf: Any, path: Path) -> Any:
    """Open a PDF that may be changed."""
    try:
        pdf = pikepdf.open(path)
    except FileNotFoundError as exc:
        raise InputError(f"There is no file {path}", "Check the path") from exc
    except pikepdf.PasswordError as exc:
        raise InputError(f"{path} is encrypted", "Remove the password first, for instance with qpdf") from exc
    except pikepdf.PdfError as exc:
        raise InputError(
            f"{path} cannot be read as a PDF: {exc}", "Repair it first, for instance with qpdf"
        ) from exc
    if pdf.is_encrypted:
        raise InputError(f"{path} is encrypted", "Remove the encryption first, for instance with qpdf")
    form = pdf.Root.get("/AcroForm", {})
    if int(form.get("/SigFlags", 0)) & 1 or any(_signed(field) for field in form.get("/Fields", [])):
        raise InputError(
            f"{path} is signed, and a change would break the signature", "Clean a copy without it"
        )
    return pdf


def _view(pdfium: Any, path: Path) -> Any:
    """Open the same file to look at its pages."""
    try:
        return pdfium.PdfDocument(path)
    except pdfium.PdfiumError as exc:
        raise InputError(
            f"{path} cannot be displayed: {str(exc).rstrip('.')}", "Repair it first, for instance with qpdf"
        ) from exc


def _signed(field: Any) -> bool:
    return (field.get("/FT") == "/Sig" and "/V" in field) or any(map(_signed, field.get("/Kids", [])))


def _scans(page: Any, drawn: Any) -> Iterator[tuple[Any, Any]]:
    """The image objects of a page that are its scan, each with pdfium's view of the same."""
    width, height = drawn.get_size()
    views = {}
    for view in drawn.get_objects(filter=[3]):  # FPDF_PAGEOBJ_IMAGE
        left, bottom, right, top = view.get_bounds()
        if (right - left) * (top - bottom) >= COVERED * width * height:
            views[view.get_px_size()] = view
    for image in page.get_images().values():
        size = int(image.Width), int(image.Height)
        if size in views and min(size) >= SMALLEST and not image.get("/ImageMask", False):
            yield image, views[size]


def _clean(
    pikepdf: Any,
    image: Any,
    view: Any,
    denoiser: Denoiser,
    options: DenoiseOptions,
    where: str,
    notes: list[str],
) -> bool:
    """Clean one image in place; whether it changed."""
    kind = next(reversed(pikepdf.PdfImage(image).filters), "none")
    pixels, one_bit = _decode(pikepdf, image, view)
    if pixels is None:
        notes.append(f"{where} has an image that cannot be cleaned ({kind}, {image.get('/ColorSpace')})")
        return False
    result = denoise_array(denoiser, pixels, options)
    if not result.changed:
        notes.append(f"{where} is clean and stays unchanged")
        return False
    if one_bit:
        _write_bits(pikepdf, image, result.image < LEVEL)
        if kind != "/CCITTFaxDecode":
            notes.append(f"{where} is stored as CCITT G4 now, not as {kind[1:]}")
    elif kind in ("/DCTDecode", "/JPXDecode"):
        _write_jpeg(pikepdf, image, result.image, kind)
        if kind == "/JPXDecode":
            notes.append(f"{where} is stored as JPEG now, not as JPEG 2000")
    else:
        _write_flate(pikepdf, image, result.image)
    return True


# ---- decoding ------------------------------------------------------------------------------------


def _decode(pikepdf: Any, image: Any, view: Any) -> tuple[Page | None, bool]:
    """The pixels (h, w) or (h, w, 3), and whether they have one bit; None where the colours are others."""
    try:
        decoded = pikepdf.PdfImage(image).as_pil_image()
        one_bit = decoded.mode == "1"
    except (pikepdf.PdfError, pikepdf.DependencyError, NotImplementedError, ValueError):
        decoded, one_bit = view.get_bitmap().to_pil(), int(image.get("/BitsPerComponent", 8)) == 1
    if decoded.mode == "P":
        decoded = decoded.convert("RGB")
    if decoded.mode not in ("1", "L", "RGB"):
        return None, False
    pixels = np.asarray(decoded.convert("L") if one_bit else decoded, np.uint8)
    return np.ascontiguousarray(pixels), one_bit


# ---- encoding ------------------------------------------------------------------------------------


def _write_jpeg(pikepdf: Any, image: Any, pixels: Page, kind: str) -> None:
    """With the tables, and so the quality, that the image had; quality 85 in place of JPEG 2000."""
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile, get_sampling

    options: dict[str, Any] = {"quality": 85}
    if kind == "/DCTDecode":
        with JpegImageFile(io.BytesIO(image.read_raw_bytes())) as before:
            options = {"qtables": before.quantization}
            if before.mode == "RGB":
                options["subsampling"] = max(0, get_sampling(before))
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", optimize=True, **options)
    _replace(pikepdf, image, stream.getvalue(), "DCTDecode", None, pixels.ndim, 8)


def _write_flate(pikepdf: Any, image: Any, pixels: Page) -> None:
    """Without loss, each row predicted by its upper neighbour (PNG's filter 2)."""
    rows = pixels.reshape(len(pixels), -1)
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.hstack([np.full((len(rows), 1), 2, np.uint8), rows - above])
    parameters = pikepdf.Dictionary(
        Predictor=15, Colors=1 if pixels.ndim == 2 else 3, BitsPerComponent=8, Columns=pixels.shape[1]
    )
    data = zlib.compress(filtered.tobytes(), 9)
    _replace(pikepdf, image, data, "FlateDecode", parameters, pixels.ndim, 8)


def _write_bits(pikepdf: Any, image: Any, black: NDArray[np.bool_]) -> None:
    """As CCITT G4, one strip."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.where(black, 0, 255).astype(np.uint8)).convert("1", dither=Image.Dither.NONE).save(
        stream, "TIFF", compression="group4", tiffinfo={278: len(black)}
    )
    with Image.open(stream) as tiff:
        tags = tiff.tag_v2  # type: ignore[attr-defined]
        (start,), (length,), photometric = tags[273], tags[279], tags[262]
    data = stream.getvalue()[start : start + length]
    parameters = pikepdf.Dictionary(
        K=-1, Columns=black.shape[1], Rows=black.shape[0], BlackIs1=photometric == 1
    )
    _replace(pikepdf, image, data, "CCITTFaxDecode", parameters, 2, 1)


def _replace(
    pikepdf: Any, image: Any, data: bytes, codec: str, parameters: Any, dimensions: int, bits: int
) -> None:
    """Put encoded pixels into an image object; a profile of as many channels stays."""
    image.write(data, filter=pikepdf.Name(f"/{codec}"), decode_parms=parameters)
    image.BitsPerComponent = bits
    space, device = image.get("/ColorSpace"), ("/DeviceGray" if dimensions == 2 else "/DeviceRGB")
    profile = isinstance(space, pikepdf.Array) and space[0] == "/ICCBased" and int(space[1].get("/N", 0))
    if profile != (1 if dimensions == 2 else 3):
        image.ColorSpace = pikepdf.Name(device)
    if "/Decode" in image:  # of the old samples
        del image.Decode
