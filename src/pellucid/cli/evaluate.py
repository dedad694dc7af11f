"""``pellucid evaluate``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli.options import DataDir, Json, Layout, Overwrite, Quiet, Threads, check_threads
from pellucid.cli.output import progress_bar, say, say_json, table
from pellucid.errors import InputError, UsageError, require

if TYPE_CHECKING:
    from pellucid.evaluation.contender import Contender
    from pellucid.evaluation.images import ImageSet
    from pellucid.evaluation.results import Evaluation

EXAMPLES = """\b
Examples:
  pellucid evaluate run/ --set mnist --noise gaussian:0.5 -o report/
  pellucid evaluate first-run/ second-run/ --set mnist --noise gaussian:0.5
  pellucid evaluate gaussian-fast gaussian-instant --set photos/
           --noise gaussian:15 --noise gaussian:50

\b
Sets: mnist, fashion-mnist, cifar10, small-digits, or a folder of images.
Noises: see pellucid noise --help. Noisy images are clipped to white and
black, but not rounded.
"""


def evaluate(
    models: Annotated[list[str], typer.Argument(metavar="MODEL|RUN", hidden=True)],
    sets: Annotated[
        list[str], typer.Option("--set", metavar="NAME|FOLDER", help="Clean images. May be repeated.")
    ],
    noises: Annotated[
        list[str], typer.Option("--noise", metavar="NOISE", help="Such as gaussian:0.5. May be repeated.")
    ],
    data_dir: DataDir = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FOLDER",
            help="Write results.json, results.csv and report.html there.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first N test images of each set.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Evaluate classical denoisers too.")
    ] = True,
    bm3d: Annotated[
        bool, typer.Option("--bm3d", help="BM3D among them, on ten images: it takes a minute or more.")
    ] = False,
    layout: Layout = None,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure how well networks denoise. Needs: pip install "pellucid[lab]".

    Each MODEL is a name as in pellucid models, an .onnx file, or the folder of a run. The report compares
    them with each other, with the noisy input and with classical denoisers.
    """
    check_threads(threads)
    if output is not None:
        _check_folder(output, overwrite=overwrite)
    for package in ("jinja2", "matplotlib", "skimage"):
        require(package, "lab", "to evaluate a network")
    import msgspec

    from pellucid.evaluation.codes import evaluate_codes
    from pellucid.evaluation.contender import open_contenders
    from pellucid.evaluation.measure import evaluate as measure
    from pellucid.evaluation.report import results_json, write_results

    contenders = open_contenders(models, threads=threads, layout=layout)
    loaded = _load_sets(sets, contenders, data_dir, limit)
    with progress_bar(len(sets) * len(noises), quiet=quiet or as_json) as step:
        evaluation = measure(contenders, loaded, noises, baselines=baselines, bm3d=bm3d, progress=step)
        evaluation = msgspec.structs.replace(evaluation, codes=evaluate_codes(contenders, loaded))
    paths = write_results(output, evaluation) if output is not None else []
    if as_json:
        say_json(results_json(evaluation) | {"files": [str(path) for path in paths]})
    elif not quiet:
        say(table(_rows(evaluation)))
        if paths:
            say(f"\n{paths[-1]}")


def _check_folder(folder: Path, *, overwrite: bool) -> None:
    from pellucid.evaluation.report import FILES

    if folder.exists() and not folder.is_dir():
        raise UsageError(f"-o {folder} is a file", "Name a folder")
    nearest = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        raise InputError(
            f"{folder} cannot be written: nothing may be made in {nearest}", "Name another folder"
        )
    there = [folder / name for name in FILES if (folder / name).exists()]
    if there and not overwrite:
        raise UsageError(f"{there[0]} exists already", "Name another folder, or allow --overwrite")


def _load_sets(
    names: list[str], contenders: "list[Contender]", data_dir: Path | None, limit: int | None
) -> "list[ImageSet]":
    from pellucid.evaluation.images import load_set

    grey = any(set(each.cards) == {1} for each in contenders)  # then a folder's images are made grey
    loaded = [load_set(name, data_dir=data_dir, grey=grey) for name in names]
    return [each.first(limit) if limit else each for each in loaded]


def _rows(evaluation: "Evaluation") -> list[list[str]]:
    head = ["SET", "NOISE", "METHOD", "PSNR", "SSIM", "MSE", "IMAGES"]
    return [head] + [
        [
            row.set,
            row.noise,
            row.method,
            f"{row.psnr.mean:.2f}",
            f"{row.ssim.mean:.3f}" if row.ssim else "–",
            f"{row.mse.mean:.4g}",
            f"{row.images:,}",
        ]
        for row in evaluation.rows
    ]
