"""`pellucid inspect`, from the outside."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

import pellucid as package
from pellucid.noise.base import NumpyRandom
from tests.cli.conftest import Run, tree
from tests.inference.page_images import text_page

Save = Callable[[str], Path]


@pytest.fixture
def shot(tmp_path: Path, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A photograph with white noise of 25, saved as shot.png."""
    noise = np.random.default_rng(0).normal(0, 25, photo.shape)
    pixels = np.clip(photo + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "shot.png")
    return pixels


def test_the_noise_and_what_denoise_would_do_are_printed(
    pellucid: Run, shot: NDArray[np.uint8], tmp_path: Path
) -> None:
    done = pellucid("inspect", "shot.png")
    head, *rows = done.out.splitlines()
    assert head.startswith("shot.png: 128 x 96, colour, uint8")
    assert any("(white)" in row for row in rows)
    assert max(map(len, rows)) <= 100
    assert done.err == ""
    assert tree(tmp_path) == {"shot.png"}


def test_json_is_the_analysis_in_python(pellucid: Run, shot: NDArray[np.uint8]) -> None:
    done = pellucid("inspect", "shot.png", "--json")
    found, expected = done.json, package.analyse(shot)
    assert (found["input"], found["width"], found["height"], found["channels"]) == ("shot.png", 128, 96, 3)
    assert (found["kind"], found["why"], found["content"]) == (expected.kind, expected.why, expected.content)
    assert found["level"] == pytest.approx(expected.level, rel=1e-3)
    assert found["gain"] == pytest.approx(list(expected.gain), rel=1e-2, abs=1e-4)


@pytest.mark.parametrize("text", ["gaussian:20", "poisson:60,read=1.6"])
@pytest.mark.parametrize("unit", [255, 4095])
def test_the_option_that_is_printed_gives_denoise_the_noise_that_was_found(
    text: str, unit: int, pellucid: Run, tmp_path: Path, photo: NDArray[np.uint8]
) -> None:
    """Also where 12 bits are in a file of 16, whose levels have another unit."""
    clean = photo.astype(np.float32).mean(axis=2, keepdims=True) / 255
    pixels = package.parse_noise(text).apply(clean, NumpyRandom(1)).clip(0, 1) * unit
    shot = package.Image(samples=np.rint(pixels).astype(np.uint8 if unit == 255 else np.uint16))
    package.write_image(tmp_path / "shot.tif", shot)
    (line,) = (row for row in pellucid("inspect", "shot.tif").out.splitlines() if "To give it" in row)
    pellucid("denoise", "shot.tif", *line.split()[-2:], "-o", "given.tif")
    found = package.denoise(shot.samples).astype(float) / unit
    same = package.read_image(tmp_path / "given.tif").samples.astype(float) / unit
    assert np.square(same - clean).mean() < 1.1 * np.square(found - clean).mean() + 1e-5


def test_what_inspect_says_denoise_does(pellucid: Run, shot: NDArray[np.uint8]) -> None:
    found = pellucid("inspect", "shot.png", "--json").json
    (row,) = pellucid("denoise", "shot.png", "--json").json["files"]
    assert (row["why"], row["sigma"]) == (found["why"], found["level"])


def test_numbers_that_are_unknown_are_null(pellucid: Run, tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 50), 77, np.uint8)).save(tmp_path / "even.png")
    done = pellucid("inspect", "even.png", "--json")
    found = json.loads(done.out, parse_constant=pytest.fail)  # NaN is no JSON
    assert (found["kind"], found["level"]) == ("clean", 0)
    assert found["correlation"] is None
    assert "(clean)" in pellucid("inspect", "even.png").out


