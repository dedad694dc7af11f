"""Charts as small SVG: lines or points, with axes, in the colours of the page that they stand in.

The page's style sheet knows the classes ``s0`` to ``s5`` (a series' colour), ``quiet`` (text beside the axes)
and ``grid``; everything else takes the colour of the text. So one chart serves light and dark.
"""

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

COLOURS = 6
WIDTH, HEIGHT = 640, 340
LEFT, RIGHT, TOP, BOTTOM = 76, 20, 14, 48
MOST_POINTS = 300  # of a line: more cannot be seen
MOST_MARKS = 24

# Around (0, 0): a second way, beside the colour, to tell the series apart.
MARKS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",  # circle
    "M-3.6 -3.6h7.2v7.2h-7.2z",  # square
    "M0 -4.8L4.6 3.4H-4.6z",  # triangle
    "M0 -5L5 0L0 5L-5 0z",  # diamond
    "M0 4.8L4.6 -3.4H-4.6z",  # triangle, upside down
    "M-1.5 -5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z",  # plus
)


@dataclass(frozen=True)
class Series:
    """Points that belong together.

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

    @property
    def style(self) -> str:
        """The class that gives the colour."""
        return "reference" if self.number is None else f"s{self.number % COLOURS}"

    @property
    def mark(self) -> str:
        """The path of the mark; after all colours are used, the pairs are new ones."""
        number = self.number or 0
        return MARKS[(number + number // COLOURS) % len(MARKS)]


@dataclass(frozen=True)
class Axis:
    """What an axis says, and whether it counts in powers of ten."""

    label: str
    log: bool = False

    def ticks(self, values: Sequence[float]) -> list[float]:
        """Round numbers that enclose the values, from the lowest to the highest."""
        return log_ticks(min(values), max(values)) if self.log else linear_ticks(min(values), max(values))

    def scale(self, ticks: Sequence[float], start: float, end: float) -> Callable[[float], float]:
        """The function from values to places, so that the outer ticks lie at start and end."""
        turn: Callable[[float], float] = math.log10 if self.log else float
        low, high = turn(ticks[0]), turn(ticks[-1])
        return lambda value: start + (turn(value) - low) / (high - low) * (end - start)


def linear_ticks(low: float, high: float) -> list[float]:
    """Four to eight multiples of 1, 2 or 5 times a power of ten that enclose the values.

    >>> linear_ticks(0.13, 0.9)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = high - low or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(power * each for each in (1, 2, 5, 10) if span / (power * each) <= 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten that enclose the values; between the ends the powers alone when many.

    >>> log_ticks(0.03, 0.3)
    [0.02, 0.05, 0.1, 0.2, 0.5]
    >>> log_ticks(700, 3_000_000)
    [500.0, 1000.0, 10000.0, 100000.0, 1000000.0, 5000000.0]
    """
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    ticks = [float(f"{each}e{power}") for power in powers for each in (1, 2, 5)]
    start = max(tick for tick in ticks if tick <= low)
    end = min(tick for tick in ticks if tick >= high and tick > start)
    steps = (1, 2, 5) if end / start <= 1000 else (1,)
    inner = [float(f"{each}e{power}") for power in powers for each in steps]
    return [start, *(tick for tick in inner if start < tick < end), end]


def chart(series: Sequence[Series], x: Axis, y: Axis, *, joined: bool = True) -> str:
    """Draw series as lines with marks, or as marks alone.

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
    drawn = [each for each in series if each.points]
    across = x.ticks([point[0] for each in drawn for point in each.points])
    up = y.ticks([point[1] for each in drawn for point in each.points])
    place_x, place_y = x.scale(across, LEFT, WIDTH - RIGHT), y.scale(up, HEIGHT - BOTTOM, TOP)
    parts = [_grid(across, place_x, up, place_y), _labels(x, y)]
    for each in drawn:
        places = [(place_x(a), place_y(b)) for a, b in thinned(each.points)]
        parts.append(_drawn(each, places, joined=joined))
    words = html.escape(f"{y.label} against {x.label}: {', '.join(each.name for each in drawn)}")
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words}">'
        f"{''.join(parts)}</svg>"
    )


def swatch(series: Series, *, joined: bool = True) -> str:
    """The sign of a series, for a legend."""
    dash = ' stroke-dasharray="5 4"' if series.dashed else ""
    line = f'<path class="line" d="M-13 0H13"{dash}/>' if joined else ""
    return (
        f'<svg class="swatch {series.style}" viewBox="-14 -7 28 14" aria-hidden="true">'
        f'{line}<path class="mark" d="{series.mark}"/></svg>'
    )


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most 300 of the points, evenly spread, with the first and the last."""
    if len(points) <= MOST_POINTS:
        return list(points)
    step = (len(points) - 1) / (MOST_POINTS - 1)
    return [points[round(number * step)] for number in range(MOST_POINTS)]


def _drawn(series: Series, places: Sequence[tuple[float, float]], *, joined: bool) -> str:
    dash = ' stroke-dasharray="6 4"' if series.dashed else ""
    path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    line = f'<path class="line" d="{path}"{dash}/>' if joined and len(places) > 1 else ""
    size = "" if joined else " scale(1.5)"
    marks = [
        f'<path class="mark" d="{series.mark}" transform="translate({a:.1f} {b:.1f}){size}"/>'
        for a, b in places
    ]
    if len(marks) > MOST_MARKS:  # they would hide the line
        marks = []
    return f'<g class="{series.style}"><title>{html.escape(series.name)}</title>{line}{"".join(marks)}</g>'


def _grid(
    across: Sequence[float],
    place_x: Callable[[float], float],
    up: Sequence[float],
    place_y: Callable[[float], float],
) -> str:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    lines = [f"M{place_x(tick):.1f} {TOP}V{bottom}" for tick in across]
    lines += [f"M{LEFT} {place_y(tick):.1f}H{right}" for tick in up]
    texts = [
        f'<text x="{place_x(tick):.1f}" y="{bottom + 18}" text-anchor="middle">{_short(tick)}</text>'
        for tick in across
    ]
    texts += [
        f'<text x="{LEFT - 8}" y="{place_y(tick) + 4:.1f}" text-anchor="end">{_short(tick)}</text>'
        for tick in up
    ]
    return f'<path class="grid" d="{"".join(lines)}"/><g class="quiet">{"".join(texts)}</g>'


def _labels(x: Axis, y: Axis) -> str:
    across, up = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    below = f'<text x="{across}" y="{HEIGHT - 8}" text-anchor="middle">{html.escape(x.label)}</text>'
    place = f"translate(18 {up}) rotate(-90)"
    return f'{below}<text transform="{place}" text-anchor="middle">{html.escape(y.label)}</text>'


def _short(number: float) -> str:
    """A tick in few letters: 0.05, 12, 5k, 2M."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= unit:
            return f"{number / unit:g}{letter}"
    return f"{number:g}"
