"""Muon for the inner convolutions, AdamW for the first and the last; or Adam or AdamW for all."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pellucid.networks.families import EstimatorSettings, UNetSettings
from pellucid.networks.unet import UNet
from pellucid.training.checkpoint import make_network
from pellucid.training.optimizer import ConvMuon, as_matrix, as_weight, make_optimizers, orthogonal
from pellucid.training.recipe import Schedule
from tests.tiny import AUTOENCODERS, PHOTO, UNET, set_recipe, tiny_recipe

MUON = Schedule(steps=1, learning_rate=0.01, weight_decay=0.0)


def network(table: UNetSettings | EstimatorSettings = UNET) -> nn.Module:
    torch.manual_seed(0)
    made = make_network(tiny_recipe(network=table))
    made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # known to torch, not to its types
    return made


def learn(made: nn.Module, optimizers: list[torch.optim.Optimizer], steps: int = 1) -> None:
    """Move towards the clean image for some steps."""
    for _ in range(steps):
        made.zero_grad(set_to_none=True)
        noisy = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(1))
        inputs = (noisy, torch.full((1, 1, 1, 1), 0.1)) if isinstance(made, UNet) else (noisy,)
        out = made(*inputs)
        parts = out if isinstance(out, tuple) else (out,)
        torch.stack([(part - 0.3).square().mean() for part in parts]).sum().backward()
        for optimizer in optimizers:
            optimizer.step()


def snapshot(made: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in made.named_parameters()}


def addresses(made: nn.Module) -> list[int]:
    return [weight.data_ptr() for weight in made.parameters()]


def test_a_step_moves_every_weight_where_it_lies() -> None:
    for made in (network(), network(EstimatorSettings(4))):
        optimizers = make_optimizers(made, MUON)
        before, places = snapshot(made), addresses(made)
        learn(made, optimizers)
        assert addresses(made) == places
        for name, weight in made.named_parameters():
            assert not torch.equal(weight, before[name]), name


def test_an_optimizer_that_was_saved_and_loaded_goes_on_as_it_would_have() -> None:
    made = network()
    optimizers = make_optimizers(made, MUON)
    learn(made, optimizers, 2)
    weights = copy.deepcopy(made.state_dict())
    saved = [copy.deepcopy(optimizer.state_dict()) for optimizer in optimizers]
    other = network()
    fresh = make_optimizers(other, MUON)
    other.load_state_dict(weights)
    for optimizer, content in zip(fresh, saved, strict=True):
        optimizer.load_state_dict(content)
    learn(made, optimizers)
    learn(other, fresh)
    for one, two in zip(made.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_muon_takes_the_steps_of_pytorchs_own_which_rounds_to_bfloat16() -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(6, 4, 3, 3))
    matrix = nn.Parameter(as_matrix(weight.detach().clone()))
    ours = ConvMuon([weight], 0.01)
    theirs = torch.optim.Muon([matrix], 0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        weight.grad = torch.randn_like(weight)
        matrix.grad = as_matrix(weight.grad)
        before = as_matrix(weight.detach().clone())
        ours.step()
        theirs.step()
        step = (as_matrix(weight.detach()) - before).norm()
        assert (as_matrix(weight.detach()) - matrix).norm() < 0.03 * step


@pytest.mark.parametrize("shape", [(8, 72), (72, 8), (16, 16), (1, 9)])
def test_an_orthogonal_matrix_has_singular_values_near_one_and_the_old_directions(
    shape: tuple[int, int],
) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    made = orthogonal(1e-4 * matrix)
    if shape != (16, 16):  # square ones may have a singular value near 0
        assert torch.linalg.svdvals(made) == pytest.approx(1, abs=0.35)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    values = u.T @ made @ v.T
    assert values == pytest.approx(torch.diag(torch.diag(values)), abs=1e-4)


def test_a_matrix_of_zeros_stays_one() -> None:
    assert not orthogonal(torch.zeros(3, 5)).any()


def test_muon_moves_the_inner_convolutions_by_nearly_orthogonal_steps() -> None:
    made = network()
    assert isinstance(made, UNet)
    before = snapshot(made)
    learn(made, make_optimizers(made, MUON))
    inner = made.get_parameter("body.0.first.weight")
    values = torch.linalg.svdvals(as_matrix(inner - before["body.0.first.weight"]))
    assert values.min() > 0.3 * values.max()  # all directions learn; the gradient's last ones would not
    assert inner.grad is not None
    rates = torch.linalg.svdvals(as_matrix(inner.grad))
    assert rates.min() < 0.1 * rates.max()


def test_muon_takes_steps_as_long_as_adamw_does() -> None:
    made = network()
    before = snapshot(made)
    learn(made, make_optimizers(made, MUON))
    for name, weight in made.named_parameters():
        step = (weight - before[name]).square().mean().sqrt().item()
        assert 0.001 < step <= 0.0101, (
            name
        )  # AdamW's first step is the rate itself, Muon's at most about 0.2 of it


def test_weight_decay_shrinks_the_first_and_the_last_layer_only() -> None:
    made = network()
    assert isinstance(made, UNet)
    optimizers = make_optimizers(made, Schedule(steps=1, learning_rate=0.01, weight_decay=0.5))
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    assert [group.get("weight_decay", 0) for group in groups] == [0, 0.5]
    outer = {id(weight) for weight in groups[1]["params"]}
    assert outer == {id(layer.weight) for layer in (made.head, made.told, made.tail)}


def test_the_part_that_estimates_noise_is_moved_by_adamw() -> None:
    made = network(PHOTO)
    muon, adamw = make_optimizers(made, MUON)
    assert isinstance(muon, ConvMuon)
    outer = {id(weight) for weight in adamw.param_groups[0]["params"]}
    names = {name for name, weight in made.named_parameters() if id(weight) in outer}
    assert {name.split(".")[0] for name in names} == {"estimator", "unet"}
    ends = {"unet.head.weight", "unet.told.weight", "unet.tail.weight"}
    assert {name for name in names if name.startswith("unet")} == ends
    assert len(muon.param_groups[0]["params"]) + len(outer) == len(list(made.parameters()))


@pytest.mark.parametrize("kind", ["adam", "adamw", "muon"])
@pytest.mark.parametrize(
    "table", [UNET, PHOTO, EstimatorSettings(4), *AUTOENCODERS], ids=lambda x: type(x).__name__
)
def test_every_optimizer_moves_each_weight_of_every_network_once(kind: Any, table: Any) -> None:
    recipe = set_recipe(network=table) if table in AUTOENCODERS else tiny_recipe(network=table)
    made: nn.Module = make_network(recipe).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers = make_optimizers(made, Schedule(steps=1, optimizer=kind, learning_rate=0.02))
    moved = [
        weight.data_ptr() for one in optimizers for group in one.param_groups for weight in group["params"]
    ]
    assert sorted(moved) == sorted(weight.data_ptr() for weight in made.parameters())
    assert {group["lr"] for one in optimizers for group in one.param_groups} == {0.02}


def test_adam_has_no_weight_decay_and_adamw_that_of_the_recipe() -> None:
    for kind, decay in (("adam", 0), ("adamw", 0.5)):
        (only,) = make_optimizers(network(), Schedule(steps=1, optimizer=kind, weight_decay=0.5))  # type: ignore[arg-type]
        assert only.param_groups[0]["weight_decay"] == decay


def test_a_matrix_and_its_weights_are_each_others_reverse() -> None:
    weight = torch.rand(3, 5, 2, 2)
    matrix = as_matrix(weight)
    assert matrix.shape == (3, 20)
    assert torch.equal(as_weight(matrix, weight.shape), weight)
    assert torch.equal(matrix.reshape(3, 2, 2, 5).permute(0, 3, 1, 2), weight)
