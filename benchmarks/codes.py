"""How much the code of an autoencoder keeps of an image, compared with PCA.

    python -m benchmarks.codes                    # everything; the table has the CPU time
    python -m benchmarks.codes --numbers 16       # one code with 16 dimensions

The autoencoder is `AutoencoderTransformer` with its own defaults and seed 0, on one thread. It and PCA learn
from the 55,000 training images of MNIST and are evaluated on the 10,000 test images. Each run adds its
figures to results/codes.json and renews the table; tools/code_figure.py draws them.
"""

import argparse
import functools
import itertools
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from benchmarks.common import Desk, arguments, facts, table
from pellucid.datasets.named import load_dataset
from pellucid.evaluation.codes import REFERENCES, accuracy
from pellucid.io.image import to_float
from pellucid.sklearn import AutoencoderTransformer

Figures: TypeAlias = dict[str, Any]
Floats: TypeAlias = NDArray[np.float32]

NUMBERS = (2, 4, 8, 16, 32, 64)
AUTOENCODER = "autoencoder"
METHODS = ("PCA", AUTOENCODER)


@dataclass(frozen=True)
class Images:
    """Images of one size as rows, float32 (n, pixels), 0 to 1."""

    train: Floats
    labels: NDArray[np.int64]
    test: Floats
    test_labels: NDArray[np.int64]
    side: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the test images."""
        return len(self.test), self.side, self.side, 1


@functools.cache
def load(name: str, data_dir: Path | None, tiny: bool) -> Images:
    """A set; a tiny run takes the 8 x 8 digits that come with scikit-learn for each."""
    if tiny:
        rows, labels = load_digits(return_X_y=True)
        rows = (rows / 16).astype(np.float32)
        return Images(rows[:1000], labels[:1000], rows[1000:1100], labels[1000:1100], 8)
    found = load_dataset(name, data_dir=data_dir)
    assert found.train_labels is not None
    assert found.test_labels is not None
    train, test = (to_float(part).reshape(len(part), -1) for part in (found.train, found.test))
    return Images(train, found.train_labels, test, found.test_labels, found.test.shape[1])


@functools.cache
def fitted(method: str, name: str, numbers: int, data_dir: Path | None, tiny: bool) -> tuple[Any, float]:
    """A fitted transformer, and the CPU seconds that it took."""
    quick: dict[str, Any] = {"hidden": (32,), "epochs": 2} if tiny else {}
    transformer: Any = PCA(numbers, random_state=0)
    if method == AUTOENCODER:
        transformer = AutoencoderTransformer(numbers, random_state=0, **quick)
    rows = load(name, data_dir, tiny).train
    began = time.process_time()
    transformer.fit(rows)
    return transformer, time.process_time() - began


def against_pca(method: str, numbers: int, options: argparse.Namespace) -> Figures:
    """The error of rebuilt test images of MNIST, and the accuracy of 5-NN on the codes."""
    images = load("mnist", options.data_dir, options.tiny)
    transformer, seconds = fitted(method, "mnist", numbers, options.data_dir, options.tiny)
    codes = transformer.transform(images.test)
    rebuilt = transformer.inverse_transform(codes)
    references = transformer.transform(images.train[:REFERENCES])
    return {
        "mse": round(float(np.mean((rebuilt - images.test) ** 2)), 6),
        "accuracy": class_accuracy(images, references, codes),
        "cpu_seconds": round(seconds, 1),
    }


def class_accuracy(images: Images, references: NDArray[Any], codes: NDArray[Any]) -> float:
    """The share of test images with the majority class of their five nearest references."""
    share = accuracy(references, codes, images.labels, images.test_labels)
    assert share is not None  # both sets have classes
    return round(share, 4)


def pca_table(figures: Figures) -> str:
    found = {name: figures["pca"].get(name, {}) for name in METHODS}
    columns = {"MSE": ("mse", "{:.4f}"), "5-NN accuracy": ("accuracy", "{:.1%}")}
    columns["CPU seconds of fit"] = ("cpu_seconds", "{:.1f}")
    rows = [
        [count, *(_cell(found[name].get(count), *column) for column in columns.values() for name in METHODS)]
        for count in sorted(set().union(*found.values()), key=int)
    ]
    text = "MNIST, test images, by the dimensions of the code:\n\n"
    text += table(("Dimensions", *(f"{what}, {name}" for what in columns for name in METHODS)), rows)
    return text + f"\n5-NN accuracy on the pixels themselves: {figures['pixels']['accuracy']:.1%}.\n"


def _cell(entry: Figures | None, key: str, shape: str) -> str:
    return shape.format(entry[key]) if entry else "–"


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--numbers", default=",".join(map(str, NUMBERS)), help="(default: %(default)s)")
    options = parser.parse_args()
    numbers = [2, 4] if options.tiny else [int(each) for each in options.numbers.split(",")]
    torch.set_num_threads(1)
    desk, run = Desk("codes", options), facts()
    run["versions"] |= {name: version(name) for name in ("scikit-learn", "torch")}
    figures = desk.read()
    figures.setdefault("runs", {})[run["date"]] = run
    images = load("mnist", options.data_dir, options.tiny)
    pixels = class_accuracy(images, images.train[:REFERENCES], images.test)
    figures["pixels"] = {"accuracy": pixels, "run": run["date"]}
    for number, method in itertools.product(numbers, METHODS):
        entry = against_pca(method, number, options)
        figures.setdefault("pca", {}).setdefault(method, {})[str(number)] = entry | {"run": run["date"]}
        print(method, number, entry, flush=True)
        desk.write(figures)
    desk.forget_old_runs(figures)
    desk.write(figures)
    desk.publish(pca_table(figures))


if __name__ == "__main__":
    main()
