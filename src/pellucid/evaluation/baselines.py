"""The classical denoisers that a network has to beat.

None is given the noise level. Each has one parameter, and is evaluated at the value that serves it best on
validation images with the same noise: a baseline is as good as it can be without having seen the test images.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.evaluation.images import Corruption, Samples, first
from pellucid.inference.batches import Batch

Pixels = NDArray[Any]


@dataclass(frozen=True)
class Baseline:
    """A classical denoiser with one parameter.

    Parameters
    ----------
    name : str
    parameter : str
        The parameter's name, for tables.
    tries : tuple of float
        The values among which it is chosen.
    denoise : function of (noisy, value) to denoised
        Takes and gives float32 (n, height, width, channels), 0 to 1.
    images : int, optional
        How many of the first test images it is evaluated on; None: all.
    chosen_on : int
        How many of the first validation images its parameter is chosen on.
    needs : str, optional
        A package without which it is left out.
    smallest : int
        Pixels a side below which it cannot work and is left out.
    on_request : bool
        Left out unless it is asked for, since it takes minutes.
    """

    name: str
    parameter: str
    tries: tuple[float, ...]
    denoise: Callable[[Batch, float], Batch]
    images: int | None = None
    chosen_on: int = 60
    needs: str | None = None
    smallest: int = 1
    on_request: bool = False


def median(noisy: Batch, side: float) -> Batch:
    """The median of a square window in each channel; side in pixels."""
    from skimage.filters import median as filtered

    window = np.ones((1, int(side), int(side), 1), bool)
    return np.asarray(filtered(noisy, window, behavior="ndimage", mode="reflect"), np.float32)


def gaussian(noisy: Batch, width: float) -> Batch:
    """A Gaussian mean; its width is a standard deviation in pixels."""
    from skimage.filters import gaussian as filtered

    return np.asarray(filtered(noisy, (0, width, width, 0), mode="reflect", preserve_range=True), np.float32)


def wavelet(noisy: Batch, sigma: float) -> Batch:
    """Soft BayesShrink with sym4 (Chang, Yu and Vetterli 2000), colour in YCbCr."""
    import pywt  # type: ignore[import-untyped]
    from skimage.restoration import denoise_wavelet

    levels = pywt.dwt_max_level(min(noisy.shape[1:3]), "sym4")
    options = {"sigma": sigma, "wavelet": "sym4", "wavelet_levels": min(4, levels)}
    return _one_by_one(
        denoise_wavelet, noisy, convert2ycbcr=noisy.shape[3] == 3, rescale_sigma=True, **options
    )


def total_variation(noisy: Batch, weight: float) -> Batch:
    """The image of least total variation near the noisy one (Chambolle 2004)."""
    from skimage.restoration import denoise_tv_chambolle

    return _one_by_one(denoise_tv_chambolle, noisy, weight=weight)


def non_local_means(noisy: Batch, sigma: float) -> Batch:
    """The mean of similar patches of 5 x 5 pixels up to 6 pixels away (Buades, Coll and Morel 2005)."""
    from skimage.restoration import denoise_nl_means

    return _one_by_one(denoise_nl_means, noisy, h=0.6 * sigma, sigma=sigma, patch_size=5, patch_distance=6)


def bm3d(noisy: Batch, sigma: float) -> Batch:
    """Block matching and 3-D filtering, the authors' own package (Dabov and others 2007)."""
    import bm3d as package

    denoise = package.bm3d if noisy.shape[3] == 1 else package.bm3d_rgb
    each = [np.asarray(denoise(image, sigma), np.float32).reshape(image.shape) for image in noisy]
    return np.stack(each)


def _one_by_one(denoise: Callable[..., Pixels], noisy: Batch, **options: Any) -> Batch:
    """Call a function of scikit-image; its grey images are (h, w)."""
    if noisy.shape[3] == 1:
        each = [denoise(image[..., 0], channel_axis=None, **options)[..., None] for image in noisy]
    else:
        each = [denoise(image, channel_axis=2, **options) for image in noisy]
    return np.stack(each).astype(np.float32)


CHOICE_SIDE = 256  # pixels a side of the part of an image on which a parameter is chosen
CHOICE_PIXELS = 100_000  # in all

SIGMAS = (0.02, 0.035, 0.05, 0.08, 0.13, 0.2, 0.35, 0.55, 0.9)

BASELINES = (
    Baseline("median filter", "side", (3, 5, 7), median, 1000),
    Baseline("Gaussian filter", "width", (0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2), gaussian, 1000),
    Baseline("wavelets", "sigma", SIGMAS, wavelet, 300, needs="pywt", smallest=14),
    Baseline("total variation", "weight", SIGMAS, total_variation, 300),
    Baseline("non-local means", "sigma", SIGMAS, non_local_means, 300, smallest=2),
    # 0.6 s for an image of MNIST, 450 times non-local means.
    Baseline("BM3D", "sigma", (0.05, 0.1, 0.2, 0.35, 0.6), bm3d, 10, 4, "bm3d", 9, on_request=True),
)


def usable_baselines(side: int, *, on_request: bool = False) -> list[Baseline]:
    """The baselines whose packages are there and that can work on images of so few pixels a side.

    Those that are slow are among them `on_request` only.
    """
    return [
        each
        for each in BASELINES
        if side >= each.smallest
        and (each.needs is None or find_spec(each.needs))
        and (on_request or not each.on_request)
    ]


def _middle(samples: Samples) -> Samples:
    top, left = (max(0, extent - CHOICE_SIDE) // 2 for extent in samples.shape[:2])
    return samples[top : top + CHOICE_SIDE, left : left + CHOICE_SIDE]


def choose_parameter(baseline: Baseline, images: Sequence[Samples], corruption: Corruption) -> float:
    """Find the value with the least squared error over all pixels of validation images.

    The error falls and then rises with the value, so it is followed from the middle downhill.

    Parameters
    ----------
    baseline : Baseline
    images : sequence of uint8 arrays (height, width, channels)
        Of these the first are used, as many as the baseline says, of large ones fewer and only the middle.
    corruption : Corruption
        That of the test images; another seed is used.
    """
    other = replace(corruption, seed=corruption.seed + 1)
    middles = [_middle(each) for each in images[: baseline.chosen_on]]
    batches = list(other.batches(first(middles, None, CHOICE_PIXELS)))

    @functools.cache
    def error(value: float) -> float:
        squares = [np.square(baseline.denoise(noisy, value) - clean) for clean, noisy in batches]
        return sum(float(each.sum(dtype=np.float64)) for each in squares)

    place, found = -1, len(baseline.tries) // 2
    while found != place:
        place = found
        near = range(max(0, place - 1), min(len(baseline.tries), place + 2))
        found = min(near, key=lambda number: error(baseline.tries[number]))
    return baseline.tries[place]
