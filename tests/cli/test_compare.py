"""`pellucid compare`, from the outside."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import structural_similarity

from tests.cli.conftest import Run


def save(path: Path, samples: NDArray[np.uint8]) -> None:
    Image.fromarray(samples).save(path)


def test_the_figures_are_those_of_the_field(pellucid: Run, tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    other = np.clip(photo.astype(int) + 10, 0, 255).astype(np.uint8)
    save(tmp_path / "a.png", photo)
    save(tmp_path / "b.png", other)
    found = pellucid("compare", "a.png", "b.png", "--json").json
    error = np.mean((photo / 255 - other / 255) ** 2)
    likeness = structural_similarity(
        photo, other, channel_axis=2, gaussian_weights=True, use_sample_covariance=False
    )
    assert found["mse"] == pytest.approx(error, rel=1e-4)
    assert found["psnr"] == pytest.approx(-10 * np.log10(error), abs=1e-3)
    assert found["ssim"] == pytest.approx(likeness, abs=1e-4)
    assert found["equal"] is False
    table = pellucid("compare", "a.png", "b.png").out
    assert table.startswith(f"PSNR  {found['psnr']:.2f} dB\nSSIM  {found['ssim']:.4f}\nMSE   ")


def test_equal_images_have_no_finite_psnr(pellucid: Run, tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    save(tmp_path / "a.png", photo)
    found = pellucid("compare", "a.png", "a.png", "--json").json
    assert found == {"psnr": None, "ssim": 1.0, "mse": 0.0, "equal": True}
    assert "infinite" in pellucid("compare", "a.png", "a.png").out


def test_ssim_is_left_out_for_tiny_images(pellucid: Run, tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    save(tmp_path / "a.png", photo[:10, :10])
    assert pellucid("compare", "a.png", "a.png", "--json").json["ssim"] is None
    assert "needs 11 pixels a side" in pellucid("compare", "a.png", "a.png").out


def test_images_that_do_not_fit_are_named(pellucid: Run, tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    save(tmp_path / "a.png", photo)
    save(tmp_path / "b.png", photo[:50])
    done = pellucid("compare", "a.png", "b.png", code=2)
    assert "a.png has 128 x 96 colour pixels and b.png has 128 x 50 colour pixels" in done.err
    assert pellucid("compare", "a.png", "gone.png", "--json", code=3).json["error"]["type"] == "InputError"


def test_of_deep_images_it_says_what_white_is(pellucid: Run, tmp_path: Path) -> None:
    dim = np.random.default_rng(0).integers(100, 400, (32, 32)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", dim)
    tifffile.imwrite(tmp_path / "b.tif", dim + np.uint16(3))
    assert pellucid("compare", "a.tif", "b.tif").out.splitlines()[0].endswith(" dB, where white is 65,535")
