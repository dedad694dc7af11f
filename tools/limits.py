"""Draw where denoising photographs fails: noisy, denoised and clean, side by side.

    PELLUCID_DATA=/where/the/images/are python -m tools.limits

Writes docs/images/limits-NAME.png. The noise is a simulated camera's at ISO 12800. The face is NASA's
portrait of Eileen Collins, the stars are the Hubble telescope's (NASA and ESA), both in the public domain and
in scikit-image; the photograph is `jad-limcaco` of Pop!_OS's wallpapers (CC0).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import data

from pellucid import load_model, read_image, write_image
from pellucid.datasets.folder import shrink
from pellucid.datasets.graphics import draw_page
from pellucid.io.image import Image, from_float, to_float
from pellucid.noise.base import NumpyRandom
from pellucid.noise.registry import parse_noise
from tools.images import IMAGES

Samples = NDArray[Any]
SIDE = 144  # pixels of each piece, shown at twice the size


def scenes() -> Iterator[tuple[str, str, Samples]]:
    """Name, noises one after the other, and the clean piece: uint8 (SIDE, SIDE, 3)."""
    yield "text", "camera:iso=12800", draw_page(np.random.default_rng(12), SIDE, "page")
    yield "faces", "camera:iso=12800", shrink(data.astronaut(), 0.29)[:SIDE, :SIDE]
    yield "stars", "camera:iso=12800", data.hubble_deep_field()[300 : 300 + SIDE, 300 : 300 + SIDE]
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    rings = 0.5 + 0.4 * np.cos(0.4 * np.pi * SIDE * (x**2 + y**2))  # finer and finer, to the pixel's limit
    yield "moire", "camera:iso=12800", np.repeat(from_float(rings[..., None], np.uint8), 3, axis=2)
    photo = read_image(Path(os.environ["PELLUCID_DATA"]) / "photos/open/jad-limcaco-183877.jpg").samples
    yield "jpeg", "camera:iso=12800 jpeg:30", photo[500 : 500 + SIDE, 420 : 420 + SIDE]


def main() -> None:
    model = load_model()
    for name, noises, clean in scenes():
        noisy = to_float(np.ascontiguousarray(clean))
        for text in noises.split():
            noisy = parse_noise(text).apply(noisy, NumpyRandom(0))
        noisy = from_float(noisy, np.uint8)
        result = model.denoise(noisy)
        print(name, result.model, result.why)
        sides = np.concatenate([noisy, result.image, clean], axis=1)
        write_image(
            IMAGES / f"limits-{name}.png",
            Image(samples=sides.repeat(2, axis=0).repeat(2, axis=1)),
            overwrite=True,
        )


if __name__ == "__main__":
    main()
