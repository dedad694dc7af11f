"""One file of each kind of autoencoder, beside the network in it."""

from pathlib import Path

import pytest
import torch

from pellucid.networks.autoencoder import Autoencoder
from pellucid.training.recipe import ConvLatentTable, ConvPoolTable, DenseTable
from tests.latent.made import coded_file

Coded = tuple[Path, Autoencoder]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Threads that share a tiny network mostly wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("coded")


@pytest.fixture(scope="session")
def dense(folder: Path) -> Coded:
    """Grey, 12 x 12 pixels, a code of 4 x 4."""
    path = folder / "dense.onnx"
    return path, coded_file(DenseTable(level=4), path)


@pytest.fixture(scope="session")
def two(folder: Path) -> Coded:
    """Grey, 12 x 12 pixels, a code of two numbers."""
    path = folder / "two.onnx"
    return path, coded_file(ConvLatentTable(code=2, widths=(4, 8)), path)


@pytest.fixture(scope="session")
def pool(folder: Path) -> Coded:
    """Colour, sides that 4 divides, a code of 6 channels."""
    path = folder / "pool.onnx"
    return path, coded_file(ConvPoolTable(widths=(4, 6), up="nearest"), path, channels=3)


@pytest.fixture(scope="session")
def unpool(folder: Path) -> Coded:
    """Grey; its decoder needs to know where the maxima were."""
    path = folder / "unpool.onnx"
    return path, coded_file(ConvPoolTable(widths=(4,), up="unpool"), path)
