"""Stacks in files, made and read by each format's own library."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

Array = NDArray[Any]


def volume(
    *shape: int, dtype: str = "uint16", seed: int = 0, mean: float = 400.0, photons: bool = True
) -> Array:
    """A volume of smooth light and dark with photon noise, whose last two axes are rows and columns."""
    rows, columns = np.mgrid[: shape[-2], : shape[-1]] / 16.0
    clean = mean * (1.2 + np.sin(rows) * np.cos(columns)) * np.ones(shape)
    noisy = np.random.default_rng(seed).poisson(clean) if photons else clean
    kind = np.dtype(dtype)
    if kind.kind in "iu":
        noisy = np.clip(noisy, np.iinfo(kind).min, np.iinfo(kind).max)
    return np.asarray(noisy, kind)


@dataclass(frozen=True)
class Kind:
    """A kind of file that may have many planes.

    Parameters
    ----------
    name : str
        For the test's name.
    suffix : str
    dtypes : tuple of str
    write : function of a path and an array (z, y, x)
        By the format's own library.
    read : function of a path
        The array, likewise.
    facts : function of a path
        Everything else in the file that can be compared.
    module : str
        The library.
    axes : str, optional
        What the caller must say.
    """

    name: str
    suffix: str
    dtypes: tuple[str, ...]
    write: Callable[[Path, Array], object]
    read: Callable[[Path], Array]
    facts: Callable[[Path], Any]
    module: str = "numpy"
    axes: str | None = None


INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32")
FLOATS = ("float32", "float64")


# ---- TIFF ----------------------------------------------------------------------------------------

PLACES = (273, 279, 324, 325)  # of strips and tiles, which may move


def tiff_facts(path: Path) -> Any:
    """Tags, series, and the text around the pixels."""
    with tifffile.TiffFile(path) as tiff:
        tags = [
            {tag.code: repr(tag.value) for tag in page.aspage().tags if tag.code not in PLACES}
            for page in tiff.pages
        ]
        series = [(each.axes, each.shape, each.dtype, len(each.levels)) for each in tiff.series]
        return tags, series, tiff.ome_metadata, tiff.imagej_metadata, tiff.byteorder, tiff.is_bigtiff


def tiff(**options: Any) -> Callable[[Path, Array], None]:
    """A writer with options of tifffile."""

    def write(path: Path, array: Array) -> None:
        tifffile.imwrite(path, array, **options)

    return write


def _tiff(
    name: str, suffix: str = ".tif", dtypes: tuple[str, ...] = (*INTEGERS, *FLOATS), **options: Any
) -> Kind:
    needs = options.get("compression") not in (None, "zlib", "lzma") or options.get("predictor") == 3
    module = "imagecodecs" if needs else "tifffile"
    return Kind(name, suffix, dtypes, tiff(**options), tifffile.imread, tiff_facts, module)


OME = {"axes": "ZYX", "PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm", "PhysicalSizeZ": 0.5}
KINDS: tuple[Kind, ...] = (
    _tiff("tiff", photometric="minisblack", dtypes=(*INTEGERS, *FLOATS, "float16", "int64")),
    _tiff("big-endian", photometric="minisblack", byteorder=">"),
    _tiff("bigtiff", photometric="minisblack", bigtiff=True, dtypes=("uint16",)),
    _tiff("imagej", imagej=True, dtypes=("uint8", "uint16", "float32"), resolution=(9.5, 9.5),
          metadata={"axes": "ZYX", "spacing": 0.7, "unit": "um", "finterval": 2.5}),
    _tiff("one-directory", imagej=True, truncate=True, dtypes=("uint16", "float32"),
          metadata={"axes": "ZYX"}),
    _tiff("one-directory-shaped", truncate=True, photometric="minisblack", dtypes=("int16", "float64"), metadata={"axes": "ZYX"}),
    _tiff("ome", ".ome.tif", dtypes=("uint16", "int16", "float32"), metadata=OME),
    _tiff("tiled", tile=(32, 48), photometric="minisblack", dtypes=("uint16", "float32")),
    _tiff("deflate", compression="zlib", photometric="minisblack", rowsperstrip=7),
    _tiff("deflate-2", compression="zlib", predictor=2, photometric="minisblack", byteorder=">",
          rowsperstrip=7, dtypes=INTEGERS),
    _tiff("tiled-deflate", compression="zlib", predictor=2, tile=(32, 48), photometric="minisblack",
          dtypes=("uint16",)),
    _tiff("lzw", compression="lzw", predictor=2, photometric="minisblack", dtypes=("uint8", "uint16")),
    _tiff("zstd", compression="zstd", photometric="minisblack", dtypes=("uint16", "float64")),
    _tiff("float-predictor", compression="zlib", predictor=3, photometric="minisblack", dtypes=FLOATS),
    _tiff("packbits", compression="packbits", photometric="minisblack", dtypes=("uint8",)),
    _tiff("lzma", compression="lzma", photometric="minisblack", dtypes=("uint16",)),
    Kind("white-is-zero", ".tif", ("uint8", "uint16"),
         lambda path, array: tifffile.imwrite(path, ~array, photometric="miniswhite"),
         lambda path: np.asarray(~tifffile.imread(path)), tiff_facts),
)  # fmt: skip


def parameters() -> list[Any]:
    """Each kind with each of its dtypes, skipped where its library is not installed."""
    return [
        pytest.param(
            kind,
            dtype,
            id=f"{kind.name}-{dtype}",
            marks=[pytest.mark.skipif(find_spec(kind.module) is None, reason=f"needs {kind.module}")],
        )
        for kind in KINDS
        for dtype in kind.dtypes
    ]
