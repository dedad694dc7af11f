"""A plugin for OCRmyPDF: OCR reads cleaned pages, the archived images stay unchanged.

    ocrmypdf --plugin pellucid.ocrmypdf scan.pdf searchable.pdf

With the environment variable ``PELLUCID_CLEAN_PAGES=1``, pages that OCRmyPDF draws anew (``--force-ocr``,
``--deskew``) are cleaned in the result, too.
"""

import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pellucid.cpus import usable_cpus
from pellucid.inference.bilevel import keep_bilevel
from pellucid.inference.denoise import denoise_result

if TYPE_CHECKING:
    from PIL.Image import Image


def _unmarked(**options: bool) -> Callable[[Any], Any]:
    return lambda function: function


hookimpl: Any = getattr(sys.modules.get("ocrmypdf"), "hookimpl", _unmarked)
"""OCRmyPDF is there when it loads its plugins, and need not be for anybody else."""


@hookimpl(wrapper=True)  # type: ignore[untyped-decorator]
def filter_ocr_image(page: Any, image: "Image") -> Generator[None, "Image | None", "Image"]:
    """Clean the image that OCR sees: white paper.

    A wrapper: OCRmyPDF's own filter goes first, which makes images smaller that Tesseract would refuse.
    """
    smaller = yield
    return clean(image if smaller is None else smaller, threads=threads_of(page))


@hookimpl()  # type: ignore[untyped-decorator]
def filter_page_image(page: Any, image_filename: Path) -> Path:
    """Clean a page of the result, when asked to."""
    if os.environ.get("PELLUCID_CLEAN_PAGES") != "1":
        return image_filename
    from PIL import Image

    output = image_filename.with_suffix(".clean.png")
    with Image.open(image_filename) as image:
        cleaned = clean(image, "keep", threads=threads_of(page))
        if cleaned is image:
            return image_filename
        if image.mode == "1":
            pixels = [np.asarray(each.convert("L")) for each in (image, cleaned)]
            cleaned = Image.fromarray(keep_bilevel(*pixels) > 0)
        cleaned.save(output, **{key: image.info[key] for key in ("dpi", "icc_profile") if key in image.info})
    return output


def clean(
    image: "Image", paper: Literal["keep", "white"] = "white", *, threads: int | None = None
) -> "Image":
    """Clean an image of Pillow; one of 1 bit becomes grey, and one that needs nothing comes back itself."""
    mode = {"1": "L", "L": "L", "LA": "L", "I;16": "L"}.get(image.mode, "RGB")
    result = denoise_result(image.convert(mode), model="page-fast", paper=paper, threads=threads)
    if not result.changed:
        return image
    result.image.info |= {key: image.info[key] for key in ("dpi",) if key in image.info}
    return result.image


def threads_of(page: Any) -> int:
    """How many threads a page gets, of which OCRmyPDF works on several at a time."""
    jobs = getattr(getattr(page, "options", None), "jobs", None) or 1
    return max(1, usable_cpus() // jobs)
