"""The figure of the lesson on pages: what the network of the tutorials and others make of them."""

from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common import Desk, table
from benchmarks.pages import background
from pellucid import denoise
from pellucid.datasets.pages import draw_clean_page
from pellucid.evaluation.figures import save_figure
from pellucid.noise.base import NumpyRandom
from pellucid.noise.registry import parse_noise
from pellucid.training.loop import train
from pellucid.training.recipe_files import load_recipe
from tools.lesson_parts import Figures, file, panels, publish, show

Page = NDArray[np.uint8]

SIZE, DPI = (320, 420), 100
FONTS = "DejaVuSans.ttf", "DejaVuSerif.ttf"  # come with Matplotlib
SCANS = {
    "like those that trained": "scan:100,tone=0.75-0.95,texture=0.02,stains=1-5,folds=0-3,noise=2-8",
    "the other side shines through": "scan:100,tone=0.75-0.9,texture=0.02,bleed=0.3-0.6,noise=2-8",
    "bad light, a blurred photo": "scan:100,tone=0.6-0.8,light=0.4-0.7,blur=0.6-1,noise=6-12,quality=60",
}
TRAINED, TESTED = 48, 8  # pages, and pages of each kind
STEPS = 800  # in place of the recipe's


def pair(number: int, scan: str) -> tuple[Page, Page]:
    """A noisy page and its clean one."""
    fonts = [Path(get_data_path(), "fonts", "ttf", name) for name in FONTS]
    clean, _ = draw_clean_page(number, SIZE, DPI, {"latin": fonts}, layout="plain", points=10)
    noisy = parse_noise(scan).apply(clean.astype(np.float32) / 255, NumpyRandom(number))
    return np.rint(255 * noisy[..., 0]).astype(np.uint8), clean[..., 0]


def documents(desk: Desk) -> Figures:
    """Pages of three kinds, and what four ways make of them: the first of each, and the error on all."""
    kinds, count, tested = list(SCANS.values()), TRAINED, TESTED
    if desk.tiny:
        count, tested = 3, 1
    for number in range(count):
        for name, page in zip(("noisy", "clean"), pair(number, kinds[0]), strict=True):
            folder = desk.scratch / "dirty" / name
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(page).save(folder / f"{number:03}.png")
    steps = 2 if desk.tiny else STEPS
    own = train(
        load_recipe("dirty-documents", [f"schedule.steps={steps}"]),
        desk.scratch / "run",
        data_dir=desk.scratch,
    )
    ways = {
        "noisy": lambda page: page,
        "median background": background,
        "dirty-documents": lambda page: denoise(page, model=own),
        "page-fast": lambda page: denoise(page, model="page-fast", paper="white"),
    }
    figure, axes = panels(len(kinds), len(ways), 4.6)
    rows = []
    for row, (kind, scan) in enumerate(SCANS.items()):
        errors = []
        for column, (name, way) in enumerate(ways.items()):
            found = []
            for number in range(tested):
                noisy, clean = pair(9000 + number, scan)
                result = way(noisy)
                found.append(np.mean((result / 255 - clean / 255) ** 2))
                if number == 0:
                    show(axes[row, column], result[60:180, 20:220] / 255, "" if row else name)
            errors.append(round(float(np.sqrt(np.mean(found))), 4))
        rows.append([kind, *errors])
    save_figure(figure, file(desk, "documents"))
    if not desk.tiny:
        publish("lessons/documents.md", "documents", table(("pages", *ways), rows))
    return {"rmse": rows}
