"""From an evaluation to files: figures for machines, tables for spreadsheets, one page for people.

The page is a single HTML file that needs neither scripts nor a network.
"""

import csv
import io
import json
from pathlib import Path
from typing import Any

import msgspec

from pellucid.atomic import atomic_write
from pellucid.evaluation import page
from pellucid.evaluation.results import Evaluation
from pellucid.inference.card import facts, shortfall

FILES = ("results.json", "results.csv", "report.html")


def write_results(folder: Path, evaluation: Evaluation) -> list[Path]:
    """Write ``results.json``, ``results.csv`` and ``report.html``; files of these names are replaced.

    Parameters
    ----------
    folder : Path
        Made when it is missing.
    evaluation : Evaluation

    Returns
    -------
    list of Path

    Raises
    ------
    InputError, LimitError
        When a file cannot be written.
    """
    contents = (
        json.dumps(results_json(evaluation), indent=1) + "\n",
        results_csv(evaluation),
        report_html(evaluation),
    )
    paths = [folder / name for name in FILES]
    for path, content in zip(paths, contents, strict=True):
        write_text(path, content)
    return paths


def write_text(path: Path, content: str) -> None:
    """Write a file atomically; its folder is made when it is missing.

    Raises
    ------
    InputError, LimitError
        When it cannot be written.
    """
    with atomic_write(path, folder=True) as temporary:
        temporary.write_text(content, encoding="utf-8", newline="\n")


# ---- for machines --------------------------------------------------------------------------------


def results_json(evaluation: Evaluation) -> dict[str, Any]:
    """All figures, without the images, as a JSON document."""
    document: dict[str, Any] = msgspec.to_builtins(evaluation)
    del document["galleries"]
    for code in document["codes"]:
        del code["drawings"]
    return document


def results_csv(evaluation: Evaluation) -> str:
    """The rows of all tables, with their intervals."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    figures = ("mse", "psnr", "ssim")
    facts = ("set", "noise", "method", "kind", "note", "images", "seconds", "cpu_seconds")
    ends = [f"{name}{suffix}" for name in figures for suffix in ("", "_low", "_high")]
    writer.writerow([*facts, *ends])
    for row in evaluation.rows:
        values = [getattr(row, name) for name in figures]
        cells = [
            cell for each in values for cell in (msgspec.structs.astuple(each) if each else ("", "", ""))
        ]
        writer.writerow([*(getattr(row, name) for name in facts), *cells])
    return stream.getvalue()


def report_html(evaluation: Evaluation) -> str:
    """Give the page.

    Parameters
    ----------
    evaluation : Evaluation
        The logs of its run folders are read.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html.j2").render(
        evaluation=evaluation,
        title=page.title(evaluation),
        tables=page.tables(evaluation),
        codes=page.code_tables(evaluation),
        plots={
            "PSNR against the noise level": page.level_plots(evaluation),
            "Capacity against quality": page.capacity_plots(evaluation),
            "Learning curves": page.learning_plots(evaluation.networks),
        },
        page=page,
        facts=facts,
        shortfalls=[text for each in evaluation.networks for card in each.cards if (text := shortfall(card))],
    )
