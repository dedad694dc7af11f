"""The denoisers that Pellucid is measured against, each with the parameters that serve it best.

All take float32 pixels (h, w, c) and sigma from 0 to 1, and are told the true sigma. Parameters were chosen
on the tune pictures (grey and colour, sigma 15 to 50), never on a test set.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid import load_model
from pellucid.inference import index

Pixels: TypeAlias = NDArray[Any]
Method: TypeAlias = Callable[[Pixels, float], Pixels]


def use_one_thread() -> None:
    """Keep the libraries behind the methods to one thread."""
    import cv2
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    cv2.setNumThreads(1)
    threadpool_limits(1)


def opencv_nlm(noisy: Pixels, sigma: float) -> Pixels:
    """Windows 7 and 21 (the defaults), h = 0.9 sigma, colours together; it takes rounded 8 bit only."""
    import cv2

    levels = np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)
    denoised = cv2.fastNlMeansDenoising(levels, None, 0.9 * sigma * 255, 7, 21)
    pixels: Pixels = np.divide(denoised.reshape(noisy.shape), 255, dtype=np.float32)
    return pixels


def skimage_nlm(noisy: Pixels, sigma: float) -> Pixels:
    """Fast mode, sigma told, patches of 5, distance 6, h = 0.6 sigma (grey) and 0.5 sigma (colour)."""
    from skimage.restoration import denoise_nl_means

    h = (0.6 if noisy.shape[2] == 1 else 0.5) * sigma
    return _skimage(denoise_nl_means, noisy, h=h, sigma=sigma, patch_size=5, patch_distance=6)


def skimage_tv(noisy: Pixels, sigma: float) -> Pixels:
    """Chambolle's method; weight = 0.75, 0.82 and 0.98 sigma at 15, 25 and 50."""
    from skimage.restoration import denoise_tv_chambolle

    return _skimage(denoise_tv_chambolle, noisy, weight=(0.65 + 1.7 * sigma) * sigma)


def skimage_wavelet(noisy: Pixels, sigma: float) -> Pixels:
    """BayesShrink, soft, sym8 on four levels (0.8 dB better than the default, db1); colour in YCbCr."""
    import pywt  # type: ignore[import-untyped]
    from skimage.restoration import denoise_wavelet

    return _skimage(
        denoise_wavelet,
        noisy,
        sigma=sigma,
        wavelet="sym8",
        wavelet_levels=min(4, pywt.dwt_max_level(min(noisy.shape[:2]), "sym8")),
        convert2ycbcr=noisy.shape[2] == 3,
        rescale_sigma=True,
    )


def bm3d(noisy: Pixels, sigma: float) -> Pixels:
    """The authors' package with its normal profile; colour in its opponent space."""
    import bm3d as package

    denoise = package.bm3d if noisy.shape[2] == 1 else package.bm3d_rgb
    return np.asarray(denoise(noisy, sigma)).reshape(noisy.shape)


def _skimage(denoise: Callable[..., Pixels], noisy: Pixels, **options: Any) -> Pixels:
    """Call a function of scikit-image; its grey pictures are (h, w)."""
    grey = noisy.shape[2] == 1
    denoised = denoise(noisy[..., 0] if grey else noisy, channel_axis=None if grey else 2, **options)
    return denoised.reshape(noisy.shape)


PEERS: Mapping[str, Method] = {
    "skimage-wavelet": skimage_wavelet,
    "skimage-tv": skimage_tv,
    "skimage-nlm": skimage_nlm,
    "opencv-nlm": opencv_nlm,
    "bm3d": bm3d,
}


@functools.cache
def methods() -> dict[str, Method]:
    """The peers, and every network that ships, on one thread."""
    return {**PEERS, **{name: _network(name) for name in index.names()}}


def _network(name: str) -> Method:
    model = load_model(name, threads=1)
    return lambda noisy, sigma: model.denoise(noisy, sigma=sigma).pixels
