"""Values as a notebook shows them."""

import base64
import io
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

import pellucid
from pellucid.errors import UsageError
from pellucid.inference.html import before_after, image_html, table_html
from pellucid.inference.registry import load_model
from pellucid.training.recipe_files import load_recipe

PNG = re.compile(r'src="data:image/png;base64,([^"]+)"')


def shown(html: str) -> list[NDArray[Any]]:
    """The images in a piece of HTML, decoded by Pillow."""
    return [np.asarray(Pillow.open(io.BytesIO(base64.b64decode(each)))) for each in PNG.findall(html)]


@pytest.fixture
def noisy() -> NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    return np.clip(rng.normal(128, 25, (48, 64, 3)), 0, 255).astype(np.uint8)


def test_a_result_shows_the_image_and_what_was_done(noisy: NDArray[np.uint8]) -> None:
    result = pellucid.denoise_result(noisy, sigma=0.1, model="gaussian-instant")
    html = result._repr_html_()
    assert "gaussian-instant" in html
    (image,) = shown(html)
    assert np.array_equal(image, result.image)


def test_show_puts_the_denoised_image_over_the_noisy_one(noisy: NDArray[np.uint8]) -> None:
    result = pellucid.denoise_result(noisy, sigma=0.1, model="gaussian-instant")
    html = result.show()._repr_html_()
    before, after = shown(html)
    assert np.array_equal(before, noisy)
    assert np.array_equal(after, result.image)
    assert html.count('type="range"') == 1


@pytest.mark.parametrize("kind", ["png", "pillow", "float", "uint16", "grey"])
def test_every_kind_of_image_can_be_shown(noisy: NDArray[np.uint8], kind: str) -> None:
    stream = io.BytesIO()
    Pillow.fromarray(noisy).save(stream, "png")
    kinds: dict[str, Any] = {
        "png": stream.getvalue(),
        "pillow": Pillow.fromarray(noisy),
        "float": noisy / np.float32(255),
        "uint16": noisy.astype(np.uint16) * 257,
        "grey": noisy[..., 0],
    }
    (image,) = shown(image_html(kinds[kind]))
    assert np.array_equal(image, noisy[..., 0] if kind == "grey" else noisy)


def test_a_large_image_is_shown_smaller() -> None:
    (image,) = shown(image_html(np.zeros((30, 3000), np.uint8)))
    assert image.shape[1] == 1024


def test_what_is_no_single_image_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="cannot be shown as an image"):
        image_html(np.zeros((2, 3, 4, 5), np.float32))
    with pytest.raises(UsageError, match="cannot be compared"):
        before_after(np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8))
    with pytest.raises(UsageError, match="denoise_result"):
        load_model("gaussian-instant").denoise(np.zeros((16, 16), np.float32), sigma=0.1).show()


def test_names_are_text_and_no_markup() -> None:
    table = ElementTree.fromstring(table_html([("a <b>", "1 & 2")]))
    assert list(table.itertext()) == ["a <b>", "1 & 2"]


def test_models_cards_analyses_and_recipes_are_tables(noisy: NDArray[np.uint8]) -> None:
    model: Any = load_model("gaussian-instant")
    shown_as: list[tuple[Any, str]] = [
        (model, "Parameters"),
        (model.card(3), "Licence"),
        (load_recipe("mnist-vae"), "network.beta"),
    ]
    for value, word in shown_as:
        html = value._repr_html_()
        assert word in "".join(ElementTree.fromstring(f"<div>{html}</div>").itertext())
    assert "white" in pellucid.analyse(noisy)._repr_html_()
