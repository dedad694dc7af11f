"""``pellucid doctor``."""

import importlib.metadata
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from pellucid import __version__
from pellucid.cli.options import MAX_PIXELS, Json
from pellucid.cli.output import explained, say, say_json, table
from pellucid.cpus import usable_cpus
from pellucid.errors import DeviceError, LimitError, PellucidError

EXAMPLES = """\b
Examples:
  pellucid doctor
  pellucid doctor --json > report.json
"""

NEEDED = ("numpy", "onnxruntime", "pyvips", "pyvips-binary", "msgspec", "tifffile", "typer", "rich")
EXTRAS = {
    "lab": (
        *("torch", "onnx", "onnxscript", "matplotlib", "jinja2"),
        *("pillow", "pooch", "PyWavelets", "scikit-image", "scikit-learn"),
    ),
    "heic": ("pi-heif",),
    "codecs": ("imagecodecs",),
    "science": (
        *("nibabel", "pydicom", "pylibjpeg", "pylibjpeg-openjpeg", "pyjpegls", "python-gdcm"),
        *("zarr", "yaozarrs", "astropy"),
    ),
    "pdf": ("pikepdf", "pypdfium2"),
}


def doctor(as_json: Json = False) -> None:
    """Check that this installation works, and print its versions.

    Ends with exit code 5 when something is broken.
    """
    report: dict[str, Any] = {"versions": _versions(), "limits": _limits()}
    problems: list[str] = []
    checks: dict[str, Callable[[], Any]] = {"libvips": _libvips, "formats": _formats, "devices": _devices}
    for name, check in [*checks.items(), *_weights(problems)]:
        try:
            report.setdefault("checks", {})[name] = check()
        except Exception as exc:
            report["checks"][name] = None
            problems.append(f"{name}: {explained(exc)}")
    missing = [name for name in NEEDED if name != "pyvips-binary" and report["versions"][name] is None]
    problems += [f"{name} is not installed. Install Pellucid again." for name in missing]
    _print(report, problems, as_json=as_json)


def _print(report: dict[str, Any], problems: list[str], *, as_json: bool) -> None:
    error: PellucidError | None = None
    if problems:
        error = LimitError(
            f"Something is broken: {len(problems)} of the checks failed", "See the problems above"
        )
    if as_json:
        document = report | {"problems": problems} | ({"error": error.document()} if error else {})
        say_json(document)
        raise typer.Exit(error.exit_code if error else 0)
    say("Versions\n" + _section(report["versions"]))
    say("\nChecks\n" + _section(report["checks"], none="FAILED"))
    say("\nLimits\n" + _section({name: _size(name, value) for name, value in report["limits"].items()}))
    if error:
        say("\nProblems\n" + "\n".join(f"  {problem}" for problem in problems))
        raise error
    say("\nAll is well.")


def _section(values: dict[str, Any], none: str = "not installed") -> str:
    return table([[f"  {name}", none if value is None else str(value)] for name, value in values.items()])


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {
        "pellucid": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
    }
    for name in (*NEEDED, *(name for names in EXTRAS.values() for name in names)):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _libvips() -> str:
    from pellucid.io.vips import vips

    return ".".join(str(vips().version(part)) for part in range(3))


def _formats() -> str:
    """Write a small image in each format whose extra is installed, and read it again."""
    import numpy as np

    from pellucid.errors import MissingExtraError
    from pellucid.io import registry
    from pellucid.io.files import read_image, write_image
    from pellucid.io.image import Image

    image = Image(samples=np.full((8, 8, 3), 128, np.uint8))
    working = []
    with tempfile.TemporaryDirectory() as folder:
        for each in registry.written():
            path = Path(folder, f"image{each.suffixes[0]}")
            with suppress(MissingExtraError):
                write_image(path, image)
                read_image(path)
                working.append(each.label)
    return ", ".join(working)


def _devices() -> str:
    """Run a network on each device that ONNX Runtime lists."""
    import numpy as np

    from pellucid.inference.registry import load_model
    from pellucid.inference.session import PROVIDERS, runtime

    found = []
    for name in (name for name, each in PROVIDERS.items() if each in runtime().get_available_providers()):
        try:
            load_model("gaussian-instant", device=name).denoise(np.zeros((64, 64), np.uint8), sigma=0.1)
            found.append(name)
        except DeviceError as exc:
            found.append(exc.problem)
    return "; ".join(found)


def _weights(problems: list[str]) -> list[tuple[str, Callable[[], str]]]:
    """One check for each file of weights: its SHA-256, and whether it can be loaded."""
    from pellucid.inference import index
    from pellucid.inference.session import RunOptions, Session

    def check(entry: index.Entry) -> str:
        index.verify(entry)
        Session(entry.path, RunOptions("cpu", threads=1))
        return f"SHA-256 {entry.sha256[:12]}... is right, and it loads"

    try:
        return [(entry.file, lambda entry=entry: check(entry)) for entry in index.shipped()]  # type: ignore[misc]
    except Exception as exc:
        problems.append(f"models/index.toml: {explained(exc)}")
        return []


def _limits() -> dict[str, int | None]:
    return {
        "CPUs": os.cpu_count(),
        "CPUs that may be used (default of --threads)": usable_cpus(),
        "memory": _pages("SC_PHYS_PAGES"),
        "memory free": _pages("SC_AVPHYS_PAGES"),
        "disk free here": shutil.disk_usage(Path.cwd()).free,
        "disk free for temporary files": shutil.disk_usage(tempfile.gettempdir()).free,
        "pixels an image (--max-pixels)": MAX_PIXELS,
    }


def _pages(name: str) -> int | None:
    """Bytes; None where the system does not report them."""
    try:
        return os.sysconf(name) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _size(name: str, value: int | None) -> str:
    if value is None:
        return "unknown"
    return f"{value / 1e9:.1f} GB" if name.startswith(("memory", "disk")) else f"{value:,}"
