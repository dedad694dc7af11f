"""What the tests of the commands share: the `pellucid` command, here or in another process, and images."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pellucid as package
from pellucid.batch.record import NAME
from tests.command import run_here

PELLUCID = str(Path(sys.executable).with_name("pellucid"))


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture(scope="module", autouse=True)
def traced_once() -> Iterator[None]:
    from tests import tiny

    yield from tiny.traced_once()


@pytest.fixture
def environment() -> dict[str, str]:
    """The present environment without what changes the output, but with the package that is tested.

    Nothing is compiled: a file that a full disk cuts off would stay.
    """
    unwanted = ("PELLUCID_", "COLUMNS", "FORCE_COLOR", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return kept | {"PYTHONPATH": str(Path(package.__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def process(tmp_path: Path, environment: dict[str, str]) -> Run:
    """Run the command as a process in the test's folder; the test evaluates every outcome but a bug."""

    def run(*arguments: str | bytes | Path, env: dict[str, str] | None = None, code: int = 0) -> Done:
        done = subprocess.run(
            [PELLUCID, *arguments],
            cwd=tmp_path,
            env=environment | (env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
        )
        return checked(arguments, done.returncode, code, done.stdout, done.stderr)

    return run


@pytest.fixture
def pellucid(tmp_path: Path, environment: dict[str, str], capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Do in this process what `process` does: to start one and to import all takes most of a second."""

    def run(*arguments: str | bytes | Path, env: dict[str, str] | None = None, code: int = 0) -> Done:
        command = ["pellucid", *map(os.fsdecode, arguments)]
        capfdbinary.readouterr()
        left = run_here(command, tmp_path, environment | (env or {}))
        return checked(arguments, left, code, *capfdbinary.readouterr())

    return run


def checked(arguments: Any, left: Any, code: int, *streams: bytes) -> Done:
    """How a command ended that had to end with a code."""
    out, err = (text.decode("utf-8", "surrogateescape") for text in streams)
    assert left == code, f"{arguments}\n{out}\n{err}"
    assert "Traceback" not in err
    assert "\x1b" not in out + err, "colour without a terminal"
    return Done(left, out, err)


def start(command: list[str], folder: Path, env: dict[str, str], number: int) -> "subprocess.Popen[str]":
    """Start a command that a signal can end.

    What nohup or a shell's & starts ignores some signals, and so do its children.
    """
    before = signal.signal(number, signal.SIG_DFL)
    running = subprocess.Popen(
        command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    signal.signal(number, before)
    return running


def on_a_terminal(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What a terminal of 80 columns shows, with its control sequences."""
    main, side = pty.openpty()
    env = environment | {"TERM": "xterm-256color", "COLUMNS": "80"}
    running = subprocess.Popen(command, cwd=folder, env=env, stdout=side, stderr=side)
    os.close(side)
    shown = b""
    while True:
        try:
            part = os.read(main, 4096)
        except OSError:  # Linux says so when the other end is closed
            part = b""
        if not part:
            break
        shown += part
    os.close(main)
    assert running.wait(timeout=60) == 0
    return shown.decode()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def noisy(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small photograph with noise of 25, uint8 (48, 64, 3)."""
    noise = np.random.default_rng(0).normal(0, 25, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)[::2, ::2]


@pytest.fixture
def image(tmp_path: Path, noisy: NDArray[np.uint8]) -> Callable[[str], Path]:
    """Put the noisy photograph into the test's folder, under a name."""

    def save(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy).save(path)
        return path

    return save


def tree(folder: Path) -> set[str]:
    """Every file and folder below a folder but the record of a run, as relative texts."""
    paths = (path for path in folder.rglob("*") if path.name != NAME)
    return {path.relative_to(folder).as_posix() for path in paths}
