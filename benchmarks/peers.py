"""The denoisers that Pellucid is measured against, each with the parameters that serve it best.

All take float32 pixels (h, w, c) and sigma from 0 to 1, and are given the true sigma. Parameters were chosen
on the tune images (grey and colour, sigma 15 to 50), never on a test set.

Those for photographs take and give 8-bit colour (h, w, 3), and are given nothing. Their parameters were
chosen on PolyU's 26 crops of a Canon 600D and a Canon 80D.
"""

import functools
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid import load_model
from pellucid.inference import index
from pellucid.io.image import from_float, to_float

Pixels: TypeAlias = NDArray[Any]
Method: TypeAlias = Callable[[Pixels, float], Pixels]
Levels: TypeAlias = NDArray[np.uint8]
PhotoMethod: TypeAlias = Callable[[Levels], Levels]

OURS = ("auto", "gaussian-", "photo-")
"""How the names of our denoisers begin."""


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
    """Fast mode, sigma given, patches of 5, distance 6, h = 0.6 sigma (grey) and 0.5 sigma (colour)."""
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
    """Call a function of scikit-image; its grey images are (h, w)."""
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
    """The peers, and every network that is given the noise level, on one thread."""
    return {**PEERS, **{name: _network(name) for name in conditioned()}}


def conditioned() -> list[str]:
    """The networks that are given the noise level."""
    return [name for name in index.names() if load_model(name).takes_sigma]


def _network(name: str) -> Method:
    model = load_model(name, threads=1)
    return lambda noisy, sigma: model.denoise(noisy, sigma=sigma).image


def colour_nlm(levels: Levels, *, h: float) -> Levels:
    """OpenCV's in CIELAB, luma and colours with the same h, windows 7 and 21 (the defaults)."""
    import cv2

    bgr = np.ascontiguousarray(levels[..., ::-1])
    return _levels(cv2.fastNlMeansDenoisingColored(bgr, None, h, h, 7, 21)[..., ::-1])


def median(levels: Levels) -> Levels:
    """3 x 3; 5 x 5 was 0.4 dB behind."""
    import cv2

    return _levels(cv2.medianBlur(levels, 3))


def gaussian_filter(levels: Levels) -> Levels:
    """Sigma 0.7 pixels; 0.6 and 0.8 were 0.05 dB behind."""
    import cv2

    return _levels(cv2.GaussianBlur(levels, (0, 0), 0.7))


def bilateral(levels: Levels) -> Levels:
    """Sigma 25 grey levels and 3 pixels, the best of 15 to 50 and 1 to 3."""
    import cv2

    return _levels(cv2.bilateralFilter(levels, -1, 25, 3))


def blind_wavelet(levels: Levels) -> Levels:
    """`skimage_wavelet` with the sigma that scikit-image estimates."""
    from skimage.restoration import estimate_sigma

    pixels = to_float(levels)
    sigma = float(estimate_sigma(pixels, channel_axis=2, average_sigmas=True))
    return from_float(skimage_wavelet(pixels, sigma), np.uint8)


def bm3d_8bit(levels: Levels, *, sigma: float) -> Levels:
    """`bm3d` with a sigma in grey levels."""
    return from_float(bm3d(to_float(levels), sigma / 255), np.uint8)


def _levels(array: Pixels) -> Levels:
    return np.ascontiguousarray(array, np.uint8)


@functools.cache
def imagemagick() -> str | None:
    """ImageMagick's program, if there is one; others are called `convert`, too."""
    for name in ("magick", "convert"):
        program = shutil.which(name)
        if program is not None:
            version = subprocess.run([program, "-version"], capture_output=True)
            if version.stdout.startswith(b"Version: ImageMagick"):
                return program
    return None


def magick(levels: Levels, *, option: str) -> Levels:
    """ImageMagick's command on one thread; the image goes in and out as PPM through pipes."""
    height, width, _ = levels.shape
    command = [str(imagemagick()), "-limit", "thread", "1", "ppm:-", option, "-depth", "8", "ppm:-"]
    image = b"P6 %d %d 255\n" % (width, height) + levels.tobytes()
    answer = subprocess.run(command, input=image, stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(answer[-levels.size :], np.uint8).reshape(levels.shape)  # after the header


@functools.cache
def photo_methods() -> dict[str, PhotoMethod]:
    """What may be done to a photograph without anything given, all on one thread."""
    methods: dict[str, PhotoMethod] = {
        "noisy": lambda levels: levels,
        **{f"opencv-nlm-{h}": partial(colour_nlm, h=h) for h in (3, 5, 10)},
        "opencv-median": median,
        "opencv-gaussian": gaussian_filter,
        "opencv-bilateral": bilateral,
        "skimage-wavelet": blind_wavelet,
    }
    if imagemagick():
        methods |= {f"magick-{word}": partial(magick, option=f"-{word}") for word in ("despeckle", "enhance")}
    ours = ["auto", *(name for name in index.names() if name.startswith(OURS))]
    return {**methods, **{name: photo_network(name) for name in ours}}


def photo_network(name: str) -> PhotoMethod:
    """A network at its default settings: one that ships, by name, or an .onnx file."""
    model = load_model(name, threads=1)
    return lambda levels: model.denoise(levels).image
