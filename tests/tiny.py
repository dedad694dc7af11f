"""Networks, recipes and images so small that tests can train and export them in seconds."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from skimage import data

from pellucid.inference.card import Card
from pellucid.inference.model import Model
from pellucid.io.files import write_image
from pellucid.io.image import Image
from pellucid.networks.autoencoder import Autoencoder
from pellucid.networks.families import (
    AutoencoderSettings,
    ConvLatentSettings,
    ConvPoolSettings,
    DenseSettings,
    DnCNNSettings,
    EstimatorSettings,
    OwnSettings,
    PhotoSettings,
    SparseSettings,
    StackedSettings,
    UNetSettings,
    VAESettings,
    VQVAESettings,
)
from pellucid.networks.network import Network
from pellucid.networks.photo import PhotoUNet
from pellucid.networks.unet import UNet
from pellucid.training.checkpoint import make_network
from pellucid.training.export import export_network
from pellucid.training.recipe import Data, Degrade, Recipe, Schedule, SetData

UNET = UNetSettings(widths=(8, 16), encoder=(0,), body=1, decoder=(1,))
PHOTO = PhotoSettings(widths=(8, 16), encoder=(0,), body=1, decoder=(1,), estimator=4)
DENSE = DenseSettings(level=3)
LATENT = ConvLatentSettings(code=5, widths=(4, 6))
POOL = ConvPoolSettings(widths=(4, 6))
VAE = VAESettings(code=5, widths=(4, 6))
VQVAE = VQVAESettings(widths=(4, 6), vectors=8, code=3)
SPARSE = SparseSettings(level=4, active=5)
STACKED = StackedSettings(widths=(12, 6))
DNCNN = DnCNNSettings(depth=3, width=4)
AUTOENCODERS: tuple[AutoencoderSettings, ...] = (DENSE, LATENT, VAE, VQVAE, SPARSE, STACKED, POOL)

CROPS = UNetSettings | EstimatorSettings  # a PhotoSettings is a UNetSettings
SETS = UNetSettings | AutoencoderSettings | DnCNNSettings | OwnSettings

WORDS: dict[str, Any] = {
    "name": "tiny",
    "version": "1",
    "purpose": "Tests",
    "licence": "Apache-2.0",
    "trained_on": "Images that come with scikit-image",
}


def tiny_recipe(
    *, channels: Literal[1, 3] = 1, network: CROPS = UNET, target: Any = "clean", **schedule: Any
) -> Recipe:
    """A recipe for `training_images`, in float32; `schedule` names what differs from a short one."""
    batch = 8 if isinstance(network, EstimatorSettings) else 4
    short = {"steps": 12, "batch": batch, "patch": (32,), "warm_up": 4, "average": 0.9, "check_every": 6}
    plain = not isinstance(network, (PhotoSettings, EstimatorSettings))
    camera = None if plain else "camera:iso=800-12800"
    return Recipe(
        **WORDS,
        data=Data(train=("train",), tune="tune", channels=channels, crop=64, per_image=16, pairs=32, renew=8),
        degrade=Degrade(None if isinstance(network, PhotoSettings) else "gaussian:0-75", camera),
        network=network,
        schedule=Schedule(**{**short, "precision": "float32", **schedule}),
        loss_floor=0.04,
        target=target,
    )


def set_recipe(
    *,
    network: SETS = LATENT,
    channels: Literal[1, 3] = 1,
    noise: str | None = "gaussian:0.3",
    loss: Literal["mse", "l1", "bce"] = "mse",
    target: Any = "clean",
    data: dict[str, Any] | None = None,
    **schedule: Any,
) -> Recipe:
    """A recipe for `set_images`; `data` and `schedule` name what differs from a short one."""
    short: dict[str, Any] = {"epochs": 3, "batch": 8, "optimizer": "adam", "learning_rate": 0.01}
    short |= {"warm_up": 2, "average": 0.9, "clip": 0, "precision": "float32"}
    if "steps" in schedule:
        del short["epochs"]
    return Recipe(
        **WORDS,
        data=SetData(name="squares", size=16, channels=channels, **(data or {})),
        degrade=Degrade(noise),
        network=network,
        schedule=Schedule(**{**short, **schedule}),
        loss=loss,
        target=target,
    )


def training_images(folder: Path) -> Path:
    """Write a folder of images for `tiny_recipe`: train (two images) and tune (one)."""
    images = {
        "train/coffee.png": data.coffee()[100:260, 100:300],
        "train/cat.png": data.cat()[50:200, 100:280],
        "tune/astronaut.png": data.astronaut()[60:156, 160:288],
    }
    for name, samples in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(folder / name, Image(samples=np.ascontiguousarray(samples)))
    return folder


def set_images(folder: Path, count: int = 40) -> Path:
    """Write a folder of images for `set_recipe`: squares on black; of 40, 32 train and 4 + 4 judge."""
    rng = np.random.default_rng(0)
    (folder / "squares").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        samples = np.zeros((16, 16, 3), np.uint8)
        row, column = rng.integers(0, 11, 2)
        samples[row : row + 5, column : column + 5] = rng.integers(150, 256, 3)
        write_image(folder / "squares" / f"{number}.png", Image(samples=samples))
    return folder


def textured_network(recipe: Recipe) -> Network:
    """An untrained network whose output depends on everything that it sees, as a trained one's does."""
    torch.manual_seed(1)
    network = make_network(recipe)
    unet = network.unet if isinstance(network, PhotoUNet) else network
    with torch.no_grad():
        if isinstance(unet, UNet):
            unet.tail.weight.mul_(10)  # undo "begin near there is no noise"
        if isinstance(network, Autoencoder):
            for weight in network.parameters():
                if weight.ndim == 1:
                    weight.uniform_(0, 0.2)  # biases begin at zero
    return network


