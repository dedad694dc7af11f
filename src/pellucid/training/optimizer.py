"""The optimizers: Muon for the inner convolutions, AdamW for the first and the last.

Muon (Jordan and others 2024; step size matched to AdamW's as in Liu and others 2025) makes each update
orthogonal, so that every direction of a weight matrix learns, not only the few that dominate the gradient.
On these networks it reaches in a given time what AdamW needs much longer for; docs/decisions has the figures.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pellucid.training.recipe import Schedule


class ConvMuon(torch.optim.Optimizer):
    """Muon for convolution weights (out, in, k, k), each seen as a matrix (out, k k in)."""

    def __init__(self, weights: Iterable[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closure is ever given
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight)
                mean = state["momentum_buffer"]
                mean.lerp_(weight.grad, 1 - group["momentum"])
                step = orthogonal(as_matrix(weight.grad.lerp(mean, group["momentum"])))  # Nesterov's momentum
                rate = group["lr"] * 0.2 * math.sqrt(max(step.shape))  # then a step is as long as AdamW's
                weight.sub_(as_weight(step, weight.shape), alpha=rate)


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with its singular values moved near 1 (0.7 to 1.2): five Newton-Schulz steps.

    A step takes X to (a + b A + c A A) X with A = X X^T; a, b and c are those of Jordan and others (2024).
    The factor before the first X is a polynomial of the first A, so that small square matrices are all that
    is multiplied until the end: in single precision, since many processors are slow in bfloat16.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    matrix = matrix / matrix.norm().clamp(min=1e-7)
    gram = matrix @ matrix.T
    product = one = torch.eye(len(matrix), device=matrix.device)
    for _ in range(5):
        factor = 3.4445 * one + gram @ (2.0315 * gram - 4.7750 * one)
        product = factor @ product
        gram = factor @ gram @ factor
    return product @ matrix


def as_matrix(weight: Tensor) -> Tensor:
    """A convolution's weights (out, in, k, k) as a matrix (out, k k in)."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)  # (out, in, k, k) -> (out, k * k * in)


def as_weight(matrix: Tensor, shape: torch.Size) -> Tensor:
    """The reverse of `as_matrix`: (out, k k in) -> (out, in, k, k)."""
    out, inner, rows, columns = shape
    return matrix.reshape(out, rows, columns, inner).permute(0, 3, 1, 2)


def make_optimizers(network: nn.Module, schedule: Schedule) -> list[torch.optim.Optimizer]:
    """The optimizers that together move all weights of a network.

    Muon is for wide layers: not the first, `head` and `told`, nor the last, `tail`, nor a small `estimator`.
    """
    rate = schedule.learning_rate
    if schedule.optimizer == "adam":
        return [torch.optim.Adam(network.parameters(), rate, fused=True)]
    if schedule.optimizer == "adamw":
        return [torch.optim.AdamW(network.parameters(), rate, weight_decay=schedule.weight_decay)]

    def is_inner(name: str, weight: nn.Parameter) -> bool:
        return weight.ndim == 4 and not {"head", "told", "tail", "estimator"} & set(name.split("."))

    inner = [weight for name, weight in network.named_parameters() if is_inner(name, weight)]
    outer = [weight for name, weight in network.named_parameters() if not is_inner(name, weight)]
    muon = [ConvMuon(inner, rate)] if inner else []  # dense networks have no convolutions
    return [*muon, torch.optim.AdamW(outer, rate, (0.9, 0.99), weight_decay=schedule.weight_decay)]
