"""What the README shows works.

Every `python` and `console` block runs in a folder of its own that holds `noisy.jpg`. In a `console` block
a line that starts with `$ ` is a command; lines below it are its output, where `...` stands for anything.
Blocks of another kind, such as `sh` for installing, are not run.
"""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

ANYTHING = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


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
