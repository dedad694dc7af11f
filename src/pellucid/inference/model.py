"""Denoise arrays with a trained network."""

import functools
import logging
import math
import numbers
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import InputError, LimitError, UsageError
from pellucid.images.picture import from_float, to_float
from pellucid.inference import index
from pellucid.inference.card import Card, shortfall, warn_of
from pellucid.inference.pixels import blend, check_pixels, is_grey, luma_of
from pellucid.inference.session import RunOptions, Session
from pellucid.inference.sigma import CLEAN, FAINT, camera_noise_level, noise_level
from pellucid.inference.tiling import Tiles, plan, run_tiled

log = logging.getLogger("pellucid")

LARGEST_TILE = 1088  # pixels a side; larger ones win little for their memory (benchmarks/overlap.py)
FIXED_MEMORY = 150_000_000  # bytes that Python, libvips and ONNX Runtime take before the first tile

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Result:
    """A denoised picture.

    Parameters
    ----------
    pixels : array
        The same shape and dtype as the input.
    sigma : float
        The noise level that was told or estimated, 0 to 1; where a network for photographs found it, the root
        of the mean square of what it takes away from a few crops.
    changed : bool
        False when the picture was left as it was, because there was nothing to take away.
    model : str
        The name of the network.
    why : str
        Why this network, or none, in words; empty where the user named it.
    """

    pixels: NDArray[Any]
    sigma: float
    changed: bool
    model: str
    why: str = ""


