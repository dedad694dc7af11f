"""Cleaning pages, with networks whose function is known: all weights of the last layer are 0."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.inference.pages import PageModel
from pellucid.inference.registry import load_model
from pellucid.networks.page import PageUNet
from pellucid.training.checkpoint import make_network
from pellucid.training.export import export_network
from pellucid.training.recipe_files import load_recipe

SMALL = ("widths=[4,4,4,4]", "encoder=[0,0,0]", "decoder=[0,0,0]", "body=1", "doubt=9")
RECIPE = load_recipe("page-instant-grey", [*(f"network.{each}" for each in SMALL), "schedule.patch=[64]"])


def network_file(folder: Path, brighter: float) -> Path:
    """A network that gives the page back, so much brighter."""
    network = make_network(RECIPE)
    assert isinstance(network, PageUNet)
    with torch.no_grad():
        network.tail.weight.zero_()
        assert network.tail.bias is not None
        network.tail.bias.fill_(brighter)
    export_network(network, RECIPE, folder / "page.onnx", steps=0, figures={})
    return folder / "page.onnx"


@pytest.fixture(scope="module")
def brighter(tmp_path_factory: pytest.TempPathFactory) -> PageModel:
    model = load_model(network_file(tmp_path_factory.mktemp("brighter"), 0.3))
    assert isinstance(model, PageModel)
    return model


def page(*paper: int, ink: int = 20) -> NDArray[np.uint8]:
    """Dark lines on paper, 8 bit (h, w) or (h, w, 3)."""
    pixels = np.full((120, 90, len(paper)), paper, np.uint8)
    for top in range(8, 112, 10):
        pixels[top : top + 3, 8:-8] = ink
    return pixels.squeeze()


def test_white_paper_is_white_and_kept_paper_keeps_its_tone(brighter: PageModel) -> None:
    noisy = page(200)
    white, kept = (brighter.denoise(noisy, paper=look).image for look in ("white", "keep"))
    assert (white[noisy == 200] == 255).all()
    assert abs(kept[noisy == 200].astype(int) - 200).max() <= 1
    assert white.dtype == kept.dtype == np.uint8


def test_the_colour_of_the_paper_goes_with_white_and_stays_with_keep(brighter: PageModel) -> None:
    noisy = page(230, 210, 170)
    white, kept = (brighter.denoise(noisy, paper=look).image for look in ("white", "keep"))
    paper = (noisy == (230, 210, 170)).all(2)
    assert (white[paper] >= 254).all()
    assert abs(kept[paper].astype(int) - (230, 210, 170)).max() <= 3


def test_vivid_marks_stay(brighter: PageModel) -> None:
    noisy = page(200, 200, 200)
    noisy[::2] -= 2  # as no drawn page has it
    noisy[40:60, 30:60] = (250, 240, 60)
    marked = brighter.denoise(noisy, paper="white").image[44:56, 34:56]
    assert abs(marked.astype(int) - (250, 240, 60)).max() <= 8


def test_a_page_from_which_nothing_would_be_removed_stays_unchanged(tmp_path: Path) -> None:
    model, noisy = load_model(network_file(tmp_path, 0.0)), page(255)
    result = model.denoise(noisy, paper="white")
    assert not result.changed
    np.testing.assert_array_equal(result.image, noisy)


def test_a_page_that_was_drawn_stays_unchanged(brighter: PageModel) -> None:
    """Its paper has one value, and its letters have shades."""
    drawn = page(240)
    drawn[50:60, 20:60] = np.arange(40, dtype=np.uint8) * 5
    result = brighter.denoise(drawn, paper="white")
    assert not result.changed
    assert "drawn" in result.why


def test_a_photograph_has_no_paper_and_stays_unchanged(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    """Also where the network is named."""
    model = load_model(network_file(tmp_path, 0.0))
    noisy = np.random.default_rng(0).normal(photo.mean(axis=2), 5).clip(0, 255).astype(np.uint8)
    result = model.denoise(noisy, paper="white")
    assert not result.changed
    assert "no paper" in result.why


def test_half_the_strength_makes_half_the_change(brighter: PageModel) -> None:
    noisy = page(200)
    whole, half = (brighter.denoise(noisy, paper="white", strength=s).image.astype(int) for s in (1.0, 0.5))
    assert abs((half - noisy) - (whole - noisy) / 2).max() <= 1


def test_a_level_of_noise_is_refused(brighter: PageModel) -> None:
    with pytest.raises(UsageError, match="takes no sigma"):
        brighter.denoise(page(200), sigma=0.1)


def test_another_word_for_the_paper_is_refused(brighter: PageModel) -> None:
    with pytest.raises(UsageError, match="Give keep or white"):
        brighter.denoise(page(200), paper="blue")  # type: ignore[arg-type]


@pytest.mark.parametrize("light", [0.5, 0.1])
def test_a_page_in_little_light_is_cleaned_like_one_in_much(brighter: PageModel, light: float) -> None:
    """The network sees both in the same light; ink that fills a page's darkest shades stays."""
    noisy = (page(220) * light).astype(np.uint8)
    white, kept = (brighter.denoise(noisy, paper=look).image for look in ("white", "keep"))
    paper = page(220) == 220
    assert (white[paper] == 255).all()
    assert white[~paper].max() < 128
    assert abs(kept[paper].astype(int) - int(220 * light)).max() <= 1


@pytest.mark.parametrize("colour", [(110, 150, 215), (190, 120, 200), (120, 200, 130)])
def test_areas_in_colours_that_no_stain_has_stay(brighter: PageModel, colour: tuple[int, int, int]) -> None:
    noisy = page(200, 200, 200)
    noisy[::2] -= 2  # as no drawn page has it
    noisy[40:60, 30:60] = colour
    marked = brighter.denoise(noisy, paper="white").image[44:56, 34:56]
    assert abs(marked.astype(int) - colour).max() <= 12
