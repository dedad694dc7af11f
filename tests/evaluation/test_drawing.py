import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from pellucid.errors import UsageError
from pellucid.evaluation.drawing import draw_network, network_svg
from pellucid.inference.card import Layer

CODED = [
    Layer("encoder", "input", (1, 28, 28), 0),
    Layer("encoder", "convolution 3x3, stride 2, ReLU, dropout 0.2", (32, 14, 14), 320),
    Layer("encoder", "flatten", (6272,), 0),
    Layer("encoder", "dense", (16,), 100_368),
    Layer("decoder", "dense, ReLU", (6272,), 106_624),
    Layer("decoder", "reshape", (32, 14, 14), 0),
    Layer("decoder", "transposed convolution 3x3, stride 2, sigmoid", (1, 28, 28), 289),
]
PLAIN = [Layer("network", "input", (3, 64, 96), 0), Layer("network", "convolution 3x3", (64, 64, 96), 1728)]
DEEP = CODED[:2] + 6 * CODED[1:2] + CODED[2:6] + 7 * CODED[5:6] + CODED[6:]  # twenty


def words(svg: str) -> list[str]:
    return [
        element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")
    ]


def size(svg: str) -> tuple[float, float]:
    _, _, width, height = map(float, ElementTree.fromstring(svg).attrib["viewBox"].split())
    return width, height


@pytest.mark.parametrize("layers", [CODED, PLAIN, DEEP], ids=["coded", "plain", "deep"])
def test_the_suffix_says_whether_it_is_svg_or_png(layers: list[Layer], tmp_path: Path) -> None:
    draw_network(layers, tmp_path / "network.svg")
    assert ElementTree.parse(tmp_path / "network.svg").getroot().tag.endswith("svg")
    draw_network(layers, tmp_path / "network.PNG")
    with Image.open(tmp_path / "network.PNG") as image:
        pixels = np.asarray(image)
    assert pixels.shape[2] == 4
    assert pixels[0, 0, 3] == 0  # transparent
    assert pixels[..., 3].max() == 255


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"network.gif does not end in .svg or .png"):
        draw_network(CODED, tmp_path / "network.gif")


def test_no_layers_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no layers to draw"):
        network_svg([])
    with pytest.raises(UsageError, match="no layers to draw"):
        draw_network([], tmp_path / "network.svg")
    assert not list(tmp_path.iterdir())


def test_shapes_and_names_can_be_read() -> None:
    found = words(network_svg(CODED))
    for expected in ["28×28×1", "14×14×32", "6272", "16", "flatten", "transposed", "encoder", "decoder"]:
        assert expected in found
    assert "207,601 parameters in all" in " ".join(found)


def test_the_code_has_a_colour_of_its_own() -> None:
    assert words(network_svg(CODED)).count("code") == 1
    assert "code" not in words(network_svg(PLAIN))
    assert "#d55e00" in network_svg(CODED)
    assert "#d55e00" not in network_svg(PLAIN)


def test_a_long_network_takes_two_rows_of_ten() -> None:
    ten = CODED[:2] + 3 * CODED[1:2] + CODED[2:]
    (width, height), (same_width, small_height) = size(network_svg(DEEP)), size(network_svg(ten))
    assert width == same_width > size(network_svg(CODED))[0]
    assert 1.8 * small_height < height < 2 * small_height
    assert words(network_svg(DEEP)).count("decoder") == 1


def test_in_a_page_the_text_has_the_colour_of_the_page_and_nothing_leaks() -> None:
    svg = network_svg(CODED)
    assert svg.startswith("<svg")
    colours = set(re.findall(r"<text[^>]*fill: ([^;\"]+)", svg))
    assert colours == {"currentColor"}
    assert "<style" not in svg
    assert not re.search(r'id="(figure|axes|patch|text)_', svg)


def test_the_same_network_gives_the_same_drawing() -> None:
    assert network_svg(CODED) == network_svg(CODED)
