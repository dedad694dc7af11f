"""From the paths on the command line to what is read and where it is written."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pellucid.errors import InputError, PellucidError, UsageError
from pellucid.io.registry import default_output, of_suffix, suffixes, writable


@dataclass(frozen=True)
class Job:
    """One image, and where its result goes."""

    source: Path
    output: Path


@dataclass
class Plan:
    """All jobs; folders that cannot be used; how many files were no images, or are done already."""

    jobs: list[Job] = field(default_factory=list)
    failures: list[tuple[str, PellucidError]] = field(default_factory=list)
    skipped: int = 0
    existing: int = 0

    def leave_out_existing(self) -> None:
        """Leave out the jobs whose output is there, as after a run that was interrupted."""
        missing = [job for job in self.jobs if not os.path.exists(job.output)]
        self.existing, self.jobs = len(self.jobs) - len(missing), missing


def make_plan(inputs: Sequence[str], output: str | None, *, in_place: bool) -> Plan:
    """Find the images and name their outputs, without reading or writing any.

    Parameters
    ----------
    inputs : sequence of str
        Files and folders.
    output : str, optional
        For one file, a file or a folder; else a folder, which may be missing.
    in_place : bool
        Each output is its input.

    Raises
    ------
    UsageError
        When the options contradict each other or the inputs, two inputs would be written to one output, or
        an output would replace another input.
    """
    if "" in inputs or output == "":
        raise UsageError("A path is empty", "Name a file or a folder; a variable of your shell may be unset")
    if in_place and output is not None:
        raise UsageError("--in-place and -o exclude each other", "Give one of them")
    folders = [name for name in inputs if os.path.isdir(name)]
    if folders and output is None and not in_place:
        raise UsageError(
            f"{folders[0]} is a folder, and nothing says where its images go",
            "Name an output folder with -o, or allow --in-place",
        )
    into = _output_folder(output, needed=bool(folders) or len(inputs) > 1)
    plan = Plan()
    for name in inputs:
        source = Path(name)
        if name in folders:
            _add_folder(plan, source, into)
        elif in_place:
            plan.jobs.append(Job(source, source))
        elif into:
            plan.jobs.append(Job(source, writable(into / source.name)))
        else:
            plan.jobs.append(Job(source, default_output(source) if output is None else Path(output)))
    _refuse_collisions(plan.jobs)
    return plan


def _output_folder(output: str | None, *, needed: bool) -> Path | None:
    """The folder that -o names; None when it names a file, or is not there."""
    if output is None:
        return None
    if os.path.isdir(output) or output.endswith(("/", os.sep)):
        return Path(output)
    if not needed:
        return None
    if os.path.exists(output) or of_suffix(output):
        raise UsageError(f"-o {output} is a file, and these inputs need a folder", "Name a folder with -o")
    return Path(output)


def _add_folder(plan: Plan, folder: Path, into: Path | None) -> None:
    """Add every image below a folder; hidden ones and links to folders are left out."""
    problems: list[OSError] = []
    outputs = os.path.realpath(into) if into else None
    before = len(plan.jobs)
    for root, folders, files in os.walk(folder, onerror=problems.append):
        folders[:] = sorted(
            name
            for name in folders
            # Outputs of an earlier run are no inputs.
            if not name.startswith(".") and os.path.realpath(os.path.join(root, name)) != outputs
        )
        for name in sorted(files):
            source = Path(root, name)
            if name.startswith("."):
                continue
            if not of_suffix(source):
                plan.skipped += 1
                continue
            output = writable(into / source.relative_to(folder)) if into else source
            plan.jobs.append(Job(source, output))
    for exc in problems:
        error = InputError(f"{exc.filename} cannot be read: {exc.strerror}", "Check the folder's permissions")
        plan.failures.append((str(exc.filename), error))
    if len(plan.jobs) == before and not problems:
        error = InputError(f"{folder} holds no images", f"Images end in {', '.join(suffixes())}")
        plan.failures.append((str(folder), error))


def _refuse_collisions(jobs: Sequence[Job]) -> None:
    sources = {_same(job.source): job.source for job in jobs}
    writers: dict[str, Path] = {}
    for job in jobs:
        place = _same(job.output)
        if place in writers:
            raise UsageError(
                f"{writers[place]} and {job.source} would both be written to {job.output}",
                "Leave one out, or write them to different folders",
            )
        writers[place] = job.source
        if place in sources and place != _same(job.source):
            raise UsageError(
                f"{job.source} would be written to {job.output}, which is an input too",
                "Leave that one out, or write to a folder with -o",
            )


def _same(path: Path) -> str:
    """One text for all names of one place."""
    return os.path.normcase(os.path.realpath(path))
