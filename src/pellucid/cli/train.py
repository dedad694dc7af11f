"""``pellucid train``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.cli.options import Json, Quiet, Threads, check_threads
from pellucid.cli.output import say, say_json, table
from pellucid.errors import UsageError, require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pellucid.inference.card import Layer

EXAMPLES = """\b
Examples:
  pellucid train --recipe gaussian-instant-grey -o run --data-dir data
  pellucid train --recipe mine.toml -o run --data-dir data --minutes 30
  pellucid train --recipe mnist-latent16 -o run --epochs 2 --set network.code=32

The same command goes on with a run that was stopped.
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
            help="Where the recipe's pictures lie. MNIST and its like are downloaded when missing.",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="N", help="Train this long, whatever the number of steps.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Train this many steps, not the recipe's.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="So many times through the set, not the recipe's.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change any key of the recipe: network.code=32."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot-network", metavar="FILE", help="Draw the network as an SVG or PNG."),
    ] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:1.")] = "auto",
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network by a recipe. Needs: pip install "pellucid[lab]".

    The run folder then holds the network as an .onnx file, which denoise takes as its --model, beside the
    recipe, the log, the checkpoint and, for sets such as MNIST, metrics.json and report.html.
    """
    from pellucid.training.recipe import load_recipe

    chosen = list(changes or [])
    for key, value, other in (("steps", steps, "epochs"), ("epochs", epochs, "steps")):
        if value is not None:  # one of them replaces both of the recipe's
            chosen += [f"schedule.{key}={value}", f"schedule.{other}=none"]
    plan = load_recipe(recipe, chosen)
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UsageError(f"--minutes is {minutes:g}", "Give a number above 0")
    check_threads(threads)
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # torch reads it when it is imported
    for package in ("torch", "onnx", "onnxscript", "PIL"):
        require(package, "lab", "to train a network")
    from pellucid.training.report import describe, report

    first = os.environ.get("RANK", "0") == "0"  # of several processes that torchrun started
    if first and not quiet and not as_json:
        say(layer_table(describe(plan)))
    if first and plot is not None:
        from pellucid.evaluation.drawing import draw_network

        draw_network(describe(plan), plot)
    from pellucid.training.loop import train as run

    network = run(plan, output, data_dir=data_dir, device=device, minutes=minutes)
    if not first:
        return
    metrics = report(plan, output, data_dir=data_dir)
    if as_json:
        say_json({"network": str(network), "folder": str(output), "metrics": metrics})
    elif not quiet:
        for name, value in metrics.items():
            say(f"{name.replace('_', ' ')}: {value}")
        say(f"{network}\nUse it with: pellucid denoise photo.jpg --model {network}")


def layer_table(layers: "Sequence[Layer]") -> str:
    """The layers with their shapes (height x width x channels) and parameters."""
    rows = [["PART", "LAYER", "SHAPE", "PARAMETERS"]]
    for each in layers:
        *channels, height, width = each.shape if len(each.shape) > 1 else (*each.shape, 1, 1)
        shape = f"{height} x {width} x {channels[0]}" if len(each.shape) == 3 else str(each.shape[0])
        rows.append([each.part, each.name, shape, f"{each.parameters:,}" if each.parameters else ""])
    rows.append(["", "all", "", f"{sum(each.parameters for each in layers):,}"])
    return table(rows)
