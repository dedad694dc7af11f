import io
import logging
import os
import stat
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage

from pellucid.errors import InputError, LimitError, UsageError
from pellucid.io.files import check_target, read_image, write_image
from pellucid.io.image import Encoding, Image
from tests.images import Make, gradient, refused

# ---- what cannot be read -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello, I am no image at all", "is not an image"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "is an SVG"),
        (b'\n<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "is an XML file"),
        (b"%PDF-1.7\n", "is a PDF"),
        (b"GIF89a\1\0\1\0\0\0\0;", "is a GIF|cannot be read"),
        (b"BM" + bytes(60), "is not an image"),
        (b"BM" + bytes(12) + b"\x28" + bytes(60), "broken BMP"),
        (b"P5 9 9 255\n", "broken PNM"),
        (b"P7\nWIDTH 9", "is a PAM"),
        (bytes(128) + b"DICM", "is a DICOM file"),
        (b"\0\0\0\x18ftypmp42", "is a film"),
        (b"\0\0\0\x18ftypcrx ", "is a camera's raw file"),
        (b"\x93NUMPY\1\0", "broken NumPy"),
        (b"\x89HDF", "is an HDF5 file"),
        (bytes(344) + b"ni1\0", "in another file"),
        (b"\xff\xd8\xff", "cannot be read"),
        (b"\x89PNG\r\n\x1a\n", "cut off"),
        (b"II*\0", "broken TIFF"),
        (b"II*\0\x08\0\0\0\xff\xff", "broken TIFF"),
        (b"RIFF\x20\0\0\0WEBPVP8 ", "cannot be read"),
        (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", "cannot be read"),
        (b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", "broken HEIC"),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_what_is_no_image_is_refused_in_words(
    content: bytes, words: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"odd{suffix}"
    path.write_bytes(content)
    refused(path, words)


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "missing.png", "No such file")
    refused(tmp_path, "folder or device")
    os.mkfifo(tmp_path / "pipe.png")
    refused(tmp_path / "pipe.png", "folder or device")
    refused(Path("null\0byte.png"), "null")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_to_read_is_refused(pillow_file: Make) -> None:
    path = pillow_file("secret.png", gradient())
    path.chmod(0)
    refused(path, "Permission denied")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".avif"])
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9, 0.98])
def test_a_truncated_file_is_refused_without_noise(
    suffix: str, share: float, photo: NDArray[np.uint8], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"cut{suffix}"
    write_image(path, Image(samples=photo, encoding=Encoding(lossy=suffix == ".webp")))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(path, "cut")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("options", [{"progressive": True}, {"progressive": False}])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_that_lacks_its_end_marker_alone_is_read_with_a_warning(
    options: dict[str, Any],
    missing: int,
    photo: NDArray[np.uint8],
    pillow_file: Make,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = pillow_file("whole.jpg", photo, **options)
    whole, cut = read_image(path), tmp_path / "cut.jpg"
    content = path.read_bytes()[:-missing]
    cut.write_bytes(content)
    for data, name in ((cut, str(cut)), (content, "The image")):
        found = read_image(data)
        assert np.array_equal(found.samples, whole.samples)
        assert found.encoding == whole.encoding
        assert caplog.messages.pop() == f"{name} lacks the marker of its end"
    write_image(tmp_path / "written.jpg", found)
    assert (tmp_path / "written.jpg").read_bytes().endswith(b"\xff\xd9")


@pytest.mark.parametrize("options", [{"progressive": True}, {"progressive": False}])
@pytest.mark.parametrize("missing", [8, 100, 1000])
def test_a_jpeg_that_lacks_more_than_its_end_marker_is_refused(
    options: dict[str, Any], missing: int, photo: NDArray[np.uint8], pillow_file: Make
) -> None:
    path = pillow_file("cut.jpg", photo, **options)
    path.write_bytes(path.read_bytes()[:-missing])
    refused(path, "is a JPEG that is cut off|cannot be read")


@pytest.mark.parametrize("missing", [1, 12, 40])
def test_a_png_that_lacks_its_end_is_refused(
    missing: int, photo: NDArray[np.uint8], pillow_file: Make
) -> None:
    path = pillow_file("cut.png", photo)
    path.write_bytes(path.read_bytes()[:-missing])
    refused(path, "cut off|cannot be read")


@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"compression": "zlib"}, {"bigtiff": True}])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_tiff_of_any_layout_is_refused(
    options: dict[str, Any], share: float, photo: NDArray[np.uint8], tiff_file: Make
) -> None:
    path = tiff_file(photo, photometric="rgb", **options)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(path, "broken|cannot be read")


