"""A folder of images as crops in memory.

Training reads each image a few times at random sizes, cuts crops and keeps them as one uint8 array, so
that a training step only indexes. Shrinking with antialiasing is what makes old JPEGs into clean targets:
their compression artefacts and grain go, and edges become as sharp as the pixels allow.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, LimitError, UsageError
from pellucid.io.files import read_image
from pellucid.io.image import from_float
from pellucid.io.registry import suffixes
from pellucid.io.vips import vips
from pellucid.noise.jpeg import YCBCR

log = logging.getLogger("pellucid")


def image_files(folders: Sequence[Path]) -> list[Path]:
    """Every image in the folders and below but hidden ones, in the same order on every machine.

    Raises
    ------
    InputError
        When a folder does not exist or contains no image.
    """
    files: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise InputError(
                f"There is no folder {folder}", "Check the path, and --data-dir or PELLUCID_DATA"
            )
        found = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in suffixes()
            and path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        )
        if not found:
            raise InputError(
                f"{folder} contains no images", f"Name a folder with {', '.join(suffixes())} files"
            )
        files += found
    return files


def read_samples(path: Path, channels: int) -> NDArray[np.uint8]:
    """One image as uint8 (height, width, channels), made grey when ``channels`` is 1.

    Raises
    ------
    InputError, LimitError
        As `read_image`; and when a value of a floating-point image is infinite or not a number.
    """
    pixels = read_image(path).pixels
    if not np.isfinite(pixels).all():
        raise InputError(f"{path} has values that are infinite or not a number", "Replace them")
    if channels == 1 and pixels.shape[2] == 3:
        pixels = pixels @ YCBCR[0][:, None]
    return from_float(np.broadcast_to(pixels, (*pixels.shape[:2], channels)), np.uint8)


def readable(paths: Iterable[Path], channels: int) -> Iterator[tuple[Path, NDArray[np.uint8]]]:
    """Go through the files that can be read, each with its samples; warn of the others."""
    for path in paths:
        try:
            yield path, read_samples(path, channels)
        except (InputError, LimitError) as exc:
            log.warning("Left out: %s", exc.problem)


def crop_pool(
    files: Sequence[Path],
    *,
    channels: int,
    size: int,
    per_image: int,
    shrunk: float = 0.0,
    scales: tuple[float, float] = (0.6, 1.0),
    vivid: float = 0.0,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Cut random crops from images, some at the image's own size and some from shrunk copies.

    Parameters
    ----------
    files : sequence of Path
    channels : int
        1 makes grey crops, 3 colour crops.
    size : int
        Height and width of a crop in pixels.
    per_image : int
        Crops from each image.
    shrunk : float
        The share of the crops that come from shrunk copies, 0 to 1.
    scales : (float, float)
        Each copy's scale is uniform between these, but never so small that no crop fits.
    vivid : float
        The share of the shrunk copies that are given other, stronger colours, 0 to 1.
    seed : int

    Returns
    -------
    uint8 array (n, channels, size, size)
        Crops of one image are neighbours.

    Raises
    ------
    UsageError
        When every image is smaller than a crop.
    """
    rng = np.random.default_rng(seed)
    crops = []
    for path in files:
        samples = read_samples(path, channels)
        if min(samples.shape[:2]) < size:
            log.warning("%s is smaller than a crop of %d pixels and is left out", path, size)
            continue
        crops += list(_crops(samples, size, per_image, shrunk, scales, vivid, rng))
    if not crops:
        raise UsageError(f"No image is as large as a crop of {size} pixels", "Set a smaller crop")
    return np.stack(crops)


def _crops(
    samples: NDArray[np.uint8],
    size: int,
    count: int,
    shrunk: float,
    scales: tuple[float, float],
    vivid: float,
    rng: np.random.Generator,
) -> Iterator[NDArray[np.uint8]]:
    """`count` crops (channels, size, size), eight from each random scale."""
    low, high = (max(scale, size / min(samples.shape[:2])) for scale in scales)
    for start in range(0, count, 8):
        scaled = samples
        if rng.random() < shrunk:
            scaled = shrink(samples, rng.uniform(low, high))
            if vivid and rng.random() < vivid:
                turn, towards = rng.uniform(0, 2 * np.pi, 2)
                strength, tilt = rng.uniform(1, 2.5), rng.uniform(0, np.pi / 3)
                scaled = recolour(scaled, turn=turn, strength=strength, tilt=tilt, towards=towards)
        for _ in range(min(8, count - start)):
            row, column = (rng.integers(extent - size + 1) for extent in scaled.shape[:2])
            yield scaled[row : row + size, column : column + size].transpose(2, 0, 1)


def recolour(
    samples: NDArray[np.uint8], *, turn: float, strength: float, tilt: float = 0.0, towards: float = 0.0
) -> NDArray[np.uint8]:
    """Turn every hue about the grey axis, make the colours stronger, and tilt the grey axis itself.

    Landscapes and people have few, weak colours, and old JPEGs blurred ones: a network that saw nothing else
    takes the difference between two channels for noise. Tilted, edges in brightness become edges in colour.

    Parameters
    ----------
    samples : uint8 array (height, width, 3)
    turn : float
        Angle in radians.
    strength : float
        Factor of the distance from grey.
    tilt : float
        Angle in radians by which the axis of greys is tilted about the image's mean colour.
    towards : float
        The hue to which it is tilted, as an angle in radians.

    Returns
    -------
    uint8 array (height, width, 3)
        The mean over all pixels and channels stays, unless values are clipped.
    """
    grey = np.full(3, 3**-0.5)
    across = rotation(grey, towards) @ np.array([1, -1, 0]) / np.sqrt(2)
    stronger = strength * np.eye(3) + (1 - strength) * np.outer(grey, grey)
    hues = rotation(grey, turn) @ stronger
    mean = samples.mean((0, 1))
    recoloured: NDArray[np.float64] = mean @ hues.T + (samples - mean) @ (rotation(across, tilt) @ hues).T
    return recoloured.round().clip(0, 255).astype(np.uint8)


def rotation(axis: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """The matrix (3, 3) that rotates about an axis of length 1 (Rodrigues' formula)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix: NDArray[np.float64] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return matrix


def shrink(samples: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Shrink an image with antialiasing (Lanczos of three lobes, widened by 1 / scale).

    Parameters
    ----------
    samples : uint8 array (height, width, channels)
    scale : float
        Above 0, at most 1.

    Returns
    -------
    uint8 array (round(height * scale), round(width * scale), channels)
    """
    image = vips().Image.new_from_array(samples)
    shrunk: NDArray[np.uint8] = image.resize(scale, kernel="lanczos3").numpy()
    return shrunk.reshape(*shrunk.shape[:2], samples.shape[2])
