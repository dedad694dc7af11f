"""Learning to clean pages."""

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import get_data_path

from pellucid.datasets.sheet import FONTS, HELD_FONTS
from pellucid.errors import UsageError
from pellucid.training.pages import SIZE, Pages, draw_pair, measure_pages, page_losses
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe_files import load_recipe

FOLDER = Path(get_data_path(), "fonts", "ttf")
FONT = (FOLDER / "DejaVuSans.ttf",)
SHELF = {"latin": FONT, "script": FONT, "maths": FONT}


def test_a_pair_is_a_scanned_page_and_the_clean_one() -> None:
    noisy, clean = draw_pair(0, 1, ["scan:100,tone=0.8"], SHELF, clean=0.0)
    assert noisy.shape == clean.shape == (SIZE, SIZE)
    np.testing.assert_allclose(noisy, clean * 0.8, atol=1)


def test_a_share_of_the_pairs_has_nothing_to_remove() -> None:
    noisy, clean = draw_pair(0, 1, ["scan:100,tone=0.8"], SHELF, clean=1.0)
    np.testing.assert_array_equal(noisy, clean)


def test_the_same_number_gives_the_same_pair() -> None:
    scans = ["scan:75-300,noise=5", "scan:75-300,stains=2"]
    first, again, other = (draw_pair(number, 1, scans, SHELF, clean=0.1) for number in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_lost_stroke_costs_more_than_a_grey_level_over_as_much_area() -> None:
    clean = torch.ones(1, 1, 64, 64)
    clean[..., 30:32, :] = 0
    lost, grey = torch.ones(1, 1, 64, 64), clean.clone()
    grey[..., 50:52, :] = 0.9
    doubt = torch.zeros(1, 1, 8, 8)
    assert page_losses(lost, doubt, clean) > page_losses(grey, doubt, clean) + 1.5


def test_the_expected_error_is_best_where_it_is_the_error() -> None:
    clean = torch.ones(1, 1, 64, 64)
    cleaned = clean - 0.1
    losses = [float(page_losses(cleaned, torch.full((1, 1, 8, 8), d), clean)) for d in (0.0, 0.1, 0.2)]
    assert losses[1] < min(losses[0], losses[2])


def test_a_network_that_gives_the_page_back_has_the_error_of_the_noisy_pages() -> None:
    pairs = torch.from_numpy(draw_pair(0, 1, ["scan:100,tone=0.8"], SHELF, clean=0.0))[None]
    figures = measure_pages(lambda noisy, paper: (noisy, None), pairs)
    assert figures["tune RMSE"] == pytest.approx(figures["input RMSE"])
    assert figures["tune ink made"] == 0


@pytest.mark.parametrize(
    "change", ['degrade.scans=["gaussian:25"]', "degrade.scans=[]", "schedule.patch=[100]"]
)
def test_a_recipe_for_pages_needs_scans_and_patches_of_the_stride(change: str) -> None:
    with pytest.raises(UsageError):
        load_recipe("page-fast-grey", [change])


def test_training_draws_pages_as_it_goes(tmp_path: Path) -> None:
    """With every script in one font."""
    for name in (*FONTS.values(), *HELD_FONTS.values()):
        file = tmp_path / f"{name[0].rstrip('*')}.ttf"
        file.write_bytes((FOLDER / "DejaVuSans.ttf").read_bytes())
    recipe = load_recipe("page-instant-grey", [f"data.fonts={tmp_path}", "data.photos=none", "data.tune=1"])
    task = Pages(recipe, tmp_path, torch.device("cpu"))
    random = TorchRandom(torch.Generator().manual_seed(0))
    network = recipe.family.build(recipe.network, 1, (64, 64))
    losses = task.losses(network, random, step=0, progress=0.0, count=2)
    assert losses.shape == (2,)
    assert torch.isfinite(losses).all()
