"""Draw windows of the synthetic slice of CT and of the synthetic radiograph for the documentation.

    python -m tools.radiology

From left to right: without noise, noisy, denoised, and the noise that was removed, amplified twice.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks import ct, xray
from benchmarks.common import DOCS, Desk, Pixels
from pellucid.io.files import write_image
from pellucid.io.image import Image

GAP = 6


def draw(path: Path, images: list[Pixels], window: tuple[slice, slice], ends: tuple[float, float]) -> None:
    """Write clean, noisy and denoised windows and the removed noise side by side."""
    low, high = ends
    clean, noisy, denoised = ((each[window] - low) / (high - low) for each in images)
    removed = 0.5 + 2 * (noisy - denoised)
    gap = np.ones((clean.shape[0], GAP))
    row = np.concatenate([clean, gap, noisy, gap, denoised, gap, removed], axis=1)
    samples = np.rint(255 * row.clip(0, 1)).astype(np.uint8)[..., None]
    write_image(path, Image(samples=samples), overwrite=True)


def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args()
    desk = Desk("radiology", argparse.Namespace(tiny=True, data_dir=None))
    clean = ct.phantom(512)
    stored = np.rint(clean + ct.noise_of(20, 512, 0) - ct.INTERCEPT).clip(0, 4095).astype(np.uint16)
    made, why = ct.denoised_file(desk, stored, "CT", ct.CT)
    print(why)
    images = [clean, *(each.astype(np.float64) + ct.INTERCEPT for each in (stored, made))]
    draw(DOCS / "images" / "ct.png", images, (slice(220, 420), slice(130, 330)), (-160, 240))

    clean = 500 * xray.radiograph(512)
    stored = xray.detected(clean / 500, 500, 0)
    made, why = ct.denoised_file(desk, stored, "DX", xray.DX)
    print(why)
    images = [clean, *((each.astype(np.float64) - xray.OFFSET) / xray.GAIN for each in (stored, made))]
    draw(DOCS / "images" / "xray.png", images, (slice(150, 350), slice(150, 350)), (40, 300))


if __name__ == "__main__":
    main()
