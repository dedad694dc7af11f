"""Figures of the lessons on layers: convolution, receptive field, pooling, the ways back up."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from benchmarks.common import Desk, Pixels
from pellucid.evaluation.code_maps import COLOURS
from pellucid.evaluation.drawing import draw_network
from pellucid.evaluation.figures import save_figure
from pellucid.networks.autoencoder import Unpool, position_of_maximum
from pellucid.training.recipe_files import load_recipe
from pellucid.training.report import describe
from tools.lesson_parts import Figures, file, load_digits, panels, show, write_numbers


def network(desk: Desk) -> Figures:
    """The encoder and the decoder of mnist-latent16."""
    draw_network(describe(load_recipe("mnist-latent16")), file(desk, "network"))
    return {}


KERNELS: Mapping[str, Pixels] = {
    "blur": np.full((3, 3), 1 / 9),
    "vertical edges": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    "horizontal edges": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
}


def convolution(desk: Desk) -> Figures:
    """What four kernels of 3 x 3 numbers make of a digit."""
    digit = load_digits(tiny=desk.tiny).test[0]
    figure, axes = panels(2, 5, 3.5)
    show(axes[0, 0], digit, "the digit")
    axes[1, 0].axis("off")
    for column, (name, kernel) in enumerate(KERNELS.items(), 1):
        weights = torch.from_numpy(kernel).float().reshape(1, 1, 3, 3)
        result = F.conv2d(digit[None], weights, padding=1)
        form = ".2f" if name == "blur" else ".0f"
        show(axes[0, column], kernel, name, signed=6)
        write_numbers(axes[0, column], kernel, form, dark=4)
        show(axes[1, column], result, signed=float(result.abs().max()) if "edges" in name else 0.0)
    save_figure(figure, file(desk, "convolution"))
    return {}


def receptive_field(desk: Desk) -> Figures:
    """Which pixels one number sees, behind one, two and three convolutions, and with poolings between."""
    conv: list[nn.Module] = [nn.Conv2d(1, 1, 3, padding=1)]
    pool: list[nn.Module] = [nn.AvgPool2d(2)]
    stacks = {
        "1 convolution": conv,
        "2 convolutions": conv * 2,
        "3 convolutions": conv * 3,
        "3 convolutions, 2 poolings": conv + pool + conv + pool + conv,
    }
    figure, axes = panels(1, 4, 2.3)
    sides = {}
    for axis, (name, layers) in zip(axes[0], stacks.items(), strict=True):
        seen = influence(nn.Sequential(*layers))
        sides[name] = int((seen > 0).any(0).sum())
        show(axis, seen**0.5, f"{name}:\n{sides[name]} x {sides[name]}", vmax=None, cmap="viridis")
    save_figure(figure, file(desk, "receptive-field"))
    return sides


def influence(layers: nn.Sequential) -> Pixels:
    """How strongly each of 24 x 24 pixels reaches one number in the middle, with all weights equal."""
    image = torch.ones(1, 1, 24, 24, requires_grad=True)
    with torch.no_grad():
        for weights in layers.parameters():
            weights.fill_(1)
    result = layers(image)
    (gradient,) = torch.autograd.grad(result[0, 0, result.shape[2] // 2, result.shape[3] // 2], image)
    return gradient[0, 0].numpy() / float(gradient.max())


def pooling(desk: Desk) -> Figures:
    """Max pooling of a piece of a digit, and two ways back."""
    digit = load_digits(tiny=desk.tiny).test[0]
    piece = digit[None, :, 6:14, 12:20]
    pooled = F.max_pool2d(piece, 2)
    place = position_of_maximum(piece)
    results = {
        "8 x 8 pixels of a digit": piece,
        "max pooling: 4 x 4": pooled,
        "nearest": F.interpolate(pooled, scale_factor=2.0),
        "unpooling with the places": Unpool()(pooled, place),
    }
    figure, axes = panels(1, 4, 2.2)
    for axis, (name, pixels) in zip(axes[0], results.items(), strict=True):
        show(axis, pixels, name)
        write_numbers(axis, pixels[0, 0].numpy() * 9, ".0f", light=4.5)
    for (y, x), number in np.ndenumerate(place[0, 0].numpy()):
        corner = (2 * x + number % 2 - 0.5, 2 * y + number // 2 - 0.5)
        axes[0, 0].add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=COLOURS[1], linewidth=2))
    save_figure(figure, file(desk, "pooling"))
    return {}


def upsampling(desk: Desk) -> Figures:
    """Four ways to double a size: of white with equal weights, and of a soft spot with random ones."""
    white = torch.ones(1, 1, 6, 6)
    y, x = torch.meshgrid(torch.linspace(-1.6, 1.6, 12), torch.linspace(-1.6, 1.6, 12), indexing="ij")
    spot = torch.exp(-(x**2) - y**2)[None, None]
    generator = torch.Generator().manual_seed(3)
    chosen = torch.rand(1, 1, 4, 4, generator=generator)
    figure, axes = panels(2, 4, 4.1)
    spread = {}
    for column, (name, double) in enumerate(DOUBLINGS.items()):
        even = double(white, torch.ones(1, 1, 4, 4))[0, 0, 2:-2, 2:-2]
        show(axes[0, column], even, name, vmax=float(even.max()) * 1.3)
        write_numbers(axes[0, column], even.numpy(), ".0f", light=float(even.max()) * 0.65)
        spread[name] = [float(even.min()), float(even.max())]
        show(axes[1, column], double(spot, chosen)[0, 0, 2:-2, 2:-2], vmin=None, vmax=None)
    axes[0, 0].set_ylabel("white, equal weights")
    axes[1, 0].set_ylabel("a soft spot, random weights")
    save_figure(figure, file(desk, "upsampling"))
    return spread


def _smooth(image: Tensor, weights: Tensor, mode: str) -> Tensor:
    return F.conv2d(F.interpolate(image, scale_factor=2.0, mode=mode), weights[..., :3, :3], padding=1)


DOUBLINGS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "transposed, 3 x 3": lambda image, weights: F.conv_transpose2d(
        image, weights[..., :3, :3], stride=2, padding=1, output_padding=1
    ),
    "transposed, 4 x 4": lambda image, weights: F.conv_transpose2d(image, weights, stride=2, padding=1),
    "nearest, convolution 3 x 3": lambda image, weights: _smooth(image, weights, "nearest"),
    "bilinear, convolution 3 x 3": lambda image, weights: _smooth(image, weights, "bilinear"),
}
