"""``pellucid adapt``."""

import math
from pathlib import Path
from typing import Annotated

import typer

from pellucid.cli.options import Axes, ChannelName, Json, Quiet, Threads, TrainingDevice, prepare_training
from pellucid.cli.output import complain, say, say_json, table, training_bar
from pellucid.errors import require

EXAMPLES = """\b
Examples:
  pellucid adapt stack.tif -o mine.onnx
  pellucid adapt shot1.png shot2.png --pairs -o mine.onnx
  pellucid denoise stack.tif --model mine.onnx

The same command goes on with a run that was stopped.
"""


def adapt(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", hidden=True, readable=False)],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The network, an .onnx file.")
    ],
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Each two images that follow each other are shots of one scene.")
    ] = False,
    start: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="The network for white noise to begin with.")
    ] = "gaussian-best",
    axes: Axes = None,
    channel: ChannelName = None,
    steps: Annotated[int, typer.Option(metavar="N", min=1, help="Training steps.")] = 200,
    minutes: Annotated[
        float | None, typer.Option(metavar="N", help="Minutes of training, in place of steps.")
    ] = None,
    device: TrainingDevice = "auto",
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Adapt a network to one's own noisy images, without clean ones. Needs: pip install "pellucid[lab]".

    The images, or stacks, are of one sensor at the same settings, all grey or all colour. Their noise must be
    independent from pixel to pixel, which is tested; with --pairs it need not be. The output is used as
    the --model of denoise. Next to mine.onnx, mine-run has the log, the checkpoint and report.html.
    """
    prepare_training(minutes, threads)
    for package in ("torch", "onnx", "onnxscript"):
        require(package, "lab", "to adapt a network")
    from pellucid.training.adapt import adapt as run
    from pellucid.training.adapt_report import write_report

    with training_bar(quiet=quiet or as_json) as show:
        made = run(
            images,
            output,
            start=start,
            target="noise2noise" if pairs else "neighbor2neighbor",
            axes=axes,
            channel=channel,
            steps=steps,
            minutes=minutes,
            device=device,
            show=show,
        )
    report = write_report(made, images[0], axes, channel)
    correlation = None if math.isnan(made.correlation) else made.correlation
    if as_json:
        noise = {"gain": made.noise.gain, "offset": made.noise.offset, "black": made.noise.black}
        say_json(
            {
                "network": str(made.path),
                "report": str(report),
                "noise": noise,
                "correlation": correlation,
                "error_before": made.before,
                "error_after": made.after,
                "helped": made.helped,
            }
        )
    elif not quiet:
        rows = [
            ["Noise", f"variance = {made.noise.gain:.4g} * pixel {made.noise.offset:+.4g}, where white is 1"],
            ["Neighbours", "not measured" if correlation is None else f"correlation {correlation:.2f}"],
            ["Held out", f"error {made.before:g} before, {made.after:g} after (1: the noise's variance)"],
        ]
        say(table(rows))
        say(f"\n{made.path}\n{report}")
        say(f"Use it with: pellucid denoise {images[0]} --model {made.path}")
    if not made.helped:
        complain(
            f"warning: {made.path} is no better than {start} on the part of the images that was held out."
            f" Use --model {start} instead, or adapt to more images"
        )
