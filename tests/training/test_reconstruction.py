"""Sets of small images, in epochs."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from pellucid.errors import InputError
from pellucid.networks.autoencoder import Autoencoder
from pellucid.training.checkpoint import make_network
from pellucid.training.loop import train
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import Recipe, SetData
from pellucid.training.reconstruction import LOOK_EVERY, Reconstruction, load_set, move
from tests.tiny import DENSE, LATENT, POOL, UNET, set_images, set_recipe

CPU = torch.device("cpu")
REMEDY = 'Set loss = "bce", or output = "linear"'
Numbered = Callable[..., Tensor]


def seeded(seed: int) -> TorchRandom:
    return TorchRandom(torch.Generator().manual_seed(seed))


class Same:
    """A network that gives back what it is given, and notes it."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []
        self.told: list[Tensor] = []

    def __call__(self, noisy: Tensor, *told: Tensor) -> Any:
        self.seen.append(noisy)
        self.told += told
        return noisy if told else (noisy, noisy)

    def eval(self) -> None: ...
    def train(self) -> None: ...


def task_of(data_dir: Path, **options: Any) -> Reconstruction:
    return Reconstruction(set_recipe(**options), data_dir, CPU)


# ---- epochs --------------------------------------------------------------------------------------


def test_an_epoch_sees_every_image_once_and_each_in_an_order_of_its_own(data_dir: Path) -> None:
    task = task_of(data_dir)
    assert (len(task.train), task.epoch) == (32, 4)
    orders = [torch.cat([task.chosen(4 * epoch + step, 8) for step in range(4)]).tolist() for epoch in (0, 1)]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(32))
    assert orders[0] != orders[1]
    assert task_of(data_dir).chosen(5, 8).tolist() == orders[1][8:16]  # whatever came before


def test_what_fills_no_batch_waits_for_another_epoch(data_dir: Path) -> None:
    task = task_of(data_dir, batch=5)
    assert task.epoch == 6
    seen = torch.cat([task.chosen(step, 5) for step in range(6)]).tolist()
    assert len(set(seen)) == len(seen) == 30
    later = torch.cat([task.chosen(step, 5) for step in range(60)]).tolist()
    assert set(later) == set(range(32))


def test_a_batch_larger_than_the_set_is_the_set(data_dir: Path) -> None:
    task = task_of(data_dir, batch=50)
    assert task.epoch == 1
    assert sorted(task.chosen(3, 50).tolist()) == list(range(32))


# ---- noise ---------------------------------------------------------------------------------------


def test_the_noise_is_clipped(data_dir: Path) -> None:
    clean = torch.full((50, 1, 16, 16), 0.5)
    noisy, _ = task_of(data_dir, noise="gaussian:0.5,mean=0.5").degrade(clean, seeded(0))
    assert 0 == noisy.min() < noisy.max() == 1
    assert (noisy == 1).float().mean().item() == pytest.approx(0.5, abs=0.02)
    assert (noisy == 0).float().mean().item() == pytest.approx(0.0228, abs=0.005)  # two deviations below


def test_the_network_sees_noise_and_is_compared_with_the_clean_image(data_dir: Path) -> None:
    task, network = task_of(data_dir), Same()
    losses = task.losses(network, seeded(0), step=0, progress=0.0, count=8)
    clean = task.train[task.chosen(0, 8)].float() / 255
    torch.testing.assert_close(losses, (network.seen[0] - clean).square().mean((1, 2, 3)))
    assert (losses > 0).all()


def test_clean_to_clean_shows_the_image_itself(data_dir: Path) -> None:
    task, network = task_of(data_dir, noise=None), Same()
    assert not task.losses(network, seeded(0), step=0, progress=0.0, count=8).any()
    assert torch.equal(network.seen[0], task.train[task.chosen(0, 8)].float() / 255)


def test_a_u_net_is_given_the_noise_level(data_dir: Path) -> None:
    task, network = task_of(data_dir, network=UNET, noise="gaussian:51"), Same()
    task.losses(network, seeded(0), step=0, progress=0.0, count=8)
    assert network.told[0].unique().tolist() == pytest.approx([0.2])


def test_a_u_net_is_given_the_level_that_each_image_drew_from_a_range(data_dir: Path) -> None:
    task, network = task_of(data_dir, network=UNET, noise="gaussian:0.02-0.1"), Same()
    losses = task.losses(network, seeded(0), step=0, progress=0.0, count=8)
    levels = network.told[0].flatten()
    assert levels.shape == (8,)
    assert 0.02 <= levels.min() < levels.max() <= 0.1
    alike = torch.corrcoef(torch.stack([losses.sqrt(), levels]))[0, 1]
    assert alike > 0.95  # the more noise, the more error


# ---- validation ----------------------------------------------------------------------------------


