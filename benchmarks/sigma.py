"""How far the estimated noise level is from the truth, and what that costs.

    python -m benchmarks.sigma                      # all of it
    python -m benchmarks.sigma --only denoised      # or: tune

Tune images with Gaussian noise of seed 0, as float and as saved in 8 bit. Errors are in grey levels of 255.
Then each clean image is denoised with nothing given, and its output compared with its input. Last, test
images are denoised with the level given and estimated; they choose nothing.
"""

import itertools
from functools import partial
from typing import Any

import numpy as np

from benchmarks.common import Desk, add_noise, arguments, best_times, facts, table
from pellucid import estimate_sigma, load_model
from pellucid.inference import index
from pellucid.metrics.quality import psnr
from pellucid.metrics.sigma import wavelet_sigma

SIGMAS = (0, 5, 10, 25, 50)
KINDS = {"grey": 1, "colour": 3}
ESTIMATORS = {"network": estimate_sigma, "wavelet": wavelet_sigma}

DENOISED_SIGMAS = (5, 15, 25, 50, 75)
SETS = {"Set12": (1, None), "BSD68": (1, 20), "CBSD68": (3, 20), "McMaster": (3, None)}
"""Channels, and how many images: the first 20 of the large sets suffice for a difference."""
NETWORKS = ("gaussian-fast", "gaussian-best")
DEFAULT = "default"


def errors(images: list[Any], sigma: int, *, clipped: bool) -> dict[str, Any]:
    """What each estimator does wrong at one noise level, over all images."""
    noisy = [add_noise(clean, sigma, clipped=clipped) for clean in images]
    figures = {}
    for name, estimate in ESTIMATORS.items():
        wrong = np.array([estimate(image) * 255 - sigma for image in noisy])
        figures[name] = {
            "mean absolute": round(float(abs(wrong).mean()), 3),
            "mean": round(float(wrong.mean()), 3),  # above 0 it errs high
            "worst": round(float(abs(wrong).max()), 3),
        }
    return figures


def milliseconds(images: list[Any]) -> dict[str, float]:
    """What one estimate costs, in wall time."""
    calls = {name: partial(how, images[0]) for name, how in ESTIMATORS.items()}
    return {name: round(1000 * best.wall, 1) for name, best in best_times(calls, rounds=5).items()}


def left_alone(model: str, images: list[Any]) -> dict[str, Any]:
    """PSNR of output to input of clean 8-bit images, in dB; None where all came back as they were."""
    network = load_model(model)
    results = [network.denoise(np.rint(clean * 255).astype(np.uint8)) for clean in images]
    pairs = zip(results, images, strict=True)
    changed = [psnr(result.image / 255, clean, data_range=1.0) for result, clean in pairs if result.changed]
    return {
        "images": len(results),
        "changed": len(changed),
        "worst": round(min(changed), 2) if changed else None,
        "below 45 dB": sum(value < 45 for value in changed),
    }


def denoised(images: list[Any], sigma: int) -> dict[str, Any]:
    """Mean PSNR in dB with the level given and estimated, and by the default; noise not clipped."""
    noisy = [add_noise(clean, sigma, clipped=False) for clean in images]
    models: dict[str, tuple[str, float | None]] = {DEFAULT: ("auto", None)}
    for name in NETWORKS:
        models |= {f"{name}, given": (name, sigma / 255), f"{name}, estimated": (name, None)}
    found: dict[str, Any] = {"images": len(images)}
    for title, (name, level) in models.items():
        network = load_model(name)
        outputs = [network.denoise(image, sigma=level).image for image in noisy]
        scores = [psnr(*pair, data_range=1.0) for pair in zip(outputs, images, strict=True)]
        found[title] = round(float(np.mean(scores)), 3)
    return found


def measure_tune(desk: Desk) -> dict[str, Any]:
    figures: dict[str, Any] = {"facts": facts(), "errors": {}, "clean": {}, "milliseconds": {}}
    for kind, channels in KINDS.items():
        images = desk.images("photos/tune", channels)
        figures["milliseconds"][kind] = milliseconds(images)
        for sigma, protocol in itertools.product(SIGMAS, ("float", "clipped")):
            figures["errors"][f"{kind}/{sigma}/{protocol}"] = errors(
                images, sigma, clipped=protocol == "clipped"
            )
        for model in index.names(index.FOR_PHOTOGRAPHS):
            figures["clean"][f"{model}, {kind}"] = left_alone(model, images)
    return figures


def measure_denoised(desk: Desk) -> dict[str, Any]:
    figures: dict[str, Any] = {"facts": facts(), "sets": {}}
    for name, (channels, limit) in SETS.items():
        images = desk.images(f"test/{name.lower()}", channels, limit)
        for sigma in DENOISED_SIGMAS[: 2 if desk.tiny else None]:
            figures["sets"][f"{name}, {sigma}"] = found = denoised(images, sigma)
            print(name, sigma, found, flush=True)
    return figures


PARTS = {"tune": measure_tune, "denoised": measure_denoised}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    options = parser.parse_args()
    desk = Desk("sigma", options)
    figures = desk.read()
    for name, measure in PARTS.items():
        if options.only in (None, name):
            figures[name] = measure(desk)
            desk.write(figures)
    desk.publish(tables(figures))


def tables(figures: dict[str, Any]) -> str:
    writers = {"tune": tune_tables, "denoised": denoised_table}
    return "\n".join(write(figures[name]) for name, write in writers.items() if name in figures)


def denoised_table(part: dict[str, Any]) -> str:
    """Given, and the change by estimating: above 0 is better than given."""
    rows = []
    for name, found in part["sets"].items():
        row = [f"{name} ({found['images']} images)"]
        for network in NETWORKS:
            given, estimated = found[f"{network}, given"], found[f"{network}, estimated"]
            row += [f"{given:.2f}", f"{estimated - given:+.3f}"]
        rows.append([*row, f"{found[DEFAULT] - found['gaussian-fast, given']:+.3f}"])
    head = [each for network in NETWORKS for each in (f"{network}, given", "estimated")]
    text = "Mean PSNR in dB, noise not clipped, with the level given, and the difference when it is estimated"
    text += " (the default's is to `gaussian-fast` with the level given):\n\n"
    return text + table(("Set, sigma", *head, "default"), rows)


def tune_tables(figures: dict[str, Any]) -> str:
    measures = [(name, measure) for name in ESTIMATORS for measure in ("mean absolute", "mean", "worst")]
    rows = [
        [key.replace("/", ", "), *(entry[name][measure] for name, measure in measures)]
        for key, entry in figures["errors"].items()
    ]
    text = "Errors in grey levels of 255:\n\n"
    text += table(("Images, sigma, noise", *(", ".join(pair) for pair in measures)), rows)
    text += "\nClean images, nothing given; PSNR of output to input in dB:\n\n"
    columns = ("images", "changed", "worst", "below 45 dB")
    clean = [
        [key, *("–" if entry[column] is None else entry[column] for column in columns)]
        for key, entry in figures["clean"].items()
    ]
    text += table(("Network", *columns), clean)
    text += "\nMilliseconds for one image:\n\n"
    times = [[key, *(entry[name] for name in ESTIMATORS)] for key, entry in figures["milliseconds"].items()]
    return text + table(("Images", *ESTIMATORS), times)


if __name__ == "__main__":
    main()
