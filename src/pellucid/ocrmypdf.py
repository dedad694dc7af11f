"""A plugin for OCRmyPDF: OCR reads cleaned pages, the archived images stay unchanged.

    ocrmypdf --plugin pellucid.ocrmypdf scan.pdf searchable.pdf

With the environment variable ``PELLUCID_CLEAN_PAGES=1`` the pages of the result are cleaned too.
"""

import os
import sys
from typing import TYPE_CHECKING, Any

from pellucid.inference.denoise import denoise

if TYPE_CHECKING:
    from PIL.Image import Image

hookimpl: Any = getattr(sys.modules.get("ocrmypdf"), "hookimpl", lambda function: function)
"""OCRmyPDF is there when it loads its plugins, and need not be for anybody else."""


@hookimpl  # type: ignore[untyped-decorator]
def filter_ocr_image(page: Any, image: "Image") -> "Image":
    """Clean the image that OCR sees: white paper."""
    return clean(image)


@hookimpl  # type: ignore[untyped-decorator]
def filter_page_image(page: Any, image_filename: Any) -> Any:
    """Clean the page itself, when asked to."""
    if os.environ.get("PELLUCID_CLEAN_PAGES") != "1":
        return image_filename
    from PIL import Image

    output = image_filename.with_suffix(".clean.png")
    with Image.open(image_filename) as image:
        clean(image, "keep").save(output, dpi=image.info.get("dpi", (300, 300)))
    return output


def clean(image: "Image", paper: Any = "white") -> "Image":
    """Clean an image of Pillow; one of 1 bit becomes grey."""
    image = (
        image if image.mode in ("L", "RGB") else image.convert("L" if image.mode in ("1", "LA") else "RGB")
    )
    result = denoise(image, model="page-fast", paper=paper)
    result.info |= {"dpi": image.info["dpi"]} if "dpi" in image.info else {}
    return result
