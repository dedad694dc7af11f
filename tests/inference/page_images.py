"""Pages of text for tests, in a font of Matplotlib's."""

from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray

from pellucid.datasets.pages import draw_clean_page

FONT = (Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"),)
SHELF = {"latin": FONT, "script": FONT, "maths": FONT}


def text_page(channels: int = 1, size: tuple[int, int] = (400, 480)) -> NDArray[np.uint8]:
    """A clean page (h, w, c) of English text on white paper, at 150 dpi."""
    return draw_clean_page(1, size, 150, SHELF, channels=channels, layout="plain", points=11)[0]
