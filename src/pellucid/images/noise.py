"""Noise as values: each kind is a small frozen dataclass that equals its text form.

``Gaussian(25 / 255)`` is ``gaussian:25``. Pixels run from 0 to 1, and so does every standard deviation
(sigma) in Python. In text, a sigma of 1 or more counts grey levels of 255 and one below 1 is in units of
1, so that ``gaussian:25`` and ``gaussian:0.1`` mean what their readers expect; a range is read by its
upper end. Any parameter may be a range, ``gaussian:0-50``: each picture then draws its own value. One that
has a default may be left out and is named when it is not, ``poisson:100,read=1.6``.

Each formula is written once, with operators that NumPy arrays and torch tensors share. What differs is the
source of random numbers (`NumpyRandom` here, ``TorchRandom`` beside the training loop). No noise clips or
rounds, save for JPEG and the camera, whose files hold 8 bits: `to_8bit` does, where it is asked for.
"""

import dataclasses
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeAlias

import numpy as np

from pellucid.errors import InputError, LimitError, UsageError
from pellucid.images.codecs import LONGEST_JPEG, vips

Pixels: TypeAlias = Any
"""A NumPy array (height, width, channels) or a torch tensor (n, channels, height, width), 0 to 1."""

Parameter: TypeAlias = Any
"""A number, or (low, high): the range from which each picture draws."""


class Random(Protocol):
    """Where the random numbers come from; ``like`` gives shape and kind of the result."""

    def normal(self, like: Pixels) -> Pixels:
        """Independent standard normal numbers."""

    def uniform(self, like: Pixels) -> Pixels:
        """Independent numbers, uniform in [0, 1)."""

    def poisson(self, mean: Pixels) -> Pixels:
        """Poisson counts with the given means."""

    def between(self, low: float, high: float, like: Pixels) -> Any:
        """One number for each picture of ``like``, uniform from low to high."""


