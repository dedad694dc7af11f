"""What a run ends with: its figures on the test pictures, and a page that shows them."""

import json
from collections.abc import Sequence
from pathlib import Path

from pellucid.datasets.pictures import folder_dataset
from pellucid.evaluation.contender import open_contenders
from pellucid.evaluation.measure import evaluate
from pellucid.evaluation.pictures import PictureSet
from pellucid.evaluation.report import write_results, write_text
from pellucid.images.noise import parse_noise
from pellucid.inference.card import Layer
from pellucid.networks.summary import layers
from pellucid.training.checkpoint import make_network
from pellucid.training.export import picture_sides
from pellucid.training.recipe import Recipe, SetData
from pellucid.training.reconstruction import load_set


def describe(recipe: Recipe) -> list[Layer]:
    """List the layers of a recipe's network, untrained."""
    network = make_network(recipe)
    return layers(network, (recipe.data.channels, *picture_sides(network)))


def test_set(data: SetData, data_dir: Path | None, seed: int) -> PictureSet:
    """The set's own test pictures, or all of the folder that judges."""
    pictures = PictureSet.of(load_set(data, data_dir, seed))
    if data.judge is None:
        return pictures
    judge = folder_dataset(
        (data_dir or Path()) / data.judge,
        size=data.size,
        channels=data.channels,
        fit=data.fit,
        validation=0,
        test=0,
    )
    return PictureSet(data.judge, list(judge.train), pictures.validation, judge.note)


def report(
    recipe: Recipe, folder: Path, runs: Sequence[Path], *, data_dir: Path | None = None
) -> dict[str, dict[str, float]]:
    """Judge runs on the test pictures of their set; write ``metrics.json``, the tables and ``report.html``.

    Where training drew the noise level from a range, the middle of the range judges.

    Parameters
    ----------
    recipe : Recipe
        Of a set: what learns from crops has no test pictures of its own, and gets no report.
    folder : Path
        Where the report of all runs goes.
    runs : sequence of Path
        The run folders; each gets its own ``metrics.json``.
    data_dir : Path, optional

    Returns
    -------
    dict of str to dict
        For each run ``test_mse``, in units of white squared, and ``test_psnr``, the mean of the pictures'
        PSNR in dB.
    """
    if not isinstance(recipe.data, SetData):
        return {}
    noise = recipe.degrade.noise and str(parse_noise(recipe.degrade.noise).middle())
    pictures = test_set(recipe.data, data_dir, recipe.seed)
    evaluation = evaluate(
        open_contenders(runs), [pictures], [noise or "gaussian:0"], baselines=noise is not None
    )
    write_results(folder, evaluation)
    rows = [row for row in evaluation.rows if row.kind == "network"]
    metrics = {}
    for run, row in zip(runs, rows, strict=True):
        metrics[run.name] = {"test_mse": round(row.mse.mean, 6), "test_psnr": round(row.psnr.mean, 3)}
        write_text(run / "metrics.json", json.dumps(metrics[run.name], indent=1) + "\n")
    return metrics
