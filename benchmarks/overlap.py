"""How much neighbouring tiles must share, and how large a tile should be.

    python -m benchmarks.overlap                            # of every network that ships
    python -m benchmarks.overlap runs/a/a.onnx runs/b/b.onnx

The overlap of a network is the smallest halo with which every pixel of every tune image at every sigma
differs by less than a quarter of a grey level from the whole image's result; its card should say it. A
network for photographs gets a camera's noise at several ISO instead.
Tiles are as small as the halo allows, so that cuts lie everywhere. Then a large image is run in tiles of
several sizes.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.common import Desk, add_noise, arguments, best_times, facts, megapixels, table
from pellucid.inference import index
from pellucid.inference.card import Card
from pellucid.inference.overview import Layout
from pellucid.inference.session import RunOptions, Session
from pellucid.inference.stream import Work, stream
from pellucid.inference.tiling import plan
from pellucid.io.sink import ArraySink
from pellucid.io.source import ArraySource
from pellucid.noise.base import NumpyRandom
from pellucid.noise.camera import Camera

Given: TypeAlias = float | tuple[float, ...]

SIGMAS = (5, 15, 25, 50, 75)
ISOS = (800.0, 3200.0, 12800.0)
TOLERANCE = 0.25 / 255
CORE = 64  # pixels of a tile that are not halo
SIZES = (256, 384, 512, 768, 1024, 1152, 1536)


def tiled(session: Session, noisy: Any, given: Given, halo: int, largest: int) -> Any:
    """The result for an image in tiles of `largest` pixels; a tile that contains all of it is the whole."""
    height, width, channels = noisy.shape
    stride = session.card.stride
    tiles = plan(height, width, stride=stride, halo=halo, fits=lambda *sides: max(sides) <= largest)
    assert tiles is not None
    denoised = np.empty_like(noisy)
    layout = Layout(channels, grey=False, alpha=False, nodata=None)
    work = Work(tiles, lambda tile: session.run(tile, given))
    stream(ArraySource(noisy), ArraySink(denoised), layout, work)
    return denoised


def cases(session: Session, images: list[Any]) -> Iterator[tuple[Any, Given, Any]]:
    """Each noisy image with what the network is given and the result for the whole of it."""
    for clean in images:
        for noisy, given in degraded(session.card, clean):
            yield noisy, given, tiled(session, noisy, given, 0, 1 << 20)


def degraded(card: Card, clean: Any) -> Iterator[tuple[Any, Given]]:
    """White noise for a network that is given its level, a camera's for one that finds it."""
    if card.sigma is None:
        for iso in ISOS:
            noisy = Camera(iso).apply(clean, NumpyRandom(0)).astype(np.float32)
            yield noisy, (1.0,) * min(2, card.channels)
    else:
        for sigma in SIGMAS:
            yield add_noise(clean, sigma, clipped=True), sigma / 255


def smallest_overlap(path: Path, images: list[Any]) -> dict[str, Any]:
    """Raise the halo, stride by stride, until no image differs by more than the tolerance."""
    session = Session(path, RunOptions(threads=1))
    card = session.card
    halo, worst, seen = 0, 0.0, {}
    for noisy, given, whole in cases(session, images):
        while (found := difference(session, noisy, given, whole, halo)) >= TOLERANCE and halo < card.radius:
            seen[str(halo)] = round(255 * found, 3)
            halo, worst = halo + card.stride, 0.0
        worst = max(worst, found)
    return {
        "overlap": min(halo, card.radius),
        "radius": card.radius,
        "worst": round(255 * worst, 3),
        "refused": seen,
    }


def difference(session: Session, noisy: Any, given: Given, whole: Any, halo: int) -> float:
    return float(abs(tiled(session, noisy, given, halo, 2 * halo + CORE) - whole).max())


def tile_times(path: Path, halo: int, side: int, rounds: int) -> dict[str, list[float]]:
    """CPU and wall seconds a megapixel of a square image for each tile size, all cores."""
    session = Session(path)
    noisy = np.random.default_rng(0).random((side, side, session.card.channels), np.float32)
    given = 0.1 if session.card.sigma else (1.0,) * min(2, session.card.channels)
    calls = {
        str(size): partial(tiled, session, noisy, given, halo, size)
        for size in SIZES
        if 2 * halo < size <= side
    }
    best = best_times(calls, rounds=rounds, patience=60)
    return {name: [round(each / megapixels([noisy]), 3) for each in best[name]] for name in calls}


def networks(options: argparse.Namespace) -> list[Path]:
    return options.networks or [entry.path for entry in index.shipped() if entry.kind != "noise-estimator"]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("networks", nargs="*", type=Path, help=".onnx files; by default those that ship")
    options = parser.parse_args()
    desk = Desk("overlap", options)
    figures: dict[str, Any] = {"overlap": {}, "tiles": {}, "runs": {}} | desk.read()
    run = facts()
    figures["runs"][run["date"]] = run
    for path in networks(options):
        card: Card = Session(path).card
        found = smallest_overlap(path, desk.images("photos/tune", card.channels))
        figures["overlap"][path.stem] = {**found, "run": run["date"]}
        figures["tiles"][path.stem] = tile_times(
            path, found["overlap"], 512 if desk.tiny else 3072, 1 if desk.tiny else 3
        )
        desk.forget_old_runs(figures)
        desk.write(figures)
    desk.publish(tables(figures))


def tables(figures: dict[str, Any]) -> str:
    overlaps = [
        [name, entry["overlap"], entry["radius"], entry["worst"]]
        for name, entry in figures["overlap"].items()
    ]
    text = table(
        ("Network", "overlap, pixels", "receptive radius", "largest difference, grey levels"), overlaps
    )
    text += "\nCPU / wall seconds a megapixel for tiles of so many pixels a side, with that overlap:\n\n"
    rows = [
        [name, *("{} / {}".format(*times[str(size)]) if str(size) in times else "–" for size in SIZES)]
        for name, times in figures["tiles"].items()
    ]
    return text + table(("Network", *SIZES), rows)


if __name__ == "__main__":
    main()
