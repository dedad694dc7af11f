"""Clean pages made by a generator: the content of paper before it is printed, aged and scanned.

Text in many scripts, tables, forms, formulae, music, line drawings, stamps, handwriting and photographs, in
open fonts at 6 to 24 points. Paper is white, and ink keeps its own tone: pencil stays grey. The layout
`plain`, and the fonts in `HELD_FONTS`, are held back: no network is trained on them. Needs the extra `lab`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from pellucid.datasets.canvas import curve, shape_of
from pellucid.datasets.sheet import Sheet, face_of

Element: TypeAlias = Callable[[Sheet], None]


def draw_clean_page(
    seed: int,
    size: tuple[int, int],
    dpi: float,
    shelf: Mapping[str, Sequence[Path]],
    *,
    channels: int = 1,
    layout: str | None = None,
    points: float | None = None,
    photos: Sequence[Path] = (),
) -> tuple[NDArray[np.uint8], str]:
    """Draw a random clean page, or a part of one.

    Parameters
    ----------
    seed : int
        The same seed gives the same page, with the same fonts and version of Pillow.
    size : (int, int)
        Height and width in pixels.
    dpi : float
        Resolution, pixels an inch.
    shelf : mapping of str to sequence of Path
        From `find_fonts`.
    channels : int
        1 grey, 3 colour.
    layout : str, optional
        One of `LAYOUTS`; ``"plain"`` is English text in one column, one size and one Latin font.
    points : float, optional
        Size of the text; without it, 6 to 24 points, but never below 8 pixels.
    photos : sequence of Path
        Image files for the photographs in a page; without them, and for a part of them, these are made up.

    Returns
    -------
    page : uint8 array (height, width, channels)
    text : str
        What the layout ``"plain"`` has written, line by line; else empty.
    """
    dice = Random(seed)
    layout = layout or dice.choices(list(LAYOUTS), [weight for _, weight in LAYOUTS.values()])[0]
    scripts = list(shelf)
    weights = [8 if script == "latin" else 0 if script == "maths" else 1 for script in scripts]
    script = "latin" if layout == "plain" else dice.choices(scripts, weights)[0]
    pixels = dpi / 72 * (points or min(24, 6 + dice.expovariate(0.22)))
    mode, paper = ("L", 255) if channels == 1 else ("RGB", (255, 255, 255))
    sheet = Sheet(
        Image.new(mode, size[::-1], paper),
        dice,
        dpi,
        shelf,
        script,
        dice.choice(list(shelf[script])),
        max(8.0, pixels),
        ink=0,
        colours=channels,
        plain=layout == "plain",
        lines=[],
        photos=photos,
    )
    dark = max(0, round(dice.gauss(20, 25)))
    sheet.ink = dark if channels == 1 else (dark, dark, dark) if dice.random() < 0.8 else sheet.other_ink()
    LAYOUTS[layout][0](sheet)
    page = np.array(sheet.image).reshape(*size, channels)
    return page, "\n".join(sheet.lines) if sheet.plain else ""


# ---- elements ------------------------------------------------------------------------------------


def _paragraph(sheet: Sheet) -> None:
    """Lines of words, justified or ragged."""
    dice, (width, height) = sheet.dice, sheet.image.size
    gap, step = sheet.size * 0.28, sheet.size * dice.uniform(1.15, 1.5)
    both, spaced = dice.random() < 0.5 and not sheet.plain, sheet.script not in ("cjk",)
    for y in np.arange(0, height - step, step).tolist():
        words: list[str] = []
        length = 0.0
        while True:
            word = sheet.word()
            long = sheet.face().getlength(word)
            if length + long > width:
                break
            words.append(word)
            length += long + gap * spaced
        if not words:
            continue
        spare = max(0.0, width - length + gap * spaced) if both else 0.0
        x = 0.0
        for word in words:
            x += sheet.write(x, y, word) + gap * spaced + spare / max(1, len(words) - 1)
        if sheet.lines is not None:
            sheet.lines.append(" ".join(words))
        if not sheet.plain and dice.random() < 0.06:
            return


def _table(sheet: Sheet) -> None:
    """Cells with words and numbers between rules; hairlines are one pixel."""
    dice, (width, height) = sheet.dice, sheet.image.size
    step, pitch = sheet.size * dice.uniform(1.4, 2.2), sheet.size * dice.uniform(3.5, 12)
    rule, thick = (
        dice.choice((sheet.ink, sheet.other_ink())),
        max(1, round(dice.choice((0, 0.15, 0.4)) * sheet.mm)),
    )
    upright = dice.random() < 0.6
    for y in np.arange(0, height, step).tolist():
        if dice.random() < 0.9:
            sheet.pen.line((0, y, width, y), rule, thick)
        for x in np.arange(0, width, pitch).tolist():
            text = sheet.word() if dice.random() < 0.5 else f"{10 ** dice.uniform(0, 4):,.2f}"
            sheet.put((x + 3, y + 2, x + pitch - 2, y + step - 1), partial(_word, text=text))
    for x in np.arange(0, width, pitch).tolist() if upright else ():
        sheet.pen.line((x, 0, x, height), rule, thick)


def _word(sheet: Sheet, text: str) -> None:
    """One text, cut off where its cell ends."""
    sheet.write(0, 0, text, 0.85)


def _form(sheet: Sheet) -> None:
    """Printed labels, dotted or ruled lines, boxes, and answers by hand."""
    dice, (width, height) = sheet.dice, sheet.image.size
    hand = replace(
        sheet, script="script", font=dice.choice(list(sheet.shelf["script"])), ink=sheet.other_ink()
    )
    for y in np.arange(0, height, sheet.size * 2).tolist():
        x = sheet.write(0, y, f"{sheet.word()} {sheet.word()}:", 0.8) + sheet.size
        base = y + sheet.size * 1.1
        if dice.random() < 0.3:
            for left in np.arange(x, width, max(3, 0.8 * sheet.mm)).tolist():
                sheet.pen.point((left, base), sheet.ink)
        elif dice.random() < 0.8:
            sheet.pen.line((x, base, width, base), sheet.ink)
        else:
            for left in np.arange(x, width, sheet.size * 1.3).tolist():
                sheet.pen.rectangle((left, y, left + sheet.size * 1.3, base), outline=sheet.ink)
        if dice.random() < 0.7:
            hand.write(
                x, y - sheet.size * 0.2, " ".join(hand.word() for _ in range(3)), dice.uniform(0.9, 1.4)
            )


def _formula(sheet: Sheet) -> None:
    """Symbols with indices, roots and fractions."""
    dice, (width, height) = sheet.dice, sheet.image.size
    symbols = "∑∫∂∇±×≤≥≈∞αβγδεθλμπσφωΓΔΩ∈∀∃→⇒√xyzabcnmk0123456789()[]{}+-=|"
    maths = replace(sheet, script="maths", font=dice.choice(list(sheet.shelf["maths"])))
    for y in np.arange(sheet.size, height - 2 * sheet.size, sheet.size * 2.6).tolist():
        x = dice.uniform(0, width / 3)
        while x < width - sheet.size * 3 and dice.random() < 0.95:
            text = "".join(dice.choices(symbols, k=dice.randint(1, 3)))
            if dice.random() < 0.2:
                long = max(
                    maths.write(x, y - 0.8 * sheet.size, text),
                    maths.write(x, y + 0.7 * sheet.size, text[::-1]),
                )
                sheet.pen.line((x, y + sheet.size * 0.65, x + long, y + sheet.size * 0.65), sheet.ink)
            else:
                long = maths.write(x, y, text)
            if dice.random() < 0.4:
                long += maths.write(
                    x + long, y + sheet.size * dice.choice((-0.2, 0.6)), dice.choice(symbols), 0.6
                )
            x += long + sheet.size * 0.2


def _music(sheet: Sheet) -> None:
    """Staves with notes, stems, beams and bar lines."""
    dice, (width, height) = sheet.dice, sheet.image.size
    space, thick = max(3.0, 1.8 * sheet.mm), max(1, round(0.15 * sheet.mm))
    for top in np.arange(space * 2, height - 6 * space, 10 * space).tolist():
        for line in range(5):
            sheet.pen.line((0, top + line * space, width, top + line * space), sheet.ink, thick)
        x = space * 3
        while x < width:
            y, up = top + space * dice.randint(-1, 9) / 2, dice.choice((-1, 1))
            box = (x - 0.6 * space, y - 0.45 * space, x + 0.6 * space, y + 0.45 * space)
            sheet.pen.ellipse(box, sheet.ink if dice.random() < 0.7 else None, sheet.ink, thick)
            sheet.pen.line(
                (x - up * 0.6 * space, y, x - up * 0.6 * space, y + up * 3.2 * space), sheet.ink, thick
            )
            if dice.random() < 0.2:
                sheet.pen.ellipse((x + space, y - 0.15 * space, x + 1.3 * space, y + 0.15 * space), sheet.ink)
            x += space * dice.uniform(1.8, 4)
            if dice.random() < 0.12:
                sheet.pen.line((x, top, x, top + 4 * space), sheet.ink, thick)
                x += space * 2


def _drawing(sheet: Sheet) -> None:
    """Curves and shapes in thin lines, hatched or filled."""
    dice, (width, height) = sheet.dice, sheet.image.size
    for _ in range(dice.randint(3, 14)):
        thick = max(1, round(sheet.mm * dice.choice((0.1, 0.2, 0.3, 0.8))))
        ink = dice.choice((sheet.ink, sheet.ink, sheet.other_ink()))
        if dice.random() < 0.5:
            points = np.asarray(curve(dice, width, height))
        else:
            radius = min(width, height) * dice.uniform(0.03, 0.4)
            points = np.asarray(shape_of(dice, dice.uniform(0, width), dice.uniform(0, height), radius)[0])
        path = points.ravel().tolist()
        if dice.random() < 0.1:
            sheet.pen.polygon(path, ink)
        else:
            sheet.pen.line(path, ink, thick, "curve")
        if dice.random() < 0.3:
            sheet.write(float(points[0, 0]), float(points[0, 1]), sheet.word(), 0.7)


def _photo(sheet: Sheet) -> None:
    """A photograph, as continuous tone or as a halftone."""
    dice, (width, height) = sheet.dice, sheet.image.size
    rng = np.random.default_rng(dice.randrange(2**32))
    if sheet.photos and dice.random() < 0.7:
        with Image.open(dice.choice(sheet.photos)) as image:
            x = np.asarray(image.convert(sheet.image.mode).resize((width, height), 3), np.float32) / 255
        x = x.reshape(height, width, sheet.colours)
    else:
        x = _made_up(sheet, rng)
    if dice.random() < 0.4:
        rows, columns = np.arange(height)[:, None, None], np.arange(width)[:, None]
        period = max(3.0, sheet.mm * 25.4 / dice.choice((65, 85, 133)))
        screen = np.cos((rows + columns) * 4.44 / period) + np.cos((rows - columns) * 4.44 / period)
        x = 0.5 + 1.5 * (x - 0.5 - 0.25 * screen)
    sheet.image.paste(Image.fromarray((x.clip(0, 1) * 255).astype(np.uint8).squeeze()), (0, 0))


def _made_up(sheet: Sheet, rng: np.random.Generator) -> NDArray[Any]:
    """Soft and hard shapes with a fine texture (h, w, c), about 0 to 1."""
    width, height = sheet.image.size
    planes = []
    for _ in range(sheet.colours):
        tone = np.zeros((height, width))
        for cells in (3, 6, 12, 24):
            grid = Image.fromarray(rng.standard_normal((cells, cells)).astype(np.float32))
            tone += np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC)) / cells**0.5
        cut = np.tanh(6 * (tone - np.median(tone))) * sheet.dice.uniform(0, 0.4)
        planes.append(tone / 2.2 + cut + 0.03 * rng.standard_normal(tone.shape))
    return 0.45 + 0.28 * np.stack(planes, -1)


def _stamp(sheet: Sheet) -> None:
    """A round or square stamp, askew and in paler ink, over what is there."""
    dice, (width, height) = sheet.dice, sheet.image.size
    side = round(min(width, height, sheet.mm * dice.uniform(15, 40)))
    mask = Image.new("L", (side, side))
    pen, thick = ImageDraw.Draw(mask), max(1, round(0.5 * sheet.mm))
    for inset in (1, round(0.12 * side)):
        box = (inset, inset, side - 1 - inset, side - 1 - inset)
        pen.ellipse(box, outline=255, width=thick) if dice.random() < 0.7 else pen.rectangle(
            box, outline=255, width=thick
        )
    face = face_of(sheet.font, max(6, side // 6), False)
    pen.text((side * 0.2, side * 0.4), sheet.word().upper(), 255, face)
    mask = mask.rotate(dice.uniform(-30, 30), Image.Resampling.BICUBIC).point(
        lambda value: round(value * 0.7)
    )
    place = dice.randint(0, max(0, width - side)), dice.randint(0, max(0, height - side))
    sheet.image.paste(sheet.other_ink(), place, mask)


def _pen_marks(sheet: Sheet) -> None:
    """Underlines, ticks, circles and notes by pen or pencil, which are content and stay."""
    dice, (width, height) = sheet.dice, sheet.image.size
    ink = dice.choice((sheet.other_ink(), 150 if sheet.colours == 1 else (150, 150, 150)))
    for _ in range(dice.randint(1, 5)):
        points = np.asarray(curve(dice, round(width * 0.4), round(height * 0.4)))
        shift = dice.uniform(0, width * 0.7), dice.uniform(0, height * 0.7)
        path = (points * 0.5 + shift).ravel().tolist()
        sheet.pen.line(path, ink, max(1, round(sheet.mm * dice.uniform(0.2, 0.6))), "curve")
    hand = replace(sheet, script="script", font=dice.choice(list(sheet.shelf["script"])), ink=ink)
    hand.write(
        dice.uniform(0, width / 2),
        dice.uniform(0, height),
        f"{hand.word()} {hand.word()}",
        dice.uniform(1, 1.8),
    )


# ---- layouts -------------------------------------------------------------------------------------


def _plain(sheet: Sheet) -> None:
    """One column of text with margins."""
    width, height = sheet.image.size
    edge = round(0.05 * width)
    sheet.put((edge, edge, width - edge, height - edge), _paragraph)


def _columns(sheet: Sheet) -> None:
    """Columns of paragraphs, now and then with another element; headings."""
    dice, (width, height) = sheet.dice, sheet.image.size
    edge, count = dice.uniform(0, 3) * sheet.size, dice.choice((1, 1, 2, 3))
    pitch = (width - 2 * edge) / count
    for column in range(count):
        y = edge
        while y < height - edge - 2 * sheet.size:
            tall = dice.uniform(3, 14) * sheet.size
            element = dice.choice((_paragraph,) * 14 + (_table, _table, _formula, _drawing, _photo))
            part = replace(sheet, size=sheet.size * dice.choice((1, 1, 1, 0.85, 1.6)))
            if dice.random() < 0.2:
                part.script = dice.choice([each for each in sheet.shelf if each != "maths"])
            part.font = dice.choice(list(sheet.shelf[part.script]))
            left = edge + column * pitch
            part.put((left, y, left + pitch - sheet.size, min(height, y + tall)), element)
            y += tall + sheet.size


def _over(element: Element) -> Element:
    """An element on the whole page, now and then stamped and marked by pen."""

    def draw(sheet: Sheet) -> None:
        element(sheet)
        for more in (_stamp, _pen_marks):
            if sheet.dice.random() < 0.2:
                more(sheet)
        if sheet.dice.random() < 0.15:
            turned = sheet.image.rotate(
                sheet.dice.uniform(-3, 3), Image.Resampling.BICUBIC, fillcolor=sheet.paper()
            )
            sheet.image.paste(turned)
        if sheet.dice.random() < 0.15:
            sheet.image = sheet.image.filter(ImageFilter.GaussianBlur(0.4))

    return draw


LAYOUTS: Mapping[str, tuple[Element, float]] = {
    "columns": (_over(_columns), 10),
    "paragraph": (_over(_paragraph), 5),
    "table": (_over(_table), 2),
    "form": (_over(_form), 2),
    "formula": (_over(_formula), 1),
    "music": (_over(_music), 1),
    "drawing": (_over(_drawing), 1),
    "photo": (_over(_photo), 0.5),
    "plain": (_plain, 0),
}
"""Each layout with its weight when layouts are drawn; `plain` is held back for OCR."""
