"""Many images, one after another: each becomes a result or an error, and none stops the others."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.batch.plan import Job, Plan
from pellucid.errors import BatchError, PellucidError, explain
from pellucid.inference.stacks import FileResult

Progress = Callable[[int, int], None]
"""Takes how many tiles of the present image are done, and of how many."""


@dataclass(frozen=True)
class Outcome:
    """What was done to one input.

    Parameters
    ----------
    source : str
        The input as it was given, or found in a folder.
    result : FileResult, optional
        None when it failed.
    error : PellucidError, optional
        Why it failed; the exception itself is its cause.
    seconds : float
        How long it took.
    """

    source: str
    result: FileResult | None = None
    error: PellucidError | None = None
    seconds: float = 0.0

    def row(self) -> dict[str, Any]:
        """Give the outcome as values that JSON has."""
        if self.result is None:
            return {"input": self.source, "error": self.error.document() if self.error else None}
        return {
            "input": self.source,
            "output": str(self.result.output),
            "sigma": self.result.sigma,
            "changed": self.result.changed,
            "model": self.result.model,
            "why": self.result.why,
            "width": self.result.width,
            "height": self.result.height,
            "channels": [each.document() for each in self.result.channels],
            "seconds": round(self.seconds, 3),
        }


def run(
    plan: Plan,
    work: Callable[[Job, Progress], FileResult],
    progress: Callable[[str, float], None] = lambda name, done: None,
) -> Iterator[Outcome]:
    """Work on each job of a plan, and yield its outcome as soon as it is known.

    Folders for outputs are made as they are needed, and removed when nothing was written to them.

    Parameters
    ----------
    plan : Plan
        What could not be planned is yielded first, as failures.
    work : function of (job, progress)
        Reads the source and writes the output. Any exception is a failure of this job; what is no
        `Exception`, such as an interrupt, ends the run.
    progress : function of (name, done), optional
        Called as the work proceeds, with the name of the present file and how many are done, in fractions.
    """
    for name, error in plan.failures:
        yield Outcome(name, error=error)
    for number, job in enumerate(plan.jobs):
        name, began = job.source.name, time.perf_counter()
        progress(name, number)

        def tiles(done: int, of: int, name: str = name, number: int = number) -> None:
            progress(name, number + done / of)

        try:
            with _folder_of(job.output):
                entry = plan.record.entry(job.source, job.output)
                result = work(job, tiles)
                plan.record.add(entry)
        except Exception as exc:
            yield Outcome(str(job.source), error=explain(exc), seconds=time.perf_counter() - began)
        else:
            yield Outcome(str(job.source), result, seconds=time.perf_counter() - began)


def failure(outcomes: Sequence[Outcome]) -> PellucidError | None:
    """Give the error of a whole run: none, that of its only input, or one for the several that failed."""
    failed = [(outcome.source, outcome.error) for outcome in outcomes if outcome.error]
    if not failed:
        return None
    return failed[0][1] if len(outcomes) == 1 else BatchError(failed, len(outcomes))


@contextmanager
def _folder_of(output: Path) -> Iterator[None]:
    """Make the output's folder; when the work fails, remove what was made."""
    missing = [folder for folder in output.parents if not folder.exists()]
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise
