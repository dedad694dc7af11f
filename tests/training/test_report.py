"""What a run on a set ends with."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from pellucid.datasets.images import folder_dataset
from pellucid.evaluation.contender import open_contenders
from pellucid.evaluation.images import ImageSet
from pellucid.inference.card import CLASSICAL
from pellucid.inference.session import Session
from pellucid.io.image import to_float
from pellucid.networks.families import EstimatorSettings
from pellucid.training.loop import train
from pellucid.training.report import affordable, describe, report
from pellucid.training.report import test_set as images_of
from tests.tiny import (
    AUTOENCODERS,
    DENSE,
    LATENT,
    PHOTO,
    UNET,
    set_images,
    set_recipe,
    tiny_recipe,
)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose set has ten images to train, one to validate and one to test."""
    return set_images(tmp_path_factory.mktemp("few"), 12)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, few: Path) -> list[Path]:
    """Two runs of an epoch."""
    folder = tmp_path_factory.mktemp("runs")
    for name, network in (("dense", DENSE), ("latent", LATENT)):
        train(set_recipe(network=network, epochs=1), folder / name, data_dir=few, device="cpu")
    return [folder / "dense", folder / "latent"]


@pytest.fixture(scope="module")
def reported(runs: list[Path], few: Path) -> dict[str, dict[str, float]]:
    """What the report of both says, in the folder above theirs."""
    return report(set_recipe(epochs=1), runs[0].parent, runs, data_dir=few)


def test_each_run_gets_its_figures_on_the_test_images(
    runs: list[Path], reported: dict[str, dict[str, float]]
) -> None:
    assert list(reported) == ["dense", "latent"]
    for run in runs:
        metrics = json.loads((run / "metrics.json").read_text())
        assert metrics == reported[run.name]
        (best,) = (name for name in metrics if name.startswith(CLASSICAL))
        assert list(metrics) == [
            "test_mse",
            "test_psnr",
            "test_input_mse",
            "test_input_psnr",
            best,
            "test_images",
        ]
        assert metrics["test_psnr"] == pytest.approx(-10 * np.log10(metrics["test_mse"]), abs=1)


def test_the_figures_are_those_of_the_images_that_neither_trained_nor_chose(
    runs: list[Path], reported: dict[str, dict[str, float]], few: Path
) -> None:
    split = folder_dataset(few / "squares", size=16, channels=1)
    clean = to_float(split.test)
    denoised = Session(runs[0] / "tiny.onnx").call(noisy=clean.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    without_noise = float(np.square(denoised - clean).mean())
    assert reported["dense"]["test_mse"] == pytest.approx(without_noise, rel=0.3)


def test_a_page_and_tables_compare_the_runs_with_classical_denoisers(
    runs: list[Path], reported: dict[str, dict[str, float]]
) -> None:
    folder = runs[0].parent
    rows = json.loads((folder / "results.json").read_text())["rows"]
    assert {row["method"] for row in rows} >= {"noisy input", "dense", "latent", "median filter"}
    (mse,) = (row["mse"]["mean"] for row in rows if row["method"] == "latent")
    assert reported["latent"]["test_mse"] == pytest.approx(mse, abs=1e-6)
    page = (folder / "report.html").read_text()
    assert page.count("does not denoise") == 4  # after a single step; above the tables and in the cards
    assert (folder / "results.csv").is_file()


def test_a_run_that_did_not_change_is_not_evaluated_again(
    runs: list[Path], reported: dict[str, dict[str, float]], few: Path
) -> None:
    page = runs[0].parent / "report.html"
    before = page.stat().st_mtime_ns
    assert report(set_recipe(epochs=1), runs[0].parent, runs, data_dir=few) == reported
    assert page.stat().st_mtime_ns == before


def test_the_figures_of_the_test_are_in_the_card_of_the_network(
    runs: list[Path], reported: dict[str, dict[str, float]]
) -> None:
    figures = Session(runs[0] / "tiny.onnx").card.figures
    assert figures.items() >= reported["dense"].items()
    assert {"training_mse", "validation_mse", "training_input_mse", "input_mse"} <= set(figures)


def test_of_a_network_that_takes_long_few_test_images_are_evaluated(runs: list[Path]) -> None:
    images = ImageSet("noise", [np.zeros((1000, 1000, 1), np.uint8)] * 300, [])
    (contender,) = open_contenders(runs[:1])
    slow = replace(contender, cards={1: msgspec.structs.replace(contender.card(1), multiply_adds=10**6)})
    assert [len(affordable(images, [each]).test) for each in (contender, slow)] == [300, 200]


def test_clean_to_clean_is_compared_with_no_denoiser(runs: list[Path], few: Path, tmp_path: Path) -> None:
    metrics = report(set_recipe(network=DENSE, noise=None), tmp_path, runs[:1], data_dir=few)
    assert list(metrics["dense"]) == ["test_mse", "test_psnr", "test_images"]
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert [row["method"] for row in rows] == ["noisy input", "dense"]


def test_what_learns_from_crops_has_no_test_images_and_no_report(run_folder: Path, tmp_path: Path) -> None:
    assert report(tiny_recipe(), tmp_path, [run_folder]) == {}
    assert list(tmp_path.iterdir()) == []


def test_another_folder_can_test(data_dir: Path) -> None:
    own, other = (images_of(set_recipe(data=data).set, data_dir, 0) for data in ({}, {"test": "train"}))
    assert (len(own.test), len(other.test)) == (4, 2)
    assert other.name == "train"
    assert other.test[0].shape == (16, 16, 1)
    assert other.note == "2 images of 16 x 16 pixels"


def test_images_that_train_and_test_are_reported(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = images_of(set_recipe(data={"test": "squares"}).set, data_dir, 0)
    assert "40 of them are copies of images in squares" in own.note
    assert own.note in caplog.text


@pytest.mark.parametrize(
    "table", [UNET, PHOTO, EstimatorSettings(4), *AUTOENCODERS], ids=lambda x: type(x).__name__
)
def test_the_layers_of_any_recipe_can_be_listed_before_it_is_trained(table: Any) -> None:
    recipe = set_recipe(network=table) if table in AUTOENCODERS else tiny_recipe(channels=3, network=table)
    rows = describe(recipe)
    assert rows[0].name == "input"
    assert rows[0].shape == ((1, 16, 16) if table in AUTOENCODERS else (3, *rows[0].shape[1:]))
    assert sum(row.parameters for row in rows) > 0
