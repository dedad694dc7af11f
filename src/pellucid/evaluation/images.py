"""The images that networks are evaluated on, and the noise that is added to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.dataset import Dataset
from pellucid.datasets.folder import image_files, readable
from pellucid.datasets.named import SETS, load_dataset
from pellucid.errors import InputError, UsageError
from pellucid.inference.batches import LARGEST_BATCH, Batch
from pellucid.io.files import read_image
from pellucid.io.image import to_float
from pellucid.noise.base import Noise, NumpyRandom
from pellucid.noise.registry import parse_noise
from pellucid.noise.sensor import Gaussian

Samples: TypeAlias = NDArray[np.uint8]
"""One image (height, width, channels)."""

Labels: TypeAlias = NDArray[np.int64]
"""The class of each image (n,), from 0."""

LARGEST_BATCH_PIXELS = 2**21


@dataclass(frozen=True)
class ImageSet:
    """Clean images for an evaluation.

    Parameters
    ----------
    name : str
    test : sequence of uint8 arrays (height, width, channels)
        Nothing was trained on them; each image may have its own size.
    validation : sequence of uint8 arrays (height, width, channels)
        Other images, on which the parameters of the classical baselines are chosen.
    note : str
        Which part of the set was found.
    train : sequence of uint8 arrays (height, width, channels)
        Training images, for methods that are compared with networks; none of a folder.
    labels, train_labels : int arrays (n,), optional
        The classes of the test and the training images, where there are any.
    """

    name: str
    test: Sequence[Samples]
    validation: Sequence[Samples]
    note: str = ""
    train: Sequence[Samples] = ()
    labels: Labels | None = None
    train_labels: Labels | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """All parts of a dataset; the arrays are (n, height, width, channels)."""
        return cls(
            dataset.name,
            list(dataset.test),
            list(dataset.validation),
            dataset.note,
            list(dataset.train),
            dataset.test_labels,
            dataset.train_labels,
        )

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        channels: int = self.test[0].shape[2]
        return channels

    def first(self, limit: int) -> Self:
        """The same set with only its first test images."""
        labels = None if self.labels is None else self.labels[:limit]
        return replace(self, test=self.test[:limit], labels=labels)


def load_set(name: str, *, data_dir: Path | None = None, grey: bool = False) -> ImageSet:
    """Load a dataset by name, or the images of a folder, each in its own size.

    Parameters
    ----------
    name : str
        Such as ``mnist``; or a folder, which may be in `data_dir`.
    data_dir : Path, optional
        The folder above the dataset's files; by default they are downloaded.
    grey : bool
        Make the images of a folder grey. By default they are grey when all files are.

    Raises
    ------
    UsageError
        When there is neither such a dataset nor such a folder.
    InputError
        When the folder contains no images.
    """
    if name in SETS:
        return ImageSet.of(load_dataset(name, data_dir=data_dir))
    for folder in (Path(name), *([data_dir / name] if data_dir else [])):
        if folder.is_dir():
            return replace(folder_set(folder, grey=grey), name=name)
    raise UsageError(f"There is no set {name!r}", f"Name one of {', '.join(SETS)}, or a folder of images")


def folder_set(folder: Path, *, grey: bool = False) -> ImageSet:
    """All images in a folder and below, and photographs of scikit-image for validation.

    Files that cannot be read are left out with a warning.

    Raises
    ------
    InputError
        When the folder contains no images that can be read.
    """
    files = image_files([folder])
    found = list(readable(files, 1 if grey else 3))
    if not found:
        raise InputError(f"No image in {folder} can be read", "Name a folder of whole images")
    if not grey and all(read_image(path).pixels.shape[2] == 1 for path, _ in found):
        grey, found = True, [(path, samples[..., :1]) for path, samples in found]
    note = f"{len(found)} {'grey' if grey else 'colour'} images of {folder}"
    if left_out := len(files) - len(found):
        note += f"; {left_out} more cannot be read"
    return ImageSet(str(folder), [samples for _, samples in found], photographs(grey=grey), note)


def photographs(*, grey: bool) -> list[Samples]:
    """Pieces of 128 x 128 pixels of four photographs that come with scikit-image."""
    from skimage import data

    pieces = [
        data.astronaut()[60:, 160:],
        data.cat()[80:, 100:],
        data.coffee()[100:, 200:],
        data.rocket()[200:, 240:],
    ]
    colours = [np.ascontiguousarray(piece[:128, :128]) for piece in pieces]
    return [
        np.rint(piece.mean(axis=2, keepdims=True)).astype(np.uint8) if grey else piece for piece in colours
    ]


@dataclass(frozen=True)
class Corruption:
    """How clean images are made noisy.

    Parameters
    ----------
    noise : Noise
        Of one strength, without a range.
    seed : int
    clip : bool
        Clip the noisy images to [0, 1], as whatever stores them would. They are not rounded.
    """

    noise: Noise
    seed: int = 0
    clip: bool = True

    @property
    def sigma(self) -> float | None:
        """The standard deviation that a denoiser may be given, 0 to 1; None unless the noise is Gaussian."""
        return self.noise.sigma if isinstance(self.noise, Gaussian) else None

    def batches(self, images: Sequence[Samples]) -> Iterator[tuple[Batch, Batch]]:
        """Go through the images in batches of one size, clean and noisy.

        One source of random numbers serves all images in order, so each has the same noise whichever
        images follow.

        Yields
        ------
        clean, noisy : float32 arrays (n, height, width, channels)
        """
        random = NumpyRandom(self.seed)
        for samples in _alike(images):
            clean = to_float(samples)
            noisy = np.stack([self.noise.apply(each, random) for each in clean])
            yield clean, noisy.clip(0, 1) if self.clip else noisy


def _alike(images: Sequence[Samples]) -> Iterator[NDArray[np.uint8]]:
    """Stack neighbours of one shape."""
    for (height, width, _), group in groupby(images, key=np.shape):
        count = max(1, min(LARGEST_BATCH, LARGEST_BATCH_PIXELS // (height * width)))
        while batch := list(islice(group, count)):
            yield np.stack(batch)


def first(images: Sequence[Samples], most: int | None, pixels: int) -> Sequence[Samples]:
    """The first images, at most this many with at most this many pixels in all, but at least one."""
    area = np.cumsum([each.shape[0] * each.shape[1] for each in images[:most]])
    return images[: max(1, int(np.searchsorted(area, pixels, side="right")))]


def read_corruption(text: str, *, seed: int = 0, clip: bool = True) -> Corruption:
    """Read a noise that has the same strength for every image.

    Raises
    ------
    UsageError
        When it cannot be read, or a parameter is a range.
    """
    noise = parse_noise(text)
    if noise.ranges:
        raise UsageError(
            f"{text!r} is a range, and figures belong to one noise level",
            "Give one value, and the option again for each further one",
        )
    return Corruption(noise, seed, clip)
