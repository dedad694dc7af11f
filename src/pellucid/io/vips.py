"""libvips, which decodes and encodes most formats: how it is started, its errors, its colour engine."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import numpy as np

from pellucid.cpus import usable_cpus
from pellucid.errors import UsageError

log = logging.getLogger("pellucid")

TYPES = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}

_forked = False


def _after_fork() -> None:
    global _forked
    _forked = vips.cache_info().currsize > 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@cache
def vips() -> Any:
    """Import pyvips when the first file is read or written: it costs start-up time.

    Unless the application uses pyvips itself, libvips' own warnings are turned off, in C. pyvips would call
    Python for each of its messages, and an interrupt that arrives in such a call is lost.
    """
    first = "pyvips" not in sys.modules
    if first:
        os.environ.setdefault("VIPS_WARNING", "0")  # any value means: no warnings
        os.environ.setdefault("VIPS_CONCURRENCY", str(usable_cpus()))  # libvips does not see quotas
    import pyvips

    if first:
        pyvips._remove_log_handler()
    # A cached file would be given again after it was overwritten, and would hold its memory.
    pyvips.cache_set_max(0)
    return pyvips


# ---- errors --------------------------------------------------------------------------------------

_lock = threading.Lock()
_running = 0
_overlaps = 0


@contextmanager
def calling() -> Iterator[Callable[[Exception], str]]:
    """Call libvips, and give the function that finds the reason of an error.

    libvips notes errors in one buffer for all threads, so its words are quoted only where no other call ran
    at the same time: else they might be about another file. Whether a call failed is never read from there.

    Raises
    ------
    UsageError
        In a process that was forked after libvips had started its threads, which do not exist there.
    """
    global _running, _overlaps
    if _forked:
        raise UsageError(
            "This process was forked after images were read or written, and libvips does not survive that",
            'Start workers by multiprocessing.get_context("spawn"), or fork before the first image is read',
        )
    with _lock:
        alone = _running == 0
        _running += 1
        _overlaps += not alone
        overlaps = _overlaps
        if alone:
            vips().vips_lib.vips_error_clear()

    def reason(exc: Exception) -> str:
        if alone and overlaps == _overlaps and isinstance(exc, vips().Error):
            return _words(exc.detail) or "it is damaged"
        return "it is damaged or cut off"

    try:
        yield reason
    finally:
        with _lock:
            _running -= 1


def _words(text: str) -> str:
    """Make one line of libvips' errors: the first three, without the seeks that only follow from others."""
    lines = dict.fromkeys(line.strip() for line in text.splitlines() if line.strip())
    informative = [line for line in lines if ": bad seek" not in line] or list(lines)
    return "; ".join(informative[:3])


# ---- colour --------------------------------------------------------------------------------------


def light(raster: Any) -> Any:
    """Turn CMYK into sRGB, by its own profile or a general one."""
    depth = 16 if raster.format == "ushort" else 8
    return raster.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=depth)


def usable_profile(
    name: str, profile: bytes | None, channels: int, *, profiled: bool = False
) -> bytes | None:
    """Give an ICC profile back when Little CMS can use it for so many channels; else None, with a warning.

    Parameters
    ----------
    name : str
        Of the file, for the warning.
    profile : bytes, optional
    channels : int
        1 for grey or 3 for colour.
    profiled : bool
        Whether the file has a profile that the decoder has rejected.
    """
    if not profile and not profiled:
        return None
    size = int.from_bytes(profile[:4], "big") if profile else 0
    space = b"GRAY" if channels == 1 else b"RGB "
    if profile and 128 < size <= len(profile) and profile[16:20] == space:
        profile = profile[:size]  # some writers pad it
        # libvips falls back on another profile without an error, and then the result depends on that.
        shown = [_shown(profile, channels, fallback) for fallback in ("srgb", "p3")]
        if shown[0] is not None and shown[0] == shown[1]:
            return profile
    log.warning("%s: its colour profile is broken or of other colours, and is left out", name)
    return None


def _shown(profile: bytes, channels: int, fallback: str) -> bytes | None:
    """Convert one colour to sRGB by a profile; None where that fails."""
    colour = np.array([[[200, 100, 50][:channels]]], np.uint8)
    with suppress(vips().Error), calling():
        pixel = vips().Image.new_from_memory(colour, 1, 1, channels, "uchar")
        pixel = pixel.copy(interpretation="b-w" if channels == 1 else "srgb")
        pixel.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
        shown = pixel.icc_transform("srgb", embedded=True, input_profile=fallback)
        return bytes(vips().Region.new(shown).fetch(0, 0, 1, 1))
    return None


def is_srgb(profile: bytes) -> bool:
    """Tell whether an ICC profile leaves sRGB colours as they are, within two levels of 255."""
    levels = np.linspace(0, 255, 5).astype(np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    if profile[16:20] == b"GRAY":
        colours = levels.reshape(1, -1, 1)
    with suppress(vips().Error), calling():
        _, width, bands = colours.shape
        raster = vips().Image.new_from_memory(np.ascontiguousarray(colours), width, 1, bands, "uchar")
        raster = raster.copy(interpretation="b-w" if bands == 1 else "srgb")
        raster.set_type(vips().GValue.blob_type, "icc-profile-data", profile)
        shown = raster.icc_transform("srgb", embedded=True)
        data = np.frombuffer(vips().Region.new(shown).fetch(0, 0, width, 1), np.uint8).astype(int)
        return bool(np.abs(data.reshape(width, -1) - colours[0]).max() <= 2)
    return False
