"""The default recognises pages: what it cleans as one, and what it leaves to the other paths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from skimage.measure import label

import pellucid
from pellucid.datasets.graphics import draw_page
from pellucid.inference.content import content_of, is_drawn, is_strokes, part_sizes
from pellucid.inference.survey import cut_tiles
from pellucid.metrics.quality import psnr
from pellucid.noise.base import NumpyRandom
from pellucid.noise.registry import parse_noise
from tests.inference.page_images import text_page

SCAN = "scan:150,tone=0.85,stains=3,light=0.2,noise=4"


def scanned(text: str = SCAN, channels: int = 1) -> NDArray[np.uint8]:
    page = text_page(channels).astype(np.float32) / 255
    return np.rint(parse_noise(text).apply(page, NumpyRandom(3)) * 255).astype(np.uint8).squeeze()


def tiles(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return cut_tiles(pixels.reshape(*pixels.shape[:2], -1).astype(np.float32) / np.float32(255))


@pytest.mark.parametrize(("text", "channels"), [(SCAN, 1), (SCAN + ",yellow=0.2", 3)])
def test_a_scanned_page_is_cleaned_as_a_page(text: str, channels: int) -> None:
    result = pellucid.denoise_result(scanned(text, channels))
    assert result.model == "page-fast"
    assert result.analysis is not None
    assert (result.analysis.kind, result.analysis.content) == ("page", "document")
    assert "page" in result.why


def test_white_paper_can_be_asked_of_the_default() -> None:
    noisy = scanned()
    white = pellucid.denoise(noisy, paper="white")
    assert np.median(white) >= 254
    assert abs(np.median(pellucid.denoise(noisy)) - np.median(noisy)) < 12


def test_a_page_that_was_drawn_is_a_document_and_stays_unchanged() -> None:
    page = text_page()
    result = pellucid.denoise_result(page)
    assert not result.changed
    assert result.model == "none"
    assert result.analysis is not None
    assert (result.analysis.kind, result.analysis.content) == ("clean", "document")
    np.testing.assert_array_equal(result.image, page)


def test_a_photograph_with_a_board_of_text_is_no_page(photo: NDArray[np.uint8]) -> None:
    large = np.array(Image.fromarray(photo).resize((640, 480), Image.Resampling.BICUBIC))
    large[100:300, 200:500] = text_page(3, (200, 300))
    noisy = large + np.random.default_rng(0).normal(0, 8, large.shape)
    found = pellucid.analyse(noisy.clip(0, 255).astype(np.uint8))
    assert (found.kind, found.content) != ("page", "document")
    assert found.content == "photograph"


@pytest.mark.parametrize(("degrees", "kind"), [(3, "page"), (-4, "page"), (9, "camera"), (-14, "camera")])
def test_a_page_that_lies_far_askew_is_a_photograph(degrees: float, kind: str) -> None:
    sheet = Image.fromarray(text_page(3, (900, 900)))
    turned = np.array(sheet.rotate(degrees, Image.Resampling.BICUBIC))[200:-200, 200:-200]
    light = np.linspace(0.9, 0.6, turned.shape[1])[:, None] * (1, 0.96, 0.9)
    assert pellucid.analyse(photographed(turned * light)).kind == kind


def test_a_page_with_nothing_but_noise_keeps_its_ink() -> None:
    page = text_page(3, (500, 500)) * (0.85, 0.81, 0.75)
    noisy = photographed(page)
    result = pellucid.denoise_result(noisy)
    assert result.model == "photo-best"
    assert result.analysis is not None
    assert result.analysis.content == "document"
    before, after = (psnr(each, page, data_range=255) for each in (noisy, result.image))
    assert after > before + 1
    assert pellucid.denoise_result(noisy, paper="white").model == "page-fast"


def photographed(page: NDArray[np.floating]) -> NDArray[np.uint8]:
    noisy = parse_noise("camera:iso=3200").apply((page / 255).astype(np.float32), NumpyRandom(0))
    return np.rint(noisy * 255).astype(np.uint8)


def strokes(count: int = 80) -> NDArray[np.float32]:
    """Short dark strokes in all directions, not in lines, on paper (480, 480) that is 1."""
    sheet = Image.new("L", (1920, 1920), 255)
    random = np.random.default_rng(5)
    for y, x in random.uniform(100, 1820, (count, 2)):
        angle, length = random.uniform(0, np.pi), random.uniform(60, 160)
        end = x + length * np.cos(angle), y + length * np.sin(angle)
        ImageDraw.Draw(sheet).line([(x, y), end], fill=0, width=int(random.integers(12, 24)))
    return np.asarray(sheet.resize((480, 480), Image.Resampling.BOX), np.float32) / np.float32(255)


def test_scattered_strokes_are_ink_and_what_is_soft_thick_or_in_one_piece_is_not() -> None:
    ink = strokes()
    assert is_strokes(ink)
    sheet = Image.fromarray(np.rint(ink * 255).astype(np.uint8))
    assert not is_strokes(np.asarray(sheet.filter(ImageFilter.GaussianBlur(4)), np.float32) / 255)
    assert not is_strokes(np.asarray(sheet.resize((1920, 1920)), np.float32) / 255)
    branched = ink.copy()
    branched[:, ::40] = 0
    branched[240] = 0
    assert not is_strokes(branched)
    assert not is_strokes(np.ones((64, 64), np.float32))


@given(arrays(np.bool_, (9, 11)))
def test_parts_are_counted_as_scikit_image_counts_them(mask: NDArray[np.bool_]) -> None:
    labels = label(mask, connectivity=2)
    assert sorted(part_sizes(mask)) == sorted(np.bincount(labels.ravel())[1:])


def test_a_drawing_on_a_stained_sheet_is_a_page_though_it_has_no_lines() -> None:
    scan = "scan:150,tone=0.85,stains=3,light=0.2,noise=2"
    noisy = parse_noise(scan).apply(strokes()[..., None], NumpyRandom(3))
    assert pellucid.analyse(np.rint(noisy[..., 0] * 255).astype(np.uint8)).kind == "page"


def test_pages_smaller_than_a_page_are_not_recognised() -> None:
    assert pellucid.analyse(scanned()[:200, :300]).kind != "page"


def test_a_page_with_a_given_level_of_noise_goes_to_a_network_for_white_noise() -> None:
    assert pellucid.denoise_result(scanned(), sigma=10 / 255).model.startswith("gaussian")


def test_content_is_recognised_by_paper_ink_and_flat_areas() -> None:
    page, noisy = text_page(), scanned()
    assert content_of(tiles(page)) == content_of(tiles(noisy)) == "document"
    assert is_drawn(tiles(page))
    assert not is_drawn(tiles(noisy))


def test_a_page_of_one_bit_changes_where_it_has_specks_and_stays_where_only_its_edges_would_soften() -> None:
    page = np.where(text_page() > 128, 255, 0).astype(np.uint8)
    assert not pellucid.denoise_result(page).changed
    specks = np.random.default_rng(0).random(page.shape) < 0.01
    assert pellucid.denoise_result(np.where(specks, 255 - page, page)).changed


def test_black_and_white_alone_is_no_sign_of_a_drawing() -> None:
    assert not is_drawn(tiles(np.where(text_page() > 128, 255, 0).astype(np.uint8)))


@pytest.mark.parametrize("seed", [1003, 1005])  # light text on grey paper; black on one tone of grey
def test_drawn_text_loses_nothing_whatever_its_paper(seed: int) -> None:
    page = draw_page(np.random.default_rng(seed), 512, "page")
    np.testing.assert_array_equal(pellucid.denoise(page), page)


@pytest.mark.parametrize("noise", [0, 4])
def test_dark_blots_on_a_light_sky_are_no_page(noise: int) -> None:
    rng = np.random.default_rng(5)
    rows, columns = np.mgrid[:384, :384]
    scene = 225 + 15 * columns / 384 + np.zeros((384, 384))
    for row, column, radius in zip(*rng.uniform(0, 384, (2, 60)), rng.uniform(4, 14, 60), strict=True):
        scene[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = 40
    scene = scene + (1 + noise) * rng.standard_normal(scene.shape)
    result = pellucid.denoise_result(np.rint(scene.clip(0, 255)).astype(np.uint8))
    assert result.analysis is not None
    assert result.analysis.kind != "page"
