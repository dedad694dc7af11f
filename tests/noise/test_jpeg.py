"""JPEG in arrays loses what libjpeg loses."""

import numpy as np
import pytest
import pyvips
from skimage import data

from pellucid.noise.jpeg import jpeg


@pytest.mark.parametrize("quality", [30, 60, 90, 98, 100])
@pytest.mark.parametrize("subsampled", [False, True])
def test_jpeg_in_arrays_equals_libjpeg(quality: int, subsampled: bool) -> None:
    stored = np.ascontiguousarray(data.astronaut()[:203, :150])
    mode = "on" if subsampled else "off"
    encoded = pyvips.Image.new_from_array(stored).jpegsave_buffer(Q=quality, subsample_mode=mode)
    expected = pyvips.Image.new_from_buffer(encoded, "").numpy().astype(np.float64)
    planes = np.moveaxis(stored.astype(np.float32) / 255, -1, 0)[None]
    ours = np.moveaxis(jpeg(planes, quality, (2, 2) if subsampled else (1, 1))[0], 0, -1) * 255
    loss, difference = np.mean((expected - stored) ** 2), np.mean((ours - expected) ** 2)
    assert difference < max(0.06 * loss, 0.9)  # a value between two steps may be rounded either way
    assert np.mean((ours - stored) ** 2) == pytest.approx(loss, rel=0.04, abs=0.1)


def test_grey_jpeg_equals_libjpeg() -> None:
    stored = np.ascontiguousarray(data.camera()[:100, :77, None])
    encoded = pyvips.Image.new_from_array(stored).jpegsave_buffer(Q=70)
    expected = pyvips.Image.new_from_buffer(encoded, "").numpy().astype(np.float64).reshape(100, 77)
    ours = jpeg(stored[None, None, ..., 0].astype(np.float32) / 255, 70, (2, 2))[0, 0] * 255
    assert np.abs(ours - expected).mean() < 0.3


def test_422_halves_chroma_across_but_not_down() -> None:
    stripes = np.zeros((1, 3, 32, 32), np.float32)
    stripes[:, 0, :, ::2] = 1
    across = jpeg(stripes, 100, (1, 2))
    down = jpeg(stripes.swapaxes(-1, -2), 100, (1, 2))
    assert np.abs(down - stripes.swapaxes(-1, -2)).mean() < 0.01
    assert np.abs(across - stripes).mean() > 0.1
