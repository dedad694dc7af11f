"""How values look in a notebook: tables, and an image before and after with a slider between."""

import html
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.io.files import read_image
from pellucid.io.image import SAMPLE_TYPES, Image, from_float, to_float
from pellucid.io.vips import vips

LARGEST_SIDE = 1024  # pixels of what is shown; small images are enlarged to a quarter of it, about


class Html:
    """A piece of HTML that a notebook shows."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text


def table_html(rows: Sequence[tuple[str, object]]) -> str:
    """A table of terms and what is said of each."""
    cells = (
        f'<tr><th style="text-align:left;vertical-align:top">{html.escape(term)}</th>'
        f'<td style="text-align:left">{html.escape(str(value))}</td></tr>'
        for term, value in rows
    )
    return f"<table>{''.join(cells)}</table>"


def image_html(image: Any, style: str = "") -> str:
    """An image as an ``<img>`` element.

    Parameters
    ----------
    image
        A path, bytes of a file, a `pellucid.Image`, an image of Pillow or an array (h, w) or (h, w, 1 to 4).
    style : str
        Further CSS.

    Raises
    ------
    UsageError
        When it is no single image.
    """
    samples = samples_of(image)
    height, width = samples.shape[:2]
    scale = min(1.0, LARGEST_SIDE / max(height, width))
    raster = vips().Image.new_from_array(samples)
    raster = raster.resize(scale) if scale < 1 else raster
    png = b64encode(raster.pngsave_buffer(compression=6)).decode()
    shown = raster.width * max(1, round(LARGEST_SIDE / 4 / max(height, width)))
    return (
        f'<img src="data:image/png;base64,{png}" alt="" '
        f'style="width:{shown}px;max-width:100%;display:block;image-rendering:pixelated;{style}">'
    )


def samples_of(image: Any) -> NDArray[np.uint8]:
    """The samples (h, w, c) of one image, with 8 bits."""
    if isinstance(image, (str, Path, bytes)):
        image = read_image(image)
    samples = image.samples if isinstance(image, Image) else np.atleast_3d(np.asarray(image))
    if samples.ndim != 3 or samples.shape[2] > 4 or samples.dtype.name not in SAMPLE_TYPES:
        raise UsageError(
            f"An array of shape {samples.shape} and type {samples.dtype.name} cannot be shown as an image",
            "Show one image of a stack at a time, (h, w) or (h, w, 1 to 4)",
        )
    return from_float(np.nan_to_num(to_float(np.ascontiguousarray(samples))), np.uint8)


def before_after(before: Any, after: Any) -> Html:
    """Two images of one size on top of each other; a slider moves the edge between them.

    Raises
    ------
    UsageError
        When one is no single image, or their sizes differ.
    """
    first, second = (samples_of(each).shape[:2] for each in (before, after))
    if first != second:
        raise UsageError(f"Images of {first} and {second} pixels cannot be compared", "Give both one size")
    move = "this.parentNode.children[1].style.clipPath='inset(0 0 0 '+this.value+'%)'"
    return Html(
        '<div style="position:relative;display:inline-block;max-width:100%">'
        + image_html(before)
        + image_html(after, "position:absolute;top:0;left:0;clip-path:inset(0 0 0 50%)")
        + f'<input type="range" min="0" max="100" value="50" oninput="{move}" '
        'aria-label="before and after" style="width:100%;margin:0"></div>'
    )
