"""The sets that go by a name: MNIST, Fashion-MNIST, CIFAR-10, and small digits that need no download.

Files in a folder of the user's are taken, below ``mnist/``, ``fashion-mnist/`` and ``cifar10/``, gzipped or
not. What is not there is downloaded, once; the small digits come with scikit-learn. Variables of the
environment say where: PELLUCID_DATA is that folder, PELLUCID_MIRROR an address that serves the three folders
instead of the sets' homes, and PELLUCID_CACHE the folder for what is downloaded.
"""

import hashlib
import logging
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.datasets.dataset import Dataset, count
from pellucid.datasets.formats import parse_cifar, parse_idx, read_unpacked
from pellucid.errors import InputError, LimitError, UsageError, require

log = logging.getLogger("pellucid")

Part = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Images (n, height, width, channels) and their labels (n,)."""


@dataclass(frozen=True)
class Source:
    """Where a set comes from.

    Parameters
    ----------
    name : str
        As the user writes it; also the folder below the user's and below a mirror.
    homes : tuple of str
        Addresses, each with its last slash, tried one after the other.
    md5 : mapping
        The files and the MD5 of their unpacked content; of an archive that of the archive.
    """

    name: str
    homes: tuple[str, ...]
    md5: Mapping[str, str]


MNIST = Source(
    "mnist",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
)
FASHION_MNIST = Source(
    "fashion-mnist",
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    },
)
ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR10 = Source(
    "cifar10",
    ("https://www.cs.toronto.edu/~kriz/",),
    {
        ARCHIVE: "c32a1d4ab5d03f1284b67883e8d87530",
        "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    },
)
SMALL_DIGITS = Source("small-digits", (), {})
SETS = {each.name: each for each in (MNIST, FASHION_MNIST, CIFAR10, SMALL_DIGITS)}

TRAIN = [f"data_batch_{number}.bin" for number in range(1, 6)]
TEST = ["test_batch.bin", "test_first_1000.bin"]  # the first that is there


def load_dataset(name: str, *, data_dir: Path | None = None) -> Dataset:
    """Load a set by its name.

    MNIST and Fashion-MNIST: 55,000 images train, the last 5,000 validate, 10,000 test. CIFAR-10: as many of
    the parts are used as the folder contains. Of all five the last 5,000 images validate, of fewer the last
    twentieth; ``test_batch.bin`` tests, or else ``test_first_1000.bin``. Small digits: 1,440 train, 160
    validate, 197 test.

    Parameters
    ----------
    name : str
        ``mnist``, ``fashion-mnist``, ``cifar10`` or ``small-digits``.
    data_dir : Path, optional
        The folder above ``mnist/`` and the others; by default the variable PELLUCID_DATA.

    Raises
    ------
    UsageError
        When there is no such set, or PELLUCID_MIRROR is no address.
    InputError
        When a file is broken or not the published one, or cannot be downloaded.
    LimitError
        When a file is far too large, or what is downloaded cannot be stored.
    MissingExtraError
        When something must be downloaded and pooch is not installed, or scikit-learn for the small digits.
    """
    if name == SMALL_DIGITS.name:
        return load_small_digits()
    if name not in SETS:
        raise UsageError(f"There is no data set {name!r}", f"Name one of {', '.join(SETS)}")
    if data_dir is None and os.environ.get("PELLUCID_DATA"):
        data_dir = Path(os.environ["PELLUCID_DATA"])
    if data_dir is not None and not data_dir.is_dir():
        raise InputError(
            f"{data_dir} is no folder", f"Name the folder that contains {name}/, or none to download the set"
        )
    return (load_cifar if name == CIFAR10.name else load_idx)(SETS[name], data_dir)


def load_idx(source: Source, data_dir: Path | None) -> Dataset:
    """Load a set of IDX files: images and labels to train, images and labels to test.

    Raises
    ------
    UsageError, InputError, LimitError, MissingExtraError
        As `load_dataset`.
    """
    train, train_labels, test, test_labels = (_read_idx(source, name, data_dir) for name in source.md5)
    return _split(
        source,
        (train[..., None], train_labels.astype(np.int64)),
        (test[..., None], test_labels.astype(np.int64)),
        part=12,  # 5,000 of 60,000
        note="the whole set",
    )


def load_small_digits() -> Dataset:
    """Load scikit-learn's 1,797 digits of 8 x 8 pixels (Alpaydin and Kaynak 1998), enlarged to 28 x 28.

    Raises
    ------
    MissingExtraError
        When scikit-learn is not installed.
    """
    require("sklearn", "lab", "to load its digits")
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.kron(digits.images / 16 * 255, np.ones((3, 3)))
    images = np.pad(images, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)[..., None]
    labels = digits.target.astype(np.int64)
    train, test = (images[:1600], labels[:1600]), (images[1600:], labels[1600:])
    return _split(SMALL_DIGITS, train, test, part=10, note="the whole set")


def load_cifar(source: Source, data_dir: Path | None) -> Dataset:
    """Load CIFAR-10 from the parts in the folder or, when none of them trains, from its archive.

    Raises
    ------
    UsageError, InputError, LimitError, MissingExtraError
        As `load_dataset`.
    """
    parts = _read_parts(source, data_dir)
    if not parts.keys() & set(TRAIN):
        archive = _download(source, ARCHIVE)
        with tarfile.open(archive) as tar:
            files = {Path(each.name).name: file.read() for each in tar if (file := tar.extractfile(each))}
        names = (name for name in (*TRAIN, *TEST) if name in files)
        parts = {name: parse_cifar(files[name], f"{archive}: {name}") for name in names}
    train = [name for name in TRAIN if name in parts]
    test = next((name for name in TEST if name in parts), None)
    if test is None:
        raise InputError(
            f"{source.name} has {', '.join(train)} but no test images",
            f"Put {' or '.join(TEST)} in the same folder, or remove them and let the whole set be downloaded",
        )
    whole = train == TRAIN and test == TEST[0]
    images, labels = zip(*(parts[name] for name in train), strict=True)
    return _split(
        source,
        (np.concatenate(images), np.concatenate(labels)),
        parts[test],
        part=10 if train == TRAIN else 20,  # 5,000 of 50,000; 500 of 10,000
        note="the whole set" if whole else f"{', '.join(train)} and {test} only",
    )


def _split(source: Source, train: Part, test: Part, *, part: int, note: str) -> Dataset:
    """Set the last of the training images aside, one in `part`."""
    images, labels = train
    cut = len(images) - len(images) // part
    if cut == len(images):
        raise InputError(
            f"{source.name} has {cut} training images, too few to set one in {part} aside", "Add images"
        )
    return Dataset(
        name=source.name,
        train=images[:cut],
        validation=images[cut:],
        test=test[0],
        train_labels=labels[:cut],
        validation_labels=labels[cut:],
        test_labels=test[1],
        note=f"{note}: {count(cut, len(images) - cut, len(test[0]))}",
    )


# ---- files ---------------------------------------------------------------------------------------


def _find(source: Source, name: str, data_dir: Path | None) -> Path | None:
    """The file in the user's folder, or in the one that CIFAR-10's archive unpacks to, gzipped or not."""
    if data_dir is None:
        return None
    folders = data_dir / source.name, data_dir / source.name / "cifar-10-batches-bin"
    paths = [folder / f"{name}{suffix}" for folder in folders for suffix in ("", ".gz")]
    return next((path for path in paths if path.is_file()), None)


def _read_idx(source: Source, name: str, data_dir: Path | None) -> NDArray[np.uint8]:
    path = _find(source, name, data_dir) or _download(source, name, packed=".gz")
    content = read_unpacked(path)
    values = parse_idx(content, path, dimensions=3 if "idx3" in name else 1)
    if _md5(content) != source.md5[name]:
        raise InputError(
            f"{path} is not the published file of {source.name}: its content has the MD5 {_md5(content)}, "
            f"not {source.md5[name]}",
            "Delete it and let the published one be downloaded",
        )
    return values


def _read_parts(source: Source, data_dir: Path | None) -> dict[str, Part]:
    parts = {}
    for name in (*TRAIN, *TEST):
        if path := _find(source, name, data_dir):
            content = read_unpacked(path)
            parts[name] = parse_cifar(content, path)
            if source.md5.get(name, _md5(content)) != _md5(content):
                log.warning("%s is not the published file of %s", path, source.name)
    return parts


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


# ---- downloads -----------------------------------------------------------------------------------


def _download(source: Source, name: str, *, packed: str = "") -> Path:
    """The file in the cache, unpacked; downloaded when it is missing or has changed."""
    pooch = require("pooch", "lab", f"to download {source.name}")

    def unpack(url: str, path: str, _: object) -> None:
        pooch.HTTPDownloader()(url, path, None)
        Path(path).write_bytes(read_unpacked(Path(path)))

    cache = Path(os.environ.get("PELLUCID_CACHE") or pooch.os_cache("pellucid")) / source.name
    reasons = []
    for home in _homes(source):
        url = f"{home}{name}{packed}"
        try:
            cache.mkdir(parents=True, exist_ok=True)
            known = f"md5:{source.md5[name]}"
            return Path(pooch.retrieve(url, known, name, cache, downloader=unpack if packed else None))
        except OSError as exc:
            if isinstance(exc.errno, int):  # of the disk; those of the network come without a number
                raise LimitError(
                    f"{cache} cannot be written: {exc.strerror}", "Name another folder with PELLUCID_CACHE"
                ) from exc
            reasons.append(f"{url}: {getattr(exc, 'problem', exc)}")
        except ValueError:
            reasons.append(f"{url} is not the published file: its MD5 is another")
    raise InputError(
        f"{name} of {source.name} cannot be downloaded: {'; '.join(reasons)}",
        "Check the connection, name a mirror with PELLUCID_MIRROR, or put the set into a folder "
        f"{source.name}/ and name the folder above it with --data-dir or PELLUCID_DATA",
    )


def _homes(source: Source) -> tuple[str, ...]:
    mirror = os.environ.get("PELLUCID_MIRROR")
    if not mirror:
        return source.homes
    if not mirror.startswith(("http://", "https://")):
        raise UsageError(
            f"PELLUCID_MIRROR is {mirror!r}", "Give an address that begins with http:// or https://"
        )
    return (f"{mirror.rstrip('/')}/{source.name}/",)
