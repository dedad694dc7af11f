"""Make ``notebooks/*.ipynb`` of the pages in ``docs/course``, which are in jupytext's Markdown.

    python -m tools.notebooks                                 # after a change of a page
    python -m tools.notebooks --repository OWNER/NAME         # with links to Colab and Binder

The text exists once, in the pages. A notebook begins with a cell that installs Pellucid where it is missing.
"""

import argparse
from pathlib import Path
from typing import Any

from benchmarks.common import DOCS

PAGES = sorted((DOCS / "course").glob("[0-9]*.md"), key=lambda page: int(page.stem.partition("-")[0]))
FOLDER = DOCS.parent / "notebooks"
INSTALL = """import importlib.util
from pathlib import Path

if not all(map(importlib.util.find_spec, ("pellucid", "torch", "skimage", "sklearn"))):
    package = ".." if Path("../pyproject.toml").exists() else "pellucid"  # this clone, or the package index
    %pip install -q "{package}[lab]"
%matplotlib inline
"""


def notebook(page: Path, repository: str | None = None) -> Any:
    """The notebook of a page, as nbformat has it."""
    import jupytext
    from nbformat import v4

    made = jupytext.reads(page.read_text(encoding="utf-8"), fmt="md")
    for cell in made.cells:
        cell.source = cell.source.replace("](../lessons/", "](../docs/lessons/")
        if cell.cell_type == "markdown":
            cell.source = links_to_notebooks(cell.source)
    made.cells.insert(1, v4.new_code_cell(INSTALL.strip()))
    if repository:
        made.cells.insert(1, v4.new_markdown_cell(links(page, repository)))
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"  # the same page gives the same bytes
    made.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    made.nbformat_minor = 5
    return made


def links_to_notebooks(text: str) -> str:
    """Let links to other pages of the course lead to their notebooks."""
    for page in PAGES:
        text = text.replace(f"]({page.name})", f"]({page.stem}.ipynb)")
    return text


def links(page: Path, repository: str) -> str:
    """Links that open the notebook in Colab and in Binder."""
    place = f"notebooks/{page.stem}.ipynb"
    colab = f"https://colab.research.google.com/github/{repository}/blob/main/{place}"
    binder = f"https://mybinder.org/v2/gh/{repository}/main?labpath={place}"
    return f"[Open in Colab]({colab}) · [Open in Binder]({binder})"


def text_of(page: Path, repository: str | None = None) -> str:
    """The content of the notebook's file."""
    import nbformat

    text: str = nbformat.writes(notebook(page, repository)) + "\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repository", metavar="OWNER/NAME", help="on GitHub, for links to Colab and Binder")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for page in PAGES:
        path = FOLDER / f"{page.stem}.ipynb"
        path.write_text(text_of(page, options.repository), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
