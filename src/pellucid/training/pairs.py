"""Learning from a folder of noisy images and one of the clean images of the same names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.datasets.folder import image_files, read_samples
from pellucid.errors import InputError
from pellucid.training.denoising import folder, patch_now
from pellucid.training.losses import LOSSES
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import PairsData, Recipe

VALIDATED = 8
"""One pair of so many validates."""


class Pairs:
    """Patches of pairs for an autoencoder; every eighth pair, in the order of names, validates."""

    epoch = None  # patches never run out

    def __init__(self, recipe: Recipe, data_dir: Path | None, device: torch.device) -> None:
        self.recipe, self.channels = recipe, recipe.data.channels
        data = cast(PairsData, recipe.data)
        pairs = [
            each.to(device)
            for each in load_pairs(
                folder(data_dir, data.noisy),
                folder(data_dir, data.clean),
                data.channels,
                max(recipe.schedule.patch),
            )
        ]
        self.tune = pairs[VALIDATED - 1 :: VALIDATED] or pairs[-1:]
        chosen = {id(each) for each in self.tune}
        self.train = [each for each in pairs if id(each) not in chosen]
        if not self.train:
            raise InputError(f"{data.clean} has only {len(pairs)} images", "Add pairs: two at least")
        self.note = f"{len(self.train):,} pairs to train, {len(self.tune):,} to validate"
        self.loss = LOSSES[recipe.loss]

    def losses(
        self, network: Callable[..., Any], random: TorchRandom, *, step: int, progress: float, count: int
    ) -> Tensor:
        """The loss of each of `count` patches."""
        size = patch_now(self.recipe.schedule, progress)
        patches = []
        for _ in range(count):
            pair = self.train[self.draw(len(self.train), random)]
            row, column = (self.draw(extent - size + 1, random) for extent in pair.shape[1:])
            patches.append(pair[:, row : row + size, column : column + size])
        noisy, clean = (torch.stack(patches).float() / 255).split(self.channels, 1)
        cleaned, _ = network(noisy.contiguous(memory_format=torch.channels_last))
        return self.loss(cleaned, clean)

    def draw(self, high: int, random: TorchRandom) -> int:
        """A whole number from 0 and below `high`."""
        return int(torch.randint(high, (1,), generator=random.generator, device=self.train[0].device))

    @torch.no_grad()
    def validate(self, network: Any) -> dict[str, float]:
        """RMSE in [0, 1] over all pixels of the pairs that validate, and that of the noisy images."""
        errors = []
        stride = self.recipe.network.stride
        for pair in self.tune:
            noisy, clean = (pair[None].float() / 255).split(self.channels, 1)
            height, width = noisy.shape[2:]
            padded = F.pad(noisy, (0, -width % stride, 0, -height % stride), mode="reflect")
            cleaned = network(padded)[0][..., :height, :width]
            errors.append([float((each - clean).square().mean()) for each in (cleaned, noisy)])
        cleaned_error, noisy_error = np.sqrt(np.mean(errors, axis=0)).tolist()
        return {"tune RMSE": round(cleaned_error, 5), "input RMSE": round(noisy_error, 5)}


def load_pairs(noisy: Path, clean: Path, channels: int, smallest: int) -> list[Tensor]:
    """The pairs of two folders, uint8 (2 channels, h, w), in the order of their names.

    Raises
    ------
    InputError
        When an image has no counterpart of its name and size, or is smaller than a patch.
    """
    pairs = []
    for path in image_files([clean]):
        other = noisy / path.relative_to(clean)
        if not other.is_file():
            raise InputError(f"{path} has no noisy image {other}", "Give both the same name")
        one, two = (read_samples(each, channels) for each in (other, path))
        if one.shape != two.shape or min(one.shape[:2]) < smallest:
            raise InputError(
                f"{other} and {path} differ in size, or a side has less than {smallest} pixels",
                f"Give both one size, of {smallest} pixels a side at least, or set schedule.patch",
            )
        pairs.append(torch.from_numpy(np.concatenate([one, two], axis=2)).permute(2, 0, 1).contiguous())
    return pairs
