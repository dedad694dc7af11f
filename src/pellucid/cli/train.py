"""``pellucid train``."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli.options import Json, Quiet, Threads, check_threads
from pellucid.cli.output import say, say_json
from pellucid.errors import UsageError, require

EXAMPLES = """\b
Examples:
  pellucid train --recipe gaussian-instant-grey -o run --data-dir data
  pellucid train --recipe mine.toml -o run --data-dir data --minutes 30

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
        typer.Option(envvar="PELLUCID_DATA", metavar="FOLDER", help="Where the recipe's pictures lie."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="N", help="Train this long, whatever the number of steps.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Train this many steps, not the recipe's.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:1.")] = "auto",
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network by a recipe. Needs: pip install "pellucid[lab]".

    The run folder then holds the network as an .onnx file, which denoise takes as its --model, beside the
    log and the checkpoint.
    """
    import msgspec

    from pellucid.training.recipe import load_recipe

    plan = load_recipe(recipe)
    if steps is not None:
        plan = msgspec.structs.replace(plan, schedule=msgspec.structs.replace(plan.schedule, steps=steps))
    pictures = _check(data_dir, minutes, threads)
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # torch reads it when it is imported
    for package in ("torch", "onnx", "onnxscript"):
        require(package, "lab", "to train a network")
    from pellucid.training.loop import train as run

    network = run(plan, output, data_dir=pictures, device=device, minutes=minutes)
    if os.environ.get("RANK", "0") != "0":
        return  # one of several processes that torchrun started
    if as_json:
        say_json({"network": str(network), "folder": str(output)})
    elif not quiet:
        say(f"{network}\nUse it with: pellucid denoise photo.jpg --model {network}")


def _check(data_dir: Path | None, minutes: float | None, threads: int | None) -> Path:
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UsageError(f"--minutes is {minutes:g}", "Give a number above 0")
    check_threads(threads)
    if data_dir is None:
        raise UsageError(
            "Nothing says where the pictures lie", "Name their folder with --data-dir, or set PELLUCID_DATA"
        )
    return data_dir
