"""Magnitude images of MRI with simulated Rician noise, against dipy's non-local means.

    python -m benchmarks.mri

The nine axial slices around the middle of mri/ch2.nii.gz (Colin27, the mean of 27 scans), scaled by the
volume's 99.9th percentile; noise of level 3, 6, 9 and 15 % of that, seeds 0 to 8. Each slice is denoised
alone, with its level given or estimated from it. PSNR of each slice, over all of it and where the clean slice
is above 5 %, then the mean. The peer is given the level, and the nine slices as one volume, from which it
gains.
"""

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Desk, Pixels, arguments, facts, small_images, table
from pellucid import load_model
from pellucid.inference.stabilise import rice_sigma
from pellucid.metrics.quality import psnr
from pellucid.noise.base import NumpyRandom
from pellucid.noise.sensor import Rician

LEVELS = (0.03, 0.06, 0.09, 0.15)
OURS = ("gaussian-best", "gaussian-fast")


def slices(data_dir: Path | None) -> list[Pixels]:
    """Clean slices, float32 (h, w), about 0 to 1."""
    if data_dir is None:
        sys.exit("Say where the images are: --data-dir FOLDER, or the variable PELLUCID_DATA")
    from nibabel.nifti1 import Nifti1Image

    file = Nifti1Image.from_filename(data_dir / "mri/ch2.nii.gz")
    volume = np.asarray(file.dataobj, np.float32)  # (x, y, z)
    volume /= np.percentile(volume, 99.9)
    middle = volume.shape[2] // 2
    return [np.ascontiguousarray(volume[..., z]) for z in range(middle - 4, middle + 5)]


def dipy_nlmeans(method: str) -> Callable[[list[Pixels], float], list[Pixels]]:
    """Non-local means of dipy, for a stack of slices."""
    from dipy.denoise.nlmeans import nlmeans

    def denoise(noisy: list[Pixels], level: float) -> list[Pixels]:
        volume = np.stack(noisy, axis=2).astype(np.float64)
        clean = nlmeans(volume, sigma=level, rician=True, patch_radius=1, block_radius=2, method=method)
        return list(np.moveaxis(np.asarray(clean), 2, 0))

    return denoise


def methods() -> dict[str, Callable[[list[Pixels], float], list[Pixels]]]:
    """From noisy slices and their level to clean slices."""
    found: dict[str, Callable[[list[Pixels], float], list[Pixels]]] = {"noisy": lambda noisy, level: noisy}
    for name in OURS:
        model = load_model(name)

        def given(noisy: list[Pixels], level: float, model: Any = model) -> list[Pixels]:
            return [model.denoise(each, noise=Rician(level)).image for each in noisy]

        def estimated(noisy: list[Pixels], level: float, model: Any = model) -> list[Pixels]:
            return [model.denoise(each, noise=Rician(rice_sigma(each))).image for each in noisy]

        found |= {f"`{name}`, level given": given, f"`{name}`, level estimated": estimated}
    for method in ("blockwise", "classic"):
        found[f"dipy, {method}, of a volume"] = dipy_nlmeans(method)
    return found


def scores(clean: list[Pixels], denoised: list[Pixels]) -> list[float]:
    """Mean PSNR over whole slices, and over their bright parts."""
    pairs = list(zip(clean, denoised, strict=True))
    whole = [psnr(one, other, data_range=1) for one, other in pairs]
    bright = [psnr(one[one > 0.05, None], other[one > 0.05, None], data_range=1) for one, other in pairs]
    return [round(float(np.mean(each)), 2) for each in (whole, bright)]


def main() -> None:
    options = arguments(__doc__).parse_args()
    desk = Desk("mri", options)
    clean = [each[..., 0] for each in small_images(1)] if desk.tiny else slices(options.data_dir)
    figures: dict[str, Any] = {"facts": facts() | {"dipy": version("dipy")}, "psnr": {}, "estimated": {}}
    for level in LEVELS:
        noisy = [Rician(level).apply(each, NumpyRandom(seed)) for seed, each in enumerate(clean)]
        figures["estimated"][str(level)] = [round(rice_sigma(each), 4) for each in noisy]
        for name, denoise in methods().items():
            figures["psnr"].setdefault(name, {})[str(level)] = scores(clean, denoise(noisy, level))
    desk.write(figures)
    desk.publish(tables(figures))


def tables(figures: dict[str, Any]) -> str:
    header = ["PSNR in dB, whole slice / where it is above 5 %", *(f"{level:.0%}" for level in LEVELS)]
    rows = [
        [name, *(f"{whole:.2f} / {bright:.2f}" for whole, bright in by_level.values())]
        for name, by_level in figures["psnr"].items()
    ]
    found = [100 * np.array(each) for each in figures["estimated"].values()]
    rows.append(
        ["level estimated, lowest to highest, %", *(f"{x.min():.1f} to {x.max():.1f}" for x in found)]
    )
    return table(header, rows)


if __name__ == "__main__":
    main()
