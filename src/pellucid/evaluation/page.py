"""The content of the report's page: tables, plots, images and cards, ready for the template."""

import json
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path
from typing import Any

from pellucid.evaluation.figures import Axis, Series, chart_svg
from pellucid.evaluation.results import CodeFacts, Curve, Drawing, Evaluation, Figure, Gallery, Network, Row
from pellucid.inference.card import Card, words

SHOWN_SIDE = 112  # pixels of the page, about, for a small image
NO_FIGURES = {"step", "epoch", "seconds", "learning_rate"}  # of a line in a log
VALIDATION = ", validation"
COSTS: Mapping[str, Callable[[Card, Row], float]] = {
    "parameters": lambda card, row: card.parameters,
    "multiply-adds a pixel": lambda card, row: card.multiply_adds,
    "memory, bytes a pixel": lambda card, row: card.bytes_per_pixel,
    "milliseconds an image": lambda card, row: 1000 * row.seconds / row.images,
}


@dataclass(frozen=True)
class Plot:
    """A chart with its title and caption."""

    title: str
    svg: str
    caption: str = ""


@dataclass(frozen=True)
class Cell:
    """A figure in a table."""

    text: str
    interval: str = ""
    best: bool = False


@dataclass(frozen=True)
class Line:
    """A row of a table."""

    row: Row
    cells: Sequence[Cell]
    costs: Sequence[str]
    words: str  # what else is to be known of the method


@dataclass(frozen=True)
class Table:
    """All methods on one set with one noise, and what they look like."""

    title: str
    images: int
    lines: Sequence[Line]
    gallery: Gallery | None


@dataclass(frozen=True)
class CodeTable:
    """The codes of all networks on one set."""

    title: str
    images: int
    lines: Sequence[tuple[str, Sequence[str]]]  # a network, and its figures
    plot: Plot
    drawings: Sequence[Drawing]


def title(evaluation: Evaluation) -> str:
    """Which networks were evaluated, and on which sets."""
    networks, sets = ([each.name for each in group] for group in (evaluation.networks, evaluation.sets))
    return f"{_in_words(networks)} on {_in_words(sets)}"


