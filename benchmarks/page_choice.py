"""Whether the default recognises scanned and photographed pages, and nothing else as a page.

    python -m benchmarks.page_choice --fonts FOLDER --photos-dir FOLDER

A labelled set: pages of the generator in held-back fonts, scanned and photographed by simulation, real scans;
renderings, screenshots, drawings, comics, photographs, photographs with a sign, micrographs, MRI. Each goes
through the default and through every path: unchanged, photo-fast, gaussian-fast, page-fast. The table has
what the default chose, and what it loses against the best path in PSNR where the clean image is known.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.common import Desk, arguments, facts, small_images, table
from benchmarks.labelled import photographs
from benchmarks.pages_ocr import DEGRADATIONS, Shelf, shelf_of
from pellucid import load_model
from pellucid.datasets.graphics import draw_page
from pellucid.datasets.pages import draw_clean_page
from pellucid.metrics.quality import psnr
from pellucid.noise.base import NumpyRandom
from pellucid.noise.registry import parse_noise

Levels = NDArray[np.uint8]

PAGE, CLEAN, OTHER = "page", "clean page", "no page"
SEED = 31_000
SIZE = (640, 560)
BEST_DB = 50.0  # what is closer to the clean image counts as equal to it
OWN = "unchanged", "photo-fast", "gaussian-fast", "page-fast"


class Labelled(NamedTuple):
    """An image of the set, uint8 (h, w) or (h, w, 3), and the clean one where it is known."""

    group: str
    label: str
    image: Levels
    clean: Levels | None


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--fonts", type=Path, help="folder of the fonts in docs/scans.md")
    parser.add_argument("--photos-dir", type=Path, help="where the packages of labelled.toml are unpacked")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth image of each set")
    options = parser.parse_args()
    desk, run = Desk("page_choice", options), facts()
    rows: dict[str, list[Any]] = {}
    seen: Counter[str] = Counter()
    for each in labelled(desk, options):
        seen[each.group] += 1
        if seen[each.group] % options.every == 0:
            found = measure(each)
            rows.setdefault(each.group, []).append(found)
            print(each.group, each.label, found, flush=True)
    groups = {name: condensed(name, found) for name, found in rows.items()}
    figures = {"runs": {run["date"]: run}, "groups": groups}
    desk.write(figures)
    desk.publish(report(groups))


def measure(each: Labelled) -> dict[str, Any]:
    """What the default does with an image; where the clean one is known, the PSNR of each path, too.

    The reference of a page is white: `--paper white` is the look in which pages can be compared.
    """
    model = load_model("auto")
    result = model.denoise(each.image, paper="white")
    found: dict[str, Any] = {"label": each.label, "model": result.model, "why": result.why}
    if each.clean is None:
        return found
    scores = {"unchanged": _score(each.image, each.clean)}
    for name in OWN[1:]:
        scores[name] = _score(load_model(name).denoise(each.image, paper="white").image, each.clean)
    found |= {"default": _score(result.image, each.clean), "paths": scores}
    return found


def _score(image: Levels, clean: Levels) -> float:
    return round(min(BEST_DB, psnr(image / 255, clean / 255, data_range=1.0)), 3)


def condensed(group: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of a group."""
    chosen = Counter(_kind(row) for row in rows)
    known = [row for row in rows if "paths" in row]
    losses = [max(0.0, max(row["paths"].values()) - row["default"]) for row in known]
    mean = {name: round(float(np.mean([row["paths"][name] for row in known])), 2) for name in OWN if known}
    return {
        "label": rows[0]["label"],
        "chosen": chosen,
        "default": round(float(np.mean([row["default"] for row in known])), 2) if known else None,
        "paths": mean,
        "loss": round(float(np.mean(losses)), 3) if known else None,
        "worst": round(max(losses), 2) if known else None,
    }


def _kind(row: dict[str, Any]) -> str:
    """What was done: cleaned as a page, left unchanged, or denoised as something else."""
    return {"page-fast": "as a page", "none": "unchanged"}.get(row["model"], "as no page")


def report(groups: dict[str, Any]) -> str:
    """The confusion matrix and the losses."""
    kinds = "as a page", "unchanged", "as no page"
    matrix = [
        [label, *(sum(each["chosen"].get(kind, 0) for each in groups.values() if each["label"] == label)
                  for kind in kinds)]
        for label in (PAGE, CLEAN, OTHER)
    ]  # fmt: skip
    head = "set", "label", *kinds, *OWN, "default", "loss, mean", "worst"
    rows = [
        [name, each["label"], *(each["chosen"].get(kind, 0) for kind in kinds)]
        + [*(each["paths"].get(path, "") for path in OWN)]
        + ["" if each[key] is None else each[key] for key in ("default", "loss", "worst")]
        for name, each in groups.items()
    ]
    return table(("label", *kinds), matrix) + "\nEach set, PSNR and losses in dB:\n\n" + table(head, rows)


