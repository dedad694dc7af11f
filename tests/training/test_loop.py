"""Training from beginning to end, in seconds."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.cpus import usable_cpus
from pellucid.datasets.folder import read_samples
from pellucid.errors import DeviceError, InputError, LimitError, UsageError
from pellucid.inference.card import psnr_gain, shortfall
from pellucid.inference.registry import load_model
from pellucid.inference.session import Session
from pellucid.metrics.quality import psnr
from pellucid.networks.families import ConvLatentSettings, DnCNNSettings, EstimatorSettings
from pellucid.networks.network import Network
from pellucid.noise.base import NumpyRandom
from pellucid.noise.sensor import Gaussian
from pellucid.training.checkpoint import PLAIN, State, resume
from pellucid.training.loop import gave_up, set_learning_rate, train, watch
from pellucid.training.recipe import Recipe, Schedule, check_run_folder, recipe_from_json
from tests.tiny import DENSE, LATENT, PHOTO, UNET, set_recipe, tiny_recipe
from tests.training.conftest import Interrupt

SIGMA = 25 / 255
CPU = torch.device("cpu")
Trained = Callable[[Recipe], Path]


def log_lines(folder: Path) -> list[dict[str, Any]]:
    """The measurements in a log, which begins with what trains."""
    first, *others = map(json.loads, (folder / "log.jsonl").read_text(encoding="utf-8").splitlines())
    assert "to train" in first["images"]
    return others


def checkpoint(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)
    return content


def tensors(value: Any) -> list[Tensor]:
    """All tensors in a checkpoint, in order."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [tensor for part in parts for tensor in tensors(part)]


# ---- whole runs ----------------------------------------------------------------------------------


def test_a_run_leaves_recipe_log_checkpoint_and_network(run_folder: Path) -> None:
    names = {"recipe.json", "log.jsonl", "checkpoint.pt", "tiny.onnx"}
    assert {path.name for path in run_folder.iterdir()} == names
    assert recipe_from_json((run_folder / "recipe.json").read_text(encoding="utf-8")) == tiny_recipe()
    assert Session(run_folder / "tiny.onnx").card.steps == 12


def test_the_run_folder_stands_for_its_network(run_folder: Path) -> None:
    pixels = np.full((16, 16), 0.5, np.float32)
    one, two = (
        load_model(name).denoise(pixels, sigma=SIGMA) for name in (run_folder, run_folder / "tiny.onnx")
    )
    np.testing.assert_array_equal(one.image, two.image)


def test_the_log_has_one_line_a_measurement_and_one_for_the_end(run_folder: Path) -> None:
    lines = log_lines(run_folder)
    assert [line["step"] for line in lines] == [6, 12, 12]
    names = [f"PSNR at sigma {sigma}" for sigma in (15, 25, 50)]
    expected = {"step", "seconds", "learning_rate", *(f"tune {name}" for name in names)}
    for line in lines[:-1]:
        assert set(line) - {"loss"} == expected
    assert set(lines[-1]) == expected | {f"input {name}" for name in names}
    assert ["loss" in line for line in lines] == [True, True, False]
    card = Session(run_folder / "tiny.onnx").card
    assert card.figures.items() <= lines[-1].items()


def test_each_epoch_of_a_set_ends_with_a_measurement(trained: Trained) -> None:
    folder = trained(set_recipe())
    lines = log_lines(folder)
    assert [line["step"] for line in lines] == [4, 8, 12, 12]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 3]
    assert {"validation_mse", "validation_psnr"} <= set(lines[0])
    card = Session(folder / "tiny.onnx").card
    assert (card.steps, card.figures["validation_mse"]) == (12, lines[-1]["validation_mse"])


def test_a_set_can_be_trained_for_steps_too(trained: Trained) -> None:
    lines = log_lines(trained(set_recipe(steps=7, check_every=3)))
    assert [line["step"] for line in lines] == [3, 6, 7]


DROPPED = ConvLatentSettings(code=5, widths=(4, 6), dropout=0.3)
RESUMED = {
    "white noise": tiny_recipe(),
    "adamw, and no average": set_recipe(network=DENSE, optimizer="adamw", average=0),
    "epochs, with dropout": set_recipe(network=DROPPED, data={"flips": True, "shift": 1}),
    "plateaus and early stopping": set_recipe(
        network=DENSE, epochs=30, learning_rate=0.03, rates="plateau", patience=1, stop_after=3
    ),
    "early stopping without an average": set_recipe(
        network=DENSE, epochs=30, learning_rate=0.03, stop_after=2, average=0
    ),
}


