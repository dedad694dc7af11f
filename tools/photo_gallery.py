"""Draw windows of photographs, noisy, denoised and clean, side by side.

python -m tools.photo_gallery                     # three simulated ones, for the documentation
python -m tools.photo_gallery --polyu FOLDER      # and eight of PolyU, which may not be published
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from skimage import data

from benchmarks.common import DOCS, HERE, arguments
from benchmarks.peers import Levels, photo_methods, use_one_thread
from benchmarks.photos import NOISY, Crop, method_for, read_crops, take
from pellucid.datasets.folder import read_samples
from pellucid.io.files import write_image
from pellucid.io.image import Image
from pellucid.metrics.quality import psnr

SHOWN = ("opencv-nlm-5", "gaussian-fast", "photo-fast")
WINDOW, CONTEXT = 160, 352  # pixels a side: what a gallery shows, and what the methods see around it
# Images under CC0 that no network for photographs was trained on, an ISO, and the left upper corner of
# what is taken.
SCENES = (
    ("jad-limcaco-183877", 1600, (400, 0)),
    ("chelsea", 6400, (0, 20)),  # from scikit-image
    ("sebastien-gabriel-232361", 12800, (360, 574)),
)


def scenes(options: argparse.Namespace) -> Iterator[Crop]:
    for name, iso, (row, column) in SCENES:
        file = options.data_dir / "photos" / "open" / f"{name}.jpg"
        clean = read_samples(file, 3) if file.exists() else data.chelsea()
        part = clean[row : row + CONTEXT, column : column + CONTEXT]
        yield take(f"{name}, simulated camera at ISO {iso}", part, iso, 0)


def draw_gallery(crops: Sequence[Crop], path: Path) -> None:
    """A row of windows for each crop: noisy, each method, clean; a pixel is a square of two."""
    shown = [name for name in SHOWN if name in photo_methods()]
    side, gap, line = 2 * WINDOW, 8, 20
    row = side + 2 * line + gap
    width, height = (len(shown) + 2) * (side + gap) - gap, len(crops) * row
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="white")
    for i, crop in enumerate(crops):
        top = height - i * row  # from below, as matplotlib counts
        figure.text(0, (top - line / 2) / height, crop.name, va="center", size=9, weight="bold")
        images = {NOISY: crop.noisy, **{name: method_for(name)(crop.noisy) for name in shown}}
        for k, (name, image) in enumerate({**images, "clean": crop.clean}.items()):
            window, clean = centre(image), centre(crop.clean)
            words = name if name == "clean" else f"{name}, {psnr(window, clean, data_range=255):.2f} dB"
            x = k * (side + gap)
            figure.text(x / width, (top - 1.5 * line) / height, words, va="center", size=9)
            figure.figimage(window.repeat(2, 0).repeat(2, 1), x, top - 2 * line - 2 * len(window))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    samples = np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
    write_image(path, Image(samples=samples), overwrite=True)


def centre(image: Levels) -> Levels:
    """The window that a gallery shows."""
    top, left = (max(0, (extent - WINDOW) // 2) for extent in image.shape[:2])
    return image[top : top + WINDOW, left : left + WINDOW]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--polyu", type=Path, metavar="FOLDER", help="draw crops of PolyU there")
    options = parser.parse_args()
    options.crops = None
    use_one_thread()
    if options.data_dir is None:
        parser.error("say where the images are: --data-dir FOLDER, or the variable PELLUCID_DATA")
    if options.polyu:
        if options.polyu.resolve().is_relative_to(HERE.parent.resolve()):
            parser.error("PolyU's licence keeps its crops out of the repository: name another folder")
        options.polyu.mkdir(parents=True, exist_ok=True)
        draw_gallery(list(read_crops(options))[6::12], options.polyu / "polyu.png")  # eight, not selected
    draw_gallery(list(scenes(options)), DOCS / "images" / "photos.png")


if __name__ == "__main__":
    main()
