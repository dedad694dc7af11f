"""The quality of each method, and what it costs.

    python -m benchmarks.quality                      # every method, set and sigma; hours, because of BM3D
    python -m benchmarks.quality --methods gaussian-fast,gaussian-instant
    python -m benchmarks.quality --methods bm3d --sets set12 --sigmas 25 --limit 6
    python -m benchmarks.quality --timing             # CPU time of all methods in one run, on a quiet machine
    python -m benchmarks.quality --draw               # tables and image from the figures that are kept

Each run adds its figures to those kept in results/quality.json, and renews the tables and the image. PSNR
is that of each image in float against the clean 8-bit image, then the mean; noise is of seed 0. "float"
noise is neither clipped nor rounded; "clipped" input was saved in 8 bits, as the files that people have.
"""

import argparse
import itertools
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.common import Desk, add_noise, arguments, best_times, facts, megapixels, table
from benchmarks.peers import PEERS, Method, methods, use_one_thread
from pellucid.metrics.quality import psnr

Figures: TypeAlias = dict[str, Any]

SETS = {"set12": 1, "bsd68": 1, "cbsd68": 3, "mcmaster": 3}  # channels
TITLES = {"set12": "Set12", "bsd68": "BSD68", "cbsd68": "CBSD68", "mcmaster": "McMaster"}
LABELS = {
    "skimage-wavelet": "wavelet, scikit-image",
    "skimage-tv": "TV, scikit-image",
    "skimage-nlm": "NLM, scikit-image",
    "opencv-nlm": "NLM, OpenCV",
    "bm3d": "BM3D",
}
SIGMAS = (15, 25, 50)
PROTOCOLS = ("float", "clipped")
TIMED = {"grey": ("set12", 8), "colour": ("mcmaster", 1)}  # the number of the image that is timed


def parse() -> argparse.Namespace:
    parser = arguments(__doc__)
    known = {"protocols": PROTOCOLS, "sets": SETS, "sigmas": SIGMAS, "methods": methods()}
    for name, values in known.items():
        parser.add_argument(f"--{name}", default=",".join(map(str, values)), help="(default: %(default)s)")
    parser.add_argument("--limit", type=int, help="only the first images of each set")
    parser.add_argument("--timing", action="store_true", help="measure CPU time and no quality")
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    options = parser.parse_args()
    for name, values in known.items():
        chosen = getattr(options, name).split(",")
        if unknown := set(chosen) - set(map(str, values)):
            parser.error(f"unknown {name}: {', '.join(unknown)}")
        setattr(options, name, chosen)
    if options.tiny:
        options.sets, options.sigmas, options.limit = ["set12", "cbsd68"], ["25"], 1
    return options


def measure_quality(desk: Desk, options: argparse.Namespace, figures: Figures) -> None:
    """Add each image's PSNR under protocol/set/sigma/method."""
    run = facts()
    figures.setdefault("runs", {})[run["date"]] = run
    for name in options.sets:
        images = desk.images(f"test/{name}", SETS[name], options.limit)
        for protocol, sigma, method in itertools.product(options.protocols, options.sigmas, options.methods):
            each = score(methods()[method], images, float(sigma), clipped=protocol == "clipped")
            entry = {"psnr": each, "mean": round(float(np.mean(each)), 3), "run": run["date"]}
            figures.setdefault("quality", {})[f"{protocol}/{name}/{sigma}/{method}"] = entry
            print(protocol, name, sigma, method, entry["mean"], flush=True)
            desk.write(figures)


def score(method: Method, images: Iterable[Any], sigma: float, *, clipped: bool) -> list[float]:
    """The PSNR in dB of each image."""
    return [
        round(psnr(method(add_noise(clean, sigma, clipped=clipped), sigma / 255), clean, data_range=1.0), 3)
        for clean in images
    ]


def measure_time(desk: Desk, options: argparse.Namespace, figures: Figures) -> None:
    """CPU seconds a megapixel of all methods in one run, on one thread."""
    seconds: dict[str, dict[str, float]] = {}
    for kind, (name, number) in TIMED.items():
        clean = desk.images(f"test/{name}", SETS[name], number)[-1]
        noisy = add_noise(clean, 25, clipped=False)
        calls = {method: partial(methods()[method], noisy, 25 / 255) for method in options.methods}
        best = best_times(calls, rounds=1 if options.tiny else 9)
        seconds[kind] = {method: float(f"{best[method].cpu / megapixels([noisy]):.3g}") for method in calls}
    figures["timing"] = {"facts": facts(), "seconds": seconds}
    desk.write(figures)


