"""Clean graphics made by a generator: pages of text, screenshots and drawings.

A network that has seen photographs alone takes letters and flat colours for something to smooth. These
images teach it to leave them, so they vary in colour, contrast, scale and line width more than they make
sense. An element fills its whole canvas; images are composed by cutting a canvas in pieces. Needs the extra
`lab`.
"""

import functools
import math
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pellucid.datasets.canvas import FONTS, Canvas, Element, curve, mix, new_canvas, rounded, shape_of
from pellucid.errors import UsageError

_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16 + 1 / 32
"""Thresholds of a 4 x 4 ordered dither (Bayer 1973)."""


# The distributions of the elements' properties: the values of a tuple are equally likely, one that is there
# twice is twice as likely. Lengths are in pixels, pitches and margins of text in heights of its letters.
PIXEL_SIDES = (2, 3)  # of images with large pixels
SOFT_RESAMPLING = (1, 2, 3)  # Pillow's ways that interpolate
CHECK_SIDES = (1, 2, 3, 8, 16)
ANGLES = (0, 0.25, 0.5)  # of pi; any other is as likely as one of them
COLOURS_OF_PATTERN = (2, 2, 2, 3, 6)
TEXT_STYLES = (0, 0, 0, 1, 2)  # regular, bold, italic
LABEL_STYLES = (0, 0, 1, 2)
ALIGNMENTS = ("left", "middle", "both", "both")
INDENT_STEPS = (-1, 0, 0, 1)
TOKENS_OF_LINE = (0, 1, 3, 5, 7)
LABEL_POSITIONS = (0, 0.5)  # share of the free width before it
ICON_RADII = (0.5, 0.4, 0.2)  # of its shapes, from the largest, as shares of its side
ICON_OUTLINES = (0, 0, 1, 1.5, 2)  # 0: filled
CELL_PITCHES = (4, 6, 9, 12, 40)
CELL_SHADES = (0, 0.08)  # share of ink in every second row
CELL_GAPS = (0, 0, 5, 10)
CORNER_RADII = (0, 3, 6, 20)
CURVE_WIDTHS = (1, 1.5, 2, 3)
AREA_OPACITIES = (0.5, 1)
PANEL_MARGINS = (4, 8, 16)
PANEL_TINTS = (0, 0, 0.04, 0.12)
PANE_GAPS = (1, 1, 8)
WINDOWS = (1, 1, 2, 3)
SMOOTH_LINES, EXACT_LINES = (0.5, 1, 1, 2, 4, 8), (1, 1, 2, 4)  # widths
BORDERS_OF_ROAD = (0, 2)
SHAPE_OPACITIES = (1, 1, 0.5)


class DrawingContent(NamedTuple):
    """How many of each a drawing has."""

    bundles: int  # of curves
    shapes: int
    names: int


DRAWINGS = (
    DrawingContent(0, 40, 0),
    DrawingContent(0, 15, 2),
    DrawingContent(8, 0, 0),
    DrawingContent(2, 8, 3),
    DrawingContent(4, 6, 20),
)


