"""From a trained torch network to an ``.onnx`` file with its card, checked against torch."""

import copy
import logging
import math
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from pellucid.atomic import atomic_write
from pellucid.errors import PellucidError
from pellucid.inference.card import Card, write_card
from pellucid.inference.session import RunOptions, Session
from pellucid.networks.autoencoder import Autoencoder, ConvPool
from pellucid.networks.noise import NoiseEstimator
from pellucid.networks.photo import PhotoUNet, maps_for
from pellucid.networks.summary import layers
from pellucid.networks.unet import UNet
from pellucid.noise.registry import parse_noise
from pellucid.noise.sensor import Gaussian
from pellucid.training.checkpoint import Network
from pellucid.training.recipe import PhotoTable, Recipe, recipe_json
from pellucid.training.weights import round_weights, store_weights

PARITY = 1e-5  # largest difference to torch, in units of white; of codes, times their largest number


def export_network(
    network: Network, recipe: Recipe, path: Path, *, steps: int, figures: dict[str, float]
) -> Card:
    """Write a network as ONNX, with its card in the metadata.

    The weights are rounded to what the file will hold before they are compared with torch's.

    Parameters
    ----------
    network : UNet, PhotoUNet, NoiseEstimator or Autoencoder
        Its weights are not changed.
    recipe : Recipe
    path : Path
    steps : int
        How many steps it was trained.
    figures : dict of str to float
        What was measured on the tune images.

    Returns
    -------
    Card

    Raises
    ------
    PellucidError
        When ONNX Runtime and torch differ by more than 1e-5.
    """
    network = copy.deepcopy(network).cpu()
    if isinstance(network, PhotoUNet) and isinstance(recipe.network, PhotoTable):
        network.amplify(recipe.network.gains)
    round_weights(network.eval())
    stride, channels = network.stride, recipe.data.channels
    told = isinstance(network, UNet)  # photographs say themselves how noisy they are
    sigma = cast(Gaussian, parse_noise(recipe.degrade.noise)).sigma if told and recipe.degrade.noise else None
    radius = 0
    if isinstance(network, (UNet, PhotoUNet, ConvPool)):
        radius = receptive_radius(network, channels, stride)
    small = network if isinstance(network, Autoencoder) else None
    fixed = small is not None and not small.any_size
    multiply_adds, bytes_per_pixel = cost(network, channels)
    card = Card(
        name=recipe.name,
        version=recipe.version,
        purpose=recipe.purpose,
        licence=recipe.licence,
        trained_on=recipe.trained_on,
        limits=recipe.limits,
        channels=channels,
        stride=stride,
        radius=radius,
        overlap=radius,
        sigma=(sigma, sigma) if isinstance(sigma, float) else sigma,
        bytes_per_pixel=bytes_per_pixel,
        multiply_adds=multiply_adds,
        parameters=sum(weight.numel() for weight in network.parameters()),
        steps=steps,
        recipe=recipe_json(recipe),
        figures=figures,
        size=small.size if small and fixed else None,
        code=small.code_shape if small else None,
        layers=tuple(layers(network, (channels, *image_sides(network)))),
    )
    model = to_onnx(network, channels)
    store_weights(model)
    onnx.helper.set_model_props(model, write_card(card))
    with atomic_write(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
        check_parity(network, temporary, channels)
    return card


def image_sides(network: Network) -> tuple[int, int]:
    """Height and width of an image that the network takes."""
    return network.size if isinstance(network, Autoencoder) else (8 * network.stride, 8 * network.stride)


def example(network: Network, channels: int, height: int, width: int) -> tuple[Tensor, ...]:
    """A random image (1, c, h, w) and, for a denoiser, a noise level or the gains (1, n, 1, 1)."""
    noisy = torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(0))
    if isinstance(network, (NoiseEstimator, Autoencoder)):
        return (noisy,)
    if isinstance(network, PhotoUNet):
        return noisy, torch.full((1, maps_for(channels), 1, 1), 1.5)
    return noisy, torch.full((1, 1, 1, 1), 0.1)


def names(network: Network) -> tuple[list[str], list[str]]:
    """What the inputs and the outputs are called."""
    if isinstance(network, NoiseEstimator):
        return ["noisy"], ["levels", "log_spread", "independent"]
    if isinstance(network, Autoencoder):
        return ["noisy"], ["denoised", "code"]
    if isinstance(network, PhotoUNet):
        return ["noisy", "gain"], ["denoised", "levels"]
    return ["noisy", "sigma"], ["denoised"]