def test_a_png_with_damaged_pixels_is_refused(photo: NDArray[np.uint8], pillow_file: Make) -> None:
    path = pillow_file("damaged.png", photo)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    refused(path, "cannot be read")


def png_bytes(width: int, height: int, scanlines: bytes, *extra: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    middle = b"".join(chunk(data[:4], data[4:]) for data in extra)
    return b"\x89PNG\r\n\x1a\n" + head + middle + chunk(b"IDAT", scanlines) + chunk(b"IEND", b"")


def test_a_image_without_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nothing.png"
    path.write_bytes(png_bytes(0, 5, zlib.compress(b"")))
    refused(path, "cannot be read")


def test_a_decompression_bomb_is_refused_from_its_header_alone(tmp_path: Path) -> None:
    bomb, packer = tmp_path / "bomb.png", zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(20_001 * 100)) for _ in range(200)) + packer.flush()
    bomb.write_bytes(png_bytes(20_000, 20_000, rows))
    # The image would take 400 MB, and libvips a good part of the 1 GB that all of the process may address.
    script = (
        "import resource, sys\n"
        "from pellucid.errors import LimitError\n"
        "from pellucid.io.files import read_image\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"
        "try: read_image(sys.argv[1], max_pixels=100_000_000)\n"
        "except LimitError as exc: print(exc)\n"
    )
    result = subprocess.run([sys.executable, "-c", script, bomb], capture_output=True, text=True, check=True)
    assert "20000 x 20000 pixels, more than the limit of 100,000,000" in result.stdout


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".avif"])
def test_the_limit_holds_for_every_format_and_counts_pixels(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"large{suffix}"
    write_image(path, Image(samples=gradient(16, 24)))
    assert read_image(path, max_pixels=16 * 24).samples.shape == (16, 24, 3)
    with pytest.raises(LimitError, match="24 x 16 pixels, more than the limit of 383"):
        read_image(path, max_pixels=383)


def test_a_mislabelled_file_is_read_by_its_content_with_a_warning(
    pillow_file: Make, caplog: pytest.LogCaptureFixture
) -> None:
    path = pillow_file("liar.png", gradient(), format="JPEG")
    with caplog.at_level(logging.WARNING, "pellucid"):
        assert read_image(path).encoding.format == "jpeg"
    assert "named like a PNG but is a JPEG" in caplog.text


def test_a_name_without_a_known_suffix_is_no_lie(pillow_file: Make, caplog: pytest.LogCaptureFixture) -> None:
    image = read_image(pillow_file("scan.001", gradient(), format="PNG"))
    assert image.encoding.format == "png"
    assert caplog.text == ""


@pytest.mark.parametrize(
    "name",
    ["with space.png", "a[page=1].png", "übermäßig.png", "new\nline.png", "-dash.png", b"\xff\xfe.png"],
)
def test_any_file_name_is_read_and_written(name: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(name)
    write_image(path, Image(samples=gradient()))
    assert np.array_equal(read_image(path).samples, gradient())


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "same.png"
    for value in (1, 2):
        write_image(path, Image(samples=np.full((2, 2, 1), value, np.uint8)), overwrite=True)
        assert read_image(path).samples.max() == value


def encoded(photo: NDArray[np.uint8], **options: Any) -> bytes:
    """A TIFF by tifffile."""
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, photo, photometric="rgb", metadata=None, **options)
    return buffer.getvalue()


def test_random_damage_gives_an_image_or_an_error_in_words_but_nothing_else(
    photo: NDArray[np.uint8], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)
    exif = PILImage.Exif()
    exif[271] = "Maker"
    small = np.ascontiguousarray(photo[:32, :32])
    files = []
    for suffix in (".png", ".jpg", ".tif", ".webp", ".avif", ".gif", ".bmp", ".ppm"):
        buffer = io.BytesIO()
        PILImage.fromarray(small).save(buffer, PILImage.registered_extensions()[suffix], exif=exif)
        files.append((suffix, buffer.getvalue()))
    files += [(".tif", encoded(small, tile=(16, 16), **more)) for more in ({}, {"compression": "zlib"})]
    files += [(".tif", encoded(small, compression="lzma", bigtiff=True))]
    for suffix, content in files:
        whole = np.frombuffer(content, np.uint8)
        for _ in range(30):
            broken = whole.copy()
            broken[random.integers(0, min(len(whole), 700), 4)] = random.integers(0, 256, 4)
            path = tmp_path / f"broken{suffix}"
            path.write_bytes(broken.tobytes())
            try:
                image = read_image(path, max_pixels=1_000_000)
                write_image(tmp_path / f"out{suffix}", image, overwrite=True)
            except (UsageError, InputError, LimitError):
                continue
    assert capfd.readouterr() == ("", "")


# ---- writing -------------------------------------------------------------------------------------


def test_an_existing_file_is_left_alone_unless_overwriting_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"precious")
    with pytest.raises(UsageError, match="exists already"):
        write_image(path, Image(samples=gradient()))
    assert path.read_bytes() == b"precious"
    write_image(path, Image(samples=gradient()), overwrite=True)
    assert np.array_equal(read_image(path).samples, gradient())