def draw_page(
    rng: np.random.Generator, size: int | tuple[int, int], kind: str | None = None
) -> NDArray[np.uint8]:
    """Draw a random clean page of text, screenshot or drawing.

    Parameters
    ----------
    rng : numpy.random.Generator
        The same state gives the same image, with the same versions of Pillow and of matplotlib's fonts.
    size : int or (int, int)
        Height and width in pixels; one number makes a square. Letters and lines do not shrink with it, so
        crops of 512 x 512 contain more of the variety than small canvases do.
    kind : str, optional
        ``"page"``, ``"screenshot"`` or ``"drawing"``; without it, each as often as the others.

    Returns
    -------
    uint8 array (height, width, 3)
        RGB.

    Raises
    ------
    UsageError
        When the kind is unknown or the size is not above 0.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if kind is not None and kind not in KINDS:
        raise UsageError(f"Unknown kind of graphics {kind!r}", f"Choose among {', '.join(KINDS)}")
    if min(height, width) < 1:
        raise UsageError(f"A canvas of {height} x {width} pixels was asked for", "Ask for 1 x 1 or more")
    # Single random numbers of Python's take a tenth of the time of NumPy's.
    dice = Random(int(rng.integers(2**63)))
    draw = KINDS[kind or dice.choice(list(KINDS))]
    zoom, way = 1.0, Image.Resampling.NEAREST
    if dice.random() < 0.07:  # large pixels
        zoom = dice.choice(PIXEL_SIDES)
    elif dice.random() < (0.4 if draw is _page else 0.15):  # soft edges, as in scans and on web pages
        zoom, way = dice.uniform(0.6, 1.5), Image.Resampling(dice.choice(SOFT_RESAMPLING))
    canvas = new_canvas(dice, max(32, math.ceil(width / zoom)), max(32, math.ceil(height / zoom)))
    draw(canvas)
    return np.array(canvas.image.resize((width, height), way, (0, 0, width / zoom, height / zoom)))


def _photo(canvas: Canvas) -> None:
    """Smooth blobs of colour, as a photograph seen from afar."""
    cells = canvas.dice.randint(2, 8)
    colours = [mix(canvas.either(), canvas.paper, canvas.dice.random()) for _ in range(cells**2)]
    blobs = Image.frombytes("RGB", (cells, cells), bytes(sum(colours, ())))
    canvas.image.paste(blobs.resize(canvas.image.size, Image.Resampling.BICUBIC))


def _pattern(canvas: Canvas) -> None:
    """Colours along a line, around a point or over hills: smooth, dithered, in flat steps or as stripes."""
    dice, (width, height) = canvas.dice, canvas.image.size
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    way, form, cell = dice.randrange(3), dice.randrange(5), dice.choice(CHECK_SIDES)
    angle = dice.choice((*ANGLES, dice.random())) * math.pi
    depth: NDArray[Any] = x * math.cos(angle) + y * math.sin(angle)
    if way == 1:
        depth = np.hypot(x - width * dice.random(), y - height * dice.random())
    elif way == 2:
        hills = Image.frombytes("L", (5, 5), dice.randbytes(25)).convert("F")
        depth = np.asarray(hills.resize((width, height), Image.Resampling.BICUBIC))
    span = max(1e-3, float(np.ptp(depth)))
    share = (depth - depth.min()) / span
    if form == 0:
        share = share > np.tile(_BAYER, (height // 4 + 1, width // 4 + 1))[:height, :width]
    elif form == 1:
        share = (x // cell + y // cell) % 2
    elif form < 4:
        count = dice.randint(2, 10) if form == 2 else max(2, span / dice.uniform(3, 14))
        nearest, slope = np.rint(share * count), np.hypot(*np.gradient(share * count)) + 1e-6
        away = (share * count - nearest) / slope  # from the nearest edge, in pixels
        cover = np.clip((away if form == 2 else dice.uniform(0.3, 1.5) - abs(away)) + 0.5, 0, 1)
        cover = cover if canvas.smooth else np.rint(cover)
        share = np.clip((nearest - 1 + cover) / count, 0, 1) if form == 2 else cover
    knots = [canvas.either(canvas.paper, canvas.ink) for _ in range(dice.choice(COLOURS_OF_PATTERN))]
    at = np.linspace(0, 1, 256), np.linspace(0, 1, len(knots))
    palette = np.stack([np.interp(*at, plane) for plane in zip(*knots, strict=True)], 1)
    image = Image.fromarray(np.uint8(share * np.float32(255)))
    image.putpalette(np.uint8(palette).tobytes())
    canvas.image.paste(image.convert("RGB"))


def _paragraph(canvas: Canvas) -> None:
    """Lines of words, justified or not; large ones are headings."""
    dice, (width, height), style = canvas.dice, canvas.image.size, canvas.dice.choice(TEXT_STYLES)
    canvas.size = round(canvas.size * dice.choice((1, 1, 1, 0.8, 1 + style)))
    colour = mix(canvas.either(canvas.ink, canvas.ink, canvas.ink), canvas.ink, 0.3)
    align, gap, step = dice.choice(ALIGNMENTS), canvas.size * 0.3, canvas.size * 1.3
    for y in np.arange(0, height - step, step * dice.uniform(0.9, 1.2)):
        words = dice.choices(canvas.words, k=1 + width // canvas.size)
        ends = np.cumsum([canvas.measure(word, style) + gap for word in words])
        count = max(1, int(np.searchsorted(ends, width + gap)))
        spare = max(0, width + gap - ends[count - 1])
        x: float = spare / 2 if align == "middle" else 0
        for word in words[:count]:
            canvas.write(x, y, word, style, colour)
            x += canvas.measure(word, style) + gap + (spare / max(1, count - 1) if align == "both" else 0)


def _code(canvas: Canvas) -> None:
    """Coloured tokens on indented and numbered lines."""
    dice, indent, numbered = canvas.dice, 0, canvas.dice.random() < 0.5
    canvas.fonts, gray = FONTS[-1], mix(canvas.paper, canvas.ink, 0.4)
    colours = [canvas.ink, *(mix(colour, canvas.ink, 0.3) for colour in canvas.accents)]
    for row, y in enumerate(np.arange(0, canvas.image.height, canvas.size * dice.uniform(1.15, 1.5))):
        canvas.write(0, y, f"{row + 87:3d}" if numbered else "", colour=gray)
        indent = max(0, min(8, indent + dice.choice(INDENT_STEPS)))
        x: float = (3 * numbered + indent) * canvas.size
        for token in dice.choices((*"+-=()[]{}:,#/&|*@'_", *canvas.words), k=dice.choice(TOKENS_OF_LINE)):
            canvas.write(x, y, token, colour=dice.choice(colours))
            x += canvas.measure(token + dice.choice(("", " ")))


def _label(canvas: Canvas) -> None:
    """A few words, cut off where the piece ends."""
    dice, style = canvas.dice, canvas.dice.choice(LABEL_STYLES)
    words = dice.choices(canvas.words, k=1 + canvas.image.width // canvas.size // 4)
    lengths = [canvas.measure(word + " ", style) for word in words]
    x = max(0, (canvas.image.width - sum(lengths)) * dice.choice(LABEL_POSITIONS))
    for word, length in zip(words, lengths, strict=True):
        canvas.write(x, (canvas.image.height - canvas.size * 1.25) / 2, word, style)
        x += length


def _icon(canvas: Canvas) -> None:
    """One to three shapes that fill a small piece."""
    dice, (width, height) = canvas.dice, canvas.image.size
    for share in ICON_RADII[: dice.randint(1, 3)]:
        shape = shape_of(dice, width / 2, height / 2, min(width, height) * share)
        canvas.stamp(shape, canvas.either(canvas.ink, canvas.paper), width=dice.choice(ICON_OUTLINES))


def _cells(canvas: Canvas) -> None:
    """Words and icons in cells: a table between rules, a list, or buttons and fields."""
    dice, (width, height), icons = canvas.dice, canvas.image.size, canvas.dice.random() < 0.4
    step, pitch = canvas.size * dice.uniform(1.5, 3), canvas.size * dice.choice(CELL_PITCHES)
    rule, shade = canvas.faint(), mix(canvas.paper, canvas.ink, dice.choice(CELL_SHADES))
    gap, radius = dice.choice(CELL_GAPS), dice.choice(CORNER_RADII)
    for row, y in enumerate(np.arange(0, height, step + gap).tolist()):
        canvas.rect(0, y, width, y, rule)
        for x in np.arange(0, width, pitch + gap).tolist():
            left, right, bottom = x + step * icons, x + pitch, y + step
            if gap:
                canvas.stamp(rounded(x, y, right, bottom, radius), rule)
                paint = dice.choice((canvas.paper, canvas.paper, canvas.either(), _pattern))
                canvas.stamp(rounded(x + 1, y + 1, right - 1, bottom - 1, radius - 1), paint)
            elif row % 2:
                canvas.rect(x, y, right, bottom, shade)
            if icons:
                canvas.put((x + 3, y + 3, left - 3, bottom - 3), _icon)
            canvas.put((left + 3, y + 2, right - 3, bottom - 1), _label)


def _chart(canvas: Canvas) -> None:
    """Axes with a grid, and bars, lines, areas or dots."""
    dice, (width, height), margin = canvas.dice, canvas.image.size, canvas.size * 2
    form, rule, thick = dice.randrange(4), canvas.faint(), dice.choice(CURVE_WIDTHS)
    tall, x = max(8, height - margin), np.linspace(margin, max(width, margin + 9), dice.randint(4, 24))
    for y in np.linspace(0, tall, dice.randint(3, 7)):
        canvas.rect(margin, y, width, y, rule)
        canvas.write(0, y, f"{tall - y:.0f}")
    for left in range(margin, width, canvas.size * 5):
        canvas.write(left, tall + 2, str(left))
    for colour in dice.sample(canvas.accents, dice.randint(1, 3)):
        walk = np.cumsum([dice.uniform(-1, 1) for _ in x])
        points = np.stack([x, tall * (0.95 - 0.9 * (walk - walk.min()) / np.ptp(walk))], 1)
        if form == 0:
            canvas.stamp([points], colour, width=thick)
        elif form == 1:
            canvas.stamp(
                [[(x[0], tall), *points, (x[-1], tall)]], colour, opacity=dice.choice(AREA_OPACITIES)
            )
        elif form == 2:
            canvas.stamp([line for left, top in points for line in shape_of(dice, left, top, 4)], colour)
        for left, top in points if form == 3 else ():
            canvas.rect(left, top, left + (x[1] - x[0]) * 0.7, tall, colour)


def _panes(canvas: Canvas, elements: Sequence[Element], gap: float) -> None:
    """Cut the canvas in two until its parts are small, and fill each with one of the elements."""
    dice, (width, height) = canvas.dice, canvas.image.size
    if max(width, height) < 420 and (max(width, height) < 160 or dice.random() < 0.4):
        dice.choice(elements)(canvas)
        return
    cut, across = dice.uniform(0.25, 0.75), width > height * dice.uniform(0.7, 1.4)
    x, y = (cut * width, height) if across else (width, cut * height)
    second = (x + gap, 0, width, height) if across else (0, y + gap, width, height)
    for box in ((0, 0, x, y), second):
        canvas.put(box, functools.partial(_panes, elements=elements, gap=gap))


def _panel(canvas: Canvas) -> None:
    """One element on a tinted ground."""
    dice, (width, height), edge = canvas.dice, canvas.image.size, canvas.dice.choice(PANEL_MARGINS)
    canvas.paper = mix(canvas.paper, canvas.either(canvas.ink), dice.choice(PANEL_TINTS))
    canvas.rect(0, 0, width, height, canvas.paper)
    elements = (_chart, _pattern, _photo, *(_paragraph, _code, _cells, _cells) * 2)
    canvas.put((edge, edge, width - edge, height - edge), dice.choice(elements), fresh=0.1)


def _window(canvas: Canvas) -> None:
    """A frame, a title, three buttons, and panes."""
    dice, (width, height), bar = canvas.dice, canvas.image.size, canvas.size * canvas.dice.uniform(1.6, 3)
    canvas.rect(0, 0, width, height, canvas.faint())
    canvas.rect(1, 1, width - 1, bar, canvas.either(canvas.paper))
    canvas.put((8, 1, width - 3 * bar, bar), _label)
    for right in (width - 4, width - 4 - bar, width - 4 - 2 * bar):
        canvas.put((right - bar * 0.6, bar * 0.2, right, bar * 0.8), _icon)
    panes = functools.partial(_panes, elements=[_panel], gap=dice.choice(PANE_GAPS))
    canvas.put((1, bar, width - 1, height - 1), panes)


def _screenshot(canvas: Canvas) -> None:
    """One window as large as the screen, or some with shadows on a wallpaper."""
    dice, (width, height) = canvas.dice, canvas.image.size
    dice.choice((_window, _window, _photo, _pattern, _cells))(canvas)
    for _ in range(dice.choice(WINDOWS)):
        left, top = dice.uniform(-0.2, 0.7) * width, dice.uniform(-0.1, 0.7) * height
        right, bottom = left + dice.uniform(0.3, 0.9) * width, top + dice.uniform(0.3, 0.9) * height
        canvas.stamp(rounded(left, top + 4, right, bottom + 6, 6), (0, 0, 0), opacity=0.4, blur=6)
        canvas.put((left, top, right, bottom), _window, fresh=0.5)


def _page(canvas: Canvas) -> None:
    """Columns and rows of text, tables and figures; some pages lie askew on the scanner."""
    dice, (width, height), edge = canvas.dice, canvas.image.size, canvas.size * canvas.dice.uniform(0, 3)
    elements = (*(_paragraph,) * 10, _cells, _cells, _code, _chart, _drawing)
    panes = functools.partial(_panes, elements=elements, gap=canvas.size)
    canvas.put((edge, edge, width - edge, height - edge), panes)
    if dice.random() < 0.12:
        angle = dice.uniform(-4, 4)
        canvas.image = canvas.image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=canvas.paper)


def _drawing(canvas: Canvas) -> None:
    """Lines, roads with edges, shapes and names, on plain ground or a pattern: cartoon, line art or map."""
    dice, (width, height) = canvas.dice, canvas.image.size
    if dice.random() < 0.5:
        _pattern(canvas)
    line = dice.choice(SMOOTH_LINES if canvas.smooth else EXACT_LINES)
    bundles, shapes, names = dice.choice(DRAWINGS)
    for _ in range(bundles):
        curves = [curve(dice, width, height) for _ in range(dice.randint(1, 5))]
        canvas.stamp(curves, canvas.ink, width=line + dice.choice(BORDERS_OF_ROAD))
        canvas.stamp(curves, canvas.either(canvas.ink, canvas.paper), width=line)
    for _ in range(shapes):
        x, y, radius = dice.uniform(0, width), dice.uniform(0, height), width * 0.02 * 20 ** dice.random()
        shape, opacity, blur = (
            shape_of(dice, x, y, radius),
            dice.choice(SHAPE_OPACITIES),
            3 * (dice.random() < 0.1),
        )
        canvas.stamp(shape, dice.choice((canvas.either(canvas.paper), _pattern)), opacity=opacity, blur=blur)
        if dice.random() < 0.7:
            canvas.stamp(shape, canvas.ink, width=line)
    for _ in range(names):
        x, y, wide, tall = dice.uniform(0, width), dice.uniform(0, height), canvas.size * 9, canvas.size * 2
        if dice.random() < 0.3:
            canvas.stamp(rounded(x, y, x + wide, y + tall, 8), canvas.either(canvas.paper))
        canvas.put((x, y, x + wide, y + tall), _label)


KINDS: dict[str, Element] = {"page": _page, "screenshot": _screenshot, "drawing": _drawing}
"""The kinds of graphics by name."""
