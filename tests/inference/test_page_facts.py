"""What is wrong with a page, on pages of which it is known."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pellucid.inference.page_facts import page_facts
from pellucid.noise.base import NumpyRandom
from pellucid.noise.registry import parse_noise
from tests.inference.page_images import text_page

PAGE = text_page()


def scanned(text: str) -> NDArray[np.uint8]:
    noisy = parse_noise(f"scan:150,{text}").apply(PAGE.astype(np.float32) / 255, NumpyRandom(1))
    return np.rint(noisy * 255).astype(np.uint8)


def test_a_clean_page_has_nothing_wrong() -> None:
    found = page_facts(PAGE)
    assert found.paper == pytest.approx(1)
    assert found.light == pytest.approx(0, abs=0.01)
    assert found.bleed == 0
    assert found.blocks < 1.1
    assert found.skew == pytest.approx(0, abs=0.1)


def test_the_tone_of_the_paper_and_uneven_light_are_measured() -> None:
    assert page_facts(scanned("tone=0.8,noise=2")).paper == pytest.approx(0.8, abs=0.03)
    assert page_facts(scanned("light=0.5")).light > 0.2


def test_the_other_side_is_seen_and_noise_is_not_taken_for_it() -> None:
    faint, strong = (page_facts(scanned(f"bleed={each},noise=3")) for each in (0.3, 0.6))
    assert faint.bleed > 0.02
    assert 0.04 < faint.bleed_darkness < strong.bleed_darkness
    assert page_facts(scanned("noise=12")).bleed < 0.005


def test_blocks_of_a_jpeg_are_seen_the_more_the_lower_its_quality() -> None:
    fine, coarse = (page_facts(scanned(f"noise=3,quality={each}")).blocks for each in (85, 50))
    assert 1.1 < fine < coarse


@pytest.mark.parametrize("degrees", [-6.5, -1.0, 2.0])
def test_skew_is_measured_in_degrees(degrees: float) -> None:
    turned = Image.fromarray(PAGE[..., 0]).rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=255)
    assert page_facts(np.asarray(turned)[..., None]).skew == pytest.approx(degrees, abs=0.15)


def test_an_image_without_lines_has_no_skew() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 1), np.uint8)
    assert math.isnan(page_facts(noise).skew)


def test_a_tiny_image_and_a_blank_one_have_facts() -> None:
    for size in ((5, 7), (1, 1), (40, 300)):
        assert page_facts(np.full((*size, 1), 200, np.uint8)).paper == pytest.approx(200 / 255, abs=0.01)
