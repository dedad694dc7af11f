"""`pellucid train`, from the outside."""

import json
import re
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.cli.conftest import PELLUCID, Run, on_a_terminal, start, tree, wait_for
from tests.tiny import set_images

HEAD = """
name = "tiny"
version = "1"
purpose = "A test"
licence = "Apache-2.0"
trained_on = "One photograph"
"""

RECIPE = f"""{HEAD}
[data]
kind = "crops"
train = ["train"]
tune = "tune"
channels = 1
crop = 32
per_image = 8

[degrade]
noise = "gaussian:0-50"

[network]
kind = "unet"
widths = [4]
encoder = []
body = 1
decoder = []

[schedule]
steps = 100000
batch = 2
patch = [16]
"""

SET = f"""{HEAD}
loss = "bce"

[data]
kind = "set"
name = "squares"
size = 16

[degrade]

[network]
kind = "conv-latent"
code = 5
widths = [4, 6]

[schedule]
epochs = 40
batch = 8
optimizer = "adam"
average = 0
"""

LONG = pytest.mark.long
ONE_RUN = {"checkpoint.pt", "log.csv", "log.jsonl", "metrics.json", "recipe.json", "tiny.onnx"}
REPORT = {"report.html", "results.csv", "results.json"}


@pytest.fixture
def images(tmp_path: Path, photo: NDArray[np.uint8]) -> Path:
    """A data folder, and a recipe beside it."""
    for name in ("train", "tune"):
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.fromarray(photo).save(tmp_path / "images" / name / "photo.png")
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return tmp_path / "images"


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """A data folder with a set, and a recipe beside it: clean to clean, so that no baseline is judged."""
    (tmp_path / "set.toml").write_text(SET)
    return set_images(tmp_path / "sets")


# ---- what it does --------------------------------------------------------------------------------


def test_what_train_writes_denoises(pellucid: Run, images: Path, tmp_path: Path) -> None:
    arguments = ("train", "--recipe", "tiny.toml", "-o", "run", "--steps", "40", "--threads", "1")
    done = pellucid(*arguments, env={"PELLUCID_DATA": str(images)})
    path = Path("run/tiny.onnx")
    assert done.out.endswith(f"{path}\nUse it with: pellucid denoise photo.jpg --model {path}\n")
    assert tree(tmp_path / "run") == {"tiny.onnx", "checkpoint.pt", "log.csv", "log.jsonl", "recipe.json"}
    assert json.loads((tmp_path / "run/recipe.json").read_text())["schedule"]["steps"] == 40

    assert (tmp_path / "run/log.csv").read_text().startswith("step,seconds,")
    head, *rows = done.out.splitlines()
    assert head.split() == ["PART", "LAYER", "SHAPE", "PARAMETERS"]
    assert rows[0].split() == ["network", "input", "16", "x", "16", "x", "1"]
    total = next(row for row in rows if row.split()[:1] == ["all"])
    card = pellucid("models", "show", str(path), "--json").json["cards"][0]
    assert total.split() == ["all", f"{card['parameters']:,}"]

    Image.open(images / "tune/photo.png").convert("L").save(tmp_path / "grey.png")
    pellucid("denoise", "grey.png", "--model", "run/tiny.onnx", "--sigma", "25")
    assert (tmp_path / "grey-denoised.png").exists()


@LONG
def test_a_network_that_makes_images_noisier_is_not_offered_to_denoise(pellucid: Run, images: Path) -> None:
    arguments = ["train", "--recipe", "tiny.toml", "-o", "run", "--data-dir", str(images), "--threads", "1"]
    done = pellucid(*arguments, "--steps", "2", "--set", "schedule.learning_rate=1")
    assert "Use it with" not in done.out
    assert "NOISY INPUT" in done.out
    assert done.err.count("does not denoise") == 1
    assert "lower learning rate" in done.err


@LONG
def test_what_estimates_noise_is_not_offered_to_denoise(pellucid: Run, images: Path) -> None:
    changes = ["network.kind=estimator", "network.width=4", "degrade.camera=camera:iso=800"]
    changes += ["data.pairs=8", "data.renew=8", "schedule.batch=8"]
    changes += [f"network.{key}=none" for key in ("widths", "encoder", "body", "decoder")]
    arguments = [word for change in changes for word in ("--set", change)]
    done = pellucid(
        "train",
        "--recipe",
        "tiny.toml",
        "-o",
        "run",
        "--data-dir",
        str(images),
        "--steps",
        "1",
        "--threads",
        "1",
        *arguments,
    )
    assert done.out.splitlines()[-1] == str(Path("run/tiny.onnx"))


