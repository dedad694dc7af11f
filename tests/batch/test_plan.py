"""Plans of many images on a real file system; the system's calls stand in for one that ignores case."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pellucid.batch.plan import Plan, make_plan
from pellucid.errors import UsageError


def touch(path: Path, *, mtime: float | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"an image")
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path


def names(plan: Plan) -> list[str]:
    return [job.source.name for job in plan.jobs]


@pytest.fixture
def folding(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the system behave as a case-insensitive (and normalising) one does."""

    def start(fold: Callable[[str], str]) -> None:
        def real(path: Any) -> str:
            """The name under which a path that exists is stored."""
            found = os.sep
            for part in Path(path).parts[1:]:
                there = {fold(name): name for name in listdir(found)} if isdir(found) else {}
                found = os.path.join(found, there.get(fold(part), part))
            return found

        listdir, isdir = os.listdir, os.path.isdir
        for module, name in ((os, "lstat"), (os, "stat")):
            before = getattr(module, name)

            def call(path: Any, *arguments: Any, _before: Any = before, **options: Any) -> Any:
                absolute = isinstance(path, (str, Path)) and os.path.isabs(path)
                return _before(real(path) if absolute else path, *arguments, **options)

            monkeypatch.setattr(module, name, call)

    return start


COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))


def test_names_that_differ_in_case_are_two_files_where_the_file_system_says_so(tmp_path: Path) -> None:
    one, two = touch(tmp_path / "a/Shot.png"), touch(tmp_path / "b/shot.png")
    (tmp_path / "probe").touch()
    if (tmp_path / "PROBE").exists():
        pytest.skip("this file system ignores case")
    plan = make_plan([str(one), str(two)], str(tmp_path / "out"))
    assert names(plan) == ["Shot.png", "shot.png"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("there", [False, True], ids=["a folder to be made", "a folder that exists"])
@pytest.mark.parametrize(
    ("first", "second", "fold"),
    [
        ("Shot.png", "shot.PNG", str.casefold),
        ("deep/Shot.png", "DEEP/Shot.png", str.casefold),
        (COMPOSED, DECOMPOSED, lambda text: unicodedata.normalize("NFC", text)),
    ],
)
def test_names_that_are_one_on_the_target_are_refused(
    tmp_path: Path, folding: Callable[..., None], first: str, second: str, fold: Any, there: bool
) -> None:
    touch(tmp_path / "a" / first), touch(tmp_path / "b" / second)
    if there:
        (tmp_path / "out").mkdir()
    folding(fold)
    with pytest.raises(UsageError, match="would both be written to"):
        make_plan([str(tmp_path / "a"), str(tmp_path / "b")], str(tmp_path / "out"))
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "out"][: 2 + there]
    assert not there or os.listdir(tmp_path / "out") == []


def test_composition_matters_where_only_case_does_not(tmp_path: Path, folding: Callable[..., None]) -> None:
    touch(tmp_path / "a" / COMPOSED), touch(tmp_path / "b" / DECOMPOSED)
    (tmp_path / "out").mkdir()
    folding(str.casefold)
    assert len(make_plan([str(tmp_path / "a"), str(tmp_path / "b")], str(tmp_path / "out")).jobs) == 2


def test_an_output_that_is_another_input_by_another_case_is_refused(
    tmp_path: Path, folding: Callable[..., None]
) -> None:
    one, two = touch(tmp_path / "a.png"), touch(tmp_path / "A-Denoised.png")
    folding(str.casefold)
    with pytest.raises(UsageError, match="which is an input too"):
        make_plan([str(one), str(two)], None)


def test_hard_links_are_files_of_their_own(tmp_path: Path) -> None:
    one = touch(tmp_path / "a.png")
    os.link(one, tmp_path / "b.png")
    assert names(make_plan([str(tmp_path)], None, in_place=True)) == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("output", "left"),
    [(1000.0, "done"), (1001.0, "done"), (999.0, "failed"), (None, "to do")],
    ids=["same time", "newer", "older", "missing"],
)
def test_an_output_that_is_not_older_than_its_input_is_done(
    tmp_path: Path, output: float | None, left: str
) -> None:
    touch(tmp_path / "in/a.png", mtime=1000)
    touch(tmp_path / "in/b.png", mtime=1000)
    if output:
        touch(tmp_path / "out/a.png", mtime=output)
    plan = make_plan([str(tmp_path / "in")], str(tmp_path / "out"))
    assert names(plan) == (["a.png", "b.png"] if left == "to do" else ["b.png"])
    assert (plan.done, len(plan.failures)) == (left == "done", left == "failed")


def test_what_cannot_be_an_earlier_result_is_not_done(tmp_path: Path) -> None:
    touch(tmp_path / "in/a.png", mtime=1000)
    touch(tmp_path / "in/b.png", mtime=1000)
    (tmp_path / "out/a.png").mkdir(parents=True)
    (tmp_path / "out/b.png").touch()  # empty
    assert names(make_plan([str(tmp_path / "in")], str(tmp_path / "out"))) == ["a.png", "b.png"]
    assert names(make_plan([str(tmp_path / "in")], str(tmp_path / "in"))) == [
        "a.png",
        "b.png",
    ]  # the input itself


def test_nothing_is_done_where_outputs_may_be_replaced_or_one_file_was_named(tmp_path: Path) -> None:
    source = touch(tmp_path / "in/a.png", mtime=1000)
    touch(tmp_path / "out/a.png")
    folder, out = str(tmp_path / "in"), str(tmp_path / "out")
    assert names(make_plan([folder], out, overwrite=True)) == ["a.png"]
    assert names(make_plan([folder], None, in_place=True)) == ["a.png"]
    assert names(make_plan([str(source)], out)) == ["a.png"]
    assert make_plan([str(source), str(touch(tmp_path / "b.png"))], out).done == 1


def test_the_pdfs_of_a_folder_are_planned_and_no_name_of_one_is_taken_for_a_folder(tmp_path: Path) -> None:
    touch(tmp_path / "in/photo.png")
    touch(tmp_path / "in/letters/SCAN.PDF")
    touch(tmp_path / "in/notes.txt")
    plan = make_plan([str(tmp_path / "in")], str(tmp_path / "out"))
    outputs = {job.source.name: job.output for job in plan.jobs}
    assert outputs == {"photo.png": tmp_path / "out/photo.png", "SCAN.PDF": tmp_path / "out/letters/SCAN.PDF"}
    assert plan.skipped == 1
    with pytest.raises(UsageError, match="need a folder"):
        make_plan([str(tmp_path / "in")], str(tmp_path / "out.pdf"))


@pytest.mark.parametrize("name", ["scan", "scan.2024"])
@pytest.mark.parametrize(("format", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png")])
def test_an_image_whose_name_has_no_suffix_gains_that_of_its_format(
    name: str, format: str, suffix: str, tmp_path: Path
) -> None:
    source = tmp_path / "in" / name
    source.parent.mkdir()
    Image.new("RGB", (8, 8)).save(source, format)
    for inputs in ([str(source)], [str(source.parent)]):
        (job,) = make_plan(inputs, str(tmp_path / "out") + os.sep).jobs
        assert job.output == tmp_path / "out" / f"{name}{suffix}"
    (job,) = make_plan([str(source)], None).jobs
    assert job.output.suffix == suffix
    (job,) = make_plan([str(source.parent)], None, in_place=True).jobs
    assert job.output == source
