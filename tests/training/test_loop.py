"""Training from beginning to end, in seconds."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from pellucid.datasets.folder import read_samples
from pellucid.errors import DeviceError, InputError, UsageError
from pellucid.images.metrics import psnr
from pellucid.images.noise import Gaussian, NumpyRandom
from pellucid.inference.model import load_model
from pellucid.inference.session import Session
from pellucid.training.checkpoint import resume
from pellucid.training.loop import make_batch, patch_now, random_patches, set_learning_rate, train
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import EstimatorTable, recipe_from_json
from tests.tiny import tiny_recipe

SIGMA = 25 / 255


def log_lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def checkpoint(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)
    return content


def tensors(value: Any) -> list[Tensor]:
    """All tensors in a checkpoint, in order."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [tensor for part in parts for tensor in tensors(part)]


def seeded(seed: int) -> TorchRandom:
    return TorchRandom(torch.Generator().manual_seed(seed))


# ---- whole runs ----------------------------------------------------------------------------------


def test_a_run_leaves_recipe_log_checkpoint_and_network(run_folder: Path) -> None:
    names = {"recipe.json", "log.jsonl", "checkpoint.pt", "tiny.onnx"}
    assert {path.name for path in run_folder.iterdir()} == names
    assert recipe_from_json((run_folder / "recipe.json").read_text(encoding="utf-8")) == tiny_recipe()
    assert Session(run_folder / "tiny.onnx").card.steps == 12


def test_the_log_has_one_line_a_measurement_and_one_for_the_end(run_folder: Path) -> None:
    lines = log_lines(run_folder)
    assert [line["step"] for line in lines] == [6, 12, 12]
    for line in lines:
        assert set(line) - {"loss"} == {
            "step",
            "seconds",
            "learning_rate",
            *(f"tune PSNR at sigma {sigma}" for sigma in (15, 25, 50)),
        }
    assert ["loss" in line for line in lines] == [True, True, False]
    card = Session(run_folder / "tiny.onnx").card
    assert card.figures.items() <= lines[-1].items()


def test_a_stopped_run_that_goes_on_gives_the_same_weights_bit_by_bit(
    run_folder: Path, data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "log.jsonl").mkdir()  # the measurement after step 6 cannot be written, and the run dies
    with pytest.raises(IsADirectoryError):
        train(tiny_recipe(), tmp_path, data_dir=data_dir, device="cpu", save_every_s=0)
    assert 0 < checkpoint(tmp_path)["step"] < 12
    assert not (tmp_path / "tiny.onnx").exists()
    (tmp_path / "log.jsonl").rmdir()
    train(tiny_recipe(), tmp_path, data_dir=data_dir, device="cpu")

    straight, resumed = (tensors(checkpoint(folder)) for folder in (run_folder, tmp_path))
    assert len(straight) == len(resumed) > 12  # weights, averages and what the optimizers remember
    assert all(torch.equal(one, two) for one, two in zip(straight, resumed, strict=True))
    assert log_lines(tmp_path)[-1]["step"] == 12
    pixels = read_samples(data_dir / "tune/astronaut.png", 1)
    one, two = (
        load_model(folder / "tiny.onnx").denoise(pixels, sigma=SIGMA) for folder in (run_folder, tmp_path)
    )
    np.testing.assert_array_equal(one.pixels, two.pixels)


