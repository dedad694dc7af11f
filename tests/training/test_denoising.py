"""White noise, made anew in every step."""

from pathlib import Path

import msgspec
import pytest
import torch

from pellucid.errors import InputError, UsageError
from pellucid.training.denoising import Denoising, make_batch, patch_now, random_patches, weigh
from pellucid.training.randomness import TorchRandom
from tests.tiny import tiny_recipe

POOL = torch.randint(0, 256, (6, 1, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
CPU = torch.device("cpu")


def seeded(seed: int) -> TorchRandom:
    return TorchRandom(torch.Generator().manual_seed(seed))


# ---- batches -------------------------------------------------------------------------------------


def test_a_batch_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    one, again, other = (make_batch(POOL, tiny_recipe(), 0.0, seeded(seed), 5) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_batch_holds_noise_of_the_level_that_it_names_half_of_it_clipped_to_8_bit() -> None:
    noisy, sigma, given, clean = make_batch(POOL, tiny_recipe(), 0.0, seeded(0), 400)
    assert noisy.shape == clean.shape == (400, 1, 32, 32)
    assert sigma.shape == given.shape == (400, 1, 1, 1)
    assert 0 <= sigma.min() < 0.01
    assert 74 / 255 < sigma.max() <= 75 / 255
    levels = noisy * 255
    clipped = ((levels - levels.round()).abs() < 1e-3).flatten(1).all(1)
    assert 0.4 < clipped.float().mean() < 0.6
    assert noisy[clipped].min() == 0
    assert noisy[clipped].max() == 1
    stds = (noisy - clean)[~clipped].std((1, 2, 3))
    torch.testing.assert_close(stds, sigma[~clipped].flatten(), rtol=0.15, atol=0)
    jitter = (given / sigma - 1).flatten()
    assert jitter.std().item() == pytest.approx(0.05, rel=0.1)


def test_a_share_of_the_images_can_be_left_clean() -> None:
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
        torch.rot90(image, turn, (0, 1)) for turn in range(4) for image in (pool[0, 0], pool[0, 0].flip(0))
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


def test_a_loss_is_divided_by_the_noise_level_and_a_floor_or_by_nothing() -> None:
    losses, sigma = torch.tensor([0.1, 0.2]), torch.tensor([0.0, 0.3])
    torch.testing.assert_close(weigh(losses, sigma, 0.1), torch.tensor([1.0, 0.5]))
    assert weigh(losses, sigma, None) is losses


# ---- the images --------------------------------------------------------------------------------


def test_images_that_are_kept_for_judging_do_not_train(data_dir: Path) -> None:
    recipe = tiny_recipe()
    data = msgspec.structs.replace(recipe.crops, without=("cat.png",))
    some = Denoising(msgspec.structs.replace(recipe, data=data), data_dir, CPU)
    assert (len(Denoising(recipe, data_dir, CPU).pool), len(some.pool)) == (32, 16)


def test_without_a_data_folder_it_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No data folder.*--data-dir"):
        Denoising(tiny_recipe(), None, CPU)
    with pytest.raises(InputError, match=r"There is no folder .*train"):
        Denoising(tiny_recipe(), tmp_path, CPU)


def test_a_network_that_changes_nothing_is_validated_at_the_noise_itself(data_dir: Path) -> None:
    class Nothing:
        stride = 4

        def __call__(self, noisy: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
            return noisy

    figures = Denoising(tiny_recipe(), data_dir, CPU).validate(Nothing())
    # -20 log10(sigma), the noise not being clipped
    expected = {
        f"tune PSNR at sigma {sigma}": 48.131 - 20 * torch.tensor(sigma).log10() for sigma in (15, 25, 50)
    }
    assert figures == pytest.approx({name: float(value) for name, value in expected.items()}, abs=0.15)