def test_the_validation_images_validate_with_the_same_noise_each_time(data_dir: Path) -> None:
    task, network = task_of(data_dir), Same()
    figures = task.validate(network)
    assert task.validate(network) == figures
    trained, seen, *again = network.seen
    assert torch.equal(trained, again[0])
    assert torch.equal(seen, again[1])
    clean = task.validation.float() / 255
    mse = (seen - clean).square().mean((1, 2, 3))
    assert figures["validation_mse"] == pytest.approx(mse.mean().item(), abs=1e-6)
    assert figures["validation_psnr"] == pytest.approx(-10 * mse.log10().mean().item(), abs=1e-3)


def test_without_any_error_the_psnr_is_100(data_dir: Path) -> None:
    figures = task_of(data_dir, noise=None).validate(Same())
    parts = ("training", "validation")
    assert [figures[f"{part}_mse"] for part in parts] == [0, 0]
    assert [figures[f"{part}_psnr"] for part in parts] == [100, 100]


def test_dimensions_of_the_code_that_are_the_same_for_every_image_are_counted(data_dir: Path) -> None:
    network: Any = make_network(set_recipe(network=DENSE))
    task = task_of(data_dir, network=DENSE)
    with torch.no_grad():
        network.encoder[1].bias[:4] = -100  # ReLU then gives 0
    assert task.validate(network)["dead_dimensions"] >= 4


@pytest.mark.parametrize("count", [12, 40])
def test_too_few_images_are_reported_before_the_first_step(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, count: int
) -> None:
    task_of(set_images(tmp_path, count))
    assert ("images to train: a network learns such few by heart" in caplog.text) == (count == 12)


def test_dropout_rests_while_the_network_is_validated(data_dir: Path) -> None:
    plan = set_recipe(network=msgspec.structs.replace(LATENT, dropout=0.5))
    torch.manual_seed(0)
    network, task = make_network(plan), Reconstruction(plan, data_dir, CPU)
    assert task.validate(network) == task.validate(network)
    assert network.training


# ---- a collapse ----------------------------------------------------------------------------------


def black_network(plan: Recipe) -> Autoencoder:
    """A network whose output is black, wherever its input is not."""
    network = make_network(plan)
    assert isinstance(network, Autoencoder)
    (last,) = (layer for layer in list(network.decoder)[-2:] if isinstance(layer, torch.nn.Conv2d))
    assert last.bias is not None
    torch.nn.init.constant_(last.bias, -20)
    return network


