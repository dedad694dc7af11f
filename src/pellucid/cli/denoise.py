"""``pellucid denoise``."""

import time
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pellucid import __version__
from pellucid.cli import Stopped
from pellucid.cli.options import (
    MAX_PIXELS,
    Axes,
    ChannelName,
    Json,
    Layout,
    MaxPixels,
    Overwrite,
    Pages,
    PerPlane,
    Quiet,
    Threads,
    check_threads,
    parse_memory,
    parse_sigma,
)
from pellucid.cli.output import complain, explained, progress_bar, say, say_json
from pellucid.cli.streams import Streams, standard_streams
from pellucid.errors import BatchError, UsageError

if TYPE_CHECKING:
    from pellucid.batch.plan import Job, Plan
    from pellucid.batch.run import Outcome, Progress
    from pellucid.inference.stacks import FileResult
    from pellucid.options import DenoiseKeywords

EXAMPLES = """\b
Examples:
  pellucid denoise photo.jpg                 writes photo-denoised.jpg
  pellucid denoise photo.jpg -o clean.png    another name, another format
  pellucid denoise a.png b.png -o clean/     several files, into a folder
  pellucid denoise scans/ -o clean/          a folder, keeping its tree
  pellucid denoise - -o - < in.png > out.png standard input and output
  pellucid denoise photo.jpg --sigma 25 --strength 0.8
  pellucid denoise scan.pdf                  the scanned pages of a PDF
  pellucid denoise cells.ome.tif             a stack: the same kind of file
  pellucid denoise brain.nii.gz --noise rician:auto --json
  pellucid denoise page.png --model page-fast --paper white
"""


