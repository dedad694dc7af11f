"""The ways to analyse noise: of an image in any kind of thing, and of a file."""

import functools
import logging
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Unpack, cast

from pellucid.errors import InputError, LimitError, UsageError
from pellucid.inference.analysis import Analysis
from pellucid.inference.auto import Auto
from pellucid.inference.denoiser import Decision
from pellucid.inference.kinds import PathLike, source_of
from pellucid.inference.overview import look_over
from pellucid.inference.registry import load_model
from pellucid.inference.stacks import Channel, analyse_stack
from pellucid.io.files import open_image
from pellucid.io.stack_files import open_stack
from pellucid.options import DenoiseKeywords, DenoiseOptions

log = logging.getLogger("pellucid")


def analyse(x: Any, *, nodata: float | None = None) -> Analysis:
    """Analyse the noise of an image.

    Parameters
    ----------
    x
        An image, as `denoise` takes it. Where it is transparent, NaN, or masked, there is no image.
    nodata : float, optional
        The value of a sample that means "no data".

    Returns
    -------
    Analysis

    Raises
    ------
    UsageError
        When an array is not one image.
    InputError
        When the image has infinite values, or no pixel with data, or a file cannot be used.
    LimitError
        When weights of the installation are missing or have changed.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = np.random.default_rng(0).normal(0.5, 0.1, (128, 128)).astype(np.float32)
    >>> found = analyse(noisy)
    >>> found.kind, round(found.level, 1)
    ('white', 0.1)
    """
    with closing(source_of(x, nodata)) as source:
        return _default().analyse(look_over(source, nodata))


def analyse_file(path: PathLike, **options: Unpack[DenoiseKeywords]) -> tuple[Channel, ...]:
    """Analyse the noise of an image file or a stack, channel by channel.

    Parameters
    ----------
    path : path
    **options
        axes, pages, channel, per_plane, nodata and max_pixels, as in `pellucid.DenoiseOptions`.

    Returns
    -------
    tuple of Channel
        With the `analysis` of each.

    Raises
    ------
    UsageError, InputError, LimitError
        As `denoise_file`.
    """
    choice, file = DenoiseOptions.of(**options), Path(path)
    stack = open_stack(file, axes=choice.axes, max_pixels=choice.max_pixels)
    with about(file):
        if stack is not None:
            with closing(stack):
                return tuple(analyse_stack(stack, _default(), choice))
        with closing(open_image(file, max_pixels=choice.max_pixels)) as source:
            found = _default().analyse(look_over(source, choice.nodata))
            return (Channel.of("", 1, Decision("", found.level, found.why, found), source.dtype),)


def estimate_sigma(x: Any) -> float:
    """Estimate the standard deviation of the noise in an image: the level that `analyse` finds, 0 to 1."""
    return analyse(x).level


@functools.cache
def _default() -> Auto:
    return cast(Auto, load_model("auto"))


@contextmanager
def about(file: Path, output: Path | None = None) -> Iterator[None]:
    """Let warnings and errors about pixels name the file that they are from, unless they name a file."""
    thread = threading.get_ident()
    names = tuple(str(each) for each in (file, output) if each is not None)

    def name(record: logging.LogRecord) -> bool:
        if record.thread == thread and not record.getMessage().startswith(names):
            record.msg, record.args = f"{file}: {record.getMessage()}", ()
        return True

    log.addFilter(name)
    try:
        yield
    except (InputError, LimitError, UsageError) as exc:
        if any(each in exc.problem for each in names):
            raise
        raise type(exc)(f"{file}: {exc.problem}", exc.remedy) from exc
    finally:
        log.removeFilter(name)
