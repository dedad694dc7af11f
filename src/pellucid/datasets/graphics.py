"""Clean graphics made by a generator: pages of text, screenshots and drawings.

A network that has seen photographs alone takes letters and flat colours for something to smooth. These
pictures teach it to leave them, so they vary in colour, contrast, scale and line width more than they make
sense. Words are random syllables, in the open fonts that matplotlib brings (DejaVu, STIX, Computer Modern).
An element fills its whole canvas; pictures are composed by cutting a canvas in pieces. Needs the extra `lab`.
"""

import colorsys
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from pellucid.errors import UsageError

Colour: TypeAlias = tuple[int, ...]
Element: TypeAlias = Callable[["_Canvas"], None]
Paint: TypeAlias = Colour | Element
Lines: TypeAlias = Sequence[ArrayLike]
"""Each through its points (n, 2), x before y, in pixels."""

_FONTS = (  # regular, bold, italic; the last is for code
    ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique"),
    ("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"),
    ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic"),
    ("cmr10", "cmb10", "cmti10"),
    ("cmss10", "cmb10", "cmtt10"),
    ("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique"),
)
_ALPHABETS = (  # consonants and vowels; the fonts of Computer Modern have the first alone
    ("bcdfghklmnprstvw", "aeiouy"),
    ("бвгджзклмнпрстфхцчшщ", "аеиоуыюя"),
    ("βγδζθκλμνξπρστφχψ", "αεηιουωάό"),
    ("bçčdðğklłmñńpřßštž", "áàâåéêíïóöőúü"),
)
_NUMBERS = ("{:.0f}", "{:,.2f}", "{:.1f} %", "${:.2f}", "{:+.3f}", "{:.0f}:30", "#{:.0f}")
_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16 + 1 / 32
"""Thresholds of a 4 x 4 ordered dither (Bayer 1973)."""


