"""The layers of a network in plain words, with the shape of each one's output."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from pellucid.inference.card import Layer
from pellucid.networks.autoencoder import Dropout, Output, TransposedConvolution, Unpool
from pellucid.networks.families import Family
from pellucid.networks.network import Network
from pellucid.networks.unet import Residual
from pellucid.networks.vqvae import Codebook

Words = Callable[[Any], str]

LAYERS: dict[type[nn.Module], Words] = {
    nn.Conv2d: lambda layer: f"convolution {sides(layer)}",
    TransposedConvolution: lambda layer: f"transposed convolution {sides(layer)}",
    nn.Linear: lambda layer: "dense",
    nn.MaxPool2d: lambda layer: "max pooling 2x2",
    nn.Upsample: lambda layer: f"upsampling 2x {layer.mode}",
    nn.Flatten: lambda layer: "flatten",
    nn.Unflatten: lambda layer: "reshape",
    Unpool: lambda layer: "unpooling 2x",
    Codebook: lambda layer: f"the nearest of {len(layer.vectors)} vectors",
    Residual: lambda layer: f"residual block {sides(layer.first)}",
}

ADDITIONS: dict[type[nn.Module], Words] = {  # without weights, named with the layer before
    nn.ReLU: lambda layer: "ReLU",
    nn.ELU: lambda layer: "ELU",
    nn.GELU: lambda layer: "GELU",
    nn.LeakyReLU: lambda layer: "leaky ReLU",
    Dropout: lambda layer: f"dropout {layer.p:g}" if layer.p else "",
    Output: lambda layer: "sigmoid" if layer.kind == "sigmoid" else "clamp",
}


def layers(network: Network, family: Family, channels: int) -> list[Layer]:
    """List the layers in the order in which they run, found by running the network once.

    Operations outside modules (the U-Net's adding and doubling of sizes) have no row; their effect is seen in
    the shape of the next one.

    Parameters
    ----------
    network : Network
        Made of the layers above. Not changed.
    family : Family
        Its own.
    channels : int
        Of an image.

    Returns
    -------
    list of Layer
        First the image that goes in, named "input"; last, where no layer gives it, the "output". Shapes are
        for an image of the network's size, without the batch axis: (channels, height, width) or (values,).
    """
    coded = network.code_shape is not None
    shape = (channels, *network.size)
    rows = [Layer(part="encoder" if coded else "network", name="input", shape=shape, parameters=0)]

    def note(part: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(module: nn.Module, _inputs: Any, output: Tensor) -> None:
            if type(module) in LAYERS:
                words, parameters = LAYERS[type(module)](module), sum(p.numel() for p in module.parameters())
                rows.append(Layer(part, words, tuple(output.shape[1:]), parameters))
            elif words := ADDITIONS[type(module)](module):
                rows[-1] = msgspec.structs.replace(rows[-1], name=f"{rows[-1].name}, {words}")

        return hook

    with ExitStack() as hooks:
        for name, child in network.named_children():
            for module in known(child):
                hooks.enter_context(module.register_forward_hook(note(name if coded else "network")))
        output = run(network, family, channels)
    if output != rows[-1].shape:
        rows.append(Layer(rows[0].part, "output", output, 0))
    return rows


def known(module: nn.Module) -> Iterator[nn.Module]:
    """Find the modules that have words, from the outside; modules inside them are skipped."""
    if type(module) in LAYERS or type(module) in ADDITIONS:
        yield module
    else:
        for child in module.children():
            yield from known(child)


def run(network: Network, family: Family, channels: int) -> tuple[int, ...]:
    """Run once as in use, and give the shape of the (first) result without its batch axis."""
    training, device = network.training, next(network.parameters()).device
    inputs = example_inputs(network, family, channels, network.size)
    try:
        with torch.no_grad():
            results = network.eval()(*(each.to(device) for each in inputs))
    finally:
        network.train(training)
    return tuple((results[0] if isinstance(results, tuple) else results).shape[1:])


def example_inputs(
    network: Network, family: Family, channels: int, size: tuple[int, int]
) -> tuple[Tensor, ...]:
    """Make a random image (1, channels, height, width) and the conditions (1, maps, 1, 1) of the family."""
    noisy = torch.rand(1, channels, *size, generator=torch.Generator().manual_seed(0))
    return noisy, *(torch.full((1, network.maps, 1, 1), value) for value in family.conditions.values())


def sides(layer: nn.Conv2d | nn.ConvTranspose2d) -> str:
    """Give the size of the kernel and, if it is not 1, the stride."""
    kernel, stride = layer.kernel_size[0], layer.stride[0]
    return f"{kernel}x{kernel}, stride {stride}" if stride > 1 else f"{kernel}x{kernel}"