def test_a_checkpoint_of_another_recipe_is_refused_and_stays(
    run_folder: Path, data_dir: Path, tmp_path: Path
) -> None:
    shutil.copy(run_folder / "checkpoint.pt", tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(UsageError, match=r"holds a run of another recipe.*Name another folder"):
        train(tiny_recipe(learning_rate=1e-3), tmp_path, data_dir=data_dir, device="cpu")
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_a_short_training_takes_noise_out_of_a_picture_that_it_has_not_seen(
    data_dir: Path, tmp_path: Path
) -> None:
    recipe = tiny_recipe(steps=150, batch=8, learning_rate=4e-3, check_every=75)
    model = load_model(train(recipe, tmp_path, data_dir=data_dir, device="cpu"))
    clean = read_samples(data_dir / "tune/astronaut.png", 1).astype(np.float32) / 255
    noisy = Gaussian(SIGMA).apply(clean, NumpyRandom(0))
    denoised = model.denoise(noisy, sigma=SIGMA).pixels
    assert psnr(denoised, clean, data_range=1.0) > psnr(noisy, clean, data_range=1.0) + 4
    figures = [line["tune PSNR at sigma 25"] for line in log_lines(tmp_path)]
    assert figures[0] < figures[-1]
    assert figures[-1] == pytest.approx(psnr(denoised, clean, data_range=1.0), abs=0.05)


def test_an_estimator_is_trained_by_the_same_loop(data_dir: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(channels=3, network=EstimatorTable(4), steps=4, check_every=2)
    card = Session(train(recipe, tmp_path, data_dir=data_dir, device="cpu")).card
    assert (card.channels, card.radius) == (3, 0)
    assert set(card.figures) == {f"tune error at sigma {sigma}" for sigma in (0, 5, 15, 25, 50)}


def test_minutes_end_a_run_whatever_the_number_of_steps(data_dir: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(steps=10**9, check_every=10**9)
    train(recipe, tmp_path, data_dir=data_dir, device="cpu", minutes=0.01)
    (line,) = log_lines(tmp_path)
    assert 0.6 <= line["seconds"] < 30
    assert 0 < line["step"] < 10**6
    assert line["learning_rate"] < 0.3 * recipe.schedule.learning_rate  # the whole schedule was run through


def test_a_folder_without_pictures_and_a_device_that_is_not_there_are_errors(
    data_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="train holds no pictures"):
        train(tiny_recipe(), tmp_path / "run", data_dir=tmp_path, device="cpu")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match=r"No device 'cuda'.*cpu"):
            train(tiny_recipe(), tmp_path / "run", data_dir=data_dir, device="cuda")


# ---- its parts -----------------------------------------------------------------------------------

POOL = torch.randint(0, 256, (6, 1, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_a_batch_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    one, again, other = (make_batch(POOL, tiny_recipe(), 0.0, seeded(seed), 5) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_batch_holds_noise_of_the_level_that_it_names_half_of_it_clipped_to_8_bit() -> None:
    noisy, sigma, told, clean = make_batch(POOL, tiny_recipe(), 0.0, seeded(0), 400)
    assert noisy.shape == clean.shape == (400, 1, 32, 32)
    assert sigma.shape == told.shape == (400, 1, 1, 1)
    assert 0 <= sigma.min() < 0.01
    assert 74 / 255 < sigma.max() <= 75 / 255
    levels = noisy * 255
    clipped = ((levels - levels.round()).abs() < 1e-3).flatten(1).all(1)
    assert 0.4 < clipped.float().mean() < 0.6
    assert noisy[clipped].min() == 0
    assert noisy[clipped].max() == 1
    stds = (noisy - clean)[~clipped].std((1, 2, 3))
    torch.testing.assert_close(stds, sigma[~clipped].flatten(), rtol=0.15, atol=0)
    jitter = (told / sigma - 1).flatten()
    assert jitter.std().item() == pytest.approx(0.05, rel=0.1)


def test_a_share_of_the_pictures_can_be_left_clean() -> None:
    recipe = tiny_recipe()
    degrade = msgspec.structs.replace(recipe.degrade, clean=0.3, clipped=0.0)
    noisy, sigma, _, clean = make_batch(
        POOL, msgspec.structs.replace(recipe, degrade=degrade), 0.0, seeded(0), 400
    )
    without = sigma.flatten() == 0
    assert 0.2 < without.float().mean() < 0.4
    assert torch.equal(noisy[without], clean[without])
    assert (noisy[~without] != clean[~without]).flatten(1).any(1).all()


def test_patches_are_pieces_of_the_crops_in_each_of_the_eight_ways() -> None:
    pool = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 4, 4)
    patches = random_patches(pool, 4, 200, torch.Generator().manual_seed(0))
    turned = [
        torch.rot90(picture, turn, (0, 1))
        for turn in range(4)
        for picture in (pool[0, 0], pool[0, 0].flip(0))
    ]
    expected = {tuple(each.flatten().tolist()) for each in turned}
    assert len(expected) == 8
    assert {tuple((patch * 255).round().int().flatten().tolist()) for patch in patches} == expected


def test_patches_come_from_all_crops_and_places() -> None:
    pool = torch.arange(4 * 9, dtype=torch.uint8).reshape(4, 1, 3, 3)
    patches = random_patches(pool, 1, 1000, torch.Generator().manual_seed(0))
    assert {round(value * 255) for value in patches.flatten().tolist()} == set(range(36))


def test_each_patch_size_serves_an_equal_share_of_the_steps() -> None:
    schedule = tiny_recipe(patch=(32, 48, 64)).schedule
    sizes = [patch_now(schedule, step / 99) for step in range(99)]
    assert sizes == [32] * 33 + [48] * 33 + [64] * 33


def test_the_learning_rate_rises_then_falls_along_a_cosine_to_a_hundredth(tmp_path: Path) -> None:
    recipe = tiny_recipe(steps=1000, warm_up=100, learning_rate=0.01)
    state = resume(recipe, tmp_path, torch.device("cpu"))
    rates = []
    for state.step in range(1001):
        set_learning_rate(state, recipe.schedule, state.step / 1000)
        (rate,) = {group["lr"] for optimizer in state.optimizers for group in optimizer.param_groups}
        rates.append(rate)
    assert rates[0] == pytest.approx(1e-4)
    assert rates.index(max(rates)) == 99
    assert max(rates) == pytest.approx(0.01, rel=0.03)
    assert rates[500] == pytest.approx(0.00505)
    assert rates[1000] == pytest.approx(1e-4)
    assert rates[99:] == sorted(rates[99:], reverse=True)
