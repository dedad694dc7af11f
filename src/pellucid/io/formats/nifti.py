"""NIfTI-1 and NIfTI-2 (nifti.nimh.nih.gov), whose headers nibabel reads.

Only stored samples are replaced. The header stays byte for byte: affine, units, intent, extensions, and
scl_slope and scl_inter, which mean what they meant, since integers stay as they are stored.
"""

from pathlib import Path
from typing import Any

from pellucid.errors import InputError, require
from pellucid.io.array_stack import ArraySink, ArrayStack, Raw
from pellucid.io.format import Format, only_plane
from pellucid.io.gzipped import first_bytes, unpacked
from pellucid.io.image import Encoding
from pellucid.io.stack import Part, check_axes

_NAMES = "XYZTUVW"
_HEADER = 544  # bytes, of NIfTI-2; NIfTI-1 has 352


def _matches(head: bytes) -> bool:
    head = first_bytes(head, _HEADER)
    return head[344:348] == b"n+1\0" or head[4:8] == b"n+2\0"


def _open(path: Path, axes: str | None) -> ArrayStack:
    nibabel = require("nibabel", "science", "to read NIfTI")
    with unpacked(path) as (content, keep):
        header = _header(nibabel, content, str(path))
        shape = tuple(int(each) for each in header.get_data_shape())
        dtype, steps = header.get_data_dtype(), [float(each) for each in header.get_zooms()]
        if dtype.kind not in "iuf":
            raise InputError(f"{path} contains {dtype.name} samples, such as colours", "Give grey values")
        axes = check_axes(axes or default_axes(shape, steps), shape, str(path))
        part = Part(axes=axes, shape=shape, dtype=dtype.newbyteorder("="))
        raw = Raw(header.get_data_offset(), shape, dtype, "F")
        raw.map(content)
        keep()
        return ArrayStack(path, Encoding(format="nifti"), [part], [raw], content if content != path else None)


def _header(nibabel: Any, content: Path, name: str) -> Any:
    try:
        with content.open("rb") as file:
            kind = nibabel.Nifti1Header if file.read(4) in _SIZES else nibabel.Nifti2Header
            file.seek(0)
            return kind.from_fileobj(file)
    except Exception as exc:  # nibabel's readers have errors of their own
        raise InputError(
            f"{name} is a broken NIfTI file: {' '.join(str(exc).split())}", "Use an intact copy"
        ) from exc


_SIZES = ((348).to_bytes(4, "little"), (348).to_bytes(4, "big"))


def default_axes(shape: tuple[int, ...], steps: list[float]) -> str:
    """Name the axes so that slices are along the one with the largest voxel step, or the last of such.

    Parameters
    ----------
    shape : tuple of int
        The fastest axis first, as NIfTI has it.
    steps : list of float
        The distance of voxels along each axis.

    Returns
    -------
    str
        Z is the axis along which slices are counted.
    """
    if len(shape) < 3:
        return _NAMES[: len(shape)]
    flat = [axis for axis in range(3) if shape[axis] == 1]
    along = flat[-1] if flat else max(range(3), key=lambda axis: (round(steps[axis], 3), axis))
    plane = iter("XY")
    return "".join("Z" if axis == along else next(plane) for axis in range(3)) + _NAMES[3 : len(shape)]


NIFTI = Format(
    name="nifti",
    label="NIfTI",
    suffixes=(".nii", ".nii.gz"),
    matches=_matches,
    open=only_plane(_open),
    open_stack=_open,
    create_stack=ArraySink,
    depths=(8, 16, 32),
    needs="science",
)
