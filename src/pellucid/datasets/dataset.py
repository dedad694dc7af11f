"""A set of images in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """Clean images, and a fixed split of them: training, validation and test.

    Parameters
    ----------
    name : str
    train, validation, test : uint8 array (n, height, width, channels)
        0 to 255; `pellucid.io.image.to_float` scales them to 1. Nothing is chosen by the test images.
    note : str
        Which images these are, for the log and the report of a run.
    train_labels, validation_labels, test_labels : int64 array (n,), optional
        The class of each image; None where there are no classes.
    """

    name: str
    train: NDArray[np.uint8]
    validation: NDArray[np.uint8]
    test: NDArray[np.uint8]
    note: str
    train_labels: NDArray[np.int64] | None = None
    validation_labels: NDArray[np.int64] | None = None
    test_labels: NDArray[np.int64] | None = None


def count(train: int, validation: int, test: int) -> str:
    """The sizes of the three parts in words, for a `Dataset.note`."""
    return f"{train:,} to train, {validation:,} to validate, {test:,} to test"