@pytest.mark.parametrize("name", ["out", "out.exr", "out.svg"])
def test_a_suffix_that_names_no_format_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no format"):
        write_image(tmp_path / name, Image(samples=gradient()))
    with pytest.raises(UsageError, match="names no format"):
        check_target(tmp_path / name, Image(samples=gradient()))


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory"):
        write_image(tmp_path / "missing" / "out.png", Image(samples=gradient()))


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Not a directory"):
        write_image(tmp_path / "file" / "out.png", Image(samples=gradient()))


def test_a_new_file_has_the_usual_permissions_and_an_overwritten_one_keeps_its_own(tmp_path: Path) -> None:
    path, other = tmp_path / "out.png", tmp_path / "other"
    other.touch()
    write_image(path, Image(samples=gradient()))
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)
    path.chmod(0o640)
    write_image(path, Image(samples=gradient()), overwrite=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target.png", tmp_path / "link.png"
    write_image(target, Image(samples=gradient()))
    link.symlink_to(target)
    write_image(link, Image(samples=gradient()[:4]), overwrite=True)
    assert link.is_symlink()
    assert read_image(target).samples.shape[0] == 4


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".avif"])
def test_without_space_the_old_file_stays_and_nothing_else_is_left(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_bytes(b"precious")
    script = (
        "import resource, sys\n"
        "import numpy as np\n"
        "from pellucid.errors import LimitError\n"
        "from pellucid.io.files import write_image\n"
        "from pellucid.io.image import Image\n"
        "samples = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try: write_image(sys.argv[1], Image(samples=samples), overwrite=True)\n"
        "except LimitError as exc: print(exc.problem, '|', exc.remedy)\n"
    )
    result = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert "cannot be written" in result.stdout
    assert "Make space" in result.stdout
    assert result.stderr == ""
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"precious"


def test_an_interrupt_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"precious")
    script = (
        "import signal, sys, numpy\n"
        "from pellucid.io.files import write_image\n"
        "from pellucid.io.image import Image\n"
        "samples = numpy.random.default_rng(0).integers(0, 65536, (1500, 1500, 3), dtype=numpy.uint16)\n"
        "signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.05)\n"
        "try: write_image(sys.argv[1], Image(samples=samples), overwrite=True)\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    result = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert result.stdout == "interrupted\n"
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"precious"


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be a file's name"):
        write_image(f"{tmp_path}/a\0.png", Image(samples=np.zeros((2, 2, 1), np.uint8)))
