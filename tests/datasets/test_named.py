"""MNIST, Fashion-MNIST and CIFAR-10 from a folder, and from servers that the tests start."""

import gzip
import hashlib
import io
import logging
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from pellucid.datasets.named import (
    ARCHIVE,
    CIFAR10,
    TRAIN,
    Source,
    load_cifar,
    load_dataset,
    load_idx,
)
from pellucid.errors import InputError, LimitError, MissingExtraError, UsageError
from tests.datasets.made import cifar, idx

Serve = Callable[[Mapping[str, bytes]], str]

NOBODY = "http://127.0.0.1:9/"
"""An address where no server answers."""

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (24, 4, 5), np.uint8)
TESTS = RNG.integers(0, 256, (6, 4, 5), np.uint8)
FILES = {
    "train-images-idx3-ubyte": idx(IMAGES),
    "train-labels-idx1-ubyte": idx(np.arange(24, dtype=np.uint8)),
    "t10k-images-idx3-ubyte": idx(TESTS),
    "t10k-labels-idx1-ubyte": idx(np.arange(6, dtype=np.uint8)),
}
PACKED = {f"{name}.gz": gzip.compress(content) for name, content in FILES.items()}


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def tiny(*homes: str) -> Source:
    """A set like MNIST, of 24 and 6 images."""
    return Source("tiny", homes, {name: md5(content) for name, content in FILES.items()})


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *_: object) -> None:
        pass


class HangsUp(Quiet):
    """Promises more bytes than it sends."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"\x1f\x8b")


@contextmanager
def server(folder: Path, handler: type[Quiet] = Quiet) -> Iterator[str]:
    """Serve a folder; give its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder))) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}/"
        finally:
            http.shutdown()
            thread.join()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve files under an address of their own."""
    with ExitStack() as stack:
        numbers = iter(range(9))
        yield lambda files: stack.enter_context(server(write(tmp_path / f"home{next(numbers)}", files)))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where downloads go in these tests, whatever the machine's own settings."""
    for name in ("PELLUCID_DATA", "PELLUCID_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache" / "tiny"


# ---- MNIST and Fashion-MNIST, from a folder ------------------------------------------------------


@pytest.mark.parametrize("files", [FILES, PACKED], ids=["plain", "packed"])
def test_the_last_twelfth_of_the_training_images_validates(tmp_path: Path, files: dict[str, bytes]) -> None:
    write(tmp_path / "tiny", files)
    found = load_idx(tiny(), tmp_path)
    np.testing.assert_array_equal(found.train, IMAGES[:22, ..., None])
    np.testing.assert_array_equal(found.validation, IMAGES[22:, ..., None])
    np.testing.assert_array_equal(found.test, TESTS[..., None])
    for labels, numbers in (
        (found.train_labels, range(22)),
        (found.validation_labels, range(22, 24)),
        (found.test_labels, range(6)),
    ):
        assert labels is not None
        assert labels.dtype == np.int64
        assert labels.tolist() == list(numbers)
    assert (found.name, found.note) == ("tiny", "the whole set: 22 to train, 2 to validate, 6 to test")


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_a_file_that_is_not_the_published_one_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, FILES)
    words = rf"{name}/train-images-idx3-ubyte is not the published file of {name}.*{md5(idx(IMAGES))}, not"
    with pytest.raises(InputError, match=words):
        load_dataset(name, data_dir=tmp_path)


@pytest.mark.parametrize("content", [b"", idx(IMAGES)[:-1], PACKED["train-images-idx3-ubyte.gz"][:-9]])
def test_a_broken_file_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "tiny", {**FILES, "train-images-idx3-ubyte": content})
    with pytest.raises(InputError, match=r"tiny/train-images-idx3-ubyte (is|has)"):
        load_idx(tiny(), tmp_path)


def test_the_folder_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "mnist", FILES)
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path))
    with pytest.raises(
        InputError, match=f"{tmp_path}/mnist/train-images-idx3-ubyte is not the published file"
    ):
        load_dataset("mnist")
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "gone"))
    with pytest.raises(InputError, match=r"gone is no folder.*that contains mnist/"):
        load_dataset("mnist")


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no data set 'emnist'\. Name one of mnist, fashion-mnist, cifar10"):
        load_dataset("emnist", data_dir=tmp_path / "gone")


# ---- downloads -----------------------------------------------------------------------------------


