"""Which arrays are images, and the images of a stack one by one."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, UsageError
from pellucid.io.image import SAMPLE_TYPES, Samples
from pellucid.io.source import ArraySource

COLOUR_AXES = "SC"
SHAPES = "(h, w), (h, w, 1), (h, w, 3) or (h, w, 4)"


def check_array(pixels: object) -> NDArray[Any]:
    """Refuse what is no array of samples.

    Raises
    ------
    UsageError
        For another type or dtype.
    """
    if not isinstance(pixels, np.ndarray) or isinstance(pixels, np.matrix):  # which stays flat
        raise UsageError(
            f"Expected an image array, got {type(pixels).__name__}",
            "Give a NumPy array, as numpy.asarray makes",
        )
    if pixels.dtype.name not in SAMPLE_TYPES:
        raise UsageError(
            f"Expected an image array, got one of {pixels.dtype.name}", f"Give {', '.join(SAMPLE_TYPES)}"
        )
    return pixels


def view_images(pixels: NDArray[Any], axes: str | None = None, channel_axis: int | None = None) -> Samples:
    """View an array as images: (..., height, width, samples).

    Parameters
    ----------
    pixels : array
    axes, channel_axis
        As in `pellucid.DenoiseOptions`.

    Raises
    ------
    UsageError
        When the axes do not fit the array, or cannot be known without being named.
    """
    if axes is None:
        axes = _default_axes(pixels, channel_axis)
    axes = axes.upper()
    if len(axes) != pixels.ndim or len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
        raise UsageError(
            f"axes={axes!r} does not fit an array of shape {pixels.shape}",
            "Give one letter for each axis, Y and X among them, each once",
        )
    samples = [axes.index(each) for each in COLOUR_AXES if each in axes]
    if len(samples) > 1:
        raise UsageError(f"axes={axes!r} has two axes of colours", "Give S or C, not both")
    view = pixels if samples else pixels[..., None]
    last = [axes.index("Y"), axes.index("X"), samples[0] if samples else pixels.ndim]
    view = np.moveaxis(view, last, [-3, -2, -1])
    if view.shape[-1] not in (1, 3, 4) or 0 in view.shape:
        raise UsageError(
            f"Expected an image array, got one of shape {pixels.shape} with {view.shape[-1]} samples a pixel",
            "Colours have 1, 3 or 4 samples; name an axis of separate images by another letter, as axes='YXK'"
            if view.shape[-1] not in (0, 1, 3, 4)
            else f"Give {SHAPES}, with at least one pixel",
        )
    return view


def _default_axes(pixels: NDArray[Any], channel_axis: int | None) -> str:
    """YX, or YXS where the last axis is as long as a colour's and nothing else is said."""
    ndim = pixels.ndim
    if channel_axis is not None:
        if ndim < 3 or not -ndim <= channel_axis < ndim:
            raise UsageError(
                f"channel_axis={channel_axis} does not fit an array of shape {pixels.shape}",
                "Give the number of the axis of the colours",
            )
        letters = list("ABDEFGHIJKLMN"[: ndim - 3] + "YX")
        letters.insert(channel_axis % ndim, "S")
        return "".join(letters)
    if ndim == 2:
        return "YX"
    if ndim == 3 and pixels.shape[2] in (1, 3, 4):
        return "YXS"
    example = {3: "'SYX' for colours first or 'ZYX' for a stack", 4: "'NYXS' or 'TZYX'"}
    raise UsageError(
        f"Expected an image array, got one of shape {pixels.shape}",
        f"Give {SHAPES}, with at least one pixel, or name the axes"
        + (f" with axes={example[ndim]}" if ndim in example else ""),
    )


def one_source(pixels: NDArray[Any], nodata: float | None = None) -> ArraySource:
    """The source of an array that is one image.

    Raises
    ------
    UsageError
        For other arrays.
    """
    ((source, _),) = Images(pixels, nodata=nodata)
    return source


class Images:
    """The images of an array, and the array of the results.

    Parameters
    ----------
    pixels : array or masked array
    axes, channel_axis, nodata
        As in `pellucid.DenoiseOptions`.

    Raises
    ------
    UsageError
        For arrays that are no images.
    InputError
        When all pixels are masked.
    """

    def __init__(
        self,
        pixels: NDArray[Any],
        axes: str | None = None,
        channel_axis: int | None = None,
        nodata: float | None = None,
    ) -> None:
        self._given = pixels
        data = check_array(np.ma.getdata(pixels) if np.ma.isMaskedArray(pixels) else pixels)
        self._view, self._nodata = view_images(data, axes, channel_axis), nodata
        self._counted = "".join(axis for axis in (axes or "").upper() if axis not in "YX" + COLOUR_AXES)
        self._mask: NDArray[np.bool_] | None = None
        if np.ma.isMaskedArray(pixels) and np.ma.is_masked(pixels):
            mask = view_images(np.ma.getmaskarray(pixels), axes, channel_axis)
            self._mask = np.asarray(mask.any(axis=-1))
        self._out = np.array(data, order="K")
        self._targets = view_images(self._out, axes, channel_axis)

    def __iter__(self) -> Iterator[tuple[ArraySource, Samples]]:
        """Each image as a source, and the part of the result that its colours go into."""
        for index in np.ndindex(self._view.shape[:-3]):
            view = self._view[index]
            colours = view.shape[2] - (view.shape[2] == 4)
            if self._mask is not None:
                view = self._hidden(view, self._mask[index])
            source = ArraySource(view, alpha=view.shape[2] > colours, nodata=self._nodata)
            yield source, self._targets[index][..., :colours]

    def groups(self, *, per_plane: bool) -> list[list[tuple[ArraySource, Samples]]]:
        """The images that share their noise: the planes of a stack, unless each is analysed alone.

        An axis N, or one that has no name, counts images of their own.
        """
        shape = self._view.shape[:-3]
        alone = [k for k in range(len(shape)) if per_plane or not self._counted or self._counted[k] == "N"]
        found: dict[tuple[int, ...], list[tuple[ArraySource, Samples]]] = {}
        for index, image in zip(np.ndindex(shape), self, strict=True):
            found.setdefault(tuple(index[k] for k in alone), []).append(image)
        return list(found.values())

    def __len__(self) -> int:
        return math.prod(self._view.shape[:-3])

    @property
    def result(self) -> NDArray[Any]:
        """The array of the results; masked where the input was."""
        if np.ma.isMaskedArray(self._given):
            given = self._given
            return np.ma.array(self._out, mask=np.ma.getmask(given), fill_value=given.fill_value)
        return self._out

    def _hidden(self, view: Samples, mask: NDArray[np.bool_]) -> Samples:
        """The image with an alpha that is 0 where it is masked."""
        if mask.all():
            raise InputError("No pixel has data: all are masked", "Give an image")
        opaque = view.dtype.type(1)
        alpha = view[..., 3] if view.shape[2] == 4 and view[..., 3].any() else opaque
        return np.dstack([view[..., :3], np.where(mask, 0, alpha).astype(view.dtype)])