def draw_page(
    rng: np.random.Generator, size: int | tuple[int, int], kind: str | None = None
) -> NDArray[np.uint8]:
    """Draw a random clean page of text, screenshot or drawing.

    Parameters
    ----------
    rng : numpy.random.Generator
        The same state gives the same picture, with the same versions of Pillow and of matplotlib's fonts.
    size : int or (int, int)
        Height and width in pixels; one number makes a square. Letters and lines do not shrink with it, so
        crops of 512 x 512 hold more of the variety than small canvases do.
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
        zoom = dice.choice((2, 3))
    elif dice.random() < (0.4 if draw is _page else 0.15):  # soft edges, as in scans and on web pages
        zoom, way = dice.uniform(0.6, 1.5), Image.Resampling(dice.choice((1, 2, 3)))  # those that interpolate
    canvas = _new_canvas(dice, max(32, math.ceil(width / zoom)), max(32, math.ceil(height / zoom)))
    draw(canvas)
    return np.array(canvas.image.resize((width, height), way, (0, 0, width / zoom, height / zoom)))


@dataclass
class _Canvas:
    """A picture, the style of what is drawn on it, and the few ways to draw."""

    image: Image.Image
    dice: Random
    paper: Colour
    ink: Colour
    accents: list[Colour]
    fonts: tuple[str, str, str]
    words: list[str]
    size: int  # of the text, in pixels
    smooth: bool  # edges are antialiased, else pixel-exact
    letters: str  # "grey": antialiased; "lcd": by the three stripes of a pixel; "exact": not at all

    def either(self, *choices: Colour) -> Colour:
        """One of these colours or of the accents."""
        return self.dice.choice((*choices, self.dice.choice(self.accents)))

    def faint(self) -> Colour:
        """A colour for rules and frames."""
        return _mix(self.paper, self.ink, self.dice.choice((0.1, 0.2, 0.4, 1)))

    def put(self, box: Sequence[float], element: Element, *, fresh: float = 0) -> None:
        """Let an element fill the piece (left, top, right, bottom), in new colours at the chance `fresh`."""
        left, top, right, bottom = map(round, box)
        if min(right - left, bottom - top) < 2:
            return
        piece = replace(self, image=self.image.crop((left, top, right, bottom)))
        if self.dice.random() < fresh:
            piece.paper, piece.ink, piece.accents = _colours(self.dice)
        element(piece)
        self.image.paste(piece.image, (left, top))

    def rect(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill whole pixels, at least one wide and high."""
        left, top = round(left), round(top)
        self.image.paste(colour, (left, top, max(left + 1, round(right)), max(top + 1, round(bottom))))

    def stamp(
        self, lines: Lines, paint: Paint, *, width: float = 0, opacity: float = 1, blur: float = 0
    ) -> None:
        """Draw lines, or with width 0 fill what each encloses, with a colour or what an element draws."""
        scale = 4 if self.smooth else 1  # a smooth edge is drawn larger and shrunk
        points, margin = np.concatenate([np.asarray(line) for line in lines]), 1 + width + 3 * blur
        low = np.maximum(points.min(0) - margin, 0).astype(int)
        high = np.minimum(points.max(0) + margin + 1, self.image.size).astype(int)
        if (high - low < 2).any():
            return
        mask = Image.new("L", tuple((high - low) * scale))
        pen, shade, thick = ImageDraw.Draw(mask), round(255 * opacity), max(1, round(width * scale))
        for line in lines:
            path = ((np.asarray(line) - low) * scale).ravel().tolist()
            if width:
                pen.line(path, shade, thick, "curve" if thick > 6 else None)
            else:
                pen.polygon(path, shade)
        mask = mask.reduce(scale) if scale > 1 else mask
        mask = mask.filter(ImageFilter.GaussianBlur(blur)) if blur else mask
        piece = replace(self, image=Image.new("RGB", mask.size, self.paper if callable(paint) else paint))
        if callable(paint):
            paint(piece)
        self.image.paste(piece.image, tuple(low), mask)

    def measure(self, text: str, style: int = 0) -> float:
        return _length(text, self.fonts[style], self.size)

    def write(self, x: float, y: float, text: str, style: int = 0, colour: Colour | None = None) -> None:
        """Write one line from its left upper corner: regular (0), bold (1) or italic (2)."""
        colour = colour or self.ink
        first, *others = masks = _letters(text, self.fonts[style], self.size, self.letters)
        left, top = round(x), round(y)
        if not others:
            self.image.paste(colour, (left, top), first)
            return
        planes = self.image.crop((left, top, left + first.width, top + first.height)).split()
        for plane, mask, value in zip(planes, masks, colour, strict=True):
            plane.paste(value, None, mask)
        self.image.paste(Image.merge("RGB", planes), (left, top))


def _new_canvas(dice: Random, width: int, height: int) -> _Canvas:
    (paper, ink, accents), fonts, smooth = _colours(dice), dice.choice(_FONTS), dice.random() < 0.75
    image, words = Image.new("RGB", (width, height), paper), _vocabulary(dice, fonts[0].startswith("cm"))
    size = round(min(36, 8.5 + dice.expovariate(1 / 6)))
    letters = dice.choice(("grey", "grey", "lcd") if smooth else ("exact", "exact", "grey", "lcd"))
    return _Canvas(image, dice, paper, ink, accents, fonts, words, size, smooth, letters)


@functools.lru_cache(maxsize=2000)
def _letters(text: str, font: str, size: int, letters: str) -> list[Image.Image]:
    """The mask of a line of text, or one each for red, green and blue."""
    if letters == "lcd":
        large = _letters(text, font, 3 * size, "grey")[0]
        wide = np.asarray(large.reduce((1, 3)), np.float32)
        wide = np.pad(wide, ((0, 0), (2, 3 - wide.shape[1] % 3)))  # now 2 more than a multiple of 3
        soft = (wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]) / 3  # against colour fringes
        return [Image.fromarray(np.uint8(soft[:, start::3])) for start in range(3)]
    face = _font(font, size)
    mask = Image.new("L", [math.ceil(extent) + 1 for extent in face.getbbox(text)[2:]])
    pen = ImageDraw.Draw(mask)
    pen.fontmode = "L" if letters == "grey" else "1"
    pen.text((0, 0), text, 255, face)
    return [mask]


