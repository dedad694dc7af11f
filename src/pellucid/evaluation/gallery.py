"""Images of a report: original, noisy, denoised, and the error."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.evaluation.contender import Contender
from pellucid.evaluation.images import Corruption, ImageSet
from pellucid.evaluation.results import Example, Gallery, Shown
from pellucid.evaluation.scores import squared_error
from pellucid.io.image import from_float
from pellucid.io.vips import vips

Pixels: TypeAlias = NDArray[np.float32]

LARGEST_SIDE = 192  # pixels of what is shown
WHITE_ERRORS = (0.1, 0.2, 0.5, 1.0)  # one of them is shown white


@dataclass(frozen=True)
class Seen:
    """An image (h, w, c), clean, noisy, and as each network gives it."""

    clean: Pixels
    noisy: Pixels
    denoised: Sequence[Pixels]

    @property
    def errors(self) -> list[Pixels]:
        """The absolute difference to the clean image, mean of the channels, (h, w, 1)."""
        return [np.abs(each - self.clean).mean(axis=2, keepdims=True) for each in self.denoised]


def make_gallery(
    contenders: Sequence[Contender],
    images: ImageSet,
    corruption: Corruption,
    order: NDArray[np.intp],
    *,
    chosen_by: str,
    room: int,
) -> Gallery:
    """Denoise the best, the median and the worst image once more and keep what is seen.

    Parameters
    ----------
    contenders : sequence of Contender
    images : ImageSet
    corruption : Corruption
        The one that was measured, so that the noise is the same.
    order : array of int
        The numbers of the test images, from the worst to the best.
    chosen_by : str
        The network that put them into this order.
    room : int
        Bytes that the images may take; as much of the middle of each is shown as that allows.
    """
    ranks = {"best": order[-1], "median": order[len(order) // 2], "worst": order[0]}
    chosen = {int(image): rank for rank, image in reversed(ranks.items())}
    count, channels = len(chosen) * (2 + 2 * len(contenders)), images.channels
    side = min(LARGEST_SIDE, math.isqrt(room // (count * channels)))
    seen = {image: _see(contenders, images, corruption, image) for image in reversed(chosen)}
    usual = np.percentile(np.concatenate([e.ravel() for each in seen.values() for e in each.errors]), 99)
    white_error = next((error for error in WHITE_ERRORS if error >= usual), WHITE_ERRORS[-1])
    names = [contender.name for contender in contenders]
    return Gallery(
        set=images.name,
        noise=str(corruption.noise),
        chosen_by=chosen_by,
        whole=all(max(each.clean.shape[:2]) <= side for each in seen.values()),
        white_error=white_error,
        examples=tuple(
            _example(each, names, rank=chosen[image], image=image, side=side, white_error=white_error)
            for image, each in seen.items()
        ),
    )


def _see(contenders: Sequence[Contender], images: ImageSet, corruption: Corruption, image: int) -> Seen:
    """Make one image noisy, as among all others, and denoise it."""
    batches = corruption.batches(images.test[: image + 1])
    clean, noisy = next(islice((pair for batch in batches for pair in zip(*batch, strict=True)), image, None))
    return Seen(clean, noisy, [each.denoise(noisy[None], corruption.sigma)[0] for each in contenders])


def _example(
    seen: Seen, names: Sequence[str], *, rank: str, image: int, side: int, white_error: float
) -> Example:
    def png(pixels: Pixels) -> bytes:
        return encode_png(_middle(pixels, side))

    return Example(
        rank=rank,
        image=image,
        original=png(seen.clean),
        noisy=png(seen.noisy),
        noisy_psnr=squared_error(seen.noisy, seen.clean)[1],
        shown=tuple(
            Shown(
                method=name,
                psnr=squared_error(denoised, seen.clean)[1],
                denoised=png(denoised),
                error=png(error / np.float32(white_error)),
            )
            for name, denoised, error in zip(names, seen.denoised, seen.errors, strict=True)
        ),
    )


def _middle(pixels: Pixels, side: int) -> Pixels:
    height, width = pixels.shape[:2]
    top, left = max(0, height - side) // 2, max(0, width - side) // 2
    return pixels[top : top + side, left : left + side]


def encode_png(pixels: Pixels) -> bytes:
    """An image (height, width, channels), 0 to 1 and clipped to it, as an 8-bit PNG file."""
    samples = np.ascontiguousarray(from_float(pixels, np.uint8))
    content: bytes = vips().Image.new_from_array(samples).pngsave_buffer(compression=9)
    return content
