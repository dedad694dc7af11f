"""Learning to denoise without clean images: three ways to give a network a target that is itself noisy.

    noise2noise          a second noisy image of the same scene (Lehtinen and others 2018)
    noise2void           the noisy image itself, at pixels that the network cannot see: its blind spots
                         (Krull and others 2019)
    neighbor2neighbor    one half of the pixels of the noisy image; the other half is the input
                         (Huang and others 2021)

All rest on the same fact: noise of mean 0 that is independent from pixel to pixel cannot be predicted, so
that the best prediction of a noisy value is the clean one. Where noise is clipped its mean is not 0, and
where it is correlated it can be predicted.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.training.losses import Loss
from pellucid.training.randomness import TorchRandom

Denoise = Callable[[Tensor], Tensor]
"""A network: noisy (n, c, h, w) to denoised."""

Way = Callable[[Denoise, Tensor, Tensor, Loss, TorchRandom], Tensor]
"""(network, noisy, a second noisy image of the scene, loss, random) to the loss of each image (n,)."""

SPACING = 8  # one pixel in a square of so many pixels a side is a blind spot
REACH = 2  # pixels from a blind spot to the pixel that replaces it
BALANCE = 1.0  # weight of the second term of Neighbor2Neighbor


def noise2noise(denoise: Denoise, noisy: Tensor, second: Tensor, loss: Loss, random: TorchRandom) -> Tensor:
    """Compare with a second noisy image."""
    return loss(denoise(noisy), second)


def noise2void(denoise: Denoise, noisy: Tensor, second: Tensor, loss: Loss, random: TorchRandom) -> Tensor:
    """Compare with the noisy image where the network saw a neighbour's value instead of its own."""
    given, spots = blind(noisy, random)
    denoised = denoise(given)
    return loss(torch.where(spots, denoised, noisy), noisy) * SPACING**2  # elsewhere the error is 0


def blind(noisy: Tensor, random: TorchRandom) -> tuple[Tensor, Tensor]:
    """Replace the blind spots by neighbours.

    Parameters
    ----------
    noisy : tensor (n, c, h, w)

    Returns
    -------
    given : tensor (n, c, h, w)
        With one pixel in each square of 8 x 8 replaced by one up to two pixels away.
    spots : bool tensor (n, 1, h, w)
        Where that is.
    """
    n, _, h, w = noisy.shape
    draw = random.generator
    down, across = -(-h // SPACING), -(-w // SPACING)
    place = torch.randint(SPACING**2, (n, 1, down, across), generator=draw, device=noisy.device)
    squares = F.one_hot(place[:, 0], SPACING**2).permute(0, 3, 1, 2).float()  # (n, 64, h/8, w/8)
    spots = F.pixel_shuffle(squares, SPACING)[..., :h, :w] > 0  # (n, 1, h, w)
    side = 2 * REACH + 1
    which = torch.randint(side**2 - 1, (n, 1, h, w), generator=draw, device=noisy.device)
    which = which + (which >= side**2 // 2)  # never the pixel itself
    # Beyond an edge, from the opposite one: a reflection could be the pixel itself.
    rows = torch.arange(h, device=noisy.device)[:, None] + which // side - REACH
    columns = torch.arange(w, device=noisy.device) + which % side - REACH
    moved = (
        noisy.flatten(2).gather(2, (rows % h * w + columns % w).expand_as(noisy).flatten(2)).reshape_as(noisy)
    )
    return torch.where(spots, moved, noisy), spots


def neighbor2neighbor(
    denoise: Denoise, noisy: Tensor, second: Tensor, loss: Loss, random: TorchRandom
) -> Tensor:
    """Compare one half of the pixels, denoised, with the other.

    The two halves are not of the same place. The second term takes that into account: it is the difference
    that the denoised image itself has between them.
    """
    pick = pairs_of_neighbours(noisy, random)
    with torch.no_grad():
        one, other = pick(denoise(noisy))
    given, target = pick(noisy)
    denoised = denoise(given)
    balance = (denoised - target - (one - other)).square().mean((1, 2, 3))
    return loss(denoised, target) + BALANCE * balance


def pairs_of_neighbours(images: Tensor, random: TorchRandom) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """A function that makes two images of half the size, of two neighbours in each 2 x 2 pixels."""
    n, _, h, w = images.shape
    cells = n, 1, 1, h // 2, w // 2
    first = torch.randint(4, cells, generator=random.generator, device=images.device)
    turn = torch.randint(2, cells, generator=random.generator, device=images.device)
    second = torch.where(turn > 0, first ^ 1, first ^ 2)  # next to it, or below or above

    def pick(x: Tensor) -> tuple[Tensor, Tensor]:
        four = F.pixel_unshuffle(x, 2).unflatten(1, (-1, 4))  # (n, c, h, w) -> (n, c, 4, h/2, w/2)
        one, other = (
            four.gather(2, each.expand(-1, four.shape[1], -1, -1, -1))[:, :, 0] for each in (first, second)
        )
        return one, other

    return pick


WAYS: Mapping[str, Way] = {
    "noise2noise": noise2noise,
    "noise2void": noise2void,
    "neighbor2neighbor": neighbor2neighbor,
}
