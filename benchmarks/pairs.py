"""Real noisy images with their clean ones: what the default and every own path reach on them."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.cells import Case
from benchmarks.common import table
from benchmarks.paths import UNCHANGED, Own, chosen, score
from pellucid.datasets.folder import read_samples
from pellucid.io.image import to_float

Figures: TypeAlias = dict[str, Any]

DEFAULT = "default"


class Pair(NamedTuple):
    """An image as the instrument wrote it, and the mean of many."""

    name: str
    noisy: NDArray[np.uint8]  # (h, w, c)
    clean: NDArray[np.uint8]  # (h, w, c)


def read_pairs(folder: Path, channels: int) -> Iterator[Pair]:
    """Pairs of files ``NAME_real.png`` or ``NAME_SHOT_real.png`` with their ``NAME_mean.png`` (or JPG)."""
    for file in sorted(folder.glob("*_real.*")):
        name = file.stem.removesuffix("_real")
        means = [folder / f"{each}_mean{file.suffix}" for each in (name, name.rpartition("_")[0])]
        clean = next(mean for mean in means if mean.exists())
        yield Pair(name, read_samples(file, channels), read_samples(clean, channels))


def measure(pairs: Iterable[Pair]) -> Figures:
    """For each pair the PSNR in dB of the default and of each path, 8 bit in and out."""
    own, figures = Own(), {}
    for name, noisy, clean in pairs:
        case = Case(noisy, to_float(clean))
        output, kind = chosen(noisy)
        paths = own.measure(case, margin=math.inf)
        figures[name] = {"kind": kind, DEFAULT: round(score(case, output), 3), "paths": paths}
        print(name, kind, figures[name][DEFAULT], best(paths), flush=True)
    return figures


def best(paths: Mapping[str, float]) -> tuple[str, float]:
    return max(paths.items(), key=lambda pair: pair[1])


def tables(figures: Figures, groups: Mapping[str, Sequence[str]]) -> str:
    """The mean of each method over groups of images, and then each image.

    A path with parameters given uses those of the noise that is there, which nobody has: an upper bound.
    """
    methods: dict[str, dict[str, float]] = {
        "noisy": {name: each["paths"][UNCHANGED] for name, each in figures.items()},
        DEFAULT: {name: each[DEFAULT] for name, each in figures.items()},
    }
    for path in sorted({path for each in figures.values() for path in each["paths"]} - {UNCHANGED}):
        # A path that is not taken, since no noise was found, leaves the image unchanged.
        methods[path] = {
            name: each["paths"].get(path, each["paths"][UNCHANGED]) for name, each in figures.items()
        }
    methods["best path of each image"] = {name: best(each["paths"])[1] for name, each in figures.items()}
    rows = [
        [method, *(f"{np.mean([values[name] for name in names]):.2f}" for names in groups.values())]
        for method, values in methods.items()
    ]
    text = table(("PSNR, dB", *(f"{title} ({len(names)})" for title, names in groups.items())), rows)
    lines = [_line(name, each) for name, each in figures.items()]
    return f"{text}\n" + table(("Image", "noisy", DEFAULT, "kind found", "best path", "PSNR", "loss"), lines)


def _line(name: str, each: Figures) -> list[str]:
    path, value = best(each["paths"])
    loss = max(0.0, value - each[DEFAULT])
    noisy, default = each["paths"][UNCHANGED], each[DEFAULT]
    return [name, f"{noisy:.2f}", f"{default:.2f}", each["kind"], path, f"{value:.2f}", f"{loss:.2f}"]