def sides_of(stride: int) -> dict[int, Any]:
    """Height and width as any multiples of the stride."""
    return {axis: stride * torch.export.Dim(name, min=1) for axis, name in ((2, "rows"), (3, "columns"))}


def to_onnx(network: Network, channels: int) -> onnx.ModelProto:
    """Trace a denoiser for all sizes that its stride divides, the others for any number of images."""
    shapes: tuple[Any, ...]
    extent = image_sides(network)
    if isinstance(network, (NoiseEstimator, Autoencoder)):
        strides = {}
        if isinstance(network, (NoiseEstimator, ConvPool)):
            strides = sides_of(network.stride)
            extent = extent[0], extent[1] + network.stride
        shapes = ({0: torch.export.Dim("images"), **strides},)
    else:
        shapes = (sides_of(network.stride), None)
        extent = extent[0], extent[1] + network.stride  # unequal, so that the sides are seen to be free
    inputs = example(network, channels, *extent)
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it warns that torchvision is missing
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the exporter
            program: Any = torch.onnx.export(
                network,
                inputs
                if len(shapes) > 1
                else (inputs[0].expand(2, -1, -1, -1),),  # 1 would be taken as fixed
                input_names=names(network)[0],
                output_names=names(network)[1],
                dynamic_shapes=shapes,
                dynamo=True,
                verbose=False,
            )
    finally:
        exporter.setLevel(level)
    model: onnx.ModelProto = program.model_proto
    for item in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del item.metadata_props[:]  # where in the Python source each came from
    del model.graph.value_info[:]
    return model


def check_parity(network: Network, path: Path, channels: int) -> None:
    """Compare ONNX Runtime with torch.

    Raises
    ------
    PellucidError
        When they differ by more than `PARITY`.
    """
    session = Session(path, RunOptions("cpu"))
    stride = network.stride
    sizes = [(stride, 3 * stride), (9 * stride, 5 * stride)]
    if isinstance(network, Autoencoder):
        sizes = [network.size]
    for height, width in sizes:
        inputs = example(network, channels, height, width)
        with torch.no_grad():
            result = network(*inputs)
        expected = result if isinstance(result, tuple) else (result,)
        feeds = {name: each.numpy() for name, each in zip(names(network)[0], inputs, strict=True)}
        got = [session.call(name, **feeds) for name in names(network)[1]]
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


def receptive_radius(network: UNet | PhotoUNet | ConvPool, channels: int, stride: int) -> int:
    """How far away an input pixel can still change an output pixel, in pixels, read off the gradient.

    Weights of one sign cannot cancel, so with positive weights the gradient of an output pixel is positive
    exactly where the graph connects it to an input pixel.
    """
    network = copy.deepcopy(network).double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.fill_(1 / weight[0].numel())
            if weight.ndim == 1 and isinstance(network, ConvPool):
                weight.zero_()  # so that no pixel is above white, where it would be cut off
    centre = 24 * stride
    sides = (2 * centre, 2 * centre)
    noisy = torch.full((1, channels, *sides), 0.5, dtype=torch.float64, requires_grad=True)
    told = [torch.ones_like(each).double() for each in example(network, channels, stride, stride)[1:]]
    out = network(noisy, *told)
    out = out[0] if isinstance(out, tuple) else out
    radius = 0
    for offset in range(stride):
        pixel = out[0, 0, centre + offset, centre + offset]
        (gradient,) = torch.autograd.grad(pixel, noisy, retain_graph=True)
        reached = gradient[0].abs().sum(0).nonzero()
        radius = max(radius, int((reached - centre - offset).abs().max()))
    assert radius < centre - stride, "the probe is smaller than the receptive field"
    return radius + stride * isinstance(network, ConvPool)  # of equal pixels, pooling has a gradient to one


def cost(network: Network, channels: int) -> tuple[int, int]:
    """Multiply-adds a pixel, and the bytes a pixel that a run holds at most, about."""
    height, width = image_sides(network)
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
        network(*example(network, channels, height, width))
    for hook in hooks:
        hook.remove()
    pixels = height * width
    held = sum(sorted(sizes)[-4:]) + 4 * channels * pixels
    return math.ceil(multiply_adds / pixels), math.ceil(4 * held / pixels)
