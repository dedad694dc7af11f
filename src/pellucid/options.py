"""How an image is denoised: names and numbers only, which `pellucid.inference` resolves."""

import math
import numbers
import reprlib
from dataclasses import dataclass
from typing import Literal, Self, TypedDict, Unpack

from pellucid.errors import UsageError

MAX_PIXELS = 1_000_000_000


class DenoiseKeywords(TypedDict, total=False):
    """The fields of `DenoiseOptions` but `model`, as keyword arguments; `noise` may be a value, too."""

    sigma: float | None
    noise: object
    strength: float
    luma: float | None
    chroma: float | None
    nodata: float | None
    paper: Literal["keep", "white"]
    extra_channels: Literal["keep", "denoise"]
    axes: str | None
    channel_axis: int | None
    pages: str | None
    channel: str | None
    per_plane: bool
    keep_counts: bool
    compress: bool
    device: str
    threads: int | None
    memory: float | None
    exact: bool | None
    max_pixels: int


@dataclass(frozen=True, kw_only=True)
class DenoiseOptions:
    """What every way to denoise takes: `pellucid.denoise`, `pellucid.denoise_file`, the command, a batch.

    Parameters
    ----------
    model : str
        A name that ``pellucid models`` lists, the path of an ``.onnx`` file, or the folder of a run. ``auto``
        chooses for each image between the networks for photographs and those for white noise.
    sigma : float, optional
        Standard deviation of white noise, 0 to 1, such as 25 / 255. By default the noise is analysed, and an
        image without noise comes back unchanged.
    noise : str, optional
        The noise instead of its sigma: ``poisson:...`` for photon noise, ``rician:...`` or ``rician:auto``
        for magnitude images of MRI, as `pellucid.parse_noise` reads them. The variance is stabilised before
        a network for white noise runs, and from 2 photons on the result has no bias.
    strength : float
        From 0 (unchanged) over 1 (all the noise that is found) to 2 (more).
    luma, chroma : float, optional
        Other strengths for brightness and for colour: chroma=1 and luma=0.4 keep the grain.
    nodata : float, optional
        The value of samples that means "no data", such as -9999; by default what the file says. Such pixels
        stay unchanged and influence no other.
    paper : str
        Of a scanned page: ``keep`` leaves the paper its tone, made even, and ``white`` makes it white.
    extra_channels : str
        ``keep`` leaves channels that are neither colour nor alpha unchanged; ``denoise`` denoises each as a
        grey image.
    axes : str, optional
        The axes of an array, one letter each: ``Y``, ``X`` and perhaps ``S`` or ``C`` for the samples of a
        colour (1, 3, or 4 with alpha). ``N`` counts images of their own, any other letter, as in ``ZYX``,
        planes of a stack, whose noise is the same. By default ``YX`` or ``YXS``. In files C counts separate
        channels; see docs/formats.md.
    channel_axis : int, optional
        The axis of the samples of a colour, as in scikit-image, in place of `axes`.
    pages : str, optional
        Which planes of a file, or pages of a PDF, are denoised, counted from 1 in its order, as in
        ``1-3,7``; the others stay unchanged.
    channel : str, optional
        The name of the channel that is denoised, or its number from 1; the others stay unchanged.
    per_plane : bool
        The noise of each plane of a stack is analysed alone. By default it is found once for each channel,
        from planes across the stack.
    keep_counts : bool
        The sum of the samples of each image or plane stays the same.
    compress : bool
        DICOM is written compressed without loss (JPEG-LS), not uncompressed. Other stacks keep the
        compression that they have.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``coreml`` or ``directml``.
    threads : int, optional
        By default as many as the process may use CPUs.
    memory : number, optional
        Bytes that the process may take, besides arrays that are given and returned; tiles become as small
        as that needs.
    exact : bool, optional
        True lets tiles share the network's full receptive field, False only what is needed for invisible
        seams. By default exact where it costs under 1.3 times the untiled time.
    max_pixels : int
        Files with more pixels are refused before they are decoded.

    Raises
    ------
    UsageError
        When a number is out of its range, or two options exclude each other.
    """

    model: str = "auto"
    sigma: float | None = None
    noise: str | None = None
    strength: float = 1.0
    luma: float | None = None
    chroma: float | None = None
    nodata: float | None = None
    paper: Literal["keep", "white"] = "keep"
    extra_channels: Literal["keep", "denoise"] = "keep"
    axes: str | None = None
    channel_axis: int | None = None
    pages: str | None = None
    channel: str | None = None
    per_plane: bool = False
    keep_counts: bool = False
    compress: bool = False
    device: str = "auto"
    threads: int | None = None
    memory: float | None = None
    exact: bool | None = None
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        if self.sigma is not None and self.noise is not None:
            raise UsageError("Both sigma and noise are given", "Give one of them")
        if self.sigma is not None and not (is_number(self.sigma) and 0 <= self.sigma <= 1):
            raise UsageError(
                f"sigma is {reprlib.repr(self.sigma)}",
                "Give one number, a standard deviation from 0 to 1, such as 25 / 255",
            )
        given = {"strength": self.strength}
        given |= {name: value for name in ("luma", "chroma") if (value := getattr(self, name)) is not None}
        for name, value in given.items():
            if not (is_number(value) and 0 <= value <= 2):
                raise UsageError(
                    f"{name} is {reprlib.repr(value)}", "Give a number from 0 (unchanged) over 1 to 2 (more)"
                )
        if self.paper not in ("keep", "white"):
            raise UsageError(f"paper is {self.paper!r}", "Give keep or white")
        if self.extra_channels not in ("keep", "denoise"):
            raise UsageError(f"extra_channels is {self.extra_channels!r}", "Give keep or denoise")
        if self.memory is not None and not (is_number(self.memory) and 0 <= self.memory < math.inf):
            raise UsageError(f"memory is {self.memory!r}", "Give a number of bytes")
        if self.axes is not None and self.channel_axis is not None:
            raise UsageError("Both axes and channel_axis are given", "Give one of them")

    @classmethod
    def of(cls, model: str = "auto", **options: Unpack[DenoiseKeywords]) -> Self:
        """Make the value from keyword arguments, in which `noise` may be a `pellucid.noise.base.Noise`."""
        noise = options.get("noise")
        return cls(**{**options, "model": model, "noise": None if noise is None else str(noise)})  # type: ignore[arg-type]

    @property
    def strengths(self) -> tuple[float, float]:
        """The strengths for luma and for chroma."""
        luma, chroma = (self.strength if each is None else each for each in (self.luma, self.chroma))
        return luma, chroma


def is_number(value: object) -> bool:
    """Whether a value is a real number, and no bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
