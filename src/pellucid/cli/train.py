"""``pellucid train``."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli import Stopped
from pellucid.cli.live import training_view
from pellucid.cli.options import Json, Quiet, Threads, TrainingDevice, prepare_training
from pellucid.cli.output import complain, progress_bar, say, say_json, table
from pellucid.errors import UsageError, require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pellucid.inference.card import Card, Layer
    from pellucid.training.recipe import Recipe

EXAMPLES = """\b
Examples:
  pellucid train --recipe gaussian-instant-grey -o run --data-dir data
  pellucid train --recipe mine.toml -o run --data-dir data --minutes 30
  pellucid train --recipe mnist-latent16 -o run --epochs 2
           --set network.code=32

The same command goes on with a run that was stopped, or with more epochs.
"""


def train(
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="NAME|FILE", help="See: pellucid recipes. Or a .toml file.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="The run folder; made when missing.")
    ],
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="PELLUCID_DATA",
            metavar="FOLDER",
            help="Folder of the recipe's images. MNIST and its like are downloaded when missing.",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="N", help="Minutes of training (overrides the number of steps).")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Training steps (overrides the recipe).")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Passes over the training set (overrides the recipe)."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change any key of the recipe: network.code=32."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot-network", metavar="FILE", help="Draw the network as an SVG or PNG."),
    ] = None,
    with_report: Annotated[
        bool, typer.Option("--report/--no-report", help="Evaluate on the test images of a set at the end.")
    ] = True,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write TensorBoard's event files into the run folder.")
    ] = False,
    device: TrainingDevice = "auto",
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network from a recipe. Needs: pip install "pellucid[lab]".

    The run folder then contains the network as an .onnx file, which denoise takes as its --model, and the
    recipe, the log (log.jsonl and log.csv), the checkpoint and, for sets such as MNIST, metrics.json and
    report.html, which can be opened while training runs.
    """
    from pellucid.training.recipe import SetData, check_run_folder
    from pellucid.training.recipe_files import load_recipe

    chosen = list(changes or [])
    for key, count, other in (("steps", steps, "epochs"), ("epochs", epochs, "steps")):
        if count is not None:  # one of them replaces both of the recipe's
            chosen += [f"schedule.{key}={count}", f"schedule.{other}=none"]
    plan = load_recipe(recipe, chosen)
    prepare_training(minutes, threads)
    plans = {output: plan}
    if plan.variants:
        if plot is not None:
            raise UsageError(
                f"--plot-network draws one network, and {plan.name} trains {len(plan.variants)}",
                "Leave it out; the report shows the drawing of each",
            )
        plans = {output / _name(each): load_recipe(recipe, [*chosen, each]) for each in plan.variants}
    for folder, each in plans.items():
        check_run_folder(folder, each)
    for package in ("torch", "onnx", "onnxscript", "PIL"):
        require(package, "lab", "to train a network")
    if tensorboard:
        require("tensorboard", "tensorboard", "to write its event files")
    from pellucid.training.live import board_writer, csv_writer, page_writer
    from pellucid.training.loop import train as run
    from pellucid.training.report import report

    first = os.environ.get("RANK", "0") == "0"  # of several processes that torchrun started
    for folder, each in plans.items():
        if first:
            _introduce(each, plot, silent=quiet or as_json)
        with training_view(quiet=quiet or as_json or not first) as view:
            watches = [view.watch, csv_writer(folder)]
            if tensorboard:
                watches.append(board_writer(folder))
            if with_report and isinstance(each.data, SetData) and folder == output:
                watches.append(page_writer(folder))
            run(
                each,
                folder,
                data_dir=data_dir,
                device=device,
                minutes=minutes,
                show=view.step,
                announce=_nothing if quiet or as_json else say,
                watches=watches,
            )
    if first:
        metrics = {}
        if with_report:
            try:
                with progress_bar(1, quiet=quiet or as_json) as step:
                    metrics = report(plan, output, list(plans), data_dir=data_dir, progress=step)
            except Stopped:
                complain(f"{output} is trained: the same command evaluates it")
                raise
        _finish(plan, output, list(plans), metrics, as_json=as_json, quiet=quiet)


