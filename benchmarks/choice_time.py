"""What it costs to find out what to do with an image.

    python -m benchmarks.choice_time

The time of noise analysis and choice, trials included, over the time that `photo-fast` takes for the same
image; and a small JPEG through `denoise_file`, warm, over the network alone. CPU time, one thread, the best
of several runs taken in turns. The clean images are made of `photos/open`.
"""

import functools
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.cells import camera, clean_image, photons, white
from benchmarks.common import Desk, arguments, best_times, facts, table
from benchmarks.peers import use_one_thread
from pellucid import denoise_file, load_model, write_image
from pellucid.inference import index
from pellucid.inference.overview import look_over
from pellucid.inference.pixels import one_source
from pellucid.inference.session import RunOptions, Session
from pellucid.io.image import Encoding, Image, to_float

Figures: TypeAlias = dict[str, Any]

SIZES = {"0.05": (192, 256), "0.1": (256, 384), "0.25": (512, 512), "1": (1024, 1024), "4": (2048, 2048)}
NOISES: dict[str, Callable[..., Any]] = {
    "camera, ISO 6400": partial(camera, iso=6400),
    "white, 25": partial(white, level=25),
    "100 photons": partial(photons, peak=100),
    "no noise": clean_image,
}
FILE = (256, 384)


def noisy_images(desk: Desk, size: tuple[int, int]) -> Iterator[tuple[str, Any]]:
    """One image of each kind of noise, uint8 (h, w, 3)."""
    images = desk.images("photos/open", 3, limit=4)
    row = np.concatenate([each[: min(map(len, images))] for each in images], axis=1)
    clean = np.pad(row, [(0, max(0, size[0] - len(row))), (0, 0), (0, 0)], mode="symmetric")
    clean = np.ascontiguousarray(clean[: size[0], : size[1]])
    for name, make in NOISES.items():
        yield name, make(clean, 0).noisy


def measure_choice(desk: Desk) -> Figures:
    """Milliseconds of the choice and of `photo-fast`, and their ratio, by size and kind of noise."""
    network, figures = network_alone(), {}
    for size_name, size in list(SIZES.items())[: 2 if desk.tiny else None]:
        for name, noisy in noisy_images(desk, size):
            calls = {"choice": partial(look, noisy), "network": partial(network, noisy)}
            best = best_times(calls, rounds=2 if desk.tiny else 7)
            choice, alone = (best[each].cpu for each in calls)
            figures[f"{size_name} megapixels, {name}"] = entry = {
                "choice": round(1000 * choice, 1),
                "network": round(1000 * alone, 1),
                "ratio": round(choice / alone, 3),
            }
            print(size_name, name, entry, flush=True)
    return figures


def look(noisy: Any) -> Any:
    """Analyse an image and choose, without doing it."""
    return default().analyse(look_over(one_source(noisy)))


@functools.cache
def default() -> Any:
    return load_model("auto", threads=1)


def network_alone(name: str = "photo-fast") -> Callable[[Any], Any]:
    """A network on a colour image whose sides are multiples of its stride: no tiles, nothing else."""
    entry = next(each for each in index.entries(name) if each.channels == 3)
    session = Session(entry.path, RunOptions(threads=1))
    condition = 0.1 if session.card.kind == "white-noise" else (1.0, 1.0)
    return lambda noisy: session.run(to_float(noisy), condition)


def measure_file(desk: Desk) -> Figures:
    """A JPEG of 384 x 256 through the default, its codec included, and the network that it chose."""
    figures: Figures = {}
    model = default()
    for name, noisy in noisy_images(desk, FILE):
        source = desk.scratch / f"{name.replace(' ', '-')}.jpg"
        write_image(source, Image(samples=noisy, encoding=Encoding(format="jpeg")))
        target = source.with_name(f"{source.stem}-out.jpg")
        chosen = denoise_to(source, target, model)
        if chosen == "none":
            continue  # nothing to compare with
        calls: dict[str, Callable[[], Any]] = {
            "file": partial(denoise_to, source, target, model),
            "network": partial(network_alone(chosen), noisy),
        }
        best = best_times(calls, rounds=3 if desk.tiny else 15)
        file, alone = (best[each].cpu for each in calls)
        figures[f"{name} ({chosen})"] = {
            "file": round(1000 * file, 1),
            "network": round(1000 * alone, 1),
            "ratio": round(file / alone, 2),
        }
    return figures


def denoise_to(source: Path, target: Path, model: Any) -> str:
    return denoise_file(source, target, model=model, overwrite=True).model


def main() -> None:
    use_one_thread()
    desk = Desk("choice_time", arguments(__doc__).parse_args())
    figures = {"facts": facts(), "choice": measure_choice(desk), "file": measure_file(desk)}
    desk.write(figures)
    desk.publish(tables(figures))


def tables(figures: Figures) -> str:
    text = ""
    for part, what, network in (
        ("choice", "Analysis and choice", "`photo-fast`"),
        ("file", "JPEG of 384 x 256 through `denoise_file`", "the chosen network"),
    ):
        rows = [[name, *each.values()] for name, each in figures[part].items()]
        text += table((what, "ms", f"{network} alone, ms", "ratio"), rows) + "\n"
    return text


if __name__ == "__main__":
    main()
