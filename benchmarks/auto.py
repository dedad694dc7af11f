"""Whether the default does the best with every image that Pellucid's own networks can do.

    python -m benchmarks.auto --photos-dir FOLDER             # all of it; an hour or more
    python -m benchmarks.auto --photos-dir FOLDER --quick     # an eighth of it
    python -m benchmarks.auto --photos-dir FOLDER --cells phone --cache FOLDER   # adds its figures

`labelled.toml` lists photographs that nothing else uses, `cells.py` what is done to them. Each noisy image
goes through every own path (`paths.py`): each network, with its level given and estimated, with and without
variance stabilisation, and unchanged. What the default loses against the best of them, for each image, is
what counts; next to it stands how often it found the kind of noise that is there. `--cache` keeps the PSNR
of the paths, which only change with the networks, so that a second run measures the choice alone; `--kept`
takes that of the best path from the last run's figures.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.cells import Cell, all_cells
from benchmarks.common import Desk, arguments, facts, table
from benchmarks.labelled import Photograph, photographs, tiny_photographs
from benchmarks.paths import Own, chosen, score

Figures: TypeAlias = dict[str, Any]

LARGE, SLOW = "12 megapixels", "best|instant"  # networks that no default would run at such a size
SPARED = (
    r"12 megapixels|96 x 128|white: (3|15|40|75)|alone: (60|85)|by 1.5|JPEG 85"
    r"|photons: (3|30|300)(, read noise)?$|photons: (1|10|100|1000)(, read noise)?, grey$"
)
"""Cells that a quick run leaves out, since others are near."""

KEPT = "best path of the last run"

Rows: TypeAlias = dict[str, list[Any]]
"""Of the images of one cell: image, noisy, default and best path's PSNR, the kind found, the best path."""
TINY = ("white: 25", "photons: 30", "phone: 20 dB", "alpha: white 25", "no noise: photograph")


def parse() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--photos-dir", type=Path, help="where the packages of labelled.toml are unpacked")
    parser.add_argument("--quick", action="store_true", help="an eighth of it; keeps no figures")
    parser.add_argument("--cells", default="", metavar="PATTERN", help="only the cells with such titles")
    parser.add_argument("--part", default="1/1", metavar="K/N", help="every Nth cell, from the Kth")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keep the PSNR of the paths there")
    parser.add_argument("--kept", action="store_true", help="measure the default alone; keep the best paths")
    parser.add_argument("--worst", type=int, default=25, help="print so many of the largest losses")
    return parser.parse_args()


def main() -> None:
    options = parse()
    desk = Desk("auto", options)
    images = tiny_photographs() if desk.tiny else photographs(options.photos_dir, quick=options.quick)
    run, cells = facts(), {}
    last = desk.read().get("cells", {}) if options.kept else {}
    for number, cell in wanted(options):
        # A quick run takes half of its photographs for each cell, in turns.
        rows = measure(
            cell, images[number % 2 :: 2] if options.quick else images, options, last.get(cell.title)
        )
        cells[cell.title] = rows
        print(f"{cell.title}: {summary(rows)}", flush=True)
    print_worst(cells, options.worst)
    figures: Figures = {} if options.quick else desk.read()
    figures.setdefault("runs", {})[run["date"]] = run
    kept = figures.setdefault("cells", {})
    rights = {cell.title: list(cell.right) for cell in all_cells()}
    for title, rows in cells.items():
        paths = {"paths": last[title]["paths"]} if title in last else {}
        kept[title] = condensed(rows, rights[title]) | paths | {"run": run["date"]}
    figures["cells"] = {title: kept[title] for title in rights if title in kept}  # in the tables' order
    if options.quick:
        print(tables(figures))
        return
    desk.forget_old_runs(figures)
    desk.write(figures)
    desk.publish(tables(figures))


def wanted(options: argparse.Namespace) -> Iterator[tuple[int, Cell]]:
    first, step = map(int, options.part.split("/"))
    for number, cell in list(enumerate(all_cells()))[first - 1 :: step]:
        if options.tiny:
            use = cell.title in TINY
        else:
            use = not (options.quick and re.search(SPARED, cell.title))
        if use and re.search(options.cells, cell.title):
            yield number, cell


