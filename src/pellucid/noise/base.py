"""Noise as values: each kind is a small frozen dataclass that equals its text form.

``Gaussian(25 / 255)`` is ``gaussian:25``. Pixels run from 0 to 1, and so does every standard deviation
(sigma) in Python. In text, a sigma of 1 or more counts grey levels of 255 and one below 1 is in units of
1, so that ``gaussian:25`` and ``gaussian:0.1`` mean what their readers expect; a range is read by its
upper end. Any parameter may be a range, ``gaussian:0-50``: each image then draws its own value. One that
has a default may be left out and is named when it is not, ``poisson:100,read=1.6``.

Each formula is written once, with operators that NumPy arrays and torch tensors share. They differ in the
source of random numbers (`NumpyRandom` here, ``TorchRandom`` in training). No noise clips or
rounds, save for JPEG and the camera, whose files have 8 bits: `to_8bit` does, where it is asked for.
"""

import dataclasses
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, UsageError
from pellucid.noise.arrays import Array, Pixels

Parameter: TypeAlias = Any
"""A `Value`, or (low, high), the range from which each image draws. Formulas see values alone: a union of the
two would have to be taken apart in each of them."""


class Random(Protocol):
    """Where the random numbers come from; ``like`` gives shape and kind of the result."""

    def normal(self, like: Any) -> Any:
        """Independent standard normal numbers."""

    def uniform(self, like: Any) -> Any:
        """Independent numbers, uniform in [0, 1)."""

    def poisson(self, mean: Any) -> Any:
        """Poisson counts with the given means."""

    def between(self, low: float, high: float, like: Any) -> Any:
        """One number for each image of ``like``, uniform from low to high."""


class NumpyRandom:
    """Random numbers for NumPy arrays, in float32; the same seed gives the same noise.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def normal(self, like: Array) -> NDArray[np.float32]:
        """Independent standard normal numbers."""
        return self._generator.standard_normal(like.shape, dtype=np.float32)

    def uniform(self, like: Array) -> NDArray[np.float32]:
        """Independent numbers, uniform in [0, 1)."""
        return self._generator.random(like.shape, dtype=np.float32)

    def poisson(self, mean: NDArray[Any]) -> NDArray[np.float32]:
        """Poisson counts with the given means."""
        try:
            return np.asarray(self._generator.poisson(mean), dtype=np.float32)
        except ValueError as exc:  # NaN, or above what counts can be
            raise InputError(
                "Poisson noise has no counts for pixels that are not numbers or far too bright",
                "Scale them so that white is 1",
            ) from exc

    def between(self, low: float, high: float, like: Array) -> float:
        """One number, uniform from low to high: an array is one image."""
        return self._generator.uniform(low, high)


def to_8bit(pixels: Pixels) -> Pixels:
    """Clip to [0, 1] and round to multiples of 1/255, as saving in an 8-bit file does."""
    return (pixels.clip(0, 1) * 255).round() / 255


class Limits(NamedTuple):
    """The range of a parameter, and whether its text may count grey levels of 255."""

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
        When a parameter is outside its limits or is NaN, or its range falls.
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
                continue  # a tensor with one value for each image, from `draw`
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
        """The parameters from whose range each image draws."""
        return {name: value for name, value in vars(self).items() if isinstance(value, tuple)}

    def middle(self) -> Self:
        """The same noise with the middle of each range."""
        return dataclasses.replace(self, **{name: sum(ends) / 2 for name, ends in self.ranges.items()})

    def draw(self, random: Random, like: Array) -> Self:
        """The same noise with a value drawn from each range, one for each image of ``like``."""
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


def _numbers(value: Parameter) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def read_parameter(text: str, levels: bool) -> Parameter:
    """A number or a range; in grey levels when they are possible and the upper end is at least 1."""
    # Decimals: some of the floats that `_write` must express are no quotient of a float and 255.
    numbers = [Decimal(part) for part in re.split("(?<!e)-", text)]  # not at the minus sign of 1e-05
    unit = 255 if levels and numbers[-1] >= 1 else 1
    values = tuple(float(number / unit) for number in numbers)
    return values if len(values) > 1 else values[0]


def _write(value: Parameter, levels: bool) -> str:
    """The shortest text that `read_parameter` turns into exactly this value."""
    texts = ["-".join(map(form, _numbers(value))) for form in (_in_levels, _in_units)]
    return min((text for text in texts if read_parameter(text, levels) == value), key=len)


def _in_units(number: float) -> str:
    return repr(number).removesuffix(".0")


def _in_levels(number: float) -> str:
    exact = Decimal(number) * 255
    short = f"{float(exact):.12g}"
    return short if float(Decimal(short) / 255) == number else str(exact).lower()
