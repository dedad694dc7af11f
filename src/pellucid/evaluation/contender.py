"""The networks that are evaluated: by name, as ``.onnx`` files, or from run folders."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pellucid.errors import UsageError
from pellucid.inference import index
from pellucid.inference.analyse import estimate_sigma
from pellucid.inference.analysis import MIN_WHITE_SIGMA
from pellucid.inference.batches import Batch, denoise_batch, other_images
from pellucid.inference.card import Card
from pellucid.inference.denoiser import Denoiser
from pellucid.inference.model import Model
from pellucid.inference.registry import load_model
from pellucid.inference.session import RunOptions, Session

SMALL = 2**13  # samples of an image, such as one of CIFAR-10


@dataclass(frozen=True)
class Contender:
    """A network to be evaluated.

    Parameters
    ----------
    name : str
        Its name in tables.
    cards : mapping of int to Card
        By the number of channels of the images that each is for.
    denoise : function of (noisy, sigma) to denoised
        Takes and gives float32 (n, height, width, channels), 0 to 1. Sigma is the noise level from 0 to 1,
        or None when it is unknown; a network without this input ignores it.
    run : Path, optional
        The run folder it comes from, with its log.
    file : Path, optional
        The ``.onnx`` file of a network without a noise level as input, as autoencoders are.
    """

    name: str
    cards: Mapping[int, Card]
    denoise: Callable[[Batch, float | None], Batch]
    run: Path | None = None
    file: Path | None = None

    def card(self, channels: int) -> Card:
        """The card of the network for images with this number of channels.

        Raises
        ------
        UsageError
            When it takes no such images.
        """
        card = self.cards.get(channels)
        if card is None and self.is_told:
            card = self.cards.get(3)  # a denoiser for colour serves grey images too
        if card is None:
            raise other_images(self.name, self.cards, channels)
        return card

    @property
    def is_told(self) -> bool:
        """Whether the network takes a noise level."""
        return any(card.sigma for card in self.cards.values())

    def note(self, channels: int, sigma: float | None) -> str:
        """The noise level that the network is given, in words; empty when it takes none."""
        limits = self.card(channels).sigma
        if limits is None:
            return ""
        if sigma is None:
            return "estimates the noise level"
        if sigma > limits[1]:
            return f"given sigma {limits[1]:.3g}, its highest"
        return f"given sigma {sigma:.3g}"


def open_contenders(
    names: Sequence[str | Path], *, threads: int | None = None, layout: str | None = None
) -> list[Contender]:
    """Load networks.

    Parameters
    ----------
    names : sequence of str or Path
        Names as in ``pellucid models``, ``.onnx`` files, and folders that ``pellucid train`` wrote.
    threads : int, optional
        By default as many as the process may use CPUs.
    layout : str, optional
        Of files of other programs: as of `pellucid.inference.session.RunOptions`.

    Raises
    ------
    UsageError
        When a name means nothing, or is given twice.
    InputError
        When a file or folder contains no network.
    """
    texts = [str(name) for name in names]
    if twice := [text for text in texts if texts.count(text) > 1]:
        raise UsageError(f"{twice[0]} is named twice", "Name each network once")
    labels = [Path(text).stem if text.endswith(".onnx") else Path(text).name or text for text in texts]
    # Two runs in folders with one name are distinguished by their paths.
    shown = [text if labels.count(label) > 1 else label for text, label in zip(texts, labels, strict=True)]
    options = RunOptions(threads=threads, layout=layout)
    return [_open(text, label, options) for text, label in zip(texts, shown, strict=True)]


def _open(text: str, label: str, options: RunOptions) -> Contender:
    run = Path(text) if Path(text).is_dir() else None
    path = index.network_in(run) if run else text
    if str(path).endswith(".onnx") and Path(path).is_file():
        session = Session(Path(path), options)
        if session.card.kind == "autoencoder":
            cards = {session.card.channels: session.card}
            return Contender(label, cards, lambda noisy, _: denoise_batch(session, noisy), run, Path(path))
    model = load_model(path, threads=options.threads)
    cards = {channels: model.card(channels) for channels in model.channels}
    return Contender(label, cards, partial(denoise_each, model), run)


def denoise_small(session: Session, noisy: Batch, sigma: float) -> Batch:
    """Run a network of a known level on small images, without the tiles and threads that large ones need."""
    height, width = noisy.shape[1:3]
    below, right = -height % session.card.stride, -width % session.card.stride
    padded = np.pad(noisy, ((0, 0), (0, below), (0, right), (0, 0)), mode="reflect")
    return np.stack([session.run(each, sigma) for each in padded])[:, :height, :width]


def denoise_each(model: Denoiser, noisy: Batch, sigma: float | None) -> Batch:
    """Run a denoiser on one image after the other.

    Parameters
    ----------
    model : Denoiser
    noisy : float32 array (n, height, width, channels), 0 to 1
    sigma : float, optional
        The noise level, 0 to 1; by default that of each image is estimated. A level beyond what the
        network can take is lowered to its highest.

    Returns
    -------
    float32 array (n, height, width, channels)
        Not clipped.

    Raises
    ------
    UsageError
        When the network takes no such images.
    """
    channels = noisy.shape[3]
    limits = model.card(channels if channels in model.channels else 3).sigma
    if limits is None:
        return np.stack([model.denoise(each).image for each in noisy])
    if sigma is not None and isinstance(model, Model) and math.prod(noisy.shape[1:]) <= SMALL:
        session = model.session_for(channels)
        if session.card.channels == channels:
            return denoise_small(session, noisy, min(sigma, limits[1]))
    # Denoising would remove more, at a smaller scale: a report says what was trained.
    levels = [sigma if sigma is not None else estimate_sigma(each) for each in noisy]
    if sigma is None:
        levels = [level if level >= MIN_WHITE_SIGMA else 0.0 for level in levels]
    given = (min(level, limits[1]) for level in levels)
    return np.stack(
        [model.denoise(each, sigma=level).image for each, level in zip(noisy, given, strict=True)]
    )