# ---- the labelled set ----------------------------------------------------------------------------


def labelled(desk: Desk, options: Any) -> Iterator[Labelled]:
    """The whole set, or two images of each group that needs no data."""
    shelf = shelf_of(options.fonts, tiny=desk.tiny)
    few = 2 if desk.tiny else None
    yield from scanned(shelf, few or 32)
    yield from renderings(shelf, few or 24)
    yield from drawn(few or 12)
    photos = [np.tile((255 * each).astype(np.uint8), (5, 5, 1)) for each in small_images(3)]
    if not desk.tiny:
        photos = [each.levels for each in photographs(options.photos_dir)]
    yield from photographed(photos, shelf)
    if not desk.tiny:
        yield from real(desk)


def scanned(shelf: Shelf, count: int) -> Iterator[Labelled]:
    """Pages in grey and in colour: scanned, and photographed on a table."""
    kinds = list(DEGRADATIONS)
    for number in range(count):
        dpi = (100, 150, 200, 300)[number // 8 % 4]
        for channels, group in ((1, "scans, grey"), (3, "scans, colour")):
            seed = SEED + 2 * number + channels // 2
            clean, _ = draw_clean_page(seed, SIZE, dpi, shelf, channels=channels)
            tint = f",yellow={0.1 * (number % 4)}" if channels == 3 else ""
            scan = parse_noise(f"scan:{dpi},{DEGRADATIONS[kinds[number % 8]]}{tint}")
            yield Labelled(group, PAGE, _apply(scan, clean, seed), clean.squeeze())
        if number % 3 == 0:
            yield Labelled("phone photos of pages", PAGE, photo_of(shelf, SEED + 500 + number), None)
            on_table = photo_of(shelf, SEED + 500 + number, table=True)
            yield Labelled("the same, with the table around", PAGE, on_table, None)


def photo_of(shelf: Shelf, seed: int, *, table: bool = False) -> Levels:
    """A page under uneven light, through the noise of a phone; with `table`, askew on a darker ground."""
    dice = Random(seed)
    page, _ = draw_clean_page(seed, (900, 700), 120, shelf, channels=3)
    if table:
        ground = Image.new("RGB", (800, 1000), tuple(dice.randint(30, 140) for _ in range(3)))
        sheet = Image.fromarray(page).convert("RGBA")
        sheet = sheet.rotate(dice.uniform(-4, 4), Image.Resampling.BICUBIC, expand=True)
        ground.paste(sheet, (dice.randint(0, 60), dice.randint(0, 60)), sheet)
        page = np.array(ground)
    scan = "scan:120,tone=0.7-0.9,yellow=0.1,light=0.3-0.6,blur=0.5-0.9,noise=5-14,quality=60-90"
    return _apply(parse_noise(scan), page, seed)


def renderings(shelf: Shelf, count: int) -> Iterator[Labelled]:
    """Clean pages as a program draws them, and the same as JPEG."""
    for number in range(count):
        seed = SEED + 1000 + number
        channels = 1 + 2 * (number % 2)
        page = draw_clean_page(seed, SIZE, (100, 150, 200)[number % 3], shelf, channels=channels)[0]
        yield Labelled("renderings", CLEAN, page.squeeze(), page.squeeze())
        stored = _apply(parse_noise("scan:150,quality=90"), page, seed)
        yield Labelled("renderings, JPEG 90", CLEAN, stored, page.squeeze())


def drawn(count: int) -> Iterator[Labelled]:
    """Screenshots, drawings and comics, as PNG and as JPEG; screenshots with noise, too."""
    makers: dict[str, Callable[[int], Levels]] = {
        "screenshots": lambda seed: draw_page(np.random.default_rng(seed), SIZE, "screenshot"),
        "drawings": lambda seed: draw_page(np.random.default_rng(seed), SIZE, "drawing"),
        "comics": comic,
    }
    for group, make in makers.items():
        for number in range(count):
            seed = SEED + 2000 + number
            clean = make(seed)
            stored = _apply(parse_noise("scan:150,quality=85"), clean, seed) if number % 2 else clean
            yield Labelled(group, OTHER, stored, clean)
            noisy = _apply(parse_noise(f"gaussian:{(10, 25)[number % 2]}"), clean, seed)
            yield Labelled(f"{group}, noisy", OTHER, noisy, clean)


def comic(seed: int) -> Levels:
    """Panels with flat colours and shades, black outlines, and words in balloons."""
    dice = Random(seed)
    sheet = Image.new("RGB", SIZE[::-1], (255, 255, 255))
    pen = ImageDraw.Draw(sheet)
    tall, wide = SIZE[0] // dice.randint(2, 4), SIZE[1] // dice.randint(1, 3)
    for top in range(0, SIZE[0] - tall // 2, tall):
        for left in range(0, SIZE[1] - wide // 2, wide):
            box = left + 6, top + 6, left + wide - 6, top + tall - 6
            pen.rectangle(box, tuple(dice.randint(80, 255) for _ in range(3)), (0, 0, 0), 3)
            for _ in range(dice.randint(3, 9)):
                x, y = dice.uniform(box[0], box[2]), dice.uniform(box[1], box[3])
                r = dice.uniform(10, tall / 3)
                inside = (max(box[0], x - r), max(box[1], y - r), min(box[2], x + r), min(box[3], y + r))
                if inside[2] > inside[0] + 4 and inside[3] > inside[1] + 4:
                    pen.ellipse(inside, tuple(dice.randint(0, 255) for _ in range(3)), (0, 0, 0), 3)
            x, y = box[0] + 14, box[1] + 12
            if wide > 120:
                pen.ellipse((x, y, x + 110, y + 50), (255, 255, 255), (0, 0, 0), 2)
                pen.text((x + 22, y + 18), dice.choice(("Hello there", "What now?", "Run, run!")), (0, 0, 0))
    return np.array(sheet)


def photographed(photos: Sequence[Levels], shelf: Shelf) -> Iterator[Labelled]:
    """Photographs, noisy ones, and photographs with a sign or a label of text in them."""
    for number, clean in enumerate(photos):
        yield Labelled("photographs", OTHER, clean, clean)
        noisy = _apply(parse_noise(f"gaussian:{(8, 20)[number % 2]}"), clean, SEED + number)
        yield Labelled("photographs, noisy", OTHER, noisy, clean)
        signed = with_sign(clean, shelf, SEED + 3000 + number)
        noisy = _apply(parse_noise(f"gaussian:{(3, 12)[number % 2]}"), signed, SEED + number)
        yield Labelled("photographs with a sign", OTHER, noisy, signed)


def with_sign(photo: Levels, shelf: Shelf, seed: int) -> Levels:
    """A photograph with a board of text over 10 to 50 % of it."""
    dice = Random(seed)
    height, width = photo.shape[:2]
    share = dice.uniform(0.32, 0.7)
    tall, wide = round(height * share), round(width * share)
    board, _ = draw_clean_page(
        seed, (tall, wide), 110, shelf, channels=3, layout="plain", points=dice.uniform(9, 20)
    )
    tinted = board * np.array([dice.uniform(0.6, 1) for _ in range(3)])
    top, left = dice.randint(0, height - tall), dice.randint(0, width - wide)
    result = photo.copy()
    result[top : top + tall, left : left + wide] = tinted.astype(np.uint8)
    return result


def real(desk: Desk) -> Iterator[Labelled]:
    """Real scans, photographs of SIDD and PolyU that may be viewed, micrographs and MRI."""
    for path in sorted((desk.folder("pages/dirty") / "noisy").glob("*.png")):
        yield Labelled("NoisyOffice", PAGE, _read(path), _read(path.parents[1] / "clean" / path.name))
    for path in sorted(desk.folder("pages/ocr").rglob("*")):
        if path.suffix in (".png", ".jpg", ".tif"):
            yield Labelled("real scans", PAGE, _read(path), None)
    polyu = [
        path
        for camera in ("Canon600D", "Canon80D")
        for path in desk.folder("real/polyu").glob(f"{camera}*_real.JPG")
    ]
    for path in [*sorted(desk.folder("real/sidd").glob("*_real.png")), *sorted(polyu)]:
        clean = path.with_name(path.name.replace("_real", "_mean"))
        yield Labelled("SIDD, PolyU", OTHER, _read(path), _read(clean))
    for path in sorted(desk.folder("micro/fmd").glob("*_real.png")):
        yield Labelled("micrographs", OTHER, _read(path), None)


def _read(path: Path) -> Levels:
    with Image.open(path) as image:
        return np.array(image if image.mode in ("L", "RGB") else image.convert("L"))


def _apply(noise: Any, clean: Levels, seed: int) -> Levels:
    noisy = noise.apply(clean.astype(np.float32) / 255, NumpyRandom(seed))
    levels: Levels = np.rint(255 * noisy.clip(0, 1)).astype(np.uint8).squeeze()
    return levels


if __name__ == "__main__":
    main()
