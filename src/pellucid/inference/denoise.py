"""The ways to denoise: an image in any kind of thing, the same kind out; and a file."""

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeAlias, TypeVar, Unpack, overload

from numpy.typing import NDArray

from pellucid.errors import UsageError
from pellucid.inference.analyse import about
from pellucid.inference.denoiser import Decision, Denoiser, Result, denoise_array
from pellucid.inference.documents import denoise_document
from pellucid.inference.kinds import (
    PathLike,
    Planned,
    array_of,
    denoise_bytes,
    denoise_image,
    denoise_pillow,
    is_pillow,
    read_all,
)
from pellucid.inference.registry import denoiser_for
from pellucid.inference.stacks import Channel, FileResult, denoise_stack
from pellucid.inference.stream import Progress
from pellucid.io.files import (
    check_target,
    copy_file,
    create_file,
    is_pdf,
    open_image,
    read_image,
    with_own_suffix,
)
from pellucid.io.image import Image
from pellucid.io.registry import default_output
from pellucid.io.sink import Sink
from pellucid.io.source import Source
from pellucid.io.stack import Stack, planes_of
from pellucid.io.stack_files import is_same_kind, open_stack
from pellucid.options import DenoiseKeywords, DenoiseOptions

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

Same = TypeVar("Same", bound="NDArray[Any] | PilImage")
Bytes: TypeAlias = bytes | bytearray | memoryview
AnyModel: TypeAlias = str | Path | Denoiser


class SupportsArray(Protocol):
    """Anything that NumPy can make an array of, such as a tensor of torch on the CPU."""

    def __array__(self, *arguments: Any, **keywords: Any) -> NDArray[Any]:
        """Give the array."""


@overload
def denoise(x: Same, *, model: AnyModel = ..., **options: Unpack[DenoiseKeywords]) -> Same: ...
@overload
def denoise(x: PathLike | Image, *, model: AnyModel = ..., **options: Unpack[DenoiseKeywords]) -> Image: ...
@overload
def denoise(x: Bytes | BinaryIO, *, model: AnyModel = ..., **options: Unpack[DenoiseKeywords]) -> bytes: ...
@overload
def denoise(
    x: SupportsArray, *, model: AnyModel = ..., **options: Unpack[DenoiseKeywords]
) -> NDArray[Any]: ...
def denoise(x: Any, *, model: AnyModel = "auto", **options: Unpack[DenoiseKeywords]) -> Any:
    """Denoise an image, and give back the same kind of thing. No file is written.

    Parameters
    ----------
    x
        - A NumPy array, or anything with ``__array__``: (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) of uint8,
          uint16, float32 or float64, or with other axes that `axes` or `channel_axis` names. The largest
          value of an integer type is white; floats run from 0 to 1 and are clipped neither on the way in nor
          out. A fourth channel is alpha and stays unchanged. Pixels that are NaN, or masked in a masked
          array, stay unchanged and influence no other. Gives a new array of the same shape and dtype.
        - An image of Pillow, of mode L, LA, RGB, RGBA, I;16, F or P. Gives one of Pillow; a palette or a
          transparent colour becomes colours or alpha.
        - The bytes of an image file, or a binary stream. Gives the bytes of a file of the same format (AVIF
          for HEIC); the very same bytes where there is no noise.
        - The path of an image file, or a `pellucid.Image`. Gives a `pellucid.Image`.
    model : str, Path or Denoiser
        A name that ``pellucid models`` lists, an ``.onnx`` file, or what `load_model` gave. By default the
        network for photographs or that for white noise, whichever fits the image.
    **options
        The other fields of `pellucid.DenoiseOptions`: sigma, noise, strength, luma, chroma, nodata,
        extra_channels, axes, channel_axis, device, threads, memory, exact, max_pixels.

    Raises
    ------
    UsageError
        When an argument makes no sense; the message says what is possible.
    InputError
        When the image has infinite values or no pixel with data, or a file cannot be used.
    LimitError
        When the memory does not suffice, or weights of the installation are missing or have changed.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (96, 96)).astype(np.float32)
    >>> bool(denoise(noisy, sigma=0.1).std() < 0.02)
    True
    """
    return denoise_result(x, model=model, **options).image


class ResultKeywords(DenoiseKeywords, total=False):
    """What `denoise_result` takes in addition to an image."""

    model: AnyModel
    progress: Progress | None


@overload
def denoise_result(x: Same, **options: Unpack[ResultKeywords]) -> Result[Same]: ...
@overload
def denoise_result(x: PathLike | Image, **options: Unpack[ResultKeywords]) -> Result[Image]: ...
@overload
def denoise_result(x: Bytes | BinaryIO, **options: Unpack[ResultKeywords]) -> Result[bytes]: ...
@overload
def denoise_result(x: SupportsArray, **options: Unpack[ResultKeywords]) -> Result[NDArray[Any]]: ...
def denoise_result(
    x: Any,
    *,
    model: AnyModel = "auto",
    progress: Progress | None = None,
    **options: Unpack[DenoiseKeywords],
) -> Result[Any]:
    """Denoise an image, and say what was done: `denoise` with the noise analysis, the model and its reason.

    Parameters
    ----------
    x, model, **options
        As for `denoise`.
    progress : function of (done, total), optional
        Called after each tile.

    Returns
    -------
    Result
        Its `image` is what `denoise` gives.

    Raises
    ------
    UsageError, InputError, LimitError
        As `denoise`.

    Examples
    --------
    >>> import numpy as np
    >>> result = denoise_result(np.full((64, 64), 0.5, np.float32))
    >>> result.changed, result.why
    (False, 'there is nothing to measure noise on')
    """
    choice = DenoiseOptions.of(**options)
    denoiser = denoiser_for(model, choice)
    denoiser.check(choice)
    if isinstance(x, (str, os.PathLike)):
        x = read_image(x, max_pixels=choice.max_pixels)
    elif hasattr(x, "read"):
        x = read_all(x)
    result: Result[Any]
    if isinstance(x, Image):
        result = denoise_image(x, denoiser, choice, progress)
    elif isinstance(x, (bytes, bytearray, memoryview)):
        result = denoise_bytes(bytes(x), denoiser, choice, progress)
    elif is_pillow(x):
        result = denoise_pillow(x, denoiser, choice, progress)
    else:
        result = denoise_array(denoiser, array_of(x), choice, progress)
    return replace(result, noisy=x)


