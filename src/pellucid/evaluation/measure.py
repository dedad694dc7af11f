"""From networks, images and noises to figures.

Every method gets the same noisy images, and each figure is a mean over images. So PSNR is the mean of the
images' PSNR, as the field has it; the PSNR of the mean MSE, which tutorials may give, is lower.
"""

import datetime
import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

import pellucid
from pellucid.cpus import usable_cpus
from pellucid.errors import InputError
from pellucid.evaluation.baselines import Baseline, choose_parameter, usable_baselines
from pellucid.evaluation.contender import Contender
from pellucid.evaluation.gallery import make_gallery
from pellucid.evaluation.images import Corruption, ImageSet, Samples, first, read_corruption
from pellucid.evaluation.results import Curve, Evaluation, Gallery, Network, Row, SetFacts
from pellucid.evaluation.scores import compare, squared_error, summarize
from pellucid.inference.batches import Batch
from pellucid.noise.sensor import Gaussian

CURVE_SIGMAS = tuple(step / 10 for step in range(1, 11))
CURVE_IMAGES, CURVE_PIXELS = 200, 500_000  # at most so many images, and so many pixels in all
SSIM_IMAGES = 1000  # SSIM takes most of the time of an evaluation
BASELINE_PIXELS = 1_300_000  # in all images of a slow baseline, eight photographs of 481 x 321
GALLERY_BYTES = 1_500_000  # of all images in a report

T = TypeVar("T")

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Method:
    """A method makes a row of a table; it is evaluated on the first `images` test images, or on all."""

    name: str
    kind: str
    denoise: Callable[[Batch], Batch]
    note: str = ""
    images: int | None = None


class Scores(NamedTuple):
    """MSE, PSNR and SSIM of each image, float64 (images, 3), and what it took; SSIM of the first 1,000."""

    values: NDArray[np.float64]
    seconds: float
    cpu_seconds: float


