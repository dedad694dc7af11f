"""``pellucid noise``."""

from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli.options import MAX_PIXELS, Json, MaxPixels, Overwrite, Quiet
from pellucid.cli.output import say, say_json
from pellucid.errors import InputError

EXAMPLES = """\b
Examples:
  pellucid noise photo.png --add gaussian:25
  pellucid noise photo.png --add poisson:30 --add jpeg:50 -o noisy.png

\b
Kinds: gaussian:SIGMA, poisson:PHOTONS[,read=PHOTONS][,black=LEVEL],
poisson-gaussian:PEAK,SIGMA, speckle:SIGMA, salt-and-pepper:SHARE,
uniform:SHARE, rician:SIGMA, jpeg:QUALITY, camera:iso=ISO, scan:DPI,stains=3
and more of a scanned page (docs/scans.md). A range such as gaussian:0-50
draws a value from it.
"""


def noise(
    source: Annotated[Path, typer.Argument(metavar="INPUT", hidden=True, readable=False)],
    add: Annotated[
        list[str], typer.Option("--add", metavar="NOISE", help="Such as gaussian:25. May be repeated.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Default: photo-noisy.png for photo.png."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="The same seed gives the same noise.")] = 0,
    overwrite: Overwrite = False,
    max_pixels: MaxPixels = MAX_PIXELS,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Add noise to an image, for teaching and tests.

    Several noises are added in the order given. Integers are clipped and rounded as the file's bit depth
    demands; a floating-point TIFF keeps the noise unchanged.
    """
    import numpy as np

    from pellucid.inference.analyse import about
    from pellucid.inference.masked import fill, valid_pixels
    from pellucid.io.files import check_target, read_image, write_image
    from pellucid.io.image import from_float, to_float
    from pellucid.noise.base import NumpyRandom
    from pellucid.noise.registry import parse_noise

    noises = [parse_noise(text) for text in add]
    image = read_image(source, max_pixels=max_pixels)
    target = output or source.with_name(f"{source.stem}-noisy{source.suffix}")
    check_target(target, image, overwrite=overwrite)
    valid = valid_pixels(image.samples, image.metadata.nodata)
    pixels = to_float(image.samples if valid is None else fill(image.samples, valid))
    random = NumpyRandom(seed)
    if not np.isfinite(pixels).all():
        raise InputError(f"{source} contains infinity", "Replace it")
    with about(source):
        for each in noises:
            pixels = each.apply(pixels, random)
    samples = from_float(pixels, image.samples.dtype)
    if valid is not None:
        samples[~valid] = image.samples[~valid]
    write_image(target, image.with_samples(samples), overwrite=overwrite)
    names = [str(each) for each in noises]
    if as_json:
        say_json({"input": str(source), "output": str(target), "noise": names, "seed": seed})
    elif not quiet:
        say(f"{source} -> {target}  ({', '.join(names)}, seed {seed})")
