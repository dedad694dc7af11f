"""Make the image of the README and the noisy image of ``make demo`` with Pellucid's own commands.

    python -m tools.images

The photograph is scikit-image's `chelsea` (CC0, Stefan van der Walt); no network was trained on it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from skimage import data

from pellucid.io.files import read_image, write_image
from pellucid.io.image import Image

IMAGES = Path(__file__).parent.parent / "docs" / "images"
NOISE = "camera:iso=6400,raw=1"  # a raw photo of a small sensor
EYE = (slice(70, 170), slice(110, 260))  # enlarged in the second row
ENLARGED = 3


def pellucid(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "pellucid", *map(str, arguments), "--overwrite"], check=True)


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    noisy = IMAGES / "demo-noisy.png"
    with tempfile.TemporaryDirectory() as folder:
        clean, denoised = Path(folder, "clean.png"), Path(folder, "denoised.png")
        write_image(clean, Image(samples=np.ascontiguousarray(data.chelsea()[:, :450])))
        pellucid("noise", clean, "--add", NOISE, "--seed", "0", "-o", noisy)
        pellucid("denoise", noisy, "-o", denoised)
        pair = [read_image(path).samples for path in (noisy, denoised)]
    eyes = [each[EYE].repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1) for each in pair]
    rows = np.concatenate([np.concatenate(pair, axis=1), np.concatenate(eyes, axis=1)])
    write_image(IMAGES / "before-after.png", Image(samples=rows), overwrite=True)


if __name__ == "__main__":
    main()
