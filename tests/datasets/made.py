"""Bytes of small files in the formats of the classical sets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def idx(values: NDArray[np.uint8]) -> bytes:
    """An IDX file."""
    return bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes() + values.tobytes()


def cifar(images: NDArray[np.uint8], labels: NDArray[Any]) -> bytes:
    """A part of CIFAR-10 from images (n, 32, 32, 3) and their labels."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.concatenate([labels[:, None].astype(np.uint8), planes], axis=1).tobytes()
