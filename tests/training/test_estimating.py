"""Learning the level and the kind of noise."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch
from torch import Tensor

from pellucid.errors import UsageError
from pellucid.networks.families import EstimatorSettings
from pellucid.training.estimating import (
    CORRELATED,
    INDEPENDENT,
    UNLABELLED,
    Estimating,
    Part,
    block_levels,
    counted,
    loss,
    smooth,
    white,
)
from pellucid.training.randomness import TorchRandom
from tests.tiny import tiny_recipe

CPU = torch.device("cpu")
RECIPE = msgspec.structs.replace(tiny_recipe(channels=3, network=EstimatorSettings(4)), loss_floor=None)

Make = Callable[[Tensor, TorchRandom], Part]


class Constant:
    """An estimator that always gives the same level, and the same log-odds that noise is independent."""

    stride = 4

    def __init__(self, level: float, log_odds: float = 0.0) -> None:
        self.level, self.log_odds, self.shapes = level, log_odds, list[torch.Size]()

    def __call__(self, noisy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.shapes.append(noisy.shape)
        blocks = noisy[:, :1, ::4, ::4]
        levels = torch.full_like(noisy[:, :, ::4, ::4], self.level)
        return levels, torch.zeros_like(blocks), torch.full_like(blocks, self.log_odds)


@pytest.fixture(scope="module")
def task(data_dir: Path) -> Estimating:
    return Estimating(RECIPE, data_dir, CPU)


def seeded(seed: int = 0) -> TorchRandom:
    return TorchRandom(torch.Generator().manual_seed(seed))


def ramps(count: int, side: int = 64, channels: int = 3) -> Tensor:
    """Clean images (count, channels, side, side), 0.1 to 0.9."""
    return torch.linspace(0.1, 0.9, side).expand(count, channels, side, side).clone()


# ---- the task ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [8, 24])
def test_each_image_of_a_batch_has_a_loss(task: Estimating, count: int) -> None:
    network = Constant(0.05)
    losses = task.losses(network, seeded(), step=0, progress=0.0, count=count)
    assert network.shapes == [(count, 3, 32, 32)]
    assert losses.shape == (count,)
    assert losses.isfinite().all()


@pytest.mark.parametrize("count", [1, 4, 7, 12])
def test_a_batch_that_is_not_in_equal_parts_is_refused(task: Estimating, count: int) -> None:
    with pytest.raises(UsageError, match="divides"):
        task.losses(Constant(0.0), seeded(), step=0, progress=0.0, count=count)


def test_the_same_seed_gives_the_same_losses(task: Estimating) -> None:
    one, again, other = (
        task.losses(Constant(0.05), seeded(seed), step=0, progress=0.0, count=8) for seed in (3, 3, 4)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(("log_odds", "wrong"), [(5.0, 3 / 7), (-5.0, 4 / 7)])
def test_validation_gives_the_error_of_the_level_and_the_share_of_wrong_kinds(
    task: Estimating, log_odds: float, wrong: float
) -> None:
    # Four levels of white noise, which is independent, and three ISO numbers, whose noise is correlated.
    figures = task.validate(Constant(20 / 255, log_odds))
    expected = {f"tune error at sigma {sigma}": abs(sigma - 20) for sigma in (5, 15, 25, 50)}
    found = {name: figures[name] for name in expected}
    assert found == pytest.approx(expected, abs=1e-3)
    assert figures["tune share of wrong kinds"] == pytest.approx(wrong, abs=1e-3)


# ---- noisy images and their labels ---------------------------------------------------------------


@pytest.mark.parametrize("make", [white, counted, smooth])
@pytest.mark.parametrize("channels", [1, 3])
def test_levels_are_those_of_the_noise_that_was_added(make: Make, channels: int) -> None:
    noisy, levels, labels = make(ramps(64, channels=channels), seeded())
    assert noisy.shape == (64, channels, 64, 64)
    assert levels.shape == (64, channels, 16, 16)
    assert labels.shape == (64,)
    assert (levels >= 0).all()
    assert all(each.isfinite().all() for each in (noisy, levels))


def test_the_level_of_white_noise_is_its_standard_deviation() -> None:
    clean = torch.full((64, 1, 64, 64), 0.5)
    noisy, levels, labels = white(clean, seeded())
    found, given = (noisy - clean).std((1, 2, 3)), levels.mean((1, 2, 3))
    measured = (given > 2 / 255) & (given < 30 / 255)  # neither rounded away nor clipped
    assert measured.sum() > 20
    assert ((found / given - 1).abs()[measured] < 0.1).all()
    assert set(labels.tolist()) == {INDEPENDENT, UNLABELLED}


def test_photon_noise_is_independent_and_rises_with_brightness() -> None:
    _, levels, labels = counted(ramps(64), seeded())
    assert (labels == INDEPENDENT).all()
    dark, bright = levels[..., :4].mean((1, 2, 3)), levels[..., -4:].mean((1, 2, 3))
    assert (bright > dark).all()


@pytest.mark.parametrize("seed", range(6))
def test_smooth_noise_is_correlated(seed: int) -> None:
    clean = torch.full((16, 1, 64, 64), 0.5)
    noisy, _, labels = smooth(clean, seeded(seed))
    assert (labels == CORRELATED).all()
    noise = noisy - clean
    noise = noise - noise.mean((2, 3), keepdim=True)
    neighbours = (noise[..., 1:] * noise[..., :-1]).mean((1, 2, 3)) / noise.square().mean((1, 2, 3))
    strong = noise.std((1, 2, 3)) > 3 / 255  # where rounding to 8 bit adds little
    assert neighbours[strong].min() > 0.1


def test_block_levels_are_local() -> None:
    noise = 0.1 * seeded().normal(torch.zeros(1, 1, 128, 256))
    noise[..., 128:] *= 2
    levels = block_levels(noise)
    assert levels.shape == (1, 1, 32, 64)
    assert levels[..., :24].mean() == pytest.approx(0.1, rel=0.05)
    assert levels[..., 40:].mean() == pytest.approx(0.2, rel=0.05)


# ---- the loss ------------------------------------------------------------------------------------


def estimate(level: float, log_spread: float = 0.0, log_odds: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    ones = torch.ones(1, 1, 8, 8)
    return level * ones, log_spread * ones, log_odds * ones


def loss_of(found: tuple[Tensor, Tensor, Tensor], level: float = 0.1, label: float = INDEPENDENT) -> float:
    return float(loss(found, torch.full((1, 1, 8, 8), level), torch.tensor([label])))


def test_the_loss_is_least_at_the_true_level() -> None:
    values = {level: loss_of(estimate(level)) for level in (0.05, 0.09, 0.1, 0.11, 0.2)}
    assert min(values, key=lambda level: values[level]) == 0.1


def test_an_underestimate_costs_more_than_an_overestimate_of_the_same_ratio() -> None:
    exact = loss_of(estimate(0.1))
    low, high = loss_of(estimate(0.05)) - exact, loss_of(estimate(0.2)) - exact
    assert low == pytest.approx(1.05 / 0.95 * high, rel=0.02)


def test_the_spread_that_costs_least_is_the_error() -> None:
    spreads = torch.linspace(-3, 1, 41).tolist()
    best = {
        level: min(spreads, key=lambda spread, level=level: loss_of(estimate(level, spread)))  # type: ignore[misc]
        for level in (0.11, 0.2)
    }
    assert best[0.11] == pytest.approx(-2.4, abs=0.11)  # log(0.95 log(1.1))
    assert best[0.2] == pytest.approx(-0.42, abs=0.11)


def test_the_kind_costs_least_where_it_is_right() -> None:
    for label in (INDEPENDENT, CORRELATED):
        right, unsure, wrong = (
            loss_of(estimate(0.1, 0.0, k * (2 * label - 1)), label=label) for k in (3, 0, -3)
        )
        assert right < unsure < wrong


@pytest.mark.parametrize(("level", "label"), [(0.1, UNLABELLED), (0.5 / 255, INDEPENDENT)])
def test_without_a_label_or_visible_noise_the_kind_does_not_matter(level: float, label: float) -> None:
    values = [loss_of(estimate(0.1, 0.0, log_odds), level, label) for log_odds in (-5, 0, 5)]
    assert values == pytest.approx([values[0]] * 3)
