"""What a training asks of its process: a device, threads, memory, and to end between two steps."""

import ctypes
import logging
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import torch
import torch.distributed as dist

from pellucid.cpus import usable_cpus
from pellucid.errors import DeviceError
from pellucid.networks.families import Family
from pellucid.training.recipe import Schedule

log = logging.getLogger("pellucid")

STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that ask a process to end; Windows has no SIGHUP."""


def join_processes(device: str) -> tuple[int, int, torch.device]:
    """How many processes train together, which of them this is, and its device."""
    if device == "auto":
        device = "cuda" if cuda_works() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise DeviceError(f"There is no device {device!r}", "Choose auto, cpu, cuda or cuda:1")
    if device != "cpu" and int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise DeviceError(f"No device {device!r} is available", "Train with --device cpu")
    processes = int(os.environ.get("WORLD_SIZE", "1"))  # torchrun sets these
    if processes == 1:
        return 1, 0, torch.device(device)
    local = int(os.environ["LOCAL_RANK"])
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    where = torch.device("cuda", local) if device.startswith("cuda") else torch.device("cpu")
    return processes, dist.get_rank(), where


def cuda_works() -> bool:
    """Whether CUDA is there and computes; torch also lists GPUs for which it has no kernels."""
    try:
        return torch.cuda.is_available() and float(torch.ones(1, device="cuda") + 1) == 2
    except RuntimeError as exc:
        log.warning("CUDA is listed by torch but does not work here: %s. The CPU is used", exc)
        return False


def own_generator(device: torch.device) -> torch.Generator:
    """Torch's own random numbers, which dropout uses: so they too depend on the step alone."""
    if device.type == "cpu":
        return torch.default_generator
    return torch.cuda.default_generators[device.index or 0]


def autocast(schedule: Schedule, device: torch.device) -> AbstractContextManager[Any]:
    """Compute in bfloat16 where the recipe says so, but not where it would take ten times as long."""
    slow = device.type == "cpu" and not torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    if schedule.precision == "float32" or slow:
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


@contextmanager
def suitable_threads(family: Family) -> Iterator[None]:
    """Compute in as many threads as the process may use CPUs: OpenMP does not see the quota of a container.

    The layers of a dense network are so small that a second thread saves nothing, and costs much as soon as
    other processes want its CPU; it gets a second one only by OMP_NUM_THREADS.
    """
    usual = torch.get_num_threads()
    one = family.one_thread and "OMP_NUM_THREADS" not in os.environ
    torch.set_num_threads(1 if one else min(usual, usable_cpus()))
    try:
        yield
    finally:
        torch.set_num_threads(usual)


@contextmanager
def without_subnormals() -> Iterator[None]:
    """Round numbers below 1e-38 to 0: dead units leave such in Muon's momentum, and they slow a step."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)  # Python's own floats share the setting


def keep_memory() -> None:
    """Ask glibc to keep what was freed: to give it back and take it anew costs a tenth of a step."""
    with suppress(OSError, AttributeError, TypeError):  # other C libraries have no such function
        set_option = ctypes.CDLL(None).mallopt
        set_option(-1, 1 << 30)  # M_TRIM_THRESHOLD: the most that stays
        set_option(-3, 32 << 20)  # M_MMAP_THRESHOLD: larger pieces always go back; this is its highest value


@contextmanager
def whole_steps() -> Iterator[Callable[[], bool]]:
    """Let a first Ctrl-C, or another signal to stop, wait; yields the function that says whether one came.

    At the end of the block the usual handler gets the signal. A second one is not delayed.
    """
    usual: dict[int, Any] = {}
    came: list[int] = []

    def give_back() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)

    def note(number: int, _frame: Any) -> None:
        came.append(number)
        give_back()

    if threading.current_thread() is threading.main_thread():  # no other may set handlers
        handlers = {number: signal.getsignal(number) for number in STOPS}
        # What the system does by itself, or ignores, stays so.
        usual = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in usual:
        signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        give_back()
    if came:
        signal.raise_signal(came[0])
        raise KeyboardInterrupt