class Model:
    """A denoiser: one network for grey pictures, one for colour, or both under one name.

    Parameters
    ----------
    name : str
    files : mapping of int to Path
        The ``.onnx`` file for each number of channels.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``coreml`` or ``directml``.
    threads : int, optional
        By default as many as the process may use CPUs.
    memory : number, optional
        Bytes that the process may take; tiles become as small as that needs.
    exact : bool, optional
        True lets tiles share the network's full receptive field, False only what their card says is needed
        for invisible seams. By default exact where it costs under 1.3 times the untiled time.

    Raises
    ------
    UsageError
        When a number or the device makes no sense.
    DeviceError
        When the device is not there.
    """

    def __init__(
        self,
        name: str,
        files: Mapping[int, Path],
        *,
        device: str = "auto",
        threads: int | None = None,
        memory: float | None = None,
        exact: bool | None = None,
    ) -> None:
        self.name = name
        self._files, self._run_options = files, RunOptions(device, threads)
        self._exact = exact
        _ = self._run_options.provider  # a device that is not there is an error now, not at the first picture
        if memory is not None and not (_is_number(memory) and 0 <= memory < math.inf):
            raise UsageError(f"memory is {memory!r}", "Give a number of bytes")
        self._memory = None if memory is None else int(memory)  # 1e9 is a number, too
        self._open = functools.cache(lambda channels: Session(files[channels], self._run_options))
        self.channels = tuple(sorted(files))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled for another process, it opens its files anew there."""
        options = {**asdict(self._run_options), "memory": self._memory, "exact": self._exact}
        make = functools.partial(Model, **options)
        return make, (self.name, self._files)

    def card(self, channels: int) -> Card:
        """The card of the network for grey (1) or colour (3) pictures."""
        return self._session_for(channels).card

    def denoise(
        self,
        pixels: NDArray[Any],
        *,
        sigma: float | None = None,
        strength: float = 1.0,
        luma: float | None = None,
        chroma: float | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """Take the noise out of a picture.

        Parameters
        ----------
        pixels : array (h, w), (h, w, 1), (h, w, 3) or (h, w, 4)
            uint8, uint16, float32 or float64. The largest value of an integer type is white; floats run from
            0 to 1 and are not clipped. A fourth channel is alpha and comes back untouched.
        sigma : float, optional
            Standard deviation of the noise, 0 to 1 (25 / 255, not 25). By default it is estimated, and a
            picture without noise comes back as it was. Networks for photographs find it for themselves.
        strength : float
            0 gives the picture back, 1 what the network says, and values between a blend. Above 1, up to 2,
            the network is told that there is so many times more noise than there seems to be.
        luma, chroma : float, optional
            Other strengths for brightness and for colour.
        progress : function of (done, total), optional
            Called after each tile.

        Returns
        -------
        Result

        Raises
        ------
        UsageError
            When shape, dtype, sigma or strength make no sense.
        InputError
            When the array holds NaN or infinity.
        LimitError
            When the memory does not suffice.
        """
        view = check_pixels(pixels)
        strengths = self.check(sigma, strength, luma, chroma)
        colour = view[..., :3]
        if is_grey(colour):
            colour = colour[..., :1]
        level = self.level(colour) if sigma is None else sigma
        least = 1e-6 if sigma is not None else CLEAN if self.is_told else FAINT[colour.shape[2]]
        # A network with one input is an autoencoder, which makes its picture whatever it sees.
        if level < least and len(self._session_for(colour.shape[2]).inputs) > 1:
            return Result(pixels.copy(), level, changed=False, model=self.name)
        return self.take_away(pixels, colour, level, strengths, progress)

    def take_away(
        self,
        pixels: NDArray[Any],
        colour: NDArray[Any],
        level: float,
        strengths: tuple[float, float],
        progress: Progress | None,
    ) -> Result:
        """Do what `denoise` does once `colour`, the picture (h, w, 1 or 3), has been looked at."""
        if colour.shape[2] == 1:
            strengths = strengths[:1] * 2  # there is no chroma
        if max(strengths) == 0:
            return Result(pixels.copy(), level, changed=False, model=self.name)
        session = self._session_for(colour.shape[2])
        view = pixels[..., None] if pixels.ndim == 2 else pixels
        out = view.copy()
        self._run(colour, out, self._told(session, level, strengths, view), strengths, progress)
        return Result(out.reshape(pixels.shape), level, changed=True, model=self.name)

    def level(self, colour: NDArray[Any]) -> float:
        """How much noise is in a picture (h, w, 1 or 3), as this network sees it: 0 to 1."""
        session = self._session_for(colour.shape[2])
        return camera_noise_level(colour, session) if "gain" in session.inputs else noise_level(colour)

    def check(
        self, sigma: float | None, strength: float, luma: float | None, chroma: float | None
    ) -> tuple[float, float]:
        """Give the strengths for luma and chroma.

        Raises
        ------
        UsageError
            When a number is out of its range, or the network cannot be told sigma.
        """
        if sigma is not None and not (_is_number(sigma) and 0 <= sigma <= 1):
            raise UsageError(f"sigma is {sigma}", "Give a standard deviation from 0 to 1, such as 25 / 255")
        if sigma is not None and not self.is_told:
            raise UsageError(
                f"{self.name} finds the noise for itself and cannot be told sigma",
                "Leave sigma out, or set the strength",
            )
        luma, chroma = (strength if each is None else each for each in (luma, chroma))
        for name, value in {"strength": strength, "luma": luma, "chroma": chroma}.items():
            if not (_is_number(value) and 0 <= value <= 2):
                raise UsageError(
                    f"{name} is {value}", "Give a number from 0 (the picture as it is) over 1 to 2 (more)"
                )
        return luma, chroma

    @property
    def is_told(self) -> bool:
        """Whether a noise level can be told."""
        return self.card(self.channels[-1]).sigma is not None

    def _told(
        self, session: Session, level: float, strengths: tuple[float, float], view: NDArray[Any]
    ) -> list[tuple[float, ...]]:
        """What the network is told beside the picture: gains for its own levels, or a level.

        Where the levels for luma and for chroma differ, the network runs twice.
        """
        more = tuple(max(1.0, each) for each in strengths)
        if session.card.sigma is None:
            return [more[: session.card.channels]]  # luma alone for grey pictures
        levels = [level * each for each in dict.fromkeys(more)]
        white = max(1.0, float(view.max())) if view.dtype.kind == "f" else 1.0
        highest = white * session.card.sigma[1]
        if max(levels) > highest:
            # Far outside its training a network tints and blurs; a lower level only leaves some noise.
            log.warning(
                "noise %.0f is taken as %.0f, the most %s knows", 255 * max(levels), 255 * highest, self.name
            )
        return [(min(each, highest),) for each in levels]

    def _run(
        self,
        colour: NDArray[Any],
        out: NDArray[Any],
        told: list[tuple[float, ...]],
        strengths: tuple[float, float],
        progress: Progress | None,
    ) -> None:
        """Denoise `colour` (h, w, 1 or 3) tile by tile into the colour channels of `out`."""
        session = self._session_for(colour.shape[2])
        channels = min(out.shape[2], 3)
        as_colour = session.card.channels > colour.shape[2]

        def read(rows: slice, columns: slice) -> NDArray[np.float32]:
            return to_float(colour[rows, columns])

        def run(tile: NDArray[np.float32]) -> NDArray[np.float32]:
            noisy = tile.repeat(3, axis=2) if as_colour else tile
            clean = session.run(noisy, told[-1])
            if len(told) == 2:
                clean += luma_of(session.run(noisy, told[0]) - clean)
            return np.mean(clean, axis=2, keepdims=True, dtype=np.float32) if as_colour else clean

        def write(
            rows: slice, columns: slice, noisy: NDArray[np.float32], clean: NDArray[np.float32]
        ) -> None:
            out[rows, columns, :channels] = from_float(blend(noisy, clean, *strengths), out.dtype)

        run_tiled(self._tiles(session.card, colour), read, run, write, progress)

    def _tiles(self, card: Card, colour: NDArray[Any]) -> Tiles:
        height, width = colour.shape[:2]
        largest = LARGEST_TILE
        if self._memory is not None:
            room = self._memory - FIXED_MEMORY - 2 * colour.nbytes
            largest = min(largest, math.isqrt(max(room, 0) // card.bytes_per_pixel))
        if card.size is not None and card.size != (height, width):
            right = f"{card.size[1]} x {card.size[0]}"
            raise UsageError(
                f"{self.name} takes {right} pixels, not {width} x {height}", "Name another model"
            )
        halo = card.radius if self._wants_exact(card) else card.overlap
        try:
            return plan(height, width, stride=card.stride, halo=halo, largest=largest)
        except UsageError as exc:
            raise LimitError(
                f"{(self._memory or 0) / 1e6:.0f} MB are too few for a picture of {width} x {height} pixels",
                "Allow more with --memory, or leave it out",
            ) from exc

    def _wants_exact(self, card: Card) -> bool:
        if self._exact is not None:
            return self._exact
        halo = -(-card.radius // card.stride) * card.stride
        return (LARGEST_TILE / (LARGEST_TILE - 2 * halo)) ** 2 < 1.3

    def _session_for(self, channels: int) -> Session:
        """The network for pictures of so many channels; a colour network serves grey pictures too."""
        if channels == 3 and 3 not in self.channels:
            raise UsageError(
                f"{self.name} is for grey pictures and this one has colours",
                "Convert the picture, or name a model for colour",
            )
        return self._open(channels if channels in self.channels else 3)


def load_model(
    name_or_path: str | Path = "auto",
    *,
    device: str = "auto",
    threads: int | None = None,
    memory: float | None = None,
    exact: bool | None = None,
) -> Model:
    """Load a network that ships with Pellucid, by its name, or one's own, by its path.

    Parameters
    ----------
    name_or_path : str or Path
        Such as ``gaussian-fast``; one name serves grey and colour. ``auto`` chooses for each picture. Or an
        ``.onnx`` file that ``pellucid train`` wrote, or the folder of its run.
    device, threads, memory, exact
        As for `Model`.

    Returns
    -------
    Model

    Raises
    ------
    UsageError
        When there is no such model, or a number or device makes no sense.
    InputError
        When the file is missing or is no network of Pellucid's.
    DeviceError
        When the device is not there.
    LimitError
        When weights that ship are missing or have changed.

    Examples
    --------
    >>> load_model("gaussian-fast").channels
    (1, 3)
    """
    if not isinstance(name_or_path, (str, Path)):
        raise UsageError(
            f"A model cannot be {type(name_or_path).__name__}", "Give a name, a path, or what load_model gave"
        )
    if name_or_path == "auto":
        from pellucid.inference.auto import Auto  # which builds on this module

        return Auto(device=device, threads=threads, memory=memory, exact=exact)
    options: dict[str, Any] = {"device": device, "threads": threads, "memory": memory, "exact": exact}
    path = Path(name_or_path)
    # os.path, since Path's own questions fail on names that are too long.
    if str(name_or_path) and os.path.isdir(path) and str(path) not in index.names():
        path = index.network_in(path)
    if path.suffix == ".onnx":
        if not os.path.isfile(path):
            raise InputError(
                f"There is no file {path}", f"Check the path, or name one of {', '.join(index.names())}"
            )
        session = Session(path, RunOptions(device, threads))
        if "denoised" not in session.outputs:
            raise InputError(
                f"{path} estimates noise and does not denoise", f"Name one of {', '.join(index.names())}"
            )
        warn_of(str(path), shortfall(session.card))
        return Model(str(path), {session.card.channels: path}, **options)
    files = {}
    for entry in index.entries(str(name_or_path)):
        if entry.name not in index.names():
            raise index.unknown(str(name_or_path))
        index.verify(entry)
        files[entry.channels] = entry.path
    return Model(str(name_or_path), files, **options)


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
