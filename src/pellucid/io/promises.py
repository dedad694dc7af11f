"""What XMP says about further data in the file, such as a film or a gain map, and how to take it back."""

import re

# Namespaces whose properties describe data behind the first image.
_ITEMS = (
    rb"http://ns\.google\.com/photos/1\.0/camera/",
    rb"http://ns\.google\.com/photos/1\.0/container/",
    rb"http://ns\.google\.com/photos/1\.0/container/item/",
    rb"http://ns\.google\.com/photos/1\.0/image/",
    rb"http://ns\.google\.com/photos/1\.0/depthmap/",
    rb"http://ns\.google\.com/photos/dd/1\.0/(?:container|item|device)/",
    rb"http://ns\.adobe\.com/hdr-gain-map/1\.0/",
    rb"http://ns\.apple\.com/HDRGainMap/1\.0/",
)
# Of the camera's properties only those that are about a film.
_CAMERA = rb"(?:MotionPhoto|MicroVideo)\w*"


def without_promises(xmp: bytes | None) -> bytes | None:
    """Remove the properties that promise a film, a gain map or a depth map from an XMP packet."""
    if xmp is None:
        return None
    for namespace in _ITEMS:
        for match in re.findall(rb"xmlns:([\w.-]+)\s*=\s*[\"']" + namespace + rb"[\"']", xmp):
            prefix = re.escape(match)
            name = prefix + rb":" + (_CAMERA if b"camera" in namespace else rb"[\w.-]+")
            xmp = re.sub(rb"<(" + name + rb")(?:\s[^>]*)?(?:/>|>.*?</\1\s*>)", b"", xmp, flags=re.DOTALL)
            xmp = re.sub(rb"\s+" + name + rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')", b"", xmp)
    return xmp
