"""Every recipe for a set survives a folder of a few images of mixed sizes, and one epoch."""

from pathlib import Path

import numpy as np
import pytest
from skimage import data

from pellucid.inference.session import Session
from pellucid.io.files import write_image
from pellucid.io.image import Image
from pellucid.training.loop import train
from pellucid.training.recipe import SetData
from pellucid.training.recipe_files import load_recipe, recipe_names

NAMES = [name for name in recipe_names() if isinstance(load_recipe(name).data, SetData)]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images of mixed sizes, the smallest smaller than any recipe's squares."""
    folder = tmp_path_factory.mktemp("few")
    (folder / "images").mkdir()
    for number, (height, width) in enumerate(
        ((20, 24), (30, 30), (40, 64), (64, 64), (70, 90), (100, 65), (128, 128), (150, 200))
    ):
        samples = np.ascontiguousarray(data.coffee()[10 * number :][:height, :width])
        write_image(folder / "images" / f"{number}.png", Image(samples=samples))
    return folder


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_survives_eight_images_of_mixed_sizes(name: str, few: Path, tmp_path: Path) -> None:
    channels = load_recipe(name).data.channels
    changes = ["data.name=images", "data.test=none", f"data.channels={channels}", "variants=[]"]
    size = ["data.size=28"] if channels == 1 else []
    length = ["schedule.epochs=1", "schedule.steps=none"]
    recipe = load_recipe(name, [*changes, *size, *length])
    card = Session(train(recipe, tmp_path, data_dir=few, device="cpu")).card
    assert card.steps >= 1
    assert 0 < card.figures["validation_mse"] < 1
