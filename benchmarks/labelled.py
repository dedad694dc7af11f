"""The photographs of the labelled set: ``labelled.toml`` has the list, with how to get them."""

import hashlib
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import HERE, small_images
from pellucid.datasets.folder import read_samples, shrink
from pellucid.io.image import from_float

Levels: TypeAlias = NDArray[np.uint8]

QUICK = 4  # every such photograph is in the quick set
PYTHON_PACKAGES = {"scikit-learn": "sklearn", "scikit-image": "skimage"}


class Photograph(NamedTuple):
    """A clean photograph, uint8 (h, w, 3), and its place in the list, which seeds its noise."""

    name: str
    seed: int
    levels: Levels


def photographs(folder: Path | None, *, quick: bool = False) -> list[Photograph]:
    """Read the photographs of the list, or every fourth.

    Parameters
    ----------
    folder : Path or None
        Where each Debian package was unpacked into a folder of its own name.
    quick : bool
    """
    if folder is None:
        sys.exit("Name the folder with the unpacked packages of labelled.toml: --photos-dir FOLDER")
    rows = tomllib.loads((HERE / "labelled.toml").read_text())["photograph"]
    chosen = list(enumerate(rows))[:: QUICK if quick else 1]
    return [Photograph(row["name"], seed, _read(folder, row)) for seed, row in chosen]


def tiny_photographs() -> list[Photograph]:
    """Two small ones that need no folder."""
    return [Photograph(f"tiny{i}", i, from_float(each, np.uint8)) for i, each in enumerate(small_images(3))]


def _read(folder: Path, row: dict[str, Any]) -> Levels:
    package = PYTHON_PACKAGES.get(row["package"])
    path = Path(str(files(package))) / row["path"] if package else folder / row["package"] / row["path"]
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
        sys.exit(f"{path} is missing, or not the file of labelled.toml, which says where to get it")
    top, left, height, width = row["crop"]
    small = shrink(read_samples(path, 3), 1 / row["shrink"])
    return np.ascontiguousarray(small[top : top + height, left : left + width])
