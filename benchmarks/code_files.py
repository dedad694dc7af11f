"""How small codes are in a file, compared with JPEG and WebP of the same images.

    python -m benchmarks.code_files
    python -m benchmarks.code_files --model mnist=run/mnist-dense.onnx

The codes are those of PCA and of the autoencoder of `benchmarks.codes`, in 8 bits, and of the networks that
--model names. Each run renews results/code_files.json and the table.
"""

import argparse
import itertools
import math
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.codes import METHODS, Figures, Floats, Images, fitted, load
from benchmarks.common import Desk, arguments, facts, table
from pellucid.inference.codec import Codec, Codes, network_file, quantise, restore, write_codes
from pellucid.io.image import from_float, to_float
from pellucid.io.vips import vips

STORED = (16, 64)  # dimensions of the codes
SETS = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}


def code_files(name: str, desk: Desk, options: argparse.Namespace) -> Figures:
    """Codes of 8 bits a dimension: of PCA, of the autoencoder, and of the networks that --model names."""
    images = load(name, options.data_dir, options.tiny)
    found = {}
    for method, numbers in itertools.product(METHODS, options.stored):
        transformer, _ = fitted(method, name, numbers, options.data_dir, options.tiny)
        codes = transformer.transform(images.test).astype(np.float32)
        found[f"{method}, {numbers} dimensions"] = stored(desk, images, codes, transformer.inverse_transform)
    for text in options.model:
        owner, _, path = text.partition("=")
        if owner == name:
            codec = Codec(network_file(path))
            codes = codec.encode(images.test.reshape(images.shape))
            title = f"{codec.card.name}, {math.prod(codes.shape[1:])} dimensions"
            found[title] = stored(desk, images, codes, codec.decode)
    return found


def stored(desk: Desk, images: Images, codes: Floats, decode: Callable[[Floats], Floats]) -> Figures:
    """Round codes to 8 bits, write their file, and evaluate the decoded images."""
    path = desk.scratch / "codes.npz"
    write_codes(path, Codes(values=codes, model=""), bits=8, overwrite=True)
    decoded = decode(restore(*quantise(codes))).reshape(images.test.shape)
    sizes = {"bytes": path.stat().st_size / len(codes), "data": float(math.prod(codes.shape[1:]))}
    return errors_of(decoded, images.test) | {key: round(value, 1) for key, value in sizes.items()}


def errors_of(decoded: NDArray[Any], clean: Floats) -> Figures:
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
        found[f"{kind}, each image a file, quality 1"] = errors_of(decoded, images.test) | {
            key: round(float(value), 1) for key, value in sizes.items()
        }
        for target in options.stored:
            quality, file = sheet_of(images, save, target)
            decoded = unsheet(decoded_file(file), images)
            size = len(file) / images_on(images)
            title = f"{kind}, all on one sheet, quality {quality}"
            found[title] = errors_of(decoded, images.test[: len(decoded)]) | {"bytes": round(size, 1)}
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
    start = content.index(b"\xff\xda")  # start of scan, followed by its own header
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


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument(
        "--model", action="append", default=[], metavar="SET=FILE", help="a network whose code is stored too"
    )
    options = parser.parse_args()
    options.stored = (4,) if options.tiny else STORED
    torch.set_num_threads(1)
    desk, run = Desk("code_files", options), facts()
    run["versions"] |= {name: version(name) for name in ("scikit-learn", "torch", "pyvips-binary")}
    figures: Figures = {"runs": {run["date"]: run}}
    for name in SETS:
        found = code_files(name, desk, options) | image_files(name, options)
        figures.setdefault("files", {})[name] = {
            title: entry | {"run": run["date"]} for title, entry in found.items()
        }
        desk.write(figures)
    desk.publish(files_table(figures))


if __name__ == "__main__":
    main()
