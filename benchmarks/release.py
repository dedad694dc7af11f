"""Take the networks of finished runs into the package: files, and the table with their checksums.

    python benchmarks/release.py RUNS    # a folder with one run folder for each network

A run's folder is named like its recipe and holds NAME.onnx.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from pellucid.inference.index import MODELS
from pellucid.inference.session import Session

HEAD = "# The networks that ship. Written by benchmarks/release.py.\n"


def row(path: Path) -> str:
    card = Session(path).card
    family = card.name.rsplit("-", 1)[0]  # gaussian-fast-grey is the grey half of gaussian-fast
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return (
        f'\n[[model]]\nname = "{family}"\nchannels = {card.channels}\nfile = "{path.name}"\n'
        f'sha256 = "{digest}"\npurpose = "{card.purpose}"\n'
    )


def main(runs: Path) -> None:
    for path in sorted(runs.glob("*/*.onnx")):
        shutil.copy(path, MODELS / path.name)
    rows = [row(path) for path in sorted(MODELS.glob("*.onnx"))]
    (MODELS / "index.toml").write_text(HEAD + "".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
