"""The page that shows what an adapted network does."""

import html
import math
from pathlib import Path

import numpy as np

from pellucid.evaluation.gallery import Pixels, encode_png
from pellucid.evaluation.page import data_uri
from pellucid.evaluation.report import write_text
from pellucid.inference.card import facts
from pellucid.inference.overview import Overview
from pellucid.inference.registry import load_model
from pellucid.training.adapt import Adapted
from pellucid.training.adapting import read_noisy

SIDE = 384  # pixels of what is shown
DEVIATIONS = 4  # of the residual, from black to white

HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:1rem/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem}}
figure{{display:inline-block;margin:0 1rem 1rem 0}}img{{image-rendering:pixelated;max-width:100%}}
td,th{{text-align:left;padding-right:1rem;vertical-align:top}}</style><h1>{title}</h1>
"""


def write_report(made: Adapted, file: Path, axes: str | None = None, channel: str | None = None) -> Path:
    """Write ``report.html`` into the run folder: figures, and the first image before, after, and what went.

    The residual is divided by the deviation that the noise has at each place, so that white noise is grey
    grain of one strength. Structure in it is content that was removed.
    """
    noisy = _middle(read_noisy([file], axes, channel)[0])
    denoised = load_model(made.path, threads=1).denoise(noisy).image
    variance = made.noise.gain * denoised + made.noise.offset
    residual = (noisy - denoised) / np.sqrt(variance.clip(made.noise.gain**2 / 16 + 1e-12))
    low, high = (float(each) for each in np.quantile(noisy, [0.001, 0.999]))
    shown = {
        "noisy": (noisy - low) / max(high - low, 1e-9),
        "denoised": (denoised - low) / max(high - low, 1e-9),
        f"removed, black to white {DEVIATIONS} deviations": residual / DEVIATIONS + 0.5,
    }
    rows = [
        ("Error on the part held out, before", f"{made.before:g} (1: the variance of the noise)"),
        ("after", f"{made.after:g}"),
        (
            "Correlation of neighbouring pixels",
            "not measured" if math.isnan(made.correlation) else f"{made.correlation:.3f}",
        ),
        *facts(made.card),
    ]
    cells = "".join(f"<tr><th>{html.escape(a)}<td>{html.escape(b)}" for a, b in rows)
    figures = "".join(
        f'<figure><img alt="{name}" src="{data_uri(encode_png(pixels.astype(np.float32)))}">'
        f"<figcaption>{name}</figcaption></figure>"
        for name, pixels in shown.items()
    )
    path = made.folder / "report.html"
    title = html.escape(f"{made.path.name}, adapted")
    write_text(path, f"{HEAD.format(title=title)}{figures}<table>{cells}</table>\n")
    return path


def _middle(image: Overview) -> Pixels:
    height, width = image.centre.shape[:2]
    top, left = max(0, height - SIDE) // 2, max(0, width - SIDE) // 2
    pixels: Pixels = np.ascontiguousarray(image.centre[top : top + SIDE, left : left + SIDE])
    return pixels
