"""Radiographs: synthetic quanta over a radiograph without noise, found and removed.

    python -m benchmarks.xray

A radiograph of 512 x 512 pixels: cylinders of bone with trabecular texture in soft tissue, as in a hand, and
a wire of one pixel, blurred by a Gaussian of 0.6 pixels. The detector counts 2000, 500 and 100 quanta where
nothing is in the way (Poisson), adds electronic noise of 3 quanta, and writes 2 samples a quantum above an
offset of 100, as a DICOM file of kind DX. PSNR is in the square root of the quanta, where noise is equally
strong everywhere, over a range of the root of the unhindered quanta; bias is the largest difference of the
mean of a tenth of the pixels, ordered by the brightness of their surroundings (a Gaussian of 8 pixels), in
percent of that mean. Ordered by their own brightness the darkest would be grains of a texture below the
noise, which no denoiser keeps.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from benchmarks.common import Desk, Pixels, arguments, facts, table
from benchmarks.ct import denoised_file
from pellucid import load_model

QUANTA = (2000, 500, 100)
GAIN, OFFSET, READ = 2, 100, 3.0
DX = "1.2.840.10008.5.1.4.1.1.1.1"


def radiograph(size: int) -> Pixels:
    """The share of quanta that arrives, 0 to 1."""
    rows, columns = (np.mgrid[:size, :size] - size / 2 + 0.5) * (512 / size)
    depth = 0.9 * np.sqrt(np.clip(1 - (rows / 330) ** 2 - (columns / 240) ** 2, 0, 1))
    texture = gaussian_filter(np.random.default_rng(7).normal(0, 1, (size, size)), 1.2)
    for number, place in enumerate((-150, -60, 40, 140)):
        across = (columns - place - 0.1 * (number - 1.5) * rows) / (24 - 2 * number)
        inside = np.abs(across) < 1
        bone = np.sqrt(np.clip(1 - across**2, 0, 1)) * (np.abs((rows + 40 * number) % 150 - 75) > 6)
        depth = depth + inside * bone * (0.7 + 0.08 * texture / texture.std())
    depth = depth + 0.8 * (np.abs(columns - 0.4 * rows - 60) < 0.7)
    return np.asarray(gaussian_filter(np.exp(-depth.clip(0)), 0.6))


def detected(share: Pixels, quanta: int, seed: int) -> NDArray[np.uint16]:
    """What the detector writes."""
    random = np.random.default_rng(seed)
    counted = random.poisson(quanta * share) + random.normal(0, READ, share.shape)
    return np.rint(GAIN * counted + OFFSET).clip(0, 65535).astype(np.uint16)


def methods(desk: Desk) -> dict[str, Callable[[NDArray[np.uint16]], tuple[Pixels, str]]]:
    """From samples to denoised ones, and what was found and done."""
    model = load_model("gaussian-best")
    noise = f"poisson:{65535 / GAIN},read={READ},black={OFFSET / 65535}"
    return {
        "noisy": lambda noisy: (noisy, ""),
        "DICOM, default": lambda noisy: denoised_file(desk, noisy, "DX", DX),
        "`gaussian-best`, quanta given": lambda noisy: (model.denoise(noisy, noise=noise).image, ""),
        "`gaussian-best`, one level for all, found": lambda noisy: (
            model.denoise(noisy, sigma=level(noisy)).image,
            "",
        ),
    }


def level(noisy: NDArray[np.uint16]) -> float:
    """The level of white noise that differences of neighbours show."""
    differences = np.diff(noisy.astype(np.float64), axis=1)
    return float(np.median(np.abs(differences)) / 0.6745 / 2**0.5 / 65535)


def measure(desk: Desk, size: int) -> dict[str, Any]:
    share = radiograph(size)
    figures: dict[str, Any] = {}
    for name, method in methods(desk).items():
        for quanta in QUANTA:
            made, why = method(detected(share, quanta, 0))
            found, clean = (made.astype(np.float64) - OFFSET) / GAIN, quanta * share
            error = np.sqrt(found.clip(0)) - np.sqrt(clean)
            parts = np.array_split(np.argsort(gaussian_filter(clean, 8), axis=None), 10)
            bias = [(found.flat[part].mean() / clean.flat[part].mean() - 1) * 100 for part in parts]
            figures.setdefault(name, {})[str(quanta)] = {
                "psnr": round(float(10 * np.log10(quanta / np.mean(error**2))), 2),
                "bias": round(float(np.max(np.abs(bias))), 2),
                "why": why,
            }
    return figures


def main() -> None:
    options = arguments(__doc__).parse_args()
    desk = Desk("xray", options)
    figures = {"facts": facts(), "radiograph": measure(desk, 128 if desk.tiny else 512)}
    desk.write(figures)
    desk.publish(tables(figures))


def tables(figures: dict[str, Any]) -> str:
    header = ["PSNR in dB / largest bias in %", *(f"{quanta} quanta" for quanta in QUANTA)]
    rows = [
        [name, *(f"{each['psnr']:.2f} / {each['bias']:.1f}" for each in by_quanta.values())]
        for name, by_quanta in figures["radiograph"].items()
    ]
    return table(header, rows)


if __name__ == "__main__":
    main()
