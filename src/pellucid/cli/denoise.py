"""``pellucid denoise``."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.cli import Stopped
from pellucid.cli.options import (
    MAX_PIXELS,
    Json,
    MaxPixels,
    Overwrite,
    Quiet,
    Threads,
    check_threads,
    parse_memory,
    parse_sigma,
)
from pellucid.cli.output import complain, error_document, explain, progress_bar, say, say_json
from pellucid.errors import BatchError, PellucidError, UsageError

if TYPE_CHECKING:
    from pellucid.batch.plan import Job, Plan
    from pellucid.inference.denoise import FileResult

EXAMPLES = """\b
Examples:
  pellucid denoise photo.jpg                 writes photo-denoised.jpg
  pellucid denoise photo.jpg -o clean.png    another name, another format
  pellucid denoise a.png b.png -o clean/     several files, into a folder
  pellucid denoise scans/ -o clean/          a folder, keeping its tree
  pellucid denoise photo.jpg --sigma 25 --strength 0.8
  pellucid denoise scan.pdf                  the scanned pages of a PDF
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
            help="A file, or a folder for several. Default: photo-denoised.jpg for photo.jpg.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave out images whose output exists.")
    ] = False,
    in_place: Annotated[bool, typer.Option("--in-place", help="Replace the inputs themselves.")] = False,
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="NAME|FILE", help="auto chooses. See: pellucid models. Or an .onnx file."
        ),
    ] = "auto",
    sigma: Annotated[
        str,
        typer.Option(metavar="auto|N", help="How much noise: its standard deviation. 25 means 25/255."),
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
            metavar="0..2", help="How much of the noise to take away; above 1, more than seems to be there."
        ),
    ] = 1.0,
    luma: Annotated[
        float | None,
        typer.Option(metavar="0..2", help="Another strength for brightness, as 0.4 to keep grain."),
    ] = None,
    chroma: Annotated[float | None, typer.Option(metavar="0..2", help="Another strength for colour.")] = None,
    paper: Annotated[
        str, typer.Option(metavar="keep|white", help="Of scanned pages: keep its tone, or make it white.")
    ] = "keep",
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
    """Take the noise out of images.

    Each INPUT is an image, or a folder of images. The output keeps size, bit depth, transparency,
    colour profile and metadata. Its suffix decides the format: PNG, JPEG, TIFF, WebP or AVIF. An image
    without noise is left as it is.
    """
    from pellucid.batch.plan import make_plan
    from pellucid.inference.denoise import denoise_file
    from pellucid.options import DenoiseOptions

    level, limit = parse_sigma(sigma), parse_memory(memory)
    check_threads(threads)
    if skip_existing and (overwrite or in_place):
        raise UsageError(
            "--skip-existing leaves outputs as they are, and --overwrite and --in-place replace them",
            "Give one of them",
        )
    plan = make_plan(inputs, output, in_place=in_place)
    if skip_existing:
        plan.leave_out_existing()
    network = _open_model(model, device=device, threads=threads, memory=limit, exact=exact or None)
    work = partial(
        denoise_file,
        model=network,
        sigma=level,
        noise=noise,
        strength=strength,
        luma=luma,
        chroma=chroma,
        paper=paper,
        overwrite=overwrite or in_place,
        max_pixels=max_pixels,
    )
    chosen = DenoiseOptions.of(
        sigma=level, noise=noise, strength=strength, luma=luma, chroma=chroma, paper=paper
    )
    network.check(chosen)
    began = time.perf_counter()
    files: list[dict[str, Any]] = []
    try:
        _work_on_all(plan, work, files, silent=quiet or as_json)
    except Stopped as stop:
        stop.done = _document(plan, files)
        raise
    _finish(plan, files, time.perf_counter() - began, as_json=as_json, quiet=quiet)


def _open_model(name: str, **options: Any) -> Any:
    from pellucid.inference.registry import load_model

    network = load_model(name, **options)
    network.card(network.channels[-1])  # opens it: a wrong device is told before any image is read
    return network


