"""Figures of codes show what they should, and can be written."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from pellucid.errors import UsageError
from pellucid.evaluation.code_maps import (
    apart,
    code_map,
    codes_as_images,
    decoded_grid,
    principal_plane,
    walks,
)
from pellucid.evaluation.figures import figure_svg, save_figure
from pellucid.inference.codec import Codec
from tests.coded import Coded, images

LABELS = np.arange(60) % 10


def codes(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(60, *shape)).astype(np.float32)


def words(figure: Figure) -> list[str]:
    return [
        each.text or ""
        for each in ElementTree.fromstring(figure_svg(figure)).iter()
        if each.tag.endswith("text")
    ]


def sheet(figure: Figure) -> NDArray[np.float32]:
    """The small images of a figure, (height, width, 4)."""
    (image,) = figure.axes[0].images
    return np.asarray(image.get_array())


def test_a_map_names_its_classes_and_its_axes() -> None:
    found = words(code_map(codes(2), LABELS))
    assert {"first number of the code", "second number of the code", *map(str, range(10))} <= set(found)
    named = words(code_map(codes(2), LABELS % 2, names=["shirt", "shoe"]))
    assert {"shirt", "shoe"} <= set(named)


def test_a_code_of_more_numbers_is_shown_by_its_principal_components() -> None:
    found = " ".join(words(code_map(codes(4, 4), LABELS)))
    assert "first principal component of the code (" in found


def test_the_principal_plane_keeps_what_varies_most() -> None:
    points = codes(3) * [1, 10, 0.1] + 5
    plane, names = principal_plane(points)
    assert abs(np.corrcoef(plane[:, 0], points[:, 1])[0, 1]) > 0.99
    assert "(98% of its variance)" in names[0]  # 100 of 101.01, as the numbers were drawn
    assert np.allclose(plane.mean(axis=0), 0, atol=1e-5)


def test_names_that_would_cover_each_other_are_moved_apart() -> None:
    extent = np.array([10.0, 2.0])
    moved = apart(np.array([[1.0, 1.0], [1.0, 1.0], [9.0, 1.0]]), extent) / extent
    assert np.linalg.norm(moved[0] - moved[1]) > 0.049
    assert np.allclose(moved[2], [0.9, 0.5], atol=1e-4)


def test_what_cannot_be_a_map_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be drawn in a plane"):
        code_map(codes(1), LABELS)
    with pytest.raises(UsageError, match="with 3 labels"):
        code_map(codes(2), LABELS[:3])


def test_a_walk_begins_and_ends_with_the_decoded_images(pool: Coded) -> None:
    codec = Codec(pool[0])
    starts, ends = images(2, 8, 12, 3), images(4, 8, 12, 3)[2:]
    figure = walks(codec, starts, ends, steps=5)
    assert words(figure) == ["image", "0%", "25%", "50%", "75%", "100%", "image"]
    shown = sheet(figure)
    assert shown.shape == (2 * 10 - 2, 7 * 14 - 2, 4)
    assert np.allclose(shown[:8, :12, :3], starts[0] / 255, atol=1e-6)
    assert np.allclose(shown[:8, 14:26, :3], codec.decode(codec.encode(starts))[0], atol=1e-5)
    assert np.allclose(shown[10:, -26:-14, :3], codec.decode(codec.encode(ends))[1], atol=1e-5)
    assert shown[9, 0, 3] == 0  # the gap is transparent


def test_a_code_is_shown_below_its_image(dense: Coded) -> None:
    codec = Codec(dense[0])
    samples = images(3)[..., 0]
    figure = codes_as_images(codec, samples)
    assert words(figure) == ["image", "code, 4 x 4", "decoded"]
    shown = sheet(figure)[..., 0]
    assert np.allclose(shown[:12, :12], samples[0] / 255, atol=1e-6)
    found = shown[14:26:3, 14:26:3]  # one pixel of each number
    expected = codec.encode(samples)
    assert np.allclose(found, (expected[1] - expected.min()) / np.ptp(expected), atol=1e-5)


def test_a_code_of_channels_is_shown_by_their_mean(pool: Coded) -> None:
    figure = codes_as_images(Codec(pool[0]), images(2, 12, 12, 3))
    assert words(figure) == ["image", "code, 3 x 3", "decoded"]


def test_a_list_of_numbers_is_no_image(two: Coded) -> None:
    with pytest.raises(UsageError, match="2 numbers in a row is no image"):
        codes_as_images(Codec(two[0]), images(2))


def test_a_grid_decodes_the_plane_as_a_map_lies(two: Coded) -> None:
    codec, points = Codec(two[0]), codes(2)
    figure = decoded_grid(codec, points, steps=3)
    low, high = np.percentile(points, (2, 98), axis=0)
    expected = codec.decode(np.array([[low[0], high[1]], [high[0], low[1]]]))
    shown = sheet(figure)[..., :1]
    assert np.allclose(shown[:12, :12], expected[0], atol=1e-5)
    assert np.allclose(shown[-12:, -12:], expected[1], atol=1e-5)
    assert {f"{low[0]:.1f}", f"{high[1]:.1f}"} <= set(words(figure))


def test_a_grid_needs_a_plane(dense: Coded) -> None:
    with pytest.raises(UsageError, match="is no plane"):
        decoded_grid(Codec(dense[0]), codes(4, 4))


def test_figures_become_files_that_are_always_the_same(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg", "a.png"):
        save_figure(code_map(codes(2), LABELS), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image)[0, 0, 3] == 0  # transparent
    with pytest.raises(UsageError, match=r"does not end in \.svg or \.png"):
        save_figure(code_map(codes(2), LABELS), tmp_path / "a.gif")


def test_in_a_page_the_text_has_the_colour_of_the_page() -> None:
    text = figure_svg(code_map(codes(2), LABELS))
    assert text.startswith("<svg")
    assert "currentColor" in text
    assert "<style" not in text
