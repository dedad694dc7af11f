"""Clean pages made by the generator, in the fonts that matplotlib brings."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path
from PIL import Image

from pellucid.datasets.pages import LAYOUTS, draw_clean_page
from pellucid.datasets.sheet import FONTS, HELD_FONTS, find_fonts
from pellucid.errors import InputError

FOLDER = Path(get_data_path(), "fonts", "ttf")
SHELF = {
    "latin": [FOLDER / "DejaVuSans.ttf", FOLDER / "DejaVuSerif.ttf"],
    "script": [FOLDER / "DejaVuSans-Oblique.ttf"],
    "greek": [FOLDER / "DejaVuSerif.ttf"],
    "maths": [FOLDER / "DejaVuSans.ttf"],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_layout_has_ink_on_white_paper(layout: str, channels: int) -> None:
    page, _ = draw_clean_page(3, (192, 256), 150, SHELF, channels=channels, layout=layout)
    assert page.shape == (192, 256, channels)
    assert page.dtype == np.uint8
    assert page.min() < 128
    if layout != "photo":
        assert np.median(page) == 255


def test_the_same_seed_gives_the_same_page_and_another_another() -> None:
    first, again, other = (draw_clean_page(seed, (128, 128), 150, SHELF)[0] for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_plain_layout_gives_the_text_that_it_wrote() -> None:
    page, text = draw_clean_page(1, (300, 500), 150, SHELF, layout="plain", points=10)
    lines = text.split("\n")
    rows = (page[..., 0] < 128).any(1)
    blocks = int((np.diff(rows.astype(int)) == 1).sum())
    assert 8 < len(lines) <= blocks + 1
    assert all(len(line.split()) > 3 for line in lines)


def test_text_has_the_size_that_is_asked_for() -> None:
    heights = []
    for points in (8, 16):
        page, _ = draw_clean_page(2, (300, 500), 150, SHELF, layout="plain", points=points)
        rows = np.flatnonzero((page[..., 0] < 128).any(1))
        heights.append(int(np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)[0].size))
    assert 1.6 < heights[1] / heights[0] < 2.4


def test_photographs_in_a_page_come_from_files(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (10, 200, 30)).save(tmp_path / "green.png")
    pages = [
        draw_clean_page(s, (96, 96), 150, SHELF, channels=3, layout="photo", photos=[tmp_path / "green.png"])[
            0
        ]
        for s in range(8)
    ]
    assert any((page == (10, 200, 30)).all(2).mean() > 0.5 for page in pages)


def test_held_back_fonts_are_not_among_those_that_train() -> None:
    for script, held in HELD_FONTS.items():
        for name in held:
            stem = name.rstrip("*")
            assert not any(
                stem.startswith(each.rstrip("*")) for each in FONTS.get(script, ()) if each.endswith("*")
            )
            assert stem not in FONTS.get(script, ())


def test_a_folder_without_a_font_of_a_script_is_refused() -> None:
    with pytest.raises(InputError, match="no font for"):
        find_fonts(FOLDER)


def test_fonts_are_found_by_the_beginning_of_their_names() -> None:
    found = find_fonts(FOLDER, {"latin": ("DejaVuSans-*",)})
    assert {path.stem for path in found["latin"]} >= {"DejaVuSans-Bold", "DejaVuSans-Oblique"}
    assert "DejaVuSans" not in {path.stem for path in found["latin"]}
