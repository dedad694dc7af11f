"""`pellucid evaluate`, from the outside."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.cli.conftest import Run, tree
from tests.evaluation.networks import identity, keras_file, mean_filter, network_file

NOISE = ("--noise", "gaussian:0.3", "--no-baselines")


@pytest.fixture
def folder(tmp_path: Path, photo: NDArray[np.uint8]) -> Path:
    """A run folder and a network that does nothing, beside two small grey images."""
    (tmp_path / "photos").mkdir()
    for number, piece in enumerate((photo[:32, :40, 0], photo[20:44, 10:40, 1])):
        Image.fromarray(np.ascontiguousarray(piece)).save(tmp_path / "photos" / f"{number}.png")
    network_file(tmp_path / "run" / "net.onnx", mean_filter)
    (tmp_path / "run" / "log.jsonl").write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n')
    network_file(tmp_path / "same.onnx", identity)
    return tmp_path


def test_a_run_and_a_file_are_compared_in_one_report(pellucid: Run, folder: Path) -> None:
    done = pellucid("evaluate", "run", "same.onnx", "--set", "photos", *NOISE, "-o", "report")
    head, *lines = done.out.splitlines()[:4]
    assert head.split() == ["SET", "NOISE", "METHOD", "PSNR", "SSIM", "MSE", "IMAGES"]
    assert [line.split("  ")[2].strip() for line in lines] == ["noisy input", "run", "same"]
    assert done.out.endswith("report/report.html\n")
    assert done.err == ""
    assert tree(folder / "report") == {"results.json", "results.csv", "report.html"}
    assert "loss against step" in (folder / "report" / "report.html").read_text()


def test_the_figures_come_as_one_json_document(pellucid: Run, folder: Path) -> None:
    found = pellucid("evaluate", "run", "--set", "photos", *NOISE, "--json").json
    assert found["files"] == []
    noisy, network = found["rows"]
    assert noisy["method"] == "noisy input"
    assert network["psnr"]["mean"] > noisy["psnr"]["mean"]
    assert network["images"] == 2
    assert tree(folder) == {
        "photos",
        "photos/0.png",
        "photos/1.png",
        "run",
        "run/net.onnx",
        "run/log.jsonl",
        "same.onnx",
    }


def test_a_broken_image_is_left_out_and_said(pellucid: Run, folder: Path) -> None:
    (folder / "photos" / "broken.png").write_bytes(b"nothing")
    done = pellucid("evaluate", "run", "--set", "photos", *NOISE, "-o", "report")
    assert "Left out: photos/broken.png" in done.err
    assert "2 grey images of photos; 1 more cannot be read" in (folder / "report/report.html").read_text()
    for name in "01":
        (folder / "photos" / f"{name}.png").unlink()
    done = pellucid("evaluate", "run", "--set", "photos", *NOISE, code=3)
    assert "No image in photos can be read" in done.err


def test_the_json_file_is_what_is_printed(pellucid: Run, folder: Path) -> None:
    printed = pellucid("evaluate", "run", "--set", "photos", *NOISE, "--json", "-o", "out").json
    assert [Path(each).name for each in printed.pop("files")] == [
        "results.json",
        "results.csv",
        "report.html",
    ]
    assert json.loads((folder / "out" / "results.json").read_text()) == printed


def test_several_noises_and_a_limit(pellucid: Run, folder: Path) -> None:
    options = ("--set", "photos", *NOISE, "--noise", "uniform:0.11", "--limit", "1", "--json")
    rows = pellucid("evaluate", "same.onnx", *options).json["rows"]
    assert [(row["noise"], row["images"]) for row in rows] == [("gaussian:0.3", 1)] * 2 + [
        ("uniform:0.11", 1)
    ] * 2


def test_quiet_prints_nothing(pellucid: Run, folder: Path) -> None:
    done = pellucid("evaluate", "run", "--set", "photos", *NOISE, "-o", "out", "--quiet")
    assert (done.out, done.err) == ("", "")
    assert (folder / "out" / "report.html").exists()


def test_a_report_is_not_replaced_unless_that_is_allowed(pellucid: Run, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "report.html").write_text("mine")
    command = ("evaluate", "run", "--set", "photos", *NOISE, "-o", "out")
    assert "report.html exists already" in pellucid(*command, code=2).err
    assert (folder / "out" / "report.html").read_text() == "mine"
    pellucid(*command, "--overwrite")
    assert (folder / "out" / "report.html").read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ("run", "--set", "toasters", "--noise", "gaussian:0.5"),
            2,
            "Name one of mnist, fashion-mnist, cifar10",
        ),
        (("run", "--set", "photos", "--noise", "gaussian:0-1"), 2, "is a range"),
        (("run", "--set", "photos", "--noise", "hum:1"), 2, "Unknown noise 'hum:1'"),
        (("run", "--set", "photos"), 2, "--noise"),
        (("run", "--noise", "gaussian:0.5"), 2, "--set"),
        (("gone", "--set", "photos", "--noise", "gaussian:0.5"), 2, "There is no model 'gone'"),
        (("gone.onnx", "--set", "photos", "--noise", "gaussian:0.5"), 3, "There is no file gone.onnx"),
        (("photos", "--set", "photos", "--noise", "gaussian:0.5"), 3, "photos contains no .onnx file"),
        (("run", "--set", "photos", "--noise", "gaussian:0.5", "-o", "same.onnx"), 2, "same.onnx is a file"),
        (("run", "--set", "photos", "--noise", "gaussian:0.5", "--threads", "0"), 2, "--threads is 0"),
        (("run", "--set", "run", "--noise", "gaussian:0.5"), 3, "run contains no images"),
        (("run", "--set", "photos", *NOISE, "-o", "same.onnx/out"), 3, "nothing may be made in"),
    ],
)
def test_what_cannot_be_done_is_said(
    pellucid: Run, folder: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    assert words in pellucid("evaluate", *arguments, code=code).err


def test_a_set_of_images_that_the_network_cannot_take_is_refused(pellucid: Run, folder: Path) -> None:
    network_file(folder / "sized.onnx", size=(28, 28))
    done = pellucid("evaluate", "sized.onnx", "--set", "photos", *NOISE, code=2)
    assert "takes images of 28 x 28 pixels, and these have 40 x 32" in done.err


def test_a_network_of_keras_is_evaluated_and_denoises(pellucid: Run, folder: Path) -> None:
    keras_file(folder / "keras.onnx")
    rows = pellucid(
        "evaluate", "keras.onnx", "run", "--set", "photos", *NOISE, "--layout", "nhwc", "--json"
    ).json["rows"]
    assert [row["method"] for row in rows] == ["noisy input", "keras", "run"]
    assert rows[1]["psnr"]["mean"] > rows[0]["psnr"]["mean"]
    pellucid("denoise", "photos/0.png", "--model", "keras.onnx", "--layout", "nhwc", "-o", "out.png")
    assert "nhwc" in pellucid("denoise", "photos/0.png", "--model", "keras.onnx", code=3).err


def test_the_help_has_an_example_and_says_which_noises_there_are(pellucid: Run) -> None:
    page = pellucid("evaluate", "--help").out
    assert "pellucid evaluate run/ --set mnist --noise gaussian:0.5 -o report/" in page
    assert "fashion-mnist" in page
    assert max(map(len, page.splitlines())) <= 80
