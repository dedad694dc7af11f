"""What the recipes of the autoencoders reach, and how fast they train beside Keras.

    python -m benchmarks.autoencoders --runs FOLDER           # trains what is not there yet; hours
    python -m benchmarks.autoencoders --runs FOLDER --recipes mnist-latent16
    python -m benchmarks.autoencoders --keras                 # steps a second, on a quiet machine

The figures are those of ``metrics.json`` in each run folder, where these are of fewer test images those of
``pellucid evaluate`` on all: noise of seed 0, clipped to [0, 1]. PSNR is the mean of the images' PSNR.
Keras runs on torch, with the same network, batch and images.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.ticker import NullFormatter

from benchmarks.common import Desk, arguments, facts, run_command, table
from benchmarks.speed import PROGRAM
from pellucid import write_image
from pellucid.datasets.named import SETS, load_dataset
from pellucid.evaluation.figures import save_figure
from pellucid.io.image import Image
from pellucid.training.recipe import SetData
from pellucid.training.recipe_files import load_recipe
from tools.lesson_parts import STYLE, panels

MUST = {
    "mnist-dense": 0.0182,
    "mnist-latent": 0.0157,
    "mnist-latent16": 0.0134,
    "mnist-latent16-best": 0.0105,
    "mnist-best": 0.0077,
    "mnist-pool": 0.0135,
    "mnist-pool, gaussian:0.25": 0.0058,
}
RECIPES = (
    "mnist-dense", "mnist-dense-clean", "mnist-latent", "mnist-latent16", "mnist-latent16-best", "mnist-best",
    "mnist-pool", "fashion-latent16", "fashion-best", "cifar10-pool", "cifar10-best",
    "folder-pool", "tutorial-capacity",
)  # fmt: skip
NOISES = {  # other noise levels that a recipe is judged and trained on
    "mnist-pool": ("gaussian:0.25",),
    "cifar10-pool": ("gaussian:0.25",),
    "cifar10-best": ("gaussian:0.25",),
}
TUTORIAL = 0.0137  # what the authors of a well-known tutorial report for a code of 16 numbers
BATCH, STEPS = 64, 200


def parse() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=Path, help="where the run folders lie or come to lie")
    parser.add_argument("--recipes", default=",".join(RECIPES), help="(default: all)")
    parser.add_argument("--keras", action="store_true", help="compare the speed with Keras")
    return parser.parse_args()


def main() -> None:
    options = parse()
    desk = Desk("autoencoders", options)
    figures = {"reached": {}, **desk.read()}
    if options.keras or options.tiny:
        figures["speed"] = {"facts": facts(), **compare_speed(desk)}
    if options.runs:
        for name in options.recipes.split(","):
            for noise in (None, *NOISES.get(name, ())):
                figures["reached"] |= follow(name, noise, options.runs)
                desk.write(figures)
            if name == "tutorial-capacity":
                figures["capacity"] = capacity(options.runs / name)
    desk.write(figures)
    if "capacity" in figures:
        draw_capacity(figures["capacity"], desk.figures / "capacity.svg")
    desk.publish(tables(figures))


def follow(name: str, noise: str | None, runs: Path) -> dict[str, Any]:
    """Train by a recipe, or take up the run that is there, and read what it reached."""
    key = name if noise is None else f"{name}, {noise}"
    folder = runs / key.replace(", ", "-").replace(":", "-")
    change = [] if noise is None else ["--set", f"degrade.noise={noise}"]
    if not (folder / "report.html").exists():
        run_command([PROGRAM, "train", "--recipe", name, "-o", str(folder), "--quiet", *change])
    figures = {}
    for metrics in sorted(folder.rglob("metrics.json")):
        run = metrics.parent
        log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        passed = [line["seconds"] for line in log if line.get("validation_mse", 1) < TUTORIAL]
        figures[key if run == folder else f"{key}, {run.name}"] = {
            **json.loads(metrics.read_text()),
            **on_all(run, name),
            "minutes": round(log[-1]["seconds"] / 60, 1),
            "minutes to 0.0137": round(passed[0] / 60, 1) if passed and "mnist" in name else None,
            "facts": facts(),
        }
    return figures


def on_all(run: Path, name: str) -> dict[str, float]:
    """The figures on all test images, where the report of a run has those of the first ones only."""
    recipe = load_recipe(name)
    tested = json.loads((run / "metrics.json").read_text()).get("test_images")
    if not isinstance(recipe.data, SetData) or recipe.data.name not in SETS or tested is None:
        return {}
    whole = len(load_dataset(recipe.data.name).test)
    if tested == whole:
        return {}
    noise = json.loads((run / "recipe.json").read_text())["degrade"]["noise"]
    results = run / "all"
    command = ["evaluate", str(run), "--set", recipe.data.name, "--noise", noise, "--no-baselines", "-q"]
    run_command([PROGRAM, *command, "-o", str(results), "--overwrite"])
    rows = json.loads((results / "results.json").read_text())["rows"]
    (row,) = (each for each in rows if each["kind"] == "network")
    means = {f"test_{figure}": row[figure]["mean"] for figure in ("mse", "psnr")}
    return means | {"test_images": whole}


# ---- what more capacity brings, and costs ---------------------------------------------------------

COSTS = {  # of a network of tutorial-capacity, and where their axes have marks
    "parameters": ("parameters", (1_000, 10_000)),
    "milliseconds": ("CPU ms an image", (0.1, 0.2, 0.5)),
    "memory": ("memory, bytes a pixel", (200, 500)),
}


def capacity(folder: Path) -> list[dict[str, Any]]:
    """Size, time, memory and quality of each network, from the report that compares them."""
    report = json.loads((folder / "results.json").read_text())
    rows = {row["method"]: row for row in report["rows"] if row["kind"] == "network"}
    found = []
    for network in report["networks"]:
        (card,), row = network["cards"], rows[network["name"]]
        log = (folder / network["name"] / "log.jsonl").read_text().splitlines()
        found.append(
            {
                "widths": json.loads(card["recipe"])["network"]["widths"],
                "code": math.prod(card["code"]),
                "parameters": card["parameters"],
                "kilobytes": round(
                    (folder / network["name"] / f"{card['name']}.onnx").stat().st_size / 1000, 1
                ),
                "training": round(json.loads(log[-1])["seconds"] / 60, 2),
                "milliseconds": round(1000 * row["cpu_seconds"] / row["images"], 3),
                "memory": card["bytes_per_pixel"],
                "mse": round(row["mse"]["mean"], 5),
                "psnr": round(row["psnr"]["mean"], 2),
            }
        )
    return sorted(found, key=lambda each: (len(each["widths"]), each["widths"]))


COLUMNS = {  # of the table, by their keys
    "code": "dimensions of the code",
    "parameters": "parameters",
    "kilobytes": "file, kB",
    "training": "training, minutes",
    "milliseconds": "CPU ms an image",
    "memory": "memory, bytes a pixel",
    "mse": "test MSE",
    "psnr": "test PSNR, dB",
}


def capacity_table(networks: list[dict[str, Any]]) -> str:
    rows = [[" ".join(map(str, each["widths"])), *(each[key] for key in COLUMNS)] for each in networks]
    return table(("Widths", *COLUMNS.values()), rows)


def draw_capacity(networks: list[dict[str, Any]], path: Path) -> None:
    """Quality against each cost; a line for each number of levels."""
    with matplotlib.rc_context(STYLE):
        figure, axes = panels(1, len(COSTS), 2.8)
        for axis, (key, (label, ticks)) in zip(axes[0], COSTS.items(), strict=True):
            for levels, mark in ((1, "o"), (2, "s"), (3, "^")):
                some = [each for each in networks if len(each["widths"]) == levels]
                across = [each[key] for each in some]
                axis.plot(
                    across,
                    [each["psnr"] for each in some],
                    marker=mark,
                    label=f"{levels} level{'s' * (levels > 1)}",
                )
            axis.set(xscale="log", xlabel=label)
            axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
            axis.xaxis.set_minor_formatter(NullFormatter())
        axes[0, 0].set_ylabel("test PSNR, dB")
        axes[0, 0].legend()
        save_figure(figure, path)


# ---- beside Keras --------------------------------------------------------------------------------


def compare_speed(desk: Desk) -> dict[str, float]:
    """Steps a second of mnist-latent16, ours and by ``fit`` of Keras, all cores, in turns."""
    steps = 4 if desk.tiny else STEPS
    clean, folder = training_images(desk, BATCH * steps)
    noise = np.random.default_rng(1).normal(0, 0.5, clean.shape)
    fit = keras_fit(np.clip(clean + noise, 0, 1).astype(np.float32), clean)
    rates: dict[str, list[float]] = {"pellucid": [], "keras": []}
    for number in range(1 if desk.tiny else 3):
        rates["pellucid"].append(
            steps / our_seconds(desk.scratch / str(number), folder, steps, tiny=desk.tiny)
        )
        rates["keras"].append(steps / fit())
    best = {name: round(max(values), 1) for name, values in rates.items()}
    return {**best, "ratio": round(best["pellucid"] / best["keras"], 2)}


def training_images(desk: Desk, count: int) -> tuple[np.ndarray[Any, Any], Path]:
    """Digits, float32 (n, 28, 28, 1), and the data folder; a tiny run makes images of its own."""
    if not desk.tiny:
        data = Path(os.environ["PELLUCID_DATA"])
        return load_dataset("mnist", data_dir=data).train[:count].astype(np.float32) / 255, data
    images = np.random.default_rng(0).integers(0, 256, (max(count, 300), 28, 28, 1), np.uint8)
    (desk.scratch / "own").mkdir()
    for number, samples in enumerate(images):
        write_image(desk.scratch / "own" / f"{number}.png", Image(samples=samples))
    return images[:count].astype(np.float32) / 255, desk.scratch


def our_seconds(run: Path, data: Path, steps: int, *, tiny: bool) -> float:
    """Seconds that so many steps of the training loop take, noise and all; it says so in its log."""
    from pellucid.training.loop import train

    changes = [f"schedule.steps={steps}", "schedule.epochs=none", "schedule.rates=constant"]
    own = ["data.name=own", "data.size=28"] if tiny else []
    train(
        load_recipe("mnist-latent16", [*changes, "schedule.check_every=1000000000", *own]), run, data_dir=data
    )
    seconds: float = json.loads((run / "log.jsonl").read_text().splitlines()[-1])["seconds"]
    return seconds


def keras_fit(noisy: np.ndarray[Any, Any], clean: np.ndarray[Any, Any]) -> Any:
    """A function that fits the same network one epoch and gives the seconds."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras
    from keras import layers

    same = {"padding": "same", "activation": "relu"}
    network = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 4, strides=2, **same),
            layers.Dropout(0.2),
            layers.Conv2D(64, 4, strides=2, **same),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(16),
            layers.Dense(7 * 7 * 64, activation="relu"),
            layers.Reshape((7, 7, 64)),
            layers.Conv2DTranspose(64, 4, strides=2, **same),
            layers.Conv2DTranspose(32, 4, strides=2, **same),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ]
    )
    network.compile(keras.optimizers.Adam(1e-3), "mse")

    def run() -> float:
        began = time.perf_counter()
        network.fit(noisy, clean, batch_size=BATCH, epochs=1, verbose=0)
        return time.perf_counter() - began

    return run


def tables(figures: dict[str, Any]) -> str:
    rows = [
        [
            f"`{key}`",
            f"{each['test_mse']:.5f}",
            f"{each['test_psnr']:.2f}",
            MUST.get(key, "–"),
            each["minutes"],
            each["minutes to 0.0137"] or "–",
        ]
        for key, each in figures["reached"].items()
    ]
    text = table(("Recipe", "test MSE", "test PSNR, dB", "at most", "minutes", "minutes to 0.0137"), rows)
    if "capacity" in figures:
        text += f"\n`tutorial-capacity`, three epochs each:\n\n{capacity_table(figures['capacity'])}"
    if "speed" in figures:
        speed = figures["speed"]
        text += (
            f"\nSteps a second of `mnist-latent16`, all cores: {speed['pellucid']} by Pellucid,"
            f" {speed['keras']} by `fit` of Keras on torch: {speed['ratio']} times as many.\n"
        )
    return text


if __name__ == "__main__":
    main()
