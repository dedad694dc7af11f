"""``pellucid inspect``."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli.options import (
    MAX_PIXELS,
    Axes,
    ChannelName,
    Json,
    MaxPixels,
    Overwrite,
    Pages,
    PerPlane,
)
from pellucid.cli.output import say, say_json
from pellucid.errors import UsageError, require

if TYPE_CHECKING:
    from pellucid.inference.analysis import Analysis
    from pellucid.inference.page_facts import PageFacts
    from pellucid.io.image import Image
    from pellucid.io.stack import Stack
    from pellucid.options import DenoiseKeywords

EXAMPLES = """\b
Examples:
  pellucid inspect photo.jpg                   the noise, and what denoise would do
  pellucid inspect stack.tif                   the same for each channel of a stack
  pellucid inspect page.png                    of a page, also light, bleed-through, JPEG and skew
  pellucid inspect cells.tif --json            the same for programs
  pellucid inspect cells.tif --plot noise.svg  a chart of noise against brightness
"""


def inspect(
    source: Annotated[Path, typer.Argument(metavar="INPUT", hidden=True, readable=False)],
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw noise against brightness, as SVG or PNG."),
    ] = None,
    axes: Axes = None,
    pages: Pages = None,
    channel: ChannelName = None,
    per_plane: PerPlane = False,
    overwrite: Overwrite = False,
    max_pixels: MaxPixels = MAX_PIXELS,
    as_json: Json = False,
) -> None:
    """Analyse the noise of an image.

    Prints how strong the noise is, how it depends on brightness, whether neighbouring pixels and channels are
    correlated, what was clipped, and what denoise would do, and why. Levels are standard deviations in grey
    levels of 255, which is white; of a stack, or of more than 8 bits, in units of the file.
    Of a stack, all is said for each channel.
    Of a page of text, also how even its light is, how much shines through from the other side, JPEG blocks,
    and skew.
    """
    import numpy as np

    from pellucid.inference.analyse import about, analyse
    from pellucid.inference.analysis import in_units
    from pellucid.inference.sample_types import WHITE
    from pellucid.io.files import read_image
    from pellucid.io.image import SAMPLE_TYPES
    from pellucid.io.stack import planes_of
    from pellucid.io.stack_files import open_stack

    if plot is not None and plot.exists():
        if source.exists() and plot.samefile(source):
            raise UsageError(f"{plot} is the image itself", "Give the chart another name")
        if not overwrite:
            raise UsageError(f"{plot} exists", "Give another name, or --overwrite")
    stack = open_stack(source, axes=axes, max_pixels=max_pixels)
    if stack is not None:
        with closing(stack):
            several = len(planes_of(stack)) > 1 or stack.parts[0].dtype.name not in SAMPLE_TYPES[:3]
            several |= stack.noise is not None
            if several and plot is not None:
                raise UsageError(f"{source} has many planes, and a chart shows one", "Leave --plot out")
            if several:
                options: DenoiseKeywords = {"pages": pages, "channel": channel, "per_plane": per_plane}
                _inspect_stack(stack, {**options, "axes": axes, "max_pixels": max_pixels}, as_json=as_json)
                return
    image = read_image(source, max_pixels=max_pixels)
    with about(source):
        found = analyse(image)
    if plot is not None:
        require("matplotlib", "lab", "to draw a chart")
        from pellucid.evaluation.figures import save_figure
        from pellucid.evaluation.noise import draw_noise

        save_figure(draw_noise(found, source.name), plot)
    page = _page_of(image, found)
    if as_json:
        say_json(document(source, image, found, page))
        return
    height, width, channels = image.samples.shape
    colours = "grey" if channels == 1 else "colour"
    say(f"{source}: {width} x {height}, {colours}, {image.samples.dtype}, {found.content}")
    deep = image.samples.dtype != np.uint8
    shown = in_units(found, WHITE.get(image.samples.dtype.name, 1)) if deep else found
    for name, words in [*facts(shown, _option(found)), *(page_rows(page) if page else [])]:
        say(f"  {name:<14}{words}")


def _inspect_stack(stack: "Stack", options: "DenoiseKeywords", *, as_json: bool) -> None:
    """Print the analysis of each channel of a stack."""
    from dataclasses import asdict

    from pellucid.inference.analyse import analyse_file
    from pellucid.inference.analysis import in_units

    channels = analyse_file(stack.path, **options)
    shapes = [(part.name, part.axes, part.shape, part.dtype.name) for part in stack.parts]
    if as_json:
        say_json(
            {
                "input": str(stack.path),
                "units": "file",
                "parts": [
                    dict(zip(("name", "axes", "shape", "dtype"), each, strict=True)) for each in shapes
                ],
                "channels": [
                    {"name": each.name, "planes": each.planes}
                    | _known([("snr", each.analysis.snr)])
                    | asdict(in_units(each.analysis, each.white), dict_factory=_known)
                    | ({"model": each.model, "why": each.why} if each.model else {})
                    for each in channels
                    if each.analysis is not None
                ],
            }
        )
        return
    for name, axes, shape, dtype in shapes:
        extents = " x ".join(f"{axis} {size}" for axis, size in zip(axes, shape, strict=True))
        say(f"{stack.path}{name and f', {name}'}: {extents}, {dtype}")
    for each in channels:
        if each.analysis is not None:
            say(f"{each.name} ({each.planes} plane{'s' * (each.planes > 1)})")
            option = "" if each.model else _option(each.analysis)
            for term, words in facts(in_units(each.analysis, each.white), option):
                if term == "Denoise would" and each.model:  # the file says what its noise is
                    words = f"{f'use {each.model}' if each.changed else 'leave it unchanged'}: {each.why}"
                say(f"  {term:<14}{words}")


def _page_of(image: "Image", found: "Analysis") -> "PageFacts | None":
    """What is wrong with an image of a page; None for other images."""
    from pellucid.inference.content import DOCUMENT
    from pellucid.inference.page_facts import page_facts

    return page_facts(image.samples) if found.content == DOCUMENT else None


def page_rows(page: "PageFacts") -> list[tuple[str, str]]:
    """What is wrong with a page, in words: terms and their findings."""
    light = f"up to {page.light:.0%} weaker in places" if page.light >= 0.03 else "even"
    bleed = "none"
    if page.bleed != page.bleed:
        bleed = "not measured: there is ink everywhere"
    elif page.bleed >= 0.01:
        bleed = f"on {page.bleed:.0%} of the paper, {page.bleed_darkness:.0%} dark, or folds and stains"
    blocks = f"{page.blocks:.2f} times the steps inside" if page.blocks >= 1.1 else "none"
    skew = f"lines {'fall' if page.skew > 0 else 'rise'} to the right by {abs(page.skew):.1f} degrees"
    if page.skew != page.skew:
        skew = "no clear lines"
    elif abs(page.skew) < 0.1:
        skew = "straight"
    return [
        ("Paper", f"brightness {page.paper:.2f}, light {light}"),
        ("Bleed-through", bleed),
        ("JPEG blocks", blocks),
        ("Skew", skew),
    ]


def facts(found: "Analysis", option: str) -> list[tuple[str, str]]:
    """An analysis in words: terms and their findings, and the option that gives its noise.

    Of an image whose white is 1, levels are of 255; of others, all is in the units of the file.
    """
    shown = ".1f" if found.white == 1 else ".3g"
    unit, digits, units = (255.0, ".2f", "") if found.white == 1 else (1.0, ".4g", ", in units of the file")
    level = f"{255 * found.level / found.white:.1f} of 255"
    if units:
        ends = found.black, found.black + found.white
        level = f"{found.level:.3g}{units}; {level} in the range from {ends[0]:.4g} to {ends[1]:.4g}"
    rows = [("Noise", level if found.measured else "not measured")]
    if found.measured:
        low, high = found.brightness
        noise = [
            (sum(max(g * b + o, 0) for g, o in zip(found.gain, found.offset, strict=True)) / len(found.gain))
            ** 0.5
            for b in (low, high)
        ]
        rows += [
            (
                "By brightness",
                f"{unit * noise[0]:{shown}} at {low:{digits}}, {unit * noise[1]:{shown}} at {high:{digits}}",
            ),
            (
                "Gain, offset",
                f"{_numbers(found.gain)}; {_numbers(found.offset)}{units or ', where white is 1'}",
            ),
            ("SNR", f"{found.snr:.1f} in the middle of the range of brightness"),
            ("Kind", _kind(found)),
        ]
    if found.correlation == found.correlation:
        words = f"{found.correlation:.2f} between neighbours"
        if found.channel_correlation == found.channel_correlation:
            words += f", {found.channel_correlation:.2f} between channels"
            rows.append(
                (
                    "Luma, chroma",
                    f"{unit * found.luma:{shown}}, {unit * found.chroma:{shown}} in flat places",
                )
            )
        rows.append(("Correlation", f"{words}, of noise and texture in flat places"))
    black, white = found.clipped
    rows.append(("Clipped", f"{black:.1%} black, {white:.1%} white"))
    rows.append(("Measured on", f"{found.measured:.0%} of the sampled area"))
    rows.append(("Denoise would", f"{_action(found)} ({found.kind}): {found.why}"))
    if option:
        rows.append(("To give it", option))
    return rows


def _option(found: "Analysis") -> str:
    """The option that gives `pellucid denoise` the noise that was found; empty where none does."""
    if found.kind == "white" and found.level <= 1 and max(found.levels) < 1.3 * min(found.levels):
        return f"--sigma {255 * found.level:.3g}"
    if found.kind != "signal-dependent" or len({*found.gain, *found.offset}) > 2:
        return ""
    gain, offset = found.gain[0], found.offset[0]
    black = max(found.black, -offset / gain)
    read = max(offset + gain * black, 0) ** 0.5 / gain
    return f"--noise poisson:{1 / gain:.4g},read={read:.3g},black={black:.4g}"


def document(source: Path, image: "Image", found: "Analysis", page: "PageFacts | None") -> dict[str, Any]:
    """An analysis for programs; numbers that are unknown are null, as is `page` where there is none."""
    from dataclasses import asdict

    height, width, channels = image.samples.shape
    values = asdict(found, dict_factory=_known)
    size = {
        "input": str(source),
        "units": "white is 1",
        "width": width,
        "height": height,
        "channels": channels,
    }
    values["page"] = asdict(page, dict_factory=_known) if page else None
    return size | values | _known([("snr", found.snr)])


def _known(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of an analysis, with None in place of NaN."""
    return {name: None if value != value else value for name, value in fields}


def _kind(found: "Analysis") -> str:
    sure = "" if abs(found.log_odds) >= 3 else "probably "
    words = "independent" if found.log_odds >= 0 else "correlated"
    return f"{sure}{words} from pixel to pixel"


def _action(found: "Analysis") -> str:
    return {
        "clean": "leave it unchanged",
        "white": "use a gaussian model",
        "signal-dependent": "stabilise the variance and use a gaussian model",
        "camera": "use a photo model",
        "smooth": "use a gaussian model at a fraction of the size",
        "page": "use a page model",
    }[found.kind]


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.3g}" for value in values)