def measure(cell: Cell, images: list[Photograph], options: argparse.Namespace, last: Figures | None) -> Rows:
    """What the default and the best of all paths reach on each image of a cell."""
    own = Own(options.cache and options.cache / f"{cell.title.replace(' ', '_').replace(':', '')}.json")
    without = "instant|estimated" if options.quick else SLOW if cell.source == LARGE else "nothing"
    rows: Rows = {name: [] for name in ("image", "noisy", "default", "best", "kind", "path")}
    for number, (name, clean, seed) in enumerate(cell.images(images)):
        case = cell.make(clean, seed)
        output, kind = chosen(case.noisy)
        default = score(case, output)
        if last is None:
            paths = own.measure(case, without=without)
            path, best = max(paths.items(), key=lambda pair: pair[1])
        else:
            path, best = KEPT, max(default, last["best"][number])
        values = name, score(case, case.noisy), default, best, kind, path
        for column, value in zip(rows.values(), values, strict=True):
            column.append(round(value, 3) if isinstance(value, float) else value)
        if last is None:
            own.save()
    return rows


def losses(rows: Figures) -> list[float]:
    """Of each image, in dB, what the default has less than the best path; 0 where it has more."""
    return [max(0.0, best - default) for best, default in zip(rows["best"], rows["default"], strict=True)]


def summary(rows: Rows) -> str:
    loss, kinds = losses(rows), Counter(rows["kind"]).most_common()
    text = ", ".join(f"{count} {kind}" for kind, count in kinds)
    return f"loss {np.mean(loss):.2f}, worst {max(loss):.2f}; {text}"


def print_worst(cells: dict[str, Rows], count: int) -> None:
    found = [
        (loss, title, *line)
        for title, rows in cells.items()
        for loss, line in zip(losses(rows), zip(*rows.values(), strict=True), strict=True)
    ]
    for loss, title, image, noisy, default, best, kind, path in sorted(found, reverse=True)[:count]:
        words = f"{kind} {default:.2f}, but {path} {best:.2f} (noisy {noisy:.2f})"
        print(f"{loss:5.2f} dB: {title}, {image}: {words}")


def condensed(rows: Rows, right: list[str]) -> Figures:
    """The figures of a cell that are kept."""
    loss = losses(rows)
    return {
        **{name: rows[name] for name in ("noisy", "default", "best")},
        "worst": rows["image"][int(np.argmax(loss))],
        "right": sum(kind in right for kind in rows["kind"]),
        "kinds": Counter(rows["kind"]),
        "paths": Counter(rows["path"]),
    }


# ---- the tables ----------------------------------------------------------------------------------


def tables(figures: Figures) -> str:
    cells = figures["cells"]
    groups: dict[str, list[Figures]] = {}
    for title, found in cells.items():
        groups.setdefault(re.split(r":| of | \d", title)[0], []).append(found)
    groups["all"] = list(cells.values())
    head = ("images", "noisy", "default", "best path", "loss, mean", "worst", "right")
    text = "Mean PSNR and losses in dB, by kind of cell:\n\n"
    text += table(("Cells", *head), [[name, *line(parts)] for name, parts in groups.items()])
    text += "\nEach cell:\n\n"
    lines = [[title, *line([found]), most(found["paths"])] for title, found in cells.items()]
    return text + table(("Cell", *head, "best path, most often"), lines)


def line(parts: list[Figures]) -> list[str]:
    """The figures of some cells; each image counts alike."""
    columns = [[value for each in parts for value in each[name]] for name in ("noisy", "default", "best")]
    loss = [value for each in parts for value in losses(each)]
    share = sum(each["right"] for each in parts) / len(loss)
    means = [f"{np.mean(values):.2f}" for values in columns]
    return [str(len(loss)), *means, f"{np.mean(loss):.3f}", f"{max(loss):.2f}", f"{share:.0%}"]


def most(counts: dict[str, int]) -> str:
    return max(counts, key=lambda name: counts[name])


if __name__ == "__main__":
    main()
