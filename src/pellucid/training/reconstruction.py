"""Learning to rebuild small images: the autoencoders of the tutorials, noisy to clean or clean to clean.

The whole set is in memory as one uint8 tensor, and a batch is an index into it: no files, no worker
processes, and little Python, since an image of 28 x 28 pixels costs less than looking after it would.
"""

import logging
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pellucid.datasets.dataset import Dataset
from pellucid.datasets.folder import image_files
from pellucid.datasets.images import folder_dataset
from pellucid.datasets.named import SETS, load_dataset
from pellucid.networks.network import Goal
from pellucid.noise.base import Noise
from pellucid.noise.registry import parse_noise
from pellucid.noise.sensor import Gaussian
from pellucid.training.checkpoint import make_network
from pellucid.training.export import cost
from pellucid.training.losses import LOSSES
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import Recipe, SetData
from pellucid.training.self_supervised import WAYS

log = logging.getLogger("pellucid")

VALIDATED = 1000  # images at a time; of the training images as many are measured
MULTIPLY_ADDS = 15_000_000_000  # of a measurement: a few seconds of a CPU core
FEW_IMAGES = 20
EXAMPLES = 8  # images that can be watched while the network learns
LOOK_EVERY = 100  # steps between two checks whether the network has collapsed
DEAD = 1e-3  # range of a code's dimension over the validation images, of the widest, below which it is dead


