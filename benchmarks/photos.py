"""How well photographs are cleaned, and whether what is clean stays as it is.

    python -m benchmarks.photos                                # everything; half an hour, for BM3D
    python -m benchmarks.photos --methods auto,photo-fast,photo-instant     # auto is the default
    python -m benchmarks.photos --crops 26 --methods run/run.onnx    # while choosing: keeps no figures

PolyU's 100 crops of real photographs come as the camera wrote them, and clean as the mean of many shots.
Every method takes and gives 8 bits and is given nothing, except BM3D: it tries higher and higher sigmas
while that helps, and the best one for each crop counts, which is an upper bound. Because it is slow, it
runs on every tenth crop only. `--crops` takes some of the 26 that may be viewed while choosing. The
same crops are measured once more as grey images.

Then images that are clean already go through our own networks: the tune photos, ten of `photos/open` that
no network for photographs was trained on, and graphics. Each run adds its figures to those in
results/photos.json.
"""

import argparse
import functools
import resource
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from benchmarks.common import Desk, arguments, facts, megapixels, small_images, table
from benchmarks.peers import (
    OURS,
    Levels,
    PhotoMethod,
    bm3d_8bit,
    photo_methods,
    photo_network,
    use_one_thread,
)
from pellucid.datasets.folder import image_files, read_samples
from pellucid.datasets.graphics import draw_page
from pellucid.io.image import from_float, to_float
from pellucid.metrics.quality import psnr, ssim
from pellucid.noise.base import NumpyRandom
from pellucid.noise.camera import draw_shot, shoot
from pellucid.noise.jpeg import YCBCR

Figures: TypeAlias = dict[str, Any]

NOISY, BM3D = "noisy", "bm3d"
SIGMAS = (5, 8, 12, 20, 30, 45)  # that BM3D tries, in grey levels
EVERY = 10  # the crops that BM3D gets
PARTS = {"real": "as they are", "grey": "in grey"}  # what is measured of each crop
LABELS = {BM3D: "bm3d, best sigma for each crop", "auto": "auto, the default"}
CAMERAS = {
    "Canon5D2": "Canon 5D Mark II",
    "Canon600D": "Canon 600D",
    "Canon80D": "Canon 80D",
    "NikonD800": "Nikon D800",
    "Sony": "Sony",
}
VIEWED = ("Canon600D", "Canon80D")  # their crops may be viewed while choosing

BLOCK = 64  # pixels a side
GRAPHICS = ("page", "screenshot", "drawing")
SEED = 1000  # of the first canvas of each kind; training must not use it, nor the nine after it


class Crop(NamedTuple):
    """A photograph as the camera wrote it, and without its noise."""

    name: str
    noisy: Levels
    clean: Levels


# ---- the options ---------------------------------------------------------------------------------


def parse() -> argparse.Namespace:
    parser = arguments(__doc__)
    known = (*photo_methods(), BM3D)
    parser.add_argument("--methods", default=",".join(known), help="(default: %(default)s)")
    parser.add_argument("--crops", type=int, help="so many crops of the 26; keeps no figures")
    options = parser.parse_args()
    options.methods = [NOISY, *(name for name in options.methods.split(",") if name != NOISY)]
    files = {name for name in options.methods if name.endswith(".onnx")}
    if unknown := set(options.methods) - set(known) - files:
        parser.error(f"unknown methods: {', '.join(sorted(unknown))}")
    if files and not options.crops:
        parser.error("only with --crops may a network be tried that does not ship")
    if options.data_dir is None and not options.tiny:
        parser.error("say where the images are: --data-dir FOLDER, or the variable PELLUCID_DATA")
    return options


# ---- real photographs ----------------------------------------------------------------------------


