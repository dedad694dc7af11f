"""What paper and a scanner make of a page."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from pellucid.noise.base import NumpyRandom
from pellucid.noise.fields import field_of, normal_quantile
from pellucid.noise.registry import parse_noise
from pellucid.noise.scan import Scan, degrade


def page(height: int = 128, width: int = 160) -> NDArray[np.float32]:
    """A white page with black lines three pixels thick."""
    pixels = np.ones((height, width, 1), np.float32)
    for top in range(10, height - 3, 12):
        pixels[top : top + 3, 8:-8] = 0
    return pixels


def scanned(text: str, clean: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    result: NDArray[np.float32] = parse_noise(text).apply(page() if clean is None else clean, NumpyRandom(1))
    return result


def test_nothing_changes_a_page_to_which_nothing_happened() -> None:
    np.testing.assert_array_equal(scanned("scan:200"), page())


PAPER = [
    "tone=0.8",
    "texture=0.02",
    "laid=0.05",
    "stains=3",
    "blots=3",
    "crumple=1",
    "folds=3",
    "dust=20",
    "bleed=0.4",
]


@pytest.mark.parametrize("what", [*PAPER, "light=0.5", "curl=0.5"])
def test_what_happens_to_paper_darkens_white(what: str) -> None:
    white = page()[..., 0] == 1
    result = scanned(f"scan:150,{what}")[..., 0]
    assert result[white].mean() < 0.999
    assert result.min() >= 0
    assert result.max() <= 1


@pytest.mark.parametrize("what", ["fade=0.8", "broken=0.4", "thin=0.5", "flare=0.2"])
def test_what_happens_to_ink_lightens_black(what: str) -> None:
    black = page()[..., 0] == 0
    assert scanned(f"scan:150,{what}")[..., 0][black].mean() > 0.02


def test_ink_that_runs_makes_strokes_grow() -> None:
    assert scanned("scan:150,spread=1").mean() < page().mean()


def test_text_below_a_stain_stays_darker_than_the_stain() -> None:
    clean = page()
    result = scanned("scan:150,stains=6", clean)[..., 0]
    ink = clean[..., 0] == 0
    around = ndimage.maximum_filter(result, 7)
    assert (result[ink] < around[ink] - 0.2).mean() > 0.98


def test_a_threshold_leaves_black_and_white_alone() -> None:
    assert set(np.unique(scanned("scan:150,tone=0.9,noise=20,threshold=0.5"))) == {0, 1}


def test_old_paper_absorbs_blue_most() -> None:
    red, _, blue = scanned("scan:150,yellow=0.3", np.ones((32, 32, 3), np.float32)).mean((0, 1))
    assert blue == pytest.approx(0.7, abs=0.01)
    assert red > 0.97


def test_lengths_follow_the_resolution() -> None:
    """A speck of dust covers four times as many pixels at twice the resolution."""
    areas = []
    for dpi, side in ((300, 400), (600, 800)):
        clean = np.ones((side, side, 1), np.float32)
        result = degrade(clean, Scan(dpi, dust=30), np.random.default_rng(3))
        areas.append(float((1 - result).sum()))
    assert 2.5 < areas[1] / areas[0] < 6


def test_grain_has_the_deviation_that_is_asked_for() -> None:
    result = scanned("scan:200,tone=0.8,texture=0.02", np.ones((256, 256, 1), np.float32))
    assert result.std() == pytest.approx(0.8 * 0.02, rel=0.2)


def test_a_smooth_field_has_variance_one() -> None:
    values = [field_of(np.random.default_rng(seed), (64, 64, 1), 6.0) for seed in range(30)]
    assert np.std(values) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("share", "value"), [(0.5, 0.0), (0.84134, 1.0), (0.97725, 2.0)])
def test_the_quantiles_of_the_normal_distribution(share: float, value: float) -> None:
    assert normal_quantile(share) == pytest.approx(value, abs=2e-3)


def test_each_page_of_a_batch_is_degraded_for_itself() -> None:
    torch = pytest.importorskip("torch")
    from pellucid.training.randomness import TorchRandom

    clean = torch.from_numpy(np.stack([page().transpose(2, 0, 1)] * 2))
    random = TorchRandom(torch.Generator().manual_seed(0))
    noisy = parse_noise("scan:150,tone=0.5-1,noise=5").apply(clean, random)
    assert noisy.shape == clean.shape
    assert noisy.dtype == clean.dtype
    assert abs(float(noisy[0].mean() - noisy[1].mean())) > 1e-3


def test_the_same_state_gives_the_same_page() -> None:
    scan = parse_noise("scan:150,stains=2,crumple=0.5,dust=3")
    assert isinstance(scan, Scan)
    first, again = (degrade(page(), scan, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
