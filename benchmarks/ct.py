"""Computed tomography: correlated noise removed from a synthetic phantom, and the resolution of its edges.

    python -m benchmarks.ct

A slice of 512 x 512 pixels in Hounsfield units: a body of 40 HU with fine texture, lungs, bone, and discs of
known contrast, blurred by a Gaussian of 0.7 pixels as a scanner's kernel does. Noise is white noise filtered
to the power spectrum of filtered back-projection, f exp(-(f / 0.25)^2) with f in cycles per pixel, with a
standard deviation of 10 HU (full dose), 20 and 40 HU (a quarter and a sixteenth of the dose), seeds 0 and 1.
Resolution is the width of the edge of a disc in the slice without noise over its width afterwards: an error
function is fitted to the edge, averaged over all angles and seeds. Samples have 16 bits and an intercept of
-1024, as DICOM has it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.optimize import curve_fit
from scipy.special import erf

from benchmarks.common import Desk, Pixels, arguments, facts, table
from pellucid import denoise_file, load_model

LEVELS = (10, 20, 40)  # HU
SEEDS = 2
CT = "1.2.840.10008.5.1.4.1.1.2"
INTERCEPT = -1024
DISCS = {
    "500 HU": (-90, 0, 36, 500.0),
    "200 HU": (100, -60, 36, 200.0),
    "100 HU": (100, 60, 36, 100.0),
    "50 HU": (8, 0, 36, 50.0),
}
"""Row and column from the middle, radius, and contrast."""


def phantom(size: int) -> Pixels:
    """A slice in HU without noise."""
    rows, columns = np.mgrid[:size, :size] - size / 2 + 0.5
    scale = size / 512
    body = (rows / (190 * scale)) ** 2 + (columns / (230 * scale)) ** 2 < 1
    texture = gaussian_filter(np.random.default_rng(99).normal(0, 1, (size, size)), 1.5)
    image = np.where(body, 40 + 6 * texture / texture.std(), -1000.0)
    for side in (-1, 1):
        lung = (rows / (70 * scale)) ** 2 + ((columns - side * 150 * scale) / (50 * scale)) ** 2 < 1
        vessels = gaussian_filter(np.random.default_rng(98).normal(0, 1, (size, size)), 2)
        image[lung] = (-820 + 90 * np.maximum(vessels / vessels.std() - 1, 0) * 4)[lung]
    for row, column, radius, contrast in DISCS.values():
        disc = np.hypot(rows - row * scale, columns - column * scale) < radius * scale
        image[disc] = 40 + contrast
    return np.asarray(gaussian_filter(image, 0.7))


def noise_of(level: float, size: int, seed: int) -> Pixels:
    """Correlated noise in HU."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    power = frequency * np.exp(-((frequency / 0.25) ** 2))
    white = np.random.default_rng(seed).normal(0, 1, (size, size))
    made = np.fft.ifft2(np.fft.fft2(white) * np.sqrt(power)).real
    return np.asarray(level * made / made.std())


def edge_spread(image: Pixels, disc: str) -> NDArray[np.float64]:
    """The mean of the edge of a disc over all angles, in steps of a quarter of a pixel."""
    size = image.shape[0]
    row, column, radius, _ = (each * (size / 512) for each in DISCS[disc])
    rows, columns = np.mgrid[:size, :size] - size / 2 + 0.5
    distance = np.hypot(rows - row, columns - column) - radius
    near = np.abs(distance) < 8
    bins = np.round((distance[near] + 8) * 4).astype(int)
    return np.asarray(np.bincount(bins, image[near]) / np.maximum(np.bincount(bins), 1))[1:-1]


def edge_width(spreads: list[NDArray[np.float64]]) -> float:
    """The standard deviation, in pixels, of the Gaussian that blurs a mean edge."""
    edge = np.mean(spreads, axis=0)
    place = (np.arange(len(edge)) + 1) / 4 - 8

    def blurred(x: Pixels, middle: float, half: float, at: float, width: float) -> Pixels:
        return np.asarray(middle + half * erf((x - at) / (2**0.5 * abs(width))))

    start = (edge.mean(), (edge[-1] - edge[0]) / 2, 0.0, 0.8)
    fitted, _ = curve_fit(blurred, place, edge, start)
    return float(abs(fitted[3]))


