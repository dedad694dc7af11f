"""What adapting a network to each image gains over the default, and at what cost in time.

    python -m benchmarks.adapt [--ways neighbor2neighbor,noise2void] [--shots Confocal_BPAE_B_2,...]

The raw confocal and two-photon shots of FMD in `micro/fmd` against the mean of 50: grey, 8 bit in and out.
Each is adapted to alone. Seconds are those of the processor, of all threads.
"""

import math
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cells import Case
from benchmarks.common import Desk, arguments, facts, table
from benchmarks.microscopes import pairs
from benchmarks.pairs import Pair
from benchmarks.paths import score
from pellucid.inference.registry import load_model
from pellucid.io.files import write_image
from pellucid.io.image import Image, to_float

KINDS = {"Confocal": "confocal", "TwoPhoton": "two-photon"}
WAYS = "neighbor2neighbor", "noise2void"


def measure(pair: Pair, ways: list[str], start: str, *, tiny: bool) -> dict[str, Any]:
    """PSNR in dB of the noisy image, of the default, and of a network adapted in each way."""
    from pellucid.training.adapt import adapt

    case = Case(pair.noisy, to_float(pair.clean))
    figures: dict[str, Any] = {"noisy": score(case, pair.noisy)}
    figures["default"] = score(case, load_model("auto", threads=1).denoise(pair.noisy).image)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "image.png")
        write_image(file, Image(samples=pair.noisy))
        for way in ways:
            began = time.process_time()
            made = adapt(
                [file],
                Path(folder, f"{way}.onnx"),
                target=way,  # type: ignore[arg-type]  # one of its names
                start=start,
                steps=2 if tiny else None,
                device="cpu",
            )
            seconds = time.process_time() - began
            denoised = load_model(made.path, threads=1).denoise(pair.noisy).image
            figures[way] = score(case, denoised)
            figures[f"{way}, seconds"] = round(seconds, 1)
            figures[f"{way}, held out"] = [made.before, made.after]
    return {name: round(each, 3) if isinstance(each, float) else each for name, each in figures.items()}


def tables(images: dict[str, Any], start: str) -> str:
    ways = [way for way in WAYS if any(way in each for each in images.values())]
    methods = ["noisy", "default", *ways]
    groups = {"all": ""} | {title: kind for kind, title in KINDS.items()}
    members = {
        f"{title} ({len(names)})": names
        for title, kind in groups.items()
        if (names := [name for name in images if name.startswith(kind)])
    }
    rows = []
    for method in methods:
        cells = [
            np.mean([images[name].get(method, math.nan) for name in names]) for names in members.values()
        ]
        seconds = [each.get(f"{method}, seconds", 0.0) for each in images.values()]
        rows.append(
            [method, *(f"{cell:.2f}" for cell in cells), f"{np.mean(seconds):.0f}" if any(seconds) else ""]
        )
    head = table(("PSNR, dB", *members, "CPU seconds an image"), rows)
    lines = [
        [name, *(f"{each[method]:.2f}" if method in each else "" for method in methods)]
        for name, each in images.items()
    ]
    return f"Begun from `{start}`.\n\n{head}\n" + table(("Image", *methods), lines)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--start", default="gaussian-best")
    parser.add_argument("--shots", default="", help="only these; the figures of others are kept")
    options = parser.parse_args()
    desk = Desk("adapt", options)
    images: dict[str, Any] = desk.read().get("images", {}) if options.shots else {}
    for pair in pairs(desk):
        if pair.name.startswith(tuple(KINDS)) and (
            not options.shots or pair.name in options.shots.split(",")
        ):
            found = measure(pair, options.ways.split(","), options.start, tiny=desk.tiny)
            images[pair.name] = images.get(pair.name, {}) | found
            print(pair.name, found, flush=True)
            desk.write({"facts": facts(), "start": options.start, "images": images})
    desk.publish(tables(images, options.start))


if __name__ == "__main__":
    main()
