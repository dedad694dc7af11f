"""Networks so simple that one knows what they do, as ``.onnx`` files with cards."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, numpy_helper
from onnx.helper import (
    make_graph,
    make_model,
    make_node,
    make_opsetid,
    make_tensor_value_info,
    set_model_props,
)

from pellucid.inference.card import Card, Layer, write_card

Nodes = Callable[[int], Sequence[NodeProto]]
"""From the number of channels to the nodes between ``noisy`` and ``denoised``."""


def identity(channels: int) -> list[NodeProto]:
    return [make_node("Identity", ["noisy"], ["denoised"])]


def mean_filter(channels: int) -> list[NodeProto]:
    """The mean of 3 x 3 pixels; black lies around the image."""
    weights = np.full((channels, 1, 3, 3), 1 / 9, np.float32)
    return [
        make_node("Constant", [], ["weights"], value=numpy_helper.from_array(weights)),
        make_node("Conv", ["noisy", "weights"], ["denoised"], group=channels, pads=[1, 1, 1, 1]),
    ]


def add_sigma(channels: int) -> list[NodeProto]:
    """Brighter by the noise level that it is given."""
    return [make_node("Add", ["noisy", "sigma"], ["denoised"])]


def two_numbers(channels: int) -> list[NodeProto]:
    """No image, but levels: the mean of each channel."""
    return [make_node("ReduceMean", ["noisy"], ["levels"], axes=[2, 3], keepdims=0)]


def not_a_number(channels: int) -> list[NodeProto]:
    return [
        make_node("Constant", [], ["below"], value=numpy_helper.from_array(np.array(-2, np.float32))),
        make_node("Add", ["noisy", "below"], ["negative"]),
        make_node("Log", ["negative"], ["denoised"]),
    ]


FACTS: Mapping[str, Any] = {
    "name": "made",
    "version": "1",
    "purpose": "Tests",
    "licence": "Apache-2.0",
    "trained_on": "Nothing",
    "channels": 1,
    "stride": 1,
    "radius": 1,
    "overlap": 1,
    "sigma": None,
    "bytes_per_pixel": 8,
    "multiply_adds": 9,
    "parameters": 9,
    "steps": 0,
    "recipe": '{"name": "made"}',
    "figures": {"validation_mse": 0.5},
    "layers": (
        Layer("encoder", "input", (1, 16, 16), 0),
        Layer("encoder", "convolution 3x3, ReLU", (4, 8, 8), 40),
        Layer("decoder", "transposed convolution 3x3", (1, 16, 16), 37),
    ),
}


def network_file(path: Path, nodes: Nodes = identity, *, output: str = "denoised", **facts: Any) -> Path:
    """Write a network; `facts` are those in which its card differs from `FACTS`.

    One with a level in its card is given it, and takes one image at a time.
    """
    kind = "white-noise" if facts.get("sigma") else "autoencoder"
    card = Card(**{"kind": kind, **FACTS, **facts})
    number = 1 if card.sigma else "n"
    image = [number, card.channels, "rows", "columns"]
    inputs = [make_tensor_value_info("noisy", onnx.TensorProto.FLOAT, image)]
    if card.sigma:
        inputs.append(make_tensor_value_info("sigma", onnx.TensorProto.FLOAT, [1, 1, 1, 1]))
    outputs = [make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)]
    model = make_model(
        make_graph(list(nodes(card.channels)), "made", inputs, outputs),
        opset_imports=[make_opsetid("", 17)],
        ir_version=10,
    )
    set_model_props(model, write_card(card))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


def keras_file(path: Path, *, shape: Sequence[int | str] = ("n", "rows", "columns", 1)) -> Path:
    """Write `mean_filter` as converters write a network of Keras: axes (n, h, w, c), and no card."""
    weights = np.full((1, 1, 3, 3), 1 / 9, np.float32)
    nodes = [
        make_node("Constant", [], ["kernel"], value=numpy_helper.from_array(weights)),
        make_node("Transpose", ["input_1"], ["planes"], perm=[0, 3, 1, 2]),
        make_node("Conv", ["planes", "kernel"], ["smooth"], pads=[1, 1, 1, 1]),
        make_node("Transpose", ["smooth"], ["conv2d"], perm=[0, 2, 3, 1]),
    ]
    ends = [make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in ("input_1", "conv2d")]
    graph = make_graph(nodes, "model", ends[:1], ends[1:])
    model = make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path