def test_a_collapse_is_reported_once_with_its_remedy(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = set_recipe(network=POOL)
    task, network = Reconstruction(plan, data_dir, CPU), black_network(plan)
    with caplog.at_level(logging.WARNING, "pellucid"):
        for step in range(3 * LOOK_EVERY):  # an epoch has four steps, too few to tell
            task.losses(network, seeded(step), step=step, progress=0.0, count=8)
    (record,) = caplog.records
    assert "the network has collapsed: it gives nearly the same grey, 0.00, everywhere" in record.message
    assert "a sigmoid under MSE" in record.message
    assert REMEDY in record.message


def test_no_network_is_called_collapsed_while_its_learning_rate_still_rises(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = set_recipe(network=POOL, epochs=200, warm_up=LOOK_EVERY + 10)
    task, network = Reconstruction(plan, data_dir, CPU), black_network(plan)
    with caplog.at_level(logging.WARNING, "pellucid"):
        for number in (1, 2):
            task.losses(network, seeded(0), step=number * LOOK_EVERY - 1, progress=0.0, count=8)
            assert len(caplog.records) == number - 1


def test_one_colour_everywhere_is_a_collapse_however_late(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = task_of(data_dir, channels=3, loss="bce")
    colour = torch.tensor([0.2, 0.5, 0.8]).reshape(1, 3, 1, 1)
    with caplog.at_level(logging.WARNING, "pellucid"):
        task.losses(
            lambda noisy: (colour.expand_as(noisy), None),
            seeded(0),
            step=9 * LOOK_EVERY - 1,
            progress=0.0,
            count=8,
        )
    assert "nearly the same grey, 0.50, everywhere" in caplog.text
    assert "Train for more steps, or at another learning rate" in caplog.text


def test_one_image_for_all_is_a_collapse_too(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    task = task_of(data_dir)
    mean = task.train.float().mean(0) / 255
    with caplog.at_level(logging.WARNING, "pellucid"):
        task.losses(
            lambda noisy: (mean.expand_as(noisy), None),
            seeded(0),
            step=LOOK_EVERY - 1,
            progress=0.0,
            count=8,
        )
    assert "it gives nearly the same image, whatever it sees. Train for more steps" in caplog.text


def test_a_network_that_gives_images_has_not_collapsed(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = task_of(data_dir)
    with caplog.at_level(logging.WARNING, "pellucid"):
        for step in range(LOOK_EVERY):
            task.losses(Same(), seeded(step), step=step, progress=0.0, count=8)
    assert not caplog.records


@pytest.mark.parametrize(("loss", "collapses"), [("mse", True), ("bce", False)])
def test_a_sigmoid_under_mse_falls_into_black_on_dark_images_and_under_bce_it_does_not(
    loss: Any, collapses: bool, data_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = set_recipe(network=POOL, loss=loss, steps=LOOK_EVERY, learning_rate=0.03, rates="constant")
    with caplog.at_level(logging.WARNING, "pellucid"):
        train(plan, tmp_path, data_dir=data_dir, device="cpu")
    assert (REMEDY in caplog.text) == collapses


# ---- augmentation --------------------------------------------------------------------------------


@pytest.fixture
def numbered() -> Tensor:
    """Images (400, 1, 4, 4), all alike, each pixel its own value."""
    return torch.arange(16.0).div(15).reshape(1, 1, 4, 4).expand(400, -1, -1, -1)


def ways(images: Tensor) -> set[tuple[int, ...]]:
    """The different images, as numbers of pixels; each must be one of these up to rounding."""
    pixels = 15 * images.flatten(1)
    assert (pixels - pixels.round()).abs().max() < 1e-3
    return {tuple(each) for each in pixels.round().int().tolist()}


def moved(images: Tensor, **options: Any) -> Tensor:
    return move(images, SetData("made", **options), seeded(0))


def test_without_augmentation_nothing_moves(numbered: Tensor) -> None:
    assert moved(numbered) is numbered


def test_flips_and_turns_are_exact(numbered: Tensor) -> None:
    one = numbered[:1]
    turns = [torch.rot90(one, k, (2, 3)) for k in range(4)]
    assert ways(moved(numbered, flips=True)) == ways(torch.cat([one, one.flip(3)]))
    assert ways(moved(numbered, turns=True)) == ways(torch.cat(turns))
    both = moved(numbered, flips=True, turns=True)
    assert ways(both) == ways(torch.cat([*turns, *(turn.flip(3) for turn in turns)]))


def test_each_way_is_as_frequent_as_the_others(numbered: Tensor) -> None:
    corners = moved(numbered, flips=True, turns=True)[:, 0, 0, 0].mul(15).round()
    counts = corners.int().bincount()[[0, 3, 12, 15]]
    assert counts.sum() == 400
    assert counts.min() > 70


def test_shifted_images_go_on_as_their_reflections(numbered: Tensor) -> None:
    padded = np.pad(numbered[0, 0].numpy(), 1, mode="symmetric")
    windows = [padded[row : row + 4, column : column + 4] for row in range(3) for column in range(3)]
    expected = torch.from_numpy(np.stack(windows)[:, None])
    assert ways(moved(numbered, shift=1)) == ways(expected)


def test_a_rotation_keeps_what_has_no_direction_and_the_middle_of_the_rest() -> None:
    grey = torch.full((20, 3, 9, 9), 0.3)
    torch.testing.assert_close(moved(grey, rotation=30, shift=2), grey)
    dot = torch.zeros(20, 1, 9, 9)
    dot[..., 4, 4] = 1
    torch.testing.assert_close(moved(dot, rotation=45)[..., 4, 4], torch.ones(20, 1))


def test_a_rotation_turns_by_at_most_so_many_degrees() -> None:
    line = torch.zeros(300, 1, 65, 65)
    line[..., 32, :] = 1  # through the middle, from left to right
    rows = moved(line, rotation=10)[:, 0, :, 60].argmax(1) - 32  # 28 pixels right of the middle
    highest = 28 * np.tan(np.deg2rad(10))
    assert rows.min() < -0.7 * highest
    assert 0.7 * highest < rows.max() <= highest + 1


def test_the_same_seed_moves_images_in_the_same_way_and_each_in_its_own(numbered: Tensor) -> None:
    options = {"flips": True, "rotation": 10.0, "shift": 1}
    one = moved(numbered, **options)
    assert torch.equal(one, moved(numbered, **options))
    assert not torch.equal(one[0], one[1])


# ---- loading -------------------------------------------------------------------------------------


def test_a_folder_keeps_a_tenth_for_the_test_unless_another_one_tests(data_dir: Path) -> None:
    data = set_recipe().set
    parts = load_set(data, data_dir, 0)
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [32, 4, 4]
    assert parts.train.shape[1:] == (16, 16, 1)
    tested = load_set(msgspec.structs.replace(data, test="train"), data_dir, 0)
    assert [len(part) for part in (tested.train, tested.validation, tested.test)] == [36, 4, 0]


def test_a_folder_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no folder .*squares"):
        task_of(tmp_path)


def test_what_the_set_holds_is_reported(data_dir: Path) -> None:
    words = "40 images of 16 x 16 pixels: 32 to train, 4 to validate, 4 to test"
    assert task_of(data_dir).note.startswith(words)


def test_a_folder_that_shall_test_is_looked_for_before_anything_is_learned(data_dir: Path) -> None:
    recipe = set_recipe(data={"test": "missing"})
    with pytest.raises(InputError, match=r"There is no folder .*missing"):
        Reconstruction(recipe, data_dir, CPU)
