"""Images to train on, short runs that several tests look at, and a way to stop a run."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pellucid.networks.network import Network
from pellucid.training.loop import train
from pellucid.training.recipe import Recipe
from tests import tiny
from tests.tiny import set_images, tiny_recipe, training_images

Interrupt = Callable[[int], AbstractContextManager[None]]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Threads that share a tiny convolution mostly wait for each other."""
    torch.set_num_threads(1)


traced_once = pytest.fixture(scope="module", autouse=True)(tiny.traced_once)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders that `tiny_recipe` and `set_recipe` name."""
    return set_images(training_images(tmp_path_factory.mktemp("images")))


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """The run folder of `tiny_recipe()`, trained from beginning to end."""
    folder = tmp_path_factory.mktemp("run")
    train(tiny_recipe(), folder, data_dir=data_dir, device="cpu")
    return folder


@pytest.fixture
def interrupt() -> Interrupt:
    """Press Ctrl-C when a network sees its images for so manieth time."""

    @contextmanager
    def during(forward: int) -> Iterator[None]:
        calls = 0

        def press(module: nn.Module, inputs: Any) -> None:
            nonlocal calls
            calls += isinstance(module, Network)
            if calls == forward:
                raise KeyboardInterrupt

        hook = nn.modules.module.register_module_forward_pre_hook(press)
        try:
            with pytest.raises(KeyboardInterrupt):
                yield
        finally:
            hook.remove()

    return during


@pytest.fixture
def trained(data_dir: Path, tmp_path: Path) -> Callable[[Recipe], Path]:
    """Train by a recipe in a folder of its own, and give that."""

    def run(recipe: Recipe) -> Path:
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        train(recipe, folder, data_dir=data_dir, device="cpu")
        return folder

    return run
