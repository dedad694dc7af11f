"""Which autoencoder for what: the kinds of networks, trained alike on two sets, and what each is good for.

    python -m benchmarks.kinds --runs FOLDER           # trains what is not there yet; ten minutes
    python -m benchmarks.kinds --runs FOLDER --only vae

Every network learns from 800 batches of 32 images under `gaussian:0-0.5` with the loss BCE (MSE where it
has no sigmoid), and is measured on the first 1,000 test images: noise of seed 0, clipped.
"""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.common import Desk, arguments, facts, table
from pellucid.datasets.images import folder_dataset
from pellucid.datasets.named import load_dataset
from pellucid.evaluation.codes import accuracy, draw_codes, frechet_distance
from pellucid.evaluation.contender import open_contenders
from pellucid.evaluation.images import ImageSet, read_corruption
from pellucid.evaluation.measure import Method, score, with_value
from pellucid.inference.codec import Codec
from pellucid.io.image import to_float
from pellucid.training.loop import train
from pellucid.training.recipe_files import load_recipe
from tools.lesson_parts import publish, small_digits

TRAINED = "gaussian:0-0.5"
NOISES = ("gaussian:0.25", "gaussian:0.5", "salt-and-pepper:0.2")
KINDS: Mapping[str, str] = {  # and the recipe whose network it is
    "dense": "mnist-dense",
    "sparse": "mnist-sparse",
    "stacked": "mnist-stacked",
    "vae": "mnist-vae",
    "vq-vae": "mnist-vq-vae",
    "conv-latent": "mnist-latent16",
    "conv-pool": "mnist-pool",
    "dncnn": "mnist-dncnn",
    "ffdnet": "mnist-ffdnet",
}
SETS = ("mnist", "fashion-mnist")
CHANGES = ("schedule.epochs=none", "schedule.batch=32", "schedule.precision=float32", "loss=bce")
TESTED, KNOWN = 1000, 5000


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=Path, help="where the run folders are or come to be")
    parser.add_argument("--only", choices=KINDS, action="append", metavar="KIND", help="one kind")
    options = parser.parse_args()
    desk = Desk("kinds", options)
    figures = desk.read()
    for name in SETS[: 1 if desk.tiny else None]:
        for kind in options.only or KINDS:
            figures.setdefault(name, {})[kind] = measure(name, kind, options, desk) | {"run": facts()}
            print(name, kind, figures[name][kind])
            desk.write(figures)
    desk.publish(tables(figures))
    if not desk.tiny:
        publish("lessons/kinds.md", "kinds", tables(figures))


def measure(name: str, kind: str, options: argparse.Namespace, desk: Desk) -> dict[str, Any]:
    """Train one network, or take the one that is there, and measure it."""
    images, data_dir, own = load(name, options, desk)
    steps = 3 if desk.tiny else 800
    linear = ["loss=mse"] if kind in ("dncnn", "ffdnet") else []  # it has no sigmoid
    changes = [*CHANGES, *own, *linear, f"schedule.steps={steps}", f"degrade.noise={TRAINED}"]
    run = (options.runs or desk.scratch) / f"{name}-{kind}"
    file = train(load_recipe(KINDS[kind], changes), run, data_dir=data_dir)
    (contender,) = open_contenders([file])
    found: dict[str, Any] = {"parameters": contender.card(1).parameters, "psnr": {}, "noisy": {}}
    for text in NOISES:
        corruption = read_corruption(text)
        given = with_value(contender.denoise, corruption.sigma)  # which most do not take
        for key, denoise in (("psnr", given), ("noisy", lambda noisy: noisy)):
            scores = score(Method(key, "network", denoise), images.test, corruption)
            found[key][text] = round(float(scores.values[:, 1].mean()), 2)
    return found | (code_figures(file, images) if contender.card(1).code else {})


def code_figures(file: Path, images: ImageSet) -> dict[str, Any]:
    """What the code keeps of clean images, and what codes that are drawn at random decode to."""
    codec, test, known = Codec(file), np.stack(images.test), np.stack(images.train[:KNOWN])
    codes, known_codes = codec.encode(test), codec.encode(known)
    drawn = codec.decode(draw_codes(known_codes, TESTED)).clip(0, 1)
    right = accuracy(known_codes, codes, images.train_labels, images.labels)
    return {
        "dimensions": codes[0].size,
        "mse": round(float(np.mean((codec.decode(codes) - to_float(test)) ** 2)), 5),
        "accuracy": right and round(right, 4),
        "samples": round(frechet_distance(to_float(test), drawn), 2),
    }


def load(name: str, options: argparse.Namespace, desk: Desk) -> tuple[ImageSet, Path | None, list[str]]:
    """The images, the data folder, and what a recipe changes; a tiny run has digits of its own."""
    if not desk.tiny:
        data_dir = Path(options.data_dir or os.environ["PELLUCID_DATA"])
        images = ImageSet.of(load_dataset(name, data_dir=data_dir)).first(TESTED)
        return images, data_dir, [f"data.name={name}"]
    folder = desk.scratch / "own"
    folder.mkdir(exist_ok=True)
    for number, digit in enumerate(small_digits(200)):
        Image.fromarray(digit[..., 0]).save(folder / f"{number}.png")
    images = ImageSet.of(folder_dataset(folder, size=28, channels=1, test=0.2))
    return images, desk.scratch, ["data.name=own", "data.size=28"]


def tables(figures: Mapping[str, Any]) -> str:
    text = ""
    for name, kinds in figures.items():
        noisy = next(iter(kinds.values()))["noisy"]
        head = ["Kind", "dimensions", "parameters", "MSE of clean", "5-NN accuracy", "distance of samples"]
        rows = [
            [
                f"`{kind}`",
                each.get("dimensions", "–"),
                each["parameters"],
                each.get("mse", "–"),
                f"{each['accuracy']:.1%}" if each.get("accuracy") else "–",
                each.get("samples", "–"),
                *each["psnr"].values(),
            ]
            for kind, each in kinds.items()
        ]
        rows.append(["noisy input", *["–"] * 5, *noisy.values()])
        text += f"\n{name}:\n\n{table([*head, *(f'PSNR, `{noise}`' for noise in noisy)], rows)}"
    return text


if __name__ == "__main__":
    main()
