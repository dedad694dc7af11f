"""What the benchmarks share: where images are, what machine this is, and how figures are kept."""

import argparse
import atexit
import datetime
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.folder import image_files, read_samples
from pellucid.noise.base import NumpyRandom, to_8bit
from pellucid.noise.sensor import Gaussian

Pixels: TypeAlias = NDArray[Any]

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
LIBRARIES = ("pellucid", "numpy", "onnxruntime", "opencv-python-headless", "scikit-image", "bm3d")


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("PELLUCID_DATA"))
    parser.add_argument("--tiny", action="store_true", help="seconds, own images, keeps no figures")
    return parser


class Desk:
    """Where one run reads its images and keeps its figures; a tiny run keeps nothing.

    Parameters
    ----------
    name : str
        Of the benchmark: figures go to ``results/NAME.json``, tables between ``<!-- NAME -->`` and
        ``<!-- /NAME -->`` in ``docs/benchmarks.md``.
    options : argparse.Namespace
        With what `arguments` defines.
    """

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name, self.tiny = name, options.tiny
        self._data = self.data_dir = options.data_dir
        self.scratch = Path(tempfile.mkdtemp(prefix="pellucid-"))
        atexit.register(shutil.rmtree, self.scratch)
        self.results = (self.scratch if self.tiny else HERE / "results") / f"{name}.json"
        self.figures = self.scratch if self.tiny else DOCS / "figures"

    def images(self, folder: str, channels: int, limit: int | None = None) -> list[Pixels]:
        """Clean images, float32 (h, w, c), 0 to 1, of a folder in the data directory."""
        if self.tiny:
            return small_images(channels)[:limit]
        files = sorted(image_files([self.folder(folder)]), key=_natural)[:limit]
        return [read_samples(file, channels).astype(np.float32) / 255 for file in files]

    def folder(self, name: str) -> Path:
        """A folder of the data directory."""
        if self._data is None:
            sys.exit("Say where the images are: --data-dir FOLDER, or the variable PELLUCID_DATA")
        return Path(self._data) / name

    def read(self) -> dict[str, Any]:
        """The figures kept by earlier runs."""
        figures: dict[str, Any] = json.loads(self.results.read_text()) if self.results.exists() else {}
        return figures

    def write(self, figures: dict[str, Any]) -> None:
        """Keep the figures; a list of numbers takes one line."""
        text = json.dumps(figures, indent=1)
        text = re.sub(r"\[([-\d.,\s]+)\]", lambda found: f"[{' '.join(found[1].split())}]", text)
        self.results.parent.mkdir(exist_ok=True)
        self.results.write_text(text + "\n")

    @staticmethod
    def forget_old_runs(figures: dict[str, Any]) -> None:
        """Keep in ``runs`` the facts only of runs from which a figure is left."""

        def used(entry: Any) -> set[str]:
            below = entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ()
            own = {entry["run"]} if isinstance(entry, dict) and "run" in entry else set()
            return own.union(*map(used, below))

        kept = used({name: entry for name, entry in figures.items() if name != "runs"})
        figures["runs"] = {date: run for date, run in figures.get("runs", {}).items() if date in kept}

    def publish(self, tables: str) -> None:
        """Print tables and put them into the documentation."""
        print(tables)
        page = DOCS / "benchmarks.md"
        if self.tiny:
            return
        start, end = f"<!-- {self.name} -->\n", f"<!-- /{self.name} -->"
        before, _, rest = page.read_text().partition(start)
        page.write_text(f"{before}{start}\n{tables.strip()}\n\n{end}{rest.partition(end)[2]}")


def _natural(path: Path) -> tuple[str, int, str]:
    """2.tif comes before 10.tif."""
    number = re.search(r"\d+", path.stem)
    return path.stem[: number.start()] if number else path.stem, int(number[0]) if number else 0, path.name


def small_images(channels: int) -> list[Pixels]:
    """Two images of 64 x 80 pixels that need no data folder."""
    from skimage import data

    photo = np.asarray(data.astronaut(), np.float32)[:256:2, 160:320:2, :] / 255
    photo = photo if channels == 3 else photo.mean(axis=2, keepdims=True)
    return [np.ascontiguousarray(half) for half in (photo[:64], photo[64:])]


def add_noise(clean: Pixels, sigma: float, *, clipped: bool) -> Pixels:
    """The protocol of all figures: Gaussian noise of seed 0, sigma in grey levels of 255."""
    noisy: Pixels = Gaussian(sigma / 255).apply(clean, NumpyRandom(0))
    return to_8bit(noisy) if clipped else noisy


def megapixels(images: Sequence[Pixels]) -> float:
    return float(sum(image.shape[0] * image.shape[1] for image in images)) / 1e6


def facts() -> dict[str, Any]:
    """What anybody needs to know in order to repeat a run."""
    return {
        "command": f"python -m benchmarks.{Path(sys.argv[0]).stem} {_without_folders(sys.argv[1:])}".strip(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        # Of other work when the run began: times count on a quiet machine.
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def _without_folders(words: Sequence[str]) -> str:
    """Of paths the last part: where they lie says something about one machine alone."""
    return re.sub(r"/\S*/(?=[^/\s])", "", shlex.join(words))


def _processor() -> str:
    names = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return names[1] if names else platform.processor()


class Seconds(NamedTuple):
    """What a call took."""

    cpu: float
    wall: float


def timed(call: Callable[[], Any]) -> Seconds:
    """CPU seconds of all threads of this process, and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    return Seconds(time.process_time() - cpu, time.perf_counter() - wall)


def best_times(
    calls: Mapping[str, Callable[[], Any]], *, rounds: int, patience: float = 5
) -> dict[str, Seconds]:
    """The quickest of several runs of each call, taken in turns so that a busy machine hurts all alike.

    A call that takes longer than `patience` seconds runs once.
    """
    best: dict[str, Seconds] = {}
    for _ in range(rounds):
        for name, call in calls.items():
            if name in best and best[name].cpu > patience:
                continue
            now = timed(call)
            old = best.get(name, now)
            best[name] = Seconds(min(old.cpu, now.cpu), min(old.wall, now.wall))
    return best


class Child(NamedTuple):
    """What a command took."""

    cpu: float
    wall: float
    megabytes: float  # at its peak


# A process inherits the peak memory of the one that starts it, so a small one stands between.
LAUNCH = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
figures = [used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss]
open(sys.argv[1], "w").write(json.dumps(figures))
sys.exit(done.returncode)
"""


def run_command(command: Sequence[str]) -> Child:
    """Run a command to its end; it must succeed."""
    with tempfile.NamedTemporaryFile("r") as figures:
        launch = [sys.executable, "-S", "-c", LAUNCH, figures.name, *command]
        done = subprocess.run(launch, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{shlex.join(command)} failed:\n{done.stdout}{done.stderr}")
        cpu, wall, peak = json.load(figures)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes; Linux counts in KiB
    return Child(cpu, wall, peak * unit / 1e6)


def table(header: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; floats with the digits they come with as text."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"
