"""A run over a plan: results and errors, in order."""

from pathlib import Path

import pytest

from pellucid.batch.plan import Job, Plan
from pellucid.batch.run import Outcome, Progress, failure, run
from pellucid.errors import BatchError, InputError, LimitError, PellucidError
from pellucid.inference.stacks import FileResult


def jobs(folder: Path, *names: str) -> Plan:
    return Plan([Job(Path(name), folder / "out" / name) for name in names])


def work(job: Job, progress: Progress) -> FileResult:
    """Write a file, or fail as its name says."""
    progress(1, 2)
    errors = {"bad": InputError("bad is broken", "Leave it out"), "bug": ZeroDivisionError("zero")}
    if job.source.name in errors:
        raise errors[job.source.name]
    job.output.write_text("result")
    return FileResult(job.source, job.output, 0.1, True, "photo-fast", "", 4, 3)


def test_an_error_does_not_stop_the_others(tmp_path: Path) -> None:
    outcomes = list(run(jobs(tmp_path, "a", "bad", "b"), work))
    assert [bool(outcome.result) for outcome in outcomes] == [True, False, True]
    assert [outcome.source for outcome in outcomes] == ["a", "bad", "b"]
    error = failure(outcomes)
    assert isinstance(error, BatchError)
    assert (error.total, [name for name, _ in error.failures]) == (3, ["bad"])


def test_one_input_fails_with_its_own_error_and_none_without(tmp_path: Path) -> None:
    assert isinstance(failure(list(run(jobs(tmp_path, "bad"), work))), InputError)
    assert failure(list(run(jobs(tmp_path, "a"), work))) is None
    assert failure([]) is None


def test_any_exception_is_explained_and_kept(tmp_path: Path) -> None:
    (outcome,) = run(jobs(tmp_path, "bug"), work)
    assert type(outcome.error) is PellucidError
    assert isinstance(outcome.error.__cause__, ZeroDivisionError)


def test_what_could_not_be_planned_comes_first(tmp_path: Path) -> None:
    plan = jobs(tmp_path, "a")
    plan.failures.append(("folder", LimitError("folder is too large", "Make it smaller")))
    assert [outcome.source for outcome in run(plan, work)] == ["folder", "a"]


def test_folders_appear_only_with_a_result(tmp_path: Path) -> None:
    list(run(jobs(tmp_path, "bad"), work))
    assert not (tmp_path / "out").exists()
    list(run(jobs(tmp_path, "bad", "a", "bug"), work))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_an_interrupt_ends_the_run_after_what_is_done(tmp_path: Path) -> None:
    def interrupted(job: Job, progress: Progress) -> FileResult:
        if job.source.name == "b":
            raise KeyboardInterrupt
        return work(job, progress)

    found: list[Outcome] = []
    with pytest.raises(KeyboardInterrupt):
        found += run(jobs(tmp_path, "a", "b", "c"), interrupted)  # += takes one after the other
    assert [outcome.source for outcome in found] == ["a"]


def test_progress_counts_files_in_fractions(tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    list(run(jobs(tmp_path, "a", "b"), work, lambda name, done: seen.append((name, done))))
    assert seen == [("a", 0), ("a", 0.5), ("b", 1), ("b", 1.5)]


def test_a_row_has_what_json_has(tmp_path: Path) -> None:
    good, bad = run(jobs(tmp_path, "a", "bad"), work)
    assert good.row()["output"] == str(tmp_path / "out/a")
    assert (good.row()["width"], good.row()["height"], good.row()["changed"]) == (4, 3, True)
    assert bad.row() == {
        "input": "bad",
        "error": {"type": "InputError", "exit_code": 3, "problem": "bad is broken", "remedy": "Leave it out"},
    }