def _name(change: str) -> str:
    """A folder's name for a variant: network.widths=[8, 8] becomes network.widths-8-8."""
    return re.sub(r"[^\w.]+", "-", change).strip("-")


def _introduce(plan: "Recipe", plot: Path | None, *, silent: bool) -> None:
    """Print the layers, and draw them."""
    from pellucid.training.report import describe

    layers = describe(plan)
    if not silent:
        say(layer_table(layers))
    if plot is not None:
        from pellucid.evaluation.drawing import draw_network

        draw_network(layers, plot)


def _finish(
    plan: "Recipe",
    output: Path,
    folders: list[Path],
    metrics: dict[str, dict[str, float]],
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print the figures, compared with the noisy input, and the files."""
    from pellucid.inference.card import psnr_gain, psnr_pairs, shortfall, warn_of, words
    from pellucid.inference.session import RunOptions, Session
    from pellucid.training.recipe import SetData

    networks = [folder / f"{plan.name}.onnx" for folder in folders]
    cards = [Session(path, RunOptions("cpu", threads=1)).card for path in networks]
    gains = {str(path): psnr_gain(card) for path, card in zip(networks, cards, strict=True)}
    if as_json:
        say_json({"networks": [*gains], "folder": str(output), "metrics": metrics, "psnr_gain": gains})
    elif not quiet:
        if metrics:
            say("\n" + table(_parts(cards[0]) if len(cards) == 1 else _runs(metrics)))
            say(f"\n{output / 'report.html'}")
        elif found := psnr_pairs(cards[-1]):
            rows = [[words(name), f"{noisy:g}", f"{value:g}"] for name, noisy, value in found]
            say("\n" + table([["HELD-OUT IMAGES", "NOISY INPUT", "NETWORK"], *rows]) + "\n")
        say("\n".join(gains))
        example = "image.png" if metrics else "photo.jpg"  # figures are those of small images
        copies = isinstance(plan.data, SetData) and plan.degrade.noise is None
        if copies and cards[-1].code:  # it learned to give images back, not to denoise them
            say(f"Use its code with: pellucid encode {example} --model {networks[-1]} -o codes.npz")
        elif plan.family.denoises and not shortfall(cards[-1]):
            say(f"Use it with: pellucid denoise {example} --model {networks[-1]}")
    for path, card in zip(networks, cards, strict=True):
        warn_of(str(path), shortfall(card))


def _nothing(text: str) -> None:
    """What is announced where nothing is to be printed."""


def _parts(card: "Card") -> list[list[str]]:
    """The figures of one network and its noisy input on each part of the set."""
    from pellucid.inference.card import CLASSICAL, input_figure

    rows = [["IMAGES", "", "MSE", "PSNR"]]
    for part in ("training", "validation", "test"):
        names = [f"{part}_mse", f"{part}_psnr"]
        for words, keys in (("noisy input", [input_figure(name) for name in names]), ("network", names)):
            if keys[0] in card.figures:
                rows.append([part, words, *(f"{card.figures[key]:g}" for key in keys)])
    for name, value in card.figures.items():
        if name.startswith(CLASSICAL):
            rows.append(["test", name.removeprefix(CLASSICAL), "", f"{value:g}"])
    return rows


def _runs(metrics: dict[str, dict[str, float]]) -> list[list[str]]:
    """The figures of several networks on the test images."""
    rows = [["RUN", "TEST MSE", "TEST PSNR"]]
    noisy = next(iter(metrics.values()))
    if "test_input_mse" in noisy:
        rows.append(["noisy input", f"{noisy['test_input_mse']:g}", f"{noisy['test_input_psnr']:g}"])
    return rows + [
        [name, f"{each['test_mse']:g}", f"{each['test_psnr']:g}"] for name, each in metrics.items()
    ]


def layer_table(layers: "Sequence[Layer]") -> str:
    """The layers with their shapes (height x width x channels) and parameters."""
    rows = [["PART", "LAYER", "SHAPE", "PARAMETERS"]]
    for each in layers:
        shape = " x ".join(map(str, (*each.shape[1:], each.shape[0])))  # channels last, as people say it
        rows.append([each.part, each.name, shape, f"{each.parameters:,}" if each.parameters else ""])
    rows.append(["", "all", "", f"{sum(each.parameters for each in layers):,}"])
    return table(rows)
