"""The evaluation of codes of autoencoders: figures and images for a report, compared with PCA.

The networks are given clean images here, whatever they were trained for. Principal component analysis
(scikit-learn's) learns from the training images of the set, and the nearest codes that predict the class of a
test image are those of training images.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.evaluation import code_maps as maps
from pellucid.evaluation.contender import Contender
from pellucid.evaluation.figures import figure_svg
from pellucid.evaluation.images import ImageSet
from pellucid.evaluation.results import CodeFacts, Drawing
from pellucid.inference.codec import Codec, Floats, check_whole
from pellucid.io.image import to_float

COMPONENTS = (2, 4, 8, 16, 32, 64)
FRECHET_COMPONENTS = 32
MOST_COMPONENTS = 256  # a code of more numbers is compared with no PCA
REFERENCES = 10_000  # training images for PCA and the nearest neighbours ...
TESTED = 2000  # ... and test images
NEIGHBOURS = 5
DRAWN = 3  # codes that are drawn: the size of a report is limited


def evaluate_codes(contenders: Sequence[Contender], sets: Sequence[ImageSet]) -> tuple[CodeFacts, ...]:
    """Look into the code of each network that has one, on each set whose images have one size.

    Parameters
    ----------
    contenders : sequence of Contender
    sets : sequence of ImageSet
        With training images; a set without any is passed over.

    Returns
    -------
    tuple of CodeFacts
        The first three with drawings.
    """
    with_code = [
        (each.name, Codec(each.file))
        for each in contenders
        if each.file and all(card.code for card in each.cards.values())
    ]
    found: list[CodeFacts] = []
    for images in sets:
        found += _evaluate_set(with_code, images, room=DRAWN - len(found))
    return tuple(found)


def _evaluate_set(
    networks: Sequence[tuple[str, Codec]], images: ImageSet, *, room: int
) -> Iterator[CodeFacts]:
    """Evaluate all codes on one set, and draw the first `room` of them."""
    if len({each.shape for each in (*images.test, *images.train)}) != 1 or not images.train:
        return
    fitting = [(name, codec) for name, codec in networks if _fits(codec, images.test[0].shape)]
    if not fitting:
        return
    test, train = np.stack(images.test[:TESTED]), np.stack(images.train[:REFERENCES])
    tested = images.first(TESTED)
    sizes = {name: int(np.prod(codec.encode(test[:1]).shape)) for name, codec in fitting}
    components = Components(train, test, [*COMPONENTS, *sizes.values()])
    for number, (name, codec) in enumerate(fitting):
        codes = codec.encode(test)
        try:
            decoded = codec.decode(codes)
        except UsageError:  # its unpooling needs more than the code
            continue
        labels = (images.train_labels, tested.labels)
        yield CodeFacts(
            set=images.name,
            method=name,
            numbers=sizes[name],
            images=len(test),
            mse=float(np.mean((decoded - to_float(test)) ** 2)),
            accuracy=accuracy(codec.encode(train), codes, *labels),
            pca=components.errors,
            pca_accuracy=components.accuracy(sizes[name], *labels),
            drawings=tuple(draw(name, codec, tested, codes)) if number < room else (),
        )


def _fits(codec: Codec, shape: tuple[int, ...]) -> bool:
    try:
        check_whole(codec.card, *shape)
    except UsageError:
        return False
    return True


class Components:
    """PCA of a set. Its components have an order, so that one fit serves all numbers of them.

    Parameters
    ----------
    train, test : uint8 arrays (n, height, width, channels)
    numbers : sequence of int
        How many components are asked for.
    """

    def __init__(self, train: NDArray[np.uint8], test: NDArray[np.uint8], numbers: Sequence[int]) -> None:
        from sklearn.decomposition import PCA

        known, tested = (to_float(part).reshape(len(part), -1) for part in (train, test))
        most = min(*known.shape, MOST_COMPONENTS)
        self.numbers = sorted({each for each in numbers if each <= most})
        pca: Any = PCA(max(self.numbers, default=1), random_state=0).fit(known)
        self.known, self.codes = pca.transform(known), pca.transform(tested)
        # The directions are orthonormal: each component takes its own share of the squared error away.
        shares = np.cumsum(np.mean(self.codes**2, axis=0)) / tested.shape[1]
        whole = float(np.mean((tested - pca.mean_) ** 2))
        self.errors = tuple((each, whole - float(shares[each - 1])) for each in self.numbers)

    def accuracy(
        self, count: int, train_labels: NDArray[np.int64] | None, labels: NDArray[np.int64] | None
    ) -> float | None:
        """As `accuracy` with this number of components; None when there are fewer."""
        if count not in self.numbers:
            return None
        return accuracy(self.known[:, :count], self.codes[:, :count], train_labels, labels)


def accuracy(
    known: NDArray[Any],
    codes: NDArray[Any],
    train_labels: NDArray[np.int64] | None,
    labels: NDArray[np.int64] | None,
) -> float | None:
    """The share of test images whose class is that of most of their nearest training images' codes."""
    from sklearn.neighbors import KNeighborsClassifier

    if train_labels is None or labels is None:
        return None
    rows = known.reshape(len(known), -1)
    neighbours = KNeighborsClassifier(NEIGHBOURS).fit(rows, train_labels[: len(rows)])
    return float(neighbours.score(codes.reshape(len(codes), -1), labels))