def evaluate(
    contenders: Sequence[Contender],
    sets: Sequence[ImageSet],
    noises: Sequence[str],
    *,
    baselines: bool = True,
    bm3d: bool = False,
    seed: int = 0,
    clip: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate networks on every set with every noise.

    Parameters
    ----------
    contenders : sequence of Contender
        At least one.
    sets : sequence of ImageSet
    noises : sequence of str
        In text form, such as ``gaussian:0.5``, without ranges.
    baselines : bool
        Evaluate classical denoisers too, on the first 1,000 images, the slow ones on the first 300.
    bm3d : bool
        BM3D is among them, on the first ten images.
    seed : int
        Of the noise.
    clip : bool
        Clip noisy images to [0, 1], as whatever stores them would. They are not rounded.
    progress : function of (text, float), optional
        Called with what comes now, and how many of the tables (a set with a noise) are done.

    Returns
    -------
    Evaluation

    Raises
    ------
    UsageError
        When a noise cannot be read, or a network does not take the images of a set.
    InputError
        When a network gives NaN or infinity.
    """
    corruptions = [read_corruption(text, seed=seed, clip=clip) for text in noises]
    for contender, images in product(contenders, sets):
        _try(contender, images)
    tables = list(product(sets, corruptions))
    rows: list[Row] = []
    galleries: list[Gallery] = []
    for done, (images, corruption) in enumerate(tables):
        report = partial(_report, progress, done, f"{images.name}, {corruption.noise}")
        side = min(min(each.shape[:2]) for each in (*images.test, *images.validation))
        classical = usable_baselines(side, on_request=bm3d) if baselines else []
        methods = _methods(contenders, images, corruption, report, classical)
        found, gallery = _evaluate(contenders, images, corruption, methods, room=GALLERY_BYTES // len(tables))
        rows += found
        galleries.append(gallery)
    curves: list[Curve] = []
    for images in sets:
        _report(progress, len(tables), images.name, "noise levels")
        curves += noise_curves(contenders, images, seed=seed, clip=clip)
    return Evaluation(
        pellucid=pellucid.__version__,
        date=f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        machine=f"{platform.system()} {platform.machine()}, {usable_cpus()} cores",
        seed=seed,
        clipped=clip,
        networks=tuple(_network(each, {images.channels for images in sets}) for each in contenders),
        sets=tuple(
            SetFacts(name=each.name, images=len(each.test), channels=each.channels, note=each.note)
            for each in sets
        ),
        rows=tuple(rows),
        curves=tuple(curves),
        galleries=tuple(galleries),
    )


def _network(contender: Contender, channels: set[int]) -> Network:
    """The network with those of its cards that were evaluated."""
    cards = {card.channels: card for card in map(contender.card, sorted(channels))}
    run = str(contender.run) if contender.run else None
    return Network(name=contender.name, cards=tuple(cards.values()), run=run)


def _try(contender: Contender, images: ImageSet) -> None:
    """Denoise one image, so that what does not fit is an error at once, and everything is loaded."""
    contender.card(images.channels)
    some = Corruption(Gaussian(0.1))
    for _, noisy in some.batches(images.test[:1]):
        contender.denoise(noisy, some.sigma)


def _report(progress: Progress | None, done: int, where: str, what: str) -> None:
    if progress:
        progress(f"{where}: {what}", done)


def _evaluate(
    contenders: Sequence[Contender],
    images: ImageSet,
    corruption: Corruption,
    methods: Iterator[Method],
    *,
    room: int,
) -> tuple[list[Row], Gallery]:
    """One table, and what its networks make of a few images."""
    measured = [(method, score(method, images.test, corruption)) for method in methods]
    rows = [_row(images, corruption, method, scores) for method, scores in measured]
    psnr = {method.name: scores.values[:, 1] for method, scores in measured if method.kind == "network"}
    best = max(psnr, key=lambda name: psnr[name].mean())
    order = np.argsort(psnr[best], kind="stable")
    return rows, make_gallery(contenders, images, corruption, order, chosen_by=best, room=room)


def _methods(
    contenders: Sequence[Contender],
    images: ImageSet,
    corruption: Corruption,
    report: Callable[[str], None],
    baselines: Sequence[Baseline],
) -> Iterator[Method]:
    """One method after the other; the parameter of a baseline is chosen when its turn comes."""
    yield Method("noisy input", "noisy", lambda noisy: noisy)
    for baseline in baselines:
        report(baseline.name)
        value = choose_parameter(baseline, images.validation, corruption)
        note = f"{baseline.parameter} {value:g}"
        count = baseline.images and len(first(images.test, baseline.images, BASELINE_PIXELS))
        yield Method(baseline.name, "baseline", with_value(baseline.denoise, value), note, count)
    for contender in contenders:
        report(contender.name)
        note = contender.note(images.channels, corruption.sigma)
        yield Method(contender.name, "network", with_value(contender.denoise, corruption.sigma), note)


def with_value(denoise: Callable[[Batch, T], Batch], value: T) -> Callable[[Batch], Batch]:
    """A method that is given the same noise level, or parameter, every time."""
    return lambda noisy: denoise(noisy, value)


def score(method: Method, images: Sequence[Samples], corruption: Corruption) -> Scores:
    """Evaluate one method.

    Parameters
    ----------
    method : Method
    images : sequence of uint8 arrays (height, width, channels)
        Clean.
    corruption : Corruption

    Raises
    ------
    InputError
        When the method gives NaN or infinity.
    """
    values: list[tuple[float, float, float]] = []
    seconds, cpu_seconds = 0.0, 0.0
    for clean, noisy in corruption.batches(images[: method.images]):
        wall, cpu = time.perf_counter(), time.process_time()
        denoised = method.denoise(noisy)
        seconds += time.perf_counter() - wall
        cpu_seconds += time.process_time() - cpu
        if not np.isfinite(denoised).all():
            raise InputError(
                f"{method.name} made NaN or infinity of an image",
                "Train it again, with a lower learning rate",
            )
        for pair in zip(denoised, clean, strict=True):
            values.append(compare(*pair, with_ssim=len(values) < SSIM_IMAGES))
    return Scores(np.array(values), seconds, cpu_seconds)


def _row(images: ImageSet, corruption: Corruption, method: Method, scores: Scores) -> Row:
    mse, psnr = summarize(scores.values[:, :2])
    (ssim,) = summarize(scores.values[:SSIM_IMAGES, 2:])
    return Row(
        set=images.name,
        noise=str(corruption.noise),
        method=method.name,
        kind=method.kind,
        note=method.note,
        images=len(scores.values),
        mse=mse,
        psnr=psnr,
        ssim=None if math.isnan(ssim.mean) else ssim,
        seconds=scores.seconds,
        cpu_seconds=scores.cpu_seconds,
    )


def noise_curves(
    contenders: Sequence[Contender], images: ImageSet, *, seed: int = 0, clip: bool = True
) -> list[Curve]:
    """Measure the PSNR of the noisy input and of each network at ten levels of Gaussian noise.

    Parameters
    ----------
    contenders : sequence of Contender
    images : ImageSet
        A fortieth of its test images are used, but 20 to 200 of them, and of half a million pixels at most.
    seed : int
    clip : bool
    """
    count = min(CURVE_IMAGES, max(20, len(images.test) // 40))  # at ten levels
    few = first(images.test, count, CURVE_PIXELS)
    levels = [Corruption(Gaussian(sigma), seed, clip) for sigma in CURVE_SIGMAS]

    def mean_psnr(denoise: Callable[[Batch, float | None], Batch], level: Corruption) -> float:
        pairs = (
            pair
            for clean, noisy in level.batches(few)
            for pair in zip(denoise(noisy, level.sigma), clean, strict=True)
        )
        return float(np.mean([squared_error(*pair)[1] for pair in pairs]))

    methods = {"noisy input": lambda noisy, sigma: noisy, **{each.name: each.denoise for each in contenders}}
    return [
        Curve(
            set=images.name,
            method=name,
            images=len(few),
            sigmas=CURVE_SIGMAS,
            psnr=tuple(mean_psnr(denoise, level) for level in levels),
        )
        for name, denoise in methods.items()
    ]
