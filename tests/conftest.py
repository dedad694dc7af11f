"""What many tests share: a real photograph, and files that other programs wrote."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from PIL import Image

from tests.images import Make

if TYPE_CHECKING:
    from tests.coded import Coded

# One core for each of xdist's workers: threads of several workers on one core mostly wait for each other.
if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and hasattr(os, "sched_setaffinity"):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})

# `make test-long` takes more; how long an example takes depends on the machine.
settings.register_profile("short", max_examples=25, deadline=None)
settings.register_profile("long", max_examples=200, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    """A piece of a real photograph, uint8 (96, 128, 3)."""
    from skimage import data

    piece: NDArray[np.uint8] = data.astronaut()[60:156, 160:288]
    return np.ascontiguousarray(piece)


@pytest.fixture
def pillow_file(tmp_path: Path) -> Make:
    """Write an array or a Pillow image to a file with Pillow, and give the path."""

    def write(name: str, image: NDArray[Any] | Image.Image, **options: Any) -> Path:
        path = tmp_path / name
        pil_image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        pil_image.save(path, **options)
        return path

    return write


@pytest.fixture
def tiff_file(tmp_path: Path) -> Make:
    """Write an array to a TIFF with tifffile, and give the path."""
    import tifffile

    def write(array: NDArray[Any], name: str = "made.tif", **options: Any) -> Path:
        path = tmp_path / name
        tifffile.imwrite(path, array, **{"metadata": None, **options})
        return path

    return write


@pytest.fixture(scope="session")
def coded_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("coded")


@pytest.fixture(scope="session")
def dense(coded_folder: Path) -> "Coded":
    """Grey, 12 x 12 pixels, a code of 4 x 4."""
    from pellucid.networks.families import DenseSettings
    from tests.coded import coded_file

    path = coded_folder / "dense.onnx"
    return path, coded_file(DenseSettings(level=4), path)


@pytest.fixture(scope="session")
def two(coded_folder: Path) -> "Coded":
    """Grey, 12 x 12 pixels, a code of two numbers."""
    from pellucid.networks.families import ConvLatentSettings
    from tests.coded import coded_file

    path = coded_folder / "two.onnx"
    return path, coded_file(ConvLatentSettings(code=2, widths=(4, 8)), path)


@pytest.fixture(scope="session")
def pool(coded_folder: Path) -> "Coded":
    """Colour, sides that 4 divides, a code of 6 channels."""
    from pellucid.networks.families import ConvPoolSettings
    from tests.coded import coded_file

    path = coded_folder / "pool.onnx"
    return path, coded_file(ConvPoolSettings(widths=(4, 6), up="nearest"), path, channels=3)


@pytest.fixture(scope="session")
def unpool(coded_folder: Path) -> "Coded":
    """Grey; its decoder needs to know where the maxima were."""
    from pellucid.networks.families import ConvPoolSettings
    from tests.coded import coded_file

    path = coded_folder / "unpool.onnx"
    return path, coded_file(ConvPoolSettings(widths=(4,), up="unpool"), path)
