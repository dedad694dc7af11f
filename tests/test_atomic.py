"""Atomic writes on a real file system."""

import logging
import os
import stat
from pathlib import Path

import pytest

from pellucid.atomic import atomic_write, refuse_existing
from pellucid.errors import InputError, UsageError


def write(target: Path, text: str = "new", *, overwrite: bool = True) -> None:
    with atomic_write(target, overwrite=overwrite) as temporary:
        temporary.write_text(text)


def attributes(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name) for name in os.listxattr(path)}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "file.txt"
    path.write_text("old")
    return path


def test_a_failure_leaves_the_earlier_file_and_nothing_else(old: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_write(old) as temporary:
        temporary.write_text("half" * (1 // 0))
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


def test_the_file_is_hidden_and_has_its_suffix_until_it_is_complete(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.png") as temporary:
        assert (temporary.name[0], temporary.suffix, temporary.parent) == (".", ".png", tmp_path)
        assert not (tmp_path / "a.png").exists()
    assert list(tmp_path.iterdir()) == [tmp_path / "a.png"]


def test_a_file_is_replaced_only_where_that_is_allowed(old: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        write(old, overwrite=False)
    assert old.read_text() == "old"


def test_a_file_that_was_created_in_the_meantime_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with pytest.raises(UsageError, match="exists already"), atomic_write(path, overwrite=False):
        path.write_text("precious")
    assert path.read_text() == "precious"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_permissions_are_kept_and_never_wider_in_the_meantime(old: Path, mode: int) -> None:
    old.chmod(mode)
    with atomic_write(old) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) & ~mode == 0
    assert stat.S_IMODE(old.stat().st_mode) == mode


def test_a_new_file_has_the_permissions_that_all_new_files_have(tmp_path: Path) -> None:
    (tmp_path / "as usual").touch()
    write(tmp_path / "new")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "as usual").stat().st_mode


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives files away")
def test_the_owner_is_kept(old: Path) -> None:
    os.chown(old, 1000, 1001)
    write(old)
    assert (old.stat().st_uid, old.stat().st_gid, old.read_text()) == (1000, 1001, "new")


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="Python has extended attributes on Linux only")
def test_extended_attributes_are_kept(old: Path) -> None:
    os.setxattr(old, "user.xdg.tags", b"holiday,sea")
    os.setxattr(old, "user.rating", b"\0\xff")
    write(old)
    assert attributes(old) == {"user.xdg.tags": b"holiday,sea", "user.rating": b"\0\xff"}


def test_a_system_that_refuses_every_courtesy_still_gets_the_file(
    old: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As a network share, a FUSE mount or Android's storage does."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    os.setxattr(old, "user.xdg.tags", b"holiday")
    old.chmod(0o606)
    for name in ("chmod", "chown", "setxattr"):
        monkeypatch.setattr(os, name, refuse)
    with caplog.at_level(logging.WARNING, "pellucid"):
        write(old)
    assert old.read_text() == "new"
    assert len(caplog.records) == 1
    assert "user.xdg.tags" in caplog.text


def test_a_system_without_fsync_still_gets_the_file(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    write(old)
    assert old.read_text() == "new"


def test_another_name_of_the_file_keeps_the_earlier_content_and_a_warning_says_so(
    old: Path, caplog: pytest.LogCaptureFixture
) -> None:
    backup = old.with_name("backup.txt")
    os.link(old, backup)
    with caplog.at_level(logging.WARNING, "pellucid"):
        write(old)
    assert (old.read_text(), backup.read_text()) == ("new", "old")
    assert "hard links" in caplog.text
    caplog.clear()
    write(old)  # which has one name now
    assert not caplog.records


def test_a_symbolic_link_stays_one(old: Path) -> None:
    link = old.with_name("link.txt")
    link.symlink_to(old.name)
    write(link)
    assert link.is_symlink()
    assert old.read_text() == "new"
    with pytest.raises(UsageError, match="exists already"):
        write(link, overwrite=False)


def test_the_file_that_a_dangling_link_names_is_made(tmp_path: Path) -> None:
    link = tmp_path / "link.txt"
    link.symlink_to("there.txt")
    write(link, overwrite=False)
    assert link.is_symlink()
    assert (tmp_path / "there.txt").read_text() == "new"


def test_links_in_a_circle_are_not_replaced(tmp_path: Path) -> None:
    for one, two in (("a", "b"), ("b", "a")):
        (tmp_path / one).symlink_to(two)
    with pytest.raises(InputError):
        write(tmp_path / "a")
    assert (tmp_path / "a").is_symlink()


@pytest.mark.parametrize("name", ["n" * 300, "file.txt/below", "missing/file"])
def test_a_name_that_no_file_can_have_is_refused_before_the_work(old: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be written"), atomic_write(old.parent / name):
        pytest.fail("it began")
    assert list(old.parent.iterdir()) == [old]


def test_a_folder_or_device_is_not_replaced(tmp_path: Path) -> None:
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(InputError, match="folder or device"):
            refuse_existing(path, overwrite=True)


@pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="root may write everywhere")
def test_a_write_protected_file_is_not_replaced(old: Path) -> None:
    old.chmod(0o444)
    with pytest.raises(InputError, match="write-protected"):
        write(old)
    assert old.read_text() == "old"


def test_a_folder_that_was_deleted_is_an_error_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(InputError, match=r"file\.txt cannot be written"):
        write(Path("file.txt"))
