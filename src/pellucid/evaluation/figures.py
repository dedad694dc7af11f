"""Figures of matplotlib's in files and on pages, and the charts of the report."""

import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator

from pellucid.atomic import atomic_write
from pellucid.errors import UsageError

TEXT = "#808080"  # and lines: readable on white and on black

# Okabe and Ito's colours, distinguishable with every kind of colour vision, on light and dark.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKS = "os^Dvp"
MOST_MARKS = 24  # of a line: more would hide it


@dataclass(frozen=True)
class Series:
    """Points of a chart that belong together.

    Parameters
    ----------
    name : str
    points : sequence of (x, y)
    number : int, optional
        Its colour and mark; None is a reference, in the colour of the text.
    dashed : bool
    """

    name: str
    points: Sequence[tuple[float, float]]
    number: int | None
    dashed: bool = False


@dataclass(frozen=True)
class Axis:
    """An axis of a chart."""

    label: str
    log: bool = False
    whole: bool = False  # only whole numbers are marked


def chart_svg(series: Sequence[Series], x: Axis, y: Axis, *, joined: bool = True) -> str:
    """Draw series as lines with marks, or as marks alone, with a legend.

    Parameters
    ----------
    series : sequence of Series
        With at least one point in all.
    x, y : Axis
    joined : bool

    Returns
    -------
    str
        An ``<svg>`` element.
    """
    figure = Figure(figsize=(6.4, 3.4 + 0.2 * len(series)), layout="constrained")
    axes = figure.add_subplot()
    for each in series:
        colour, mark = TEXT, MARKS[0]
        if each.number is not None:
            colour = COLOURS[each.number % len(COLOURS)]
            mark = MARKS[(each.number + each.number // len(COLOURS)) % len(MARKS)]
        axes.plot(
            *zip(*each.points, strict=True),
            color=colour,
            label=each.name,
            linestyle="none" if not joined else "dashed" if each.dashed else "solid",
            marker=mark if len(each.points) <= MOST_MARKS else "",
            markersize=5 if joined else 8,
        )
    for axis, kind, name in ((axes.xaxis, x, "x"), (axes.yaxis, y, "y")):
        axes.set(**{f"{name}label": kind.label, f"{name}scale": "log" if kind.log else "linear"})
        axis.label.set_color(TEXT)
        if kind.log:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_minor_locator(NullLocator())
        if kind.whole:
            axis.set_major_locator(MaxNLocator(integer=True))
        axis.set_major_formatter(_short)
    axes.tick_params(colors=TEXT, length=0)
    axes.grid(color=TEXT, alpha=0.3)
    axes.spines[:].set_visible(False)
    figure.legend(loc="outside lower left", frameon=False, labelcolor=TEXT)
    label = f"{y.label} against {x.label}: {', '.join(each.name for each in series)}"
    return figure_svg(figure, label=label)


def _short(value: float, _: object) -> str:
    """A tick in few letters: 0.05, 12, 5k, 2M."""
    return EngFormatter(sep="")(value) if abs(value) >= 1000 else f"{value:g}"


def save_figure(figure: Figure, path: Path, *, tight: bool = True) -> None:
    """Write a figure, atomically.

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


def figure_svg(figure: Figure, *, tight: bool = True, label: str = "") -> str:
    """Give a figure as an ``<svg>`` element for a page, with the page's colour where `TEXT` is.

    Parameters
    ----------
    figure : Figure
    tight : bool
        Leave out what is empty around it.
    label : str
        A description of the figure, for those who cannot see it.
    """
    text = _render(figure, "svg", tight).decode()
    text = text[text.index("<svg") :]  # a page has a head of its own
    # Its style and names would also apply to the rest of the page.
    text = re.sub(r'<metadata>.*?</metadata>|<style .*?</style>| id="\w+_\d+"', "", text, flags=re.DOTALL)
    if label:
        text = text.replace("<svg", f'<svg class="chart" role="img" aria-label="{html.escape(label)}"', 1)
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