@functools.lru_cache(maxsize=2000)
def _length(text: str, font: str, size: int) -> float:
    return _font(font, size).getlength(text)


@functools.lru_cache(maxsize=64)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    from matplotlib import get_data_path

    path = Path(get_data_path(), "fonts", "ttf", f"{name}.ttf")
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    return tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, saturation, value))


def _colours(dice: Random) -> tuple[Colour, Colour, list[Colour]]:
    """Paper, ink and accents: dark on light or light on dark, grey to vivid, full contrast to low."""
    dark, vivid = dice.random() < 0.35, dice.choice((0, 0.3, 0.7, 1, 1))
    tint = vivid * dice.choice((0, 0, 0, 0.06, 0.15, dice.random()))
    light = dice.choice((0, 0.1, 0.15, 0.25)) if dark else dice.choice((1, 1, 1, 0.96, dice.uniform(0.75, 1)))
    contrast = dice.choice((1, 0.85, dice.uniform(0.7, 1), dice.uniform(0.3, 0.9)))
    paper = _hsv(dice.random(), tint, light)
    accents = [_hsv(dice.random(), vivid * dice.uniform(0.3, 1), dice.uniform(0.3, 1)) for _ in range(6)]
    return paper, _mix(paper, (255, 255, 255) if dark else (0, 0, 0), contrast), accents


def _vocabulary(dice: Random, latin: bool) -> list[str]:
    """Words of one to four syllables, some with capitals or punctuation, and numbers."""
    consonants, vowels = _ALPHABETS[0] if latin else dice.choice((_ALPHABETS[0], _ALPHABETS[0], *_ALPHABETS))
    ends = ("", "", *dice.sample(consonants, 2))
    syllables = [first + vowel + end for first in consonants for vowel in vowels for end in ends]
    words = ["".join(dice.choices(syllables, k=dice.choice((1, 1, 2, 2, 3, 4)))) for _ in range(40)]
    words += [word.capitalize() for word in words[:8]] + [word.upper() for word in words[8:10]]
    words += [word + dice.choice(",,,,..;:!?") for word in words[10:18]]
    words += [dice.choice(_NUMBERS).format(10 ** dice.uniform(0, 4)) for _ in range(6)]
    return [*words, f"({words[0]})", f'"{words[1]}"']


def _rounded(left: float, top: float, right: float, bottom: float, radius: float) -> Lines:
    """The outline of a rectangle with round corners."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False) + np.pi / 40  # ten points for each corner
    circle, half = np.stack([np.cos(turn), np.sin(turn)], 1), np.array([right - left, bottom - top]) / 2
    radius = min(radius, *half)
    return [(left, top) + half + np.sign(circle) * (half - radius) + circle * radius]


def _shape(dice: Random, x: float, y: float, radius: float) -> Lines:
    """A circle, ellipse, polygon, star or blob, anyhow turned."""
    corners, waves = dice.choice((3, 4, 4, 5, 6, 10, 60, 60, 60)), dice.choice((0, 0, 0.2, 0.5))
    turn = np.linspace(0, 2 * np.pi, corners + 1)
    reach = radius * (1 + waves * np.cos(turn * (corners // 2 if corners < 60 else dice.randint(2, 5))))
    flat, angle = dice.choice((1, 1, dice.uniform(0.2, 1))), dice.choice((0, np.pi / 4, dice.uniform(0, 6)))
    turned = reach * (np.cos(turn) + 1j * flat * np.sin(turn)) * np.exp(1j * angle)
    return [np.stack([x + turned.real, y + turned.imag], 1)]


def _curve(dice: Random, width: int, height: int) -> ArrayLike:
    """A cubic Bezier curve somewhere on a canvas (Bernstein's form)."""
    middle, reach = (dice.uniform(0, width), dice.uniform(0, height)), dice.choice((0.1, 0.3, 0.7)) * width
    handles = np.array([[part + dice.uniform(-reach, reach) for part in middle] for _ in range(4)])
    t = np.linspace(0, 1, 24)[:, None]
    curve: ArrayLike = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]) @ handles
    return curve


