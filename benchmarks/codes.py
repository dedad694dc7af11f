"""What the code of an autoencoder is worth: beside PCA, and beside JPEG and WebP.

    python -m benchmarks.codes                                     # everything; CPU time is told below
    python -m benchmarks.codes --parts pca --numbers 16            # one fit beside PCA
    python -m benchmarks.codes --parts files --model mnist=run/mnist-dense.onnx
    python -m benchmarks.codes --draw                              # from the figures that are kept

The autoencoder is `AutoencoderTransformer` with its own defaults and seed 0, on one thread. It and PCA learn
from the 55,000 training images of MNIST or Fashion-MNIST and are judged on the 10,000 test images. Each
run adds its figures to those kept in results/codes.json, and renews the tables and the image.
"""

import argparse
import functools
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from benchmarks.common import Desk, arguments, facts, table
from pellucid.datasets.named import load_dataset
from pellucid.evaluation.codes import REFERENCES, accuracy
from pellucid.inference.codec import Codec, Codes, network_file, quantise, restore, write_codes
from pellucid.io.vips import vips
from pellucid.io.image import from_float, to_float
from pellucid.sklearn import AutoencoderTransformer

Figures: TypeAlias = dict[str, Any]
Floats: TypeAlias = NDArray[np.float32]

NUMBERS = (2, 4, 8, 16, 32, 64)
ERRORS = (0.002, 0.005, 0.01, 0.02, 0.05)  # where the image has lines
STORED = (16, 64)  # numbers of the codes that are compared with files
SETS = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}
AUTOENCODER = "autoencoder"
METHODS = ("PCA", AUTOENCODER)