def denoise(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT", hidden=True)],
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="A file, a folder for several, or - for standard output. Default: photo-denoised.jpg.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    in_place: Annotated[bool, typer.Option("--in-place", help="Replace the inputs themselves.")] = False,
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="NAME|FILE", help="auto chooses. See: pellucid models. Or an .onnx file."
        ),
    ] = "auto",
    layout: Layout = None,
    sigma: Annotated[
        str,
        typer.Option(metavar="auto|N", help="The standard deviation of the noise. 25 means 25/255."),
    ] = "auto",
    noise: Annotated[
        str | None,
        typer.Option(
            metavar="NOISE",
            help="The noise itself: poisson:100,read=1.6, rician:12, rician:auto. See: noise --help.",
        ),
    ] = None,
    strength: Annotated[
        float,
        typer.Option(
            metavar="0..2", help="How much of the noise to remove: 0 nothing, 1 all that is found, 2 more."
        ),
    ] = 1.0,
    luma: Annotated[
        float | None,
        typer.Option(metavar="0..2", help="Another strength for brightness, as 0.4 to keep grain."),
    ] = None,
    chroma: Annotated[float | None, typer.Option(metavar="0..2", help="Another strength for colour.")] = None,
    paper: Annotated[
        Literal["keep", "white"],
        typer.Option(help="Of scanned pages: keep the paper's tone, or make it white."),
    ] = "keep",
    extra_channels: Annotated[
        Literal["keep", "denoise"],
        typer.Option(help="What to do with channels that are neither colour nor transparency."),
    ] = "keep",
    axes: Axes = None,
    pages: Pages = None,
    channel: ChannelName = None,
    per_plane: PerPlane = False,
    keep_counts: Annotated[
        bool, typer.Option("--keep-counts", help="The sum of the samples of each image or plane stays.")
    ] = False,
    compress: Annotated[
        bool, typer.Option("--compress", help="Write DICOM compressed without loss, as JPEG-LS.")
    ] = False,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu, cuda, coreml or directml.")
    ] = "auto",
    threads: Threads = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Use at most this: 500 (megabytes), 500M or 2G.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Tiles give the same as the whole image. May be slower.")
    ] = False,
    max_pixels: MaxPixels = MAX_PIXELS,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Remove the noise from images.

    Each INPUT is an image, a PDF with scanned pages, a folder of them, or - for standard input. The output
    keeps size, bit depth, transparency, colour profile and metadata. Its suffix decides the format: PNG,
    JPEG, TIFF, WebP or AVIF. A stack, a volume or a DICOM comes out as the same kind of file; no result is
    for diagnosis. An image without noise stays unchanged. A second run on a folder denoises only images that
    are new.
    """
    from pellucid.batch.plan import make_plan
    from pellucid.batch.run import Outcome, failure, run
    from pellucid.inference.denoise import denoise_file
    from pellucid.options import DenoiseOptions

    check_threads(threads)
    level, limit = parse_sigma(sigma), parse_memory(memory)
    if in_place and "-" in inputs:
        raise UsageError("Standard input cannot be replaced", "Leave --in-place out, or name a file")
    with standard_streams(inputs, output) as streams:
        to_stdout = streams.output in streams.names
        if to_stdout and as_json:
            raise UsageError("--json and the image would both be written to standard output", "Give -o FILE")
        plan = make_plan(streams.inputs, streams.output, in_place=in_place, overwrite=overwrite)
        network = _open_model(
            model, device=device, threads=threads, memory=limit, exact=exact or None, layout=layout
        )
        chosen: DenoiseKeywords = {
            "sigma": level,
            "noise": noise,
            "strength": strength,
            "luma": luma,
            "chroma": chroma,
            "paper": paper,
            "extra_channels": extra_channels,
            "axes": axes,
            "pages": pages,
            "channel": channel,
            "per_plane": per_plane,
            "keep_counts": keep_counts,
            "compress": compress,
            "max_pixels": max_pixels,
        }
        network.check(DenoiseOptions.of(**chosen))
        facts = {"version": __version__, "options": _options(model, chosen)}

        def work(job: "Job", progress: "Progress") -> "FileResult":
            return denoise_file(
                job.source,
                job.output,
                model=network,
                overwrite=overwrite or in_place,
                progress=progress,
                **chosen,
            )

        outcomes, began, silent = list[Outcome](), time.perf_counter(), quiet or as_json
        several = len(plan.jobs) + len(plan.failures) > 1  # the error of a single one is reported at the end
        write = complain if to_stdout else say
        try:
            with progress_bar(len(plan.jobs), quiet=silent) as step:
                for outcome in run(plan, work, step):
                    outcomes.append(outcome)
                    if outcome.error and several:
                        complain(f"error: {explained(outcome.error)}")
                    elif outcome.result and not silent:
                        write(_line(_row(outcome, streams)))
        except Stopped as stop:
            stop.done = facts | _document(plan, outcomes, streams)
            raise
        error = failure(outcomes)
        if as_json:
            document = facts | _document(plan, outcomes, streams)
            say_json(document | ({"error": error.document()} if error else {}))
            raise typer.Exit(error.exit_code if error else 0)
        if not quiet and (len(outcomes) > 1 or plan.skipped or plan.done):
            write(_summary(plan, outcomes, time.perf_counter() - began))
        if isinstance(error, BatchError):
            complain("failed:", *(f"  {name}" for name, _ in error.failures))
        if error:
            raise error


def _open_model(name: str, **options: Any) -> Any:
    from pellucid.inference.registry import load_model

    network = load_model(name, **options)
    network.card(network.channels[-1])  # opens it: a wrong device is reported before any image is read
    return network


def _options(model: str, chosen: "DenoiseKeywords") -> dict[str, Any]:
    """The options that change what is made, where they are not the default."""
    from pellucid.options import DenoiseOptions

    given = {"model": model} | {name: value for name, value in chosen.items() if name != "max_pixels"}
    return {name: value for name, value in given.items() if value != getattr(DenoiseOptions, name)}


def _document(plan: "Plan", outcomes: "list[Outcome]", streams: Streams) -> dict[str, Any]:
    """What was done, for machines."""
    rows = [_row(outcome, streams) for outcome in outcomes]
    return {"files": rows, "skipped": plan.skipped, "done": plan.done}


def _row(outcome: "Outcome", streams: Streams) -> dict[str, Any]:
    row = outcome.row()
    return row | {key: streams.names.get(row[key], row[key]) for key in ("input", "output") if key in row}


def _line(row: dict[str, Any]) -> str:
    if row["changed"]:
        what = f"{row['model']}: {row['why']}" if row["why"] else f"noise {row['sigma'] * 255:.1f}"
    else:
        what = f"unchanged: {row['why']}" if row["why"] else "unchanged"
    where = "in place" if row["input"] == row["output"] != "-" else row["output"]
    return f"{row['input']} -> {where}  ({what}, {row['seconds']:.1f} s)"


def _summary(plan: "Plan", outcomes: "list[Outcome]", seconds: float) -> str:
    results = [outcome.result for outcome in outcomes if outcome.result]
    changed = sum(result.changed for result in results)
    counts = {
        "denoised": changed,
        "unchanged": len(results) - changed,
        "failed": len(outcomes) - len(results),
        "skipped (no image)": plan.skipped,
        "done already (--overwrite denoises again)": plan.done,
    }
    words = [f"{count} {what}" for what, count in counts.items() if count]
    return f"{', '.join(words) or 'nothing to do'}, {seconds:.1f} s"