class Reconstruction:
    """A set of small images, in epochs.

    Parameters
    ----------
    recipe : Recipe
    data_dir : Path
        The folder above the sets; a named one that is missing is downloaded.
    device : torch.device
        Keeps the images, as uint8, and makes the noise.
    """

    def __init__(self, recipe: Recipe, data_dir: Path | None, device: torch.device) -> None:
        self.recipe, self.data = recipe, recipe.set
        if self.data.test is not None:  # needed when all is learned, which is late to find it missing
            image_files([(data_dir or Path()) / self.data.test])
        dataset = load_set(self.data, data_dir, recipe.seed)
        self.note = dataset.note
        if len(dataset.train) < FEW_IMAGES:
            log.warning(FEW, len(dataset.train))
        self.train, self.validation = (
            torch.from_numpy(part).permute(0, 3, 1, 2).contiguous().to(device)  # (n, h, w, c) -> (n, c, h, w)
            for part in (dataset.train, dataset.validation)
        )
        self.noise = parse_noise(recipe.degrade.noise) if recipe.degrade.noise else None
        self.takes_sigma = recipe.family.takes_sigma
        self.loss = LOSSES[recipe.loss]
        self.epoch = max(1, len(self.train) // recipe.schedule.batch)
        schedule = recipe.schedule
        steps = schedule.steps or (schedule.epochs or 0) * self.epoch
        self.warm_up = schedule.shorter_warm_up(steps).warm_up
        self.shuffled, self.order = -1, torch.empty(0)
        self.collapsed = False

    def losses(
        self, network: Callable[..., Any], random: TorchRandom, *, step: int, progress: float, count: int
    ) -> Tensor:
        """The loss of each of `count` images."""
        clean = move(self.train[self.chosen(step, count)].float() / 255, self.data, random)
        if self.recipe.family.own_terms:
            return self.terms(network, clean, random, progress)
        noisy, noise = self.degrade(clean, random)
        if self.recipe.target != "clean":
            way, (second, _) = WAYS[self.recipe.target], self.degrade(clean, random)
            return way(lambda given: self.run(network, given, noise)[0], noisy, second, self.loss, random)
        denoised, _ = self.run(network, noisy, noise)
        if step >= self.warm_up and step % LOOK_EVERY == LOOK_EVERY - 1:  # before, it may not yet learn
            self.look(denoised, clean)
        return self.loss(denoised, clean)

    def terms(
        self, network: Callable[..., Any], clean: Tensor, random: TorchRandom, progress: float
    ) -> Tensor:
        """The sum of the terms that the network itself gives."""
        noisy, _ = self.degrade(clean, random)
        found = network(noisy, Goal(clean, self.loss, progress))
        return torch.stack(list(found.values())).sum(0)

    def chosen(self, step: int, count: int) -> Tensor:
        """The numbers of this step's images; every epoch has an order of its own."""
        epoch, place = divmod(step, self.epoch)
        if epoch != self.shuffled:
            generator = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + epoch)
            self.order = torch.randperm(len(self.train), generator=generator).to(self.train.device)
            self.shuffled = epoch
        rank = dist.get_rank() if dist.is_initialized() else 0
        start = place * self.recipe.schedule.batch + rank * count
        return self.order[start : start + count]

    def degrade(self, clean: Tensor, random: TorchRandom) -> tuple[Tensor, Noise | None]:
        """Add the noise and clip to [0, 1]; give the noise with the values that were drawn too."""
        drawn = self.noise and self.noise.draw(random, clean)
        noisy = drawn.formula(clean, random).clip(0, 1) if drawn else clean
        return noisy.contiguous(memory_format=torch.channels_last), drawn

    def run(
        self, network: Callable[..., Any], noisy: Tensor, noise: Noise | None
    ) -> tuple[Tensor, Tensor | None]:
        """The network's images and, if it has one, its code; it may be given the noise level.

        Sides that do not fit are padded with their reflection, as `evaluation` does.
        """
        height, width = noisy.shape[2:]
        stride = self.recipe.network.stride
        padded = F.pad(noisy, (0, -width % stride, 0, -height % stride), mode="reflect")
        if self.takes_sigma:
            sigma = torch.as_tensor(cast(Gaussian, noise).sigma, device=noisy.device)
            outputs = network(padded, sigma.reshape(-1, 1, 1, 1))  # one level for all, or for each image
        else:
            outputs = network(padded)
        denoised, code = (outputs, None) if torch.is_tensor(outputs) else outputs
        return denoised[..., :height, :width], code

    def look(self, denoised: Tensor, clean: Tensor) -> None:
        """Warn once when the network gives nearly the same image, grey or not, whatever it sees."""
        if self.collapsed or len(clean) < 2 or differences(denoised) > 0.01 * differences(clean):
            return
        self.collapsed = True
        grey = denoised.detach().var((2, 3)).mean() < 0.01 * clean.var((2, 3)).mean()
        remedy = "Train for more steps, or at another learning rate"
        if (
            grey
            and self.loss is not LOSSES["bce"]
            and getattr(self.recipe.network, "output", "") == "sigmoid"
        ):
            remedy = (
                f"Where most pixels are black, a sigmoid under {self.recipe.loss.upper()} can fall into black"
                ' and stay there, since its gradient vanishes. Set loss = "bce", or output = "linear"'
            )
        log.warning(
            "the network has collapsed: it gives nearly the same %s, whatever it sees. %s",
            f"grey, {float(denoised.detach().mean()):.2f}, everywhere" if grey else "image",
            remedy,
        )

    @torch.no_grad()
    def validate(self, network: Any) -> dict[str, float]:
        """Mean squared error and PSNR in dB, and what the loss is made of, with noise of seed 0.

        Over the validation images (of a network that takes long over the first `validation_images`), and as
        many of the training images, of which 1,000 at most, as they are before they are moved; the number of
        dead dimensions, which are the same for every image, is that of a code of the validation images.
        """
        network.eval()
        some = self.train[:: max(1, len(self.train) // VALIDATED)][: min(VALIDATED, self.affordable)]
        held_out = self.validation[: self.affordable]
        figures = self.measure(network, "training", some) | self.measure(network, "validation", held_out)
        if len(held_out) < len(self.validation):
            figures["validation_images"] = len(held_out)
        network.train()
        return figures

    @cached_property
    def affordable(self) -> int:
        """How many images the network denoises in seconds, but 200 at least."""
        multiply_adds, _ = cost(make_network(self.recipe), self.recipe.family, self.data.channels)
        return max(200, MULTIPLY_ADDS // max(1, multiply_adds * self.train[0, 0].numel()))

    @torch.no_grad()
    def examples(self, network: Any) -> NDArray[np.float32]:
        """Some validation images, noisy, denoised and clean, (3, n, h, w, c)."""
        random = TorchRandom(torch.Generator(self.train.device).manual_seed(0))
        clean = self.validation[:EXAMPLES].float() / 255
        network.eval()
        noisy, noise = self.degrade(clean, random)
        denoised, _ = self.run(network, noisy, noise)
        network.train()
        rows = torch.stack([noisy, denoised.clip(0, 1), clean])
        return rows.movedim(2, -1).float().cpu().numpy()

    def measure(self, network: Any, part: str, images: Tensor) -> dict[str, float]:
        """The figures of one part of the set."""
        random = TorchRandom(torch.Generator(self.train.device).manual_seed(0))
        errors, losses, spans = [], [], []
        for samples in images.split(VALIDATED):
            clean = samples.float() / 255
            noisy, noise = self.degrade(clean, random)
            denoised, code = self.run(network, noisy, noise)
            errors.append((denoised - clean).square().mean((1, 2, 3)))
            if code is not None and self.recipe.family.own_terms:
                terms = network(noisy, Goal(clean, self.loss)).items()
                losses.append({name: float(each.mean()) for name, each in terms})
            elif self.recipe.family.denoises:
                losses.append({"loss": float(self.loss(denoised.clip(0, 1), clean).mean())})
            if code is not None:
                spans.append(extremes(code))
            if part == "validation":
                self.look(denoised, clean)
        mse = torch.cat(errors)
        psnr = -10 * mse.clip(min=1e-10).log10()  # at most 100 dB, as everywhere
        figures = {"mse": round(float(mse.mean()), 6), "psnr": round(float(psnr.mean()), 3)}
        for name in losses[0] if losses else ():
            figures[name] = round(sum(each[name] for each in losses) / len(losses), 6)
        figures = {f"{part}_{name}": value for name, value in figures.items()}
        if part == "validation" and spans:
            low, high = (torch.stack(each) for each in zip(*spans, strict=True))
            span = high.amax(0) - low.amin(0)
            figures["dead_dimensions"] = int((span <= DEAD * span.max()).sum())
        return figures


def differences(images: Tensor) -> float:
    """How much images (n, c, h, w) differ from each other: the mean variance of a pixel among them."""
    return float(images.detach().var(0).mean())


FEW = (
    "only %d images to train: a network learns such few by heart. Add images or, of a folder, random squares"
    ' of them (data.fit = "cut", data.crops), and turn on data.flips and data.rotation'
)


def extremes(code: Tensor) -> tuple[Tensor, Tensor]:
    """The lowest and the highest value of each dimension of codes (n, *code); of images, of each channel."""
    values = code.transpose(0, 1).flatten(1).T if code.ndim == 4 else code.flatten(1)
    return values.amin(0), values.amax(0)


def load_set(data: SetData, data_dir: Path | None, seed: int) -> Dataset:
    """The images that a recipe names."""
    if data.name in SETS:
        return load_dataset(data.name, data_dir=data_dir)
    folder = (data_dir or Path()) / data.name
    share = 0.1 if data.test is None else 0.0
    return folder_dataset(
        folder,
        size=data.size,
        channels=data.channels,
        fit=data.fit,
        crops=data.crops,
        test=share,
        seed=seed,
    )


def move(images: Tensor, data: SetData, random: TorchRandom) -> Tensor:
    """Mirror, turn and shift each image in its own way; beyond its edges it goes on as its reflection."""
    if not (data.flips or data.turns or data.rotation or data.shift):
        return images

    def draw(low: float, high: float) -> Tensor:
        return random.between(low, high, images).flatten().to(images.device)

    size = images.shape[-1]
    angle = draw(-data.rotation, data.rotation)
    if data.turns:
        angle = angle + 90 * draw(0, 4).floor()
    mirror = 1 - 2 * (draw(0, 1) < 0.5).float() if data.flips else torch.ones_like(angle)
    cos, sin = torch.cos(angle.deg2rad()), torch.sin(angle.deg2rad())
    across, down = ((2 * draw(-data.shift, data.shift).round() / size) for _ in range(2))
    rows = [torch.stack([mirror * cos, -sin, across], 1), torch.stack([mirror * sin, cos, down], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    # Linear interpolation would blur turned images, and blurred ones are easier than those of the validation.
    moved = F.grid_sample(images, grid, mode="bicubic", padding_mode="reflection", align_corners=False)
    return moved.clip(0, 1)
