"""The results of an evaluation, as values that can be written as JSON."""

import msgspec

from pellucid.inference.card import Card


class Figure(msgspec.Struct, frozen=True):
    """A mean over images and its 95 % interval."""

    mean: float
    low: float
    high: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one set with one noise."""

    set: str
    noise: str
    method: str
    kind: str  # "noisy", "baseline" or "network"
    note: str  # which parameter was chosen, or which level the network was given
    images: int  # how many of the set's first test images
    mse: Figure  # in units of white, squared
    psnr: Figure  # dB
    ssim: Figure | None  # None when an image is under 11 pixels a side
    seconds: float  # wall clock for all images, without loading
    cpu_seconds: float  # of all threads together


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """PSNR of one method against the level of Gaussian noise."""

    set: str
    method: str
    images: int
    sigmas: tuple[float, ...]
    psnr: tuple[float, ...]  # dB


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A network that was evaluated."""

    name: str
    cards: tuple[Card, ...]
    run: str | None  # its run folder, with the log


class SetFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Name and size of a set."""

    name: str
    images: int  # in the test
    channels: int
    note: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An image denoised by one network."""

    method: str
    psnr: float  # dB, of the whole image
    denoised: bytes  # PNG
    error: bytes  # PNG, the absolute difference to the original, mean of the channels


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """An image on its way through the networks."""

    rank: str  # "best", "median" or "worst"
    image: int  # its number in the set, from 0
    original: bytes  # PNG
    noisy: bytes  # PNG
    noisy_psnr: float  # dB
    shown: tuple[Shown, ...]


class Gallery(msgspec.Struct, frozen=True, kw_only=True):
    """Examples from one set with one noise."""

    set: str
    noise: str
    chosen_by: str  # the network whose best, median and worst images these are
    whole: bool  # False when only the middle of each image is shown
    white_error: float  # the error that is shown white, in units of white
    examples: tuple[Example, ...]


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of a report, with what is said above and below it."""

    title: str
    svg: str
    caption: str


class CodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a set's clean images after the code of an autoencoder, compared with PCA."""

    set: str
    method: str
    numbers: int  # in the code
    images: int  # how many of the set's first test images
    mse: float  # of the images that are decoded, in units of white, squared
    accuracy: (
        float | None
    )  # 5-NN accuracy: share of images with the class of the 5 nearest codes; None without classes
    pca: tuple[tuple[int, float], ...]  # numbers of components, and the MSE of what they rebuild
    pca_accuracy: float | None  # with as many components as the code has numbers
    drawings: tuple[Drawing, ...] = ()  # what the report shows; not in the JSON file


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """All that one evaluation found."""

    pellucid: str  # the version
    date: str
    machine: str
    seed: int  # of the noise
    clipped: bool  # whether noisy images were clipped to [0, 1]
    networks: tuple[Network, ...]
    sets: tuple[SetFacts, ...]
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...]
    codes: tuple[CodeFacts, ...] = ()
    galleries: tuple[Gallery, ...] = ()  # what the report shows; not in the JSON file