def read_crops(options: argparse.Namespace) -> Iterator[Crop]:
    """The crops in the order of their names."""
    if options.tiny:
        yield from tiny_crops()
        return
    files = sorted((options.data_dir / "real" / "polyu").glob("*_real.JPG"))
    if options.crops:
        seen = [file for file in files if file.name.startswith(VIEWED)]
        files = seen[:: max(1, len(seen) // options.crops)][: options.crops]
    for file in files:
        clean = file.with_name(file.name.replace("_real", "_mean"))
        yield Crop(file.stem.removesuffix("_real"), read_samples(file, 3), read_samples(clean, 3))


def in_grey(crop: Crop) -> Crop:
    """The luma of a crop, still in three channels."""

    def luma(levels: Levels) -> Levels:
        grey: Levels = np.rint(levels @ YCBCR[0]).astype(np.uint8)
        return np.stack([grey] * 3, axis=2)

    return Crop(crop.name, luma(crop.noisy), luma(crop.clean))


def tiny_crops() -> Iterator[Crop]:
    """A small image for each camera, all of them simulated."""
    for number, (camera, clean) in enumerate(zip(CAMERAS, 3 * small_images(3), strict=False)):
        yield take(f"{camera}_{number}", from_float(clean, np.uint8), 3200, number)


def take(name: str, clean: Levels, iso: float, seed: int) -> Crop:
    """Photograph an image as the noise `camera:iso=ISO` does; the target goes the same way without noise."""
    pixels, random = to_float(clean), NumpyRandom(seed)
    noisy, target = shoot(pixels, draw_shot(iso, random, pixels), random)
    return Crop(name, from_float(noisy, np.uint8), from_float(target, np.uint8))


def measure_crops(options: argparse.Namespace, figures: Figures) -> None:
    """Add each method's scores on each crop, all methods in turns so that a busy machine hurts all alike."""
    run, names = facts(), []
    scores: dict[tuple[str, str], dict[str, list[float]]] = {}
    for number, crop in enumerate(read_crops(options)):
        names.append(crop.name)
        for part, each in zip(PARTS, (crop, in_grey(crop)), strict=True):
            for method in options.methods:
                if method != BM3D or (part == "real" and number % EVERY == 0):
                    for measure, value in score(method, each).items():
                        scores.setdefault((part, method), {}).setdefault(measure, []).append(value)
        print(number + 1, crop.name, flush=True)
    figures["crops"] = names
    figures.setdefault("runs", {})[run["date"]] = run
    for (part, method), found in scores.items():
        # The median, since the first call also loads libraries and weights.
        cpu = float(f"{np.median(found.pop('cpu')):.3g}")
        figures.setdefault(part, {})[method] = {**found, "cpu": cpu, "run": run["date"]}


def score(name: str, crop: Crop) -> dict[str, float]:
    """What one method reaches on one crop; of BM3D's sigmas the best, in grey levels, is given too."""
    if name != BM3D:
        return judge(method_for(name), crop)
    best: dict[str, float] = {}
    for sigma in SIGMAS:
        tried = {**judge(partial(bm3d_8bit, sigma=sigma), crop), "sigma": sigma}
        if best and tried["psnr"] < best["psnr"]:
            break  # a still higher one would smooth still more
        best = tried
    return best


@functools.cache
def method_for(name: str) -> PhotoMethod:
    return photo_network(name) if name.endswith(".onnx") else photo_methods()[name]


def judge(method: PhotoMethod, crop: Crop) -> dict[str, float]:
    """PSNR in dB, SSIM, and CPU seconds a megapixel."""
    start = cpu_seconds()
    denoised = method(crop.noisy)
    seconds = cpu_seconds() - start
    return {
        "psnr": round(psnr(denoised, crop.clean, data_range=255), 3),
        "ssim": round(ssim(denoised, crop.clean, data_range=255), 4),
        "cpu": seconds / megapixels([crop.noisy]),
    }


def cpu_seconds() -> float:
    """Of this process, and of the commands that it ran to their ends."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


# ---- clean images ------------------------------------------------------------------------------


def clean_sets(options: argparse.Namespace) -> Iterator[tuple[str, list[Levels]]]:
    """Images from which there is nothing to take away."""
    count, size = (1, 96) if options.tiny else (10, 512)
    if options.tiny:
        yield "photos", [from_float(each, np.uint8) for each in small_images(3)]
    else:
        tune, unseen = (image_files([options.data_dir / "photos" / name]) for name in ("tune", "open"))
        for name, files in (("tune photos", tune), ("open photos", unseen[::3][:count])):
            yield name, [read_samples(file, 3) for file in files]
            yield f"{name} in grey", [read_samples(file, 1) for file in files]
    for kind in GRAPHICS:
        yield f"{kind}s", [draw_page(np.random.default_rng(SEED + i), size, kind) for i in range(count)]


def measure_clean(options: argparse.Namespace, figures: Figures) -> None:
    """Add what each of our networks does to each set of clean images."""
    ours = [name for name in options.methods if name.startswith(OURS) or name.endswith(".onnx")]
    figures.setdefault("clean", {}).update({name: {} for name in ours})
    for title, images in clean_sets(options) if ours else ():
        for name in ours:
            figures["clean"][name][title] = found = closeness(method_for(name), images)
            print(title, name, found, flush=True)


def closeness(method: PhotoMethod, images: Sequence[Levels]) -> Figures:
    """PSNR of output to input in dB over the images that it changes, and by how much it tints a block."""
    results = [method(image) for image in images]
    pairs = list(zip(results, images, strict=True))
    changed = [psnr(*pair, data_range=255) for pair in pairs if not np.array_equal(*pair)]
    return {
        "images": len(images),
        "unchanged": len(images) - len(changed),
        "mean": round(float(np.mean(changed)), 2) if changed else None,
        "worst": round(min(changed), 2) if changed else None,
        "block": round(max(largest_block(*pair) for pair in pairs), 3),
    }


def largest_block(after: Levels, before: Levels) -> float:
    """By how many grey levels a channel's mean over any block differs at most."""
    moved = np.subtract(after, before, dtype=np.float64)
    side = min(BLOCK, *moved.shape[:2])
    sums = np.pad(moved, ((1, 0), (1, 0), (0, 0))).cumsum(axis=0).cumsum(axis=1)  # of all above and left
    rows = sums[side:] - sums[:-side]
    return float(abs(rows[:, side:] - rows[:, :-side]).max() / side**2)


# ---- the tables ----------------------------------------------------------------------------------


def tables(figures: Figures) -> str:
    text = ""
    for part, words in PARTS.items():
        text += (
            f"All {len(figures['crops'])} crops {words}, 8 bit in and out:\n\n{main_table(figures, part)}\n"
        )
    for measure, words, digits in (("psnr", "PSNR in dB", 2), ("ssim", "SSIM", 4)):
        text += f"{words}, by camera:\n\n{group_table(figures, measure, digits)}\n"
    return text + "Clean images, output to input:\n\n" + clean_table(figures)


def in_order(figures: Figures, part: str) -> list[str]:
    """The methods that were measured, those that do not ship last."""
    known = [*photo_methods(), BM3D]
    place = {name: i for i, name in enumerate(known)}
    return sorted(figures[part], key=lambda name: (place.get(name, len(known)), name))


def by_crop(figures: Figures, part: str, method: str, measure: str) -> dict[str, float]:
    """A method's scores by the names of the crops; BM3D's are of some only."""
    names, values = figures["crops"], figures[part][method][measure]
    return dict(zip(names if len(values) == len(names) else names[::EVERY], values, strict=True))


def main_table(figures: Figures, part: str) -> str:
    noisy, rows = by_crop(figures, part, NOISY, "psnr"), []
    for method in in_order(figures, part):
        quality = by_crop(figures, part, method, "psnr")
        losses = [noisy[name] - value for name, value in quality.items()]
        worse = sum(loss > 0 for loss in losses)
        digits = {"psnr": 2, "ssim": 4}
        means = [mean(by_crop(figures, part, method, each), noisy, n) for each, n in digits.items()]
        loss = f"{max(losses):.2f}" if worse else "–"
        cpu = "–" if method == NOISY else figures[part][method]["cpu"]
        rows.append([LABELS.get(method, method), *means, f"{worse} of {len(losses)}", loss, cpu])
    columns = ("PSNR, dB", "SSIM", "crops below the input", "at most by, dB", "CPU seconds a megapixel")
    return table(("Method", *columns), rows)


def group_table(figures: Figures, measure: str, digits: int) -> str:
    parts, order = groups(figures["crops"]), in_order(figures, "real")
    scores = {method: by_crop(figures, "real", method, measure) for method in order}
    rows = [
        [LABELS.get(method, method), *(mean(scores[method], part, digits) for part in parts.values())]
        for method in order
    ]
    return table(("Method", *(f"{title} ({len(part)})" for title, part in parts.items())), rows)


def groups(names: Sequence[str]) -> dict[str, list[str]]:
    """The crops that may be viewed while choosing, the others, all, each camera's, and BM3D's."""
    seen = [name for name in names if name.startswith(VIEWED)]
    parts = {
        "viewed": seen,
        "not viewed": [name for name in names if name not in seen],
        "all": [*names],
    }
    for camera, title in CAMERAS.items():
        parts[title] = [name for name in names if name.startswith(f"{camera}_")]
    parts["every tenth"] = [*names[::EVERY]]
    return {title: part for title, part in parts.items() if part}


def mean(scores: Mapping[str, float], names: Iterable[str], digits: int) -> str:
    """The mean over these crops, if all of them were measured."""
    values = [scores[name] for name in names if name in scores]
    return f"{np.mean(values):.{digits}f}" if len(values) == len([*names]) else "–"


def clean_table(figures: Figures) -> str:
    measures = ("images", "unchanged", "mean", "worst", "block")
    rows = [
        [name, title, *("–" if found[each] is None else found[each] for each in measures)]
        for name, sets in sorted(figures["clean"].items())
        for title, found in sorted(sets.items())
    ]
    columns = ("unchanged", "PSNR of the others, mean", "worst", "a block's mean moved by at most")
    return table(("Network", "images", "number", *columns), rows)


def main() -> None:
    options = parse()
    use_one_thread()
    desk = Desk("photos", options)
    if options.crops:
        desk.results = desk.scratch / "photos.json"  # a trial keeps nothing
    figures = desk.read()
    measure_crops(options, figures)
    desk.write(figures)
    measure_clean(options, figures)
    desk.forget_old_runs(figures)
    desk.write(figures)
    if options.crops:
        print(tables(figures))
    else:
        desk.publish(tables(figures))


if __name__ == "__main__":
    main()
