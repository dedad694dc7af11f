"""Pellucid takes the noise out of images.

>>> import numpy, pellucid
>>> noisy = numpy.full((64, 64, 3), 128, numpy.uint8)
>>> pellucid.denoise(noisy, sigma=25 / 255).shape
(64, 64, 3)
"""

from typing import TYPE_CHECKING, Any

from pellucid.errors import (
    BatchError,
    DeviceError,
    InputError,
    LimitError,
    MissingExtraError,
    PellucidError,
    UsageError,
)

if TYPE_CHECKING:
    from pellucid.inference.auto import analyse, estimate_sigma
    from pellucid.inference.denoise import denoise, denoise_file
    from pellucid.inference.model import load_model
    from pellucid.io.files import read_image, write_image
    from pellucid.noise.registry import parse_noise

__version__ = "0.1.0"

__all__ = [
    "BatchError",
    "DeviceError",
    "InputError",
    "LimitError",
    "MissingExtraError",
    "PellucidError",
    "UsageError",
    "__version__",
    "analyse",
    "denoise",
    "denoise_file",
    "estimate_sigma",
    "load_model",
    "parse_noise",
    "read_image",
    "write_image",
]

# NumPy, libvips and ONNX Runtime load when a function is first used, so that `import pellucid` takes no time.
_LAZY = {
    "denoise": "pellucid.inference.denoise",
    "denoise_file": "pellucid.inference.denoise",
    "analyse": "pellucid.inference.auto",
    "estimate_sigma": "pellucid.inference.auto",
    "load_model": "pellucid.inference.model",
    "parse_noise": "pellucid.noise.registry",
    "read_image": "pellucid.io.files",
    "write_image": "pellucid.io.files",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value