@dataclass(frozen=True)
class Images:
    """Images of one size as rows, float32 (n, pixels), 0 to 1."""

    train: Floats
    labels: NDArray[np.int64]
    test: Floats
    test_labels: NDArray[np.int64]
    side: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the test images."""
        return len(self.test), self.side, self.side, 1


@functools.cache
def load(name: str, data_dir: Path | None, tiny: bool) -> Images:
    """A set; a tiny run takes the 8 x 8 digits that come with scikit-learn for each."""
    if tiny:
        rows, labels = load_digits(return_X_y=True)
        rows = (rows / 16).astype(np.float32)
        return Images(rows[:1000], labels[:1000], rows[1000:1100], labels[1000:1100], 8)
    found = load_dataset(name, data_dir=data_dir)
    assert found.train_labels is not None
    assert found.test_labels is not None
    train, test = (to_float(part).reshape(len(part), -1) for part in (found.train, found.test))
    return Images(train, found.train_labels, test, found.test_labels, found.test.shape[1])


@functools.cache
def fitted(method: str, name: str, numbers: int, data_dir: Path | None, tiny: bool) -> tuple[Any, float]:
    """A fitted transformer, and the CPU seconds that it took."""
    quick: dict[str, Any] = {"hidden": (32,), "epochs": 2} if tiny else {}
    transformer: Any = PCA(numbers, random_state=0)
    if method == AUTOENCODER:
        transformer = AutoencoderTransformer(numbers, random_state=0, **quick)
    rows = load(name, data_dir, tiny).train
    began = time.process_time()
    transformer.fit(rows)
    return transformer, time.process_time() - began


# ---- beside PCA ------------------------------------------------------------------------------------


def beside_pca(method: str, numbers: int, options: argparse.Namespace) -> Figures:
    """The error of rebuilt test images of MNIST, and how many digits the nearest codes tell."""
    images = load("mnist", options.data_dir, options.tiny)
    transformer, seconds = fitted(method, "mnist", numbers, options.data_dir, options.tiny)
    codes = transformer.transform(images.test)
    rebuilt = transformer.inverse_transform(codes)
    references = transformer.transform(images.train[:REFERENCES])
    return {
        "mse": round(float(np.mean((rebuilt - images.test) ** 2)), 6),
        "accuracy": told(images, references, codes),
        "cpu_seconds": round(seconds, 1),
    }


def told(images: Images, references: NDArray[Any], codes: NDArray[Any]) -> float:
    """The share of test images whose class their nearest references tell."""
    share = accuracy(references, codes, images.labels, images.test_labels)
    assert share is not None  # both sets have classes
    return round(share, 4)


def pca_table(figures: Figures) -> str:
    found = {name: figures["pca"].get(name, {}) for name in METHODS}
    columns = {"MSE": ("mse", "{:.4f}"), "5-NN accuracy": ("accuracy", "{:.1%}")}
    columns["CPU seconds of fit"] = ("cpu_seconds", "{:.1f}")
    rows = [
        [count, *(_cell(found[name].get(count), *column) for column in columns.values() for name in METHODS)]
        for count in sorted(set().union(*found.values()), key=int)
    ]
    text = "MNIST, test images, by the numbers in the code:\n\n"
    text += table(("Numbers", *(f"{what}, {name}" for what in columns for name in METHODS)), rows)
    return text + f"\n5-NN accuracy on the pixels themselves: {figures['pixels']['accuracy']:.1%}.\n"


def _cell(entry: Figures | None, key: str, shape: str) -> str:
    return shape.format(entry[key]) if entry else "–"


def draw(figures: Figures, path: Path) -> None:
    """Error and accuracy of both methods against the numbers in the code."""
    import matplotlib.ticker
    from matplotlib.figure import Figure

    # One grey for the words that white and black pages both let read, and nothing behind them.
    words, colours, marks = "#808080", ("#d55e00", "#0f7fc4"), ("s", "o")
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "pellucid", "font.size": 11}):
        figure = Figure(figsize=(8, 3.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        for name, colour, mark in zip(METHODS, colours, marks, strict=True):
            entries = sorted((int(count), entry) for count, entry in figures["pca"].get(name, {}).items())
            counts = [count for count, _ in entries]
            for axes, key in ((left, "mse"), (right, "accuracy")):
                values = [entry[key] for _, entry in entries]
                axes.plot(counts, values, color=colour, marker=mark, markersize=7, linewidth=2, label=name)
        right.axhline(figures["pixels"]["accuracy"], color=words, linestyle="--", label="pixels")
        left.set_yscale("log")
        left.set_yticks(ERRORS, [f"{error:g}" for error in ERRORS])
        left.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        left.set_ylabel("mean squared error", color=words)
        right.set_ylabel("5-NN accuracy", color=words)
        right.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, decimals=0))
        for axes in (left, right):
            axes.set_xscale("log", base=2)
            axes.set_xticks(NUMBERS, list(map(str, NUMBERS)))
            axes.set_xlabel("numbers in the code", color=words)
            axes.grid(color=words, alpha=0.25)
            axes.tick_params(which="both", colors=words)
            axes.spines[:].set_color(words)
            axes.legend(labelcolor=words, frameon=False)
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, transparent=True, metadata={"Date": None})


# ---- beside JPEG and WebP --------------------------------------------------------------------------


def code_files(name: str, desk: Desk, options: argparse.Namespace) -> Figures:
    """Codes of 8 bits a number: of PCA, of the autoencoder, and of the networks that --model names."""
    images = load(name, options.data_dir, options.tiny)
    found = {}
    for method, numbers in itertools.product(METHODS, options.stored):
        transformer, _ = fitted(method, name, numbers, options.data_dir, options.tiny)
        codes = transformer.transform(images.test).astype(np.float32)
        found[f"{method}, {numbers} numbers"] = stored(desk, images, codes, transformer.inverse_transform)
    for text in options.model:
        owner, _, path = text.partition("=")
        if owner == name:
            codec = Codec(network_file(path))
            codes = codec.encode(images.test.reshape(images.shape))
            title = f"{codec.card.name}, {math.prod(codes.shape[1:])} numbers"
            found[title] = stored(desk, images, codes, codec.decode)
    return found


def stored(desk: Desk, images: Images, codes: Floats, decode: Callable[[Floats], Floats]) -> Figures:
    """Round codes to 8 bits, write their file, and judge what comes back."""
    path = desk.scratch / "codes.npz"
    write_codes(path, Codes(values=codes, model=""), bits=8, overwrite=True)
    decoded = decode(restore(*quantise(codes))).reshape(images.test.shape)
    sizes = {"bytes": path.stat().st_size / len(codes), "data": float(math.prod(codes.shape[1:]))}
    return judged(decoded, images.test) | {key: round(value, 1) for key, value in sizes.items()}


def judged(decoded: NDArray[Any], clean: Floats) -> Figures:
    """Mean squared error, and the mean of the images' PSNR in dB."""
    errors = np.mean((decoded.clip(0, 1) - clean) ** 2, axis=1).clip(1e-10)  # a black image may be exact
    return {"mse": round(float(errors.mean()), 6), "psnr": round(float(np.mean(-10 * np.log10(errors))), 2)}


