"""Learning from pairs of noisy and clean images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.errors import InputError, UsageError
from pellucid.training.loop import train
from pellucid.training.pairs import load_pairs
from pellucid.training.recipe_files import load_recipe

QUICK = [
    "schedule.steps=60",
    "schedule.patch=[32]",
    "schedule.check_every=60",
    "network.widths=[8,8]",
    "schedule.batch=4",
]


def write_pairs(folder: Path, count: int) -> Path:
    """Black lines on white, and the same on grey paper."""
    for number in range(count):
        clean = np.full((48, 56), 255, np.uint8)
        clean[4 + number : 44 : 9] = 0
        noisy = (clean * 0.7).astype(np.uint8)
        for name, pixels in (("clean", clean), ("noisy", noisy)):
            (folder / "dirty" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / "dirty" / name / f"{number}.png")
    return folder


def test_the_autoencoder_of_the_tutorials_learns_to_clean_pages(tmp_path: Path) -> None:
    recipe = load_recipe("dirty-documents", QUICK)
    train(recipe, tmp_path / "run", data_dir=write_pairs(tmp_path, 4), device="cpu")
    log = (tmp_path / "run" / "log.jsonl").read_text()
    assert "tune RMSE" in log
    assert "input RMSE" in log
    assert (tmp_path / "run" / "dirty-documents.onnx").exists()


def test_a_pair_has_one_name_and_one_size(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path, 2) / "dirty"
    assert [pair.shape for pair in load_pairs(folder / "noisy", folder / "clean", 1, 32)] == [(2, 48, 56)] * 2
    with pytest.raises(InputError, match="less than 64 pixels"):
        load_pairs(folder / "noisy", folder / "clean", 1, 64)
    (folder / "noisy" / "1.png").unlink()
    with pytest.raises(InputError, match="has no noisy image"):
        load_pairs(folder / "noisy", folder / "clean", 1, 32)


def test_a_single_pair_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Add pairs"):
        train(
            load_recipe("dirty-documents", QUICK),
            tmp_path / "run",
            data_dir=write_pairs(tmp_path, 1),
            device="cpu",
        )


@pytest.mark.parametrize("change", ["schedule.patch=[33]", "network.kind=dense"])
def test_pairs_need_an_autoencoder_of_any_size_and_patches_that_fit(change: str) -> None:
    changes = [change, "network.widths=none", "network.up=none"] if "dense" in change else [change]
    with pytest.raises(UsageError):
        load_recipe("dirty-documents", changes)