class NumpyRandom:
    """Random numbers for NumPy arrays, in float32; the same seed gives the same noise.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def normal(self, like: Pixels) -> Pixels:
        """Independent standard normal numbers."""
        return self._generator.standard_normal(like.shape, dtype=np.float32)

    def uniform(self, like: Pixels) -> Pixels:
        """Independent numbers, uniform in [0, 1)."""
        return self._generator.random(like.shape, dtype=np.float32)

    def poisson(self, mean: Pixels) -> Pixels:
        """Poisson counts with the given means."""
        try:
            return np.asarray(self._generator.poisson(mean), dtype=np.float32)
        except ValueError as exc:  # NaN, or above what counts can be
            raise InputError(
                "Poisson noise has no counts for pixels that are not numbers or far too bright",
                "Scale them so that white is 1",
            ) from exc

    def between(self, low: float, high: float, like: Pixels) -> float:
        """One number, uniform from low to high: an array is one picture."""
        return self._generator.uniform(low, high)


def to_8bit(pixels: Pixels) -> Pixels:
    """Clip to [0, 1] and round to multiples of 1/255, as saving in an 8-bit file does."""
    return (pixels.clip(0, 1) * 255).round() / 255


class Limits(NamedTuple):
    """Between which values a parameter may lie, and whether its text may count grey levels of 255."""

    lowest: float
    highest: float
    levels: bool = False


SIGMA = MEAN = {"limits": Limits(0.0, 1.0, levels=True)}
SHARE = SPREAD = {"limits": Limits(0.0, 1.0)}
PEAK = {"limits": Limits(1e-3, 1e9)}  # CUDA draws Poisson counts in 32 bits
READ = {"limits": Limits(0.0, 1e9)}
QUALITY = {"limits": Limits(1.0, 100.0)}


@dataclass(frozen=True)
class Noise(ABC):
    """The base of all noises: their limits, their text form and the drawing of ranges.

    Raises
    ------
    UsageError
        When a parameter lies outside its limits or is NaN, or its range falls.
    """

    kind: ClassVar[str]

    @classmethod
    def limits(cls) -> dict[str, Limits]:
        """Each parameter's name and limits."""
        return {each.name: each.metadata["limits"] for each in dataclasses.fields(cls)}

    @classmethod
    def defaults(cls) -> dict[str, float]:
        """The parameters that may be left out, with what they are then."""
        fields = dataclasses.fields(cls)
        return {each.name: each.default for each in fields if each.default is not dataclasses.MISSING}

    @classmethod
    def usage(cls) -> str:
        """How to write this noise, in words."""
        ranges = [
            f"{name.upper()} from {lowest:g} to {highest:g}"
            + (" (in text, 1 or more counts grey levels of 255)" if levels else "")
            for name, (lowest, highest, levels) in cls.limits().items()
        ]
        needed = [name.upper() for name in cls.limits() if name not in cls.defaults()]
        options = [f",{name}={name.upper()}" for name in cls.defaults()]
        forms = " or ".join(accumulate([f"{cls.kind}:{','.join(needed)}", *options]))
        return f"Write {forms} with {' and '.join(ranges)}, or a rising range LOW-HIGH"

    def __post_init__(self) -> None:
        for name, (lowest, highest, _) in self.limits().items():
            value = getattr(self, name)
            if getattr(value, "ndim", 0):
                continue  # a tensor with one value for each picture, from `draw`
            # Python's own floats: a NumPy scalar would turn float32 pixels into float64.
            numbers = tuple(map(float, _numbers(value)))
            if len(numbers) not in (1, 2) or not lowest <= numbers[0] <= numbers[-1] <= highest:
                raise UsageError(f"{self.kind}: {name.upper()} is {value}", self.usage())
            object.__setattr__(self, name, numbers if len(numbers) == 2 else numbers[0])

    def __str__(self) -> str:
        defaults = self.defaults()
        texts = [
            (f"{name}=" if name in defaults else "") + _write(getattr(self, name), limits.levels)
            for name, limits in self.limits().items()
            if getattr(self, name) != defaults.get(name)
        ]
        return f"{self.kind}:{','.join(texts)}"

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The parameters from whose range each picture draws."""
        return {name: value for name, value in vars(self).items() if isinstance(value, tuple)}

    def middle(self) -> Self:
        """The same noise with the middle of each range."""
        return dataclasses.replace(self, **{name: sum(ends) / 2 for name, ends in self.ranges.items()})

    def draw(self, random: Random, like: Pixels) -> Self:
        """The same noise with a value drawn from each range, one for each picture of ``like``."""
        drawn = {name: random.between(low, high, like) for name, (low, high) in self.ranges.items()}
        return dataclasses.replace(self, **drawn)

    def apply(self, pixels: Pixels, random: Random) -> Pixels:
        """Make a noisy copy.

        Parameters
        ----------
        pixels : array
            NumPy (height, width, channels) or torch (n, channels, height, width), float32, 0 to 1.
        random : Random
            The source that fits the kind of array.

        Returns
        -------
        array
            The same shape, kind and dtype; clipped and rounded by JPEG and cameras, by no other noise.
        """
        return self.draw(random, pixels).formula(pixels, random)

    @abstractmethod
    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """Do what `apply` does once every range has become a value."""


@dataclass(frozen=True)
class Gaussian(Noise):
    """Additive white Gaussian noise of standard deviation sigma; a mean brightens the whole picture."""

    kind = "gaussian"
    sigma: Parameter = field(metadata=SIGMA)
    mean: Parameter = field(default=0.0, metadata=MEAN)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = x + mean + sigma n``, with n standard normal."""
        return pixels + self.mean + self.sigma * random.normal(pixels)


