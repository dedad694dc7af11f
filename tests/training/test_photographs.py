"""Photographs that a simulated camera took, made in advance."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from torch import Tensor

from pellucid.training.checkpoint import make_network
from pellucid.training.photographs import Photographs, draw_graphics, soften, true_levels
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import Recipe
from tests.tiny import PHOTO, tiny_recipe

CPU = torch.device("cpu")


def seeded(seed: int) -> TorchRandom:
    return TorchRandom(torch.Generator().manual_seed(seed))


def recipe(*, channels: Any = 3, seed: int = 0, data: Any = None, **degrade: Any) -> Recipe:
    """A recipe for photographs; `data` and `degrade` name what differs in these tables."""
    plain = tiny_recipe(channels=channels, network=PHOTO)
    return msgspec.structs.replace(
        plain,
        seed=seed,
        data=msgspec.structs.replace(plain.data, **(data or {})),
        degrade=msgspec.structs.replace(plain.degrade, **degrade),
    )


def parts(pairs: Tensor) -> tuple[Tensor, Tensor]:
    """Noisy images and their targets."""
    channels = pairs.shape[1] // 2  # the last plane is which are sharp
    return pairs[:, :channels], pairs[:, channels : 2 * channels]


def unchanged(pairs: Tensor) -> Tensor:
    """Which images no camera took (n,)."""
    noisy, target = parts(pairs)
    return (noisy == target).flatten(1).all(1)


# ---- pairs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_pairs_depend_on_the_seed_and_their_number_alone(channels: int, data_dir: Path) -> None:
    one, other = (Photographs(recipe(channels=channels, seed=seed), data_dir, CPU) for seed in (0, 1))
    pairs = one.take_pairs(3)
    assert (pairs.shape, pairs.dtype) == ((32, 2 * channels + 1, 64, 64), torch.uint8)
    again = Photographs(recipe(channels=channels), data_dir, CPU)
    assert not torch.equal(again.take_pairs(4), pairs)
    torch.rand(5)  # whatever else happened in the process
    assert torch.equal(again.take_pairs(3), pairs)
    assert not torch.equal(other.take_pairs(3), pairs)


def test_new_pairs_are_made_after_some_steps(data_dir: Path) -> None:
    task = Photographs(recipe(), data_dir, CPU)
    seen = []
    for step in (0, 7, 8, 15, 16):
        noisy, target, _ = task.batch(seeded(0), step=step, progress=0.0, count=2)
        assert noisy.shape == target.shape == (2, 3, 32, 32)
        seen.append(task.pairs)
    assert seen[0] is seen[1]
    assert seen[2] is seen[3]
    assert torch.equal(seen[2], task.take_pairs(1))
    assert not torch.equal(seen[0], seen[2])


def test_a_camera_leaves_noise_in_every_photograph_and_its_target_near_the_crop(data_dir: Path) -> None:
    noisy, target = parts(Photographs(recipe(), data_dir, CPU).take_pairs(0).float() / 255)
    rms = (noisy - target).square().mean((1, 2, 3)).sqrt()
    assert rms.min() > 0.5 / 255
    assert rms.max() < 0.4
    assert target.std((1, 2, 3)).median() > 0.05


@pytest.mark.parametrize(("soft", "sharp"), [(0.0, True), (1.0, False)])
def test_the_pairs_state_which_crops_are_sharp(soft: float, sharp: bool, data_dir: Path) -> None:
    task = Photographs(recipe(data={"soft": soft}), data_dir, CPU)
    assert (task.batch(seeded(0), step=0, progress=0.0, count=4)[2] == sharp).all()


def test_a_share_of_the_photographs_is_left_as_it_is(data_dir: Path) -> None:
    left = unchanged(Photographs(recipe(clean=0.5, data={"pairs": 128}), data_dir, CPU).take_pairs(0))
    assert 0.35 < left.float().mean() < 0.65


def test_a_larger_share_of_those_that_are_not_enlarged_is_left_as_it_is(data_dir: Path) -> None:
    for soft, low, high in ((0.0, 0.35, 0.65), (1.0, 0.0, 0.2)):
        noise = recipe(clean=0.05, clean_sharp=0.5, data={"pairs": 128, "soft": soft})
        left = unchanged(Photographs(noise, data_dir, CPU).take_pairs(0)).float().mean()
        assert low < left < high


def test_a_share_is_drawn_and_half_of_that_is_left_as_it_is(data_dir: Path) -> None:
    task = Photographs(recipe(graphics=0.25, data={"pairs": 128, "graphics": 2}), data_dir, CPU)
    task.pool.zero_()  # black photographs: whatever is seen was drawn
    pairs = task.take_pairs(0)
    drawn = parts(pairs)[1].flatten(1).amax(1) > 32
    assert drawn[:32].float().mean() > 0.8  # a page may have empty places
    assert not drawn[32:].any()
    assert 0.2 < unchanged(pairs)[:32].float().mean() < 0.8
    assert not unchanged(pairs)[32:].all()


@pytest.mark.parametrize("channels", [1, 3])
def test_pages_are_cut_into_sixteen_crops(channels: int) -> None:
    crops = draw_graphics(recipe(channels=channels, data={"graphics": 2, "crop": 32}))
    assert (crops.shape, crops.dtype) == ((32, channels, 32, 32), torch.uint8)
    assert not len(draw_graphics(recipe()))


def test_softening_keeps_the_size_and_takes_away_detail() -> None:
    crops = torch.rand(4, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    for seed in range(10):
        soft = soften(crops, seeded(seed))
        assert soft.shape == crops.shape
        assert 0 <= soft.min() <= soft.max() <= 1
        steps = (soft.diff(dim=3).abs().mean(), crops.diff(dim=3).abs().mean())
        assert steps[0] < steps[1]


def test_photographs_are_sharper_where_none_is_softened(data_dir: Path) -> None:
    steps = []
    for soft in (0.0, 1.0):
        task = Photographs(recipe(data={"soft": soft}, clean=0.0), data_dir, CPU)
        targets = [parts(task.take_pairs(number).float())[1] for number in range(8)]  # 8 enlargements
        steps.append(torch.cat(targets).diff(dim=3).abs().mean())
    assert steps[1] < 0.7 * steps[0]


# ---- the truth about the noise -------------------------------------------------------------------


def test_grey_noise_in_a_colour_image_is_luma_alone() -> None:
    noise = 0.1 * torch.randn(2, 1, 160, 160, generator=torch.Generator().manual_seed(0))
    levels = true_levels(noise.expand(-1, 3, -1, -1))
    assert levels.shape == (2, 2, 20, 20)
    torch.testing.assert_close(levels[:, 0], torch.full((2, 20, 20), 0.1), rtol=0.15, atol=0)
    assert levels[:, 1].max() < 1e-4
    torch.testing.assert_close(true_levels(noise)[:, 0], levels[:, 0])


def test_noise_in_all_channels_has_the_levels_that_the_matrix_says() -> None:
    noise = 0.1 * torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    luma, chroma = true_levels(noise).mean((0, 2, 3))
    assert luma.item() == pytest.approx(0.1 * (0.299**2 + 0.587**2 + 0.114**2) ** 0.5, rel=0.03)
    blue, red = 0.169**2 + 0.331**2 + 0.5**2, 0.5**2 + 0.419**2 + 0.081**2  # of Cb and Cr
    assert chroma.item() == pytest.approx(0.1 * ((blue + red) / 2) ** 0.5, rel=0.03)


def test_levels_are_local() -> None:
    noise = torch.randn(1, 1, 160, 320, generator=torch.Generator().manual_seed(0))
    noise[..., :160] *= 0.02
    noise[..., 160:] *= 0.2
    levels = true_levels(noise)[0, 0]
    torch.testing.assert_close(levels[:, :17], torch.full((20, 17), 0.02), rtol=0.2, atol=0)
    torch.testing.assert_close(levels[:, 23:], torch.full((20, 17), 0.2), rtol=0.2, atol=0)


# ---- learning and judging ------------------------------------------------------------------------


def test_every_part_of_the_network_learns(data_dir: Path) -> None:
    plan = recipe()
    torch.manual_seed(0)
    network = make_network(plan)
    losses = Photographs(plan, data_dir, CPU).losses(network, seeded(0), step=0, progress=0.0, count=3)
    assert losses.shape == (3,)
    losses.mean().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in network.parameters())


def test_a_network_that_changes_nothing_leaves_clean_images_and_less_psnr_at_a_higher_iso(
    data_dir: Path,
) -> None:
    class Nothing:
        stride = 8

        def __call__(self, noisy: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
            assert gain.flatten().tolist() == [1]
            return noisy, noisy

    figures = Photographs(recipe(), data_dir, CPU).validate(Nothing())
    assert list(figures) == [*(f"tune PSNR at ISO {iso}" for iso in (800, 3200, 12800)), "tune PSNR, clean"]
    values = list(figures.values())
    assert 20 < values[2] < values[1] < values[0] < values[3] == float("inf")
