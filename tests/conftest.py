"""What many tests share: a real photograph, and files that other programs wrote."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.pictures import Make


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    """A piece of a real photograph, uint8 (96, 128, 3)."""
    from skimage import data

    piece: NDArray[np.uint8] = data.astronaut()[60:156, 160:288]
    return np.ascontiguousarray(piece)


@pytest.fixture
def pillow_file(tmp_path: Path) -> Make:
    """Write an array or a Pillow picture to a file with Pillow, and give the path."""

    def write(name: str, picture: NDArray[Any] | Image.Image, **options: Any) -> Path:
        path = tmp_path / name
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        image.save(path, **options)
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
