"""The examples of the documentation site run, and its references agree with the code.

The blocks of a page run from top to bottom in one folder, as a reader would run them: `console` blocks as
commands, `python` and `pycon` blocks in one session. In the output of a command, and in a `pycon` block,
`...` matches anything. A `toml` block must be a recipe or a part of one. `text` blocks are not run, and of
`sh` blocks, which install or run our own scripts, only the existence of the scripts is checked.

Nothing is downloaded, and trainings are short: ``mnist`` is replaced by a folder of 20 small digits, since a
named set must have the published content. Each such change is one line of `SHORTER`.
"""

import doctest
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from pellucid.inference.index import names
from pellucid.training.recipe import RECIPES
from pellucid.training.recipe_files import parse_recipe, recipe_names
from tests.command import run_here
from tools.cli_reference import PAGE, reference
from tools.lesson_parts import small_digits
from tools.lessons import FIGURES

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    *(DOCS / f"{name}.md" for name in ("index", "quick-start", "many-images", "noise", "gallery", "limits")),
    *sorted((DOCS / "lessons").glob("*.md")),
    *sorted((DOCS / "tutorials").glob("*.md")),
    DOCS / "course" / "index.md",
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
HELP = PAGE.read_text(encoding="utf-8")
NUMBER = re.compile(r"-?\b\d+(?:\.\d+)?(?:e-\d+)?")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

# Each trains for a quarter of a minute: `make test` follows the first of them.
LONG = {
    *(
        "capacity",
        "codes",
        "fitting",
        "losses",
        "your-images",
        "variational",
        "sparse",
        "stacked",
        "frameworks",
        "kinds",
    ),
    *("self-supervised", "own-images", "dense", "strided", "sixteen", "lab-sheet"),
}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))

DIGITS = " --set data.name=digits --set data.size=28"
ONE = """ --set 'variants=["network.widths=[8]"]'"""
SHORTER = (
    (r"(pellucid train .*) --minutes \d+", r"\1 --steps 2 --set data.crop=96 --set data.per_image=2"),
    (r"(pellucid train .*) --epochs \d+", r"\1"),
    (r"(pellucid train (?!.*--steps).*)", r"\1 --epochs 1"),
    (r"(pellucid train .*--recipe (?:mnist|tutorial)-.*)", rf"\1{DIGITS}"),
    (r"(pellucid train .*--recipe tutorial-capacity.*)", rf"\1{ONE}"),
    (r"(pellucid evaluate .*)", r"\1 --no-baselines"),
    (r"(pellucid encode .*--set )mnist", r"\1small-digits"),
)


