"""The notebooks of the course are those of its pages, and run from top to bottom.

A run is short: the set is the small one that needs no download, and trainings take a few steps.
"""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from tools.notebooks import FOLDER, PAGES, notebook, text_of

pytest.importorskip("jupytext")

SHORTER = (
    (r"^SET, STEPS, FEW = .*", 'SET, STEPS, FEW = "small-digits", 20, 60'),
    (r"^SET, STEPS = .*", 'SET, STEPS = "small-digits", 20'),
    (r"^SET = .*", 'SET = "small-digits"'),
    (r"^STEPS = .*", "STEPS = 5"),
)
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@every_page
def test_a_notebook_is_that_of_its_page(page: Path) -> None:
    written = FOLDER / f"{page.stem}.ipynb"
    assert written.read_text(encoding="utf-8") == text_of(page), "run: python -m tools.notebooks"


def test_every_notebook_has_its_page() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {page.stem for page in PAGES}


@every_page
def test_a_notebook_ends_with_exercises_whose_solutions_are_folded(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    _, _, exercises = text.partition("\n## Exercises\n")
    questions, _, answers = exercises.partition("<details><summary>Solutions</summary>")
    assert answers.rstrip().endswith("</details>")
    assert len(re.findall(r"^\d\. ", questions, re.M)) == len(re.findall(r"^\d\. ", answers, re.M)) >= 2


def test_links_open_a_notebook_in_colab_and_binder() -> None:
    text = text_of(PAGES[0], "someone/pellucid")
    assert "colab.research.google.com/github/someone/pellucid/blob/main/notebooks/1-data" in text
    assert "mybinder.org/v2/gh/someone/pellucid" in text


@pytest.mark.long
@every_page
def test_a_notebook_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    content: Any = notebook(page)
    for cell in content.cells:
        for pattern, replacement in SHORTER:
            cell.source = re.sub(pattern, replacement, cell.source, flags=re.M)
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    work = tmp_path / "work"
    work.mkdir()
    nbclient.NotebookClient(content, timeout=300, resources={"metadata": {"path": str(work)}}).execute()
    outputs = [output for cell in content.cells if cell.cell_type == "code" for output in cell.outputs]
    drawn = [each for each in outputs if each.get("data", {}).keys() & {"image/png", "text/html"}]
    assert drawn
    assert not any("Figure(" in str(each.get("data", {})) and each not in drawn for each in outputs)
    assert not any(each.output_type == "error" for each in outputs)
