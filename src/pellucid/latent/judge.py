"""What the codes of autoencoders hold: figures and pictures for a report, beside PCA.

The networks are given clean pictures here, whatever they were trained for. Principal component analysis
(scikit-learn's) learns from the training pictures of the set, and the nearest codes that tell the class of a
test picture are those of training pictures.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.evaluation.contender import Contender
from pellucid.evaluation.figures import figure_svg
from pellucid.evaluation.pictures import PictureSet
from pellucid.evaluation.results import CodeFacts, Drawing
from pellucid.images.picture import to_float
from pellucid.latent import maps
from pellucid.latent.codes import Codec, Floats, check_whole

COMPONENTS = (2, 4, 8, 16, 32, 64)
MOST_COMPONENTS = 256  # a code of more numbers is compared with no PCA
REFERENCES = 10_000  # training pictures from which PCA and the nearest neighbours know the set
NEIGHBOURS = 5
DRAWN = 3  # of all codes so many are drawn: a report has a limit of size
MAPPED = 3000  # points of a map


def judge_codes(contenders: Sequence[Contender], sets: Sequence[PictureSet]) -> tuple[CodeFacts, ...]:
    """Look into the code of each network that has one, on each set whose pictures have one size.

    Parameters
    ----------
    contenders : sequence of Contender
    sets : sequence of PictureSet
        With training pictures; a set without any is passed over.

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
    for pictures in sets:
        found += _judge_set(with_code, pictures, room=DRAWN - len(found))
    return tuple(found)


def _judge_set(
    networks: Sequence[tuple[str, Codec]], pictures: PictureSet, *, room: int
) -> Iterator[CodeFacts]:
    """Judge all codes on one set, and draw the first `room` of them."""
    if len({each.shape for each in (*pictures.test, *pictures.train)}) != 1 or not pictures.train:
        return
    fitting = [(name, codec) for name, codec in networks if _fits(codec, pictures.test[0].shape)]
    if not fitting:
        return
    test, train = np.stack(pictures.test), np.stack(pictures.train[:REFERENCES])
    sizes = {name: int(np.prod(codec.encode(test[:1]).shape)) for name, codec in fitting}
    components = Components(train, test, [*COMPONENTS, *sizes.values()])
    for number, (name, codec) in enumerate(fitting):
        codes = codec.encode(test)
        try:
            decoded = codec.decode(codes)
        except UsageError:  # its unpooling needs more than the code
            continue
        labels = (pictures.train_labels, pictures.labels)
        yield CodeFacts(
            set=pictures.name,
            method=name,
            numbers=sizes[name],
            images=len(test),
            mse=float(np.mean((decoded - to_float(test)) ** 2)),
            accuracy=accuracy(codec.encode(train), codes, *labels),
            pca=components.errors,
            pca_accuracy=components.accuracy(sizes[name], *labels),
            drawings=tuple(draw(name, codec, pictures, codes)) if number < room else (),
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

        known, judged = (to_float(part).reshape(len(part), -1) for part in (train, test))
        most = min(*known.shape, MOST_COMPONENTS)
        self.numbers = sorted({each for each in numbers if each <= most})
        pca: Any = PCA(max(self.numbers, default=1), random_state=0).fit(known)
        self.known, self.codes = pca.transform(known), pca.transform(judged)
        # The directions are orthonormal: each component takes its own share of the squared error away.
        shares = np.cumsum(np.mean(self.codes**2, axis=0)) / judged.shape[1]
        whole = float(np.mean((judged - pca.mean_) ** 2))
        self.errors = tuple((each, whole - float(shares[each - 1])) for each in self.numbers)

    def accuracy(
        self, count: int, train_labels: NDArray[np.int64] | None, labels: NDArray[np.int64] | None
    ) -> float | None:
        """As `accuracy` of so many components; None when they were too many."""
        if count not in self.numbers:
            return None
        return accuracy(self.known[:, :count], self.codes[:, :count], train_labels, labels)


def accuracy(
    known: NDArray[Any],
    codes: NDArray[Any],
    train_labels: NDArray[np.int64] | None,
    labels: NDArray[np.int64] | None,
) -> float | None:
    """The share of test pictures whose class is that of most of their nearest training pictures' codes."""
    from sklearn.neighbors import KNeighborsClassifier

    if train_labels is None or labels is None:
        return None
    rows = known.reshape(len(known), -1)
    neighbours = KNeighborsClassifier(NEIGHBOURS).fit(rows, train_labels[: len(rows)])
    return float(neighbours.score(codes.reshape(len(codes), -1), labels))


def draw(name: str, codec: Codec, pictures: PictureSet, codes: Floats) -> Iterator[Drawing]:
    """Every drawing that a code allows."""
    test, labels = np.stack(pictures.test), pictures.labels
    numbers = codes[0].size
    if labels is not None and numbers > 1:
        yield Drawing(
            title=f"{name}: where the classes lie",
            svg=figure_svg(maps.code_map(codes[:MAPPED], labels[:MAPPED])),
            caption=f"The codes of the first {min(MAPPED, len(codes)):,} test pictures. "
            "The network was not told the classes.",
        )
    if codes.shape[1:] == (2,):
        yield Drawing(
            title=f"{name}: what each place of the plane means",
            svg=figure_svg(maps.decoded_grid(codec, codes)),
            caption="Codes from the middle 96 % of each number, decoded.",
        )
    if codes.ndim > 2:
        yield Drawing(
            title=f"{name}: codes as pictures",
            svg=figure_svg(maps.codes_as_pictures(codec, test[:8])),
            caption="The first test pictures, their codes, and what is decoded."
            + (" Of a code's channels the mean is shown." if codes.ndim == 4 else ""),
        )
    if pairs := list(itertools.islice(_pairs(test, labels), 3)):
        starts, ends = zip(*pairs, strict=True)
        yield Drawing(
            title=f"{name}: walks from one picture to another",
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
