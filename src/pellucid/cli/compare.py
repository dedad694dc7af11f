"""``pellucid compare``."""

import math
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli.options import MAX_PIXELS, Json, MaxPixels
from pellucid.cli.output import say, say_json, table
from pellucid.errors import InputError, UsageError

EXAMPLES = """\b
Examples:
  pellucid compare clean.png denoised.png
  pellucid compare clean.png denoised.png --json
"""


def compare(
    first: Annotated[Path, typer.Argument(metavar="FIRST", hidden=True, readable=False)],
    second: Annotated[Path, typer.Argument(metavar="SECOND", hidden=True, readable=False)],
    max_pixels: MaxPixels = MAX_PIXELS,
    as_json: Json = False,
) -> None:
    """Compare two images: PSNR, SSIM and MSE.

    White is 1 in both, at any bit depth. Transparency is not compared. SSIM needs at least
    11 pixels a side.
    """
    import numpy as np

    from pellucid.inference.sample_types import WHITE
    from pellucid.io.files import read_image
    from pellucid.metrics.quality import SMALLEST_SSIM, mse, psnr, ssim

    images = [read_image(path, max_pixels=max_pixels) for path in (first, second)]
    a, b = (image.pixels for image in images)
    if a.shape != b.shape:
        raise UsageError(
            f"{first} has {_size(a.shape)} and {second} has {_size(b.shape)}",
            "Compare two images of one size and one kind",
        )
    for path, pixels in ((first, a), (second, b)):
        if not np.isfinite(pixels).all():
            raise InputError(f"{path} contains NaN or infinity", "Compare images of finite values")
    decibels, error = psnr(a, b, data_range=1.0), mse(a, b)
    similarity = ssim(a, b, data_range=1.0) if min(a.shape[:2]) >= SMALLEST_SSIM else None
    if as_json:
        finite = decibels if math.isfinite(decibels) else None
        say_json({"psnr": finite, "ssim": similarity, "mse": error, "equal": error == 0})
        return
    whites = {WHITE.get(image.samples.dtype.name, 1) for image in images}
    deep = (
        "" if whites == {255} else f", where white is {' and '.join(f'{each:,}' for each in sorted(whites))}"
    )
    rows = [
        ["PSNR", "infinite: the images are equal" if error == 0 else f"{decibels:.2f} dB{deep}"],
        ["SSIM", f"needs {SMALLEST_SSIM} pixels a side" if similarity is None else f"{similarity:.4f}"],
        ["MSE", f"{error:.3g}"],
    ]
    say(table(rows))


def _size(shape: tuple[int, ...]) -> str:
    kind = "grey" if shape[2] == 1 else "colour"
    return f"{shape[1]} x {shape[0]} {kind} pixels"
