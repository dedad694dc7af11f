"""Make the images of the README and of ``make demo`` with Pellucid's own commands.

    PELLUCID_DATA=/where/the/images/are python tools/images.py

The photograph is `jad-limcaco` of Pop!_OS's wallpapers (CC0); no network for photographs was trained on it.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from skimage import data

from pellucid.io.files import read_image, write_image
from pellucid.io.image import Image

IMAGES = Path(__file__).parent.parent / "docs" / "images"


def pellucid(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pellucid", *map(str, arguments), "--overwrite"], check=True)


def make_demo() -> None:
    """The noisy image that ``make demo`` cleans: white noise on a cat."""
    clean = IMAGES / "demo-clean.png"
    write_image(clean, Image(samples=np.ascontiguousarray(data.chelsea()[:, 60:360])), overwrite=True)
    pellucid("noise", clean, "--add", "gaussian:25", "--seed", "0", "-o", IMAGES / "demo-noisy.png")
    clean.unlink()


def make_before_after(photo: Path) -> None:
    """A piece of a photograph as a simulated camera wrote it at ISO 6400, and cleaned."""
    clean, noisy, denoised = (IMAGES / f"photo-{word}.png" for word in ("clean", "noisy", "denoised"))
    piece = read_image(photo).samples[430:790, 300:780]
    write_image(clean, Image(samples=np.ascontiguousarray(piece)), overwrite=True)
    pellucid("noise", clean, "--add", "camera:iso=6400", "--seed", "0", "-o", noisy)
    pellucid("denoise", noisy, "-o", denoised)
    sides = np.concatenate([read_image(path).samples for path in (noisy, denoised)], axis=1)
    write_image(IMAGES / "before-after.png", Image(samples=sides), overwrite=True)
    for path in (clean, noisy, denoised):
        path.unlink()


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    make_demo()
    make_before_after(Path(os.environ["PELLUCID_DATA"]) / "photos/open/jad-limcaco-183877.jpg")


if __name__ == "__main__":
    main()
