"""How much memory an image needs: a gigapixel against 50 megapixels, through the real command.

    python -m benchmarks.memory                       # an hour and 6 GB of disk
    python -m benchmarks.memory --only tiff --model photo-fast

A grey BigTIFF in tiles and a colour PNG, both of 8 bits, and a stack of 16 bits are made, denoised with
``--memory 1G``, and removed. Peak resident memory and seconds a megapixel must hardly grow with the image.
"""

import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from benchmarks.common import Desk, add_noise, arguments, facts, run_command, table
from benchmarks.speed import PROGRAM

SIGMA, MEMORY = 25, "1G"
SMALL = 7071  # pixels a side: 50 megapixels
TILE = 256


def pattern(channels: int) -> NDArray[np.uint8]:
    """A noisy square (256, 256, channels) of which the images are made."""
    rows, columns = np.mgrid[:TILE, :TILE].astype(np.float32) / TILE
    clean = (0.5 + 0.3 * np.sin(2 * np.pi * rows) * np.cos(2 * np.pi * columns))[..., None]
    noisy = add_noise(clean.repeat(channels, axis=2), SIGMA, clipped=True)
    return np.asarray(np.rint(noisy * 255), np.uint8)


def make_tiff(path: Path, side: int) -> None:
    """A grey BigTIFF in tiles without compression."""
    square, count = pattern(1)[..., 0], -(-side // TILE)
    tiles: Iterator[NDArray[np.uint8]] = (square for _ in range(count * count))
    tifffile.imwrite(
        path, tiles, shape=(side, side), dtype=np.uint8, tile=(TILE, TILE), bigtiff=True, metadata=None
    )


def make_png(path: Path, side: int) -> None:
    """A colour PNG, row by row: each begins with its filter, none."""
    square = np.tile(pattern(3), (1, -(-side // TILE), 1))[:, :side].reshape(TILE, -1)
    rows = np.pad(square, ((0, 0), (1, 0))).tobytes()
    length, packer = 3 * side + 1, zlib.compressobj(1)
    with path.open("wb") as file:

        def chunk(name: bytes, data: bytes) -> None:
            checksum = zlib.crc32(name + data)
            file.write(struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum))

        file.write(b"\x89PNG\r\n\x1a\n")
        chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        for top in range(0, side, TILE):
            chunk(b"IDAT", packer.compress(rows[: length * min(TILE, side - top)]))
        chunk(b"IDAT", packer.flush())
        chunk(b"IEND", b"")


def make_stack(path: Path, planes: int) -> None:
    """A BigTIFF with pages of a megapixel and 16 bits; 1024 of them are 2 GB."""
    square = np.tile(pattern(1)[..., 0].astype(np.uint16) * 257, (4, 4))
    pages: Iterator[NDArray[np.uint16]] = (np.roll(square, 37 * number, axis=0) for number in range(planes))
    tifffile.imwrite(
        path, pages, shape=(planes, *square.shape), dtype=np.uint16, bigtiff=True, photometric="minisblack"
    )


def make_zarr(path: Path, planes: int) -> None:
    """An OME-Zarr with planes of a megapixel, floats in chunks, and a smaller level; 1024 planes are 4 GB."""
    import zarr

    group: Any = zarr.open_group(path, mode="w")
    square = np.tile(pattern(1)[..., 0].astype(np.float32) / 255, (4, 4))
    for level, side in (("0", 1024), ("1", 512)):
        array = group.create_array(
            level, shape=(planes, side, side), dtype="float32", chunks=(1, side // 2, side // 2)
        )
        for number in range(planes):
            array[number] = np.roll(square, 37 * number, axis=0)[:: 1024 // side, :: 1024 // side]
    axes = [{"name": name, "type": "space"} for name in "zyx"]
    datasets = [
        {"path": level, "coordinateTransformations": [{"type": "scale", "scale": [1, step, step]}]}
        for level, step in (("0", 1), ("1", 2))
    ]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}


FORMATS: dict[str, tuple[Callable[[Path, int], None], tuple[int, int, int], str]] = {
    "tiff": (make_tiff, (600, SMALL, 32768), "{0} x {0}"),
    "png": (make_png, (600, SMALL, 30000), "{0} x {0}"),
    "stack": (make_stack, (2, 48, 1024), "{0} planes of 1024 x 1024"),
    "zarr": (make_zarr, (2, 48, 1024), "{0} planes of 1024 x 1024"),
}
"""How a file is made, its sizes (for CI, small, large), and what a size is."""


def measure(desk: Desk, name: str, model: str) -> dict[str, Any]:
    """Peak megabytes and seconds a megapixel of the small and the large image, and their ratios."""
    make, (tiny, small, large), words = FORMATS[name]
    figures: dict[str, Any] = {}
    for size in (tiny, 2 * tiny) if desk.tiny else (small, large):
        suffix = "tif" if name == "stack" else name
        source, target = desk.scratch / f"noisy.{suffix}", desk.scratch / f"clean.{suffix}"
        make(source, size)
        command = [PROGRAM, "denoise", str(source), "-o", str(target), "--memory", MEMORY, "--quiet"]
        command += ["--model", model, "--sigma", str(SIGMA), "--max-pixels", "2000000000"]
        done = run_command(command)
        for each in (source, target):
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        million = (size * 2**20 if name in ("stack", "zarr") else size * size) / 1e6
        key = words.format(size)
        figures[key] = {
            "megabytes": round(done.megabytes),
            "cpu seconds a megapixel": round(done.cpu / million, 3),
            "wall seconds a megapixel": round(done.wall / million, 3),
        }
        print(name, size, figures[key], flush=True)
    first, last = figures.values()
    figures["ratio"] = {key: round(last[key] / first[key], 3) for key in first}
    return figures


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=FORMATS, help="one of the formats")
    parser.add_argument("--model", default="gaussian-instant", help="the network; default: gaussian-instant")
    options = parser.parse_args()
    desk = Desk("memory", options)
    figures = desk.read()
    for name in FORMATS:
        if options.only in (None, name):
            key = f"{name.upper()}, {options.model}"
            figures[key] = {**measure(desk, name, options.model), "facts": facts()}
            desk.write(figures)
    desk.publish(tables(figures))


def tables(figures: dict[str, Any]) -> str:
    header = ("File, network", "pixels", "peak megabytes", "CPU seconds a megapixel", "wall")
    rows = [
        [name, size, *each.values()]
        for name, part in figures.items()
        for size, each in part.items()
        if size != "facts"
    ]
    return f"`pellucid denoise --memory {MEMORY}`, 8 bits, the stack 16, the Zarr 32:\n\n" + table(
        header, rows
    )


if __name__ == "__main__":
    main()
