"""Checkpoints: a run that is resumed goes on as if it had never stopped."""

import copy
import io
import json
import logging
import math
import pickle
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import onnx
import torch
from torch import Tensor, nn

from pellucid.atomic import atomic_write
from pellucid.errors import InputError, UsageError
from pellucid.inference import index
from pellucid.inference.card import read_card
from pellucid.networks.families import AnySettings
from pellucid.networks.network import Network
from pellucid.networks.unet import Residual
from pellucid.training.optimizer import make_optimizers
from pellucid.training.recipe import Recipe, check_same, recipe_json
from pellucid.training.weights import stored_weights

PLAIN = (
    "step",
    "seconds",
    "best",
    "checks_without_improvement",
    "slower",
    "kept",
)  # of a state, written as they are

log = logging.getLogger("pellucid")


@dataclass
class State:
    """All that changes while training, and all that a checkpoint contains."""

    network: Network
    average: Network
    optimizers: list[torch.optim.Optimizer]
    step: int = 0
    seconds: float = 0.0
    best: float = math.inf  # the lowest figure so far, of runs that watch one
    checks_without_improvement: int = 0
    slower: float = 1.0  # what plateaus have made of the learning rate
    kept: dict[str, Tensor] | None = None  # the averaged weights at the best figure


def make_network(recipe: Recipe) -> Network:
    """The untrained network that a recipe describes."""
    size = recipe.data.image_size(recipe.network.stride)
    return recipe.family.build(recipe.network, recipe.data.channels, size)


class Start(msgspec.Struct):
    """As much as is needed of the recipe of a network that another one starts from."""

    network: AnySettings


@torch.no_grad()
def load_pretrained(network: Network, start: str) -> None:
    """Begin with the weights that another network has under the same names.

    A wider or deeper network begins as the very same function: what the old channels compute does not depend
    on the new ones, and the new ones begin at random, so that they learn (Chen and others 2016, Net2Net); a
    new residual block passes on what it is given. A denoiser of photographs can begin with a U-Net. What
    `Network.finish` did to the weights is undone.

    Raises
    ------
    UsageError
        When there is no such network, or more than one, or no weight of it fits.
    """
    named = [] if start.endswith(".onnx") else index.entries(start)
    if len(named) > 1:
        files = " or ".join(Path(entry.file).stem for entry in named)
        raise UsageError(f"{start} is the name of {len(named)} networks", f"Start from {files}")
    path = named[0].path if named else Path(start)
    if not path.is_file():
        raise UsageError(f"There is no file {path} to start from", "Name a network that is there")
    model = onnx.load(path)
    weights = {name: torch.tensor(array) for name, array in stored_weights(model).items()}
    last = {block.second.weight for block in network.modules() if isinstance(block, Residual)}
    transposed = {layer.weight for layer in network.modules() if isinstance(layer, nn.ConvTranspose2d)}
    taken = 0
    for name, weight in network.named_parameters():
        found = weights.get(name, weights.get(name.removeprefix("unet.")))
        if found is not None and found.ndim == weight.ndim:
            common = tuple(slice(min(sizes)) for sizes in zip(found.shape, weight.shape, strict=True))
            outputs = (slice(None), common[1]) if weight in transposed else common[0]  # which axis they have
            weight[outputs] = 0
            weight[common] = found[common]
            taken += 1
        elif weight in last:
            weight.zero_()
    if not taken:
        raise UsageError(f"No weight of {start} fits this network", "Start from one of the same kind")
    card = read_card({each.key: each.value for each in model.metadata_props}, start)
    try:
        network.unfinish(msgspec.json.decode(card.recipe, type=Start).network)
    except msgspec.DecodeError as exc:
        raise UsageError(
            f"{start} was written by another version of Pellucid: {exc}", "Start from a newer network"
        ) from exc
    log.info("%d of %d weights are those of %s", taken, len(list(network.parameters())), start)


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """What `save` wrote."""
    try:
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError) as exc:
        words = exc.strerror if isinstance(exc, OSError) else "it is damaged"
        raise InputError(f"{path} cannot be read: {words}", "Delete it to begin anew") from exc
    return content


def resume(recipe: Recipe, folder: Path, device: torch.device) -> State:
    """The state in the folder's checkpoint, or a new one."""
    torch.manual_seed(recipe.seed)
    network = make_network(recipe)
    path = folder / "checkpoint.pt"
    if recipe.start is not None and not path.exists():
        load_pretrained(network, recipe.start)
    network.to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # known to torch, not to its types
    average = copy.deepcopy(network) if recipe.schedule.average else network
    state = State(network, average, make_optimizers(network, recipe.schedule))
    if path.exists():
        saved = read_checkpoint(path, device)
        check_same(saved["recipe"], recipe, folder)
        network.load_state_dict(saved["network"])
        state.average.load_state_dict(saved["average"])
        for optimizer, content in zip(state.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(content)
        for name in PLAIN:
            setattr(state, name, saved[name])
    return state


def save(state: State, recipe: Recipe, folder: Path) -> None:
    """Write the checkpoint; one that is there stays whole until the new one is."""
    path = folder / "checkpoint.pt"
    content = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
        "recipe": recipe_json(recipe),
    } | {name: getattr(state, name) for name in PLAIN}
    packed = io.BytesIO()  # written to a file, torch would not say that the disk is full
    torch.save(content, packed)
    with atomic_write(path) as temporary:
        temporary.write_bytes(packed.getbuffer())
    (folder / "recipe.json").write_text(recipe_json(recipe) + "\n", encoding="utf-8")


def begin_log(folder: Path, step: int, note: str) -> None:
    """Begin a log with what trains, or remove the lines after the checkpoint and at a run's end."""
    path, kept = folder / "log.jsonl", [json.dumps({"step": 0, "images": note}) + "\n"]
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        with suppress(ValueError):  # a line that was cut off
            content = json.loads(line)
            if content["step"] <= step and "loss" in content:
                kept.append(line + "\n")
    path.write_text("".join(kept), encoding="utf-8")


def write_log(
    folder: Path, state: State, loss: Tensor | None, figures: dict[str, float], *, epoch: int | None
) -> None:
    """Add one line to the run's log; `epoch` is the steps of one."""
    line: dict[str, Any] = {"step": state.step, "seconds": round(state.seconds, 1)}
    if epoch:
        line["epoch"] = round(state.step / epoch, 2)
    if loss is not None:
        line["loss"] = float(loss.detach())
    line["learning_rate"] = state.optimizers[0].param_groups[0]["lr"]
    with (folder / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line | figures) + "\n")
