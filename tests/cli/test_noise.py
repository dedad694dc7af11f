"""`pellucid noise`, from the outside."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.cli.conftest import Run, tree

Save = Callable[[str], Path]


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((200, 200), 128, np.uint8)).save(path)
    return path


def test_the_noise_has_the_strength_that_was_asked_for(pellucid: Run, grey: Path, tmp_path: Path) -> None:
    done = pellucid("noise", "grey.png", "--add", "gaussian:25")
    assert done.out == "grey.png -> grey-noisy.png  (gaussian:25, seed 0)\n"
    with Image.open(tmp_path / "grey-noisy.png") as image:
        noisy = np.asarray(image).astype(float)
    assert noisy.std() == pytest.approx(25, rel=0.02)


def test_the_same_seed_gives_the_same_file_and_another_does_not(
    pellucid: Run, grey: Path, tmp_path: Path
) -> None:
    for name, seed in {"a": "7", "b": "7", "c": "8"}.items():
        pellucid("noise", "grey.png", "--add", "gaussian:25", "--seed", seed, "-o", f"{name}.png")
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_noises_are_added_in_the_order_given(pellucid: Run, grey: Path, tmp_path: Path) -> None:
    orders = {"a": ("salt-and-pepper:0.5", "jpeg:5"), "b": ("jpeg:5", "salt-and-pepper:0.5")}
    for name, (first, second) in orders.items():
        document = pellucid(
            "noise", "grey.png", "--add", first, "--add", second, "-o", f"{name}.png", "--json"
        ).json
        assert document["noise"] == [first, second]
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "b.png") as image:
        assert set(np.unique(np.asarray(image))) >= {0, 255}


def test_a_floating_point_tiff_holds_the_noise_unclipped(pellucid: Run, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "black.tif", np.zeros((50, 50), np.float32))
    pellucid("noise", "black.tif", "--add", "gaussian:25", "-o", "noisy.tif")
    assert tifffile.imread(tmp_path / "noisy.tif").min() < 0


def test_pixels_that_are_no_data_get_no_noise(pellucid: Run, tmp_path: Path) -> None:
    samples = np.zeros((50, 50), np.float32)
    samples[:20, :20], samples[30:, 30:] = -9999, np.nan
    tags = [(42113, 2, None, "-9999", True)]
    tifffile.imwrite(tmp_path / "height.tif", samples, metadata=None, extratags=tags)
    pellucid("noise", "height.tif", "--add", "gaussian:25", "--add", "jpeg:50", "-o", "noisy.tif")
    noisy = tifffile.imread(tmp_path / "noisy.tif")
    np.testing.assert_array_equal(noisy == -9999, samples == -9999)
    np.testing.assert_array_equal(np.isnan(noisy), np.isnan(samples))
    assert 0 < noisy[samples == 0].std() < 0.2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("grey.png", "--add", "toaster:1"), 2),
        (("grey.png",), 2),
        (("grey.png", "--add", "gaussian:25", "--seed", "-1"), 2),
        (("grey.png", "--add", "gaussian:25", "-o", "grey.png"), 2),
        (("gone.png", "--add", "gaussian:25"), 3),
        (("grey.png", "--add", "gaussian:25", "--max-pixels", "10"), 5),
        (("infinite.tif", "--add", "poisson:30"), 3),
        (("bright.tif", "--add", "poisson:30"), 3),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_written(
    pellucid: Run, grey: Path, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    made = {"infinite.tif": (4, np.inf), "bright.tif": (4, 1e20)}
    for name, (width, value) in made.items():
        tifffile.imwrite(tmp_path / name, np.full((1, width), value, np.float32))
    err = pellucid("noise", *arguments, code=code).err
    assert err.count("\n") == 1
    assert not arguments[0].endswith(".tif") or arguments[0] in err
    assert tree(tmp_path) == {"grey.png", *made}


def test_quiet_prints_nothing(pellucid: Run, grey: Path) -> None:
    done = pellucid("noise", "grey.png", "--add", "gaussian:25", "--quiet")
    assert (done.out, done.err) == ("", "")