@pytest.mark.parametrize(
    "flag", [None, pytest.param("--quiet", marks=LONG), pytest.param("--json", marks=LONG)]
)
def test_the_bar_is_shown_on_a_terminal_unless_nothing_but_the_result_is_wanted(
    images: Path, tmp_path: Path, environment: dict[str, str], flag: str | None
) -> None:
    arguments = ["train", "--recipe", "tiny.toml", "-o", "run", "--data-dir", str(images), "--steps", "2"]
    arguments += ["--threads", "1"]
    shown = on_a_terminal([PELLUCID, *arguments, *([flag] if flag else [])], tmp_path, environment)
    assert ("training" in shown) == ("\x1b" in shown) == (flag is None)


@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGTERM", marks=LONG)])
def test_a_run_that_is_stopped_goes_on_where_it_was(
    pellucid: Run, images: Path, tmp_path: Path, environment: dict[str, str], name: str
) -> None:
    arguments = ["train", "--recipe", "tiny.toml", "-o", "run", "--data-dir", "images", "--threads", "1"]
    arguments += ["--set", "schedule.check_every=2"]
    number, log = getattr(signal, name), tmp_path / "run/log.jsonl"
    running = start([PELLUCID, *arguments], tmp_path, environment, number)
    wait_for(lambda: log.exists() and "loss" in log.read_text())
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    warning, error = err.splitlines()
    assert re.fullmatch(r"warning: stopped after step \d+: the same command goes on from there", warning)
    assert error == "error: Interrupted. Every file that was written is complete."
    assert tree(tmp_path / "run") == {"checkpoint.pt", "log.csv", "log.jsonl", "recipe.json"}
    step = torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["step"]
    pellucid(*arguments, "--minutes", "0.001")
    assert json.loads(log.read_text().splitlines()[-1])["step"] >= step >= 2


