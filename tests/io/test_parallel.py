"""Damage of one file is reported for that file alone, and a forked process says what it cannot do."""

import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage

from pellucid.errors import InputError
from pellucid.io.files import read_image, write_image
from pellucid.io.image import Image


def damaged(path: Path, name: str) -> Path:
    """Give a copy of a file with other bytes in its middle."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = b"\xff" * 200
    target = path.with_name(name)
    target.write_bytes(content)
    return target


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (64, 64), "compression": "zlib"},
        {"rowsperstrip": 32, "compression": "zlib"},
        {"tile": (64, 64), "compression": "zlib", "planarconfig": "separate"},
    ],
)
def test_damage_of_a_tiff_is_found_in_its_file_alone(options: dict[str, Any], tmp_path: Path) -> None:
    import tifffile

    values = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    stored = values.transpose(2, 0, 1) if "planarconfig" in options else values
    tifffile.imwrite(tmp_path / "good.tif", stored, photometric="rgb", metadata=None, **options)
    bad = damaged(tmp_path / "good.tif", "bad.tif")

    def reads(path: Path) -> bool:
        try:
            assert np.array_equal(read_image(path).samples, values)
        except InputError:
            return False
        return True

    paths = [bad, *[tmp_path / "good.tif"] * 3] * 8
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(reads, paths)) == [path != bad for path in paths]


def test_damage_of_a_jpeg_is_a_warning_about_its_file_alone(
    photo: NDArray[np.uint8], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    PILImage.fromarray(np.tile(photo, (4, 4, 1))).save(tmp_path / "good.jpg", quality=90)
    bad = damaged(tmp_path / "good.jpg", "bad.jpg")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read_image, [bad, *[tmp_path / "good.jpg"] * 3] * 8))
    # pyvips logs too where a test imported it first.
    messages = [record.getMessage() for record in caplog.records if record.name == "pellucid"]
    assert len(messages) == 8
    assert all(message.startswith(f"{bad} is damaged") for message in messages)


def test_files_are_written_in_threads(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    def write(number: int) -> bool:
        path = tmp_path / f"{number}{('.png', '.tif', '.bmp')[number % 3]}"
        write_image(path, Image(samples=photo))
        return np.array_equal(read_image(path).samples, photo)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(write, range(24)))


FORK = """
import multiprocessing, sys, numpy as np
from pellucid.errors import UsageError
from pellucid.io.files import read_image

def read(pipe):
    try: pipe.send(read_image(sys.argv[1]).samples.shape)
    except UsageError as exc: pipe.send(str(exc))

if {first}: read_image(sys.argv[1])
ours, theirs = multiprocessing.Pipe()
worker = multiprocessing.get_context("fork").Process(target=read, args=(theirs,))
worker.start()
print(ours.recv() if ours.poll(60) else "nothing")
worker.join(10)
"""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
@pytest.mark.parametrize(("first", "answer"), [(True, 'get_context("spawn")'), (False, "(96, 128, 3)")])
def test_a_forked_process_reads_images_or_says_that_it_cannot(
    first: bool, answer: str, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    PILImage.fromarray(photo).save(tmp_path / "image.png")
    script = FORK.format(first=first)
    arguments = [sys.executable, "-c", script, str(tmp_path / "image.png")]
    result = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert answer in result.stdout
