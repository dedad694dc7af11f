"""Options that mean the same in every command, and how their texts are read."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from pellucid.errors import UsageError

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings only.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", help="Processor threads. Default: all CPUs that it may use."),
]
TrainingDevice = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:1.")]
DataDir = Annotated[
    Path | None,
    typer.Option(envvar="PELLUCID_DATA", metavar="FOLDER", help="Folder of the sets that are present."),
]
Layout = Annotated[
    Literal["nhwc", "nchw"] | None,
    typer.Option(help="Axes of an .onnx file of another program: nhwc of Keras, nchw of PyTorch."),
]
Axes = Annotated[
    str | None,
    typer.Option(metavar="LETTERS", help="Of an array whose file does not say it: ZYX, TCYX, YXS."),
]
Pages = Annotated[
    str | None,
    typer.Option(metavar="1-3,7", help="Only these planes of a stack, or pages of a PDF; the others stay."),
]
ChannelName = Annotated[
    str | None, typer.Option(metavar="NAME|N", help="Only this channel of a stack; the others stay.")
]
PerPlane = Annotated[
    bool, typer.Option("--per-plane", help="Analyse each plane of a stack. Default: once for each channel.")
]
MaxPixels = Annotated[
    int,
    typer.Option(
        "--max-pixels",
        metavar="N",
        min=1,
        show_default=False,
        help="Refuse larger images unread. Default: 1 gigapixel.",
    ),
]
MAX_PIXELS = 1_000_000_000


def parse_sigma(text: str) -> float | None:
    """Read ``auto`` as None and ``25`` as 25/255.

    Raises
    ------
    UsageError
        For anything else.
    """
    if text == "auto":
        return None
    try:
        levels = float(text)
    except ValueError:
        levels = -1.0
    if not 0 <= levels <= 255:
        raise UsageError(f"--sigma is {text!r}", "Give auto, or a number from 0 to 255: 25 means 25/255")
    return levels / 255


def parse_memory(text: str | None) -> int | None:
    """Read ``500`` and ``500M`` as megabytes and ``2G`` as gigabytes; gives bytes.

    Raises
    ------
    UsageError
        For anything else.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([MG]?)B?", text.strip().upper())
    if not found or not 0 < float(found[1]) < 1e12:
        raise UsageError(f"--memory is {text!r}", "Give megabytes as in 500 or 500M, or gigabytes as in 2G")
    return int(float(found[1]) * (10**9 if found[2] == "G" else 10**6))


def check_threads(threads: int | None) -> None:
    """Refuse numbers that no machine has: tens of thousands of threads would take all its memory.

    Raises
    ------
    UsageError
    """
    if threads is not None and not 1 <= threads <= 1024:
        raise UsageError(f"--threads is {threads}", "Give a number from 1 to 1024")


def prepare_training(minutes: float | None, threads: int | None) -> None:
    """Check the options of a training, and set the threads of torch before it is imported.

    Raises
    ------
    UsageError
    """
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UsageError(f"--minutes is {minutes:g}", "Give a number above 0")
    check_threads(threads)
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
