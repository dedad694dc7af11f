"""The end of a run: its figures on the test images, and a page that shows them."""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from pellucid.datasets.images import folder_dataset
from pellucid.evaluation.codes import evaluate_codes
from pellucid.evaluation.contender import open_contenders
from pellucid.evaluation.images import ImageSet
from pellucid.evaluation.measure import Progress, evaluate
from pellucid.evaluation.report import write_results, write_text
from pellucid.evaluation.results import Row
from pellucid.inference.card import Layer
from pellucid.networks.summary import layers
from pellucid.noise.registry import parse_noise
from pellucid.training.checkpoint import make_network
from pellucid.training.recipe import Recipe, SetData
from pellucid.training.reconstruction import load_set

log = logging.getLogger("pellucid")


def describe(recipe: Recipe) -> list[Layer]:
    """List the layers of a recipe's network, untrained."""
    return layers(make_network(recipe), recipe.family, recipe.data.channels)


def test_set(data: SetData, data_dir: Path | None, seed: int) -> ImageSet:
    """The set's own test images, or all of the folder that tests."""
    images = ImageSet.of(load_set(data, data_dir, seed))
    if data.test is None:
        return images
    folder = folder_dataset(
        (data_dir or Path()) / data.test,
        size=data.size,
        channels=data.channels,
        fit=data.fit,
        validation=0,
        test=0,
    )
    test = list(folder.train)
    note = f"{len(test)} images of {data.size} x {data.size} pixels"
    seen = {each.tobytes() for each in (*images.train, *images.validation)}
    if copies := sum(each.tobytes() in seen for each in test):
        note += f"; {copies} of them are copies of images in {data.name}, from which the network learned"
        log.warning("%s: %s", data.test, note)
    return replace(images, name=data.test, test=test, labels=None, note=note)


def report(
    recipe: Recipe,
    folder: Path,
    runs: Sequence[Path],
    *,
    data_dir: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, dict[str, float]]:
    """Evaluate runs on the test images of their set; write ``metrics.json``, the tables and ``report.html``.

    Runs that have a report since their networks were written are not evaluated again.
    Where training drew the noise level from a range, the test has the middle of the range.

    Parameters
    ----------
    recipe : Recipe
        Of a set: what learns from crops has no test images of its own, and gets no report.
    folder : Path
        Where the report of all runs goes.
    runs : sequence of Path
        The run folders; each gets its own ``metrics.json``.
    data_dir : Path, optional
    progress : function of (text, float), optional
        As of `evaluate`.

    Returns
    -------
    dict of str to dict
        For each run ``test_mse``, in units of white squared, and ``test_psnr``, the mean of the images'
        PSNR in dB; ``input_mse`` and ``input_psnr`` of the noisy input, unless it has no noise.
    """
    if not isinstance(recipe.data, SetData):
        return {}
    written = [folder / "report.html", *(run / "metrics.json" for run in runs)]
    if all(path.is_file() for path in written):
        networks = [run / f"{recipe.name}.onnx" for run in runs]
        if max(map(_changed, networks)) <= min(map(_changed, written)):
            return {run.name: json.loads((run / "metrics.json").read_text("utf-8")) for run in runs}
    noise = recipe.degrade.noise and str(parse_noise(recipe.degrade.noise).middle())
    images = test_set(recipe.data, data_dir, recipe.seed)
    contenders = open_contenders(runs)
    evaluation = evaluate(
        contenders, [images], [noise or "gaussian:0"], baselines=noise is not None, progress=progress
    )
    evaluation = msgspec.structs.replace(evaluation, codes=evaluate_codes(contenders, [images]))
    write_results(folder, evaluation)
    rows = [row for row in evaluation.rows if row.kind == "network"]
    (noisy,) = (row for row in evaluation.rows if row.kind == "noisy")
    metrics = {}
    for run, row in zip(runs, rows, strict=True):
        metrics[run.name] = _figures("test", row) | (_figures("input", noisy) if noise else {})
        write_text(run / "metrics.json", json.dumps(metrics[run.name], indent=1) + "\n")
    return metrics


def _changed(path: Path) -> float:
    return path.stat().st_mtime


def _figures(name: str, row: Row) -> dict[str, float]:
    return {f"{name}_mse": round(row.mse.mean, 6), f"{name}_psnr": round(row.psnr.mean, 3)}