def quality_tables(figures: Figures, order: Sequence[str]) -> str:
    """A table for each protocol; a method that saw only a set's first images is compared on those."""
    quality = figures.get("quality", {})
    text = ""
    for protocol in PROTOCOLS:
        rows = [
            row
            for name, sigma in itertools.product(SETS, SIGMAS)
            for row in _rows(quality, f"{protocol}/{name}/{sigma}", f"{TITLES[name]}, {sigma}", order)
        ]
        if rows:
            words = {
                "float": "Noise not clipped",
                "clipped": "Input clipped and rounded to 8 bit, as in files",
            }
            text += f"{words[protocol]}: mean PSNR in dB.\n\n" + table(("Set, sigma", *order), rows) + "\n"
    return text


def _rows(quality: Figures, key: str, title: str, order: Sequence[str]) -> list[list[str]]:
    scores = {name: quality[f"{key}/{name}"]["psnr"] for name in order if f"{key}/{name}" in quality}
    counts = sorted({len(each) for each in scores.values()}, reverse=True)
    return [
        [title if count == counts[0] else f"{title}, first {count}"]
        + [
            f"{np.mean(scores[name][:count]):.2f}" if len(scores.get(name, ())) >= count else "–"
            for name in order
        ]
        for count in counts
    ]


def timing_table(figures: Figures, order: Sequence[str]) -> str:
    if "timing" not in figures:
        return ""
    seconds = figures["timing"]["seconds"]
    rows = [[kind, *(times.get(name, "–") for name in order)] for kind, times in seconds.items()]
    head = "CPU seconds a megapixel on one thread, all in one run:\n\n"
    return head + table(("Images", *order), rows)


def draw(figures: Figures, path: Path) -> None:
    """Quality against time, both grey: float noise of sigma 25 on Set12."""
    import matplotlib
    from matplotlib.figure import Figure

    seconds = figures["timing"]["seconds"]["grey"]
    scores = {
        name: figures["quality"][key]["psnr"]
        for name in seconds
        if (key := f"float/set12/25/{name}") in figures["quality"]
    }
    count = min(map(len, scores.values()))
    points = {name: (seconds[name], float(np.mean(each[:count]))) for name, each in scores.items()}
    which = "Set12" if count == max(map(len, scores.values())) else f"Set12's first {count} images"
    # One grey for the words that white and black pages both let read, and nothing behind them.
    words, blue, orange = "#808080", "#0f7fc4", "#d55e00"
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "pellucid", "font.size": 11}):
        figure = Figure(figsize=(8, 4.8), layout="constrained")
        axes = figure.add_subplot(xscale="log")
        edge = sorted(point for name, point in points.items() if name not in PEERS)
        axes.plot(*zip(*edge, strict=True), color=blue, linewidth=2, zorder=1)
        for name, (x, y) in points.items():
            peer = name in PEERS
            axes.plot(x, y, "s" if peer else "o", markersize=9, color=orange if peer else blue)
            axes.annotate(
                LABELS.get(name, name),
                (x, y),
                textcoords="offset points",
                xytext=(0, -19) if peer else (-5, 9),
                ha="center" if peer else "right",  # the line goes to the right
                color=words if peer else blue,
                weight="normal" if peer else "bold",
            )
        axes.set_xlabel("CPU seconds a megapixel (one thread)", color=words)
        axes.set_ylabel("PSNR, dB", color=words)
        axes.set_title(f"Noise of sigma 25 on {which}: up and to the left is better", color=words, size=12)
        axes.margins(y=0.18)
        axes.set_xlim(min(seconds.values()) / 8, max(seconds.values()) * 2.5)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(color=words, alpha=0.25)
        axes.tick_params(which="both", colors=words)
        axes.spines[:].set_color(words)
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, transparent=True, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    options = parse()
    use_one_thread()
    desk = Desk("quality", options)
    figures = desk.read()
    if not options.timing and not options.draw:
        measure_quality(desk, options, figures)
    if options.timing or options.tiny:
        measure_time(desk, options, figures)
    desk.forget_old_runs(figures)
    desk.write(figures)
    if "timing" in figures:
        draw(figures, desk.figures / "quality-time.svg")
    desk.publish(quality_tables(figures, list(methods())) + timing_table(figures, list(methods())))


if __name__ == "__main__":
    main()
