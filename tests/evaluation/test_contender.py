"""Networks are opened by name, by file and from run folders, and run on many images."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.errors import InputError, UsageError
from pellucid.evaluation.contender import open_contenders
from pellucid.inference.batches import denoise_batch
from pellucid.inference.registry import load_model
from pellucid.inference.session import Session
from tests.evaluation.networks import add_sigma, identity, mean_filter, network_file, two_numbers


def random_images(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def test_all_images_go_through_an_autoencoder_and_come_back_in_their_order(tmp_path: Path) -> None:
    session = Session(network_file(tmp_path / "same.onnx", identity))
    noisy = random_images(600, 4, 6, 1)
    np.testing.assert_array_equal(denoise_batch(session, noisy), noisy)


def test_small_batches_give_what_large_ones_give(tmp_path: Path) -> None:
    sessions = [
        Session(network_file(tmp_path / f"{memory}.onnx", mean_filter, bytes_per_pixel=memory))
        for memory in (8, 10**9)
    ]
    large, small = (denoise_batch(session, random_images(5, 8, 8, 1)) for session in sessions)
    np.testing.assert_allclose(large, small, atol=1e-6)


def test_images_are_padded_to_the_stride_and_cut_back(tmp_path: Path) -> None:
    noisy = random_images(2, 9, 13, 3)
    plain, strided = (
        denoise_batch(
            Session(network_file(tmp_path / "mean.onnx", mean_filter, channels=3, stride=stride)), noisy
        )
        for stride in (1, 4)
    )
    assert strided.shape == noisy.shape
    np.testing.assert_allclose(plain[:, :8, :12], strided[:, :8, :12], atol=1e-6)


def test_images_of_another_size_or_kind_are_refused(tmp_path: Path) -> None:
    session = Session(network_file(tmp_path / "same.onnx", identity, size=(28, 30)))
    with pytest.raises(UsageError, match="takes images of 30 x 28 pixels, and these have 32 x 32"):
        denoise_batch(session, random_images(2, 32, 32, 1))
    with pytest.raises(UsageError, match="is for grey images, and these are colour images"):
        denoise_batch(session, random_images(2, 28, 30, 3))
    (contender,) = open_contenders([tmp_path / "same.onnx"])
    with pytest.raises(UsageError, match="same is for grey images, and these are colour images"):
        contender.card(3)


def test_a_network_is_given_the_level_up_to_the_highest_in_its_card(tmp_path: Path) -> None:
    (contender,) = open_contenders([network_file(tmp_path / "given.onnx", add_sigma, sigma=(0.0, 0.3))])
    noisy = random_images(3, 16, 16, 1)
    for sigma, level in ((0.1, 0.1), (0.3, 0.3), (0.8, 0.3)):
        np.testing.assert_allclose(contender.denoise(noisy, sigma), noisy + np.float32(level), atol=1e-6)
    assert "sigma 0.1" in contender.note(1, 0.1)
    assert "sigma 0.3" in contender.note(1, 0.8)


def test_an_unknown_level_is_estimated_for_each_image(tmp_path: Path) -> None:
    (contender,) = open_contenders([network_file(tmp_path / "given.onnx", add_sigma, sigma=(0.0, 0.3))])
    clean = np.full((2, 64, 64, 1), 0.5, np.float32)
    noise = np.random.default_rng(0).normal(0, 1, clean.shape) * np.array([0, 0.1]).reshape(2, 1, 1, 1)
    levels = (contender.denoise((clean + noise).astype(np.float32), None) - clean - noise).mean(
        axis=(1, 2, 3)
    )
    assert levels[0] == pytest.approx(0, abs=1e-6)
    assert 0.05 < levels[1] < 0.2
    assert contender.note(1, None) == "estimates the noise level"


def test_a_name_gives_what_denoise_gives() -> None:
    (contender,) = open_contenders(["gaussian-instant"], threads=1)
    noisy = random_images(1, 32, 40, 3)
    expected = load_model("gaussian-instant", threads=1).denoise(noisy[0], sigma=0.1).image
    np.testing.assert_array_equal(contender.denoise(noisy, 0.1)[0], expected)
    assert contender.card(1).channels == 1
    assert "sigma 0.1" in contender.note(3, 0.1)
    assert contender.run is None


def test_the_network_of_a_run_folder_is_called_by_the_folder(tmp_path: Path) -> None:
    network_file(tmp_path / "first" / "net.onnx")
    (contender,) = open_contenders([tmp_path / "first"])
    assert (contender.name, contender.run) == ("first", tmp_path / "first")
    assert contender.note(1, 0.1) == ""


def test_runs_in_folders_of_one_name_are_distinguished(tmp_path: Path) -> None:
    for name in ("a/run", "b/run"):
        network_file(tmp_path / name / "net.onnx")
    contenders = open_contenders([tmp_path / "a/run", tmp_path / "b/run"])
    assert [each.name for each in contenders] == [str(tmp_path / "a/run"), str(tmp_path / "b/run")]


def test_what_is_no_denoiser_is_refused_with_the_reason(tmp_path: Path) -> None:
    network_file(tmp_path / "numbers.onnx", two_numbers, output="levels", kind="noise-estimator")
    network_file(tmp_path / "both" / "a.onnx")
    network_file(tmp_path / "both" / "b.onnx")
    (tmp_path / "empty").mkdir()
    for name, kind, words in (
        ("numbers.onnx", InputError, "estimates noise and does not denoise"),
        ("gone.onnx", InputError, "There is no file"),
        ("empty", InputError, r"contains no \.onnx file"),
        ("both", UsageError, r"several networks.*a\.onnx, .*b\.onnx"),
        ("toaster", UsageError, "There is no model"),
    ):
        with pytest.raises(kind, match=words):
            open_contenders([tmp_path / name if name != "toaster" else name])
    with pytest.raises(UsageError, match="gaussian-fast is named twice"):
        open_contenders(["gaussian-fast", "gaussian-fast"])
