"""The examples of the README run, and its figures are those of the benchmarks.

Every `python` and `console` block runs in a folder of its own that contains `noisy.jpg`. In a `console` block
a line that starts with `$ ` is a command; the lines below are its output, in which `...` matches anything.
Blocks of another kind, such as `sh` for installing, are not run.
"""

import doctest
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

ANYTHING = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


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


def results(name: str) -> Any:
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())


def ffdnet(name: str) -> float:
    return float(np.mean(list(results("ffdnet")[name]["psnr"].values())))


def cameras() -> list[float]:
    measured = results("photos")["real"]
    noisy, bilateral, ours = (
        np.mean(measured[name]["psnr"]) for name in ("noisy", "opencv-bilateral", "auto")
    )
    return [noisy, bilateral, ours]


def shots(name: str) -> list[float]:
    """No classical peer ran."""
    images = results(name)["images"].values()
    noisy = np.mean([each["paths"]["unchanged"] for each in images])
    return [noisy, ffdnet(name), np.mean([each["default"] for each in images])]


def slices() -> list[float]:
    measured = results("mri")["psnr"]
    methods = ("noisy", "dipy, classic, of a volume", "`gaussian-best`, level estimated")
    return [measured[name]["0.09"][0] for name in methods]


def white_noise() -> list[float]:
    """Noise of 25 of 255 on Set12, not clipped."""
    measured = results("quality")["quality"]
    nlm, ours = (
        np.mean(measured[f"float/set12/25/{name}"]["psnr"]) for name in ("skimage-nlm", "gaussian-best")
    )
    learned = np.mean(results("ffdnet")["white"]["set12/25"])
    return [20 * math.log10(255 / 25), nlm, learned, ours]


MEASURED: dict[str, Callable[[], list[float]]] = {
    "five cameras": cameras,
    "phones": lambda: shots("phones"),
    "microscopes": lambda: shots("microscopes"),
    "MRI": slices,
    "white noise": white_noise,
}


def test_the_figures_are_those_that_were_measured() -> None:
    table = README.partition("| noise | noisy | classical peer | learned peer | Pellucid |")[2].partition(
        "\n\n"
    )[0]
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in table.strip().splitlines()[1:]]
    assert len(rows) >= 4
    for name, *cells in rows:
        (measure,) = (each for start, each in MEASURED.items() if name.startswith(start))
        assert [cell for cell in cells if cell != "–"] == [f"{value:.2f}" for value in measure()], name
