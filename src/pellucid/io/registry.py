"""All file formats: the one list from which everything else about formats is derived."""

import os
from collections.abc import Iterator
from pathlib import Path

from pellucid.io.format import Format
from pellucid.io.formats.avif import AVIF
from pellucid.io.formats.bmp import BMP
from pellucid.io.formats.dicom import DICOM
from pellucid.io.formats.fits import FITS
from pellucid.io.formats.gif import GIF
from pellucid.io.formats.heic import HEIC
from pellucid.io.formats.jp2 import JP2
from pellucid.io.formats.jpeg import JPEG
from pellucid.io.formats.jxl import JXL
from pellucid.io.formats.mgh import MGH
from pellucid.io.formats.nifti import NIFTI
from pellucid.io.formats.npy import NPY
from pellucid.io.formats.npz import NPZ
from pellucid.io.formats.ome_zarr import OME_ZARR
from pellucid.io.formats.png import PNG
from pellucid.io.formats.pnm import PNM
from pellucid.io.formats.tiff import TIFF
from pellucid.io.formats.webp import WEBP

FORMATS: tuple[Format, ...] = (
    PNG,
    JPEG,
    DICOM,
    TIFF,
    WEBP,
    AVIF,
    HEIC,
    GIF,
    BMP,
    PNM,
    JP2,
    JXL,
    NPY,
    NPZ,
    NIFTI,
    MGH,
    FITS,
    OME_ZARR,
)

DOCUMENTS = (".pdf",)
"""Suffixes of files that contain images and other things, of which the images are denoised in place."""

# What other files begin with, their names, and what Pellucid reads instead.
_FOREIGN = {
    b"P7": ("a PAM", "PNG"),
    b"Pf": ("a PFM", "TIFF with 32-bit floats"),
    b"PF": ("a PFM", "TIFF with 32-bit floats"),
    b"%PDF": ("a PDF", "PNG, one for each page, or clean its scans by pellucid denoise or denoise_file"),
    b"8BPS": ("a Photoshop file", "TIFF"),
    b"v/1\x01": ("an OpenEXR file", "TIFF with 32-bit floats"),
    b"\x89HDF": ("an HDF5 file, such as MINC 2 or Imaris", "NIfTI or OME-TIFF"),
    b"CDF\x01": ("a netCDF file, such as MINC 1", "NIfTI"),
    b"CDF\x02": ("a netCDF file, such as MINC 1", "NIfTI"),
    b"#?RADIANCE": ("a Radiance HDR file", "TIFF with 32-bit floats"),
    b"DDS ": ("a DDS texture", "PNG"),
    b"qoif": ("a QOI", "PNG"),
    b"gimp xcf": ("a GIMP file", "TIFF"),
    b"II\xbc": ("a JPEG XR", "TIFF"),
    b"\0\0\1\0": ("an icon", "PNG"),
    b"AT&TFORM": ("a DjVu", "PNG, one for each page"),
    b"\x1a\x45\xdf\xa3": ("a film", "PNG, one for each frame"),
    b"FUJIFILMCCD-RAW": ("a camera's raw file", "TIFF with 16 bits"),
    b"\x1f\x8b": ("compressed by gzip as a whole", "an unpacked file, as gunzip makes"),
    b"<svg": ("an SVG drawing", "PNG"),
    b"<?xml": ("an XML file, perhaps an SVG drawing", "PNG"),
}


def suffixes() -> tuple[str, ...]:
    """The suffixes of all formats, with their dots, in lower case."""
    return tuple(suffix for each in FORMATS for suffix in each.suffixes)


def named(name: str) -> Format:
    """Give the format of an `Encoding`, such as "jpeg"."""
    return next(each for each in FORMATS if each.name == name)


def of_suffix(path: str | os.PathLike[str]) -> Format | None:
    """Give the format that a file's name promises; None where it promises none."""
    name = Path(path).name.lower()
    found = [
        (len(suffix), each)
        for each in FORMATS
        for suffix in each.suffixes
        if name.endswith(suffix) and name != suffix
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def of_content(head: bytes) -> Format | None:
    """Give the format of a file from its first bytes; None when it is none that Pellucid reads."""
    return next((each for each in FORMATS if each.matches(head)), None)


def of_folder(path: str | os.PathLike[str]) -> Format | None:
    """Give the format of which a folder as a whole is one file, such as a Zarr; None for other folders."""
    folder = Path(path)
    asked = (each for each in FORMATS if each.is_folder is not None and each.is_folder(folder))
    return next(asked, None) if folder.is_dir() else None


def foreign(head: bytes) -> tuple[str, str]:
    """Say what a file is that no format matches, and the format to convert it to."""
    if head[344:347] == b"ni1" or head[4:7] == b"ni2":
        return "a NIfTI header whose samples are in another file", "NIfTI in one file (.nii)"
    if head[4:8] == b"ftyp":
        return ("a camera's raw file", "TIFF with 16 bits") if head[8:11] == b"crx" else ("a film", "PNG")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    known = (found for magic, found in _FOREIGN.items() if text.startswith(magic))
    return next(known, ("not an image", ""))


def written() -> Iterator[Format]:
    """All formats in which an image is written."""
    return (each for each in FORMATS if each.create is not None)


def writable(path: Path) -> Path:
    """Give a path the suffix of the format that takes its own format's place where that is only read."""
    found = of_suffix(path)
    return path.with_suffix(found.writes_as) if found and found.writes_as else path


def default_output(source: Path) -> Path:
    """``photo-denoised.jpg`` for ``photo.jpg``; AVIF for HEIC, which is read but not written."""
    if not source.name:  # a folder, which is refused when it is opened
        return source
    stem, suffix = split_name(source)
    return writable(source.with_name(f"{stem}-denoised{suffix}"))


def split_name(path: Path) -> tuple[str, str]:
    """The name without and with its suffix, which may have two parts: ``brain`` and ``.nii.gz``."""
    name = path.name
    ome = path.stem[-4:].lower() == ".ome"
    known = [suffix for suffix in suffixes() if name.lower().endswith(suffix) and name.lower() != suffix]
    length = max([len(path.suffix) + 4 * ome, *map(len, known)])
    return name[: len(name) - length], name[len(name) - length :]
