"""From a trained torch network to an ``.onnx`` file with its card, checked against torch."""

import copy
import logging
import math
import warnings
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import onnx
import torch
from torch import Tensor, nn

from pellucid.atomic import atomic_write
from pellucid.errors import PellucidError, UsageError
from pellucid.inference.card import Card, read_card, write_card
from pellucid.inference.session import RunOptions, Session
from pellucid.networks.families import Family
from pellucid.networks.network import Network
from pellucid.networks.summary import example_inputs, layers
from pellucid.noise.registry import parse_noise
from pellucid.noise.sensor import Gaussian
from pellucid.training.recipe import NoisyData, Recipe, recipe_json
from pellucid.training.weights import round_weights, store_weights

PARITY = 1e-5  # largest difference to torch, in units of white; of codes, times their largest number


def export_network(
    network: Network, recipe: Recipe, path: Path, *, steps: int, figures: dict[str, float]
) -> Card:
    """Write a network as ONNX, with its card in the metadata.

    The weights are rounded as in the file before they are compared with torch's.

    Parameters
    ----------
    network : Network
        Its weights are not changed.
    recipe : Recipe
    path : Path
    steps : int
        How many steps it was trained.
    figures : dict of str to float
        Measured on the validation images.

    Returns
    -------
    Card

    Raises
    ------
    PellucidError
        When ONNX Runtime and torch differ by more than 1e-5.
    """
    network, family = copy.deepcopy(network).cpu(), recipe.family
    network.finish()
    network.eval()
    if network.compact:
        round_weights(network)
    channels, noise = recipe.data.channels, recipe.degrade.noise
    sigma = cast(Gaussian, parse_noise(noise)).sigma if family.takes_sigma and noise else None
    radius = receptive_radius(network, family, channels) if family.denoises and network.any_size else 0
    multiply_adds, bytes_per_pixel = cost(network, family, channels)
    card = Card(
        kind=family.kind,
        name=recipe.name,
        version=recipe.version,
        purpose=recipe.purpose,
        licence=recipe.licence,
        trained_on=recipe.trained_on,
        limits=recipe.limits,
        noise=recipe.data.noise if isinstance(recipe.data, NoisyData) else None,
        channels=channels,
        stride=network.stride,
        radius=radius,
        overlap=radius,
        sigma=(sigma, sigma) if isinstance(sigma, float) else sigma,
        bytes_per_pixel=bytes_per_pixel,
        multiply_adds=multiply_adds,
        parameters=sum(weight.numel() for weight in network.parameters()),
        steps=steps,
        recipe=recipe_json(recipe),
        figures=figures,
        size=None if network.any_size else network.size,
        code=network.code_shape,
        layers=tuple(layers(network, family, channels)),
    )
    model = to_onnx(network, family, channels)
    if network.compact:
        store_weights(model)
    onnx.helper.set_model_props(model, write_card(card))
    with atomic_write(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
        check_parity(network, family, temporary, channels)
    return card


def add_figures(path: Path, figures: dict[str, float]) -> Card:
    """Add figures to the card in a network's file, atomically; gives the new card."""
    model = onnx.load(path)
    card = read_card({each.key: each.value for each in model.metadata_props}, str(path))
    card = msgspec.structs.replace(card, figures=card.figures | figures)
    onnx.helper.set_model_props(model, write_card(card))
    with atomic_write(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
    return card


def to_onnx(network: Network, family: Family, channels: int) -> onnx.ModelProto:
    """Trace a network for all sizes that it takes and, where there is no condition, any number of images."""
    height, width = network.size
    sides: dict[int, Any] = {}
    if network.any_size:
        width += network.stride  # unequal, so that the sides are seen to be free
        names = ((2, "rows"), (3, "columns"))
        sides = {axis: network.stride * torch.export.Dim(name, min=1) for axis, name in names}
    inputs = example_inputs(network, family, channels, (height, width))
    shapes: tuple[Any, ...] = (sides, *(None for _ in family.conditions))
    if not family.conditions:
        inputs = (inputs[0].expand(2, -1, -1, -1),)  # 1 would be taken as fixed
        shapes = ({0: torch.export.Dim("images"), **sides},)
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it warns that torchvision is missing
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the exporter
            program: Any = torch.onnx.export(
                network,
                inputs,
                input_names=family.inputs,
                output_names=family.outputs,
                dynamic_shapes=shapes,
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as exc:
        raise UsageError(
            f"The network cannot become an ONNX file: {str(exc).strip().splitlines()[0]}",
            "Make it of layers that torch.onnx knows",
        ) from exc
    finally:
        exporter.setLevel(level)
    model: onnx.ModelProto = program.model_proto
    for item in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del item.metadata_props[:]  # where in the Python source each came from
    del model.graph.value_info[:]
    return model


def check_parity(network: Network, family: Family, path: Path, channels: int) -> None:
    """Compare ONNX Runtime with torch.

    Raises
    ------
    PellucidError
        When they differ by more than `PARITY`.
    """
    session = Session(path, RunOptions("cpu"))
    stride = network.stride
    sizes = [(stride, 3 * stride), (9 * stride, 5 * stride)] if network.any_size else [network.size]
    for size in sizes:
        inputs = example_inputs(network, family, channels, size)
        with torch.no_grad():
            result = network(*inputs)
        expected = result if isinstance(result, tuple) else (result,)
        feeds = {name: each.numpy() for name, each in zip(family.inputs, inputs, strict=True)}
        got = [session.call(name, **feeds) for name in family.outputs]
        wanted = [each.numpy() for each in expected]
        differences = [
            np.abs(a - b).max() / max(1, np.abs(b).max()) for a, b in zip(got, wanted, strict=True)
        ]
        difference = float(max(differences))
        if not difference <= PARITY:
            raise PellucidError(
                f"The exported network differs from torch by {difference:g}",
                "Please report this, with the recipe",
            )


def receptive_radius(network: Network, family: Family, channels: int) -> int:
    """How far away an input pixel can still change an output pixel, in pixels, read off the gradient.

    Weights of one sign cannot cancel, so with positive weights the gradient of an output pixel is positive
    exactly where the graph connects it to an input pixel. Rows and columns are
    alike, so that a strip of few rows is enough.
    """
    network, stride = copy.deepcopy(network).double(), network.stride
    network.train()  # then pixels outside 0 to 1 keep a gradient
    for layer in network.modules():
        if isinstance(layer, (nn.Dropout, nn.modules.batchnorm._BatchNorm)):
            layer.eval()
    with torch.no_grad():
        for weight in network.parameters():
            # Biases are small, so that no pixel is above white, where it would be cut off.
            weight.fill_(1e-3 if weight.ndim == 1 else 1 / weight[0].numel())
    centre = 24 * stride
    sides = (stride, 2 * centre)
    noisy = torch.full((1, channels, *sides), 0.5, dtype=torch.float64, requires_grad=True)
    _, *conditions = example_inputs(network, family, channels, (stride, stride))
    out = network(noisy, *(torch.ones_like(each).double() for each in conditions))
    out = out[0] if isinstance(out, tuple) else out
    radius = 0
    for offset in range(stride):
        pixel = out[0, 0, stride // 2, centre + offset]
        (gradient,) = torch.autograd.grad(pixel, noisy, retain_graph=True)
        reached = gradient[0].abs().sum((0, 1)).nonzero()
        radius = max(radius, int((reached - centre - offset).abs().max()))
    if radius >= centre - stride:
        raise UsageError(
            f"Each pixel of the network's output depends on pixels more than {centre} away",
            "Set network.any_size = false: such a network is for images of one size",
        )
    pooled = any(isinstance(layer, nn.MaxPool2d) for layer in network.modules())
    return radius + stride * pooled  # of equal pixels, pooling has a gradient to one


def cost(network: Network, family: Family, channels: int) -> tuple[int, int]:
    """Multiply-adds a pixel, and the peak memory of a run in bytes a pixel, about."""
    multiply_adds, sizes = 0, []

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal multiply_adds
        sizes.append(output.numel())
        if isinstance(layer, nn.ConvTranspose2d):  # every input pixel meets every weight
            multiply_adds += layer.weight.numel() * inputs[0][0, 0].numel()
        elif isinstance(layer, (nn.Conv2d, nn.Linear)):
            multiply_adds += layer.weight.numel() * output[0, 0].numel()

    hooks = [layer.register_forward_hook(count) for layer in network.modules() if not list(layer.children())]
    with torch.no_grad():
        network(*example_inputs(network, family, channels, network.size))
    for hook in hooks:
        hook.remove()
    pixels = math.prod(network.size)
    held = sum(sorted(sizes)[-4:]) + 4 * channels * pixels
    return math.ceil(multiply_adds / pixels), math.ceil(4 * held / pixels)
