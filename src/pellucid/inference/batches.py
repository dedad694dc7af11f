"""Run a network on many small images at once, as autoencoders are run."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.inference.card import Card
from pellucid.inference.session import Session

Batch: TypeAlias = NDArray[np.float32]
"""Images (n, height, width, channels), 0 to 1."""
LARGEST_BATCH = 256  # images
MEMORY = 2**28  # bytes that one batch may need, by the card


def denoise_batch(session: Session, noisy: Batch) -> Batch:
    """Run a network that takes many images at once and no noise level, as autoencoders do.

    Parameters
    ----------
    session : Session
        A network whose one input is free in its first axis.
    noisy : float32 array (n, height, width, channels), 0 to 1
        Height and width are reflected at the lower and right border up to multiples of the card's stride.

    Returns
    -------
    float32 array (n, height, width, channels)
        Not clipped.

    Raises
    ------
    UsageError
        When the network takes other sizes or channels.
    """
    n, height, width, _ = noisy.shape
    card = session.card
    check_fits(card, *noisy.shape[1:])
    below, right = -height % card.stride, -width % card.stride
    padded = np.pad(noisy, ((0, 0), (0, below), (0, right), (0, 0)), mode="reflect")
    planes = padded.transpose(0, 3, 1, 2)  # (n, h, w, c) -> (n, c, h, w)
    parts = [session.call(noisy=planes[batch]) for batch in batches(card, n, height * width)]
    return np.concatenate(parts).transpose(0, 2, 3, 1)[:, :height, :width]  # (n, c, h, w) -> (n, h, w, c)


def batches(card: Card, count: int, pixels: int) -> Iterator[slice]:
    """Cut `count` images of so many pixels each into batches that memory allows."""
    size = max(1, min(LARGEST_BATCH, MEMORY // (card.bytes_per_pixel * pixels)))
    return (slice(start, start + size) for start in range(0, count, size))


def check_fits(card: Card, height: int, width: int, channels: int) -> None:
    """Refuse images that a network does not take, however they are padded.

    Raises
    ------
    UsageError
    """
    if channels != card.channels:
        raise other_images(card.name, [card.channels], channels)
    if card.size is not None and card.size != (height, width):
        raise UsageError(
            f"{card.name} takes images of {card.size[1]} x {card.size[0]} pixels,"
            f" and these have {width} x {height}",
            "Resize them, or name another network",
        )


def other_images(name: str, takes: Iterable[int], channels: int) -> UsageError:
    """What to raise when a network is given images of other channels than it takes."""
    words = {1: "grey images", 3: "colour images"}
    kinds = " and ".join(words[each] for each in takes)
    found = words.get(channels, f"images of {channels} channels")
    return UsageError(f"{name} is for {kinds}, and these are {found}", "Name others, or another network")