@dataclass(frozen=True)
class Poisson(Noise):
    """Photon (shot) noise, and the read noise and black level that a detector adds to it.

    Photons is the mean count for a step of 1 in pixel value: the electrons of one grey level times the
    largest level, 255 or 65,535. Read is the standard deviation of the read noise in photons; black is the
    pixel value of no light. The variance is ``(pixel - black) / photons + (read / photons)^2``.
    """

    kind = "poisson"
    photons: Parameter = field(metadata=PEAK)
    read: Parameter = field(default=0.0, metadata=READ)
    black: Parameter = field(default=0.0, metadata=MEAN)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = black + (k + read n) / photons``, with k a Poisson count of mean photons (x - black)."""
        counts = random.poisson((pixels - self.black).clip(0, None) * self.photons)
        return self.black + (counts + self.read * random.normal(pixels)) / self.photons


@dataclass(frozen=True)
class PoissonGaussian(Noise):
    """Shot noise and then read noise, the usual model of a sensor (Foi and others 2008).

    The same as `Poisson` with a read noise of ``sigma * peak`` photons, and no black level.
    """

    kind = "poisson-gaussian"
    peak: Parameter = field(metadata=PEAK)
    sigma: Parameter = field(metadata=SIGMA)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = k / peak + sigma n``: a Poisson count k of mean peak x, then `Gaussian`."""
        return Poisson(self.peak, self.sigma * self.peak).formula(pixels, random)


@dataclass(frozen=True)
class Speckle(Noise):
    """Multiplicative noise of radar and ultrasound; sigma is relative to the brightness, without unit."""

    kind = "speckle"
    sigma: Parameter = field(metadata=SPREAD)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = x + sigma x n``, with n standard normal."""
        return pixels + pixels * self.sigma * random.normal(pixels)


@dataclass(frozen=True)
class SaltAndPepper(Noise):
    """A share of the values becomes 0 or 1 with equal chance; each channel is drawn independently."""

    kind = "salt-and-pepper"
    share: Parameter = field(metadata=SHARE)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = 1 or 0`` where a uniform number u < share (1 where u < share / 2), and x elsewhere."""
        chance = random.uniform(pixels)
        return pixels * (chance >= self.share) + (chance < self.share / 2)


@dataclass(frozen=True)
class Uniform(Noise):
    """A share of the values becomes uniform numbers in [0, 1); each channel is drawn independently."""

    kind = "uniform"
    share: Parameter = field(metadata=SHARE)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = v``, uniform, where a uniform number u < share, and x elsewhere."""
        hit = random.uniform(pixels) < self.share
        return pixels * ~hit + random.uniform(pixels) * hit


@dataclass(frozen=True)
class Rician(Noise):
    """Magnitude images in MRI, with noise of sigma in each of two parts (Gudbjartsson and Patz 1995)."""

    kind = "rician"
    sigma: Parameter = field(metadata=SIGMA)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = sqrt((x + sigma n1)^2 + (sigma n2)^2)``, with n1 and n2 standard normal."""
        real, imaginary = pixels + self.sigma * random.normal(pixels), self.sigma * random.normal(pixels)
        return (real**2 + imaginary**2) ** 0.5


@dataclass(frozen=True)
class Jpeg(Noise):
    """What saving as JPEG of this quality and reading again does; the colour is subsampled below 90.

    The quality is rounded to an integer, and the pixels are clipped and rounded to 8 bit, as files are.
    NumPy arrays of 1 or 3 channels only: a JPEG encoder works on one picture in main memory.
    """

    kind = "jpeg"
    quality: Parameter = field(metadata=QUALITY)

    def formula(self, pixels: Pixels, random: Random) -> Pixels:
        """``y = decode(encode(x, quality))``."""
        if not isinstance(pixels, np.ndarray):
            raise UsageError("JPEG noise was asked for tensors", "Apply it to NumPy arrays, one by one")
        if max(pixels.shape[:2]) > LONGEST_JPEG:
            raise LimitError(f"A JPEG has at most {LONGEST_JPEG:,} pixels a side", "Cut the picture first")
        image = vips().Image
        stored = image.new_from_array(np.rint(to_8bit(pixels) * 255).astype(np.uint8))
        encoded = stored.jpegsave_buffer(Q=round(self.quality))
        decoded = image.new_from_buffer(encoded, "").numpy()
        return decoded.reshape(pixels.shape).astype(np.float32) / 255


