"""The plugin for OCRmyPDF, and OCRmyPDF itself where it is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.ocrmypdf import clean, filter_page_image, threads_of
from tests.pdfs import INKED, flate_pdf, scanned


def page(mode: str = "L") -> Image.Image:
    image = Image.fromarray(scanned()).convert(mode)
    image.info["dpi"] = (200, 200)
    return image


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA"])
def test_paper_becomes_white_for_ocr_and_the_resolution_stays(mode: str) -> None:
    result = clean(page(mode))
    assert result.size == page().size
    assert result.info["dpi"] == (200, 200)
    grey = np.asarray(result.convert("L"))
    assert np.median(grey[~INKED]) >= 250
    assert np.median(grey[INKED]) < 60


def test_a_page_that_was_drawn_comes_back_itself() -> None:
    image = Image.fromarray(np.where(INKED, 128, 255).astype(np.uint8))
    image.putpixel((0, 0), 3)  # more than two values: no threshold made them
    assert clean(image) is image


def test_the_pages_of_the_result_are_cleaned_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "000001.page.png"
    page().save(file, dpi=(200, 200))
    assert filter_page_image(None, file) == file
    monkeypatch.setenv("PELLUCID_CLEAN_PAGES", "1")
    output = filter_page_image(None, file)
    assert output.parent == tmp_path
    with Image.open(output) as made:
        assert made.size == page().size
        assert made.info["dpi"] == pytest.approx((200, 200), abs=0.1)
        assert np.asarray(made)[~INKED].std() < 3


def test_several_jobs_share_the_processor() -> None:
    class Options:
        jobs = 10_000

    class Page:
        options = Options()

    assert threads_of(Page()) == 1
    assert threads_of(None) >= 1


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="Tesseract is not installed")
def test_ocrmypdf_loads_it_and_keeps_the_image(tmp_path: Path) -> None:
    pytest.importorskip("ocrmypdf")
    pikepdf = pytest.importorskip("pikepdf")
    source, output = flate_pdf(tmp_path / "scan.pdf"), tmp_path / "searchable.pdf"
    options = ["--plugin", "pellucid.ocrmypdf", "--output-type", "pdf", "--optimize", "0", "--jobs", "1"]
    command = [sys.executable, "-m", "ocrmypdf", "-k", "-v", "1", *options, str(source), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    images = []
    for path in (source, output):
        with pikepdf.open(path) as pdf:
            images.append(next(iter(pdf.pages[0].get_images().values())).read_bytes())
    assert images[0] == images[1]
    (seen,) = tmp_path.glob("*/000001_ocr.png")
    with Image.open(seen) as image:
        assert np.median(np.asarray(image.convert("L"))) >= 250