def _photo(canvas: _Canvas) -> None:
    """Smooth blobs of colour, as a photograph seen from afar."""
    cells = canvas.dice.randint(2, 8)
    colours = [_mix(canvas.either(), canvas.paper, canvas.dice.random()) for _ in range(cells**2)]
    blobs = Image.frombytes("RGB", (cells, cells), bytes(sum(colours, ())))
    canvas.image.paste(blobs.resize(canvas.image.size, Image.Resampling.BICUBIC))


def _pattern(canvas: _Canvas) -> None:
    """Colours along a line, around a point or over hills: smooth, dithered, in flat steps or as stripes."""
    dice, (width, height) = canvas.dice, canvas.image.size
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    way, form, cell = dice.randrange(3), dice.randrange(5), dice.choice((1, 2, 3, 8, 16))
    angle = dice.choice((0, 0.25, 0.5, dice.random())) * math.pi
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
    knots = [canvas.either(canvas.paper, canvas.ink) for _ in range(dice.choice((2, 2, 2, 3, 6)))]
    at = np.linspace(0, 1, 256), np.linspace(0, 1, len(knots))
    palette = np.stack([np.interp(*at, plane) for plane in zip(*knots, strict=True)], 1)
    image = Image.fromarray(np.uint8(share * np.float32(255)))
    image.putpalette(np.uint8(palette).tobytes())
    canvas.image.paste(image.convert("RGB"))


