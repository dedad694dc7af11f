"""Figures of matplotlib's in files and on pages."""

import io
import re
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from pellucid.atomic import atomic_write
from pellucid.errors import UsageError

TEXT = "#808080"  # and lines: readable on white and on black


def save_figure(figure: Figure, path: Path, *, tight: bool = True) -> None:
    """Write a figure, whole or not at all.

    Parameters
    ----------
    figure : Figure
    path : Path
        Its suffix decides: .svg or .png. The background is transparent.
    tight : bool
        Leave out what is empty around it.

    Raises
    ------
    UsageError
        When the suffix is another.
    InputError, LimitError
        When it cannot be written.
    """
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in ("svg", "png"):
        raise UsageError(f"{path} does not end in .svg or .png", "Drawings are of these two kinds")
    with atomic_write(path) as temporary:
        temporary.write_bytes(_render(figure, suffix, tight))


def figure_svg(figure: Figure, *, tight: bool = True) -> str:
    """Give a figure as an ``<svg>`` element for a page, with the page's colour where `TEXT` is."""
    text = _render(figure, "svg", tight).decode()
    text = text[text.index("<svg") :]  # a page has a head of its own
    # Its style and names would also hold for the rest of the page.
    text = re.sub(r'<metadata>.*?</metadata>|<style .*?</style>| id="\w+_\d+"', "", text, flags=re.DOTALL)
    return text.replace(TEXT, "currentColor")


def _render(figure: Figure, suffix: str, tight: bool) -> bytes:
    buffer = io.BytesIO()
    # Text stays text, and the same figure gives the same bytes.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "pellucid"}):
        figure.savefig(
            buffer,
            format=suffix,
            dpi=160,
            transparent=True,
            metadata={"Date": None} if suffix == "svg" else None,
            bbox_inches="tight" if tight else None,
        )
    return buffer.getvalue()
