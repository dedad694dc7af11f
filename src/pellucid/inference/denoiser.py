"""What denoises: the protocol that a single network and the automatic choice among several implement."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar, Unpack, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.inference.analysis import Analysis
from pellucid.inference.card import Card
from pellucid.inference.html import Html, before_after, image_html, table_html
from pellucid.inference.overview import STRIP, Overview, look_over_some
from pellucid.inference.pixels import Images
from pellucid.inference.stream import Progress, Work, copy_all, stream
from pellucid.io.image import Samples
from pellucid.io.sink import ArraySink, Sink
from pellucid.io.source import Source
from pellucid.options import DenoiseKeywords, DenoiseOptions

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Decision:
    """What is done to an image, and why.

    Parameters
    ----------
    model : str
        The name of the network; "none" where the choice was to do nothing.
    sigma : float
        The noise level, 0 to 1, as given or found.
    why : str
        Why this network, or none, in words; may be empty where the user named it.
    analysis : Analysis, optional
        What the decision was taken on; None where the noise was given.
    work : Work, optional
        The network, ready for the image; None where the image stays unchanged.
    network, digest : str
        The name and version of the network in its own card, and the SHA-256 of its file.
    """

    model: str
    sigma: float = 0.0
    why: str = ""
    analysis: Analysis | None = None
    work: Work | None = None
    network: str = ""
    digest: str = ""

    @property
    def changed(self) -> bool:
        """Whether the image is changed."""
        return self.work is not None


@dataclass(frozen=True)
class Result(Generic[T]):
    """A denoised image, and what was done to it.

    Parameters
    ----------
    image
        The same kind of thing as was given (see `pellucid.denoise`), with the same shape and dtype.
    sigma : float
        The noise level that was given or found, 0 to 1; where a network for photographs found it, the root
        of the mean square of what it removes from a few crops. Of a stack, the largest.
    changed : bool
        False when the image was left unchanged, because there was no noise to remove.
    model : str
        The name of the network; "none" where the choice was to do nothing.
    why : str
        Why this network, or none, in words; empty where the user named it.
    analysis : Analysis, optional
        The noise analysis that the choice was taken on; None where there was none, and for a stack.
    noisy
        What was given, where `pellucid.denoise_result` was.
    """

    image: T
    sigma: float
    changed: bool
    model: str
    why: str = ""
    analysis: Analysis | None = None
    noisy: Any = field(default=None, repr=False, compare=False)

    def show(self) -> Html:
        """Show the image before and after in a notebook, with a slider between.

        Raises
        ------
        UsageError
            When it is no single image, or is not the result of `pellucid.denoise_result`.
        """
        if self.noisy is None:
            raise UsageError("This result does not have the noisy image", "Show that of denoise_result")
        return before_after(self.noisy, self.image)

    def _repr_html_(self) -> str:
        rows = [("Network", self.model), ("Why", self.why), ("Noise", f"{255 * self.sigma:.3g} of 255")]
        return image_html(self.image) + table_html([each for each in rows if each[1]])

    @property
    def pixels(self) -> T:
        """The image, by its name before it could be more than an array."""
        return self.image

    def with_image(self, image: U) -> "Result[U]":
        """The same of the image as another kind of thing."""
        return Result(image, self.sigma, self.changed, self.model, self.why, self.analysis)

    @classmethod
    def of(cls, image: T, decisions: Sequence[Any]) -> "Result[T]":
        """The result of one image, or of a stack: of each a `Decision`, or what a stack has of a channel."""
        return cls(
            image,
            max(each.sigma for each in decisions),
            any(each.changed for each in decisions),
            ", ".join(dict.fromkeys(each.model for each in decisions)),
            "; ".join(dict.fromkeys(each.why for each in decisions if each.why)),
            decisions[0].analysis if len(decisions) == 1 else None,
        )


@runtime_checkable
class Denoiser(Protocol):
    """A way to denoise images: one network, or a choice among several.

    Attributes
    ----------
    name : str
    channels : tuple of int
        For which images there are networks of their own: 1 grey, 3 colour.
    """

    name: str
    channels: tuple[int, ...]

    @property
    def takes_sigma(self) -> bool:
        """Whether a noise level can be given."""

    def card(self, channels: int) -> Card:
        """The card of the network for grey (1) or colour (3) images."""

    def decide(self, image: Overview, options: DenoiseOptions) -> Decision:
        """Decide what to do with an image.

        Raises
        ------
        UsageError
            When the options do not fit the network, or it takes no such images.
        LimitError
            When the memory does not suffice.
        """

    def check(self, options: DenoiseOptions) -> None:
        """Refuse options that do not fit, before an image is read.

        Raises
        ------
        UsageError
        """

    def denoise(
        self, pixels: NDArray[Any], *, progress: Progress | None = None, **options: Unpack[DenoiseKeywords]
    ) -> Result[NDArray[Any]]:
        """Denoise an array, or a stack of images in an array.

        Parameters
        ----------
        pixels : array
            As for `pellucid.denoise`.
        progress : function of (done, total), optional
            Called after each tile.
        options
            The fields of `pellucid.DenoiseOptions` that concern images.

        Raises
        ------
        UsageError
            When shape, dtype or an option make no sense.
        InputError
            When the array has infinite values, or no pixel has data.
        LimitError
            When the memory does not suffice.
        """
        choice = DenoiseOptions.of(**options)
        self.check(choice)
        return denoise_array(self, pixels, choice, progress)


def denoise_array(
    denoiser: Denoiser, pixels: NDArray[Any], options: DenoiseOptions, progress: Progress | None = None
) -> Result[NDArray[Any]]:
    """Denoise the images of an array; what `Denoiser.denoise` does with checked options."""
    images = Images(pixels, options.axes, options.channel_axis, options.nodata)
    decisions = []
    for group in images.groups(per_plane=options.per_plane):
        image = look_over_some([source for source, _ in group])
        image = never_a_page(image) if len(group) > 1 else image
        decisions.append(denoiser.decide(image, options))
        if decisions[-1].changed:
            for source, colours in group:
                carry_out(source, ArraySink(colours), image, decisions[-1], progress)
    return Result.of(images.result, decisions)


def never_a_page(image: Overview) -> Overview:
    """The planes of a stack are measurements: paper is not made even in them.

    An image with a mask, though of all its pixels, is not taken for a page.
    """
    full = np.ones((len(image.tiles), *image.tiles.shape[2:]), np.bool_)
    return replace(image, masks=full if image.masks is None else image.masks)


def carry_out(
    source: Source, sink: Sink, image: Overview, decision: Decision, progress: Progress | None = None
) -> None:
    """Do to an image what was decided; commit the sink, or abort it when something fails."""
    try:
        if decision.work:
            stream(source, sink, image.layout, decision.work, progress)
        else:
            copy_all(source, sink, max(16, STRIP // image.row_bytes))
        sink.commit()
    except BaseException:
        sink.abort()
        raise


class WithPlanes:
    """A sink that gets other values in its last channels.

    Parameters
    ----------
    sink : Sink
    planes : list of array (height, width)
    """

    def __init__(self, sink: Sink, planes: list[Samples]) -> None:
        self._sink, self._planes, self._top = sink, planes, 0

    def write(self, rows: Samples) -> None:
        """Pass the next rows on."""
        bottom = self._top + len(rows)
        planes = np.stack([plane[self._top : bottom] for plane in self._planes], axis=2)
        self._sink.write(np.concatenate([rows[..., : -len(self._planes)], planes], axis=2))
        self._top = bottom

    def commit(self) -> None:
        """Commit the sink."""
        self._sink.commit()

    def abort(self) -> None:
        """Abort the sink."""
        self._sink.abort()
