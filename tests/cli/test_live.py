"""The images of a training on a terminal."""

import numpy as np
import pytest

from pellucid.cli.live import blocks, figures_in_words


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_half_blocks_in_their_colours(monkeypatch: pytest.MonkeyPatch, channels: int) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    examples = np.zeros((3, 4, 28, 28, channels), np.float32)
    examples[2] = 1
    text = blocks(examples)
    lines = text.plain.splitlines()
    assert len(lines) == 11  # a title, and two pixels a line
    assert {line.count("▀") for line in lines[1:]} == {60}  # one image of 20 pixels, three times
    assert {str(span.style) for span in text.spans} == {
        "rgb(0,0,0) on rgb(0,0,0)",
        "rgb(255,255,255) on rgb(255,255,255)",
    }


def test_a_wide_terminal_shows_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    assert blocks(np.zeros((3, 4, 28, 28, 1), np.float32)).plain.splitlines()[1].count("▀") == 120


def test_the_figures_are_those_of_the_validation() -> None:
    words = figures_in_words({"validation_psnr": 19.234, "training_psnr": 20, "learning_rate": 0.001})
    assert words == "PSNR 19.23 dB rate 1.0e-03"