def blocks(page: Path) -> list[tuple[str, str]]:
    """The language and the text of each block of code."""
    return [(found[1], found[2]) for found in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def shorter(command: str) -> str:
    for pattern, replacement in SHORTER:
        command = re.sub(pattern, replacement, command)
    return command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader works: a noisy file, a clean one, digits, and two folders of images."""
    clean = data.astronaut()[::4, ::4]
    noise = np.random.default_rng(0).normal(0, 25, clean.shape)
    noisy = np.clip(clean + noise, 0, 255).astype(np.uint8)
    Image.fromarray(clean).save(tmp_path / "photo.png")
    Image.fromarray(noisy).save(tmp_path / "noisy.jpg", quality=95)
    Image.fromarray(data.cell()[::2, ::2]).save(tmp_path / "cell.png")
    folders: dict[str, list[NDArray[np.uint8]]] = {
        "digits": list(small_digits(20)[..., 0]),
        "images": [data.cat()[:96, k : k + 128] for k in range(0, 300, 30)],
        "other-images": [data.coffee()[100:196, 100:228]],
    }
    for name, images in folders.items():
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / name / f"{number:02}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: str, folder: Path, capture: pytest.CaptureFixture[str]) -> str:
    """Give what a command prints; one of the shell, such as a pipe, gets a process."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
    if re.match("pellucid [^<>|]*$", command):
        capture.readouterr()
        code = run_here(shlex.split(command), folder, env)
        out, err = capture.readouterr()
    else:
        shell = ["bash", "-c", command]
        done = subprocess.run(shell, cwd=folder, env=env, capture_output=True, text=True, timeout=240)
        code, out, err = done.returncode, done.stdout, done.stderr
    assert code == 0, f"{command}\n{out}\n{err}"
    return out


def same(shown: str, printed: str) -> bool:
    # A last ellipsis also matches nothing: a network that loses is not recommended.
    ends = (shown, shown.rstrip().removesuffix("..."))
    return any(doctest.OutputChecker().check_output(each, printed, OPTIONS) for each in ends)


def alike(shown: str, printed: str) -> bool:
    """The same words, and in whole outputs nearly the same numbers: estimators are trained again."""
    found, expected = ([float(each) for each in NUMBER.findall(text)] for text in (printed, shown))
    near = "..." in shown or found == pytest.approx(expected, rel=0.2, abs=0.1)
    return near and same(NUMBER.sub("#", shown), NUMBER.sub("#", printed))


def follow_console(block: str, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
    assert block.startswith("$ "), "a console block starts with a command"
    for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = step.replace("\\\n", "").partition("\n")
        printed = run(shorter(command), folder, capture)
        matches = alike(shown, printed) if command.startswith("pellucid inspect") else same(shown, printed)
        assert not shown.strip() or matches, f"the page shows\n{step}\nbut the command printed\n{printed}"


def follow_session(block: str, session: dict[str, Any]) -> None:
    report = io.StringIO()
    test = doctest.DocTestParser().get_doctest(block, session, "block", None, 0)
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.write, clear_globs=False)
    session.update(test.globs)
    assert not report.getvalue(), report.getvalue()


def follow_toml(block: str, folder: Path) -> None:
    """A block with a name is a recipe, which the reader saves; another one is the head of a recipe."""
    if "name" in tomllib.loads(block):
        (folder / f"{parse_recipe(block).name}.toml").write_text(block, encoding="utf-8")
    else:
        parse_recipe(block + (RECIPES / "mnist-latent16.toml").read_text(encoding="utf-8"))


def check_script(line: str) -> None:
    command = line.partition("#")[0].split()
    if command[:2] != ["pip", "install"]:
        assert command[:2] == ["python", "-m"], line
        assert find_spec(command[2]), line


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=str(page.relative_to(DOCS)), marks=[pytest.mark.long] * (page.stem in LONG))
        for page in PAGES
    ],
)
def test_the_blocks_of_a_page_do_what_they_show(
    page: Path, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    session: dict[str, Any] = {"__name__": "block"}
    for language, block in blocks(page):
        if language == "console":
            follow_console(block, folder, capfd)
        elif language == "pycon":
            follow_session(block, session)
        elif language == "python":
            exec(compile(block, str(page), "exec"), session)
        elif language == "toml":
            follow_toml(block, folder)
        elif language == "sh":
            for line in block.splitlines():
                check_script(line)
        else:
            assert language == "text", f"nobody checks a block of {language or 'no language'}"


@every_page
def test_a_page_names_commands_recipes_and_models_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for command, rest in re.findall(r"`pellucid ([a-z]+)([^`\n]*)`", text):
        assert f"\n## pellucid {command}\n" in HELP
        section = HELP.partition(f"\n## pellucid {command}\n")[2].partition("\n## ")[0]
        assert set(re.findall(r"--[a-z-]+", rest)) <= set(re.findall(r"--[a-z-]+", section))
    named = set(re.findall(r"`((?:mnist|fashion|cifar10|folder|tutorial|gaussian|photo)-[a-z0-9-]+)", text))
    assert named <= {*recipe_names(), *names(), "fashion-mnist"}


@every_page
def test_a_page_names_the_script_of_each_figure_of_its_own(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = set(re.findall(r"figures/lessons/([\w-]+)\.svg", text))
    assert shown == set(re.findall(r"python -m tools\.lessons --only ([\w-]+)`", text))


def test_every_figure_of_the_lessons_has_its_script_and_its_place() -> None:
    files = {path.stem for path in (DOCS / "figures" / "lessons").iterdir()}
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert files == set(FIGURES)
    assert all(f"figures/lessons/{name}.svg" in pages for name in files)


def test_no_table_of_the_lessons_waits_for_its_numbers() -> None:
    for page in PAGES:
        assert not re.search(r"<!-- ([\w-]+) -->\s*<!-- /\1 -->", page.read_text(encoding="utf-8")), page


def test_the_reference_of_the_commands_is_what_they_say() -> None:
    assert reference() == HELP, "run: python -m tools.cli_reference"
