"""How far the estimated noise level is from the truth, and whether clean pictures are left alone.

    python -m benchmarks.sigma

Tune pictures with Gaussian noise of seed 0, as float and as saved in 8 bit. Errors are in grey levels of 255.
Then each clean picture is denoised with nothing told, and its output compared with its input.
"""

import itertools
from functools import partial
from typing import Any

import numpy as np

from benchmarks.common import Desk, add_noise, arguments, best_times, facts, table
from pellucid import estimate_sigma, load_model
from pellucid.images.metrics import psnr
from pellucid.images.sigma import wavelet_sigma
from pellucid.inference import index

SIGMAS = (0, 5, 10, 25, 50)
KINDS = {"grey": 1, "colour": 3}
ESTIMATORS = {"network": estimate_sigma, "wavelet": wavelet_sigma}


def errors(pictures: list[Any], sigma: int, *, clipped: bool) -> dict[str, Any]:
    """What each estimator does wrong at one noise level, over all pictures."""
    noisy = [add_noise(clean, sigma, clipped=clipped) for clean in pictures]
    figures = {}
    for name, estimate in ESTIMATORS.items():
        wrong = np.array([estimate(picture) * 255 - sigma for picture in noisy])
        figures[name] = {
            "mean absolute": round(float(abs(wrong).mean()), 3),
            "mean": round(float(wrong.mean()), 3),  # above 0 it errs high
            "worst": round(float(abs(wrong).max()), 3),
        }
    return figures


def milliseconds(pictures: list[Any]) -> dict[str, float]:
    """What one estimate costs, in wall time."""
    calls = {name: partial(how, pictures[0]) for name, how in ESTIMATORS.items()}
    return {name: round(1000 * best.wall, 1) for name, best in best_times(calls, rounds=5).items()}


def left_alone(model: str, pictures: list[Any]) -> dict[str, Any]:
    """PSNR of output to input of clean 8-bit pictures, in dB; None where all came back as they were."""
    network = load_model(model)
    results = [network.denoise(np.rint(clean * 255).astype(np.uint8)) for clean in pictures]
    pairs = zip(results, pictures, strict=True)
    changed = [psnr(result.pixels / 255, clean, data_range=1.0) for result, clean in pairs if result.changed]
    return {
        "pictures": len(results),
        "changed": len(changed),
        "worst": round(min(changed), 2) if changed else None,
        "below 45 dB": sum(value < 45 for value in changed),
    }


def main() -> None:
    desk = Desk("sigma", arguments(__doc__).parse_args())
    figures: dict[str, Any] = {"facts": facts(), "errors": {}, "clean": {}, "milliseconds": {}}
    for kind, channels in KINDS.items():
        pictures = desk.pictures("photos/tune", channels)
        figures["milliseconds"][kind] = milliseconds(pictures)
        for sigma, protocol in itertools.product(SIGMAS, ("float", "clipped")):
            figures["errors"][f"{kind}/{sigma}/{protocol}"] = errors(
                pictures, sigma, clipped=protocol == "clipped"
            )
        for model in index.names():
            figures["clean"][f"{model}, {kind}"] = left_alone(model, pictures)
    desk.write(figures)
    desk.publish(tables(figures))


def tables(figures: dict[str, Any]) -> str:
    measures = [(name, measure) for name in ESTIMATORS for measure in ("mean absolute", "mean", "worst")]
    rows = [
        [key.replace("/", ", "), *(entry[name][measure] for name, measure in measures)]
        for key, entry in figures["errors"].items()
    ]
    text = "Errors in grey levels of 255:\n\n"
    text += table(("Pictures, sigma, noise", *(", ".join(pair) for pair in measures)), rows)
    text += "\nClean pictures, nothing told; PSNR of output to input in dB:\n\n"
    columns = ("pictures", "changed", "worst", "below 45 dB")
    clean = [
        [key, *("–" if entry[column] is None else entry[column] for column in columns)]
        for key, entry in figures["clean"].items()
    ]
    text += table(("Network", *columns), clean)
    text += "\nMilliseconds for one picture:\n\n"
    times = [[key, *(entry[name] for name in ESTIMATORS)] for key, entry in figures["milliseconds"].items()]
    return text + table(("Pictures", *ESTIMATORS), times)


if __name__ == "__main__":
    main()
