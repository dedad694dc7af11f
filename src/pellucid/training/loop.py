"""The training loop: batch, forward, loss, backward, step, log, save.

One script for a laptop, a GPU and several of them: on a GPU the crops are in its memory as uint8 and the
noise is made there; started by ``torchrun``, each process takes its share of every batch. The random numbers
of a step depend on the seed, the step and the process alone, so a run that was stopped and resumed gives the
same weights as one that was not.

A run folder contains ``recipe.json``, ``log.jsonl`` (one line a measurement), ``checkpoint.pt`` and, at the
end, the network as ``NAME.onnx``.
"""

import copy
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pellucid.errors import LimitError, PellucidError, UsageError
from pellucid.inference.card import input_figure
from pellucid.inference.session import RunOptions, Session
from pellucid.networks.families import Family
from pellucid.networks.network import Network
from pellucid.training.adapting import Adapting
from pellucid.training.checkpoint import State, begin_log, resume, save, write_log
from pellucid.training.denoising import Denoising
from pellucid.training.estimating import Estimating
from pellucid.training.export import export_network
from pellucid.training.live import Check, Watch
from pellucid.training.pages import Pages
from pellucid.training.pairs import Pairs
from pellucid.training.photographs import Photographs
from pellucid.training.process import (
    autocast,
    join_processes,
    keep_memory,
    own_generator,
    suitable_threads,
    whole_steps,
    without_subnormals,
)
from pellucid.training.randomness import TorchRandom
from pellucid.training.recipe import Recipe, Schedule
from pellucid.training.reconstruction import Reconstruction

log = logging.getLogger("pellucid")


FEW_STEPS = 500


class Task(Protocol):
    """The images that train a network, and its validation."""

    @property
    def epoch(self) -> int | None:
        """Steps in which everything is seen once; None where there is no such thing."""

    @property
    def note(self) -> str:
        """Which images train and which validate, in words."""

    def losses(
        self, network: Callable[..., Any], random: TorchRandom, *, step: int, progress: float, count: int
    ) -> Tensor:
        """The loss (count,) of each image of a batch; `progress` runs from 0 to 1."""

    def validate(self, network: Any) -> dict[str, float]:
        """Figures on images that do not train."""


TASKS: Mapping[str, Callable[..., Task]] = {
    "reconstruction": Reconstruction,
    "denoising": Denoising,
    "photographs": Photographs,
    "estimating": Estimating,
    "pages": Pages,
    "pairs": Pairs,
    "adapting": Adapting,
}


