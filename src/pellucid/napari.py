"""A plugin for napari: denoise a layer, or adapt a network to it, whichever reader it came from.

napari finds it through ``napari.yaml``. The work is done in a thread, and a bar shows how much is done.
"""

import queue
import tempfile
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.errors import require
from pellucid.inference.denoise import denoise_file

Report = Callable[[float], None]
"""Takes the share of the work that is done."""

PLANES = "LKJIHGTZ"
"""Letters for axes that count planes with the same noise; those that are nearest to the plane come last."""


def saved(layer: Any, folder: Path) -> tuple[Path, str]:
    """Write the samples of a layer to a file, at full resolution.

    Returns
    -------
    Path, str
        The ``.npy`` file, and its axes.
    """
    data = np.asarray(layer.data[0] if layer.multiscale else layer.data)
    plane = "YXS" if layer.rgb else "YX"
    path = folder / "layer.npy"
    np.save(path, data)
    return path, (PLANES[len(plane) - data.ndim :] if data.ndim > len(plane) else "") + plane


def denoised(layer: Any, report: Report, **options: Any) -> Any:
    """Denoise the samples of a layer, of any number of axes, of which the last two are a plane.

    Parameters
    ----------
    layer : napari.layers.Image
    report : function of the share that is done
    **options
        Of `pellucid.denoise_file`.

    Returns
    -------
    array
        Of the same shape and dtype.
    """
    with tempfile.TemporaryDirectory(prefix="pellucid-") as folder:
        path, axes = saved(layer, Path(folder))
        clean = Path(folder, "clean.npy")
        denoise_file(path, clean, axes=axes, progress=lambda done, total: report(done / total), **options)
        return np.load(clean)


def adapted(layer: Any, output: Path, steps: int, report: Report) -> Path:
    """Adapt a network to the noise of a layer; gives the ``.onnx`` file."""
    for package in ("torch", "onnx", "onnxscript"):
        require(package, "lab", "to adapt a network")
    from pellucid.training.adapt import adapt

    with tempfile.TemporaryDirectory(prefix="pellucid-") as folder:
        path, axes = saved(layer, Path(folder))
        return adapt([path], output, axes=axes, steps=steps, show=lambda share, loss: report(share)).path


def watched(job: Callable[[Report], Any]) -> Generator[float, None, Any]:
    """Do a job in another thread, and yield its progress."""
    shares: queue.SimpleQueue[float] = queue.SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(job, shares.put)
        while not done.done() or not shares.empty():
            try:
                yield shares.get(timeout=0.1)
            except queue.Empty:
                continue
    return done.result()


def denoise_tool(viewer: Any = None) -> Any:
    """The widget that denoises a layer into a new one, with the same place, scale and colours.

    napari calls it without arguments; the viewer that is open then gets the layer.
    """
    from magicgui.widgets import CheckBox, FloatSlider, LineEdit
    from napari import current_viewer

    model = LineEdit(label="model", value="auto", tooltip="auto, a name, or an .onnx file")
    noise = LineEdit(label="noise", value="", tooltip="Where it is known: poisson:100, rician:auto")
    strength = FloatSlider(label="strength", value=1.0, min=0.0, max=2.0)
    per_plane = CheckBox(label="each plane alone", value=False)

    def job(layer: Any) -> tuple[Callable[[Report], Any], Callable[[Any], str]]:
        _, about, _ = layer.as_layer_data_tuple()
        about |= {"name": f"{layer.name} denoised", "multiscale": False}
        options = {"model": model.value, "noise": noise.value or None}
        options |= {"strength": strength.value, "per_plane": per_plane.value}

        def add(data: Any) -> str:
            (current_viewer() if viewer is None else viewer).add_image(data, **about)
            return "done"

        return lambda report: denoised(layer, report, **options), add

    return _tool("Denoise", [model, noise, strength, per_plane], job)


def adapt_tool() -> Any:
    """The widget that adapts a network to the noise of a layer; its file is a model for `denoise_tool`."""
    from magicgui.widgets import FileEdit, SpinBox

    output = FileEdit(label="network", mode="w", filter="*.onnx", value="adapted.onnx")
    steps = SpinBox(label="steps", value=200, min=1, max=100_000)

    def job(layer: Any) -> tuple[Callable[[Report], Any], Callable[[Any], str]]:
        file, count = Path(output.value), steps.value
        return lambda report: adapted(layer, file, count, report), lambda made: f"wrote {made.name}"

    return _tool("Adapt", [output, steps], job)


def _tool(
    verb: str,
    settings: list[Any],
    job_of: Callable[[Any], tuple[Callable[[Report], Any], Callable[[Any], str]]],
) -> Any:
    """A layer to choose, settings, a button, and a bar.

    `job_of` gives for a layer what is done in a thread, and what then takes the result and says so.
    """
    from magicgui.widgets import Container, ProgressBar, PushButton, create_widget
    from napari.qt.threading import create_worker
    from napari.utils.notifications import show_error

    layer = create_widget(label="layer", annotation="napari.layers.Image")
    run, bar = PushButton(text=verb), ProgressBar(min=0, max=100, value=0, label=" ")

    def move(share: float) -> None:
        bar.value = round(100 * share)

    def start() -> None:
        if layer.value is None:
            show_error("There is no image layer: open an image first")
            return
        job, finish = job_of(layer.value)

        def returned(result: Any) -> None:
            bar.value, run.text = 100, f"{verb} ({finish(result)})"

        def finished() -> None:
            run.enabled = True

        run.enabled, run.text = False, verb
        move(0)
        worker = create_worker(watched, job, _start_thread=False, _ignore_errors=True)
        worker.yielded.connect(move)
        worker.returned.connect(returned)
        worker.errored.connect(lambda exc: show_error(str(exc)))
        worker.finished.connect(finished)
        worker.start()

    run.changed.connect(start)
    return Container(widgets=[layer, *settings, run, bar])
