"""How weights are stored in a file: large convolutions in 8 bits, all else in half precision.

In the file each is followed by what makes single precision of it, which the runtime does once, when it loads:
the arithmetic stays as exact as in training.
"""

import math
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

LARGE = 16_384  # numbers in a convolution from which on each takes 8 bits


@torch.no_grad()
def round_weights(network: nn.Module) -> None:
    """Make each weight what a file would give back."""
    network.half().float()
    for weight in network.parameters():
        if is_large(weight.shape):
            codes, scales = quantised(weight.numpy())
            weight.copy_(torch.from_numpy(codes * scales))


def store_weights(model: onnx.ModelProto) -> None:
    """Replace the weights of a model by smaller ones, and what makes single precision of them."""
    nodes = []
    for weight in list(model.graph.initializer):
        if weight.data_type != TensorProto.FLOAT or len(weight.dims) not in (2, 4):
            continue
        name, values = weight.name, numpy_helper.to_array(weight)
        if is_large(values.shape):
            codes, scales = quantised(values)
            weight.CopyFrom(numpy_helper.from_array(codes, f"{name}_codes"))
            model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scales"))
            nodes += [
                helper.make_node("Cast", [f"{name}_codes"], [f"{name}_whole"], to=TensorProto.FLOAT),
                helper.make_node("Mul", [f"{name}_whole", f"{name}_scales"], [name]),
            ]
        else:
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            nodes.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    nodes += model.graph.node
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def stored_weights(model: onnx.ModelProto) -> dict[str, Any]:
    """The weights of a model by name, as arrays in single precision."""
    weights = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    for name in list(weights):
        if name.endswith("_half"):
            weights[name.removesuffix("_half")] = weights.pop(name).astype(np.float32)
        elif name.endswith("_codes"):
            weight = name.removesuffix("_codes")
            weights[weight] = weights.pop(name) * weights.pop(f"{weight}_scales")
    return weights


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether a weight of this shape is stored in 8 bits."""
    return len(shape) == 4 and math.prod(shape) >= LARGE


def quantised(weight: Any) -> tuple[Any, Any]:
    """Whole numbers and what they are multiplied by to give the weight back (Krishnamoorthi 2018, section 2).

    Parameters
    ----------
    weight : float32 array (n, m, height, width)

    Returns
    -------
    int8 array (n, m, height, width)
        From -127 to 127.
    float32 array (n, 1, 1, 1)
        One scale for each output channel: its largest weight becomes 127.
    """
    scales = np.abs(weight).max(axis=(1, 2, 3), keepdims=True) / np.float32(127)
    return np.rint(weight / np.maximum(scales, 1e-30)).astype(np.int8), scales
