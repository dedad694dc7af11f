"""Learning to remove white noise whose level is given."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from pellucid.datasets.folder import crop_pool, image_files, read_samples
from pellucid.errors import UsageError
from pellucid.metrics.quality import psnr
from pellucid.noise.base import NumpyRandom, to_8bit
from pellucid.noise.registry import parse_noise
from pellucid.noise.sensor import Gaussian
from pellucid.training.losses import LOSSES
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import Recipe, Schedule

TUNE_SIGMAS = (15 / 255, 25 / 255, 50 / 255)


class Crops:
    """The base of all tasks that learn from crops of images in folders.

    Parameters
    ----------
    recipe : Recipe
    data_dir : Path
        The folder above the recipe's folders.
    device : torch.device
        Keeps the images, as uint8, and makes the noise.
    """

    epoch = None  # crops never run out

    def __init__(self, recipe: Recipe, data_dir: Path | None, device: torch.device) -> None:
        self.recipe, self.device = recipe, device
        self.pool = load_pool(recipe, data_dir, device)
        self.tune = tune_images(recipe, data_dir)
        self.loss = LOSSES[recipe.loss]
        self.note = f"{len(self.pool):,} crops to train, {len(self.tune)} images to validate"


class Denoising(Crops):
    """Images from folders, with white noise made anew in every step."""

    def losses(
        self, network: Callable[..., Any], random: TorchRandom, *, step: int, progress: float, count: int
    ) -> Tensor:
        """The loss of each of `count` images."""
        noisy, sigma, given, clean = make_batch(self.pool, self.recipe, progress, random, count)
        return weigh(self.loss(network(noisy, given), clean), sigma.flatten(), self.recipe.loss_floor)

    @torch.no_grad()
    def validate(self, network: Any) -> dict[str, float]:
        """Mean PSNR in dB over the tune images at each of `TUNE_SIGMAS`, noise not clipped, seed 0."""
        figures = {}
        for sigma in TUNE_SIGMAS:
            values = []
            for samples in self.tune:
                clean, noisy = noisy_pair(samples, sigma, network.stride)
                given = torch.full((1, 1, 1, 1), sigma, device=self.device)
                denoised = to_pixels(network(to_tensor(noisy, self.device), given))
                values.append(psnr(denoised, clean, data_range=1.0))
            figures[f"tune PSNR at sigma {sigma * 255:.0f}"] = mean(values)
        return figures


# ---- batches -------------------------------------------------------------------------------------


def load_pool(recipe: Recipe, data_dir: Path | None, device: torch.device) -> Tensor:
    """All clean crops as one uint8 tensor (n, c, size, size) on the device."""
    data = recipe.crops
    files = image_files([folder(data_dir, name) for name in data.train])
    crops = crop_pool(
        [path for path in files if path.name not in data.without],
        channels=data.channels,
        size=data.crop,
        per_image=data.per_image,
        shrunk=data.shrunk,
        scales=data.scales,
        vivid=data.vivid,
        seed=recipe.seed,
    )
    return torch.from_numpy(crops).to(device)


def tune_images(recipe: Recipe, data_dir: Path | None) -> list[Any]:
    """The images (h, w, c) of the validation, uint8."""
    files = image_files([folder(data_dir, recipe.crops.tune)])
    return [read_samples(path, recipe.data.channels) for path in files]


def folder(data_dir: Path | None, name: str) -> Path:
    """A folder below the data folder."""
    if data_dir is None:
        raise UsageError(
            "No data folder is given", "Name the one with the images by --data-dir or PELLUCID_DATA"
        )
    return data_dir / name


def make_batch(
    pool: Tensor, recipe: Recipe, progress: float, random: TorchRandom, count: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Noisy images (n, c, h, w), their noise levels (n, 1, 1, 1), the levels given, the clean images."""
    clean = random_patches(pool, patch_now(recipe.schedule, progress), count, random.generator)
    noise = cast(Gaussian, parse_noise(recipe.degrade.noise or "")).draw(random, clean)
    is_noisy = random.between(0, 1, clean) >= recipe.degrade.clean
    sigma = torch.as_tensor(noise.sigma, device=clean.device) * is_noisy  # (n, 1, 1, 1)
    noisy = replace(noise, sigma=sigma).formula(clean, random)
    clipped = random.between(0, 1, clean) < recipe.degrade.clipped
    noisy = torch.where(clipped, to_8bit(noisy), noisy).contiguous(memory_format=torch.channels_last)
    given = sigma * (1 + recipe.degrade.jitter * random.normal(sigma))
    return noisy, sigma, given.clip(0), clean


def random_patches(
    pool: Tensor, size: int, count: int, generator: torch.Generator, *, turned: bool = True
) -> Tensor:
    """`count` patches (n, c, size, size) in [0, 1], each flipped and turned in one of eight ways, or not."""

    def draw(high: int) -> list[int]:
        drawn: list[int] = torch.randint(high, (count,), generator=generator, device=pool.device).tolist()
        return drawn

    room = pool.shape[-1] - size + 1
    patches = []
    for index, row, column, turn in zip(
        draw(len(pool)), draw(room), draw(room), draw(8 if turned else 1), strict=True
    ):
        patch = torch.rot90(pool[index, :, row : row + size, column : column + size], turn % 4, (1, 2))
        patches.append(patch.flip(1) if turn >= 4 else patch)
    return torch.stack(patches).float() / 255


def patch_now(schedule: Schedule, progress: float) -> int:
    """Pixels a side at this share of the training."""
    return schedule.patch[int(progress * len(schedule.patch))]


def weigh(losses: Tensor, sigma: Tensor, floor: float | None) -> Tensor:
    """Divide each image's loss by its noise level plus a floor: all levels then count about the same."""
    return losses if floor is None else losses / (sigma + floor)


# ---- validation ----------------------------------------------------------------------------------


def noisy_pair(samples: Any, sigma: float, stride: int) -> tuple[Any, Any]:
    """An image (h, w, c), float32, cut to multiples of the stride, without and with noise of seed 0."""
    clean = cut(samples, stride)
    return clean, Gaussian(sigma).apply(clean, NumpyRandom(0))


def cut(samples: Any, stride: int) -> Any:
    """An image (h, w, c) as float32, 0 to 1, cut to multiples of the stride."""
    height, width = (extent // stride * stride for extent in samples.shape[:2])
    return (samples[:height, :width] / 255).astype(np.float32)


def to_tensor(pixels: Any, device: torch.device) -> Tensor:
    """An image as a batch of one."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device)  # (h, w, c) -> (1, c, h, w)


def to_pixels(batch: Tensor) -> Any:
    """A batch of one as an image."""
    return batch[0].permute(1, 2, 0).cpu().numpy()  # (1, c, h, w) -> (h, w, c)


def mean(values: Sequence[float]) -> float:
    """The mean, rounded to what is meant by it."""
    return round(float(np.mean(values)), 3)
