"""`pellucid adapt`, from the outside."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Run
from tests.tiny import tiny_file


@pytest.fixture
def grain(tmp_path: Path) -> Path:
    """Photon noise on shading, 8 bit."""
    clean = np.add.outer(np.linspace(20, 120, 96), np.linspace(0, 60, 96))
    noisy = 3.0 * np.random.default_rng(0).poisson(clean / 3)
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / "grain.png")
    return tmp_path / "grain.png"


def test_an_adapted_network_denoises_the_image(pellucid: Run, tmp_path: Path, grain: Path) -> None:
    start = tiny_file(tmp_path)
    done = pellucid("adapt", grain, "-o", "mine.onnx", "--start", start, "--steps", "2", "--json").json
    assert done["network"] == "mine.onnx"
    assert done["noise"]["gain"] == pytest.approx(3 / 255, rel=0.3)
    assert (tmp_path / done["report"]).exists()
    assert pellucid("denoise", grain, "--model", "mine.onnx", "--json").json["files"][0]["changed"]


def test_a_wrong_time_is_refused_before_anything_is_read(pellucid: Run, grain: Path) -> None:
    done = pellucid("adapt", grain, "-o", "mine.onnx", "--minutes", "0", code=2)
    assert "--minutes" in done.err