def test_what_the_folder_lacks_is_downloaded_once(tmp_path: Path, cache: Path) -> None:
    write(tmp_path / "home", PACKED)
    write(tmp_path / "data" / "tiny", {name: FILES[name] for name in list(FILES)[:2]})
    with server(tmp_path / "home") as home:
        found = load_idx(tiny(home), tmp_path / "data")
    again = load_idx(tiny(home), tmp_path / "data")  # the server is gone
    for each in (found, again):
        np.testing.assert_array_equal(each.test, TESTS[..., None])
    assert {path.name for path in cache.iterdir()} == set(list(FILES)[2:])


def test_the_second_home_is_asked_when_the_first_has_nothing(serve: Serve) -> None:
    empty, full = serve({}), serve(PACKED)
    assert len(load_idx(tiny(NOBODY, empty, full), None).train) == 22


def test_a_mirror_takes_the_place_of_all_homes(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = serve({f"tiny/{name}": content for name, content in PACKED.items()})
    for address in (mirror, mirror.rstrip("/")):
        monkeypatch.setenv("PELLUCID_MIRROR", address)
        assert len(load_idx(tiny(NOBODY), None).train) == 22


def test_a_mirror_may_have_packed_the_files_anew_or_not_at_all(serve: Serve) -> None:
    home = serve({f"{name}.gz": content for name, content in FILES.items()})
    assert len(load_idx(tiny(home), None).train) == 22


@pytest.mark.parametrize("mirror", ["mirror.example.org", "/srv/mirror", "ftp://mirror.example.org"])
def test_a_mirror_that_is_no_address_is_refused(mirror: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_MIRROR", mirror)
    with pytest.raises(UsageError, match=f"PELLUCID_MIRROR is '{mirror}'. Give an address that begins with"):
        load_idx(tiny(NOBODY), None)


def test_what_was_changed_in_the_cache_is_downloaded_again(serve: Serve, cache: Path) -> None:
    home = serve(PACKED)
    load_idx(tiny(home), None)
    (cache / "t10k-images-idx3-ubyte").write_bytes(b"half of it")
    np.testing.assert_array_equal(load_idx(tiny(home), None).test, TESTS[..., None])


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (gzip.compress(idx(IMAGES[::-1])), "is not the published file: its MD5 is another"),
        (b"<html>Please log in</html>", "is not the published file: its MD5 is another"),
        (PACKED["train-images-idx3-ubyte.gz"][:-9], "is a damaged gzip file"),
    ],
)
def test_what_is_not_the_published_file_is_not_kept(
    serve: Serve, cache: Path, sent: bytes, words: str
) -> None:
    home = serve({**PACKED, "train-images-idx3-ubyte.gz": sent})
    with pytest.raises(InputError, match=f"cannot be downloaded: {home}train-images-idx3-ubyte.gz.*{words}"):
        load_idx(tiny(home), None)
    assert not list(cache.iterdir())


def test_a_server_that_hangs_up_is_reported_in_words(tmp_path: Path, cache: Path) -> None:
    with (
        server(tmp_path, HangsUp) as home,
        pytest.raises(InputError, match=f"cannot be downloaded: {home}.*PELLUCID_MIRROR"),
    ):
        load_idx(tiny(home), None)
    assert not list(cache.iterdir())


def test_all_homes_are_told_when_none_has_the_file(serve: Serve) -> None:
    empty = serve({})
    with pytest.raises(InputError, match=f"cannot be downloaded: {NOBODY}.*; {empty}.*404.*folder tiny/"):
        load_idx(tiny(NOBODY, empty), None)


def test_a_cache_that_cannot_be_written_is_a_limit(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "file"))
    with pytest.raises(LimitError, match=r"cannot be written: Not a directory\. .*PELLUCID_CACHE"):
        load_idx(tiny(serve(PACKED)), None)


def test_only_a_download_needs_pooch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)  # as Python sees a package that is not installed
    write(tmp_path / "tiny", FILES)
    assert len(load_idx(tiny(), tmp_path).train) == 22
    with pytest.raises(MissingExtraError, match=r"pooch is needed to download tiny.*pellucid\[lab\]"):
        load_idx(tiny(NOBODY), None)


# ---- CIFAR-10 ------------------------------------------------------------------------------------


def part(first: int, length: int = 20) -> bytes:
    """Images of which each has its own number in red; its label is the last digit."""
    numbers = np.arange(first, first + length)
    images = np.zeros((length, 32, 32, 3), np.uint8)
    images[..., 0] = numbers[:, None, None]
    return cifar(images, numbers % 10)


FIVE = {name: part(20 * number) for number, name in enumerate(TRAIN)}


