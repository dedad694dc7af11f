"""The two shortest ways to a clean image: an array, and a file."""

import functools
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pellucid.errors import InputError, LimitError, UsageError
from pellucid.inference.model import Model, Progress, load_model
from pellucid.io.files import check_name, check_target, copy_file, find_format, read_image, write_image
from pellucid.io.registry import default_output
from pellucid.noise.base import Noise

MODEL = "auto"
"""When no network is named, one is chosen for each image."""

log = logging.getLogger("pellucid")

_load = functools.lru_cache(maxsize=2)(load_model)  # repeated calls must not load the weights again


def denoise(
    pixels: NDArray[Any],
    *,
    model: str | Path | Model = MODEL,
    sigma: float | None = None,
    noise: str | Noise | None = None,
    strength: float = 1.0,
    luma: float | None = None,
    chroma: float | None = None,
    nodata: float | None = None,
) -> NDArray[Any]:
    """Take the noise out of an array.

    Parameters
    ----------
    pixels : array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4)
        uint8, uint16, float32 or float64. The largest value of an integer type is white; floats run from 0
        to 1 and are clipped neither on the way in nor out. A fourth channel is alpha and stays as it is.
        Where a sample is NaN, or masked in a masked array, the pixel stays as it is and influences no other.
    model : str, Path or Model
        A name that ``pellucid models`` lists, an ``.onnx`` file, or what `load_model` gave. By default the
        network for photographs or that for white noise, whichever fits the image.
    sigma : float, optional
        Standard deviation of the noise, 0 to 1, such as 25 / 255. By default it is estimated, and an image
        without noise comes back as it was.
    noise : str or Noise, optional
        The noise itself instead of its sigma: ``poisson:...`` for photon noise, ``rician:...`` or
        ``rician:auto`` for magnitude images of MRI, as `parse_noise` reads them. The variance is stabilised
        before a network for white noise runs, and what is returned has no bias.
    strength : float
        From 0 (the image as it is) over 1 (all the noise that the network finds) to 2 (more).
    luma, chroma : float, optional
        Other strengths for brightness and for colour: chroma=1 and luma=0.4 keep the grain.
    nodata : float, optional
        The value of a sample that means "no data", such as -9999.

    Returns
    -------
    array
        A new array of the same shape and dtype.

    Raises
    ------
    UsageError
        When an argument makes no sense; the message says what is possible.
    InputError
        When the array holds infinity, or no pixel holds data.
    LimitError
        When the memory does not suffice, or weights that ship are missing or have changed.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (96, 96)).astype(np.float32)
    >>> bool(denoise(noisy, sigma=0.1).std() < 0.02)
    True
    """
    network = _model(model)
    return network.denoise(
        pixels, sigma=sigma, noise=noise, strength=strength, luma=luma, chroma=chroma, nodata=nodata
    ).pixels


@dataclass(frozen=True)
class FileResult:
    """What became of a file.

    Parameters
    ----------
    source, output : Path
    sigma : float
        The noise level that was told or estimated, 0 to 1.
    changed : bool
        False when there was nothing to take away and the output shows the very same image.
    model, why : str
        The network, and why it was chosen, in words; empty where the user named it.
    width, height : int
        In pixels.
    """

    source: Path
    output: Path
    sigma: float
    changed: bool
    model: str
    why: str
    width: int
    height: int


def denoise_file(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    model: str | Path | Model = MODEL,
    sigma: float | None = None,
    noise: str | Noise | None = None,
    strength: float = 1.0,
    luma: float | None = None,
    chroma: float | None = None,
    overwrite: bool = False,
    max_pixels: int = 1_000_000_000,
    progress: Progress | None = None,
) -> FileResult:
    """Take the noise out of an image file and write the result to another.

    Everything else that the file holds stays: size, bit depth, alpha, colour profile, metadata. Pixels that
    are no data (NaN, or the value of a TIFF's tag GDAL_NODATA) stay as they are and influence no other.

    Parameters
    ----------
    path : path
        PNG, JPEG, TIFF, WebP, AVIF or HEIC.
    output : path, optional
        Its suffix says the format. By default ``photo-denoised.jpg`` beside ``photo.jpg``.
    model : str, Path or Model
        As for `denoise`, and so are sigma, noise, strength, luma and chroma.
    sigma : float, optional
    noise : str or Noise, optional
    strength : float
    luma, chroma : float, optional
    overwrite : bool
        Replace an output that exists.
    max_pixels : int
        Refuse larger images before they are decoded.
    progress : function of (done, total), optional
        Called after each tile.

    Returns
    -------
    FileResult

    Raises
    ------
    UsageError
        When an argument makes no sense, the output exists, or its format cannot hold the image.
    InputError
        When the file cannot be used.
    LimitError
        When the image is too large, or memory or disk are too small.
    """
    source = Path(path)
    find_format(source)  # what is wrong with the input is told first
    target = default_output(source) if output is None else Path(output)
    found = check_name(target, overwrite=overwrite)
    image = read_image(source, max_pixels=max_pixels)
    check_target(target, image, overwrite=overwrite)
    same_format = found.name == image.encoding.format
    if not same_format and target.exists() and target.samefile(source):
        raise UsageError(
            f"{source} is no {found.label}, as its name says, and would become one",
            "Rename it, or write the result to another file",
        )
    with about(source):
        result = _model(model).denoise(
            image.samples,
            sigma=sigma,
            noise=noise,
            strength=strength,
            luma=luma,
            chroma=chroma,
            nodata=image.metadata.nodata,
            alpha=image.alpha,
            progress=progress,
        )
    if result.changed:
        write_image(target, image.with_samples(result.pixels), overwrite=overwrite)
    elif source.suffix.lower() == target.suffix.lower() or same_format:
        copy_file(source, target, overwrite=overwrite)
    else:
        write_image(target, image, overwrite=overwrite)
    height, width = image.samples.shape[:2]
    return FileResult(source, target, result.sigma, result.changed, result.model, result.why, width, height)


@contextmanager
def about(file: Path) -> Iterator[None]:
    """Let what is said of the pixels, in warnings and errors, name the file that they are from."""
    thread = threading.get_ident()

    def name(record: logging.LogRecord) -> bool:
        if record.thread == thread:
            record.msg, record.args = f"{file}: {record.getMessage()}", ()
        return True

    log.addFilter(name)
    try:
        yield
    except (InputError, LimitError, UsageError) as exc:
        raise type(exc)(f"{file}: {exc.problem}", exc.remedy) from exc
    finally:
        log.removeFilter(name)


def _model(model: str | Path | Model) -> Model:
    if isinstance(model, Model):
        return model
    if isinstance(model, (str, Path)):
        return _load(model)
    return load_model(model)  # which says what is wrong with it