def train(
    recipe: Recipe,
    folder: Path,
    *,
    data_dir: Path | None = None,
    device: str = "auto",
    minutes: float | None = None,
    save_every_s: float = 120.0,
    show: Callable[[float, float | None], None] = lambda share, loss: None,
    announce: Callable[[str], None] = log.info,
    watches: Sequence[Watch] = (),
) -> Path:
    """Train a network, or go on with a run that was stopped.

    Parameters
    ----------
    recipe : Recipe
    folder : Path
        The run folder. A checkpoint of the same recipe in it is resumed, also with more steps or epochs: the
        learning rate then follows the longer schedule. A finished run is left unchanged.
    data_dir : Path, optional
        The folder above the recipe's folders of images. Named sets that are missing are downloaded.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
    minutes : float, optional
        Let the schedule take this long, whatever the number of steps.
    save_every_s : float
        Seconds between two checkpoints.
    show : function of (share, loss)
        Called after each step with the share that is done and, every twentieth time, the loss.

    announce : function of (text)
        Called before the first step with the images and the plan of steps.
    watches : sequence of function of (Check)
        Called after each measurement, when its line is in the log.

    Returns
    -------
    Path
        The ``.onnx`` file.

    Raises
    ------
    UsageError
        When the folder contains a run of another recipe, or processes cannot share a batch.
    InputError
        When the checkpoint is damaged.
    DeviceError
        When the device is not there.
    LimitError
        When there is no space for a checkpoint, or the training diverges.
    PellucidError
        When the exported network and torch's differ.
    KeyboardInterrupt
        At the end of a step in which Ctrl-C was pressed; the checkpoint is as new. Where the program has its
        own handler for this or another signal to stop, that one is called then.
    """
    processes, rank, where = join_processes(device)
    if recipe.schedule.batch % processes:
        raise UsageError(
            f"A batch of {recipe.schedule.batch} cannot be shared by {processes} processes",
            f"Start another number of processes, or set a batch that {processes} divides",
        )
    keep_memory()
    state = resume(recipe, folder, where)
    task = TASKS[recipe.task](recipe, data_dir, where)
    schedule, target = recipe.schedule, folder / f"{recipe.name}.onnx"
    steps = schedule.steps or (schedule.epochs or 0) * (task.epoch or 0)
    if minutes is None:
        schedule = schedule.shorter_warm_up(steps)
    done = gave_up(state, schedule) or share_done(state, steps, minutes, where, processes) >= 1
    if done and processes == 1 and is_exported(target, state):
        return target
    if rank == 0 and minutes is None and steps < FEW_STEPS and recipe.start is None:
        log.warning(
            "only %d steps: most networks learn little in fewer than %d. Set more steps or epochs, or add"
            " images or, of a folder, random squares of them (data.crops)",
            steps,
            FEW_STEPS,
        )
    if rank == 0:
        announce(f"{task.note}\n{plan_of_steps(recipe, state.step, steps, task.epoch, minutes)}")
    folder.mkdir(parents=True, exist_ok=True)
    if rank == 0:
        begin_log(folder, state.step, task.note)
    network = (
        DistributedDataParallel(state.network, find_unused_parameters=recipe.family.own_terms)
        if processes > 1
        else state.network
    )

    def forward(*inputs: Tensor) -> Any:
        with autocast(schedule, where):
            return network(*inputs)

    check_every = schedule.check_every if schedule.steps else task.epoch or 1
    generator = own_generator(where)
    random = TorchRandom(generator)
    began, saved = time.monotonic() - state.seconds, time.monotonic()

    measured: dict[str, float] = {}  # of the last step

    with whole_steps() as interrupted, suitable_threads(recipe.family), without_subnormals():
        while (
            not gave_up(state, schedule)
            and (progress := share_done(state, steps, minutes, where, processes)) < 1
        ):
            generator.manual_seed((recipe.seed * 1_000_003 + state.step) * processes + rank)
            count = schedule.batch // processes
            loss = task.losses(forward, random, step=state.step, progress=progress, count=count).mean()

            if state.step % 20 == 0:
                refuse_nan(state.step, float(loss.detach()))
            set_learning_rate(state, schedule, progress)
            state.network.zero_grad(set_to_none=True)
            loss.backward()
            if schedule.clip:
                nn.utils.clip_grad_norm_(state.network.parameters(), schedule.clip)
            for optimizer in state.optimizers:
                optimizer.step()
            state.step += 1
            state.seconds = time.monotonic() - began
            if schedule.average:
                update_average(state, schedule.average)

            measured = {}
            if state.step % check_every == 0 and (rank == 0 or decides(schedule)):
                figures = measured = task.validate(state.average)
                if rank == 0:
                    write_log(folder, state, loss, figures, epoch=task.epoch)
                    tell(watches, state, task, figures)
                if decides(schedule):
                    watch(state, schedule, figures["validation_mse"])
            if rank == 0:
                show(progress, float(loss.detach()) if state.step % 20 == 0 else None)
                if interrupted() or time.monotonic() - saved > save_every_s:
                    save(state, recipe, folder)
                    saved = time.monotonic()
            if interrupted():
                if rank == 0:
                    log.warning("stopped after step %d: the same command goes on from there", state.step)
                break

    if state.kept is not None:
        state.average.load_state_dict(state.kept)
        measured = {}
    if rank == 0:
        figures = (measured or task.validate(state.average)) | input_figures(task, state.average, recipe)
        refuse_nan(state.step, *figures.values())
        save(state, recipe, folder)
        write_log(folder, state, None, figures, epoch=task.epoch)
        tell(watches, state, task, figures)
        export_network(state.average, recipe, target, steps=state.step, figures=figures)
    if processes > 1:
        dist.barrier()
        dist.destroy_process_group()
    return target


def plan_of_steps(recipe: Recipe, step: int, steps: int, epoch: int | None, minutes: float | None) -> str:
    """Say how long the training is, and where it begins."""
    schedule = recipe.schedule
    length = f"{steps:,} steps" if minutes is None else f"{minutes:g} minutes of steps"
    if epoch:
        length += f" ({schedule.epochs or steps / epoch:.3g} epochs of {epoch:,})" if minutes is None else ""
    words = f"{length} of {schedule.batch} images; learning rate {schedule.learning_rate:g}, {schedule.rates}"
    if not step:
        return words
    return f"{words}; going on from step {step:,}, at this schedule's learning rate"