def image_files(name: str, options: argparse.Namespace) -> Figures:
    """Each image a file of the lowest quality; then all on one sheet, as large as the codes."""
    images = load(name, options.data_dir, options.tiny)
    found = {}
    for kind, (save, data) in FORMATS.items():
        files = [save(image, 1) for image in samples_of(images)]
        decoded = np.stack([decoded_file(each) for each in files]).reshape(images.test.shape)
        sizes = {
            "bytes": np.mean([len(each) for each in files]),
            "data": np.mean([data(each) for each in files]),
        }
        found[f"{kind}, each image a file, quality 1"] = judged(decoded, images.test) | {
            key: round(float(value), 1) for key, value in sizes.items()
        }
        for target in options.stored:
            quality, file = sheet_of(images, save, target)
            decoded = unsheet(decoded_file(file), images)
            size = len(file) / images_on(images)
            title = f"{kind}, all on one sheet, quality {quality}"
            found[title] = judged(decoded, images.test[: len(decoded)]) | {"bytes": round(size, 1)}
    return found


def samples_of(images: Images) -> NDArray[np.uint8]:
    """Test images, uint8 (n, height, width)."""
    samples: NDArray[np.uint8] = from_float(images.test, np.uint8).reshape(-1, images.side, images.side)
    return samples


def images_on(images: Images) -> int:
    """How many images the largest square sheet holds."""
    return math.isqrt(len(images.test)) ** 2


def sheet_of(
    images: Images, save: Callable[[NDArray[np.uint8], int], bytes], target: float
) -> tuple[int, bytes]:
    """The lowest quality at which all images together take `target` bytes each, and their file."""
    rows, side = math.isqrt(len(images.test)), images.side
    tiles = samples_of(images)[: rows**2].reshape(rows, rows, side, side)
    sheet = np.ascontiguousarray(tiles.transpose(0, 2, 1, 3).reshape(rows * side, rows * side))
    low, high = 1, 100
    while low < high:  # a file grows with its quality
        middle = (low + high) // 2
        if len(save(sheet, middle)) < target * rows**2:
            low = middle + 1
        else:
            high = middle
    return low, save(sheet, low)


def unsheet(sheet: Floats, images: Images) -> Floats:
    """The images of a sheet as rows (n, pixels)."""
    rows, side = len(sheet) // images.side, images.side
    return sheet.reshape(rows, side, rows, side).transpose(0, 2, 1, 3).reshape(rows**2, -1)


def save_jpeg(samples: NDArray[np.uint8], quality: int) -> bytes:
    vips_image = vips().Image.new_from_array(samples)
    content: bytes = vips_image.jpegsave_buffer(Q=quality, optimize_coding=True, keep="none")
    return content


def save_webp(samples: NDArray[np.uint8], quality: int) -> bytes:
    vips_image = vips().Image.new_from_array(samples)
    content: bytes = vips_image.webpsave_buffer(Q=quality, effort=6, keep="none")
    return content


