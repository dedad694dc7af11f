"""Scanned PDFs from end to end: growth, seconds a page, and what Tesseract reads before and after.

    python -m benchmarks.pdf --fonts FOLDER [--tesseract PATH] [--pages 16] [--only files]

A tiny run has generated pages alone, and reads no text where Tesseract is not installed.
"""

import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common import Desk, arguments, facts, table, timed
from benchmarks.pages_ocr import DEGRADATIONS, DPI, character_error, shelf_of, test_page
from pellucid.errors import require
from pellucid.inference.denoise import denoise_file
from pellucid.inference.stacks import FileResult

PARTS = ("files", "generated")
SHARP = 300  # dpi at which pages of pages/pdf are drawn for OCR
QUALITY = 75


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--fonts", type=Path, help="folder of the fonts in docs/scans.md")
    parser.add_argument("--tesseract", default="tesseract")
    parser.add_argument("--pages", type=int, default=16)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    desk = Desk("pdf", options)
    figures, run = desk.read(), facts()
    figures.setdefault("runs", {})[run["date"]] = run
    for name in ("generated",) if desk.tiny else options.only:
        part = files if name == "files" else generated
        figures[name] = {"run": run["date"], "rows": part(desk, options)}
        desk.forget_old_runs(figures)
        desk.write(figures)
    desk.publish("\n".join(_tables(figures)))


def files(desk: Desk, options: Any) -> list[dict[str, Any]]:
    """Each file of pages/pdf; those that are a page of linn.txt are read, too."""
    folder = desk.folder("pages/pdf")
    truth = (folder / "linn.txt").read_text()
    rows = []
    for path in sorted(folder.glob("*.pdf")):
        row, result = _cleaned(path, desk.scratch / path.name)
        if path.stem in ("linn", "skew"):
            row["errors"] = [
                round(character_error(_read(each, SHARP, options.tesseract, "3"), truth), 4)
                for each in (path, result.output)
            ]
        rows.append(row)
        print(row, flush=True)
    return rows


def generated(desk: Desk, options: Any) -> list[dict[str, Any]]:
    """One page a PDF: all degradations in turn, as JPEG, Flate, or CCITT G4 where they have one bit."""
    rows, shelf = [], shelf_of(options.fonts, tiny=desk.tiny)
    for number in range(2 if desk.tiny else options.pages):
        page = test_page(number, shelf)
        codec = "CCITT" if page.kind == "one bit" else ("JPEG", "Flate")[number // len(DEGRADATIONS) % 2]
        path = _as_pdf(page.noisy, codec, desk.scratch / f"{number}.pdf")
        row, result = _cleaned(path, desk.scratch / f"{number}-clean.pdf")
        reads = [_read(each, DPI, options.tesseract, "6") for each in (path, result.output)]
        row |= {
            "file": f"{page.kind}, {codec}",
            "errors": [round(character_error(each, page.text), 4) for each in reads],
        }
        rows.append(row)
        print(row, flush=True)
    return rows


def _cleaned(path: Path, output: Path) -> tuple[dict[str, Any], FileResult]:
    results: list[FileResult] = []
    took = timed(lambda: results.append(denoise_file(path, output, paper="white")))
    with pikepdf.open(path) as pdf:
        pages = len(pdf.pages)
    sizes = path.stat().st_size, output.stat().st_size
    row = {
        "file": path.stem,
        "pages": pages,
        "growth": round(sizes[1] / sizes[0], 3),
        "seconds": [round(took.cpu / pages, 2), round(took.wall / pages, 2)],
        "why": results[0].why,
    }
    return row, results[0]


def _as_pdf(page: NDArray[np.uint8], codec: str, path: Path) -> Path:
    """A PDF with one page, as scanners write them."""
    height, width = page.shape
    with pikepdf.new() as pdf:
        sheet = pdf.add_blank_page(page_size=(width * 72 / DPI, height * 72 / DPI))
        keys = {
            "Width": width,
            "Height": height,
            "ColorSpace": pikepdf.Name.DeviceGray,
            "BitsPerComponent": 8,
        }
        names = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Image}
        image = pdf.make_stream(page.tobytes(), **names, **keys)
        stream = io.BytesIO()
        if codec == "JPEG":
            Image.fromarray(page).save(stream, "JPEG", quality=QUALITY)
            image.write(stream.getvalue(), filter=pikepdf.Name.DCTDecode)
        elif codec == "CCITT":
            Image.fromarray(page < 128).save(stream, "TIFF", compression="group4", tiffinfo={278: height})
            with Image.open(stream) as tiff:
                (start,), (length,) = tiff.tag_v2[273], tiff.tag_v2[279]  # type: ignore[attr-defined]
            parms = pikepdf.Dictionary(K=-1, Columns=width, Rows=height)
            image.write(
                stream.getvalue()[start : start + length],
                filter=pikepdf.Name.CCITTFaxDecode,
                decode_parms=parms,
            )
            image.BitsPerComponent = 1
        sheet.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Scan=image))
        sheet.Contents = pdf.make_stream(
            f"{width * 72 / DPI} 0 0 {height * 72 / DPI} 0 0 cm /Scan Do".encode()
        )
        pdf.save(path)  # which compresses what is not
    return path


def _read(path: Path, dpi: int, tesseract: str, layout: str) -> str:
    """What Tesseract reads on the first page, drawn by pdfium; nothing where it is not installed."""
    if shutil.which(tesseract) is None:
        return ""
    pdfium = require("pypdfium2", "pdf", "to draw pages")
    with pdfium.PdfDocument(path) as pdf, tempfile.TemporaryDirectory() as folder:
        image = pdf[0].render(scale=dpi / 72, grayscale=True).to_pil()
        image.save(f"{folder}/page.png", dpi=(dpi, dpi))
        command = [tesseract, f"{folder}/page.png", "-", "-l", "eng", "--psm", layout]
        environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def _tables(figures: dict[str, Any]) -> Iterator[str]:
    titles = {"files": "Files of OCRmyPDF's tests", "generated": "Generated pages as PDFs"}
    for part, title in titles.items():
        if part in figures:
            header = ["", "size after / before", "CPU s a page", "character error, %", "cleaned, %"]
            rows = [
                [
                    row["file"],
                    f"{row['growth']:.2f}",
                    row["seconds"][0],
                    *(f"{100 * each:.1f}" for each in row.get("errors", [])),
                ]
                for row in figures[part]["rows"]
            ]
            yield f"{title}, cleaned by `pellucid denoise scan.pdf --paper white`:\n\n" + table(
                header, [row + [""] * (len(header) - len(row)) for row in rows]
            )


if __name__ == "__main__":
    main()