def is_exported(path: Path, state: State) -> bool:
    """Whether the file has the network of this step."""
    with suppress(PellucidError):
        return Session(path, RunOptions("cpu", threads=1)).card.steps == state.step
    return False


class Unchanged(nn.Module):
    """A network that gives its noisy input back, for the figures of the noisy input."""

    def __init__(self, stride: int, family: Family) -> None:
        super().__init__()
        self.stride, self.alone = stride, len(family.outputs) == 1

    def forward(self, noisy: Tensor, *_: Tensor) -> Any:
        """Give the images, alone or with the None that stands for levels or a code."""
        return noisy if self.alone else (noisy, None)


def input_figures(task: Task, network: Network, recipe: Recipe) -> dict[str, float]:
    """The figures of the noisy input, by which those of a network that denoises are to be compared."""
    noisy = recipe.degrade.noise or recipe.degrade.camera
    if not noisy or not recipe.family.denoises:
        return {}
    figures = task.validate(Unchanged(network.stride, recipe.family)).items()
    return {input_figure(name): value for name, value in figures if "clean" not in name}


def share_done(
    state: State, steps: int, minutes: float | None, device: torch.device, processes: int
) -> float:
    """How much of the training is done, from 0 to 1."""
    if minutes is None:
        return state.step / steps
    share = torch.tensor(state.seconds / (60 * minutes), device=device)
    if processes > 1:
        dist.broadcast(share, 0)  # clocks differ, and all processes must stop at the same step
    return float(share)


def set_learning_rate(state: State, schedule: Schedule, progress: float) -> None:
    """Rise linearly, then fall.

    A cosine leads to a hundredth (Loshchilov and Hutter 2017); ``steps`` divides by ten after a half and
    after three quarters; ``plateau`` halves where the figure no longer improves; ``constant`` stays.
    """
    share = state.slower
    if schedule.rates == "cosine":
        share = 0.01 + 0.99 * (1 + math.cos(math.pi * progress)) / 2
    elif schedule.rates == "steps":
        share = 0.1 ** ((progress >= 0.5) + (progress >= 0.75))
    rate = schedule.learning_rate * share * min(1, (state.step + 1) / max(1, schedule.warm_up))
    for optimizer in state.optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def tell(watches: Sequence[Watch], state: State, task: Task, figures: dict[str, float]) -> None:
    """Show a measurement to whoever watches."""
    if watches:
        rate = {"learning_rate": state.optimizers[0].param_groups[0]["lr"]}
        examples = task.examples(state.average) if isinstance(task, Reconstruction) else None
        for watch in watches:
            watch(Check(state.step, figures | rate, examples))


def refuse_nan(step: int, *values: float) -> None:
    """Raise a LimitError when the loss, or a figure, is no number any more, before such weights are saved."""
    if not all(map(math.isfinite, values)):
        raise LimitError(
            f"The training diverged: after {step} steps the loss is no number (NaN)",
            "Delete the run folder, and train with a lower schedule.learning_rate, or schedule.clip=1",
        )


def decides(schedule: Schedule) -> bool:
    """Whether the validation figure decides something."""
    return schedule.rates == "plateau" or schedule.stop_after is not None


def watch(state: State, schedule: Schedule, figure: float) -> None:
    """Note the figure, and slow down on a plateau."""
    if figure < state.best:
        state.best, state.checks_without_improvement = figure, 0
        if schedule.stop_after is not None:
            state.kept = copy.deepcopy(state.average.state_dict())
        return
    state.checks_without_improvement += 1
    if schedule.rates == "plateau" and state.checks_without_improvement % schedule.patience == 0:
        state.slower /= 2


def gave_up(state: State, schedule: Schedule) -> bool:
    """Whether too many checks have passed without improvement; also of a run that ended so before."""
    return schedule.stop_after is not None and state.checks_without_improvement >= schedule.stop_after


@torch.no_grad()
def update_average(state: State, decay: float) -> None:
    """Move the averaged weights towards the present ones, faster at the beginning."""
    decay = min(decay, state.step / (state.step + 10))
    for mean, now in zip(state.average.parameters(), state.network.parameters(), strict=True):
        mean.lerp_(now, 1 - decay)
    for kept, running in zip(state.average.buffers(), state.network.buffers(), strict=True):
        kept.copy_(running)  # the running statistics of batch normalisation
