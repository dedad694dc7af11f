"""Pages of one bit after cleaning."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from pellucid import denoise_file
from pellucid.inference.bilevel import keep_bilevel
from tests.inference.page_images import text_page


def dithered() -> NDArray[np.uint8]:
    """A photograph in black and white, uint8 (256, 256), 0 and 255."""
    photo = Image.fromarray(data.astronaut()[:256, 100:356]).convert("1")
    return np.asarray(photo) * np.uint8(255)


def test_grey_becomes_black_and_white() -> None:
    before = np.full((50, 70), 255, np.uint8)
    clean = np.linspace(0, 255, 3500).reshape(50, 70).astype(np.uint8)
    clean[:, ::2] = 255
    result = keep_bilevel(before, clean)
    assert set(np.unique(result)) == {0, 255}
    assert (result == 0)[clean < 100].all()
    assert (result == 255)[clean > 150].all()


def test_specks_and_solid_stains_go() -> None:
    before = np.full((200, 300), 255, np.uint8)
    before[np.random.default_rng(0).random(before.shape) < 0.02] = 0
    before[50:150, 100:200] = 0
    assert (keep_bilevel(before, np.full_like(before, 250)) == 255).all()


def test_a_photograph_in_dots_stays_and_specks_next_to_it_go() -> None:
    before = np.full((400, 600), 255, np.uint8)
    before[64:320, 64:320] = dithered()
    before[::20, 420::20] = 0
    result = keep_bilevel(before, np.full_like(before, 255))
    assert (result != before)[64:320, 64:320].mean() < 0.02
    assert (result[:, 420:] == 255).all()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_file_of_one_bit_keeps_it_and_with_white_paper_becomes_grey(tmp_path: Path, suffix: str) -> None:
    page = text_page()[..., 0] > 128
    noisy = page ^ (np.random.default_rng(0).random(page.shape) < 0.01)
    file, kept, white = (tmp_path / f"{name}{suffix}" for name in ("noisy", "kept", "white"))
    options = {} if suffix == ".png" else {"compression": "group4"}
    Image.fromarray(noisy).save(file, **options)
    denoise_file(file, kept, model="page-fast")
    denoise_file(file, white, model="page-fast", paper="white")
    with Image.open(kept) as image:
        assert image.mode == "1"
        assert (np.asarray(image) != page).mean() < 0.6 * (noisy != page).mean()
    with Image.open(white) as image:
        assert image.mode == "L"