def draw_codes(codes: Floats, count: int, *, seed: int = 0) -> Floats:
    """Draw new codes from the normal distribution with the mean and the covariance of the codes of images.

    Parameters
    ----------
    codes : float array (n, *code)
    count : int
    seed : int

    Returns
    -------
    float32 array (count, *code)
    """
    rows = codes.reshape(len(codes), -1).astype(np.float64)
    centred = rows - rows.mean(axis=0)
    weights = np.random.default_rng(seed).normal(size=(count, len(rows))) / np.sqrt(len(rows))
    drawn: Floats = (rows.mean(axis=0) + weights @ centred).astype(np.float32)  # has that covariance
    return drawn.reshape(count, *codes.shape[1:])


def frechet_distance(images: NDArray[Any], others: NDArray[Any]) -> float:
    """How far two sets of images are apart: the Fréchet distance of their first 32 principal components.

    As the FID of papers (Heusel and others 2017), but without a network: of normal distributions with the
    means and covariances of the sets (Dowson and Landau 1982). 0 for equal ones.

    Parameters
    ----------
    images, others : float arrays (n, height, width, channels), 0 to 1
        The components are those of the first.
    """
    rows, other_rows = (each.reshape(len(each), -1).astype(np.float64) for each in (images, others))
    _, directions = np.linalg.eigh(np.cov(rows.T))
    one, two = (each @ directions[:, -FRECHET_COMPONENTS:] for each in (rows, other_rows))
    between = one.mean(axis=0) - two.mean(axis=0)
    first, second = np.cov(one.T), np.cov(two.T)
    common = np.sqrt(np.linalg.eigvals(first @ second).real.clip(0)).sum()
    return float(between @ between + np.trace(first) + np.trace(second) - 2 * common)


def draw(name: str, codec: Codec, images: ImageSet, codes: Floats) -> Iterator[Drawing]:
    """Every drawing that a code allows."""
    test, labels = np.stack(images.test), images.labels
    numbers = codes[0].size
    if labels is not None and numbers > 1:
        yield Drawing(
            title=f"{name}: the classes in the code",
            svg=figure_svg(maps.code_map(codes, labels)),
            caption=f"The codes of the first {len(codes):,} test images. "
            "The network was trained without the classes.",
        )
    if codes.shape[1:] == (2,):
        yield Drawing(
            title=f"{name}: the decoded plane",
            svg=figure_svg(maps.decoded_grid(codec, codes)),
            caption="Codes from the middle 96 % of each number, decoded.",
        )
    if codes.ndim > 2:
        yield Drawing(
            title=f"{name}: codes as images",
            svg=figure_svg(maps.codes_as_images(codec, test[:8])),
            caption="The first test images, their codes, and what is decoded."
            + (" Of a code's channels the mean is shown." if codes.ndim == 4 else ""),
        )
    if codes.shape[1:] != (1,) and numbers <= MOST_COMPONENTS:
        yield Drawing(
            title=f"{name}: samples",
            svg=figure_svg(maps.samples(codec, draw_codes(codes, 30))),
            caption="Decoded codes that no image has: drawn from the normal distribution with the mean and"
            " the covariance of the codes.",
        )
    if pairs := list(itertools.islice(_pairs(test, labels), 3)):
        starts, ends = zip(*pairs, strict=True)
        yield Drawing(
            title=f"{name}: latent interpolation",
            svg=figure_svg(maps.walks(codec, np.stack(starts), np.stack(ends))),
            caption="Codes on the straight line between two codes, decoded.",
        )


def _pairs(
    test: NDArray[np.uint8], labels: NDArray[np.int64] | None
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Neighbours in the set, of different classes where there are any."""
    for k in range(0, len(test) - 1, 2):
        if labels is None or labels[k] != labels[k + 1]:
            yield test[k], test[k + 1]
