"""What can be watched while a network learns."""

import csv
import json
from pathlib import Path

import numpy as np

from pellucid.training.live import Check, csv_writer, page_writer, sheet
from pellucid.training.loop import train
from tests.tiny import DENSE, set_recipe


def test_each_measurement_is_shown_with_images(data_dir: Path, tmp_path: Path) -> None:
    checks: list[Check] = []
    train(set_recipe(network=DENSE), tmp_path, data_dir=data_dir, device="cpu", watches=[checks.append])
    assert [check.step for check in checks] == [4, 8, 12, 12]
    first = checks[0]
    assert first.figures["learning_rate"] > 0
    assert first.examples is not None
    noisy, denoised, clean = first.examples
    assert noisy.shape == denoised.shape == clean.shape == (4, 16, 16, 1)
    assert np.square(noisy - clean).mean() > 0.01
    assert 0 <= first.examples.min() < first.examples.max() <= 1


def test_the_table_has_the_lines_of_the_log(data_dir: Path, tmp_path: Path) -> None:
    train(
        set_recipe(network=DENSE), tmp_path, data_dir=data_dir, device="cpu", watches=[csv_writer(tmp_path)]
    )
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()[1:]]
    assert [int(row["step"]) for row in rows] == [line["step"] for line in lines]
    assert [float(row["validation_mse"]) for row in rows] == [line["validation_mse"] for line in lines]
    assert rows[0]["input_mse"] == ""  # only the last line has the figures of the noisy input


def test_a_page_can_be_opened_while_training_runs(data_dir: Path, tmp_path: Path) -> None:
    train(
        set_recipe(network=DENSE), tmp_path, data_dir=data_dir, device="cpu", watches=[page_writer(tmp_path)]
    )
    page = (tmp_path / "report.html").read_text()
    assert 'http-equiv="refresh"' in page
    assert page.count("data:image/png;base64,") == 1
    assert page.count("<svg") >= 1


def test_examples_are_laid_out_in_rows_of_noisy_denoised_and_clean() -> None:
    examples = np.zeros((3, 2, 4, 5, 1), np.float32)
    examples[1, 1] = 1
    whole = sheet(examples)
    assert whole.shape == (12, 10, 1)
    assert whole[4:8, 5:].min() == 1
    assert whole.sum() == 20
