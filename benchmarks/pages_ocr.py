"""The pages that OCR is measured on: generated, in fonts, a layout and a paper that no network is trained on.

Seed and severities were fixed before any network was trained. Page K has degradation K mod 8.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray
from PIL import Image

from pellucid.datasets.pages import draw_clean_page
from pellucid.datasets.sheet import HELD_FONTS, find_fonts
from pellucid.noise.base import NumpyRandom
from pellucid.noise.registry import parse_noise

SEED = 20_261_130
PAGES = 200
SIZE = (520, 900)  # pixels: about 15 lines
DPI = 150

DEGRADATIONS: Mapping[str, str] = {
    "stains": "tone=0.8-0.95,texture=0.01,laid=0.01-0.03,stains=4-9,noise=2-5,quality=70-95",
    "creases": "tone=0.8-0.95,texture=0.01,laid=0.01-0.02,folds=2-6,crumple=0.5-1,noise=2-6,quality=60-95",
    "bleed": "tone=0.75-0.9,texture=0.01,laid=0.01-0.03,bleed=0.35-0.7,noise=2-6,quality=60-95",
    "ink": "tone=0.85-1,texture=0.01,fade=0.5-0.9,broken=0.1-0.35,noise=3-8,quality=60-95",
    "light": "tone=0.7-0.9,laid=0.01-0.03,light=0.4-0.8,curl=0.2-0.7,blur=0.6-1.2,noise=6-20,quality=30-70",
    "dust": "tone=0.85-1,laid=0.01-0.03,dust=4-14,noise=2-6,quality=60-95",
    "one bit": "light=0-0.25,laid=0.01-0.04,noise=10-40,dust=1-5,threshold=0.5-0.7",
    "all": "tone=0.7-0.9,laid=0.01-0.02,stains=1-3,folds=1-2,bleed=0.1-0.4,fade=0.2-0.6,dust=1-4,"
    "light=0.2-0.5,blur=0.4-0.9,noise=4-15,quality=30-80",
}


Shelf = Mapping[str, Sequence[Path]]


def shelf_of(fonts: Path | None, *, tiny: bool = False) -> Shelf:
    """The fonts that are held back; for a tiny run, one that Matplotlib has."""
    if tiny:
        font = (Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"),)
        return {"latin": font, "script": font, "maths": font}
    if fonts is None:
        sys.exit("Name the folder with the fonts of docs/scans.md: --fonts FOLDER")
    return find_fonts(fonts, HELD_FONTS)


class TestPage(NamedTuple):
    """A page of the set, uint8 (h, w)."""

    kind: str
    clean: NDArray[np.uint8]
    noisy: NDArray[np.uint8]
    text: str


def test_page(number: int, shelf: Shelf) -> TestPage:
    """The page of this number, in fonts of `shelf_of`."""
    kind = list(DEGRADATIONS)[number % len(DEGRADATIONS)]
    clean, text = draw_clean_page(SEED + number, SIZE, DPI, shelf, layout="plain", points=10 + number % 3)
    scan = parse_noise(f"scan:{DPI},{DEGRADATIONS[kind]}")
    noisy = scan.apply(clean.astype(np.float32) / 255, NumpyRandom(SEED + number))
    return TestPage(kind, clean[..., 0], np.rint(noisy[..., 0] * 255).astype(np.uint8), text)


def read_text(
    page: NDArray[np.uint8],
    *options: str,
    dpi: int = DPI,
    tesseract: str = "tesseract",
    layout: str = "6",
) -> str:
    """Let Tesseract read a page of English text: one block (layout 6), or what it finds (3)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "page.png")
        Image.fromarray(page).save(path, dpi=(dpi, dpi))
        command = [tesseract, str(path), "-", "-l", "eng", "--psm", layout, *options]
        environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def character_error(read: str, truth: str) -> float:
    """Edits (Levenshtein 1966) between the text that was read and the true one, for each character of it."""
    one, two = (np.array([ord(each) for each in re.sub(r"\s+", " ", text).strip()]) for text in (read, truth))
    steps = np.arange(len(two) + 1)
    row = steps.copy()
    for number, letter in enumerate(one, 1):
        change = np.minimum(row[1:] + 1, row[:-1] + (two != letter))
        row = np.concatenate([[number], change])
        row = np.minimum.accumulate(row - steps) + steps  # letters that were left out
    return float(row[-1]) / max(1, len(two))
