"""`pellucid models`, `recipes` and `doctor`, from the outside."""

import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

import pellucid as package
from tests.cli.conftest import Run


@pytest.mark.parametrize("arguments", [["models"], ["models", "list"]])
def test_the_models_are_listed(pellucid: Run, arguments: list[str]) -> None:
    page = pellucid(*arguments).out
    assert "gaussian-fast " in page
    assert "gaussian-instant " in page
    assert max(map(len, page.splitlines())) <= 80
    listed = pellucid(*arguments, "--json").json["models"]
    found = {(row["name"], row["channels"]) for row in listed}
    assert found >= {("gaussian-fast", 1), ("gaussian-fast", 3), ("photo-fast", 3)}


def test_a_model_shows_its_cards(pellucid: Run) -> None:
    page = pellucid("models", "show", "gaussian-fast").out
    assert page.count("Licence") == 2
    assert max(map(len, page.splitlines())) <= 80
    cards = pellucid("models", "show", "gaussian-fast", "--json").json["cards"]
    assert sorted(card["channels"] for card in cards) == [1, 3]


@pytest.mark.parametrize("command", [["models"], ["recipes"]])
def test_json_may_stand_before_what_to_list_or_show(pellucid: Run, command: list[str]) -> None:
    name = {"models": "gaussian-fast", "recipes": "gaussian-fast-grey"}[command[0]]
    for rest in (["list"], ["show", name]):
        assert pellucid(*command, "--json", *rest).json == pellucid(*command, *rest, "--json").json


def test_a_network_for_photographs_shows_its_card(pellucid: Run) -> None:
    for name in ("photo-fast", "auto"):
        page = pellucid("models", "show", name).out
        assert "photo-fast-colour" in page
        assert max(map(len, page.splitlines())) <= 80
        (card,) = pellucid("models", "show", name, "--json").json["cards"]
        assert (card["channels"], card["sigma"]) == (3, None)


def test_a_file_shows_its_card_as_a_name_does(pellucid: Run) -> None:
    path = Path(package.__file__).parent / "models/gaussian-fast-grey.onnx"
    (card,) = pellucid("models", "show", str(path), "--json").json["cards"]
    assert card["channels"] == 1


def test_an_unknown_model_is_answered_with_those_there_are(pellucid: Run, tmp_path: Path) -> None:
    assert "gaussian-fast" in pellucid("models", "show", "toaster", code=2).err
    assert "gaussian-fast" in pellucid("models", "show", "toaster.onnx", code=3).err
    (tmp_path / "words.onnx").write_text("words")
    assert "words.onnx cannot be loaded" in pellucid("models", "show", "words.onnx", code=3).err


@pytest.mark.parametrize("arguments", [["recipes"], ["recipes", "list"]])
def test_the_recipes_are_listed(pellucid: Run, arguments: list[str]) -> None:
    names = [row["name"] for row in pellucid(*arguments, "--json").json["recipes"]]
    page = pellucid(*arguments).out
    assert {"gaussian-fast-grey", "mnist-latent16", "photo-fast-colour"} <= set(names)
    assert all(f"\n{name} " in page for name in names)
    assert page.splitlines()[0].split() == ["NAME", "FOR"]
    assert max(map(len, page.splitlines())) <= 80


def test_what_a_recipe_reaches_is_listed(pellucid: Run) -> None:
    rows = {row["name"]: row for row in pellucid("recipes", "--json").json["recipes"]}
    assert all(set(row) == {"name", "purpose", "reaches"} for row in rows.values())
    shown = tomllib.loads(pellucid("recipes", "show", "mnist-latent16").out)
    assert rows["mnist-latent16"]["reaches"] == shown.get("reaches", "")


def test_a_recipe_is_shown_as_the_toml_that_train_reads(pellucid: Run) -> None:
    page = pellucid("recipes", "show", "gaussian-fast-grey").out
    assert tomllib.loads(page)["name"] == "gaussian-fast-grey"
    assert pellucid("recipes", "show", "gaussian-fast-grey", "--json").json["name"] == "gaussian-fast-grey"
    assert "gaussian-fast-grey" in pellucid("recipes", "show", "toaster", code=2).err


def test_the_doctor_finds_a_whole_installation_well(pellucid: Run) -> None:
    page = pellucid("doctor")
    assert "All is well." in page.out
    assert page.err == ""
    report = pellucid("doctor", "--json").json
    assert report["problems"] == []
    assert report["versions"]["pellucid"] == package.__version__
    assert report["limits"]["CPUs that may be used (default of --threads)"] >= 1
    assert "cpu" in report["checks"]["devices"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package that a test may break."""
    return shutil.copytree(Path(package.__file__).parent, tmp_path / "copy/pellucid").parent


def doctor(copy: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    env = environment | {"PYTHONPATH": f"{copy}:{sysconfig.get_path('purelib')}"}
    command = [sys.executable, "-m", "pellucid", "doctor"]
    return subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True)


def test_the_doctor_finds_weights_that_changed(copy: Path, environment: dict[str, str]) -> None:
    file = copy / "pellucid/models/gaussian-fast-grey.onnx"
    file.write_bytes(file.read_bytes() + b"\0")
    done = doctor(copy, environment)
    assert done.returncode == 5
    assert "gaussian-fast-grey.onnx is not the file that was released" in done.stdout
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize("content", ["", "not toml [", None])
def test_the_doctor_survives_a_broken_index(
    copy: Path, environment: dict[str, str], content: str | None
) -> None:
    index = copy / "pellucid/models/index.toml"
    index.unlink() if content is None else index.write_text(content)
    done = doctor(copy, environment)
    assert done.returncode == 5
    assert "index.toml" in done.stdout
    assert "Traceback" not in done.stderr
