"""Adapting a network to noisy images alone."""

import logging
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pellucid.errors import InputError, UsageError
from pellucid.inference.registry import load_model
from pellucid.training.adapt import Adapted, adapt
from pellucid.training.adapt_report import write_report
from pellucid.training.adapting import read_noisy
from tests.stacks import volume
from tests.tiny import tiny_file
from tests.training.conftest import Interrupt

STEPS = 40


@pytest.fixture
def start(tmp_path: Path) -> str:
    """A network for white noise that has learned nothing yet."""
    return str(tiny_file(tmp_path))


@pytest.fixture(scope="module")
def scene() -> NDArray[np.float64]:
    """Cells under a microscope, in grey levels (192, 160)."""
    rows, columns = np.mgrid[:192, :160] / 15.0
    return np.asarray(60 + 50 * np.sin(rows) * np.cos(columns) + 20 * (np.sin(rows / 3) > 0))


def shot(scene: NDArray[np.float64], path: Path, seed: int = 0, gain: float = 3.0) -> Path:
    """A file with the photon noise of a scene, `gain` grey levels a photon."""
    noisy = gain * np.random.default_rng(seed).poisson(scene / gain)
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def made(scene: NDArray[np.float64], tmp_path_factory: pytest.TempPathFactory) -> Adapted:
    folder = tmp_path_factory.mktemp("made")
    file = shot(scene, folder / "a.png")
    return adapt([file], folder / "mine.onnx", start="gaussian-instant", steps=STEPS, device="cpu")


def test_the_network_learns_from_noise_alone(made: Adapted, scene: NDArray[np.float64]) -> None:
    assert made.helped
    noisy = np.asarray(Image.open(made.path.with_name("a.png")), np.float32) / 255
    denoised = load_model(made.path, threads=1).denoise(noisy)
    assert denoised.changed
    before, after = (float(np.square(each - scene / 255).mean()) for each in (noisy, denoised.image))
    assert after < 0.2 * before


def test_its_card_has_the_noise_of_the_sensor_and_no_folder_of_the_user(made: Adapted) -> None:
    assert made.card.kind == "white-noise"
    assert made.card.noise == made.noise
    assert made.noise.gain == pytest.approx(3 / 255, rel=0.3)
    assert str(made.path.parent) not in made.card.recipe + made.card.trained_on


def test_it_is_used_without_another_analysis(made: Adapted) -> None:
    flat = np.full((64, 64), 0.3, np.float32)
    result = load_model(made.path, threads=1).denoise(flat)
    assert result.analysis is None
    assert result.sigma == pytest.approx(np.sqrt(made.noise.gain * 0.3 + made.noise.offset), rel=1e-5)


def test_the_same_call_leaves_a_finished_run_unchanged(made: Adapted) -> None:
    before = made.path.read_bytes()
    file = made.path.with_name("a.png")
    assert adapt([file], made.path, start="gaussian-instant", steps=STEPS, device="cpu") == made
    assert made.path.read_bytes() == before


def test_a_network_that_was_not_adapted_is_not_replaced(scene: NDArray[np.float64], start: str) -> None:
    file = shot(scene, Path(start).with_name("a.png"))
    with pytest.raises(UsageError, match="exists"):
        adapt([file], Path(start), start=start)


def test_the_report_shows_the_image_before_after_and_what_was_removed(made: Adapted) -> None:
    page = write_report(made, made.path.with_name("a.png")).read_text()
    assert page.count("data:image/png;base64,") == 3
    assert f"{made.after:g}" in page


def test_two_shots_of_a_scene_are_pairs(
    scene: NDArray[np.float64], tmp_path: Path, start: str, interrupt: Interrupt
) -> None:
    files = [shot(scene, tmp_path / f"{seed}.png", seed) for seed in (0, 1)]
    with interrupt(3):  # two steps
        adapt(files, tmp_path / "mine.onnx", start=start, target="noise2noise", device="cpu")
    with pytest.raises(UsageError, match="no pairs"):
        read_noisy(files[:1], paired=True)
    other = shot(scene[:128], tmp_path / "other.png")
    with pytest.raises(InputError, match="differ in size"):
        read_noisy([files[0], other], paired=True)


def test_correlated_noise_is_warned_of(
    scene: NDArray[np.float64],
    tmp_path: Path,
    start: str,
    caplog: pytest.LogCaptureFixture,
    interrupt: Interrupt,
) -> None:
    noise = np.random.default_rng(0).normal(0, 30, (194, 162))
    smooth = sum(noise[row : row + 192, column : column + 160] for row in range(3) for column in range(3)) / 5
    file = tmp_path / "smooth.png"
    Image.fromarray(np.clip(scene + smooth, 0, 255).astype(np.uint8)).save(file)
    with caplog.at_level(logging.WARNING, "pellucid"), interrupt(1):
        adapt([file], tmp_path / "mine.onnx", start=start, device="cpu")
    assert "correlated" in caplog.text


def test_planes_of_one_channel_are_images(tmp_path: Path) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, volume(2, 3, 64, 64))
    assert len(read_noisy([path], "TZYX")) == 6
    assert len(read_noisy([path], "CZYX", "2")) == 3
    with pytest.raises(UsageError, match="2 channels"):
        read_noisy([path], "CZYX")


@pytest.mark.parametrize("size", [(192, 160), (8, 8)])
def test_images_that_teach_nothing_are_refused(
    size: tuple[int, int], scene: NDArray[np.float64], tmp_path: Path, start: str
) -> None:
    file = tmp_path / "clean.png"
    Image.fromarray(np.full(size, 90, np.uint8)).save(file)
    with pytest.raises(InputError, match="No noise was found"):
        adapt([file], tmp_path / "mine.onnx", start=start, steps=1)


def test_a_network_of_another_kind_is_refused(scene: NDArray[np.float64], tmp_path: Path) -> None:
    file = shot(scene, tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"\.onnx"):
        adapt([file], tmp_path / "mine.pt")
    with pytest.raises(UsageError, match="no file"):
        adapt([file], tmp_path / "mine.onnx", start=str(tmp_path / "none.onnx"))
    with pytest.raises(UsageError, match="no model"):
        adapt([file], tmp_path / "mine.onnx", start="photo-fast")
