"""Learning how much white noise there is, and that what a camera leaves is none."""

from pathlib import Path

import msgspec
import pytest
import torch
from torch import Tensor

from pellucid.errors import UsageError
from pellucid.training.estimating import Estimating
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import EstimatorTable
from tests.tiny import tiny_recipe

CPU = torch.device("cpu")
RECIPE = msgspec.structs.replace(tiny_recipe(channels=3, network=EstimatorTable(4)), loss_floor=None)


class Constant:
    """An estimator that always gives the same level."""

    stride = 4

    def __init__(self, level: float) -> None:
        self.level, self.sizes = level, list[torch.Size]()

    def __call__(self, noisy: Tensor) -> Tensor:
        self.sizes.append(noisy.shape)
        return noisy.new_full((len(noisy), 2), self.level)


@pytest.fixture(scope="module")
def task(data_dir: Path) -> Estimating:
    return Estimating(RECIPE, data_dir, CPU)


@pytest.mark.parametrize("count", [2, 7, 8])
def test_one_half_has_white_noise_and_a_camera_took_the_other(task: Estimating, count: int) -> None:
    random, network = TorchRandom(torch.Generator().manual_seed(0)), Constant(0.0)
    losses = task.losses(network, random, step=0, progress=0.0, count=count)
    assert network.sizes == [(count, 3, 32, 32)]
    white, camera = losses[: count // 2], losses[count // 2 :]
    assert (white > 0).all()  # 0 is an underestimate of white noise ...
    assert not camera.any()  # ... and right for a camera's


def test_one_picture_at_a_time_is_refused(task: Estimating) -> None:
    random = TorchRandom(torch.Generator().manual_seed(0))
    with pytest.raises(UsageError, match="Set a larger batch"):
        task.losses(Constant(0.0), random, step=0, progress=0.0, count=1)


def test_a_level_that_is_always_the_same_is_judged_by_how_far_it_lies_from_each(task: Estimating) -> None:
    figures = task.judge(Constant(20 / 255))
    expected = {f"tune error at sigma {sigma}": abs(sigma - 20) for sigma in (0, 5, 15, 25, 50)}
    expected |= {f"tune error at ISO {iso}": 20 for iso in (800, 3200, 12800)}
    assert figures == pytest.approx(expected, abs=1e-3)
