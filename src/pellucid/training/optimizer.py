"""The optimizers: Muon for the inner convolutions, AdamW for the first and the last.

Muon (Jordan and others 2024; step size matched to AdamW's as in Liu and others 2025) makes each update
orthogonal, so that every direction of a weight matrix learns, not only the few that dominate the gradient.
On these networks it reaches in a given time what AdamW needs much longer for; docs/decisions has the figures.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.training.recipe import Schedule


class ConvMuon(torch.optim.Muon):
    """Muon for convolution weights (out, in, k, k), each seen as a matrix (out, k k in).

    The weights must be in the channels-last memory format, in which that matrix is the same memory.
    """

    def __init__(self, weights: Iterable[nn.Parameter], lr: float) -> None:
        self.weights = list(weights)
        matrices = [nn.Parameter(as_matrix(weight.data)) for weight in self.weights]
        super().__init__(matrices, lr, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
        assert all(m.data_ptr() == w.data_ptr() for m, w in zip(matrices, self.weights, strict=True))

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        for matrix, weight in zip(self.param_groups[0]["params"], self.weights, strict=True):
            assert weight.grad is not None
            matrix.grad = as_matrix(weight.grad)
        return super().step(closure)  # type: ignore[no-untyped-call]  # torch leaves it untyped


def as_matrix(weight: Tensor) -> Tensor:
    """The same numbers as a matrix; the same memory too, when it is in channels-last order."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)  # (out, in, k, k) -> (out, k * k * in)


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
