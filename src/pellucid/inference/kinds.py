"""One kind of thing each: how an image in memory, in bytes or of Pillow is denoised."""

import os
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.inference.bilevel import bilevel_of
from pellucid.inference.denoiser import Decision, Denoiser, Result, WithPlanes, carry_out, denoise_array
from pellucid.inference.overview import look_over
from pellucid.inference.pixels import one_source
from pellucid.inference.stacks import denoise_stack
from pellucid.inference.stream import Progress
from pellucid.io.files import create_file, find_format, image_source, open_image
from pellucid.io.format import Format
from pellucid.io.gzipped import is_gzip, starts_gzip
from pellucid.io.image import Image, Samples
from pellucid.io.sink import ArraySink, Sink
from pellucid.io.source import Source
from pellucid.io.stack_files import open_stack
from pellucid.options import DenoiseOptions

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

PathLike: TypeAlias = str | os.PathLike[str]

MODES = "L", "LA", "RGB", "RGBA", "I;16", "I;16B", "F"
"""The modes of Pillow's images that are denoised as they are; P becomes RGB or RGBA, and I;16B I;16."""


class Planned:
    """What is going to be done to an image."""

    def __init__(self, source: Source, denoiser: Denoiser, options: DenoiseOptions) -> None:
        self._source, self._overview = source, look_over(source, options.nodata)
        self.decision = denoiser.decide(self._overview, options)
        work = self.decision.work
        if work and work.page and source.encoding.bits == 1 and options.paper == "keep":
            work = replace(work, run=bilevel_of(work.run))
            self.decision = replace(self.decision, work=work)
        self._planes: list[Samples] = []
        if options.extra_channels == "denoise":
            count = source.channels + source.alpha
            planes = (read_channel(source, channel) for channel in range(count, count + source.extra))
            plain = replace(options, nodata=None, axes=None, channel_axis=None)
            results = [denoise_array(denoiser, plane, plain) for plane in planes]
            if any(each.changed for each in results):
                self._planes = [each.image for each in results]

    @property
    def changed(self) -> bool:
        """Whether any sample is changed."""
        return self.decision.changed or bool(self._planes)

    def run(self, sink: Sink, progress: Progress | None) -> Decision:
        """Do it, and commit the sink."""
        sink = WithPlanes(sink, self._planes) if self._planes else sink
        carry_out(self._source, sink, self._overview, self.decision, progress)
        return self.decision


def read_channel(source: Source, channel: int) -> Samples:
    """One channel (height, width) of a source."""
    plane = np.empty((source.height, source.width), source.dtype)
    for top in range(0, source.height, 256):
        rows = slice(top, min(top + 256, source.height))
        plane[rows] = source.read(rows, slice(0, source.width))[..., channel]
    return plane


def denoise_image(
    image: Image, denoiser: Denoiser, options: DenoiseOptions, progress: Progress | None
) -> Result[Image]:
    """Denoise an image in memory; everything but its samples stays."""
    source = image_source(image)
    planned = Planned(source, denoiser, options)
    if not planned.changed:
        return Result.of(image.with_samples(image.samples.copy()), [planned.decision])
    channels = source.channels + source.alpha + source.extra
    samples = np.empty((source.height, source.width, channels), source.dtype)
    planned.run(ArraySink(samples), progress)
    result = image.with_samples(np.ascontiguousarray(samples[..., : source.channels]))
    if source.extra:
        result = replace(result, extra_channels=np.ascontiguousarray(samples[..., -source.extra :]))
    return Result.of(result, [planned.decision])


def denoise_bytes(
    data: bytes, denoiser: Denoiser, options: DenoiseOptions, progress: Progress | None
) -> Result[bytes]:
    """Denoise the bytes of a file into bytes of the same format, through a temporary file."""
    found = find_format(data)
    stack = _denoise_stack_bytes(data, found, denoiser, options, progress) if found.open_stack else None
    if stack is not None:
        return stack
    with closing(open_image(data, max_pixels=options.max_pixels)) as source:
        planned = Planned(source, denoiser, options)
        if not planned.changed:
            return Result.of(data, [planned.decision])
        with tempfile.TemporaryDirectory(prefix="pellucid-") as folder:
            path = Path(folder, f"image{found.writes_as or found.suffixes[0]}")
            planned.run(create_file(path, source), progress)
            return Result.of(path.read_bytes(), [planned.decision])


