"""What the README shows works, and its figures are those that the benchmarks measured.

Every `python` and `console` block runs in a folder of its own that holds `noisy.jpg`. In a `console` block
a line that starts with `$ ` is a command; lines below it are its output, where `...` stands for anything.
Blocks of another kind, such as `sh` for installing, are not run.
"""

import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

ANYTHING = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
METHODS = {  # what the README calls them, and what the benchmarks do
    "as the camera wrote them": "noisy",
    "median, 3 x 3 (OpenCV)": "opencv-median",
    "non-local means, h 5 (OpenCV)": "opencv-nlm-5",
    "bilateral (OpenCV, tuned on the 26)": "opencv-bilateral",
    "`gaussian-fast`, which finds no white noise there": "gaussian-fast",
    "wavelet (scikit-image)": "skimage-wavelet",
    "total variation (scikit-image)": "skimage-tv",
    "non-local means (OpenCV)": "opencv-nlm",
    "non-local means (scikit-image)": "skimage-nlm",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def run(command: list[str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).normal(0, 25, (128, 128, 3))
    noisy = np.clip(data.astronaut()[::4, ::4] + noise, 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "noisy.jpg", quality=95)
    return tmp_path


@pytest.mark.parametrize("block", blocks("python"))
def test_a_python_block_of_the_readme_runs(block: str, folder: Path) -> None:
    run([sys.executable, "-W", "error", "-c", block], folder)


@pytest.mark.parametrize("block", blocks("console"))
def test_a_console_block_of_the_readme_does_what_it_shows(block: str, folder: Path) -> None:
    assert block.startswith("$ "), "a console block starts with a command"
    for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = step.partition("\n")
        printed = run(["bash", "-c", command], folder)
        matches = doctest.OutputChecker().check_output(shown, printed, ANYTHING)
        assert not shown.strip() or matches, f"the README shows\n{shown}\nbut the command printed\n{printed}"


@pytest.mark.parametrize("language", ["python", "console"])
def test_the_readme_shows_both_doors(language: str) -> None:
    assert blocks(language)


# ---- figures -------------------------------------------------------------------------------------


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of the README's table with this heading, by the benchmarks' names of the methods."""
    lines = README[README.index(heading) :].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    return {METHODS.get(name, name.partition(",")[0].strip("*`")): rest for name, *rest in cells}


def like(shown: str, value: float) -> str:
    """The value with as many digits."""
    return f"{value:.{len(shown.partition('.')[2])}f}"


def results(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())
    return found


def test_the_figures_of_photographs_are_those_that_were_measured() -> None:
    measured, noisy = results("photos")["real"], None
    for name, cells in rows("| | PSNR | SSIM | made worse | CPU s |").items():
        entry = measured[name]
        noisy = noisy or entry["psnr"]
        worse = sum(value < before for value, before in zip(entry["psnr"], noisy, strict=True))
        expected = [f"{np.mean(entry['psnr']):.2f}", f"{np.mean(entry['ssim']):.3f}"]
        assert cells[:2] == expected
        if name != "noisy":
            assert cells[2] == str(worse)
            assert cells[3] == like(cells[3], entry["cpu"]), name


def test_the_figures_of_white_noise_are_those_that_were_measured() -> None:
    found = results("quality")
    for name, cells in rows("| | Set12 grey, 15 / 25 / 50 |").items():
        for folder, kind, psnr, seconds in (
            ("set12", "grey", *cells[::2]),
            ("cbsd68", "colour", *cells[1::2]),
        ):
            if not psnr:  # gaussian-best may serve one of them only
                continue
            entries = [found["quality"][f"float/{folder}/{sigma}/{name}"]["psnr"] for sigma in (15, 25, 50)]
            assert psnr == " / ".join(f"{np.mean(entry):.2f}" for entry in entries)
            assert seconds == like(seconds, found["timing"]["seconds"][kind][name]), name
