"""What holds for every command: help, exit codes, closed pipes, full disks, signals, terminals."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid as package
from tests.cli.conftest import PELLUCID, Run, on_a_terminal, start, tree, wait_for
from tests.stacks import volume

COMMANDS = [
    *(
        "denoise",
        "cite",
        "noise",
        "compare",
        "models",
        "recipes",
        "train",
        "evaluate",
        "encode",
        "decode",
        "doctor",
    )
]
Save = Callable[[str], Path]
GIVEN = ("--sigma", "25", "--model", "gaussian-instant")


def test_version_is_one_line_and_loads_no_typer(environment: dict[str, str], process: Run) -> None:
    assert process("--version").out == f"pellucid {package.__version__}\n"
    code = "import atexit, sys; sys.argv = ['pellucid', '--version']; from pellucid.cli import main\n"
    code += "atexit.register(lambda: print(sorted({'typer', 'numpy', 'rich'} & set(sys.modules)))); main()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_arguments_it_prints_its_help(process: Run) -> None:
    assert process().out == process("--help").out


@pytest.mark.parametrize(
    "command", [[], *([name] for name in COMMANDS), ["models", "show"], ["recipes", "show"]]
)
def test_every_help_page_has_an_example_and_fits_80_columns(pellucid: Run, command: list[str]) -> None:
    page = pellucid(*command, "--help").out
    assert f"  pellucid {' '.join(command)}".rstrip() in page.partition("Examples:")[2]
    assert max(map(len, page.splitlines())) <= 80
    assert pellucid(*command, "-h").out == page


def test_the_help_lists_every_command(pellucid: Run) -> None:
    page = pellucid("--help").out
    assert all(f"\n  {name} " in page for name in COMMANDS)


@pytest.mark.parametrize("arguments", [["toaster"], ["--toaster"], ["models", "toaster"]])
def test_what_does_not_exist_ends_with_2(pellucid: Run, arguments: list[str]) -> None:
    done = pellucid(*arguments, code=2)
    assert done.err.startswith("error: No such ")
    assert done.out == ""


def test_a_name_that_begins_with_a_dash_gets_a_hint(pellucid: Run, image: Save) -> None:
    image("-a.png")
    assert "write ./ before it" in pellucid("denoise", "-a.png", code=2).err
    pellucid("denoise", "./-a.png", "--sigma", "0")


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["models"], ["models", "--json"], ["recipes"]]
)
def test_a_reader_that_goes_away_is_no_error(environment: dict[str, str], arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([PELLUCID, *arguments], env=environment, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["models"], ["models", "--json"], ["recipes"]]
)
def test_a_full_disk_under_standard_output_is_one_line(
    environment: dict[str, str], arguments: list[str]
) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [PELLUCID, *arguments], env=environment, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 5
    assert done.stderr.startswith("error: The output cannot be written: No space left on device")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_no_harm(
    environment: dict[str, str], image: Save, tmp_path: Path, closing: str
) -> None:
    image("a.png")
    line = f'"{PELLUCID}" denoise a.png {" ".join(GIVEN)} {closing}'
    assert subprocess.run(["sh", "-c", line], env=environment, cwd=tmp_path).returncode == 0
    with Image.open(tmp_path / "a-denoised.png") as pil_image:
        pil_image.load()


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_any_terminal_can_print_any_name(process: Run, image: Save, locale: dict[str, str]) -> None:
    name = image("猫.png").name
    process("denoise", name, *GIVEN, env=locale)
    assert process("denoise", f"no-{name}", *GIVEN, env=locale, code=3).err.startswith("error: no-")


def test_a_name_of_two_lines_cannot_look_like_two_messages(pellucid: Run) -> None:
    said = pellucid("denoise", "a\nerror: b.png", code=3).err
    assert said.startswith("error: a\\nerror: b.png cannot be read")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "json"), [("SIGINT", False), ("SIGTERM", False), ("SIGHUP", False), ("SIGTERM", True)]
)
def test_a_signal_ends_it_with_one_line_and_nothing_half_written(
    environment: dict[str, str], tmp_path: Path, name: str, json: bool
) -> None:
    Image.fromarray(np.zeros((4000, 4000, 3), np.uint8)).save(tmp_path / "large.png", compress_level=1)
    command = [PELLUCID, "denoise", "large.png", "--sigma", "25", "-o", "new/out.png", *["--json"] * json]
    number = getattr(signal, name)
    running = start(command, tmp_path, environment, number)
    wait_for((tmp_path / "new").exists)  # the work has begun
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    assert tree(tmp_path) == {"large.png"}
    if json:
        assert '"type": "Interrupted"' in out
        assert err == ""
    else:
        assert (out, err) == ("", "error: Interrupted. Every file that was written is complete.\n")


def test_signals_one_upon_the_other_are_as_one(environment: dict[str, str], tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4000, 4000, 3), np.uint8)).save(tmp_path / "large.png", compress_level=1)
    command = [PELLUCID, "denoise", "large.png", "--sigma", "25", "-o", "new/out.png"]
    running = start(command, tmp_path, environment, signal.SIGINT)
    wait_for((tmp_path / "new").exists)
    while running.poll() is None:
        running.send_signal(signal.SIGINT)
        time.sleep(0.005)
    out, err = running.communicate()
    assert running.returncode == 130
    assert (out, err) == ("", "error: Interrupted. Every file that was written is complete.\n")


@pytest.mark.parametrize("kind", ["npy", "zarr", "dcm"])
def test_a_signal_within_a_stack_leaves_nothing_half_written(
    environment: dict[str, str], tmp_path: Path, kind: str
) -> None:
    array = volume(40, 512, 512)
    path = tmp_path / f"stack.{kind}"
    if kind == "npy":
        np.save(path, array)
    elif kind == "zarr":
        pytest.importorskip("zarr").save_array(path, array, zarr_format=2)
    else:
        pytest.importorskip("pydicom")
        from tests.io.dicoms import write

        write(path, "frames", array)
    before = tree(tmp_path)
    axes = [] if kind == "dcm" else ["--axes", "ZYX"]
    command = [PELLUCID, "denoise", path.name, "--sigma", "2", *axes, "-o", f"new/clean.{kind}"]
    running = start(command, tmp_path, environment, signal.SIGINT)
    wait_for(lambda: any((tmp_path / "new").glob(".pellucid-*")))  # the planes are being denoised
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert err == "error: Interrupted. Every file that was written is complete.\n"
    assert tree(tmp_path) == before


def test_a_folder_that_was_deleted_is_told(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "gone").mkdir()
    command = f'cd gone && rmdir ../gone && "{PELLUCID}" denoise a.png'
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True)
    assert (done.returncode, done.stderr.count(b"\n")) == (3, 1)
    assert done.stderr.startswith(b"error: The current folder has been deleted.")


def test_nothing_is_left_in_the_home_folder(process: Run, image: Save, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    image("a.png")
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": ""}
    process("denoise", "a.png", *GIVEN, env=home)
    process("doctor", env=home)
    assert not tree(tmp_path / "home")


def test_json_tells_what_was_done_before_the_signal(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "in/a.png")
    Image.fromarray(np.zeros((4000, 4000, 3), np.uint8)).save(tmp_path / "in/b.png", compress_level=1)
    command = [PELLUCID, "denoise", "in", "--sigma", "25", "-o", "out", "--json"]
    running = start(command, tmp_path, environment, signal.SIGINT)
    wait_for((tmp_path / "out/a.png").exists)
    time.sleep(0.3)  # the other one takes seconds
    running.send_signal(signal.SIGINT)
    document = json.loads(running.communicate(timeout=60)[0])
    assert document["error"]["type"] == "Interrupted"
    assert [row["output"] for row in document["files"]] == [str(Path("out/a.png"))]
    assert document["skipped"] == 0


def test_a_terminal_shows_a_bar_and_then_the_results(
    environment: dict[str, str], image: Save, tmp_path: Path
) -> None:
    image("a.png"), image("b.png")
    command = [PELLUCID, "denoise", "a.png", "b.png", *GIVEN]
    shown = on_a_terminal(command, tmp_path, environment)
    assert "1 of 2" in shown
    assert "b.png -> b-denoised.png" in shown
    assert "\x1b" not in on_a_terminal([*command, "--overwrite", "--quiet"], tmp_path, environment)


def test_a_bug_is_one_line_that_says_how_to_report_it(process: Run, image: Save, tmp_path: Path) -> None:
    image("a.png")
    broken = tmp_path / "broken/onnxruntime"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('a surprise')")
    arguments, path = ("denoise", "a.png", "--sigma", "25"), {"PYTHONPATH": str(broken.parent)}
    done = process(*arguments, env=path, code=1)
    assert done.err.startswith("error: This is a bug in Pellucid: RuntimeError: a surprise. ")
    assert "PELLUCID_DEBUG=1" in done.err
    assert done.err.count("\n") == 1


def test_a_bug_shows_where_it_happened_when_asked(
    environment: dict[str, str], image: Save, tmp_path: Path
) -> None:
    image("a.png")
    broken = tmp_path / "broken/onnxruntime"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('a surprise')")
    env = environment | {"PYTHONPATH": str(broken.parent), "PELLUCID_DEBUG": "1"}
    done = subprocess.run(
        [PELLUCID, "denoise", "a.png", "--sigma", "25"], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
