"""Pellucid removes noise from images.

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
from pellucid.options import DenoiseOptions

if TYPE_CHECKING:
    from pellucid.inference.analyse import analyse, estimate_sigma
    from pellucid.inference.analysis import Analysis
    from pellucid.inference.denoise import denoise, denoise_file, denoise_result, denoise_to
    from pellucid.inference.denoiser import Denoiser, Result
    from pellucid.inference.model import Model
    from pellucid.inference.registry import load_model
    from pellucid.inference.stacks import FileResult
    from pellucid.io.files import read_image, write_image
    from pellucid.io.image import Image
    from pellucid.noise.registry import parse_noise

__version__ = "0.1.0"

__all__ = [
    "Analysis",
    "BatchError",
    "DenoiseOptions",
    "Denoiser",
    "DeviceError",
    "FileResult",
    "Image",
    "InputError",
    "LimitError",
    "MissingExtraError",
    "Model",
    "PellucidError",
    "Result",
    "UsageError",
    "__version__",
    "analyse",
    "denoise",
    "denoise_file",
    "denoise_result",
    "denoise_to",
    "estimate_sigma",
    "load_model",
    "parse_noise",
    "read_image",
    "write_image",
]

# NumPy, libvips and ONNX Runtime load when a name is first used, so that `import pellucid` takes no time.
_LAZY = {
    **dict.fromkeys(("analyse", "estimate_sigma"), "pellucid.inference.analyse"),
    **dict.fromkeys(
        ("denoise", "denoise_file", "denoise_result", "denoise_to"), "pellucid.inference.denoise"
    ),
    "Analysis": "pellucid.inference.analysis",
    "Denoiser": "pellucid.inference.denoiser",
    "FileResult": "pellucid.inference.stacks",
    "Image": "pellucid.io.image",
    "Model": "pellucid.inference.model",
    "Result": "pellucid.inference.denoiser",
    "load_model": "pellucid.inference.registry",
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
