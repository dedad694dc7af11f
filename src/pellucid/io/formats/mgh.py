"""MGH and MGZ, FreeSurfer's volumes, whose headers nibabel reads; only stored samples are replaced."""

import struct
from pathlib import Path

import numpy as np

from pellucid.errors import InputError, require
from pellucid.io.array_stack import ArraySink, ArrayStack, Raw
from pellucid.io.format import Format, only_plane
from pellucid.io.formats.nifti import default_axes
from pellucid.io.gzipped import first_bytes, unpacked
from pellucid.io.image import Encoding
from pellucid.io.stack import Part, check_axes


def _matches(head: bytes) -> bool:
    head = first_bytes(head, 30)
    if len(head) < 30:
        return False
    version, *shape, kind = struct.unpack(">6i", head[:24])
    return version == 1 and all(0 < each < 2**20 for each in shape) and kind in (0, 1, 3, 4, 10)


def _open(path: Path, axes: str | None) -> ArrayStack:
    mgh = require("nibabel.freesurfer.mghformat", "science", "to read MGH")
    with unpacked(path) as (content, keep):
        try:
            with content.open("rb") as file:
                header = mgh.MGHHeader.from_fileobj(file)
            shape, dtype = tuple(int(each) for each in header.get_data_shape()), header.get_data_dtype()
            steps, offset = [float(each) for each in header.get_zooms()], int(header.get_data_offset())
        except Exception as exc:  # nibabel's readers have errors of their own
            raise InputError(
                f"{path} is a broken MGH file: {' '.join(str(exc).split())}", "Use an intact copy"
            ) from exc
        axes = check_axes(axes or default_axes(shape, steps), shape, str(path))
        raw = Raw(offset, shape, np.dtype(dtype), "F")
        raw.map(content)
        keep()
        part = Part(axes=axes, shape=shape, dtype=raw.dtype.newbyteorder("="))
        return ArrayStack(path, Encoding(format="mgh"), [part], [raw], content if content != path else None)


MGH = Format(
    name="mgh",
    label="MGH",
    suffixes=(".mgh", ".mgz"),
    matches=_matches,
    open=only_plane(_open),
    open_stack=_open,
    create_stack=ArraySink,
    depths=(8, 16, 32),
    needs="science",
)