def _denoise_stack_bytes(
    data: bytes, found: Format, denoiser: Denoiser, options: DenoiseOptions, progress: Progress | None
) -> Result[bytes] | None:
    """The same for a stack; None where the bytes are one plain image."""
    with tempfile.TemporaryDirectory(prefix="pellucid-") as folder:
        suffix = next(each for each in found.suffixes if is_gzip(Path(f"image{each}")) == starts_gzip(data))
        path = Path(folder, f"image{suffix}")
        path.write_bytes(data)
        stack = open_stack(path, axes=options.axes, max_pixels=options.max_pixels)
        if stack is None:
            return None
        with closing(stack):
            channels = denoise_stack(stack, path, denoiser, options, overwrite=True, progress=progress)
        return Result.of(path.read_bytes() if any(each.changed for each in channels) else data, channels)


def denoise_pillow(
    given: "PilImage", denoiser: Denoiser, options: DenoiseOptions, progress: Progress | None
) -> "Result[PilImage]":
    """Denoise an image of Pillow into one of the same mode, with the same info."""
    from PIL.Image import fromarray

    plain = _plain(given)
    image = _image_of_pillow(plain)
    result = denoise_image(image, denoiser, options, progress)
    if not result.changed:
        return result.with_image(given.copy())
    parts = [result.image.samples] if image.alpha is None else [result.image.samples, image.alpha[..., None]]
    samples = np.concatenate(parts, axis=2)
    made = fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)
    made.info = dict(plain.info)
    return result.with_image(made)


def _plain(given: "PilImage") -> "PilImage":
    """The image without a palette, and with alpha in place of a transparent colour, which would change."""
    if "transparency" in given.info and given.mode in ("L", "RGB", "P"):
        return given.convert("LA" if given.mode == "L" else "RGBA")
    return given.convert("RGB") if given.mode == "P" else given


def _image_of_pillow(given: "PilImage") -> Image:
    given = _plain(given)
    if given.mode not in MODES:
        raise UsageError(
            f"An image of Pillow's mode {given.mode} cannot be denoised",
            f"Convert it to one of {', '.join(MODES)}, as with image.convert('RGB')",
        )
    samples = np.atleast_3d(np.asarray(given))
    alpha = samples[..., -1] if samples.shape[2] in (2, 4) else None
    return Image(samples=samples if alpha is None else samples[..., :-1], alpha=alpha)


def is_pillow(x: object) -> bool:
    """Whether this is an image of Pillow, which is not imported for that."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(x, pillow.Image)


def array_of(x: Any) -> NDArray[Any]:
    """An array; what is none is refused by `pellucid.inference.pixels.check_array`."""
    array: NDArray[Any] = x
    if isinstance(x, np.ndarray) or not hasattr(x, "__array__"):
        return array
    try:
        array = np.asarray(x)
    except (TypeError, ValueError, RuntimeError) as exc:  # a tensor with gradients, on a GPU, of bfloat16
        raise UsageError(
            f"This {type(x).__name__} gives no NumPy array: {exc}", "Turn it into a NumPy array first"
        ) from exc
    return array


def read_all(stream: Any) -> bytes:
    """The bytes of a binary stream."""
    data = stream.read()
    if not isinstance(data, (bytes, bytearray)):
        raise UsageError(f"The stream gives {type(data).__name__}, not bytes", "Open the file with mode 'rb'")
    return bytes(data)


def source_of(x: Any, nodata: float | None) -> Source:
    """The one image that something contains."""
    if isinstance(x, (str, os.PathLike)):
        return open_image(x)
    if isinstance(x, (bytes, bytearray, memoryview)) or hasattr(x, "read"):
        return open_image(read_all(x) if hasattr(x, "read") else bytes(x))
    if isinstance(x, Image) or is_pillow(x):
        return image_source(x if isinstance(x, Image) else _image_of_pillow(x))
    return one_source(array_of(x), nodata)
