"""Copy the networks of finished runs into the package: files, cards, and the table with their checksums.

    python -m tools.release RUNS    # a folder with one run folder for each network
    python -m tools.release         # renew the cards and the table of the networks that are there

A run's folder is named like its recipe and contains NAME.onnx. The overlaps that benchmarks/overlap.py
measured and the purpose and limits that the recipe names are written into the cards; weights stay the same.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import msgspec
import onnx

from pellucid.inference.card import write_card
from pellucid.inference.index import MODELS
from pellucid.inference.session import Session
from pellucid.training.recipe_files import load_recipe

HEAD = "# The networks that ship. Written by tools/release.py.\n"
OVERLAPS = Path(__file__).parent.parent / "benchmarks" / "results" / "overlap.json"


def renew_card(path: Path, overlap: int | None) -> None:
    """Add what was measured after the export: the overlap that suffices, and where the network fails."""
    card = Session(path).card
    recipe = load_recipe(card.name)
    card = msgspec.structs.replace(
        card,
        overlap=overlap or card.overlap,  # which is the radius until it is measured
        limits=recipe.limits,
        purpose=recipe.purpose,
        recipe=card.recipe.replace('"per_picture":', '"per_image":'),  # as recipes called it once
    )
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, write_card(card))
    onnx.save(model, path)


def row(path: Path) -> str:
    card = Session(path).card
    family = card.name.rsplit("-", 1)[0]  # gaussian-fast-grey is the grey half of gaussian-fast
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return (
        f'\n[[model]]\nname = "{family}"\nkind = "{card.kind}"\nchannels = {card.channels}\n'
        f'file = "{path.name}"\nsha256 = "{digest}"\npurpose = "{card.purpose}"\n'
    )


def main(runs: Path | None = None) -> None:
    for path in sorted(runs.glob("*/*.onnx")) if runs else ():
        shutil.copy(path, MODELS / path.name)
    measured = json.loads(OVERLAPS.read_text())["overlap"] if OVERLAPS.exists() else {}
    paths = sorted(MODELS.glob("*.onnx"))
    for path in paths:
        renew_card(path, measured.get(path.stem, {}).get("overlap"))
    rows = [row(path) for path in paths]
    (MODELS / "index.toml").write_text(HEAD + "".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