RESUMED_SLOWLY = {
    "a camera, whose pairs are renewed": tiny_recipe(channels=3, network=PHOTO),
    "an estimator": tiny_recipe(network=EstimatorSettings(4)),
}


@pytest.mark.parametrize(
    "recipe",
    [
        *(pytest.param(recipe, id=name) for name, recipe in RESUMED.items()),
        *(pytest.param(recipe, id=name, marks=pytest.mark.long) for name, recipe in RESUMED_SLOWLY.items()),
    ],
)
def test_a_stopped_run_that_goes_on_gives_the_same_weights_bit_by_bit(
    recipe: Recipe, data_dir: Path, tmp_path: Path, trained: Trained, interrupt: Interrupt
) -> None:
    folder = tmp_path / "stopped"
    for forward in (5, 17):
        with interrupt(forward):
            train(recipe, folder, data_dir=data_dir, device="cpu", save_every_s=0)
        assert not (folder / "tiny.onnx").exists()
    assert checkpoint(folder)["step"] > 4
    train(recipe, folder, data_dir=data_dir, device="cpu")

    straight, resumed = (checkpoint(each) for each in (trained(recipe), folder))
    assert all(straight[name] == resumed[name] for name in PLAIN if name not in ("seconds", "kept"))
    ours, theirs = tensors(straight), tensors(resumed)
    assert len(ours) == len(theirs) > 12  # weights, averages and what the optimizers remember
    assert all(torch.equal(one, two) for one, two in zip(ours, theirs, strict=True))


def test_runs_with_the_same_weights_denoise_alike(run_folder: Path, data_dir: Path, trained: Trained) -> None:
    pixels = read_samples(data_dir / "tune/astronaut.png", 1)
    one, two = (
        load_model(folder / "tiny.onnx").denoise(pixels, sigma=SIGMA)
        for folder in (run_folder, trained(tiny_recipe()))
    )
    np.testing.assert_array_equal(one.image, two.image)


def test_ctrl_c_loses_no_step(data_dir: Path, tmp_path: Path) -> None:
    recipe, calls = set_recipe(network=DENSE), 0

    def press(module: nn.Module, inputs: Any) -> None:
        nonlocal calls
        calls += isinstance(module, Network)  # once for its cost, twice, when the first epoch is measured
        if calls == 8 and isinstance(module, Network):
            os.kill(os.getpid(), signal.SIGINT)

    hook = nn.modules.module.register_module_forward_pre_hook(press)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores Ctrl-C
    try:
        with pytest.raises(KeyboardInterrupt):
            train(recipe, tmp_path, data_dir=data_dir, device="cpu")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        hook.remove()
        signal.signal(signal.SIGINT, before)
    assert checkpoint(tmp_path)["step"] == 5
    train(recipe, tmp_path, data_dir=data_dir, device="cpu")
    assert [line["step"] for line in log_lines(tmp_path)] == [4, 8, 12, 12]


