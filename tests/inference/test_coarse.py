"""Noise that is wider than a pixel is removed at a fraction of an image's size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from skimage import data

import pellucid
from pellucid.inference.coarse import bands, denoise_coarse, enlarge, fine_detail, halve, reach


def enlarged(sigma: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A micrograph (256, 256) that was enlarged twofold together with its noise, and the clean one."""
    clean = data.cell()[100:356:2, 100:356:2].astype(np.float32)[..., None] / 255
    noise = np.random.default_rng(0).normal(0, sigma, clean.shape).astype(np.float32)
    large = enlarge(clean, 256, 256)
    return (large + enlarge(noise, 256, 256))[..., 0], large[..., 0]


def blurred(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """A denoiser (h, w, 1) that sees 5 pixels to each side."""
    padded = np.pad(pixels, ((5, 5), (5, 5), (0, 0)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (11, 11), axis=(0, 1))
    return np.asarray(windows.mean(axis=(3, 4)), np.float32)


def rms(error: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(error))))


def test_an_enlarged_image_loses_the_noise_that_was_enlarged_with_it() -> None:
    noisy, clean = enlarged(0.12)
    found = pellucid.analyse(noisy)
    assert found.kind == "smooth"
    assert found.halvings >= 1
    denoised = pellucid.denoise(noisy)
    assert rms(denoised - clean) < 0.6 * rms(noisy - clean)
    as_bytes = np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)
    assert rms(pellucid.denoise(as_bytes) / 255 - clean) < 0.7 * rms(noisy - clean)


@pytest.mark.parametrize(("name", "side"), [("gravel", 512), ("gravel", 200), ("grass", 512), ("grass", 256)])
def test_even_texture_is_no_smooth_noise(name: str, side: int) -> None:
    texture = np.asarray(
        Image.fromarray(getattr(data, name)()).resize((side, side), Image.Resampling.LANCZOS)
    )
    assert pellucid.analyse(texture).kind != "smooth"
    assert rms((pellucid.denoise(texture).astype(float) - texture) / 255) < 0.01  # 40 dB


def test_detail_as_fine_as_a_pixel_is_seen() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (256, 256, 1)).astype(np.float32)
    assert fine_detail(0.5 + noise) == pytest.approx(1.1, abs=0.1)
    stripes = np.zeros_like(noise)
    stripes[:, 128::2] = 1
    assert fine_detail(stripes + noise) > 3


@given(st.integers(2, 40), st.integers(2, 40), st.sampled_from([1, 3]))
def test_an_image_halved_and_enlarged_keeps_its_size_and_its_mean(
    height: int, width: int, channels: int
) -> None:
    pixels = np.random.default_rng(height).random((height, width, channels), dtype=np.float32)
    half = halve(pixels)
    assert half.shape == (-(-height // 2), -(-width // 2), channels)
    back = enlarge(half, height, width)
    assert back.shape == pixels.shape
    flat = np.full_like(pixels, 0.25)
    np.testing.assert_allclose(enlarge(halve(flat), height, width), flat, atol=1e-6)


def test_a_denoiser_that_changes_nothing_leaves_what_stands_out_and_removes_fine_noise() -> None:
    noisy, clean = enlarged(0.05)
    pixels = noisy[..., None]
    kept = denoise_coarse(pixels, bands(pixels, 1), lambda half: half)[..., 0]
    assert rms(kept - clean) < rms(noisy - clean)
    np.testing.assert_array_equal(denoise_coarse(pixels, (), lambda half: half), pixels)


@pytest.mark.parametrize("halvings", [0, 1, 2])
def test_a_part_of_an_image_is_denoised_as_in_the_whole_from_so_many_pixels_on(halvings: int) -> None:
    pixels = enlarged(0.1)[0][..., None]
    measured, margin = bands(pixels, halvings), reach(5, halvings)
    whole = denoise_coarse(pixels, measured, blurred)
    part = denoise_coarse(pixels[64:192, 32:160], measured, blurred)
    inside = slice(margin, 128 - margin)
    np.testing.assert_allclose(part[inside, inside], whole[64:192, 32:160][inside, inside], rtol=0, atol=1e-6)
