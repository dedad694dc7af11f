"""The figures of the pages on microscopy and MRI: noisy, denoised, clean, and what was removed.

    python -m tools.science_figures --data-dir DATA

Writes ``docs/figures/microscopy.png`` and ``mri.png`` there, and prints the numbers that the pages quote.
The cell is ``skimage.data.cell()`` (CC0); the head is Colin27, the mean of 27 scans (``mri/ch2.nii.gz``).
"""

import argparse
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

import pellucid
from pellucid.errors import require

DOCS = Path(__file__).parent.parent / "docs"
Planes = dict[str, NDArray[Any]]


def cells(folder: Path) -> Planes:
    """A time series of a cell that fades, with the noise of a camera that counts photons."""
    from skimage import data

    cell = np.asarray(data.cell(), np.float64).reshape(330, 2, 275, 2).mean(axis=(1, 3))[60:300] / 255
    fading = np.exp(-np.arange(12) / 12)[:, None, None]
    clean = 100 + 2.0 * 120 * fading * cell  # offset 100, gain 2, 120 photons in white at the beginning
    random = np.random.default_rng(0)
    counts = 2.0 * random.poisson(120 * fading * cell) + random.normal(100, 3, clean.shape)
    noisy = np.rint(counts).clip(0).astype(np.uint16)
    source, target = folder / "cell.tif", folder / "cell-denoised.tif"
    metadata = {"axes": "TYX", "finterval": 2.5, "unit": "um"}
    tifffile.imwrite(source, noisy, imagej=True, resolution=(9.2, 9.2), metadata=metadata)
    result = pellucid.denoise_file(source, target)
    print(result.channels[0].document())
    return report(noisy, tifffile.imread(target), clean, middle=6, peak=float(np.ptp(clean)))


def head(folder: Path, data: Path) -> Planes:
    """A head as a magnitude image with Rician noise of 5 % of its brightest tissue."""
    nibabel = require("nibabel", "science", "to read NIfTI")
    image: Any = nibabel.load(data / "mri" / "ch2.nii.gz")
    clean = np.asarray(image.dataobj, np.float64)[:, :, 80:100]
    sigma = 0.05 * np.percentile(clean, 99.5)
    parts = np.random.default_rng(0).normal(0, sigma, (2, *clean.shape))
    noisy = np.hypot(clean + parts[0], parts[1])
    source, target = folder / "head.nii.gz", folder / "head-denoised.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.rint(noisy * 8).astype(np.int16), image.affine), source)
    result = pellucid.denoise_file(source, target, noise="rician:auto")
    print(f"sigma of {8 * sigma:.1f} found as {result.sigma * 32767:.1f}", result.channels[0].document())
    out = np.asarray(nibabel.load(target).dataobj, np.float64) / 8
    planes = report(noisy.T, out.T, clean.T, middle=10, peak=float(clean.max()))
    return {name: plane[::-1] for name, plane in planes.items()}


def report(
    noisy: NDArray[Any], denoised: NDArray[Any], clean: NDArray[Any], *, middle: int, peak: float
) -> Planes:
    """Print PSNR, slope and mean; give the middle planes."""

    def psnr(image: NDArray[Any]) -> float:
        return float(10 * np.log10(peak**2 / np.square(image - clean).mean()))

    slope = np.polyfit(clean.ravel(), denoised.ravel().astype(float), 1)[0]
    print(f"PSNR {psnr(noisy):.2f} -> {psnr(denoised):.2f} dB, slope {slope:.4f},", end=" ")
    print(f"mean of the noisy {noisy.mean():.2f}, denoised {denoised.mean():.2f}, clean {clean.mean():.2f}")
    removed = noisy[middle].astype(float) - denoised[middle]
    return {
        "noisy": noisy[middle],
        "denoised": denoised[middle],
        "clean": clean[middle],
        "removed": removed,
    }


def draw(planes: Planes, path: Path) -> None:
    """Draw four planes side by side, the first three on one scale."""
    require("matplotlib", "lab", "to draw figures")
    from matplotlib.figure import Figure
    from PIL import Image

    low, high = np.percentile(planes["clean"], [0.5, 99.8])
    height, width = planes["clean"].shape
    figure = Figure(figsize=(9, 9 / 4 * height / width + 0.25), layout="constrained")
    spread = 3 * planes["removed"].std()
    for axes, (name, plane) in zip(figure.subplots(1, 4), planes.items(), strict=True):
        ends = (-spread, spread) if name == "removed" else (low, high)
        axes.imshow(plane, "gray", vmin=ends[0], vmax=ends[1], interpolation="nearest")
        axes.set_title(name, fontsize=9)
        axes.axis("off")
    with io.BytesIO() as stream:
        figure.savefig(stream, dpi=100)
        Image.open(stream).convert("L").save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("PELLUCID_DATA"))
    data = parser.parse_args().data_dir
    with tempfile.TemporaryDirectory() as folder:
        draw(cells(Path(folder)), DOCS / "figures" / "microscopy.png")
        draw(head(Path(folder), Path(data)), DOCS / "figures" / "mri.png")


if __name__ == "__main__":
    main()