def test_what_was_logged_after_the_last_checkpoint_is_not_logged_twice(
    data_dir: Path, tmp_path: Path, interrupt: Interrupt
) -> None:
    recipe = set_recipe(network=DENSE)
    with interrupt(14):
        train(recipe, tmp_path, data_dir=data_dir, device="cpu")
    assert [line["step"] for line in log_lines(tmp_path)] == [4, 8]
    with (tmp_path / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 8, "se')  # and the disk was full
    for _ in range(2):  # a run that has ended ends again
        train(recipe, tmp_path, data_dir=data_dir, device="cpu")
        assert [line["step"] for line in log_lines(tmp_path)] == [4, 8, 12, 12]


def test_a_finished_run_goes_on_with_more_epochs_and_is_else_left_unchanged(
    data_dir: Path, tmp_path: Path
) -> None:
    for epochs in (2, 3):
        path = train(set_recipe(network=DENSE, epochs=epochs), tmp_path, data_dir=data_dir, device="cpu")
    assert [line["step"] for line in log_lines(tmp_path)] == [4, 8, 12, 12]
    assert Session(path).card.steps == 12
    before = {each: each.stat().st_mtime_ns for each in tmp_path.iterdir()}
    train(set_recipe(network=DENSE, epochs=3), tmp_path, data_dir=data_dir, device="cpu")
    assert {each: each.stat().st_mtime_ns for each in tmp_path.iterdir()} == before
    path.unlink()
    assert train(set_recipe(network=DENSE, epochs=3), tmp_path, data_dir=data_dir, device="cpu").exists()


def test_a_damaged_checkpoint_is_refused_in_words(run_folder: Path, data_dir: Path, tmp_path: Path) -> None:
    whole = (run_folder / "checkpoint.pt").read_bytes()
    for content in (whole[:2000], b"", b"no checkpoint"):
        (tmp_path / "checkpoint.pt").write_bytes(content)
        with pytest.raises(InputError, match=r"checkpoint\.pt cannot be read: it is damaged\. Delete it"):
            train(tiny_recipe(), tmp_path, data_dir=data_dir, device="cpu")
        assert (tmp_path / "checkpoint.pt").read_bytes() == content


def test_a_checkpoint_of_another_recipe_is_refused_and_stays(
    run_folder: Path, data_dir: Path, tmp_path: Path
) -> None:
    shutil.copy(run_folder / "checkpoint.pt", tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    words = r"another recipe: schedule\.learning_rate was 0\.002 and is 0\.001\. Name another folder"
    with pytest.raises(UsageError, match=words):
        train(tiny_recipe(learning_rate=1e-3), tmp_path, data_dir=data_dir, device="cpu")
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    check_run_folder(run_folder, tiny_recipe(steps=99))  # a longer run may go on
    with pytest.raises(UsageError, match=words):
        check_run_folder(run_folder, tiny_recipe(learning_rate=1e-3))


def test_a_short_training_takes_noise_out_of_a_image_that_it_has_not_seen(
    data_dir: Path, trained: Trained
) -> None:
    folder = trained(tiny_recipe(steps=150, batch=8, learning_rate=4e-3, check_every=75))
    clean = read_samples(data_dir / "tune/astronaut.png", 1).astype(np.float32) / 255
    noisy = Gaussian(SIGMA).apply(clean, NumpyRandom(0))
    denoised = load_model(folder / "tiny.onnx").denoise(noisy, sigma=SIGMA).image
    assert psnr(denoised, clean, data_range=1.0) > psnr(noisy, clean, data_range=1.0) + 4
    figures = [line["tune PSNR at sigma 25"] for line in log_lines(folder)]
    assert figures[0] < figures[-1]
    assert figures[-1] == pytest.approx(psnr(denoised, clean, data_range=1.0), abs=0.05)
    card = Session(folder / "tiny.onnx").card
    assert card.figures["input PSNR at sigma 25"] == pytest.approx(
        psnr(noisy, clean, data_range=1.0), abs=0.05
    )
    assert (psnr_gain(card) or 0) > 4
    assert not shortfall(card)


@pytest.mark.parametrize("network", [LATENT, UNET])
def test_a_network_that_makes_images_noisier_is_named_as_such_once(
    network: Any, trained: Trained, caplog: pytest.LogCaptureFixture
) -> None:
    path = trained(set_recipe(network=network, steps=1, learning_rate=1.0)) / "tiny.onnx"
    card = Session(path).card
    assert card.figures["input_psnr"] > card.figures["validation_psnr"]
    assert card.figures["input_mse"] < card.figures["validation_mse"]
    assert "does not denoise" in shortfall(card)
    for _ in range(2):
        load_model(path)
    assert caplog.text.count(f"{path}: {shortfall(card)}") == 1


class Enough(Exception):
    """Ends a training of which a test has seen enough, before its network is exported."""


@pytest.mark.parametrize("network", [DENSE, LATENT])
def test_a_dense_network_is_trained_in_one_thread_unless_the_user_says_otherwise(
    network: Any, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(2)
    used = []

    def look(share: float, loss: float | None) -> None:
        used.append(torch.get_num_threads())
        raise Enough

    try:
        for name, chosen in (("default", None), ("chosen", "2")):
            monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
            if chosen:
                monkeypatch.setenv("OMP_NUM_THREADS", chosen)
            recipe = set_recipe(network=network, steps=1)
            with pytest.raises(Enough):
                train(recipe, tmp_path / name, data_dir=data_dir, device="cpu", show=look)
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    most = min(2, usable_cpus())
    assert used == [1 if network is DENSE else most, most]


def test_a_network_that_rebuilds_clean_images_has_no_noisy_input(trained: Trained) -> None:
    card = Session(trained(set_recipe(network=DENSE, noise=None, steps=1)) / "tiny.onnx").card
    assert psnr_gain(card) is None
    assert not shortfall(card)


def test_a_short_training_rebuilds_images_that_it_has_not_seen(trained: Trained) -> None:
    lines = log_lines(trained(set_recipe(network=UNET, epochs=40)))
    assert lines[-1]["validation_mse"] < 0.5 * lines[0]["validation_mse"]


def test_an_estimator_is_trained_by_the_same_loop(trained: Trained) -> None:
    folder = trained(tiny_recipe(channels=3, network=EstimatorSettings(4), steps=4, check_every=2))
    card = Session(folder / "tiny.onnx").card
    assert (card.channels, card.radius) == (3, 0)
    errors = {f"tune error at sigma {sigma}" for sigma in (5, 15, 25, 50)}
    assert set(card.figures) == errors | {"tune share of wrong kinds"}


def test_minutes_end_a_run_whatever_the_number_of_steps(data_dir: Path, tmp_path: Path) -> None:
    recipe = set_recipe(network=DENSE, steps=10**9, check_every=10**9)
    train(recipe, tmp_path, data_dir=data_dir, device="cpu", minutes=0.01)
    (line,) = log_lines(tmp_path)
    assert 0.6 <= line["seconds"] < 30
    assert 0 < line["step"] < 10**8
    assert line["learning_rate"] < 0.3 * recipe.schedule.learning_rate  # the whole schedule was run through


def test_what_cannot_be_trained_leaves_no_folder(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no folder .*train"):
        train(tiny_recipe(), tmp_path / "run", data_dir=tmp_path, device="cpu")
    with pytest.raises(UsageError, match="No data folder"):
        train(tiny_recipe(), tmp_path / "run", device="cpu")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match=r"No device 'cuda'.*cpu"):
            train(tiny_recipe(), tmp_path / "run", data_dir=data_dir, device="cuda")
    for device in ("gpu", "mps", "cuda:first", ""):
        with pytest.raises(DeviceError, match=f"There is no device '{device}'.*auto, cpu, cuda or cuda:1"):
            train(tiny_recipe(), tmp_path / "run", data_dir=data_dir, device=device)
    assert list(tmp_path.iterdir()) == []


# ---- early stopping ------------------------------------------------------------------------------


def test_a_training_that_diverges_ends_with_the_remedy_and_saves_no_such_weights(
    data_dir: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"learning_rate": 1.0, "warm_up": 0, "average": 0, "steps": 60}
    recipe = set_recipe(network=DnCNNSettings(depth=30, width=16), **settings)
    with pytest.raises(LimitError, match=r"diverged: after \d+ steps .*schedule.learning_rate"):
        train(recipe, tmp_path, data_dir=data_dir, device="cpu")
    assert not (tmp_path / "checkpoint.pt").exists()


# So fast that it soon gets worse.
RESTLESS: dict[str, Any] = {"network": DENSE, "learning_rate": 0.03, "rates": "constant", "epochs": 40}


@pytest.mark.parametrize("average", [0, 0.9])
def test_a_run_that_no_longer_improves_ends_and_keeps_its_best_weights(
    average: float, trained: Trained
) -> None:
    folder = trained(set_recipe(**RESTLESS, average=average, stop_after=3))
    *checks, end = log_lines(folder)
    figures = [line["validation_mse"] for line in checks]
    best = figures.index(min(figures))
    assert len(figures) == best + 4 < 40
    assert figures[-1] > figures[best]
    assert end["validation_mse"] == figures[best]
    assert Session(folder / "tiny.onnx").card.figures["validation_mse"] == figures[best]


def test_a_run_that_gave_up_is_not_trained_further(trained: Trained, data_dir: Path) -> None:
    recipe = set_recipe(**RESTLESS, stop_after=2)
    folder = trained(recipe)
    before, file = checkpoint(folder), (folder / "tiny.onnx").read_bytes()
    train(recipe, folder, data_dir=data_dir, device="cpu")
    assert checkpoint(folder)["step"] == before["step"]
    assert (folder / "tiny.onnx").read_bytes() == file


def test_a_run_without_early_stopping_ends_with_its_last_weights(trained: Trained) -> None:
    folder = trained(set_recipe(**RESTLESS | {"epochs": 4}))
    *checks, end = log_lines(folder)
    figures = [line["validation_mse"] for line in checks]
    assert len(figures) == 4
    assert end["validation_mse"] == figures[-1] > min(figures)
    assert checkpoint(folder)["kept"] is None


# ---- the learning rate ---------------------------------------------------------------------------


def state_of(recipe: Recipe, folder: Path) -> State:
    return resume(recipe, folder, CPU)


def rates_of(schedule: Schedule, state: State, steps: int = 1000) -> list[float]:
    rates = []
    for state.step in range(steps + 1):
        set_learning_rate(state, schedule, state.step / steps)
        (rate,) = {group["lr"] for optimizer in state.optimizers for group in optimizer.param_groups}
        rates.append(rate)
    return rates


def test_a_cosine_rises_then_falls_to_a_hundredth(tmp_path: Path) -> None:
    recipe = tiny_recipe(steps=1000, warm_up=100, learning_rate=0.01)
    rates = rates_of(recipe.schedule, state_of(recipe, tmp_path))
    assert rates[0] == pytest.approx(1e-4)
    assert rates.index(max(rates)) == 99
    assert max(rates) == pytest.approx(0.01, rel=0.03)
    assert rates[500] == pytest.approx(0.00505)
    assert rates[1000] == pytest.approx(1e-4)
    assert rates[99:] == sorted(rates[99:], reverse=True)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon"])
def test_a_constant_rate_rises_and_stays(optimizer: str, tmp_path: Path) -> None:
    recipe = tiny_recipe(rates="constant", warm_up=10, learning_rate=0.01, optimizer=optimizer)
    rates = rates_of(recipe.schedule, state_of(recipe, tmp_path))
    assert rates[:10] == pytest.approx([0.001 * step for step in range(1, 11)])
    assert set(rates[9:]) == {0.01}


def test_steps_divide_by_ten_after_a_half_and_after_three_quarters(tmp_path: Path) -> None:
    recipe = tiny_recipe(rates="steps", warm_up=0, learning_rate=0.01)
    rates = rates_of(recipe.schedule, state_of(recipe, tmp_path))
    assert rates == pytest.approx([0.01] * 500 + [0.001] * 250 + [0.0001] * 251)


def test_a_plateau_halves_the_rate_and_a_better_figure_starts_a_new_count(tmp_path: Path) -> None:
    recipe = set_recipe(rates="plateau", patience=2, warm_up=0, learning_rate=0.01)
    state, rates = state_of(recipe, tmp_path), []
    for figure in (0.5, 0.4, 0.4, 0.41, 0.39, 0.5, 0.4, 0.4, 0.4, 0.38):
        watch(state, recipe.schedule, figure)
        rates.append(rates_of(recipe.schedule, state, 1)[-1])
        assert not gave_up(state, recipe.schedule)
    halves = [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]
    assert rates == pytest.approx([0.01 / 2**count for count in halves])
    assert state.kept is None


def test_it_gives_up_after_so_many_checks_without_a_better_figure(tmp_path: Path) -> None:
    recipe = set_recipe(network=LATENT, stop_after=2)
    state, ends = state_of(recipe, tmp_path), []
    for figure in (0.5, 0.6, 0.4, 0.4, 0.4):
        watch(state, recipe.schedule, figure)
        ends.append(gave_up(state, recipe.schedule))
    assert ends == [False, False, False, False, True]
    assert state.slower == 1


def test_what_is_kept_does_not_change_with_the_weights(tmp_path: Path) -> None:
    recipe = set_recipe(stop_after=2, average=0)
    state = state_of(recipe, tmp_path)
    assert state.average is state.network
    watch(state, recipe.schedule, 0.5)
    assert state.kept is not None
    before = {name: value.clone() for name, value in state.kept.items()}
    with torch.no_grad():
        for weight in state.network.parameters():
            weight.add_(1)
    watch(state, recipe.schedule, 0.6)
    assert all(torch.equal(before[name], value) for name, value in state.kept.items())
