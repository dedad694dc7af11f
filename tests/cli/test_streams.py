"""`pellucid denoise -`: standard input and output."""

import io
import os
import pty
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.cli.conftest import PELLUCID, Run, checked, tree
from tests.command import run_here

Save = Callable[[str], Path]
Pipe = Callable[..., "subprocess.CompletedProcess[bytes]"]
GIVEN = ("--sigma", "25", "--model", "gaussian-instant")


@pytest.fixture
def pipe(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    environment: dict[str, str],
    capfdbinary: pytest.CaptureFixture[bytes],
) -> Pipe:
    """Run the command with these bytes as standard input."""

    def run(*arguments: str, data: bytes = b"", code: int = 0) -> "subprocess.CompletedProcess[bytes]":
        command, stdin = ["pellucid", *arguments], tmp_path_factory.mktemp("stdin") / "data"
        stdin.write_bytes(data)
        capfdbinary.readouterr()
        left = run_here(command, tmp_path, environment, stdin)
        out, err = capfdbinary.readouterr()
        checked(arguments, left, code, b"", err)
        return subprocess.CompletedProcess(command, code, out, err)

    return run


def samples(content: bytes | Path) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as pil_image:
        return np.asarray(pil_image)


def kind(content: bytes) -> str | None:
    with Image.open(io.BytesIO(content)) as pil_image:
        return pil_image.format


@pytest.mark.parametrize("arguments", [("-", "-o", "-"), ("-",)])
@pytest.mark.parametrize(("suffix", "name"), [("png", "PNG"), ("jpg", "JPEG"), ("tif", "TIFF")])
def test_standard_input_goes_to_standard_output_in_its_own_format(
    pipe: Pipe, pellucid: Run, image: Save, tmp_path: Path, arguments: tuple[str, ...], suffix: str, name: str
) -> None:
    path = image(f"photo.{suffix}")
    done = pipe("denoise", *arguments, *GIVEN, data=path.read_bytes())
    assert kind(done.stdout) == name
    assert done.stderr.startswith(b"- -> -  (noise 25.0, ")
    pellucid("denoise", path.name, *GIVEN)
    assert done.stdout == (tmp_path / f"photo-denoised.{suffix}").read_bytes()
    assert tree(tmp_path) == {path.name, f"photo-denoised.{suffix}"}


def test_standard_input_goes_to_a_file_in_the_format_of_its_name(
    pipe: Pipe, image: Save, tmp_path: Path
) -> None:
    data = image("photo.png").read_bytes()
    done = pipe("denoise", "-", "-o", "clean.tif", *GIVEN, data=data)
    assert done.stdout.startswith(b"- -> clean.tif  (")
    assert samples(tmp_path / "clean.tif").shape == samples(data).shape
    assert b"exists already" in pipe("denoise", "-", "-o", "clean.tif", *GIVEN, data=data, code=2).stderr


def test_a_file_goes_to_standard_output_in_the_format_of_its_content(
    pipe: Pipe, image: Save, tmp_path: Path
) -> None:
    image("photo.png").rename(tmp_path / "photo.jpg")
    assert kind(pipe("denoise", "photo.jpg", "-o", "-", *GIVEN).stdout) == "PNG"
    assert tree(tmp_path) == {"photo.jpg"}


def test_an_image_without_noise_comes_out_byte_for_byte(pipe: Pipe, image: Save) -> None:
    data = image("photo.jpg").read_bytes()
    assert pipe("denoise", "-", "--sigma", "0", data=data).stdout == data


def test_several_commands_make_a_pipe(environment: dict[str, str], image: Save, tmp_path: Path) -> None:
    image("photo.png")
    command = f'"{PELLUCID}" denoise - -q {" ".join(GIVEN)}'
    line = f"{command} <photo.png | {command} -o out.webp"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert samples(tmp_path / "out.webp").shape == (48, 64, 3)


def test_json_tells_of_standard_input_and_stays_off_an_image(pipe: Pipe, image: Save) -> None:
    data = image("photo.png").read_bytes()
    done = pipe("denoise", "-", "-o", "clean.png", "--json", *GIVEN, data=data)
    assert b'"input": "-"' in done.stdout
    done = pipe("denoise", "-", "-o", "-", "--json", *GIVEN, data=data, code=2)
    assert b"standard output" in done.stdout


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", b"error: standard input is empty"),
        (b"words", b"error: standard input is not an image"),
        (b"8BPS" + bytes(99), b"error: standard input is a Photoshop file"),
    ],
)
def test_an_error_names_the_stream_and_nothing_is_written(pipe: Pipe, data: bytes, words: bytes) -> None:
    done = pipe("denoise", "-", "-o", "-", *GIVEN, data=data, code=3)
    assert done.stderr.startswith(words)
    assert done.stdout == b""


def test_a_warning_names_the_stream(pipe: Pipe, image: Save) -> None:
    done = pipe("denoise", "-", data=image("photo.jpg").read_bytes().removesuffix(b"\xff\xd9"))
    assert done.stderr.startswith(b"warning: standard input lacks")


@pytest.mark.parametrize(
    "arguments",
    [
        ("-", "photo.png", "-o", "out"),
        ("photo.png", "photo.png", "-o", "-"),
        ("folder", "-o", "-"),
        ("-", "--in-place"),
        ("photo.png", "--in-place", "-o", "-"),
    ],
)
def test_a_stream_holds_one_image(
    pipe: Pipe, image: Save, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    data = image("photo.png").read_bytes()
    (tmp_path / "folder").mkdir()
    assert pipe("denoise", *arguments, *GIVEN, data=data, code=2).stdout == b""
    assert (tmp_path / "photo.png").read_bytes() == data
    assert tree(tmp_path) == {"photo.png", "folder"}


def test_standard_input_cannot_be_replaced(pellucid: Run) -> None:
    assert "Standard input cannot be replaced" in pellucid("denoise", "-", "--in-place", code=2).err


def test_a_terminal_is_no_image(image: Save, environment: dict[str, str], tmp_path: Path) -> None:
    image("photo.png")
    main, side = pty.openpty()
    for stdin, stdout in ((side, subprocess.PIPE), (subprocess.PIPE, side)):
        done = subprocess.Popen(
            [PELLUCID, "denoise", "-", "-o", "-"],
            cwd=tmp_path,
            env=environment,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
        )
        assert b"Redirect" in done.communicate(timeout=120)[1]
        assert done.returncode == 2
    os.close(main)
    os.close(side)


def test_a_file_that_is_named_like_a_stream_needs_its_folder(
    pellucid: Run, image: Save, tmp_path: Path
) -> None:
    image("a.png").rename(tmp_path / "-")
    pellucid("denoise", "./-", "-o", "clean.png", *GIVEN)
    assert tree(tmp_path) == {"-", "clean.png"}


def test_a_pdf_goes_to_the_door_for_pages(pipe: Pipe) -> None:
    """By its content; this one is broken, which only that door finds, or it lacks its extra."""
    err = pipe("denoise", "-", data=b"%PDF-1.4\n" + bytes(99), code=3 if find_spec("pikepdf") else 5).stderr
    assert b"standard input cannot be read as a PDF" in err or b"pellucid[pdf]" in err


@pytest.mark.skipif(os.name == "nt", reason="needs a shell of POSIX")
def test_a_closed_standard_output_is_refused(
    image: Save, tmp_path: Path, environment: dict[str, str]
) -> None:
    command = ["sh", "-c", f"{PELLUCID} denoise - {' '.join(GIVEN)} < {image('photo.png').name} >&-"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr[:32]) == (2, "error: Standard output is closed")
