"""Which of an image's properties a format can hold, and what becomes of the others."""

from dataclasses import replace

from pellucid.io.colour import cicp_profile
from pellucid.io.format import Format
from pellucid.io.image import Metadata
from pellucid.io.promises import without_promises
from pellucid.io.source import Source
from pellucid.io.vips import is_srgb

_LABELS = {
    "exif": "EXIF",
    "xmp": "XMP",
    "iptc": "IPTC data",
    "resolution": "resolution",
    "nodata": 'value that means "no data"',
}


def problem_of(found: Format, like: Source) -> str | None:
    """Say what of an image a format cannot hold so that it must be refused; None when it can hold all."""
    problem, metadata = found.problem(like), like.metadata
    if problem is not None or _profile(found, like) is not None:
        return problem
    if metadata.icc and not is_srgb(metadata.icc):
        return "a colour profile"
    if not metadata.icc and _is_foreign(found, metadata):
        return "colours that are not sRGB, such as HDR"
    return None


def held_metadata(found: Format, like: Source) -> tuple[Metadata, list[str]]:
    """Give the metadata that a format can hold, and the names of the others, which are lost."""
    metadata = like.metadata
    fields = [name for name in _LABELS if name not in found.carries and getattr(metadata, name) is not None]
    lost = [_LABELS[name] for name in fields]
    lost += [extra.label for extra in metadata.extra if type(extra) not in found.extras]
    extras = tuple(extra for extra in metadata.extra if type(extra) in found.extras)
    xmp = metadata.xmp if len(extras) == len(metadata.extra) else without_promises(metadata.xmp)
    kept = replace(
        metadata,
        icc=_profile(found, like),
        exif=None if "exif" in fields else metadata.exif,
        xmp=None if "xmp" in fields else xmp,
        iptc=None if "iptc" in fields else metadata.iptc,
        extra=extras,
    )
    return kept, lost


def _profile(found: Format, like: Source) -> bytes | None:
    """The ICC profile to write: the file's own, or one that says what the format cannot say otherwise."""
    metadata = like.metadata
    if "icc" not in found.carries or (like.channels == 1 and not found.grey_profile):
        return None
    if metadata.icc or not _is_foreign(found, metadata):
        return metadata.icc
    if metadata.cicp is not None:
        return cicp_profile(metadata.cicp.primaries, metadata.cicp.transfer, like.channels)
    return metadata.colorimetry.profile(like.channels) if metadata.colorimetry else None


def _is_foreign(found: Format, metadata: Metadata) -> bool:
    """Whether colours other than sRGB are described in a way that a format does not know."""
    cicp, numbers = metadata.cicp, metadata.colorimetry
    if cicp is not None and not cicp.is_srgb:
        return "cicp" not in found.carries
    return cicp is None and numbers is not None and not numbers.is_srgb and "colorimetry" not in found.carries