def denoise_to(
    source: Source,
    sink: Sink,
    options: DenoiseOptions | None = None,
    *,
    model: Denoiser | None = None,
    progress: Progress | None = None,
) -> Decision:
    """Denoise an image from a source into a sink, at flat memory, and commit the sink.

    The image is read twice: once to analyse its noise, and once to denoise it strip by strip, while the
    next strip is decoded and the last one encoded.

    Parameters
    ----------
    source : Source
    sink : Sink
        Made for an image like the source's; it is aborted when something fails.
    options : DenoiseOptions, optional
    model : Denoiser, optional
        In place of the one that the options name.
    progress : function of (done, total), optional
        Called after each tile.

    Returns
    -------
    Decision
        What was done, and why.

    Raises
    ------
    UsageError, InputError, LimitError
        As `denoise`.
    """
    options = options or DenoiseOptions()
    try:
        denoiser = model or denoiser_for(options.model, options)
        denoiser.check(options)
        return Planned(source, denoiser, options).run(sink, progress)
    except BaseException:
        sink.abort()
        raise


def denoise_file(
    path: PathLike,
    output: PathLike | None = None,
    *,
    model: AnyModel = "auto",
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[DenoiseKeywords],
) -> FileResult:
    """Denoise an image file into another file.

    Everything else in the file stays: size, bit depth, alpha, colour profile, metadata. Pixels without data
    (NaN, or the value of a TIFF's tag GDAL_NODATA) stay unchanged and influence no other. The memory does not
    grow with the image where its format can be read and written row by row.

    Parameters
    ----------
    path : path
        PNG, JPEG, TIFF, WebP, AVIF, HEIC, or another format of docs/formats.md; or a PDF with scanned pages,
        of which only the scans change.
    output : path, optional
        Its suffix says the format. By default ``photo-denoised.jpg`` next to ``photo.jpg``;
        a name without a suffix gains that of its format.
    model, **options
        As for `denoise`.
    overwrite : bool
        Replace an output that exists.
    progress : function of (done, total), optional
        Called after each tile.

    Returns
    -------
    FileResult

    Raises
    ------
    UsageError
        When an argument makes no sense, the output exists, or its format cannot hold the image.
    InputError
        When the file cannot be used.
    LimitError
        When the image is too large, or memory or disk are too small.
    """
    choice = DenoiseOptions.of(**options)
    file = Path(path)
    target = with_own_suffix(default_output(file), file) if output is None else Path(output)
    if is_pdf(file):
        return denoise_document(file, target, model, choice, overwrite=overwrite, progress=progress)
    denoiser = denoiser_for(model, choice)
    stack = open_stack(file, axes=choice.axes, max_pixels=choice.max_pixels)
    if stack is not None and len(planes_of(stack)) == 1 and not is_same_kind(target, stack):
        stack.close()  # an image, which becomes one in another format
        stack = None
    if stack is not None:
        with closing(stack), about(file, target):
            channels = denoise_stack(stack, target, denoiser, choice, overwrite=overwrite, progress=progress)
        return _of_channels(stack, target, channels)
    if choice.axes or choice.channel or choice.pages not in (None, "1"):
        raise UsageError(f"{file} is one plain image", "Leave axes, pages and channel out")
    with closing(open_image(file, max_pixels=choice.max_pixels)) as source:
        found = check_target(target, source, overwrite=overwrite)
        same_format = found.name == source.encoding.format
        if not same_format and target.exists() and target.samefile(file):
            raise UsageError(
                f"{file} is no {found.label}, as its name says, and would become one",
                "Rename it, or write the result to another file",
            )
        with about(file, target):
            denoiser.check(choice)
            planned = Planned(source, denoiser, choice)
            if planned.changed or not (same_format or file.suffix.lower() == target.suffix.lower()):
                planned.run(create_file(target, source, overwrite=overwrite), progress)
            else:
                copy_file(file, target, overwrite=overwrite)
    made = planned.decision
    return FileResult(
        source=file,
        output=target,
        sigma=made.sigma,
        changed=planned.changed,
        model=made.model,
        why=made.why,
        width=source.width,
        height=source.height,
        analysis=made.analysis,
        channels=(Channel.of("", 1, made, source.dtype),),
    )


def _of_channels(stack: Stack, target: Path, channels: list[Channel]) -> FileResult:
    """What was done to a stack: the largest level, and all models and reasons."""
    part, made = stack.parts[0], Result.of(None, channels)
    return FileResult(
        source=stack.path,
        output=target,
        sigma=made.sigma,
        changed=made.changed,
        model=made.model,
        why=made.why,
        width=part.size("X"),
        height=part.size("Y"),
        analysis=made.analysis,
        channels=tuple(channels),
    )
