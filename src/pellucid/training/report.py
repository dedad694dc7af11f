"""The end of a run: its figures on the test images, and a page that shows them."""

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from pellucid.datasets.images import folder_dataset
from pellucid.evaluation.codes import evaluate_codes
from pellucid.evaluation.contender import Contender, open_contenders
from pellucid.evaluation.images import ImageSet
from pellucid.evaluation.measure import Progress, evaluate
from pellucid.evaluation.report import write_results, write_text
from pellucid.evaluation.results import Row
from pellucid.inference.card import CLASSICAL, Layer
from pellucid.networks.summary import layers
from pellucid.noise.registry import parse_noise
from pellucid.training.checkpoint import make_network
from pellucid.training.export import add_figures
from pellucid.training.recipe import Recipe, SetData
from pellucid.training.reconstruction import MULTIPLY_ADDS, load_set

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

    The figures also go into the cards of the networks. Runs that have a report since their networks were
    written are not evaluated again. A network that takes long is evaluated on the first test images only.
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
        PSNR in dB, of the first ``test_images``; ``test_input_mse`` and ``test_input_psnr`` of the noisy
        input, and the ``PSNR of`` the best classical method, unless there is no noise.
    """
    if not isinstance(recipe.data, SetData):
        return {}
    written = [folder / "report.html", *(run / "metrics.json" for run in runs)]
    if all(path.is_file() for path in written):
        networks = [run / f"{recipe.name}.onnx" for run in runs]
        if max(map(_changed, networks)) <= min(map(_changed, written)):
            return {run.name: json.loads((run / "metrics.json").read_text("utf-8")) for run in runs}
    noise = recipe.degrade.noise and str(parse_noise(recipe.degrade.noise).middle())
    contenders = open_contenders(runs)
    images = affordable(test_set(recipe.data, data_dir, recipe.seed), contenders)
    evaluation = evaluate(
        contenders, [images], [noise or "gaussian:0"], baselines=noise is not None, progress=progress
    )
    evaluation = msgspec.structs.replace(evaluation, codes=evaluate_codes(contenders, [images]))
    rows = [row for row in evaluation.rows if row.kind == "network"]
    others = _of_others(evaluation.rows) if noise else {}
    others["test_images"] = len(images.test)
    metrics = {run.name: _figures("test", row) | others for run, row in zip(runs, rows, strict=True)}
    cards = [add_figures(run / f"{recipe.name}.onnx", metrics[run.name]) for run in runs]
    evaluation = msgspec.structs.replace(
        evaluation,
        networks=tuple(
            msgspec.structs.replace(network, cards=(card,))
            for network, card in zip(evaluation.networks, cards, strict=True)
        ),
    )
    write_results(folder, evaluation)
    for run in runs:
        write_text(run / "metrics.json", json.dumps(metrics[run.name], indent=1) + "\n")
    return metrics


def affordable(images: ImageSet, contenders: Sequence[Contender]) -> ImageSet:
    """The set with as many test images as the networks denoise in seconds, but with 200 at least."""
    cards = [contender.card(images.channels) for contender in contenders]
    cost = sum(card.multiply_adds for card in cards) * math.prod(images.test[0].shape[:2])
    return images.first(max(200, MULTIPLY_ADDS // max(1, cost)))


def _of_others(rows: Sequence[Row]) -> dict[str, float]:
    """The figures of the noisy input and of the best classical method."""
    (noisy,) = (row for row in rows if row.kind == "noisy")
    best = max((row for row in rows if row.kind == "baseline"), key=lambda row: row.psnr.mean)
    return _figures("test_input", noisy) | {f"{CLASSICAL}{best.method}": round(best.psnr.mean, 3)}


def _changed(path: Path) -> float:
    return path.stat().st_mtime


def _figures(name: str, row: Row) -> dict[str, float]:
    return {f"{name}_mse": round(row.mse.mean, 6), f"{name}_psnr": round(row.psnr.mean, 3)}
