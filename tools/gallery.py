"""Draw the gallery: noisy images of a phone, a microscope and an MRI scanner, denoised, and what was removed.

    PELLUCID_DATA=/where/the/images/are python -m tools.gallery

Writes docs/images/gallery-NAME.png and the table of docs/gallery.md. All noise is simulated. The photograph
is `jad-limcaco` of Pop!_OS's wallpapers (CC0), on which no network for photographs was trained; the tissue is
scikit-image's `immunohistochemistry` (no known copyright restrictions), of which one stain is shown as light;
the head is the phantom of Shepp and Logan.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from skimage import color, data

from benchmarks.common import DOCS, table
from pellucid import load_model, read_image, write_image
from pellucid.inference.coarse import halve
from pellucid.io.image import Image, from_float, to_float
from pellucid.metrics.quality import psnr
from pellucid.noise.base import NumpyRandom
from pellucid.noise.registry import parse_noise
from tools.images import IMAGES

Samples = NDArray[Any]
AMPLIFIED = 2  # times what was removed, around middle grey
PAGE = DOCS / "gallery.md"
START, END = "<!-- gallery -->", "<!-- /gallery -->"


class Scene(NamedTuple):
    """A clean image, the noise that is added, and what `denoise` is given."""

    name: str
    noise: str
    clean: Samples  # uint8 (h, w, 1 or 3)
    given: str | None = None


def scenes() -> Iterator[Scene]:
    """A photograph, a micrograph, and a slice of a head."""
    photo = read_image(Path(os.environ["PELLUCID_DATA"]) / "photos/open/jad-limcaco-183877.jpg").samples
    yield Scene("phone", "camera:iso=25600", np.ascontiguousarray(photo[450:570, 420:540]))
    yield Scene("microscope", "poisson:30,read=1.6", fluorescence())
    head = np.asarray(data.shepp_logan_phantom(), np.float32)[8:392, 8:392, None]
    yield Scene("mri", "rician:0.09", from_float(0.9 * halve(head), np.uint8), given="rician:auto")


def fluorescence() -> Samples:
    """Stained tissue as light on a dark ground: uint8 (160, 160, 1)."""
    brown = color.rgb2hed(data.immunohistochemistry()[100:420, 60:380])[..., 2:]
    dark, bright = np.quantile(brown, [0.2, 0.998])
    light = ((brown - dark) / (bright - dark)).clip(0, 1) ** 1.5
    return from_float(halve((0.04 + 0.9 * light).astype(np.float32)), np.uint8)


def main() -> None:
    model, rows = load_model(), []
    for name, noise, clean, given in scenes():
        noisy = from_float(parse_noise(noise).apply(to_float(clean), NumpyRandom(0)), np.uint8)
        result = model.denoise(noisy, noise=given)
        removed = noisy.astype(np.float32) - result.image
        residual = (127.5 + AMPLIFIED * removed).clip(0, 255).astype(np.uint8)
        sides = np.concatenate([noisy, result.image, residual], axis=1)
        shown = Image(samples=sides.repeat(2, axis=0).repeat(2, axis=1))
        write_image(IMAGES / f"gallery-{name}.png", shown, overwrite=True)
        scores = [f"{psnr(each, clean, data_range=255):.1f}" for each in (noisy, result.image)]
        rows.append([f"`{noise}`", *scores, f"`{result.model}`", result.why])
    text = table(["Noise", "Noisy, dB", "Denoised, dB", "Model", "Why"], rows)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{START}\n\n{text.strip()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