@LONG
def test_a_full_disk_leaves_the_older_checkpoint_whole(
    pellucid: Run, images: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    arguments = [
        "train",
        "--recipe",
        "tiny.toml",
        "-o",
        "run",
        "--data-dir",
        str(images),
        "--steps",
        "2",
        "--threads",
        "1",
        "-q",
    ]
    pellucid(*arguments)
    before = (tmp_path / "run/checkpoint.pt").read_bytes()
    more = " ".join(arguments).replace("--steps 2", "--steps 4")
    command = f'ulimit -f 4; exec "{PELLUCID}" {more}'
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    lines = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert (done.returncode, len(lines)) == (5, 1)
    assert "checkpoint.pt cannot be written: File too large. Make space" in lines[0]
    assert (tmp_path / "run/checkpoint.pt").read_bytes() == before
    assert tree(tmp_path / "run") == {"tiny.onnx", "checkpoint.pt", "log.csv", "log.jsonl", "recipe.json"}


def test_too_little_memory_for_a_network_is_a_limit(pellucid: Run, squares: Path) -> None:
    arguments = ("train", "--recipe", "set.toml", "-o", "run", "--data-dir", "sets", "-q")
    done = pellucid(*arguments, "--set", "network.code=1000000000000", code=5)
    assert done.err.startswith("error: There is not enough memory. ")


def test_a_run_on_a_set_ends_with_its_figures_and_a_page(
    pellucid: Run, squares: Path, tmp_path: Path
) -> None:
    arguments = ["train", "--recipe", "set.toml", "-o", "run", "--data-dir", "sets", "--threads", "1"]
    arguments += ["--epochs", "2", "--set", "network.code=3", "--set", "loss=mse"]
    done = pellucid(*arguments, "--plot-network", "net.svg")
    assert tree(tmp_path / "run") == ONE_RUN | REPORT
    assert (tmp_path / "net.svg").read_text().count("<svg") == 1
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    assert set(metrics) == {"test_mse", "test_psnr", "test_images"}
    assert 0 < metrics["test_mse"] < 1
    recipe = json.loads((tmp_path / "run/recipe.json").read_text())
    assert (recipe["schedule"]["epochs"], recipe["network"]["code"], recipe["loss"]) == (2, 3, "mse")

    parts = [line.split()[0] for line in done.out.splitlines() if line]
    assert {"encoder", "decoder"} <= set(parts)
    assert f"{metrics['test_mse']:g}" in done.out
    assert str(Path("run/report.html")) in done.out

    other = pellucid(*arguments, "--set", "seed=1", code=2)
    assert "contains a run of another recipe: seed was 0 and is 1" in other.err
    again = pellucid(*arguments, "--json")  # the same command: the run is at its end
    assert again.json == {
        "networks": [str(Path("run/tiny.onnx"))],
        "folder": "run",
        "metrics": {"run": metrics},
        "psnr_gain": {str(Path("run/tiny.onnx")): None},  # clean to clean: there is no noisy input
    }


def test_tensorboard_reads_the_event_files_of_a_run(pellucid: Run, squares: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    arguments = ["train", "--recipe", "set.toml", "-o", "run", "--data-dir", "sets", "--threads", "1"]
    pellucid(*arguments, "--epochs", "2", "--tensorboard", "--no-report", "-q")
    events = EventAccumulator(str(tmp_path / "run/tensorboard"))
    events.Reload()
    assert {"mse/training", "mse/validation", "learning_rate"} <= set(events.Tags()["scalars"])
    assert events.Tags()["images"] == ["noisy, denoised, clean"]


@LONG
def test_variants_are_runs_of_their_own_that_one_page_compares(
    pellucid: Run, squares: Path, tmp_path: Path
) -> None:
    variants = 'variants = ["network.code=2", "network.widths=[4, 4]"]'
    (tmp_path / "set.toml").write_text(SET.replace('loss = "bce"', f'loss = "bce"\n{variants}'))
    arguments = (
        "--recipe",
        "set.toml",
        "-o",
        "runs",
        "--data-dir",
        "sets",
        "--epochs",
        "1",
        "--threads",
        "1",
        "-q",
    )
    assert pellucid("train", *arguments).out == ""
    names = {"network.code-2", "network.widths-4-4"}
    assert tree(tmp_path / "runs") == names | REPORT | {f"{run}/{file}" for run in names for file in ONE_RUN}
    for name, code in (("network.code-2", 2), ("network.widths-4-4", 5)):
        recipe = json.loads((tmp_path / "runs" / name / "recipe.json").read_text())
        assert (recipe["network"]["code"], recipe["schedule"]["epochs"]) == (code, 1)
    page = (tmp_path / "runs/report.html").read_text()
    assert all(name in page for name in names)


# ---- what it refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--recipe", "toaster", "-o", "run", "--data-dir", "images"), "mnist-latent16"),
        (("--recipe", "tiny.toml", "-o", "run"), "--data-dir"),
        (("--recipe", "tiny.toml", "-o", "run", "--data-dir", "images", "--minutes", "0"), "above 0"),
        (("--recipe", "tiny.toml", "-o", "run", "--data-dir", "images", "--steps", "0"), "steps"),
        (("--recipe", "tiny.toml", "-o", "run", "--data-dir", "images", "--epochs", "0"), "epochs"),
        (("--recipe", "tiny.toml", "-o", "run", "--data-dir", "images", "--threads", "0"), "from 1"),
        (
            ("--recipe", "tiny.toml", "-o", "run", "--data-dir", "images", "--set", "seed"),
            "network.code=32",
        ),
        (("--recipe", "tiny.toml", "-o", "run", "--data-dir", "images", "--plot-network", "n.gif"), ".svg"),
        (("--recipe", "tiny.toml"), "--output"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_made(
    pellucid: Run, images: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = pellucid("train", *arguments, code=2)
    assert words in done.err
    assert done.err.count("\n") == 1
    assert tree(tmp_path) == {"images", "tiny.toml"} | {f"images/{name}" for name in tree(images)}


def test_images_that_are_not_there_end_with_3(pellucid: Run, images: Path, tmp_path: Path) -> None:
    done = pellucid("train", "--recipe", "tiny.toml", "-o", "run", "--data-dir", "gone", "--json", code=3)
    assert done.json["error"]["type"] == "InputError"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("right", "wrong", "change", "words"),
    [
        ("crop =", "corp =", "seed=1", "unknown field `corp` - at `$.data`. Perhaps you mean data.crop"),
        (
            "",
            "",
            "network.wdiths=[4]",
            "unknown field `wdiths` - at `$.network`. Perhaps you mean network.widths",
        ),
        ("", "", "schedule.rates=linear", "Invalid enum value 'linear' - at `$.schedule.rates`"),
        ("steps = 100000", "", "schedule.epochs=3", "Crops have no epochs"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused_and_what_may_be_meant_is_named(
    pellucid: Run, images: Path, tmp_path: Path, right: str, wrong: str, change: str, words: str
) -> None:
    (tmp_path / "tiny.toml").write_text(RECIPE.replace(right, wrong, 1))
    arguments = ("--recipe", "tiny.toml", "-o", "run", "--data-dir", "images", "--set", change)
    done = pellucid("train", *arguments, code=2)
    assert words in done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("package", ["torch", "onnx"])
def test_without_the_lab_one_line_says_how_to_get_it(
    process: Run, images: Path, tmp_path: Path, package: str
) -> None:
    missing = tmp_path / "missing" / package
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text(f"raise ModuleNotFoundError('No module named {package}')")
    done = process(
        *("train", "--recipe", "tiny.toml", "-o", "run", "--data-dir", "images"),
        env={"PYTHONPATH": str(missing.parent)},
        code=5,
    )
    assert 'pip install "pellucid[lab]"' in done.err
    assert done.err.count("\n") == 1
