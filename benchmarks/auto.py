"""Whether ``--model auto`` chooses the right network.

    python -m benchmarks.auto

A labelled set is made from the tune photographs and from drawn pages: camera noise, white noise, no noise,
JPEG alone; in colour and in grey. The photographs are shrunk by half, which takes away the grain and the JPEG
blocks that they have: no noise is to mean none. As they are, they are looked at too, and not counted. Each
picture is stored in 8 bit, as files are. A noisy picture whose noise is too weak to be seen still counts as
wrong when it is left alone.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.common import Desk, Pixels, arguments, facts, table
from pellucid import load_model
from pellucid.datasets.graphics import draw_page
from pellucid.images.noise import NumpyRandom, parse_noise, to_8bit
from pellucid.images.picture import from_float, to_float
from pellucid.images.resize import shrink
from pellucid.inference.auto import CAMERA, choose
from pellucid.inference.pixels import is_grey

NOISES = {
    "camera noise": ("camera:iso=800", "camera:iso=3200", "camera:iso=12800"),
    "white noise": ("gaussian:10", "gaussian:25", "gaussian:50"),
}
RIGHT: dict[str, tuple[str, ...]] = {
    "camera noise": ("photo-fast",),
    "white noise": ("gaussian-fast",),
    "no noise": ("none",),
    "JPEG alone": ("none", "photo-fast"),  # which takes some of its blocks away, and gains a little by it
    "grain of its own": (),
}
CHOICES = ("photo-fast", "gaussian-fast", "none")
PAGES = 10  # of each kind


def labelled(desk: Desk) -> Iterator[tuple[str, str, Pixels]]:
    """What is in the picture, what it is made of, and the picture: float32 (h, w, c), multiples of 1/255."""
    for colours, channels in (("colour", 3), ("grey", 1)):
        for seed, photograph in enumerate(desk.pictures("photos/tune", channels)):
            yield "grain of its own", f"photograph as it is, {colours}", photograph
            clean = to_float(shrink(from_float(photograph, np.uint8), 0.5))
            yield "no noise", f"photograph, {colours}", clean
            stored = parse_noise("jpeg:75").apply(clean, NumpyRandom(seed))
            yield "JPEG alone", f"JPEG of quality 75, {colours}", stored
            for label, noises in NOISES.items():
                for text in noises:
                    noisy = to_8bit(parse_noise(text).apply(clean, NumpyRandom(seed)))
                    yield label, f"{text}, {colours}", noisy
    for seed in range(1000, 1000 + (2 if desk.tiny else PAGES)):
        for kind in ("screenshot", "drawing", "page"):
            drawn = draw_page(np.random.default_rng(seed), 512, kind).astype(np.float32) / 255
            yield "no noise", kind, drawn
        scan = parse_noise("camera:iso=3200").apply(drawn, NumpyRandom(seed))
        yield "camera noise", "page, camera:iso=3200", scan


def main() -> None:
    desk = Desk("auto", arguments(__doc__).parse_args())
    camera = load_model(CAMERA)
    chosen: dict[str, Counter[str]] = {}
    levels: dict[str, list[float]] = {}
    for label, what, picture in labelled(desk):
        colour = picture[..., :1] if is_grey(picture) else picture
        choice, key = choose(colour.astype(np.float32), camera), f"{label}/{what}"
        chosen.setdefault(key, Counter())[choice.name or "none"] += 1
        levels.setdefault(key, []).append(255 * choice.level)
    right = total = 0
    for key, counts in chosen.items():
        if names := RIGHT[key.split("/")[0]]:
            right, total = right + sum(counts[name] for name in names), total + counts.total()
    medians = {key: round(float(np.median(each)), 2) for key, each in levels.items()}
    figures: dict[str, Any] = {"facts": facts(), "chosen": chosen, "right": right, "of": total}
    figures["levels"] = medians
    desk.write(figures)
    desk.publish(tables(figures))


def tables(figures: dict[str, Any]) -> str:
    sums = {label: Counter() for label in RIGHT}  # type: dict[str, Counter[str]]
    rows = []
    for key, counts in figures["chosen"].items():
        label, what = key.split("/")
        sums[label].update(counts)
        rows.append([what, " or ".join(RIGHT[label]) or "–", *(counts.get(name, 0) for name in CHOICES)])
        rows[-1].append(figures["levels"][key])
    right, total = figures["right"], figures["of"]
    strict = right - sums["JPEG alone"]["photo-fast"]
    text = (
        f"Right: {right} of {total} pictures, {right / total:.1%}. If nothing may be taken from JPEG alone, "
    )
    text += f"{strict}, {strict / total:.1%}.\n\n"
    text += table(
        ("In the picture is", *CHOICES),
        [[label, *(counts[name] for name in CHOICES)] for label, counts in sums.items()],
    )
    return text + "\nIn detail:\n\n" + table(("Picture", "right", *CHOICES, "level found, median"), rows)


if __name__ == "__main__":
    main()
