"""Draw what simulated cameras make of an image, from ISO 100 to 25600.

    python -m tools.camera_gallery

The image is `chelsea` (CC0, from scikit-image), and each pixel is shown as a square of two. Top: what the
sensor delivers, developed and nothing else. Bottom: the same shot after noise reduction, sharpening and JPEG
in the camera.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import data

from pellucid.io.files import write_image
from pellucid.io.image import Image, from_float
from pellucid.noise.base import NumpyRandom
from pellucid.noise.camera import draw_shot, shoot

TARGET = Path(__file__).parent.parent / "docs" / "images" / "camera-noise.png"
ISO = (100, 800, 3200, 12800, 25600)
SEED = 6
FULL_WELL = 1 / (100 * 20_000)  # 20,000 electrons at ISO 100, as in cameras of middle size
UNTOUCHED: dict[str, Any] = {"luma_share": 0.0, "chroma_share": 0.0, "sharpening": 0.0, "quality": 100}
PROCESSED: dict[str, Any] = {
    "luma_share": 0.8,
    "luma_radius": 0.9,
    "chroma_share": 0.95,
    "chroma_radius": 4.0,
    "sharpening": 0.5,
    "quality": 85,
    "subsampling": (2, 2),
}


def main() -> None:
    clean = np.asarray(data.chelsea()[70:200, 130:250], np.float32) / 255
    rows: list[list[NDArray[np.uint8]]] = [[], []]
    for iso in ISO:
        drawn = replace(draw_shot(iso, NumpyRandom(SEED), clean), slope=iso * FULL_WELL, scale=1.0)
        bare = replace(drawn, **UNTOUCHED)
        whole = replace(drawn, **PROCESSED)
        for row, shot in zip(rows, (bare, whole), strict=True):
            noisy, _ = shoot(clean, shot, NumpyRandom(SEED))
            row.append(from_float(noisy, np.dtype(np.uint8)).repeat(2, axis=0).repeat(2, axis=1))
    samples = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    write_image(TARGET, Image(samples=np.ascontiguousarray(samples)), overwrite=True)


if __name__ == "__main__":
    main()