def traced_once() -> Iterator[None]:
    """Let `torch.onnx.export`, which takes 3 s of CPU, trace networks of the same layers once in a session.

    The others get the same graph with their own weights. `export_network` compares each file with torch, so
    that a graph which does not fit is found. The tests of the export itself do without.
    """
    export = torch.onnx.export

    def of_traced(network: Network, inputs: tuple[torch.Tensor, ...], **options: Any) -> Any:
        if not network.compact:  # the exporter makes other weights of theirs
            return export(network, inputs, **options)
        plain = (bool, int, float, str, tuple)
        facts = [
            {name: value for name, value in vars(layer).items() if isinstance(value, plain)}
            for layer in network.modules()
        ]
        key = repr((network, facts, [each.shape for each in inputs], options))
        if key not in _traced:
            _traced[key] = export(network, inputs, **options).model_proto
        model = onnx.ModelProto()
        model.CopyFrom(_traced[key])
        weights = network.state_dict()
        for each in model.graph.initializer:
            if each.name in weights:
                each.CopyFrom(numpy_helper.from_array(weights[each.name].numpy(), each.name))
        return SimpleNamespace(model_proto=model)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.onnx, "export", of_traced)
        yield


_traced: dict[str, onnx.ModelProto] = {}


@cache
def _exported(recipe: Recipe) -> tuple[bytes, Card]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.onnx"
        card = export_network(textured_network(recipe), recipe, path, steps=0, figures={"made up": 1.5})
        return path.read_bytes(), card


def write_exported(recipe: Recipe, path: Path) -> Card:
    """Write the file of a `textured_network`, which is exported once a session: that takes seconds."""
    content, card = _exported(recipe)
    path.write_bytes(content)
    return card


def tiny_file(folder: Path, **options: Any) -> Path:
    """Write the file of a `textured_network` of `tiny_recipe(**options)`."""
    recipe = tiny_recipe(**options)
    path = folder / f"tiny-{recipe.data.channels}.onnx"
    write_exported(recipe, path)
    return path


def taking_file(photo: Path, *amounts: float) -> Path:
    """Copy a network for photographs into one that takes so much from each channel of every image."""
    model = onnx.load(photo)
    amount = numpy_helper.from_array(np.array(amounts, np.float32).reshape(1, -1, 1, 1), "amount")
    nodes = [helper.make_node("Sub", ["noisy", "amount"], ["denoised"])]
    graph = helper.make_graph(nodes, "taking", model.graph.input, model.graph.output[:1], [amount])
    model.graph.CopyFrom(graph)
    path = photo.with_name(f"takes-{'-'.join(map(str, amounts))}.onnx")
    onnx.save(model, path)
    return path


def colours(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    """An image (height, width, 3) of shading and noise, float32, 0 to 1."""
    shading = np.add.outer(np.linspace(0, 0.4, height), np.linspace(0, 0.4, width))[..., None]
    noise = np.random.default_rng(seed).random((height, width, 3)) * 0.2
    return (shading + noise).astype(np.float32)


def reach_of(model: Model, channels: int, middle: int) -> int:
    """How far away the pixel (middle, middle) of a grey or colour image changes the result, in pixels."""
    side = 2 * middle + 1
    even = np.zeros((side, side, channels), np.float32)
    even[..., 0] = 0.5  # so that a colour image is no grey one
    reach = 0
    for value in (1e4, -1e4):  # so large that no change is rounded away
        changed = even.copy()
        changed[middle, middle] = value
        changed[middle, middle, 0] += 1
        before, after = (model.denoise(pixels, sigma=0.1).image for pixels in (even, changed))
        reach = max(reach, int(np.abs(np.argwhere(before != after)[:, :2] - middle).max()))
    return reach
