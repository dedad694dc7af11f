"""The drawing of a network: its layers as a row of blocks, from the image to the code and back.

A block of channels × height × width is as high, and as deep, as the square root of its height and width in
pixels; its front widens with the logarithm of its channels. A layer of n numbers is a flat bar, as high as a
square image of n pixels.
"""

import math
import textwrap
from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from pellucid.errors import UsageError
from pellucid.evaluation.figures import TEXT, figure_svg, save_figure
from pellucid.inference.card import Layer

# Okabe and Ito's colours, distinguishable with every kind of colour vision, on light and dark.
COLOURS = {"encoder": "#0072B2", "code": "#D55E00", "decoder": "#009E73", "network": "#0072B2"}
IMAGE = "#8c8c8c"  # what goes in, and what comes out

# In inches. A column is wide enough for its block and for a line of its words, so that nothing overlaps.
COLUMN, MARGIN, TALLEST, HEAD, LINE, GAP = 0.98, 0.1, 1.35, 0.38, 0.145, 0.04
DEPTH, RISE = 0.22, 0.6  # how far a block reaches back, as a share of its width, and how much of that is up
LETTERS, LONGEST_ROW = 14, 10  # letters in a line of words; columns in a row
POINTS = 7.5  # of the text


def draw_network(layers: Sequence[Layer], path: Path) -> None:
    """Draw a network into a file.

    Parameters
    ----------
    layers : sequence of Layer
        As a card has them.
    path : Path
        Its suffix decides: .svg or .png. The background is transparent.

    Raises
    ------
    UsageError
        When there are no layers, or the suffix is another.
    InputError, LimitError
        When it cannot be written.
    """
    save_figure(_figure(layers), path, tight=False)


def network_svg(layers: Sequence[Layer]) -> str:
    """Draw a network as an ``<svg>`` element for a page, with the page's colour of text.

    Raises
    ------
    UsageError
        When there are no layers.
    """
    return figure_svg(_figure(layers), tight=False)


def _figure(layers: Sequence[Layer]) -> Figure:
    if not layers:
        raise UsageError(
            "There are no layers to draw", "Export the network again: old files do not list them"
        )
    rows = _rows(layers)
    heights = [HEAD + TALLEST + LINE * (1.5 + max(len(_words(layer)) for _, layer in row)) for row in rows]
    columns = max(6, *map(len, rows))  # six are as wide as the note
    width, height = COLUMN * columns + 2 * MARGIN, sum(heights) + 2 * LINE
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))  # one unit is one inch
    axes.set_axis_off()
    inches = TALLEST / (1 + DEPTH * RISE) / max(max(_extent(layer)) for layer in layers)
    for k, row in enumerate(rows):
        _draw_row(axes, row, height - sum(heights[:k]), inches, goes_on=k < len(rows) - 1)
    parameters = sum(layer.parameters for layer in layers)
    note = f"Below each block: height × width × channels of what it gives. {parameters:,} parameters in all."
    axes.text(MARGIN, LINE / 2, note, color=TEXT, fontsize=POINTS)
    return figure


def _rows(layers: Sequence[Layer]) -> list[list[tuple[str, Layer]]]:
    """Part and layer of each column. Where one row is too long, the decoder begins a new one."""
    parts = [layer.part for layer in layers]
    if "encoder" in parts:
        parts[parts.count("encoder") - 1] = "code"
    columns = list(zip(parts, layers, strict=True))
    if len(columns) <= LONGEST_ROW:
        return [columns]
    rows = []
    for _, group in groupby(columns, lambda column: column[0] == "decoder"):
        side = list(group)
        length = math.ceil(len(side) / math.ceil(len(side) / LONGEST_ROW))
        rows += [side[k : k + length] for k in range(0, len(side), length)]
    return rows


def _draw_row(axes: Axes, row: list[tuple[str, Layer]], top: float, inches: float, *, goes_on: bool) -> None:
    """Draw blocks, arrows and words of one row; it hangs below `top`."""
    middle = top - HEAD - TALLEST / 2
    ends = []  # left and right of each block
    for k, (part, layer) in enumerate(row):
        centre = MARGIN + COLUMN * (k + 0.5)
        colour = IMAGE if layer.name in ("input", "output") else COLOURS[part]
        ends.append(_draw_block(axes, layer, (centre, middle), inches, colour))
        for number, line in enumerate(_words(layer)):
            weight = "normal" if number else "bold"
            below = middle - TALLEST / 2 - LINE * (number + 1)
            axes.text(centre, below, line, color=TEXT, fontsize=POINTS, ha="center", fontweight=weight)
    if goes_on:
        ends.append((MARGIN + COLUMN * len(row), 0))
    style = {"arrowstyle": "->", "color": TEXT, "shrinkA": 0, "shrinkB": 0}
    for (_, left), (right, _) in pairwise(ends):
        axes.annotate("", (right - GAP, middle), (left + GAP, middle), arrowprops=style)
    _draw_heads(axes, [part for part, _ in row], top - HEAD + 0.1)


def _draw_heads(axes: Axes, parts: list[str], height: float) -> None:
    """Draw a line over each part, with its name."""
    left = MARGIN
    for part, group in groupby(parts):
        right = left + COLUMN * len(list(group))
        axes.plot([left + GAP, right - GAP], [height, height], color=COLOURS[part], linewidth=2)
        axes.text((left + right) / 2, height + GAP, part, color=TEXT, fontsize=POINTS + 1, ha="center")
        left = right


def _draw_block(
    axes: Axes, layer: Layer, centre: tuple[float, float], inches: float, colour: str
) -> tuple[float, float]:
    """Draw a box in oblique projection and give its left and right end, in inches."""
    height, reach = (inches * each for each in _extent(layer))
    channels = layer.shape[0] if len(layer.shape) == 3 else 1
    width = min(0.06 + 0.035 * math.log2(channels), 0.5)
    back, up = DEPTH * reach, DEPTH * reach * RISE
    left, bottom = centre[0] - (width + back) / 2, centre[1] - (height + up) / 2
    right, top = left + width, bottom + height
    faces = (
        (0.0, [(left, bottom), (right, bottom), (right, top), (left, top)]),
        (0.35, [(left, top), (right, top), (right + back, top + up), (left + back, top + up)]),
        (-0.3, [(right, bottom), (right, top), (right + back, top + up), (right + back, bottom + up)]),
    )
    for light, corners in faces if back else faces[:1]:
        shade = [(1 - abs(light)) * each + max(light, 0) for each in to_rgb(colour)]
        axes.add_patch(Polygon(corners, facecolor=shade, edgecolor=shade, linewidth=0.5, joinstyle="round"))
    return left, right + back


def _extent(layer: Layer) -> tuple[float, float]:
    """How high and how deep a layer is drawn, in no unit."""
    if len(layer.shape) == 3:
        return math.sqrt(layer.shape[1]), math.sqrt(layer.shape[2])
    return math.prod(layer.shape) ** 0.25, 0.0


def _words(layer: Layer) -> list[str]:
    """Give the lines below a block: its shape, then its name."""
    channels, *sides = layer.shape
    name, *additions = layer.name.split(", ")
    text = ", ".join([name, *(words.replace(" ", "\N{NO-BREAK SPACE}") for words in additions)])
    return ["×".join(map(str, (*sides, channels))), *textwrap.wrap(text, LETTERS)]
