"""An image at another size is the same image."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pellucid.datasets.folder import shrink
from pellucid.noise.resize import resample


def waves(height: int, width: int) -> NDArray[np.float32]:
    """A smooth image, (1, 1, height, width)."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    smooth: NDArray[np.float32] = (0.5 + 0.3 * np.sin(x / 9) * np.cos(y / 11))[None, None]
    return smooth


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.37, 1.6])
def test_there_and_back_gives_a_smooth_image_back(scale: float) -> None:
    smooth = waves(61, 50)
    size = (round(61 * scale), round(50 * scale))
    there = resample(smooth, size, first=0, step=1 / scale)
    again = resample(there, (61, 50), first=0, step=scale)
    inner = np.s_[..., 3:-3, 3:-3]  # beyond an edge the image is its mirror image
    np.testing.assert_allclose(again[inner], smooth[inner], atol=0 if scale == 1 else 0.02)


def test_torch_resamples_as_numpy_does() -> None:
    smooth = waves(20, 31)
    ours: Any = resample(smooth, (13, 40), first=0.2, step=0.7)
    theirs: Any = resample(torch.from_numpy(smooth), (13, 40), first=0.2, step=0.7)
    np.testing.assert_allclose(theirs.numpy(), ours, atol=1e-6)


def test_what_is_too_fine_for_the_smaller_size_becomes_grey() -> None:
    checks = np.indices((64, 64)).sum(axis=0) % 2
    small = shrink((255 * checks).astype(np.uint8)[:, :, None], 0.4)
    assert small.shape == (26, 26, 1)
    assert np.abs(small[3:-3, 3:-3].astype(int) - 127).max() < 12