def as_dicom(path: Path, stored: NDArray[np.uint16], modality: str, uid: str) -> None:
    """Write samples as a DICOM file with the least that it needs."""
    from pydicom import Dataset, dcmwrite
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = uid, "2.25.1"
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = "2.25.2", "2.25.3", modality
    made.Rows, made.Columns = stored.shape
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 16, 15
    made.add_new("PixelData", "OW", stored.tobytes())
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(path, made, enforce_file_format=True)


def denoised_file(
    desk: Desk, stored: NDArray[np.uint16], modality: str, uid: str, strength: float = 1.0
) -> tuple[Pixels, str]:
    """Denoise samples as a DICOM file, and read the result."""
    from pydicom import dcmread

    as_dicom(desk.scratch / "noisy.dcm", stored, modality, uid)
    result = denoise_file(
        desk.scratch / "noisy.dcm", desk.scratch / "clean.dcm", overwrite=True, strength=strength
    )
    return dcmread(desk.scratch / "clean.dcm").pixel_array, f"{result.model}: {result.why}"


def methods(desk: Desk) -> dict[str, Callable[[NDArray[np.uint16], float], tuple[Pixels, str]]]:
    """From stored samples and their level in HU to denoised ones, and what was found and done."""
    auto = load_model("auto")

    def as_any_image(noisy: NDArray[np.uint16], level: float) -> tuple[Pixels, str]:
        result = auto.denoise(noisy)
        return result.image, f"{result.model}: {result.why}"

    return {
        "noisy": lambda noisy, level: (noisy, ""),
        "DICOM of CT, default": lambda noisy, level: denoised_file(desk, noisy, "CT", CT),
        "DICOM of CT, `--strength 2`": lambda noisy, level: denoised_file(desk, noisy, "CT", CT, 2.0),
        "the same samples as any image, default": as_any_image,
    }


def measure(desk: Desk, size: int, seeds: int) -> dict[str, Any]:
    clean = phantom(size)
    rows, columns = np.mgrid[:size, :size] - size / 2 + 0.5
    inside = np.hypot(rows - 100 * size / 512, columns + 60 * size / 512) < 24 * size / 512
    reference = {disc: edge_width([edge_spread(clean, disc)]) for disc in DISCS}
    figures: dict[str, Any] = {}
    for name, method in methods(desk).items():
        for level in LEVELS:
            noisy = [clean + noise_of(level, size, seed) for seed in range(seeds)]
            stored = [np.rint(each - INTERCEPT).clip(0, 4095).astype(np.uint16) for each in noisy]
            made = [method(each, level) for each in stored]
            images = [image.astype(np.float64) + INTERCEPT for image, _ in made]
            figures.setdefault(name, {})[str(level)] = {
                "rmse": round(float(np.sqrt(np.mean([(each - clean) ** 2 for each in images]))), 2),
                "noise": round(float(np.mean([(each - clean)[inside].std() for each in images])), 2),
                "bias": round(float(np.mean([(each - clean)[inside].mean() for each in images])), 2),
                "resolution": {
                    disc: round(reference[disc] / edge_width([edge_spread(each, disc) for each in images]), 3)
                    for disc in DISCS
                },
                "why": made[0][1],
            }
    return figures


def main() -> None:
    options = arguments(__doc__).parse_args()
    desk = Desk("ct", options)
    figures = {"facts": facts(), "phantom": measure(desk, *((128, 1) if desk.tiny else (512, SEEDS)))}
    desk.write(figures)
    desk.publish(tables(figures))


def tables(figures: dict[str, Any]) -> str:
    header = ["RMSE in HU / resolution at 500, 200, 100 and 50 HU in %", *(f"{level} HU" for level in LEVELS)]
    rows = []
    for name, by_level in figures["phantom"].items():
        shares = [
            [f"{100 * share:.0f}" for share in each["resolution"].values()] for each in by_level.values()
        ]
        cells = zip(by_level.values(), shares, strict=True)
        rows.append([name, *(f"{each['rmse']:.1f} / {', '.join(words)}" for each, words in cells)])
    return table(header, rows)


if __name__ == "__main__":
    main()
