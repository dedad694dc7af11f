"""A folder of images as a data set: every image brought to one size, split by file."""

import hashlib
import itertools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.dataset import Dataset, count
from pellucid.datasets.folder import image_files, readable
from pellucid.errors import InputError, UsageError
from pellucid.io.vips import vips

log = logging.getLogger("pellucid")


def folder_dataset(
    folder: Path,
    *,
    size: int,
    channels: Literal[1, 3],
    fit: Literal["crop", "resize", "cut"] = "crop",
    crops: int = 1,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
) -> Dataset:
    """Load every image in a folder and below, and split them by file.

    Which part an image falls into depends on the seed and the content of the files, not on their names, their
    order or `size`. Images that are identical at this size stay together. What cannot be read is left out
    with a warning.

    Parameters
    ----------
    folder : Path
    size : int
        Height and width in pixels that every image gets.
    channels : int
        1 makes grey images, 3 colour images.
    fit : str
        ``crop`` takes the largest square in the middle; ``resize`` takes all and gives up the proportions;
        ``cut`` takes a square of `size` pixels from the middle and keeps the resolution.
    crops : int
        Of ``cut``: how many squares from random positions each training image gives instead.
    validation, test : float
        Shares of the different images, from 0; a part gets at least one, or none at 0.
    seed : int

    Raises
    ------
    UsageError
        When an option has a value that cannot be.
    InputError
        When the folder contains fewer readable images than the parts need.
    """
    if size < 1 or channels not in (1, 3) or fit not in ("crop", "resize", "cut"):
        raise UsageError(
            f"Images of {size} pixels and {channels} channels by {fit!r} were asked for",
            "Ask for 1 pixel or more, 1 or 3 channels, 'crop', 'resize' or 'cut'",
        )
    if not (validation >= 0 and test >= 0 and validation + test < 1):
        raise UsageError(
            f"Shares of {validation:g} to validate and {test:g} to test were asked for",
            "Give shares from 0 that leave something to train",
        )
    paths = image_files([folder])
    files, images, pieces = [], [], []
    for path, samples in readable(paths, channels):
        files.append(path)
        images.append(_fit(samples, size, fit))
        pieces.append(
            _random_cuts(samples, size, crops, _lot(path, seed)) if fit == "cut" and crops > 1 else ()
        )
    groups = sorted(_identical(images), key=lambda group: min(_lot(files[each], seed) for each in group))
    tested, validated = (max(round(share * len(groups)), 1) if share else 0 for share in (test, validation))
    if len(groups) <= tested + validated:
        raise InputError(
            f"{folder} has only {len(groups)} different images that can be read",
            "Add images, or set a share (validation, test) to 0",
        )
    cuts = itertools.pairwise((0, tested, tested + validated, len(groups)))
    parts = [list(itertools.chain(*groups[start:end])) for start, end in cuts]
    note = f"{len(files)} images of {size} x {size} pixels: {count(*map(len, reversed(parts)))}"
    if copies := len(files) - len(groups):
        note += f"; {copies} of them are copies of others and in the same part as those"
        one, other, *_ = next(group for group in groups if len(group) > 1)
        log.warning("%s: %s; %s is a copy of %s", folder, note, files[other], files[one])
    if left_out := len(paths) - len(files):
        note += f"; {left_out} more cannot be read"
    everything = np.stack(images)
    train = everything[parts[2]]
    if crops > 1 and fit == "cut":
        train = np.stack([piece for each in parts[2] for piece in pieces[each]])
        note += f"; {crops} random squares from each training image"
    return Dataset(
        name=folder.resolve().name,
        train=train,
        validation=everything[parts[1]],
        test=everything[parts[0]],
        note=note,
    )


def _fit(samples: NDArray[np.uint8], size: int, fit: str) -> NDArray[np.uint8]:
    if fit == "cut":
        samples = _at_least(samples, size)
        return _square(samples, size, *((extent - size) // 2 for extent in samples.shape[:2]))
    if fit == "crop":
        side = min(samples.shape[:2])
        samples = _square(samples, side, *((extent - side) // 2 for extent in samples.shape[:2]))
    return _resize(samples, size, size)


def _random_cuts(samples: NDArray[np.uint8], size: int, count: int, lot: bytes) -> list[NDArray[np.uint8]]:
    """Squares from random positions, which depend on the image's lot."""
    samples, rng = _at_least(samples, size), np.random.default_rng(list(lot))
    room = [extent - size + 1 for extent in samples.shape[:2]]
    return [_square(samples, size, *rng.integers(room).tolist()) for _ in range(count)]


def _square(samples: NDArray[np.uint8], side: int, top: int, left: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(samples[top : top + side, left : left + side])


def _at_least(samples: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The image, enlarged where a side is shorter than `size`."""
    height, width = samples.shape[:2]
    scale = size / min(height, width)
    return (
        samples if scale <= 1 else _resize(samples, *(max(size, round(scale * n)) for n in (height, width)))
    )


def _resize(samples: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    old_height, old_width, channels = samples.shape
    raster = vips().Image.new_from_array(samples)
    fitted = raster.resize(width / old_width, vscale=height / old_height, kernel="lanczos3").numpy()
    return np.asarray(fitted, np.uint8).reshape(height, width, channels)


def _identical(images: Sequence[NDArray[np.uint8]]) -> list[list[int]]:
    """The numbers of the images, those of identical ones together."""
    groups: dict[bytes, list[int]] = {}
    for number, image in enumerate(images):
        groups.setdefault(hashlib.sha256(image.tobytes()).digest(), []).append(number)
    return list(groups.values())


def _lot(file: Path, seed: int) -> bytes:
    """The key of a random order of the files; from their bytes, since decoders differ between versions."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return hashlib.sha256(f"{seed}:{digest}".encode()).digest()