def test_of_all_five_parts_the_last_tenth_validates(tmp_path: Path) -> None:
    write(
        tmp_path / "cifar10", {**FIVE, "test_batch.bin": part(200, 30), "test_first_1000.bin": part(200, 3)}
    )
    found = load_dataset("cifar10", data_dir=tmp_path)
    for images, labels, numbers in (
        (found.train, found.train_labels, range(90)),
        (found.validation, found.validation_labels, range(90, 100)),
        (found.test, found.test_labels, range(200, 230)),
    ):
        assert labels is not None
        assert images.shape == (len(numbers), 32, 32, 3)
        assert images[:, 7, 9, 0].tolist() == list(numbers)
        assert not images[..., 1:].any()
        assert labels.tolist() == [number % 10 for number in numbers]
    assert found.note == "the whole set: 90 to train, 10 to validate, 30 to test"


@pytest.mark.parametrize("folder", ["cifar10", "cifar10/cifar-10-batches-bin"])
def test_of_fewer_parts_the_last_twentieth_validates_and_the_note_names_them(
    tmp_path: Path, folder: str
) -> None:
    files = {"data_batch_2.bin": part(20), "data_batch_4.bin.gz": gzip.compress(part(60))}
    write(tmp_path / folder, {**files, "test_first_1000.bin.gz": gzip.compress(part(200))})
    found = load_dataset("cifar10", data_dir=tmp_path)
    assert found.train[:, 0, 0, 0].tolist() == [*range(20, 40), *range(60, 78)]
    assert found.validation[:, 0, 0, 0].tolist() == [78, 79]
    names = "data_batch_2.bin, data_batch_4.bin and test_first_1000.bin only"
    assert found.note == f"{names}: 38 to train, 2 to validate, 20 to test"


def test_a_part_that_is_not_the_published_one_is_used_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "cifar10", {"data_batch_1.bin": part(0), "test_batch.bin": part(200)})
    with caplog.at_level(logging.WARNING, "pellucid"):
        load_dataset("cifar10", data_dir=tmp_path)
    assert "data_batch_1.bin is not the published file of cifar10" in caplog.text


def test_training_parts_without_a_test_part_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "cifar10", {"data_batch_3.bin": part(0)})
    with pytest.raises(InputError, match=r"cifar10 has data_batch_3.bin but no test images.*test_batch"):
        load_dataset("cifar10", data_dir=tmp_path)


def test_too_few_images_to_set_some_aside_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "cifar10", {"data_batch_3.bin": part(0, 19), "test_batch.bin": part(200)})
    with pytest.raises(InputError, match="cifar10 has 19 training images, too few to set one in 20 aside"):
        load_dataset("cifar10", data_dir=tmp_path)


@pytest.mark.parametrize("content", [b"", part(0)[:-1], b"\x0a" + part(0)[1:], gzip.compress(part(0))[:-9]])
def test_a_broken_part_is_refused_by_its_name(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "cifar10", {"data_batch_3.bin": content, "test_batch.bin": part(200)})
    with pytest.raises(InputError, match=r"cifar10/data_batch_3\.bin (has|is)"):
        load_dataset("cifar10", data_dir=tmp_path)


def archive(files: Mapping[str, bytes]) -> bytes:
    """A gzipped archive of a folder with these files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        folder = tarfile.TarInfo("cifar-10-batches-bin")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in files.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def test_without_a_training_part_the_archive_is_downloaded_once(tmp_path: Path) -> None:
    packed = archive({**FIVE, "test_batch.bin": part(200, 30), "readme.html": b"<html>"})
    write(tmp_path / "home", {ARCHIVE: packed})
    write(tmp_path / "data" / "cifar10", {"test_first_1000.bin": part(200)})
    with server(tmp_path / "home") as home:
        source = Source("cifar10", (home,), {ARCHIVE: md5(packed)})
        load_cifar(source, tmp_path / "data")
    found = load_cifar(source, tmp_path / "data")  # the server is gone
    assert found.train[:, 0, 0, 0].tolist() == list(range(90))
    assert found.note == "the whole set: 90 to train, 10 to validate, 30 to test"


def test_an_archive_that_is_not_the_published_one_is_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PELLUCID_MIRROR", serve({f"cifar10/{ARCHIVE}": archive(FIVE)}))
    with pytest.raises(InputError, match=f"{ARCHIVE} is not the published file: its MD5 is another"):
        load_cifar(CIFAR10, None)


def test_the_small_digits_need_neither_a_folder_nor_a_download() -> None:
    digits = load_dataset("small-digits")
    assert digits.train.shape == (1440, 28, 28, 1)
    assert [len(digits.validation), len(digits.test)] == [160, 197]
    assert digits.test_labels is not None
    assert set(digits.test_labels.tolist()) == set(range(10))
