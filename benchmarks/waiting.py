"""How long one waits in the lab, besides the training itself.

    python -m benchmarks.waiting                 # some minutes, on a quiet machine
    python -m benchmarks.waiting --only ends     # or: refusal, photos, together

Of every recipe for MNIST the time from the last step to the prompt: the network is measured, written,
compared with others on test images, and its report drawn. Each runs in a process of its own and trains for
two steps, since what follows does not depend on how many there were.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.autoencoders import training_images
from benchmarks.common import Desk, arguments, facts, run_command, table
from benchmarks.speed import PROGRAM
from pellucid import write_image
from pellucid.io.image import Image
from pellucid.training.recipe_files import recipe_names

PHOTOS = 8
TRAINING = ("mnist-dense", "--epochs", "2")
STEPS = """
import sys, time
from pathlib import Path
from pellucid.training.loop import train
from pellucid.training.recipe_files import load_recipe
from pellucid.training.report import report
name, folder, data, figures, *own = sys.argv[1:]
recipe = load_recipe(name, ["schedule.epochs=none", "schedule.steps=2", "schedule.check_every=2", *own])
last = [0.0]
train(recipe, Path(folder), data_dir=Path(data), show=lambda share, loss: last.append(time.perf_counter()))
report(recipe, Path(folder), [Path(folder)], data_dir=Path(data))
Path(figures).write_text(str(time.perf_counter() - last[-1]))
"""

Figures = dict[str, Any]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    options = parser.parse_args()
    desk = Desk("waiting", options)
    if desk.tiny:
        desk.data_dir = training_images(desk, 0)[1]
    figures = desk.read()
    for name, measure in PARTS.items():
        if options.only in (None, name):
            figures[name] = {**measure(desk), "facts": facts()}
            desk.write(figures)
    desk.publish(tables(figures))


def ends(desk: Desk) -> Figures:
    """Wall seconds from the last step to the prompt."""
    names = [name for name in recipe_names() if name.startswith("mnist-")]
    return {name: end_of(desk, name) for name in names[: 1 if desk.tiny else None]}


def end_of(desk: Desk, name: str) -> float:
    written = desk.scratch / f"{name}.txt"
    run = [name, desk.scratch / name, desk.data_dir, written, *own_images(desk)]
    subprocess.run([sys.executable, "-c", STEPS, *map(str, run)], check=True, capture_output=True)
    print(name, written.read_text(), flush=True)
    return round(float(written.read_text()), 1)


def photos(desk: Desk) -> Figures:
    """`pellucid evaluate` on a folder of eight photographs."""
    folder = desk.scratch / "photos"
    folder.mkdir()
    for number, photo in enumerate(desk.images("photos/tune", 3, PHOTOS)):
        write_image(folder / f"{number}.png", Image(samples=np.rint(photo * 255).astype(np.uint8)))
    command = [PROGRAM, "evaluate", "gaussian-fast", "--set", str(folder), "--noise", "gaussian:25"]
    return {"wall": round(run_command(command).wall, 1)}


def refusal(desk: Desk) -> Figures:
    """`pellucid train`, which refuses another setting in a folder with a run."""
    folder = desk.scratch / "refused"
    run_command(training(desk, folder, "mnist-dense", "--steps", "2", "--no-report"))
    command = training(desk, folder, "mnist-dense", "--steps", "2", "--set", "schedule.batch=64")
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True)
    if done.returncode != 2:
        sys.exit(f"not refused: {done.stdout!r} {done.stderr!r}")
    return {"wall": round(time.perf_counter() - start, 2)}


def together(desk: Desk) -> Figures:
    """One training alone, and two of them at once."""
    commands = [training(desk, desk.scratch / f"run-{k}", *TRAINING, "--no-report") for k in range(3)]
    alone = run_command(commands[0]).wall
    with ThreadPoolExecutor(2) as pool:
        both = max(each.wall for each in pool.map(run_command, commands[1:]))
    return {"alone": round(alone, 1), "two at once": round(both, 1), "ratio": round(both / alone, 2)}


def training(desk: Desk, folder: Path, recipe: str, *options: str) -> list[str]:
    changes = [word for each in own_images(desk) for word in ("--set", each)]
    command = [PROGRAM, "train", "--recipe", recipe, "-o", str(folder), "--data-dir", str(desk.data_dir)]
    return [*command, "--quiet", *changes, *options]


def own_images(desk: Desk) -> list[str]:
    """What a recipe changes where there is no MNIST."""
    return ["data.name=own", "data.size=28"] if desk.tiny else []


PARTS: dict[str, Callable[[Desk], Figures]] = {
    "refusal": refusal,
    "ends": ends,
    "photos": photos,
    "together": together,
}


def tables(figures: Figures) -> str:
    parts = {name: {k: v for k, v in part.items() if k != "facts"} for name, part in figures.items()}
    rows: list[list[Any]] = []
    if "refusal" in parts:
        rows.append(["`pellucid train`, refusing another setting", parts["refusal"]["wall"]])
    rows += [
        [f"`{name}`, from the last step to the prompt", each] for name, each in parts.get("ends", {}).items()
    ]
    if "photos" in parts:
        rows.append([f"`pellucid evaluate gaussian-fast`, {PHOTOS} photographs", parts["photos"]["wall"]])
    named = " ".join(TRAINING)
    rows += [[f"`{named}`, {name}", each] for name, each in parts.get("together", {}).items()]
    return table(("What", "wall seconds"), rows)


if __name__ == "__main__":
    main()
