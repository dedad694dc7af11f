"""A folder of pictures as crops in memory.

Training reads each picture a few times at random sizes, cuts crops and keeps them as one uint8 array, so
that a training step only indexes. Shrinking with antialiasing is what makes old JPEGs into clean targets:
their compression artefacts and grain go, and edges become as sharp as the pixels allow.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, UsageError
from pellucid.images.containers import SUFFIXES
from pellucid.images.files import read_image
from pellucid.images.resize import shrink

log = logging.getLogger("pellucid")


def picture_files(folders: Sequence[Path]) -> list[Path]:
    """Every picture in the folders and below, in the same order on every machine.

    Raises
    ------
    InputError
        When a folder does not exist or holds no picture.
    """
    files: list[Path] = []
    for folder in folders:
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        if not found:
            raise InputError(
                f"{folder} holds no pictures", f"Name a folder with {', '.join(sorted(SUFFIXES))} files"
            )
        files += found
    return files


def read_samples(path: Path, channels: int) -> NDArray[np.uint8]:
    """One picture as uint8 (height, width, channels), made grey when ``channels`` is 1."""
    pixels = read_image(path).pixels
    if channels == 1 and pixels.shape[2] == 3:
        pixels = pixels @ np.array([[0.299], [0.587], [0.114]], np.float32)  # luma of ITU-R BT.601
    return np.rint(np.broadcast_to(pixels, (*pixels.shape[:2], channels)) * 255).astype(np.uint8)


def crop_pool(
    files: Sequence[Path],
    *,
    channels: int,
    size: int,
    per_picture: int,
    shrink_to: float = 1.0,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Cut random crops from pictures, half of them at the picture's own size and half from shrunk copies.

    Parameters
    ----------
    files : sequence of Path
    channels : int
        1 makes grey crops, 3 colour crops.
    size : int
        Height and width of a crop in pixels.
    per_picture : int
        Crops from each picture.
    shrink_to : float
        The smallest scale; each copy's own is uniform between this and 1. 1 never shrinks.
    seed : int

    Returns
    -------
    uint8 array (n, channels, size, size)
        Crops of one picture lie together.

    Raises
    ------
    UsageError
        When every picture is smaller than a crop.
    """
    rng = np.random.default_rng(seed)
    crops = []
    for path in files:
        samples = read_samples(path, channels)
        if min(samples.shape[:2]) < size:
            log.warning("%s is smaller than a crop of %d pixels and is left out", path, size)
            continue
        crops += list(_crops(samples, size, per_picture, shrink_to, rng))
    if not crops:
        raise UsageError(f"No picture is as large as a crop of {size} pixels", "Set a smaller crop")
    return np.stack(crops)


def _crops(
    samples: NDArray[np.uint8], size: int, count: int, shrink_to: float, rng: np.random.Generator
) -> Iterator[NDArray[np.uint8]]:
    """`count` crops (channels, size, size), eight from each random scale."""
    smallest = max(shrink_to, size / min(samples.shape[:2]))
    for start in range(0, count, 8):
        scaled = samples
        if shrink_to < 1 and rng.random() < 0.5:
            scaled = shrink(samples, rng.uniform(smallest, 1))
        for _ in range(min(8, count - start)):
            row, column = (rng.integers(extent - size + 1) for extent in scaled.shape[:2])
            yield scaled[row : row + size, column : column + size].transpose(2, 0, 1)
