"""Figures of the lesson that looks into codes."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common import Desk
from pellucid.datasets.named import load_dataset
from pellucid.evaluation import code_maps as maps
from pellucid.evaluation.figures import save_figure
from pellucid.inference.codec import Codec
from pellucid.training.loop import train
from pellucid.training.recipe_files import load_recipe
from tools.lesson_parts import Figures, file, load_digits, small_digits

NAMED = 3000  # digits of a map


def plane(desk: Desk) -> Figures:
    """Codes of two numbers: where the classes lie."""
    digits, labels = tested(desk)
    codes = trained(desk, "mnist-latent16", "network.code=2", "network.dropout=0").encode(digits)
    save_figure(maps.code_map(codes[:NAMED], labels[:NAMED]), file(desk, "plane"))
    return {}


def decoded_plane(desk: Desk) -> Figures:
    """What the decoder makes of each place of that plane."""
    codec = trained(desk, "mnist-latent16", "network.code=2", "network.dropout=0")
    save_figure(maps.decoded_grid(codec, codec.encode(tested(desk)[0])), file(desk, "decoded-plane"))
    return {}


def walks(desk: Desk) -> Figures:
    """Straight lines between codes of 16 numbers."""
    digits, labels = tested(desk)
    first = [digits[labels == label][0] for label in range(10)]
    starts, ends = (np.stack([first[label] for label in order]) for order in ((4, 3, 1), (9, 8, 7)))
    save_figure(maps.walks(trained(desk, "mnist-latent16"), starts, ends), file(desk, "walks"))
    return {}


def square_codes(desk: Desk) -> Figures:
    """Codes of 8 x 8 numbers as images."""
    digits, _ = tested(desk)
    save_figure(maps.codes_as_images(trained(desk, "mnist-dense"), digits[:9]), file(desk, "square-codes"))
    return {}


def tested(desk: Desk) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Test digits (n, 28, 28, 1) and their classes."""
    if desk.tiny:
        return (load_digits(tiny=True).test.movedim(1, -1).numpy() * 255).astype(np.uint8), np.arange(50) % 10
    mnist = load_dataset("mnist")
    assert mnist.test_labels is not None
    return mnist.test, mnist.test_labels


@cache
def trained(desk: Desk, name: str, *changes: str) -> Codec:
    """The network of a recipe; in a tiny run of one that saw few digits."""
    own, folder = [], None
    if desk.tiny:
        folder, own = desk.scratch, ["data.name=own", "data.size=28", "schedule.epochs=1"]
        (folder / "own").mkdir(exist_ok=True)
        for number, digit in enumerate(small_digits(100)):
            Image.fromarray(digit[..., 0]).save(folder / "own" / f"{number}.png")
    run = desk.scratch / "-".join([name, *changes]).replace(".", "-")
    return Codec(train(load_recipe(name, [*changes, *own]), run, data_dir=folder))
