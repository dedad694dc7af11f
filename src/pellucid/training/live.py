"""What can be watched while a network learns: a page, TensorBoard, a table of comma-separated values."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import require
from pellucid.evaluation.gallery import encode_png
from pellucid.evaluation.page import data_uri, learning_plots
from pellucid.evaluation.report import write_text
from pellucid.evaluation.results import Network

PAGE_EVERY_S = 20.0  # seconds between two pages: to draw one takes a second


@dataclass(frozen=True)
class Check:
    """A measurement while a network is trained.

    Parameters
    ----------
    step : int
    figures : dict of str to float
        As in a line of ``log.jsonl``.
    examples : float32 array (3, n, h, w, c), optional
        Validation images, noisy, denoised and clean.
    """

    step: int
    figures: dict[str, float]
    examples: NDArray[np.float32] | None = None


Watch = Callable[[Check], None]


def page_writer(folder: Path) -> Watch:
    """Write ``report.html`` of a run that is still going on, every twenty seconds at most.

    The page reloads itself. At the end of the run the report takes its place.
    """
    written = -PAGE_EVERY_S

    def write(check: Check) -> None:
        nonlocal written
        if time.monotonic() - written < PAGE_EVERY_S:
            return
        plots = learning_plots([Network(name=folder.name, cards=(), run=str(folder))])
        parts = [f"<figure>{plot.svg}</figure>" for plot in plots]
        if check.examples is not None:
            png = data_uri(encode_png(sheet(check.examples)))
            parts.insert(0, f'<p>Noisy, denoised, clean:</p><img src="{png}" alt="noisy, denoised, clean">')
        write_text(folder / "report.html", PAGE.format(step=f"{check.step:,}", body="\n".join(parts)))
        written = time.monotonic()

    return write


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="20">
<title>Training – Pellucid</title>
<style>
body {{ margin: 0 auto; max-width: 60rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; }}
img {{ width: 100%; image-rendering: pixelated; }}
figure {{ margin: 1rem 0; }}
svg {{ width: 100%; height: auto; }}
</style>
</head>
<body>
<h1>Step {step}</h1>
{body}
</body>
</html>
"""


def sheet(examples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay examples (3, n, h, w, c) out as one image (3 h, n w, c)."""
    rows, count, height, width, channels = examples.shape
    return examples.transpose(0, 2, 1, 3, 4).reshape(rows * height, count * width, channels)


def csv_writer(folder: Path) -> Watch:
    """Write ``log.csv``, with the lines of ``log.jsonl`` and a column for each figure."""

    def write(check: Check) -> None:
        lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        rows: list[dict[str, Any]] = [row for row in map(json.loads, lines) if "images" not in row]
        names = list(dict.fromkeys(name for row in rows for name in row))
        text = [",".join(names), *(",".join(str(row.get(name, "")) for name in names) for row in rows)]
        write_text(folder / "log.csv", "\n".join(text) + "\n")

    return write


def board_writer(folder: Path) -> Watch:
    """Write TensorBoard's event files into the folder ``tensorboard`` of a run.

    Raises
    ------
    MissingExtraError
        Without the package tensorboard.
    """
    require("tensorboard", "tensorboard", "to write its event files")
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder / "tensorboard"))

    def write(check: Check) -> None:
        for name, value in check.figures.items():
            part, _, figure = name.partition("_")
            tag = f"{figure}/{part}" if part in ("training", "validation", "input") else name
            writer.add_scalar(tag, value, check.step)
        if check.examples is not None:
            writer.add_image("noisy, denoised, clean", sheet(check.examples), check.step, dataformats="HWC")
        writer.flush()

    return write
