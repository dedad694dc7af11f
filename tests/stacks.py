"""Stacks in files, made and read by each format's own library."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

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
    _tiff("one-directory-shaped", truncate=True, photometric="minisblack", dtypes=("int16", "float64"),
          metadata={"axes": "ZYX"}),
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


# ---- arrays --------------------------------------------------------------------------------------


def _npz(path: Path, array: Array) -> None:
    np.savez_compressed(path, volume=array, affine=np.eye(4), names=np.array(["a", "b"]))


def _npz_facts(path: Path) -> Any:
    with np.load(path) as found:
        return sorted(found), found["affine"].tolist(), found["names"].tolist()


def _nifti(path: Path, array: Array, kind: str = "Nifti1", order: Literal["<", ">"] = "<") -> None:
    """With everything that a header can hold; the array is (z, y, x), and a NIfTI (x, y, z)."""
    import nibabel

    affine = np.array([[-0.7, 0.02, 0, 90], [0.01, 0.8, 0.1, -120], [0, 0, 3.3, -70], [0, 0, 0, 1]])
    header = getattr(nibabel, f"{kind}Header")(endianness=order)
    header.set_data_dtype(array.dtype.newbyteorder(order))
    image = getattr(nibabel, f"{kind}Image")(array.T, affine, header)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"], image.header["aux_file"] = b"a scan", b"none"
    image.header["cal_max"], image.header["toffset"] = 99, 2.5
    image.header.set_intent("t test", (9,), name="here")
    if array.dtype.kind in "iu":
        image.header.set_slope_inter(0.37, -12.0)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"kept"))
    nibabel.save(image, path)


def _nifti_values(path: Path) -> Array:
    return np.asarray(_loaded(path).dataobj.get_unscaled()).T


def _loaded(path: Path) -> Any:
    import nibabel

    if path.suffix == ".mgh":  # whose file nibabel would leave open
        return nibabel.MGHImage.from_bytes(path.read_bytes())
    return nibabel.load(path)


def _nifti_facts(path: Path) -> Any:
    image = _loaded(path)
    extensions = [(each.get_code(), each.get_content()) for each in image.header.extensions]
    return image.header.binaryblock, extensions, image.affine.tolist()


def _mgh(path: Path, array: Array) -> None:
    import nibabel

    affine = np.array([[-1, 0, 0, 90], [0, 0, 1, -120], [0, -1, 0, 70], [0, 0, 0, 1.0]])
    image: Any = nibabel.MGHImage  # which is not typed
    nibabel.save(image(array.T, affine), path)


def _mgh_facts(path: Path) -> Any:
    image = _loaded(path)
    return image.header.binaryblock, image.affine.tolist()


def _fits(path: Path, array: Array) -> None:
    """A primary image with sums of control and a world, a mask, and a table behind it."""
    from astropy.io import fits

    units = fits.HDUList([fits.PrimaryHDU(array), fits.ImageHDU(np.eye(40, dtype=np.int16), name="DQ")])
    units.append(fits.BinTableHDU.from_columns([fits.Column("x", "E", array=np.arange(5.0))], name="STARS"))
    units[0].header["CTYPE1"], units[0].header["CDELT1"], units[0].header["BUNIT"] = "RA---TAN", 0.01, "adu"
    units.writeto(path, checksum=True)


def _fits_values(path: Path) -> Array:
    from astropy.io import fits

    with fits.open(path, checksum=True, memmap=False) as units:  # wrong sums are warnings, which are errors
        return np.array(units[0].data)


def _fits_facts(path: Path) -> Any:
    from astropy.io import fits

    renewed = ("CHECKSUM", "DATASUM")
    with fits.open(path) as units:
        headers = [[card for card in unit.header.cards if card.keyword not in renewed] for unit in units]
        return repr(headers), units[1].data.tolist(), units[2].data.tolist()


KINDS += (
    Kind("npy", ".npy", (*INTEGERS, *FLOATS, "float16", "int64"), np.save, np.load, lambda path: None,
         axes="ZYX"),
    Kind("npy-fortran", ".npy", ("uint16",), lambda path, array: np.save(path, np.asfortranarray(array)),
         np.load, lambda path: np.load(path).flags.f_contiguous, axes="ZYX"),
    Kind("npy-big-endian", ".npy", ("uint16",), lambda path, array: np.save(path, array.astype(">u2")),
         np.load, lambda path: np.load(path).dtype.str, axes="ZYX"),
    Kind("npz", ".npz", ("uint16", "float32"), _npz, lambda path: np.load(path)["volume"], _npz_facts,
         axes="ZYX"),
    Kind("nifti", ".nii", (*INTEGERS, *FLOATS), _nifti, _nifti_values, _nifti_facts, "nibabel"),
    Kind("nifti-2", ".nii", ("int16", "float32"), lambda path, array: _nifti(path, array, "Nifti2"),
         _nifti_values, _nifti_facts, "nibabel"),
    Kind("nifti-big-endian", ".nii", ("int16", "float32"), lambda path, array: _nifti(path, array, order=">"),
         _nifti_values, _nifti_facts, "nibabel"),
    Kind("nifti-gz", ".nii.gz", ("int16",), _nifti, _nifti_values, _nifti_facts, "nibabel"),
    Kind("mgh", ".mgh", ("uint8", "int16", "int32", "float32"), _mgh, _nifti_values, _mgh_facts, "nibabel"),
    Kind("mgz", ".mgz", ("int16",), _mgh, _nifti_values, _mgh_facts, "nibabel"),
    Kind("fits", ".fits", (*INTEGERS, *FLOATS, "int64"), _fits, _fits_values, _fits_facts, "astropy"),
    Kind("fits-gz", ".fits.gz", ("uint16",), _fits, _fits_values, _fits_facts, "astropy"),
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
