"""Magnitude images of MRI with simulated Rician noise, against dipy's non-local means.

    python -m benchmarks.mri [--only slices|series]

The nine axial slices around the middle of mri/ch2.nii.gz (Colin27, the mean of 27 scans), scaled by the
volume's 99.9th percentile; noise of level 3, 6, 9 and 15 % of that, seeds 0 to 8. Each slice is denoised
alone, with its level given or estimated from it. PSNR of each slice, over all of it and where the clean
slice is above 5 %, then the mean. The peer is given the level, and the nine slices as one volume, from
which it gains.

A series is a diffusion scan of a part of the head, 48 x 48 voxels in 8 slices: two volumes without and 18
with diffusion weighting (b = 1000), whose signal falls by a tensor that differs from place to place; Rician
noise of 5 % of the brightest voxels. Pellucid gets it as a NIfTI of four dimensions; dipy's methods get the
level (their corrections of the bias are on), the weighting, or nothing, as they need.
"""

import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Desk, Pixels, arguments, facts, small_images, table
from pellucid import denoise_file, load_model
from pellucid.inference.treatment import rice_sigma
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


SERIES_LEVEL = 0.05


def diffusion_series(data_dir: Path | None, *, tiny: bool) -> tuple[Pixels, Pixels]:
    """A clean series (x, y, z, volumes), about 0 to 1, and the weighting of each volume."""
    if tiny:
        anatomy = np.stack([np.asarray(small_images(1)[0])[:24, :24, 0]] * 6, axis=2)
    else:
        middle = np.stack(slices(data_dir)[:8], axis=2)
        rows, columns = (extent // 2 for extent in middle.shape[:2])
        anatomy = middle[rows - 40 : rows + 8, columns - 24 : columns + 24]
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, extent) for extent in anatomy.shape), indexing="ij")
    fibres = np.stack([np.cos(2 * x + y), np.sin(2 * y), np.cos(3 * z)], axis=-1)
    fibres /= np.linalg.norm(fibres, axis=-1, keepdims=True)
    directions = np.random.default_rng(5).normal(0, 1, (6 if tiny else 18, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    tissue = np.clip(anatomy / 0.5, 0, 1)  # what is bright diffuses less, as white matter does
    along = (fibres @ directions.T) ** 2  # (x, y, z, directions)
    signal = anatomy[..., None] * np.exp(-(1.6 - tissue[..., None]) * (0.3 + 1.2 * along))
    unweighted = np.repeat(anatomy[..., None], 2, axis=3)
    weighting = np.array([0.0] * 2 + [1000.0] * len(directions))
    return np.concatenate([unweighted, signal], axis=3).astype(np.float32), weighting


def as_nifti(desk: Desk, noisy: Pixels, noise: str | None) -> Pixels:
    """Denoise a series as a NIfTI of 16 bits."""
    from nibabel.nifti1 import Nifti1Image

    source, target = desk.scratch / "noisy.nii", desk.scratch / "clean.nii"
    image: Any = Nifti1Image
    image(np.rint(noisy * 4000).astype(np.int16), np.diag([1.0, 1, 3, 1])).to_filename(source)
    denoise_file(source, target, noise=noise, overwrite=True)
    return np.asarray(Nifti1Image.from_filename(target).dataobj, np.float32) / 4000


def series_methods(desk: Desk, weighting: Pixels) -> dict[str, Callable[[Pixels], Pixels]]:
    """From a noisy series to a clean one."""
    from dipy.core.gradients import gradient_table
    from dipy.denoise.localpca import localpca, mppca
    from dipy.denoise.nlmeans import nlmeans
    from dipy.denoise.patch2self import patch2self

    directions = np.random.default_rng(5).normal(0, 1, (len(weighting), 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    directions[weighting == 0] = 0
    gradients = gradient_table(weighting, bvecs=directions)
    level = SERIES_LEVEL
    return {
        "noisy": lambda noisy: noisy,
        "NIfTI, default": lambda noisy: as_nifti(desk, noisy, None),
        "NIfTI, `rician:auto`": lambda noisy: as_nifti(desk, noisy, "rician:auto"),
        "dipy, `nlmeans`": lambda noisy: nlmeans(noisy, sigma=level, rician=True, method="classic"),
        "dipy, `localpca`": lambda noisy: localpca(noisy, sigma=level, gtab=gradients),
        "dipy, `mppca`": lambda noisy: mppca(noisy),
        "dipy, `patch2self`": lambda noisy: patch2self(noisy, weighting),
    }


def measure_series(desk: Desk) -> dict[str, Any]:
    """PSNR where the unweighted head is above 5 %, of unweighted and of weighted volumes; and seconds."""
    clean, weighting = diffusion_series(desk.data_dir, tiny=desk.tiny)
    noisy = Rician(SERIES_LEVEL).apply(clean, NumpyRandom(0)).astype(np.float32)
    head = clean[..., 0] > 0.05
    figures: dict[str, Any] = {}
    for name, denoise in series_methods(desk, weighting).items():
        began = time.process_time()
        made = np.asarray(denoise(noisy), np.float32)
        seconds = time.process_time() - began
        errors = [np.mean((made - clean)[head][:, weighting == b] ** 2) for b in (0, 1000)]
        figures[name] = {
            "psnr": [round(float(-10 * np.log10(each)), 2) for each in errors],
            "seconds": round(seconds, 1),
        }
        print(name, figures[name], flush=True)
    return figures


def scores(clean: list[Pixels], denoised: list[Pixels]) -> list[float]:
    """Mean PSNR over whole slices, and over their bright parts."""
    pairs = list(zip(clean, denoised, strict=True))
    whole = [psnr(one, other, data_range=1) for one, other in pairs]
    bright = [psnr(one[one > 0.05, None], other[one > 0.05, None], data_range=1) for one, other in pairs]
    return [round(float(np.mean(each)), 2) for each in (whole, bright)]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=("slices", "series"))
    options = parser.parse_args()
    desk = Desk("mri", options)
    figures = desk.read()
    if options.only != "series":
        figures |= measure_slices(desk)
    if options.only != "slices":
        figures["series"] = measure_series(desk)
        figures["series facts"] = facts() | {"dipy": version("dipy")}
    desk.write(figures)
    desk.publish(tables(figures))


def measure_slices(desk: Desk) -> dict[str, Any]:
    """PSNR of single slices at several levels."""
    clean = [each[..., 0] for each in small_images(1)] if desk.tiny else slices(desk.data_dir)
    figures: dict[str, Any] = {"facts": facts() | {"dipy": version("dipy")}, "psnr": {}, "estimated": {}}
    for level in LEVELS:
        noisy = [Rician(level).apply(each, NumpyRandom(seed)) for seed, each in enumerate(clean)]
        figures["estimated"][str(level)] = [round(rice_sigma(each), 4) for each in noisy]
        for name, denoise in methods().items():
            figures["psnr"].setdefault(name, {})[str(level)] = scores(clean, denoise(noisy, level))
    return figures


def tables(figures: dict[str, Any]) -> str:
    parts = [slices_table(figures)] if "psnr" in figures else []
    if "series" in figures:
        header = [
            "A diffusion series, PSNR in dB",
            "volumes without weighting",
            "with weighting",
            "CPU seconds",
        ]
        rows = [
            [name, *(f"{value:.2f}" for value in each["psnr"]), f"{each['seconds']:.1f}"]
            for name, each in figures["series"].items()
        ]
        parts.append(table(header, rows))
    return "\n".join(parts)


def slices_table(figures: dict[str, Any]) -> str:
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
