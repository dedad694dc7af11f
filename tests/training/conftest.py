"""Pictures to train on, and a short run that several tests look at."""

from pathlib import Path

import pytest
import torch

from pellucid.training.loop import train
from tests.tiny import tiny_recipe, training_pictures


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Threads that share a tiny convolution mostly wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders that `tiny_recipe` names."""
    return training_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Path:
    """The run folder of `tiny_recipe()`, trained from beginning to end."""
    folder = tmp_path_factory.mktemp("run")
    train(tiny_recipe(), folder, data_dir=data_dir, device="cpu")
    return folder
