"""Draw the errors and accuracies that benchmarks/codes.py measured.

python -m tools.code_figure
"""

import json
from typing import Any

import matplotlib.ticker
from matplotlib.figure import Figure

from benchmarks.codes import METHODS, NUMBERS
from benchmarks.common import DOCS, HERE
from pellucid.evaluation.figures import TEXT, save_figure

ERRORS = (0.002, 0.005, 0.01, 0.02, 0.05)  # where the axis has lines
COLOURS, MARKS = ("#d55e00", "#0f7fc4"), ("s", "o")


def draw(figures: dict[str, Any]) -> Figure:
    """Error and accuracy of both methods against the dimensions of the code."""
    figure = Figure(figsize=(8, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, colour, mark in zip(METHODS, COLOURS, MARKS, strict=True):
        entries = sorted((int(count), entry) for count, entry in figures["pca"].get(name, {}).items())
        counts = [count for count, _ in entries]
        for axes, key in ((left, "mse"), (right, "accuracy")):
            values = [entry[key] for _, entry in entries]
            axes.plot(counts, values, color=colour, marker=mark, markersize=7, linewidth=2, label=name)
    right.axhline(figures["pixels"]["accuracy"], color=TEXT, linestyle="--", label="pixels")
    left.set_yscale("log")
    left.set_yticks(ERRORS, [f"{error:g}" for error in ERRORS])
    left.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    left.set_ylabel("mean squared error", color=TEXT)
    right.set_ylabel("5-NN accuracy", color=TEXT)
    right.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, decimals=0))
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(NUMBERS, list(map(str, NUMBERS)))
        axes.set_xlabel("dimensions of the code", color=TEXT)
        axes.grid(color=TEXT, alpha=0.25)
        axes.tick_params(which="both", colors=TEXT)
        axes.spines[:].set_color(TEXT)
        axes.legend(labelcolor=TEXT, frameon=False)
    return figure


def main() -> None:
    figures = json.loads((HERE / "results" / "codes.json").read_text())
    save_figure(draw(figures), DOCS / "figures" / "codes.svg", tight=False)


if __name__ == "__main__":
    main()
