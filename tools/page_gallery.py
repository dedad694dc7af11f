"""The image of docs/scans.md: generated pages, scanned by simulation, and what page-fast makes of them.

python -m tools.page_gallery --fonts FOLDER
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.pages_ocr import shelf_of
from pellucid import denoise
from pellucid.datasets.pages import draw_clean_page
from pellucid.noise.base import NumpyRandom
from pellucid.noise.registry import parse_noise

TARGET = Path(__file__).parents[1] / "docs" / "images" / "pages.webp"
SEED = 41_000
SIZE = (170, 420)
CUT = 40  # pixels from the upper edge of the page
SCANS = (
    "scan:150,tone=0.85,texture=0.01,stains=6,noise=3,quality=80",
    "scan:150,tone=0.85,texture=0.01,bleed=0.5,noise=4,quality=80",
    "scan:150,tone=0.8,light=0.6,curl=0.5,blur=0.8,noise=10,quality=60",
    "scan:150,tone=0.9,dust=8,folds=3,crumple=0.5,noise=4,quality=80",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--fonts", type=Path, required=True, help="folder of the fonts in docs/scans.md")
    shelf = shelf_of(parser.parse_args().fonts)
    rows = []
    for number, scan in enumerate(SCANS):
        page, _ = draw_clean_page(
            SEED + number, (520, 900), 150, shelf, layout="plain", points=10 + number % 3
        )
        noisy = parse_noise(scan).apply(page.astype(np.float32) / 255, NumpyRandom(SEED + number))
        levels = np.rint(noisy[..., 0] * 255).astype(np.uint8)
        clean = denoise(levels, model="page-fast", paper="white")
        rows.append(
            np.concatenate([each[CUT : CUT + SIZE[0], 60 : 60 + SIZE[1]] for each in (levels, clean)], 1)
        )
    Image.fromarray(np.concatenate(rows)).save(TARGET, lossless=False, quality=80)


if __name__ == "__main__":
    main()
