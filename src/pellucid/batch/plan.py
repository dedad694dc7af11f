"""From the paths on the command line to what is read and where it is written."""

import os
import stat
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pellucid.batch.record import Record
from pellucid.errors import InputError, PellucidError, UsageError
from pellucid.io.files import read_head, with_own_suffix
from pellucid.io.registry import (
    DOCUMENTS,
    default_output,
    of_content,
    of_folder,
    of_suffix,
    suffixes,
    writable,
)


@dataclass(frozen=True)
class Job:
    """One image, and where its result goes."""

    source: Path
    output: Path


@dataclass
class Plan:
    """All jobs, inputs that cannot be used, and how many files are no images or were done earlier.

    `record` is that of the folder of the outputs, to which a run adds.
    """

    jobs: list[Job] = field(default_factory=list)
    record: Record = field(default_factory=lambda: Record(None))
    failures: list[tuple[str, PellucidError]] = field(default_factory=list)
    skipped: int = 0
    done: int = 0


def make_plan(
    inputs: Sequence[str], output: str | None, *, in_place: bool = False, overwrite: bool = False
) -> Plan:
    """Find the images and name their outputs, without reading or writing any.

    Of a folder, and of several files, those are left out as done whose output exists and is not older than
    the input: outputs appear complete or not at all, so that a run that was interrupted goes on where it
    ended. An output that was made from another input of that name is a failure. The same output of a single
    file would be a mistake, and is left to be refused.

    Parameters
    ----------
    inputs : sequence of str
        Files and folders.
    output : str, optional
        For one file, a file or a folder; else a folder, which may be missing.
    in_place : bool
        Each output is its input.
    overwrite : bool
        Leave out nothing as done.

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
    folders = [name for name in inputs if os.path.isdir(name) and not of_folder(name)]
    if folders and output is None and not in_place:
        raise UsageError(
            f"{folders[0]} is a folder, and nothing says where its images go",
            "Name an output folder with -o, or allow --in-place",
        )
    into = _output_folder(output, needed=bool(folders) or len(inputs) > 1)
    plan = Plan(record=Record(into))
    for name in inputs:
        source = Path(name)
        if name in folders:
            _add_folder(plan, source, into)
        elif in_place:
            plan.jobs.append(Job(source, source))
        elif into:
            plan.jobs.append(Job(source, with_own_suffix(writable(into / source.name), source)))
        else:
            target = with_own_suffix(default_output(source), source) if output is None else Path(output)
            plan.jobs.append(Job(source, target))
    _refuse_collisions(plan.jobs)
    if not (in_place or overwrite) and (folders or len(inputs) > 1):
        _leave_out_done(plan)
    return plan


def _leave_out_done(plan: Plan) -> None:
    """Leave out the jobs whose output exists already; one that is no result of its input is a failure."""
    jobs, plan.jobs = plan.jobs, []
    for job in jobs:
        if not _is_result(job):
            plan.jobs.append(job)
            continue
        doubt = None
        if (other := plan.record.other(job.source, job.output)) is not None:
            doubt = f"was made from {other} or an earlier state of it"
        elif job.output.stat().st_mtime_ns < job.source.stat().st_mtime_ns:
            doubt = f"is older than {job.source}"
        if doubt is None:
            plan.done += 1
        else:
            remedy = "Write this one to another folder, or replace it with --overwrite"
            error = UsageError(f"{job.output} exists already, and {doubt}", remedy)
            plan.failures.append((str(job.source), error))


def _is_result(job: Job) -> bool:
    """Whether an output exists that can be the result of an earlier run."""
    try:
        source, output = job.source.stat(), job.output.stat()
    except OSError:
        return False
    kind = stat.S_ISDIR if stat.S_ISDIR(source.st_mode) else stat.S_ISREG
    mine = kind(output.st_mode) and not os.path.samestat(source, output)
    return mine and output.st_size > 0


def _output_folder(output: str | None, *, needed: bool) -> Path | None:
    """The folder that -o names; None when it names a file, or is not there."""
    if output is None:
        return None
    if os.path.isdir(output) or output.endswith(("/", os.sep)):
        return Path(output)
    if not needed:
        return None
    if os.path.exists(output) or of_suffix(output) or Path(output).suffix.lower() in DOCUMENTS:
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
        whole = [name for name in folders if of_folder(os.path.join(root, name))]  # such as a Zarr
        folders[:] = [name for name in folders if name not in whole]
        for name in sorted([*files, *whole]):
            source = Path(root, name)
            if name.startswith("."):
                continue
            known = name in whole or of_suffix(source) or source.suffix.lower() in DOCUMENTS
            if not (known or _is_nameless_image(source)):
                plan.skipped += 1
                continue
            named = writable(into / source.relative_to(folder)) if into else source
            plan.jobs.append(Job(source, with_own_suffix(named, source) if into else source))
    for exc in problems:
        error = InputError(f"{exc.filename} cannot be read: {exc.strerror}", "Check the folder's permissions")
        plan.failures.append((str(exc.filename), error))
    if len(plan.jobs) == before and not problems:
        error = InputError(
            f"{folder} holds no images", f"Images end in {', '.join((*suffixes(), *DOCUMENTS))}"
        )
        plan.failures.append((str(folder), error))


def _is_nameless_image(file: Path) -> bool:
    """Whether a name that has no suffix, or ends in a number, as DICOM files' do, is that of an image."""
    if (file.suffix and not file.suffix[1:].isdecimal()) or file.name == "DICOMDIR":
        return False
    try:
        return file.is_file() and of_content(read_head(file)) is not None
    except InputError:  # the run says why
        return True


def _refuse_collisions(jobs: Sequence[Job]) -> None:
    places = _Places()
    sources = {places.key(job.source): job.source for job in jobs}
    writers: dict[str, Path] = {}
    for job in jobs:
        place = places.key(job.output)
        if place in writers:
            raise UsageError(
                f"{writers[place]} and {job.source} would both be written to {job.output}",
                "Leave one out, or write them to different folders",
            )
        writers[place] = job.source
        if place in sources and place != places.key(job.source):
            raise UsageError(
                f"{job.source} would be written to {job.output}, which is an input too",
                "Leave that one out, or write to a folder with -o",
            )


class _Places:
    """Give one text for all names of one file; whether case and Unicode matter is up to the file system."""

    def __init__(self) -> None:
        self._known: dict[str, list[str]] = {}  # names that only their file system can tell apart

    def key(self, path: Path) -> str:
        name = os.path.normcase(os.path.realpath(path))
        alike = self._known.setdefault(unicodedata.normalize("NFC", name.casefold()), [])
        for other in alike:
            if other == name or _is_one_file(other, name):
                return other
        alike.append(name)
        return name


def _is_one_file(one: str, two: str) -> bool:
    """Whether two paths that differ in case or in the composition of characters are one file, or would be."""
    first, second = [""], [""]
    while not (os.path.lexists(one) or os.path.lexists(two)) and one != os.path.dirname(one):
        one, first[:0] = os.path.dirname(one), [os.path.basename(one)]
        two, second[:0] = os.path.dirname(two), [os.path.basename(two)]
    try:
        if not os.path.samefile(one, two):
            return False
        if first == second:
            return True
        # Tried out in a folder of its own, for nothing may appear under the name of an output.
        with tempfile.TemporaryDirectory(prefix=".pellucid-", dir=one) as trial:
            Path(trial, *first).mkdir(parents=True)
            return Path(trial, *second).exists()
    except OSError:  # one of them is missing; or nothing can be written there, as the jobs will say
        return False