KINDS: Mapping[str, type[Noise]] = {
    each.kind: each
    for each in (Gaussian, Poisson, PoissonGaussian, Speckle, SaltAndPepper, Uniform, Rician, Jpeg)
}


def all_kinds() -> dict[str, type[Noise]]:
    """`KINDS`, and the camera, whose own file builds on this one."""
    from pellucid.images.camera import Camera

    return {**KINDS, Camera.kind: Camera}


def parse_noise(text: str) -> Noise:
    """Read a noise from its text form.

    Parameters
    ----------
    text : str
        ``kind:value`` or ``kind:value,value``, such as ``gaussian:25``, ``gaussian:0-50``, ``poisson:100``,
        ``poisson-gaussian:30,5``, ``uniform:0.11``, ``camera:iso=3200``. A sigma of 1 or more counts grey
        levels of 255. The parameter's name may stand before its value, and must where the parameter may be
        left out: ``gaussian:0.5,mean=0.5``, ``poisson:100,read=1.6,black=0.02``.

    Raises
    ------
    UsageError
        When the kind is unknown or a value cannot be read or lies outside its limits.

    Examples
    --------
    >>> parse_noise("gaussian:51")
    Gaussian(sigma=0.2, mean=0.0)
    >>> str(parse_noise("poisson-gaussian:30-60,5"))
    'poisson-gaussian:30-60,5'
    """
    name, _, rest = text.strip().lower().partition(":")
    kinds = all_kinds()
    if name not in kinds:
        raise UsageError(f"Unknown noise {text!r}", f"Choose among {', '.join(kinds)}, as in gaussian:25")
    kind = kinds[name]
    limits = kind.limits()
    try:
        return kind(**{each: _read(value, limits[each].levels) for each, value in _named(rest, kind).items()})
    except (LookupError, TypeError, ValueError, ArithmeticError) as exc:  # decimal's errors are arithmetic
        raise UsageError(f"{text!r} cannot be read as {name} noise", kind.usage()) from exc


def _named(values: str, kind: type[Noise]) -> dict[str, str]:
    """The text of each parameter's value.

    A parameter with a default must be named: ``gaussian:2,5`` may mean 2.5, so it is no mean of 5.
    """
    needed = [name for name in kind.limits() if name not in kind.defaults()]
    named: dict[str, str] = {}
    for place, part in enumerate(values.split(",")):
        name, equals, value = map(str.strip, part.rpartition("="))
        name = name if equals else needed[place]
        if name in named:
            raise ValueError(name)
        named[name] = value
    return named


def _numbers(value: Parameter) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _read(text: str, levels: bool) -> Parameter:
    """A number or a range; in grey levels when they are possible and the upper end is at least 1."""
    # Decimals: some of the floats that `_write` must express are no quotient of a float and 255.
    numbers = [Decimal(part) for part in re.split("(?<!e)-", text)]  # not at the minus sign of 1e-05
    unit = 255 if levels and numbers[-1] >= 1 else 1
    values = tuple(float(number / unit) for number in numbers)
    return values if len(values) > 1 else values[0]


def _write(value: Parameter, levels: bool) -> str:
    """The shortest text that `_read` turns into exactly this value."""
    texts = ["-".join(map(form, _numbers(value))) for form in (_in_levels, _in_units)]
    return min((text for text in texts if _read(text, levels) == value), key=len)


def _in_units(number: float) -> str:
    return repr(number).removesuffix(".0")


def _in_levels(number: float) -> str:
    exact = Decimal(number) * 255
    short = f"{float(exact):.12g}"
    return short if float(Decimal(short) / 255) == number else str(exact).lower()
