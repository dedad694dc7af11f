"""Pictures to look at: what went in, what came out, and where it is wrong."""

import math
from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pellucid.evaluation.contender import Contender
from pellucid.evaluation.pictures import Batch, Corruption, PictureSet
from pellucid.evaluation.results import Example, Gallery, Shown
from pellucid.evaluation.scores import compare
from pellucid.images.codecs import vips
from pellucid.images.picture import from_float

LARGEST_SIDE = 192  # pixels of what is shown
WHITE_ERROR = 0.5  # an error so large is shown white


def make_gallery(
    contenders: Sequence[Contender],
    pictures: PictureSet,
    corruption: Corruption,
    order: NDArray[np.intp],
    *,
    chosen_by: str,
    room: int,
) -> Gallery:
    """Denoise the best, the median and the worst picture once more and keep what is seen.

    Parameters
    ----------
    contenders : sequence of Contender
    pictures : PictureSet
    corruption : Corruption
        The one that was measured, so that the noise is the same.
    order : array of int
        The numbers of the test pictures, from the worst to the best.
    chosen_by : str
        The network that put them into this order.
    room : int
        Bytes that the pictures may take; as much of the middle of each is shown as that allows.
    """
    ranks = {"best": order[-1], "median": order[len(order) // 2], "worst": order[0]}
    chosen = {int(image): rank for rank, image in reversed(ranks.items())}
    count, channels = len(chosen) * (2 + 2 * len(contenders)), pictures.channels
    side = min(LARGEST_SIDE, math.isqrt(room // (count * channels)))
    pairs = {image: _pair(pictures, corruption, image) for image in reversed(chosen)}
    return Gallery(
        set=pictures.name,
        noise=str(corruption.noise),
        chosen_by=chosen_by,
        whole=all(max(clean.shape[:2]) <= side for clean, _ in pairs.values()),
        examples=tuple(
            _example(contenders, corruption, clean, noisy, rank=chosen[image], image=image, side=side)
            for image, (clean, noisy) in pairs.items()
        ),
    )


def _pair(pictures: PictureSet, corruption: Corruption, image: int) -> tuple[Batch, Batch]:
    """One test picture (h, w, c), clean and with the noise that it has among all others."""
    each = (
        pair for batch in corruption.batches(pictures.test[: image + 1]) for pair in zip(*batch, strict=True)
    )
    clean, noisy = next(islice(each, image, None))
    return clean, noisy


def _example(
    contenders: Sequence[Contender],
    corruption: Corruption,
    clean: Batch,
    noisy: Batch,
    *,
    rank: str,
    image: int,
    side: int,
) -> Example:
    def png(pixels: Batch) -> bytes:
        return encode_png(_middle(pixels, side))

    shown = []
    for contender in contenders:
        denoised = contender.denoise(noisy[None], corruption.sigma)[0]
        error = np.abs(denoised - clean).mean(axis=2, keepdims=True) / WHITE_ERROR
        quality = compare(denoised, clean)[1]
        shown.append(Shown(method=contender.name, psnr=quality, denoised=png(denoised), error=png(error)))
    return Example(
        rank=rank,
        image=image,
        original=png(clean),
        noisy=png(noisy),
        noisy_psnr=compare(noisy, clean)[1],
        shown=tuple(shown),
    )


def _middle(pixels: Batch, side: int) -> Batch:
    height, width = pixels.shape[:2]
    top, left = max(0, height - side) // 2, max(0, width - side) // 2
    return pixels[top : top + side, left : left + side]


def encode_png(pixels: Batch) -> bytes:
    """A picture (height, width, channels), 0 to 1 and clipped to it, as an 8-bit PNG file."""
    samples = np.ascontiguousarray(from_float(pixels, np.uint8))
    content: bytes = vips().Image.new_from_array(samples).pngsave_buffer(compression=9)
    return content