def _paragraph(canvas: _Canvas) -> None:
    """Lines of words, justified or not; large ones are headings."""
    dice, (width, height), style = canvas.dice, canvas.image.size, canvas.dice.choice((0, 0, 0, 1, 2))
    canvas.size = round(canvas.size * dice.choice((1, 1, 1, 0.8, 1 + style)))
    colour = _mix(canvas.either(canvas.ink, canvas.ink, canvas.ink), canvas.ink, 0.3)
    align, gap, step = dice.choice(("left", "middle", "both", "both")), canvas.size * 0.3, canvas.size * 1.3
    for y in np.arange(0, height - step, step * dice.uniform(0.9, 1.2)):
        words = dice.choices(canvas.words, k=1 + width // canvas.size)
        ends = np.cumsum([canvas.measure(word, style) + gap for word in words])
        count = max(1, int(np.searchsorted(ends, width + gap)))
        spare = max(0, width + gap - ends[count - 1])
        x: float = spare / 2 if align == "middle" else 0
        for word in words[:count]:
            canvas.write(x, y, word, style, colour)
            x += canvas.measure(word, style) + gap + (spare / max(1, count - 1) if align == "both" else 0)


def _code(canvas: _Canvas) -> None:
    """Coloured tokens on indented and numbered lines."""
    dice, indent, numbered = canvas.dice, 0, canvas.dice.random() < 0.5
    canvas.fonts, gray = _FONTS[-1], _mix(canvas.paper, canvas.ink, 0.4)
    colours = [canvas.ink, *(_mix(colour, canvas.ink, 0.3) for colour in canvas.accents)]
    for row, y in enumerate(np.arange(0, canvas.image.height, canvas.size * dice.uniform(1.15, 1.5))):
        canvas.write(0, y, f"{row + 87:3d}" if numbered else "", colour=gray)
        indent = max(0, min(8, indent + dice.choice((-1, 0, 0, 1))))
        x: float = (3 * numbered + indent) * canvas.size
        for token in dice.choices((*"+-=()[]{}:,#/&|*@'_", *canvas.words), k=dice.choice((0, 1, 3, 5, 7))):
            canvas.write(x, y, token, colour=dice.choice(colours))
            x += canvas.measure(token + dice.choice(("", " ")))


def _label(canvas: _Canvas) -> None:
    """A few words, cut off where the piece ends."""
    dice, style = canvas.dice, canvas.dice.choice((0, 0, 1, 2))
    words = dice.choices(canvas.words, k=1 + canvas.image.width // canvas.size // 4)
    lengths = [canvas.measure(word + " ", style) for word in words]
    x = max(0, (canvas.image.width - sum(lengths)) * dice.choice((0, 0.5)))
    for word, length in zip(words, lengths, strict=True):
        canvas.write(x, (canvas.image.height - canvas.size * 1.25) / 2, word, style)
        x += length


def _icon(canvas: _Canvas) -> None:
    """One to three shapes that fill a small piece."""
    dice, (width, height) = canvas.dice, canvas.image.size
    for share in (0.5, 0.4, 0.2)[: dice.randint(1, 3)]:
        shape = _shape(dice, width / 2, height / 2, min(width, height) * share)
        canvas.stamp(shape, canvas.either(canvas.ink, canvas.paper), width=dice.choice((0, 0, 1, 1.5, 2)))


def _cells(canvas: _Canvas) -> None:
    """Words and icons in cells: a table between rules, a list, or buttons and fields."""
    dice, (width, height), icons = canvas.dice, canvas.image.size, canvas.dice.random() < 0.4
    step, pitch = canvas.size * dice.uniform(1.5, 3), canvas.size * dice.choice((4, 6, 9, 12, 40))
    rule, shade = canvas.faint(), _mix(canvas.paper, canvas.ink, dice.choice((0, 0.08)))
    gap, radius = dice.choice((0, 0, 5, 10)), dice.choice((0, 3, 6, 20))
    for row, y in enumerate(np.arange(0, height, step + gap).tolist()):
        canvas.rect(0, y, width, y, rule)
        for x in np.arange(0, width, pitch + gap).tolist():
            left, right, bottom = x + step * icons, x + pitch, y + step
            if gap:
                canvas.stamp(_rounded(x, y, right, bottom, radius), rule)
                paint = dice.choice((canvas.paper, canvas.paper, canvas.either(), _pattern))
                canvas.stamp(_rounded(x + 1, y + 1, right - 1, bottom - 1, radius - 1), paint)
            elif row % 2:
                canvas.rect(x, y, right, bottom, shade)
            if icons:
                canvas.put((x + 3, y + 3, left - 3, bottom - 3), _icon)
            canvas.put((left + 3, y + 2, right - 3, bottom - 1), _label)


def _chart(canvas: _Canvas) -> None:
    """Axes with a grid, and bars, lines, areas or dots."""
    dice, (width, height), margin = canvas.dice, canvas.image.size, canvas.size * 2
    form, rule, thick = dice.randrange(4), canvas.faint(), dice.choice((1, 1.5, 2, 3))
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
            canvas.stamp([[(x[0], tall), *points, (x[-1], tall)]], colour, opacity=dice.choice((0.5, 1)))
        elif form == 2:
            canvas.stamp([line for left, top in points for line in _shape(dice, left, top, 4)], colour)
        for left, top in points if form == 3 else ():
            canvas.rect(left, top, left + (x[1] - x[0]) * 0.7, tall, colour)


def _panes(canvas: _Canvas, elements: Sequence[Element], gap: float) -> None:
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


def _panel(canvas: _Canvas) -> None:
    """One element on a tinted ground."""
    dice, (width, height), edge = canvas.dice, canvas.image.size, canvas.dice.choice((4, 8, 16))
    canvas.paper = _mix(canvas.paper, canvas.either(canvas.ink), dice.choice((0, 0, 0.04, 0.12)))
    canvas.rect(0, 0, width, height, canvas.paper)
    elements = (_chart, _pattern, _photo, *(_paragraph, _code, _cells, _cells) * 2)
    canvas.put((edge, edge, width - edge, height - edge), dice.choice(elements), fresh=0.1)


def _window(canvas: _Canvas) -> None:
    """A frame, a title, three buttons, and panes."""
    dice, (width, height), bar = canvas.dice, canvas.image.size, canvas.size * canvas.dice.uniform(1.6, 3)
    canvas.rect(0, 0, width, height, canvas.faint())
    canvas.rect(1, 1, width - 1, bar, canvas.either(canvas.paper))
    canvas.put((8, 1, width - 3 * bar, bar), _label)
    for right in (width - 4, width - 4 - bar, width - 4 - 2 * bar):
        canvas.put((right - bar * 0.6, bar * 0.2, right, bar * 0.8), _icon)
    panes = functools.partial(_panes, elements=[_panel], gap=dice.choice((1, 1, 8)))
    canvas.put((1, bar, width - 1, height - 1), panes)


def _screenshot(canvas: _Canvas) -> None:
    """One window as large as the screen, or some with shadows on a wallpaper."""
    dice, (width, height) = canvas.dice, canvas.image.size
    dice.choice((_window, _window, _photo, _pattern, _cells))(canvas)
    for _ in range(dice.choice((1, 1, 2, 3))):
        left, top = dice.uniform(-0.2, 0.7) * width, dice.uniform(-0.1, 0.7) * height
        right, bottom = left + dice.uniform(0.3, 0.9) * width, top + dice.uniform(0.3, 0.9) * height
        canvas.stamp(_rounded(left, top + 4, right, bottom + 6, 6), (0, 0, 0), opacity=0.4, blur=6)
        canvas.put((left, top, right, bottom), _window, fresh=0.5)


def _page(canvas: _Canvas) -> None:
    """Columns and rows of text, tables and figures; some pages lie askew on the scanner."""
    dice, (width, height), edge = canvas.dice, canvas.image.size, canvas.size * canvas.dice.uniform(0, 3)
    elements = (*(_paragraph,) * 10, _cells, _cells, _code, _chart, _drawing)
    panes = functools.partial(_panes, elements=elements, gap=canvas.size)
    canvas.put((edge, edge, width - edge, height - edge), panes)
    if dice.random() < 0.12:
        angle = dice.uniform(-4, 4)
        canvas.image = canvas.image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=canvas.paper)


def _drawing(canvas: _Canvas) -> None:
    """Lines, roads with edges, shapes and names, on plain ground or a pattern: cartoon, line art or map."""
    dice, (width, height) = canvas.dice, canvas.image.size
    if dice.random() < 0.5:
        _pattern(canvas)
    line = dice.choice((0.5, 1, 1, 2, 4, 8) if canvas.smooth else (1, 1, 2, 4))
    bundles, shapes, names = dice.choice(((0, 40, 0), (0, 15, 2), (8, 0, 0), (2, 8, 3), (4, 6, 20)))
    for _ in range(bundles):
        curves = [_curve(dice, width, height) for _ in range(dice.randint(1, 5))]
        canvas.stamp(curves, canvas.ink, width=line + dice.choice((0, 2)))
        canvas.stamp(curves, canvas.either(canvas.ink, canvas.paper), width=line)
    for _ in range(shapes):
        x, y, radius = dice.uniform(0, width), dice.uniform(0, height), width * 0.02 * 20 ** dice.random()
        shape, opacity, blur = _shape(dice, x, y, radius), dice.choice((1, 1, 0.5)), 3 * (dice.random() < 0.1)
        canvas.stamp(shape, dice.choice((canvas.either(canvas.paper), _pattern)), opacity=opacity, blur=blur)
        if dice.random() < 0.7:
            canvas.stamp(shape, canvas.ink, width=line)
    for _ in range(names):
        x, y, wide, tall = dice.uniform(0, width), dice.uniform(0, height), canvas.size * 9, canvas.size * 2
        if dice.random() < 0.3:
            canvas.stamp(_rounded(x, y, x + wide, y + tall, 8), canvas.either(canvas.paper))
        canvas.put((x, y, x + wide, y + tall), _label)


KINDS: dict[str, Element] = {"page": _page, "screenshot": _screenshot, "drawing": _drawing}
"""The kinds of graphics by name."""