def _in_words(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def tables(evaluation: Evaluation) -> list[Table]:
    """One table for each set and noise, in the order of the rows."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in evaluation.rows:
        found.setdefault((row.set, row.noise), []).append(row)
    galleries = {(each.set, each.noise): each for each in evaluation.galleries}
    return [
        Table(
            f"{key[0]}, {key[1]}",
            max(row.images for row in rows),
            _lines(evaluation, rows),
            galleries.get(key),
        )
        for key, rows in found.items()
    ]


def _lines(evaluation: Evaluation, rows: Sequence[Row]) -> list[Line]:
    most = max(row.images for row in rows)
    channels = {each.name: each.channels for each in evaluation.sets}[rows[0].set]
    cards = {each.name: _card(each, channels) for each in evaluation.networks}
    columns = [
        _cells([row.psnr for row in rows], max, "{:.2f}"),
        _cells([row.ssim for row in rows], max, "{:.3f}"),
        _cells([row.mse for row in rows], min, "{:#.4g}"),
    ]
    return [
        Line(
            row,
            cells,
            _costs(row, cards.get(row.method)),
            row.note if row.images == most else f"{row.note}; first {row.images} images",
        )
        for row, *cells in zip(rows, *columns, strict=True)
    ]


def _costs(row: Row, card: Card | None) -> list[str]:
    """Time; of a network also parameters and memory."""
    size = ["", ""] if card is None else [f"{card.parameters:,}", f"{card.bytes_per_pixel:,}"]
    return ["" if row.kind == "noisy" else _milliseconds(row.seconds / row.images), *size]


def _cells(figures: Sequence[Figure | None], choose: Callable[[list[float]], float], form: str) -> list[Cell]:
    means = [each.mean for each in figures if each]
    best = choose(means) if means else None
    return [
        Cell(form.format(each.mean), f"{form.format(each.low)} – {form.format(each.high)}", each.mean == best)
        if each
        else Cell("–")
        for each in figures
    ]


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.0f}" if seconds >= 0.1 else f"{1000 * seconds:.3g}"


def _card(network: Network, channels: int) -> Card:
    """The card for images with this number of channels; one for colour may serve grey ones too."""
    cards = {card.channels: card for card in network.cards}
    return cards.get(channels) or network.cards[0]


def level_plots(evaluation: Evaluation) -> list[Plot]:
    """For each set, PSNR against the level of Gaussian noise."""
    numbers = {each.name: number for number, each in enumerate(evaluation.networks)}
    plots = []
    for images in evaluation.sets:
        curves = [each for each in evaluation.curves if each.set == images.name]
        if not curves:
            continue
        series = [_level_series(each, numbers) for each in curves]
        x = Axis("noise level σ, in units of white")
        caption = f"Gaussian noise on the first {curves[0].images:,} test images."
        plots.append(Plot(images.name, chart_svg(series, x, Axis("PSNR, dB")), caption))
    return plots


def _level_series(curve: Curve, numbers: Mapping[str, int]) -> Series:
    number = numbers.get(curve.method)
    points = list(zip(curve.sigmas, curve.psnr, strict=True))
    return Series(curve.method, points, number, dashed=number is None)


def capacity_plots(evaluation: Evaluation) -> list[Plot]:
    """For each set and noise, PSNR against what a network costs; none for a single network."""
    if len(evaluation.networks) < 2:
        return []
    plots = []
    for table, (label, cost) in product(tables(evaluation), COSTS.items()):
        rows = [line.row for line in table.lines if line.row.kind == "network"]
        channels = {each.name: each.channels for each in evaluation.sets}[rows[0].set]
        cards = [_card(each, channels) for each in evaluation.networks]
        series = [
            Series(row.method, [(max(1e-3, cost(card, row)), row.psnr.mean)], number)
            for number, (row, card) in enumerate(zip(rows, cards, strict=True))
        ]
        svg = chart_svg(series, Axis(label, log=True), Axis("PSNR, dB"), joined=False)
        plots.append(Plot(table.title, svg))
    return plots


def code_tables(evaluation: Evaluation) -> list[CodeTable]:
    """For each set the codes of all networks that have one."""
    numbers = {each.name: number for number, each in enumerate(evaluation.networks)}
    found = []
    for name, group in groupby(evaluation.codes, key=lambda each: each.set):
        codes = list(group)
        reference = Series("PCA, by its components", codes[0].pca, None, dashed=True)
        points = [Series(each.method, [(each.numbers, each.mse)], numbers[each.method]) for each in codes]
        x, y = Axis("numbers in the code", log=True), Axis("MSE of the decoded images", log=True)
        plot = Plot("", chart_svg([*([reference] if codes[0].pca else []), *points], x, y))
        lines = [(each.method, _code_figures(each)) for each in codes]
        drawings = [drawing for each in codes for drawing in each.drawings]
        found.append(CodeTable(name, codes[0].images, lines, plot, drawings))
    return found


def _code_figures(code: CodeFacts) -> list[str]:
    def share(value: float | None) -> str:
        return "–" if value is None else f"{value:.1%}"

    pca = dict(code.pca).get(code.numbers)
    mse = ("–" if each is None else f"{each:#.4g}" for each in (code.mse, pca))
    return [f"{code.numbers:,}", *mse, share(code.accuracy), share(code.pca_accuracy)]


def learning_plots(networks: Sequence[Network]) -> list[Plot]:
    """For each figure in the logs of the run folders, its course; training and validation share a chart."""
    logs = [(number, each.name, read_log(Path(each.run))) for number, each in enumerate(networks) if each.run]
    lines = [line for _, _, log in logs for line in log]
    for line in lines:
        if "training_loss" in line:
            line.pop("loss", None)  # that of a batch, with dropout
    x = "epoch" if lines and all("epoch" in line for line in lines) else "step"
    panels: dict[str, list[Series]] = {}
    for key in dict.fromkeys(
        key for line in lines for key in line if key not in NO_FIGURES and key[:5] != "input"
    ):
        figure, part = _split(key)
        for number, name, log in logs:
            points = [
                (line[x], line[key]) for line in log if _is_number(line.get(x)) and _is_number(line.get(key))
            ]
            if points:
                series = Series(f"{name}{part}", points, number, dashed=part == VALIDATION)
                panels.setdefault(figure, []).append(series)
    return [
        Plot("", chart_svg(series, Axis(x, whole=True), _axis(figure, series)))
        for figure, series in panels.items()
    ]


def read_log(run: Path) -> list[dict[str, Any]]:
    """The measurements in a run's log; none when there is no log, and without what a stop cut off."""
    lines = []
    with suppress(OSError), (run / "log.jsonl").open(encoding="utf-8") as file:
        for text in file:
            with suppress(ValueError):
                lines.append(json.loads(text))
    return [line for line in lines if "images" not in line]  # what the first one says trained


def _split(key: str) -> tuple[str, str]:
    """The quantity of a figure in the log, and the part of the set it belongs to, as the end of a name."""
    for start, ending in (("training_", ", training"), ("validation_", VALIDATION)):
        if key.startswith(start):
            return key.removeprefix(start), ending
    return key, ", training" if key == "loss" else ""


def _axis(figure: str, series: Sequence[Series]) -> Axis:
    """Errors that fall a long way are drawn on a logarithmic axis."""
    values = [y for each in series for _, y in each.points]
    return Axis(words(figure), log=figure in ("loss", "mse") and 0 < 5 * min(values) < max(values))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < 1e30  # NaN and infinity are not


def drawing(card: Card) -> str:
    """The network as an ``<svg>`` element; empty when its card lists no layers."""
    if not card.layers:
        return ""
    from pellucid.evaluation.drawing import network_svg  # imports matplotlib

    return network_svg(card.layers)


def recipe(card: Card) -> str:
    """The recipe as indented JSON; unchanged when it is no JSON."""
    try:
        return json.dumps(json.loads(card.recipe), indent=2)
    except ValueError:
        return card.recipe


def data_uri(png: bytes) -> str:
    """A PNG file as a data URI."""
    return f"data:image/png;base64,{b64encode(png).decode()}"


def shown_size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG on the page: small images are enlarged by a whole factor."""
    width, height = struct.unpack(">II", png[16:24])  # of its first chunk
    factor = max(1, round(SHOWN_SIDE / max(width, height)))
    return factor * width, factor * height
