"""Metadata of an image whose pixels have been turned upright."""

from dataclasses import replace

from pellucid.io.exif import resolution_of, upright
from pellucid.io.image import Metadata, is_resolution
from pellucid.io.orientation import is_turned
from pellucid.io.xmp import upright_xmp


def upright_metadata(metadata: Metadata, orientation: int, size: tuple[int, int]) -> Metadata:
    """Turn what metadata say with the pixels.

    Parameters
    ----------
    metadata : Metadata
        As in the file.
    orientation : int
        How the pixels were turned, 1 to 8.
    size : (width, height)
        Of the upright image.
    """
    exif, xmp, resolution = metadata.exif, metadata.xmp, metadata.resolution
    if resolution and is_turned(orientation):
        resolution = resolution[::-1]
    exif = upright(exif, orientation, size) if exif else exif
    in_tags = resolution_of(exif or b"")
    resolution = in_tags if is_resolution(in_tags) else resolution
    return replace(
        metadata,
        exif=exif,
        xmp=upright_xmp(xmp, orientation, size) if xmp else xmp,
        resolution=resolution,
        extra=tuple(each.upright(orientation, size) for each in metadata.extra),
    )
