"""Whether the default does the best with every image that Pellucid's own networks can do.

    python -m benchmarks.auto --photos-dir FOLDER             # all of it; hours at first
    python -m benchmarks.auto --photos-dir FOLDER --quick     # an eighth of it
    python -m benchmarks.auto --photos-dir FOLDER --cells phone --cache FOLDER

`labelled.toml` lists photographs that nothing else uses, `cells.py` what is done to them. Each noisy image
goes through every own path (`paths.py`): each network, with its level given and estimated, with and without
variance stabilisation, and unchanged. What the default loses against the best of them, for each image, is
what counts; next to it stands how often it found the kind of noise that is there. `--cache` keeps the PSNR
of the paths, which only change with the networks, so that a second run measures the choice alone.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.cells import Case, Cell, all_cells
from benchmarks.common import Desk, arguments, facts, table
from benchmarks.labelled import Photograph, photographs, tiny_photographs
from benchmarks.paths import UNCHANGED, Own, chosen, score

Figures: TypeAlias = dict[str, Any]

LARGE, SLOW = "12 megapixels", "best|instant"  # networks that no default would run at such a size
SPARED = (
    r"12 megapixels|96 x 128|white: (3|15|40|75)|alone: (60|85)|by 1.5|JPEG 85"
    r"|photons: (3|30|300)(, read noise)?$|photons: (1|10|100|1000)(, read noise)?, grey$"
)
"""Cells that a quick run leaves out, since others are near."""
TINY = ("white: 25", "photons: 30", "phone: 20 dB", "alpha: white 25", "no noise: photograph")


def parse() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--photos-dir", type=Path, help="where the packages of labelled.toml are unpacked")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="an eighth of it, parameters given alone; keeps no figures",
    )
    parser.add_argument("--cells", default="", metavar="PATTERN", help="only these; keeps no figures")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep the PSNR of the paths there")
    parser.add_argument("--paths-only", action="store_true", help="fill the cache; keeps no figures")
    parser.add_argument("--worst", type=int, default=25, help="print so many of the largest losses")
    return parser.parse_args()


def main() -> None:
    options = parse()
    desk = Desk("auto", options)
    trial = bool(options.quick or options.cells or options.paths_only)
    pictures = tiny_photographs() if desk.tiny else photographs(options.photos_dir, quick=options.quick)
    figures: Figures = {"facts": facts(), "cells": {}}
    for number, cell in wanted(options):
        # A quick run takes half of its photographs for each cell, in turns.
        found = measure(cell, pictures[number % 2 :: 2] if options.quick else pictures, options)
        if found["images"]:
            figures["cells"][cell.title] = found
            print(f"{cell.title}: {summary(found)}", flush=True)
    if not options.paths_only:
        print_worst(figures, options.worst)
    if trial:
        print(tables(figures))
    else:
        desk.write(figures)
        desk.publish(tables(figures))


def wanted(options: argparse.Namespace) -> Iterator[tuple[int, Cell]]:
    for number, cell in enumerate(all_cells()):
        if options.tiny:
            use = cell.title in TINY
        else:
            use = not (options.quick and re.search(SPARED, cell.title))
        if use and re.search(options.cells, cell.title):
            yield number, cell


def measure(cell: Cell, pictures: list[Photograph], options: argparse.Namespace) -> Figures:
    """For each image of a cell the PSNR of every path, of the default, and the kind that it found."""
    own = Own(options.cache and options.cache / f"{cell.title.replace(' ', '_').replace(':', '')}.json")
    found: Figures = {"right": cell.right, "images": {}}
    for name, clean, seed in cell.images(pictures):
        case = cell.make(clean, seed)
        without = "instant|estimated" if options.quick else SLOW if cell.source == LARGE else "nothing"
        paths = own.measure(case, without=without)
        found["images"][name] = entry = {"paths": paths}
        if not options.paths_only:
            entry |= choice(case)
        own.save()
    return found


def choice(case: Case) -> Figures:
    output, kind = chosen(case.noisy)
    return {"default": round(score(case, output), 3), "kind": kind}


# ---- losses --------------------------------------------------------------------------------------


def best(paths: dict[str, float]) -> tuple[str, float]:
    """Name and PSNR of the best path."""
    return max(paths.items(), key=lambda pair: pair[1])


def losses(found: Figures) -> dict[str, float]:
    """Of each image, in dB, what the default has less than the best path; 0 where it has more."""
    return {
        name: max(0.0, best(each["paths"])[1] - each["default"]) for name, each in found["images"].items()
    }


def right(found: Figures) -> list[bool]:
    return [each["kind"] in found["right"] for each in found["images"].values()]


def summary(found: Figures) -> str:
    if "default" not in next(iter(found["images"].values())):
        return "kept"
    kinds = Counter(each["kind"] for each in found["images"].values())
    loss = list(losses(found).values())
    text = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return f"loss {np.mean(loss):.2f}, worst {max(loss):.2f}; {text}"


def print_worst(figures: Figures, count: int) -> None:
    rows = [
        (loss, title, name, found["images"][name])
        for title, found in figures["cells"].items()
        for name, loss in losses(found).items()
    ]
    for loss, title, name, each in sorted(rows, key=lambda row: -row[0])[:count]:
        path, value = best(each["paths"])
        print(
            f"{loss:5.2f} dB: {title}, {name}: {each['kind']} {each['default']:.2f}, but {path} {value:.2f}"
            f" (noisy {each['paths'][UNCHANGED]:.2f})"
        )


# ---- the tables ----------------------------------------------------------------------------------


def tables(figures: Figures) -> str:
    cells = figures["cells"]
    if any("default" not in each for found in cells.values() for each in found["images"].values()):
        return ""
    groups: dict[str, list[Figures]] = {}
    for title, found in cells.items():
        groups.setdefault(re.split(r":| of | \d", title)[0], []).append(found)
    groups["all"] = list(cells.values())
    head = ("images", "noisy", "default", "best path", "loss, mean", "worst")
    text = "Mean PSNR and losses in dB, by kind of cell:\n\n"
    text += table(("Cells", *head, "right"), [[name, *row(parts)] for name, parts in groups.items()])
    text += "\nEach cell:\n\n"
    lines = [[title, *row([found]), most_often(found)] for title, found in cells.items()]
    return text + table(("Cell", *head, "right", "best path, most often"), lines)


def row(parts: list[Figures]) -> list[str]:
    """The figures of some cells; each image counts alike."""
    images = [each for found in parts for each in found["images"].values()]
    figures: list[list[float]] = [
        [each["paths"][UNCHANGED] for each in images],
        [each["default"] for each in images],
        [best(each["paths"])[1] for each in images],
    ]
    texts = [f"{np.mean(values):.2f}" for values in figures]
    loss = [value for found in parts for value in losses(found).values()]
    texts += [f"{np.mean(loss):.3f}", f"{max(loss):.2f}"]
    share = np.mean([each for found in parts for each in right(found)])
    return [str(len(images)), *texts, f"{share:.0%}"]


def most_often(found: Figures) -> str:
    return Counter(best(each["paths"])[0] for each in found["images"].values()).most_common(1)[0][0]


if __name__ == "__main__":
    main()
