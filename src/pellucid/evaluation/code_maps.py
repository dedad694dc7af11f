"""Maps of the code: its classes, interpolation between two images, and the meaning of each dimension.

Every function gives a figure of matplotlib, which `pellucid.evaluation.figures` writes into files and
pages. They can be read on white and on black.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.evaluation.figures import TEXT
from pellucid.inference.codec import Codec, Floats
from pellucid.io.image import to_float

# Ten colours, distinguishable with every kind of colour vision: Petroff 2021, Accessible color sequences
# for data visualization, arXiv:2107.02270.
COLOURS = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
MARKS = "os^Dv"
TILE = 0.62  # inches a side of a small image
GAP = 2  # pixels of an image, about, between two


def code_map(codes: NDArray[Any], labels: NDArray[np.int64], *, names: Sequence[str] | None = None) -> Figure:
    """Draw each code as a point with the colour of its class.

    Parameters
    ----------
    codes : float array (n, *code)
        A code of more than two numbers is shown by its first two principal components.
    labels : int array (n,)
        From 0.
    names : sequence of str, optional
        Of the classes; by default their numbers.

    Raises
    ------
    UsageError
        When the code has fewer than two numbers, or labels are missing.
    """
    points = codes.reshape(len(codes), -1)
    if len(labels) != len(points) or points.shape[1] < 2:
        raise UsageError(
            f"Codes of shape {codes.shape} with {len(labels)} labels cannot be drawn in a plane",
            "Give codes of two numbers or more, and a label for each",
        )
    axes_are = ("first number of the code", "second number of the code")
    if points.shape[1] > 2:
        points, axes_are = principal_plane(points)
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.add_subplot()
    _draw_points(axes, points, labels)
    classes = np.unique(labels)
    medians = np.stack([np.median(points[labels == label], axis=0) for label in classes])
    for label, place in zip(classes, apart(medians, np.ptp(points, axis=0)), strict=True):
        _name_class(axes, place, label, names)
    axes.set_xlabel(axes_are[0])
    axes.set_ylabel(axes_are[1])
    _quiet(axes)
    return figure


def principal_plane(points: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, str]]:
    """Points in the plane of their two first principal components, and what its axes are called."""
    from sklearn.decomposition import PCA

    pca: Any = PCA(2, random_state=0)
    plane: NDArray[Any] = pca.fit_transform(points)
    first, second = (
        f"{word} principal component of the code ({share:.0%} of its variance)"
        for word, share in zip(("first", "second"), pca.explained_variance_ratio_, strict=True)
    )
    return plane, (first, second)


def apart(places: NDArray[Any], extent: NDArray[Any]) -> NDArray[Any]:
    """Move positions (n, 2) until no two are closer than a name is high, a twentieth of the extent (2,)."""
    moved: NDArray[Any] = places / np.maximum(extent, 1e-30)
    moved = moved + np.random.default_rng(0).normal(0, 1e-6, moved.shape)  # equal positions have no direction
    for _ in range(100):
        between = moved[:, None] - moved[None]  # (n, n, 2)
        distance = np.linalg.norm(between, axis=2) + np.eye(len(moved))
        push = np.maximum(0.05 - distance, 0) / distance
        moved += 0.5 * (between * push[..., None]).sum(axis=1)
    moved *= extent
    return moved


def walks(codec: Codec, starts: NDArray[Any], ends: NDArray[Any], *, steps: int = 7) -> Figure:
    """Draw the linear interpolation between two images in the latent space.

    Parameters
    ----------
    codec : Codec
    starts, ends : arrays (n, height, width, channels)
        As `Codec.encode` takes them; one row of the figure for each pair.
    steps : int
        Decoded images a row, from 2; the images themselves are at both ends.
    """
    first, last = codec.encode(starts), codec.encode(ends)
    shares = np.linspace(0, 1, steps, dtype=np.float32)
    way = np.stack([first + share * (last - first) for share in shares], axis=1)  # (n, steps, *code)
    decoded = codec.decode(way.reshape(-1, *first.shape[1:])).reshape(len(first), steps, *_shape(starts))
    begin, end = (to_float(each).reshape(len(first), 1, *_shape(each)) for each in (starts, ends))
    figure, axes = _sheet(np.concatenate([begin, decoded, end], axis=1))
    names = ["image", *(f"{share:.0%}" for share in shares), "image"]
    width = (axes.get_xlim()[1] + GAP) / len(names)
    axes.set_xticks([(k + 0.5) * width - GAP / 2 for k in range(len(names))], names)
    return figure


def codes_as_images(codec: Codec, images: NDArray[Any]) -> Figure:
    """Draw images, below each its code as a small image, and below that what is decoded.

    Parameters
    ----------
    codec : Codec
        Its code has two axes, as that of a dense network, or three, of which the mean over channels is shown.
    images : array (n, height, width, channels)

    Raises
    ------
    UsageError
        When the code is a list of numbers.
    """
    codes = codec.encode(images)
    if codes.ndim == 2:
        raise UsageError(
            f"A code of {codes.shape[1]} numbers in a row is no image",
            "Name a network with a code of rows and columns, such as that of mnist-dense",
        )
    decoded = codec.decode(codes)
    flat = codes if codes.ndim == 3 else codes.mean(axis=1)
    scaled = (flat - flat.min()) / max(float(np.ptp(flat)), 1e-30)
    height, width, channels = _shape(images)
    rows, columns = (
        np.arange(side) * of // side for side, of in zip((height, width), flat.shape[1:], strict=True)
    )
    enlarged = scaled[:, rows][:, :, columns, None].repeat(channels, axis=3)  # nearest neighbour
    originals = to_float(images).reshape(decoded.shape)
    figure, axes = _sheet(np.stack([originals, enlarged, decoded]))
    size = " x ".join(map(str, flat.shape[1:]))
    step = (axes.get_ylim()[0] + GAP) / 3
    axes.set_yticks([(k + 0.5) * step - GAP / 2 for k in range(3)], ["image", f"code, {size}", "decoded"])
    return figure


def decoded_grid(codec: Codec, codes: NDArray[Any], *, steps: int = 15) -> Figure:
    """Decode a grid of codes with two dimensions.

    Parameters
    ----------
    codec : Codec
        Its code has two numbers.
    codes : float array (n, 2)
        Of many images; the grid covers the middle 96 % of each number.
    steps : int
        Places along each number.

    Raises
    ------
    UsageError
        When the code has more or fewer than two numbers.
    """
    if codec.card.code != (2,) or codes.shape[1:] != (2,):
        raise UsageError(
            f"A code of shape {codec.card.code} is no plane", "Train a network with network.code=2"
        )
    low, high = np.percentile(codes, (2, 98), axis=0)
    across, up = (np.linspace(low[k], high[k], steps) for k in (0, 1))
    places = np.stack(np.meshgrid(across, up[::-1]), axis=-1)  # (rows, columns, 2), upwards as in a map
    decoded = codec.decode(places.reshape(-1, 2))
    figure, axes = _sheet(decoded.reshape(steps, steps, *decoded.shape[1:]), tile=0.42)
    shown = np.unique(np.linspace(0, steps - 1, 5).round().astype(int))
    height, width = (side + GAP for side in decoded.shape[1:3])
    axes.set_xticks([k * width + width / 2 for k in shown], [f"{across[k]:.1f}" for k in shown])
    axes.set_yticks([k * height + height / 2 for k in shown], [f"{up[::-1][k]:.1f}" for k in shown])
    axes.set_xlabel("first number of the code")
    axes.set_ylabel("second number of the code")
    return figure


def samples(codec: Codec, codes: NDArray[Any], *, rows: int = 3, columns: int = 10) -> Figure:
    """Decode codes that no image has: a sheet of the first ones.

    Parameters
    ----------
    codec : Codec
    codes : float array (n, *code)
        Such as `pellucid.evaluation.codes.draw_codes` draws them; n is at least rows * columns.
    rows, columns : int
    """
    decoded = codec.decode(codes[: rows * columns])
    figure, _ = _sheet(decoded.reshape(rows, columns, *decoded.shape[1:]))
    return figure


# ---- sheets of small images --------------------------------------------------------------------


def _shape(images: NDArray[Any]) -> tuple[int, int, int]:
    """Height, width and channels of images (n, h, w) or (n, h, w, c)."""
    _, height, width, *channels = images.shape
    return height, width, channels[0] if channels else 1


def _sheet(images: Floats, *, tile: float = TILE) -> tuple[Figure, Axes]:
    """Lay images (rows, columns, h, w, c) out, and give the axes, whose unit is one of their pixels."""
    rows, columns, height, width, _ = images.shape
    sheet = np.zeros((rows, height + GAP, columns, width + GAP, 4), np.float32)  # transparent gaps
    places = sheet[:, :height, :, :width]
    places[..., :3] = images.clip(0, 1).transpose(0, 2, 1, 3, 4)  # grey goes into red, green and blue
    places[..., 3] = 1
    whole = sheet.reshape(rows * (height + GAP), columns * (width + GAP), 4)[:-GAP, :-GAP]
    figure = Figure(figsize=(tile * columns + 0.9, tile * height / width * rows + 0.5), layout="constrained")
    axes = figure.add_subplot()
    extent = (0, whole.shape[1], whole.shape[0], 0)
    axes.imshow(whole, interpolation="nearest", extent=extent)
    axes.set_xticks([])
    axes.set_yticks([])
    _quiet(axes)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure, axes


def _draw_points(axes: Axes, points: NDArray[Any], labels: NDArray[np.int64]) -> None:
    order = np.random.default_rng(0).permutation(len(points))  # else the last class hides the others
    for part in np.array_split(order, max(1, len(order) // 500)):
        for label in np.unique(labels[part]):
            x, y = points[part[labels[part] == label]].T
            colour, mark = COLOURS[label % len(COLOURS)], MARKS[label % len(MARKS)]
            axes.scatter(x, y, s=9, c=colour, marker=mark, alpha=0.6, linewidths=0, rasterized=True)


def _name_class(axes: Axes, place: NDArray[Any], label: int, names: Sequence[str] | None) -> None:
    """Write a class's name at its median, on white, readable on every page."""
    box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": COLOURS[label % len(COLOURS)]}
    text, (x, y) = names[label] if names else str(label), place
    axes.text(x, y, text, bbox=box | {"linewidth": 2}, color="black", weight="bold", ha="center", va="center")


def _quiet(axes: Axes) -> None:
    """Axes and words in a grey that white and black pages both let read."""
    axes.xaxis.label.set_color(TEXT)
    axes.yaxis.label.set_color(TEXT)
    axes.tick_params(colors=TEXT)
    axes.spines[:].set_color(TEXT)
