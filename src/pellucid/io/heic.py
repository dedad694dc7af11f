"""Reading HEIC, which needs a decoder that libvips' wheel has not: pi-heif, in the extra `heic`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pellucid.errors import InputError, require
from pellucid.io.containers import is_sequence
from pellucid.io.exif import orientation_of, resolution_of, upright
from pellucid.io.image import Image, stretched
from pellucid.io.xmp import upright_xmp


def read_heic(path: Path, check_size: Callable[[int, int], None]) -> Image:
    """Read a HEIC file; `check_size` is called with width and height before anything is decoded.

    Raises
    ------
    MissingExtraError
        When pi-heif is not installed.
    InputError
        When the file is broken or holds more than one image.
    """
    with path.open("rb") as stream:
        several = is_sequence(stream)
    pi_heif = require("pi_heif", "heic", "to read HEIC")
    try:
        file = pi_heif.open_heif(path, convert_hdr_to_8bit=False)
        check_size(*file.size)
        if several or len(file) > 1:
            raise InputError(
                f"{path} holds several images or an animation, and only the first would be read",
                "Save each image as a file of its own",
            )
        array = np.array(file)
    except (ValueError, RuntimeError, EOFError, SyntaxError, IndexError) as exc:
        raise InputError(
            f"{path} is a broken HEIC file: {' '.join(str(exc).split())}", "Use an intact copy"
        ) from exc
    array = array.reshape(*array.shape[:2], -1)
    has_alpha = array.shape[2] in (2, 4)
    info, metadata = file.info, {}
    bits = info["bit_depth"] if info["bit_depth"] in (10, 12) else None
    array = stretched(array, bits)
    exif, size = (info.get("exif") or b"").removeprefix(b"Exif\0\0"), (array.shape[1], array.shape[0])
    turned = orientation_of(exif)  # libheif has turned the pixels, as the file itself says
    if exif:
        metadata["exif"] = upright(exif, turned, size)
    if info.get("xmp"):
        metadata["xmp"] = upright_xmp(info["xmp"], turned, size)
    return Image(
        samples=np.ascontiguousarray(array[..., :-1]) if has_alpha else array,
        alpha=np.ascontiguousarray(array[..., -1]) if has_alpha else None,
        profile=info.get("icc_profile") or None,
        metadata=metadata,
        resolution=resolution_of(metadata.get("exif", b"")),
        format="heic",
        bits=bits,
        lossy=True,
    )