def _work_on_all(
    plan: "Plan", work: partial["FileResult"], files: list[dict[str, Any]], *, silent: bool
) -> None:
    """Work on one image after another; add a row for each to files, and failures to the plan."""
    with progress_bar(len(plan.jobs), quiet=silent) as step:
        several = len(plan.jobs) + len(plan.failures) > 1  # the error of a single one is told at the end
        for name, error in plan.failures:
            if several:
                complain(f"error: {error}")
            files.append({"input": name, "error": error_document(error)})
        for number, job in enumerate(plan.jobs):
            began = time.perf_counter()
            step(job.source.name, number)
            try:
                result = _work_on_one(job, work, lambda done, of: step(job.source.name, number + done / of))  # noqa: B023  called before the loop goes on
            except Exception as exc:
                error = explain(exc)
                plan.failures.append((str(job.source), error))
                files.append({"input": str(job.source), "error": error_document(error)})
                if several:
                    complain(f"error: {error}")
                continue
            row = _row(result, time.perf_counter() - began)
            files.append(row)
            if not silent:
                say(_line(row))


def _work_on_one(
    job: "Job", work: partial["FileResult"], progress: Callable[[int, int], None]
) -> "FileResult":
    with _folder_for(job.output):
        if job.source.suffix.lower() == ".pdf":
            from pellucid.pdf import denoise_pdf

            work = partial(denoise_pdf, *work.args, **work.keywords)
        return work(job.source, job.output, progress=progress)


@contextmanager
def _folder_for(output: Path) -> Iterator[None]:
    """Make the output's folder; when the work fails, take away what was made."""
    missing = [folder for folder in output.parents if not folder.exists()]
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise


def _row(result: "FileResult", seconds: float) -> dict[str, Any]:
    return {
        "input": str(result.source),
        "output": str(result.output),
        "sigma": result.sigma,
        "changed": result.changed,
        "model": result.model,
        "why": result.why,
        "width": result.width,
        "height": result.height,
        "seconds": round(seconds, 3),
    }


def _line(row: dict[str, Any]) -> str:
    if row["changed"]:
        what = f"{row['model']}: {row['why']}" if row["why"] else f"noise {row['sigma'] * 255:.1f}"
    else:
        what = f"left as it is: {row['why']}" if row["model"] == "none" else "left as it is"
    where = "in place" if row["input"] == row["output"] else row["output"]
    return f"{row['input']} -> {where}  ({what}, {row['seconds']:.1f} s)"


def _finish(plan: "Plan", files: list[dict[str, Any]], seconds: float, *, as_json: bool, quiet: bool) -> None:
    """Print the summary; raise what the run's exit code says."""
    error = _outcome(plan, len(files))
    if as_json:
        say_json(_document(plan, files) | ({"error": error_document(error)} if error else {}))
        raise typer.Exit(error.exit_code if error else 0)
    if not quiet and (len(files) > 1 or plan.skipped or plan.existing):
        say(_summary(plan, files, seconds))
    if isinstance(error, BatchError):
        complain("failed:", *(f"  {name}" for name, _ in error.failures))
    if error:
        raise error


def _document(plan: "Plan", files: list[dict[str, Any]]) -> dict[str, Any]:
    """What was done, for machines."""
    return {"files": files, "skipped": plan.skipped, "existing": plan.existing}


def _outcome(plan: "Plan", total: int) -> PellucidError | None:
    """One input fails with its own error, some of several with a common one."""
    if not plan.failures:
        return None
    return plan.failures[0][1] if total == 1 else BatchError(plan.failures, total)


def _summary(plan: "Plan", files: list[dict[str, Any]], seconds: float) -> str:
    done = [row for row in files if "error" not in row]
    changed = sum(row["changed"] for row in done)
    counts = {
        "denoised": changed,
        "left as they are": len(done) - changed,
        "failed": len(files) - len(done),
        "skipped (no image)": plan.skipped,
        "skipped (output exists)": plan.existing,
    }
    words = [f"{count} {what}" for what, count in counts.items() if count]
    return f"{', '.join(words) or 'nothing to do'}, {seconds:.1f} s"
