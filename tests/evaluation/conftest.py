"""Small sets of images."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.evaluation.images import ImageSet


def pieces(photo: NDArray[np.uint8], count: int, side: int) -> list[NDArray[np.uint8]]:
    """Grey pieces (side, side, 1) of a photograph."""
    rng = np.random.default_rng(0)
    grey = photo.mean(axis=2, keepdims=True).astype(np.uint8)
    corners = rng.integers(0, np.array(grey.shape[:2]) - side, (count, 2))
    return [grey[row : row + side, column : column + side] for row, column in corners]


@pytest.fixture(scope="session")
def images(photo: NDArray[np.uint8]) -> ImageSet:
    """Twelve test and five validation images, grey, 16 x 16."""
    every = pieces(photo, 17, 16)
    return ImageSet("pieces", every[:12], every[12:], "pieces of a photograph")
