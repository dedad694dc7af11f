"""A chart of noise against brightness."""

import numpy as np
from matplotlib.figure import Figure

from pellucid.evaluation.figures import TEXT
from pellucid.inference.analysis import Analysis


def draw_noise(found: Analysis, title: str) -> Figure:
    """Draw the level of the noise against brightness: what was measured, and the line through it.

    Parameters
    ----------
    found : Analysis
    title : str

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    ends, unit = (found.black, found.black + found.white), 255 / found.white
    bright = np.linspace(*ends, 101)
    names = ("grey",) if len(found.gain) == 1 else ("red", "green", "blue")
    colours = (TEXT,) if len(found.gain) == 1 else ("#d62728", "#2ca02c", "#1f77b4")
    for gain, offset, name, colour in zip(found.gain, found.offset, names, colours, strict=True):
        level = np.sqrt(np.maximum(gain * bright + offset, 0))
        axes.plot(bright, unit * level, color=colour, label=f"{name}: sqrt(gain x brightness + offset)")
    if found.curve:
        measured, levels = np.array(found.curve).T
        axes.plot(measured, unit * levels, "o", color=TEXT, markersize=4, label="measured")
    axes.set(xlabel="brightness", ylabel="noise, standard deviation of 255", xlim=ends, title=title)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, labelcolor=TEXT, fontsize="small")
    axes.tick_params(colors=TEXT)
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        text.set_color(TEXT)
    axes.spines[:].set_color(TEXT)
    return figure
