"""The canvas that clean graphics are drawn on: its style, and the few ways to draw and to write.

Words are random syllables, in the open fonts of matplotlib (DejaVu, STIX, Computer Modern).
"""

import colorsys
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Colour: TypeAlias = tuple[int, ...]
Element: TypeAlias = Callable[["Canvas"], None]
Paint: TypeAlias = Colour | Element
Lines: TypeAlias = Sequence[ArrayLike]
"""Each through its points (n, 2), x before y, in pixels."""

FONTS = (  # regular, bold, italic; the last is for code
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


# The distributions of a canvas's style: the values of a tuple are equally likely, one that is there twice is
# twice as likely.
RULE_STRENGTHS = (0.1, 0.2, 0.4, 1)  # share of ink
SATURATIONS = (0, 0.3, 0.7, 1, 1)
DARK_PAPERS = (0, 0.1, 0.15, 0.25)  # values of HSV
SMOOTH_LETTERS = ("grey", "grey", "lcd")
EXACT_LETTERS = ("exact", "exact", "grey", "lcd")
SYLLABLES = (1, 1, 2, 2, 3, 4)
PUNCTUATION = ",,,,..;:!?"
CORNERS = (3, 4, 4, 5, 6, 10, 60, 60, 60)  # of a shape; 60: round
WAVES = (0, 0, 0.2, 0.5)  # how much the radius of a shape varies
REACHES = (0.1, 0.3, 0.7)  # of a curve, as shares of the canvas


@dataclass
class Canvas:
    """An image, the style of what is drawn on it, and the few ways to draw."""

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
        return mix(self.paper, self.ink, self.dice.choice(RULE_STRENGTHS))

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
        return _font(self.fonts[style], self.size).getlength(text)

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


def new_canvas(dice: Random, width: int, height: int) -> Canvas:
    """An empty canvas in a style of its own."""
    (paper, ink, accents), fonts, smooth = _colours(dice), dice.choice(FONTS), dice.random() < 0.75
    image, words = Image.new("RGB", (width, height), paper), _vocabulary(dice, fonts[0].startswith("cm"))
    size = round(min(36, 8.5 + dice.expovariate(1 / 6)))
    letters = dice.choice(SMOOTH_LETTERS if smooth else EXACT_LETTERS)
    return Canvas(image, dice, paper, ink, accents, fonts, words, size, smooth, letters)


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


@functools.lru_cache(maxsize=64)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    from matplotlib import get_data_path

    path = Path(get_data_path(), "fonts", "ttf", f"{name}.ttf")
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The first colour with so much of the second."""
    return tuple(round(a + (b - a) * share) for a, b in zip(first, second, strict=True))


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    return tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, saturation, value))


def _colours(dice: Random) -> tuple[Colour, Colour, list[Colour]]:
    """Paper, ink and accents: dark on light or light on dark, grey to vivid, full contrast to low."""
    dark, vivid = dice.random() < 0.35, dice.choice(SATURATIONS)
    tint = vivid * dice.choice((0, 0, 0, 0.06, 0.15, dice.random()))
    light = dice.choice(DARK_PAPERS) if dark else dice.choice((1, 1, 1, 0.96, dice.uniform(0.75, 1)))
    contrast = dice.choice((1, 0.85, dice.uniform(0.7, 1), dice.uniform(0.3, 0.9)))
    paper = _hsv(dice.random(), tint, light)
    accents = [_hsv(dice.random(), vivid * dice.uniform(0.3, 1), dice.uniform(0.3, 1)) for _ in range(6)]
    return paper, mix(paper, (255, 255, 255) if dark else (0, 0, 0), contrast), accents


def _vocabulary(dice: Random, latin: bool) -> list[str]:
    """Words of one to four syllables, some with capitals or punctuation, and numbers."""
    consonants, vowels = _ALPHABETS[0] if latin else dice.choice((_ALPHABETS[0], _ALPHABETS[0], *_ALPHABETS))
    ends = ("", "", *dice.sample(consonants, 2))
    syllables = [first + vowel + end for first in consonants for vowel in vowels for end in ends]
    words = ["".join(dice.choices(syllables, k=dice.choice(SYLLABLES))) for _ in range(40)]
    words += [word.capitalize() for word in words[:8]] + [word.upper() for word in words[8:10]]
    words += [word + dice.choice(PUNCTUATION) for word in words[10:18]]
    words += [dice.choice(_NUMBERS).format(10 ** dice.uniform(0, 4)) for _ in range(6)]
    return [*words, f"({words[0]})", f'"{words[1]}"']


def rounded(left: float, top: float, right: float, bottom: float, radius: float) -> Lines:
    """The outline of a rectangle with round corners."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False) + np.pi / 40  # ten points for each corner
    circle, half = np.stack([np.cos(turn), np.sin(turn)], 1), np.array([right - left, bottom - top]) / 2
    radius = min(radius, *half)
    return [(left, top) + half + np.sign(circle) * (half - radius) + circle * radius]


def shape_of(dice: Random, x: float, y: float, radius: float) -> Lines:
    """A circle, ellipse, polygon, star or blob, anyhow turned."""
    corners, waves = dice.choice(CORNERS), dice.choice(WAVES)
    turn = np.linspace(0, 2 * np.pi, corners + 1)
    reach = radius * (1 + waves * np.cos(turn * (corners // 2 if corners < 60 else dice.randint(2, 5))))
    flat, angle = dice.choice((1, 1, dice.uniform(0.2, 1))), dice.choice((0, np.pi / 4, dice.uniform(0, 6)))
    turned = reach * (np.cos(turn) + 1j * flat * np.sin(turn)) * np.exp(1j * angle)
    return [np.stack([x + turned.real, y + turned.imag], 1)]


def curve(dice: Random, width: int, height: int) -> ArrayLike:
    """A cubic Bezier curve somewhere on a canvas (Bernstein's form)."""
    middle, reach = (dice.uniform(0, width), dice.uniform(0, height)), dice.choice(REACHES) * width
    handles = np.array([[part + dice.uniform(-reach, reach) for part in middle] for _ in range(4)])
    t = np.linspace(0, 1, 24)[:, None]
    curve: ArrayLike = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]) @ handles
    return curve
