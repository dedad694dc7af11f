"""`pellucid train`, from the outside."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.cli.conftest import Run, tree

RECIPE = """
name = "tiny"
version = "1"
purpose = "A test"
licence = "Apache-2.0"
trained_on = "One photograph"

[data]
train = ["train"]
tune = "tune"
channels = 1
crop = 32
per_picture = 8

[degrade]
noise = "gaussian:0-50"

[network]
kind = "unet"
widths = [4, 4]
encoder = [1]
body = 1
decoder = [1]

[schedule]
steps = 100000
batch = 2
patch = [16]
"""


@pytest.fixture
def pictures(tmp_path: Path, photo: NDArray[np.uint8]) -> Path:
    for name in ("train", "tune"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.fromarray(photo).save(tmp_path / "pictures" / name / "photo.png")
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return tmp_path / "pictures"


def test_what_train_writes_denoises(pellucid: Run, pictures: Path, tmp_path: Path) -> None:
    arguments = ("train", "--recipe", "tiny.toml", "-o", "run", "--steps", "3", "--threads", "1")
    done = pellucid(*arguments, env={"PELLUCID_DATA": str(pictures)})
    assert done.out.startswith(str(Path("run/tiny.onnx")))
    assert {"tiny.onnx", "checkpoint.pt", "log.jsonl", "recipe.json"} <= tree(tmp_path / "run")
    assert json.loads((tmp_path / "run/recipe.json").read_text())["schedule"]["steps"] == 3

    Image.open(pictures / "tune/photo.png").convert("L").save(tmp_path / "grey.png")
    pellucid("denoise", "grey.png", "--model", "run/tiny.onnx", "--sigma", "25")
    assert (tmp_path / "grey-denoised.png").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--recipe", "toaster", "-o", "run", "--data-dir", "pictures"), 2),
        (("--recipe", "tiny.toml", "-o", "run"), 2),
        (("--recipe", "tiny.toml", "-o", "run", "--data-dir", "pictures", "--minutes", "0"), 2),
        (("--recipe", "tiny.toml", "-o", "run", "--data-dir", "pictures", "--steps", "0"), 2),
        (("--recipe", "tiny.toml", "-o", "run", "--data-dir", "pictures", "--threads", "0"), 2),
        (("--recipe", "tiny.toml"), 2),
    ],
)
def test_wrong_usage_is_told_before_anything_is_made(
    pellucid: Run, pictures: Path, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    assert pellucid("train", *arguments, code=code).err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_pictures_that_are_not_there_end_with_3(pellucid: Run, pictures: Path) -> None:
    done = pellucid("train", "--recipe", "tiny.toml", "-o", "run", "--data-dir", "gone", "--json", code=3)
    assert done.json["error"]["type"] == "InputError"


def test_a_recipe_that_cannot_be_read_ends_with_3(pellucid: Run, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(RECIPE.replace("crop =", "corp ="))
    done = pellucid("train", "--recipe", "tiny.toml", "-o", "run", "--data-dir", "pictures", code=3)
    assert "corp" in done.err


@pytest.mark.parametrize("package", ["torch", "onnx"])
def test_without_the_lab_one_line_says_how_to_get_it(
    pellucid: Run, pictures: Path, tmp_path: Path, package: str
) -> None:
    missing = tmp_path / "missing" / package
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text(f"raise ModuleNotFoundError('No module named {package}')")
    done = pellucid(
        *("train", "--recipe", "tiny.toml", "-o", "run", "--data-dir", "pictures"),
        env={"PYTHONPATH": str(missing.parent)},
        code=5,
    )
    assert 'pip install "pellucid[lab]"' in done.err
    assert done.err.count("\n") == 1