def test_the_numbers_of_smooth_noise_are_valid_json(pellucid: Run, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(128, 20, (128, 128)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noise).resize((256, 256), Image.Resampling.BICUBIC).save(tmp_path / "enlarged.png")
    found = json.loads(pellucid("inspect", "enlarged.png", "--json").out, parse_constant=pytest.fail)
    assert found["kind"] == "smooth"
    assert found["coarse"]["channel_correlation"] is None


@pytest.mark.parametrize(("suffix", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_noise_against_brightness_is_drawn(
    suffix: str, magic: bytes, pellucid: Run, shot: NDArray[np.uint8], tmp_path: Path
) -> None:
    pellucid("inspect", "shot.png", "--plot", f"noise.{suffix}")
    assert (tmp_path / f"noise.{suffix}").read_bytes().startswith(magic)


def test_a_chart_that_exists_stays_unless_overwriting_is_allowed(
    pellucid: Run, shot: NDArray[np.uint8], tmp_path: Path
) -> None:
    (tmp_path / "noise.svg").write_text("precious")
    assert "noise.svg exists" in pellucid("inspect", "shot.png", "--plot", "noise.svg", code=2).err
    assert (tmp_path / "noise.svg").read_text() == "precious"
    pellucid("inspect", "shot.png", "--plot", "noise.svg", "--overwrite")
    assert (tmp_path / "noise.svg").read_text() != "precious"


def test_a_chart_never_replaces_its_image(pellucid: Run, shot: NDArray[np.uint8], tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to("shot.png")
    before = (tmp_path / "shot.png").read_bytes()
    for name in ("shot.png", "./shot.png", "link.png"):
        done = pellucid("inspect", "shot.png", "--plot", name, "--overwrite", code=2)
        assert "the image itself" in done.err
    assert (tmp_path / "shot.png").read_bytes() == before


@pytest.mark.parametrize(("name", "content"), [("gone.png", None), ("text.png", b"words")])
def test_an_input_that_cannot_be_used_ends_with_3(
    name: str, content: bytes | None, pellucid: Run, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = pellucid("inspect", name, "--plot", "noise.svg", code=3)
    assert done.err.startswith(f"error: {name} ")
    assert not (tmp_path / "noise.svg").exists()


def test_a_limit_ends_with_5(pellucid: Run, shot: NDArray[np.uint8]) -> None:
    pellucid("inspect", "shot.png", "--max-pixels", "100", code=5)


def test_of_a_page_light_bleed_through_jpeg_and_skew_are_printed(pellucid: Run, tmp_path: Path) -> None:
    scan = package.parse_noise("scan:150,tone=0.85,bleed=0.5,light=0.3,noise=3,quality=60")
    page = Image.fromarray(text_page()[..., 0]).rotate(-2, Image.Resampling.BICUBIC, fillcolor=255)
    noisy = scan.apply(np.asarray(page, np.float32)[..., None] / 255, NumpyRandom(1))
    Image.fromarray(np.rint(255 * noisy[..., 0]).astype(np.uint8)).save(tmp_path / "page.png")
    rows = dict(line.split(maxsplit=1) for line in pellucid("inspect", "page.png").out.splitlines()[1:])
    assert rows["Skew"] == "lines fall to the right by 2.0 degrees"
    assert "weaker in places" in rows["Paper"]
    assert "of the paper" in rows["Bleed-through"]
    found = pellucid("inspect", "page.png", "--json").json
    assert found["kind"] == "page"
    assert found["page"]["skew"] == pytest.approx(2, abs=0.15)
    assert found["page"]["blocks"] > 1.1


def test_what_is_no_page_has_no_facts_of_a_page(pellucid: Run, shot: NDArray[np.uint8]) -> None:
    assert pellucid("inspect", "shot.png", "--json").json["page"] is None
    assert "Skew" not in pellucid("inspect", "shot.png").out


def deep_shot(rng: np.random.Generator) -> NDArray[np.uint16]:
    """Photons on a ramp: 4 grey levels each, above an offset of 100."""
    photons = np.tile(np.linspace(20, 120, 128), (128, 1))
    return (4 * rng.poisson(photons) + 100).astype(np.uint16)


def numbers(text: str) -> list[float]:
    return [float(word.strip(",;")) for word in text.split() if word.strip(",;")[-1].isdigit()]


@pytest.mark.parametrize("planes", [1, 3])
def test_noise_of_deep_files_is_in_their_own_units(planes: int, pellucid: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    shots = np.stack([deep_shot(rng) for _ in range(planes)])
    tifffile.imwrite(tmp_path / "shot.tif", shots.squeeze(), photometric="minisblack")
    rows = {row[2:16].strip(): row[16:] for row in pellucid("inspect", "shot.tif").out.splitlines()}
    assert all("in units of the file" in rows[name] for name in ("Noise", "Gain, offset"))
    gain, offset = numbers(rows["Gain, offset"])
    assert gain == pytest.approx(4, rel=0.15)
    assert -offset / gain == pytest.approx(100, abs=30)
    assert numbers(rows["By brightness"])[0] == pytest.approx((16 * 30) ** 0.5, rel=0.2)
    assert "of 255 of its range" in rows["Denoise would"]
    units = pellucid("inspect", "shot.tif", "--json").json["units"]
    assert units == ("file" if planes > 1 else "white is 1")


def test_of_a_photograph_white_is_1(pellucid: Run, shot: NDArray[np.uint8]) -> None:
    (row,) = (row for row in pellucid("inspect", "shot.png").out.splitlines() if "Gain, offset" in row)
    assert row.endswith("where white is 1")


def test_of_a_stack_with_white_noise_it_says_what_denoise_would_do(pellucid: Run, tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(1000, 9000, 128), (3, 128, 1))
    noisy = ramp + np.random.default_rng(0).normal(0, 300, ramp.shape)
    tifffile.imwrite(tmp_path / "shot.tif", noisy.astype(np.int16), photometric="minisblack")
    rows = pellucid("inspect", "shot.tif").out
    assert "(white)" in rows
    assert "--sigma" in rows


@pytest.mark.parametrize("kind", ["CT", "MR"])
def test_of_a_dicom_it_says_what_denoise_does(kind: str, pellucid: Run, tmp_path: Path) -> None:
    pytest.importorskip("pydicom")
    from tests.io.dicoms import write

    ramp = np.tile(np.linspace(600, 1400, 96), (96, 1))
    samples = np.rint(ramp + np.random.default_rng(0).normal(0, 40, ramp.shape)).astype(np.uint16)
    write(tmp_path / "slice.dcm", kind, samples)
    (file,) = pellucid("denoise", "slice.dcm", "--json").json["files"]
    assert f"Denoise would use {file['model']}: {file['why']}" in pellucid("inspect", "slice.dcm").out
    (channel,) = pellucid("inspect", "slice.dcm", "--json").json["channels"]
    assert (channel["model"], channel["why"]) == (file["model"], file["why"])