def decoded_file(content: bytes) -> Floats:
    """A grey image (height, width), 0 to 1."""
    pixels = to_float(vips().Image.new_from_buffer(content, "").numpy())
    return pixels if pixels.ndim == 2 else pixels.mean(axis=2)


def jpeg_data(content: bytes) -> int:
    """The bytes after the tables: what a receiver that has them already would need."""
    start = content.index(b"\xff\xda")  # start of scan, behind which its own header lies
    header = int.from_bytes(content[start + 2 : start + 4])
    return len(content) - start - 2 - header - 2  # and the end mark


def webp_data(content: bytes) -> int:
    """The bytes after the heads of the container (20) and of the frame (10)."""
    return len(content) - 30


FORMATS = {"JPEG": (save_jpeg, jpeg_data), "WebP": (save_webp, webp_data)}


def files_table(figures: Figures) -> str:
    text = "Bytes an image and PSNR:\n\n"
    rows = [
        [
            SETS[name],
            method,
            f"{entry['bytes']:.1f}",
            f"{entry['data']:.1f}" if "data" in entry else "–",
            f"{entry['psnr']:.2f}",
            f"{entry['mse']:.4f}",
        ]
        for name in SETS
        for method, entry in figures["files"].get(name, {}).items()
    ]
    return text + table(("Set", "How", "Bytes", "Without headers", "PSNR, dB", "MSE"), rows)


# ---- the run ---------------------------------------------------------------------------------------


def parse() -> argparse.Namespace:
    parser = arguments(__doc__)
    parser.add_argument("--numbers", default=",".join(map(str, NUMBERS)), help="(default: %(default)s)")
    parser.add_argument("--parts", default="pca,files", help="(default: %(default)s)")
    parser.add_argument(
        "--model", action="append", default=[], metavar="SET=FILE", help="a network whose code is stored too"
    )
    parser.add_argument("--draw", action="store_true", help="measure nothing")
    options = parser.parse_args()
    options.numbers = [int(each) for each in options.numbers.split(",")]
    options.parts = options.parts.split(",")
    if unknown := set(options.parts) - {"pca", "files"}:
        parser.error(f"unknown parts: {', '.join(unknown)}")
    options.stored = STORED
    if options.tiny:
        options.numbers, options.stored = [2, 4], (4,)
    return options


def measure(desk: Desk, options: argparse.Namespace, figures: Figures) -> None:
    run = facts()
    run["versions"] |= {name: version(name) for name in ("scikit-learn", "torch", "pyvips-binary")}
    figures.setdefault("runs", {})[run["date"]] = run
    if "pca" in options.parts:
        images = load("mnist", options.data_dir, options.tiny)
        pixels = told(images, images.train[:REFERENCES], images.test)
        figures["pixels"] = {"accuracy": pixels, "run": run["date"]}
        for numbers, method in itertools.product(options.numbers, METHODS):
            entry = beside_pca(method, numbers, options)
            figures.setdefault("pca", {}).setdefault(method, {})[str(numbers)] = entry | {"run": run["date"]}
            print(method, numbers, entry, flush=True)
            desk.write(figures)
    for name in SETS if "files" in options.parts else ():
        found = code_files(name, desk, options) | image_files(name, options)
        entries = {title: entry | {"run": run["date"]} for title, entry in found.items()}
        figures.setdefault("files", {})[name] = entries
        desk.write(figures)


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    desk = Desk("codes", options)
    figures = desk.read()
    if not options.draw:
        measure(desk, options, figures)
    desk.forget_old_runs(figures)
    desk.write(figures)
    texts = []
    if "pca" in figures:
        draw(figures, desk.figures / "codes.svg")
        texts.append(pca_table(figures))
    if "files" in figures:
        texts.append(files_table(figures))
    desk.publish("\n".join(texts))


if __name__ == "__main__":
    main()
