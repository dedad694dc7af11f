"""Pages of text, screenshots and drawings made by the generator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.datasets.graphics import KINDS, draw_page
from pellucid.errors import UsageError


def draw(seed: int, size: int | tuple[int, int] = 256, kind: str | None = None) -> NDArray[np.uint8]:
    return draw_page(np.random.default_rng(seed), size, kind)


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_the_same_seed_draws_the_same_image_and_another_seed_another(kind: str | None) -> None:
    np.testing.assert_array_equal(draw(1, kind=kind), draw(1, kind=kind))
    assert (draw(1, kind=kind) != draw(2, kind=kind)).any()


def test_one_generator_draws_a_new_image_each_time() -> None:
    rng = np.random.default_rng(0)
    assert (draw_page(rng, 96) != draw_page(rng, 96)).any()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    kind=st.sampled_from([*KINDS, None]),
)
def test_a_image_has_the_size_that_was_asked_for(seed: int, size: tuple[int, int], kind: str | None) -> None:
    image = draw(seed, size, kind)
    assert image.shape == (*size, 3)
    assert image.dtype == np.uint8


def test_one_number_makes_a_square_that_may_be_written_to() -> None:
    image = draw(0, 40)
    image[:] = 0
    assert image.shape == (40, 40, 3)


def test_pages_have_dark_letters_on_light_paper_or_light_ones_on_dark() -> None:
    grey = [draw(seed, kind="page").mean(axis=2) for seed in range(16)]
    papers = np.array([np.median(page) for page in grey])
    assert (papers > 160).sum() >= 4
    assert (papers < 96).sum() >= 2
    assert np.median([np.ptp(page) for page in grey]) > 160


@pytest.mark.parametrize("kind", KINDS)
def test_graphics_are_clean_most_pixels_equal_their_neighbours(kind: str) -> None:
    images = [draw(seed, kind=kind) for seed in range(8)]
    flat = [(image[:, 1:] == image[:, :-1]).all(axis=2).mean() for image in images]
    assert np.median(flat) > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_many_graphics_are_coloured_and_most_have_sharp_edges(kind: str) -> None:
    images = [draw(seed, kind=kind).astype(int) for seed in range(16)]
    assert sum(np.ptp(image, axis=2).max() > 60 for image in images) >= 4
    assert sum(abs(np.diff(image, axis=1)).max() > 100 for image in images) >= 10


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"'poster'.*page, screenshot, drawing"):
        draw(0, kind="poster")


@pytest.mark.parametrize("size", [0, (0, 10), (10, -1)])
def test_an_empty_canvas_is_refused(size: int | tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="1 x 1 or more"):
        draw(0, size)
