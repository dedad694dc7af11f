"""The sheet that clean pages are written on: open fonts by script, words, and the few ways to write.

Some fonts and a script are held back: no network is trained on them, so that they can validate.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from pellucid.errors import InputError

FONTS: Mapping[str, tuple[str, ...]] = {
    "latin": (
        "LiberationSerif-*", "LiberationSans-*", "LiberationMono-*", "NimbusRoman-*", "NimbusSans-*",
        "C059-*", "P052-*", "URWBookman-*", "Caladea-*", "Carlito-*", "EBGaramond12-*", "LinLibertine_R*",
        "Lato-Regular", "Lato-Bold", "Lato-Italic",
        "Lato-Light", "OpenSans-Regular", "OpenSans-Italic", "OpenSans-Bold",
        "OldStandard-*", "lmroman10-*", "lmsans10-*", "lmmono10-*", "FreeSerif*", "FreeSans*", "FreeMono*",
        "GNUTypewriter", "TlwgTypewriter*", "GoudyBookletter1911", "Essays1743*", "NotoSansMono-*",
    ),
    "script": ("dkg*", "Breip", "Humor-Sans", "Z003-*", "DancingScript-*", "Rufscript*", "KleeOne-*"),
    "blackletter": ("Blankenburg*",),
    "cyrillic": ("PTF*", "PTS*", "PTM*", "FreeSerif", "LiberationSans-Regular"),
    "greek": ("GFSDidot*", "GFSArtemisia*", "FreeSans"),
    "arabic": ("Amiri-Regular", "Amiri-Bold"),
    "cjk": ("uming", "wqy-microhei"),
    "devanagari": ("Lohit-Devanagari",),
    "maths": ("latinmodern-math", "texgyretermes-math"),
}  # fmt: skip
"""Names of font files by script; all come in Debian packages (docs/scans.md)."""

HELD_FONTS: Mapping[str, tuple[str, ...]] = {
    "latin": (
        "CharisSIL-*", "GenBas*", "Vollkorn-Regular", "Vollkorn-Italic", "Vollkorn-Bold",
        "RobotoSlab-Regular", "Inconsolata", "Cabin-Regular", "Cabin-Italic",
        "Cabin-Bold", "Karla-Regular", "Courier Prime",
        "Courier Prime Italic", "Quattrocento-Regular", "GilliusADF-Regular", "GilliusADF-Italic",
        "DejaVuSerif", "DejaVuSans", "UniversalisADFStd-Regular", "JunicodeTwoBeta-Regular",
    ),
    "script": ("Kristi", "Joscelyn-Regular"),
    "blackletter": ("Isabella",),
    "cyrillic": ("DejaVuSerif",),
    "greek": ("GFSNeohellenic*",),
    "arabic": ("Scheherazade-*", "KacstOne*"),
    "cjk": ("ipam", "TakaoGothic"),
    "devanagari": ("Gargi",),
    "maths": ("texgyrepagella-math",),
    "hangul": ("NanumMyeongjo", "NanumGothic"),
}  # fmt: skip
"""Fonts, and a script, that no network is trained on."""

WORDS = """
the of and to in is that for it as was with be by on not he this are or his from at which but have
an had they you were their one all we can her has there been if more when will would who so no out
up into than them only time could about some then other its over these may such new also any two
first very after most made must before where through back years much your way well down should
because each just those people how too little state good world still own see men work long here get
both between life being under never day same another know while last might us great old year off
come since against go came right used take three small large house during without again place around
however home found thought went say part once general high upon school every does got united left
number course war until always away something fact water though less public put think almost hand
enough far took head yet government system better set told nothing night end why called eyes find
going look asked later knew point next program city business give group toward young days let room
word given several present order things quickly jumped lazy zebra vexed quiz fjord puzzle journey
equal oxygen liquid exact maximum bizarre hockey gravel kidney shipping freight invoice received
quantity balance amount signature department chapter figure section
""".split()  # noqa: SIM905  # one line of text is read more easily than a list

MARKS = ",,,,,....;:!?"


@dataclass
class Sheet:
    """A white sheet and how it is written on; an element fills its whole sheet."""

    image: Image.Image
    dice: Random
    dpi: float
    shelf: Mapping[str, Sequence[Path]]
    script: str
    font: Path
    size: float  # of the text, in pixels
    ink: Any
    colours: int  # channels
    plain: bool = False  # only real words in one regular font: for reading by OCR
    lines: Any = None  # of the text that was written, where somebody wants it
    photos: Sequence[Path] = ()  # files for the photographs in a page

    @property
    def mm(self) -> float:
        """Pixels of a millimetre."""
        return self.dpi / 25.4

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        return ImageDraw.Draw(self.image)

    def face(self, scale: float = 1.0) -> ImageFont.FreeTypeFont:
        complex_script = self.script in ("arabic", "devanagari")
        return face_of(self.font, max(5, round(self.size * scale)), complex_script)

    def write(self, x: float, y: float, text: str, scale: float = 1.0, ink: Any = None) -> float:
        """Write from the left upper corner; give the width."""
        face = self.face(scale)
        self.pen.text((round(x), round(y)), text, self.ink if ink is None else ink, face)
        return face.getlength(text)

    def put(self, box: Sequence[float], element: Callable[["Sheet"], None]) -> None:
        """Let an element fill the part (left, top, right, bottom)."""
        left, top, right, bottom = map(round, box)
        if min(right - left, bottom - top) < 8:
            return
        part = replace(self, image=self.image.crop((left, top, right, bottom)))
        element(part)
        self.image.paste(part.image, (left, top))

    def other_ink(self) -> Any:
        """Ink of another darkness, in colour where there are colours."""
        if self.colours == 1:
            return self.dice.randint(0, 120)
        strong = self.dice.sample(
            (self.dice.randint(0, 60), self.dice.randint(0, 160), self.dice.randint(60, 220)), 3
        )
        return tuple(strong)

    def paper(self) -> Any:
        return 255 if self.colours == 1 else (255, 255, 255)

    def word(self) -> str:
        """A word of the script: of English half the time, else made of random letters."""
        dice, script = self.dice, self.script
        if self.plain or (script in LATIN and dice.random() < 0.4):
            text = dice.choice(WORDS)
        elif script == "cjk" or script == "hangul":
            low, high = (0x4E00, 0x7FFF) if script == "cjk" else (0xAC00, 0xD7A0)
            return "".join(chr(dice.randint(low, high)) for _ in range(dice.randint(1, 8)))
        else:
            text = "".join(dice.choices(_letters(script), k=min(12, 1 + int(dice.expovariate(0.25)))))
        if script in (*LATIN, "cyrillic", "greek"):
            chance = dice.random()
            text = text.capitalize() if chance < 0.12 else text.upper() if chance < 0.14 else text
            if chance > 0.93:
                text = f"{10 ** dice.uniform(0, 5):.{dice.choice((0, 0, 2))}f}"
            text += dice.choice(MARKS) if dice.random() < 0.15 else ""
        return text


LATIN = ("latin", "script", "blackletter", "maths")


def find_fonts(folder: Path, names: Mapping[str, Sequence[str]] = FONTS) -> dict[str, list[Path]]:
    """The font files of each script below a folder.

    Raises
    ------
    InputError
        When there is no font of a script.
    """
    files = sorted(
        each for each in Path(folder).rglob("*") if each.suffix.lower() in (".ttf", ".otf", ".ttc")
    )
    found = {
        script: [file for file in files if any(_matches(file.stem, name) for name in patterns)]
        for script, patterns in names.items()
    }
    for script, fonts in found.items():
        if not fonts:
            raise InputError(
                f"{folder} has no font for {script}: {', '.join(names[script])}",
                "Unpack the Debian packages that docs/scans.md lists into that folder",
            )
    return found


def _matches(stem: str, name: str) -> bool:
    return stem.startswith(name[:-1]) if name.endswith("*") else stem == name


@functools.lru_cache(maxsize=256)
def face_of(path: Path, size: int, complex_script: bool) -> ImageFont.FreeTypeFont:
    """Open a font; scripts whose letters change their form with their neighbours need Raqm."""
    engine = ImageFont.Layout.RAQM if complex_script else ImageFont.Layout.BASIC
    return ImageFont.truetype(path, size, layout_engine=engine)


@functools.cache
def _letters(script: str) -> str:
    ranges = {
        "cyrillic": [(0x430, 0x44F)],
        "greek": [(0x3B1, 0x3C9), (0x3AC, 0x3AF)],
        "arabic": [(0x627, 0x63A), (0x641, 0x64A)],
        "devanagari": [(0x915, 0x939), (0x93E, 0x944), (0x915, 0x939)],
    }
    if script in ranges:
        return "".join(chr(code) for low, high in ranges[script] for code in range(low, high + 1))
    return "eeeeaaaiiioootttnnnsssrrrhhllddccuummppffggbbvykwjjxzqqiijj" + "éèàäöüßçñåø"
