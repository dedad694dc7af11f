"""The plugin for napari: a layer becomes a denoised layer, and a network is adapted to a layer.

napari and its plugin for pytest warn when they are loaded: where they are installed, run
``pytest -W ignore tests/test_napari.py``.
"""

import os
import time
import warnings
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # napari's own
    pytest.importorskip("qtpy", reason="needs Qt")
    pytest.importorskip("napari", reason="needs the extra napari")

from pellucid.napari import adapt_tool, denoise_tool, saved
from tests.stacks import volume

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _application() -> None:
    from napari.qt import get_qapp

    get_qapp()


def viewer_with(array: Any, **options: Any) -> Any:
    from napari.components import ViewerModel

    viewer = ViewerModel()
    viewer.add_image(array, name="cells", **options)
    return viewer


def press(tool: Any, layer: Any, done: Callable[[], bool]) -> None:
    """Choose a layer, press the button, and wait."""
    from qtpy.QtWidgets import QApplication

    choice, *_, button, _ = tool
    choice.choices = [layer]
    choice.value = layer
    button.changed.emit(True)
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        QApplication.processEvents()
        time.sleep(0.02)


def test_the_manifest_names_widgets_that_are_there() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(str(resources.files("pellucid") / "napari.yaml"))
    commands = {each.id: each.python_name for each in manifest.contributions.commands or ()}
    assert {each.command for each in manifest.contributions.widgets or ()} == set(commands)
    assert set(commands.values()) == {"pellucid.napari:denoise_tool", "pellucid.napari:adapt_tool"}


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_a_stack_becomes_a_layer_of_the_same_type_place_and_colours(dtype: str) -> None:
    array = volume(3, 48, 48, mean=100.0).astype(dtype)
    viewer = viewer_with(array, scale=(2, 0.5, 0.5), colormap="green")
    press(denoise_tool(viewer), viewer.layers[0], lambda: len(viewer.layers) == 2)
    made = viewer.layers[1]
    assert made.name == "cells denoised"
    assert (made.data.dtype, made.data.shape) == (array.dtype, array.shape)
    assert made.data.std() < array.std()
    np.testing.assert_array_equal(made.scale, [2, 0.5, 0.5])
    assert made.colormap.name == "green"


def test_colours_and_pyramids_are_known(tmp_path: Path) -> None:
    colour = np.zeros((2, 20, 30, 3), np.uint8)
    assert saved(viewer_with(colour, rgb=True).layers[0], tmp_path)[1] == "ZYXS"
    levels = [np.zeros((5, 40, 40), np.uint8), np.zeros((5, 20, 20), np.uint8)]
    path, axes = saved(viewer_with(levels, multiscale=True).layers[0], tmp_path)
    assert (axes, np.load(path).shape) == ("ZYX", (5, 40, 40))


def test_an_error_is_shown_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    viewer = viewer_with(volume(2, 48, 48))
    tool = denoise_tool(viewer)
    tool[1].value = "no-such-network"
    from napari.utils.notifications import notification_manager

    with notification_manager as manager:
        press(tool, viewer.layers[0], lambda: any("no-such-network" in str(each) for each in manager.records))
    assert len(viewer.layers) == 1


def test_a_network_is_adapted_to_a_layer(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    viewer = viewer_with(volume(2, 96, 96, mean=100.0))
    tool = adapt_tool()
    tool[1].value, tool[2].value = tmp_path / "mine.onnx", 2
    press(tool, viewer.layers[0], lambda: "mine.onnx" in tool[3].text)
    assert (tmp_path / "mine.onnx").exists()
