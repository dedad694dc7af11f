"""ONNX Runtime: one network, loaded and ready to run."""

import numbers
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import DeviceError, InputError, LimitError, UsageError
from pellucid.inference.card import Card, read_card

PROVIDERS: Mapping[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}


def runtime() -> Any:
    """Import ONNX Runtime, which is slow to load, with its telemetry turned off.

    Its wheels would otherwise (1.31 does) keep a number for the device in the home folder and report runs to
    their maker. The variable is read when the library is loaded.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


class Session:
    """A network that runs.

    Parameters
    ----------
    path : Path
        An ``.onnx`` file that ``pellucid train`` wrote.
    device : str
        ``cpu``, ``cuda``, ``coreml`` or ``directml``; ``auto`` is CUDA where it is there, and else the CPU.
    threads : int, optional
        By default as many as the machine has cores.

    Raises
    ------
    UsageError
        When the device or the number of threads makes no sense.
    InputError
        When the file is no network, or none that ``pellucid train`` wrote.
    DeviceError
        When the device is not there, or the network cannot run on it.
    """

    def __init__(self, path: Path, *, device: str = "auto", threads: int | None = None) -> None:
        ort = runtime()
        provider = check_options(device, threads)
        options = ort.SessionOptions()
        cores = os.cpu_count() or 1
        options.intra_op_num_threads = min(threads or cores, cores)  # more than cores wait for each other
        options.enable_mem_pattern = False  # it holds a quarter more memory and saves no time
        options.log_severity_level = 4  # errors reach the user as exceptions, not as lines on the terminal
        try:
            self._session = ort.InferenceSession(path, options, providers=[provider])
        except Exception as exc:
            raise InputError(
                f"{path} cannot be loaded as a network: {_first_line(exc)}",
                "Name an .onnx file that pellucid train wrote",
            ) from exc
        if self._session.get_providers()[0] != provider:
            raise DeviceError(f"The network does not run on {device!r} here", "Use --device cpu")
        self.inputs = [each.name for each in self._session.get_inputs()]
        self.outputs = [each.name for each in self._session.get_outputs()]
        self.card: Card = read_card(self._session.get_modelmeta().custom_metadata_map, str(path))

    def run(self, noisy: NDArray[np.float32], told: float | tuple[float, ...]) -> NDArray[np.float32]:
        """Denoise one tile.

        Parameters
        ----------
        noisy : float32 array (height, width, channels), 0 to 1
            Height and width are multiples of the card's stride.
        told : float or tuple of float
            The noise level, 0 to 1, or the gains of the levels that the network finds for itself.

        Returns
        -------
        float32 array (height, width, channels)
        """
        feeds = {"noisy": noisy.transpose(2, 0, 1)[None]}  # (h, w, c) -> (1, c, h, w)
        for name in self.inputs[1:]:
            feeds[name] = np.array(told, np.float32).reshape(1, -1, 1, 1)
        denoised: NDArray[np.float32] = self.call(**feeds)[0].transpose(1, 2, 0)  # (1, c, h, w) -> (h, w, c)
        return denoised

    def call(self, output: str | None = None, /, **inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network on named inputs; give one output, by default the first.

        Raises
        ------
        LimitError
            When the runtime stops, mostly for want of memory.
        """
        try:
            feeds = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
            result: NDArray[np.float32] = self._session.run([output or self.outputs[0]], feeds)[0]
        except Exception as exc:
            raise LimitError(
                f"The network stopped: {_first_line(exc)}", "Give it less at a time, as with --memory 500M"
            ) from exc
        return result


def check_options(device: str, threads: int | None) -> str:
    """Find ONNX Runtime's name for a device, and check the number of threads.

    Raises
    ------
    UsageError
        When the device or the number of threads makes no sense.
    DeviceError
        When the device is not there.
    """
    if threads is not None and not (isinstance(threads, numbers.Integral) and threads >= 1):
        raise UsageError(f"{threads} threads cannot run a network", "Give a whole number from 1")
    return choose_provider(device, runtime().get_available_providers())


def choose_provider(device: str, available: list[str]) -> str:
    """Find ONNX Runtime's name for a device.

    Raises
    ------
    UsageError
        When there is no such kind of device.
    DeviceError
        When this installation has none.
    """
    if device == "auto":
        device = "cuda" if PROVIDERS["cuda"] in available else "cpu"
    if device not in PROVIDERS:
        raise UsageError(f"Unknown device {device!r}", f"Choose among auto, {', '.join(PROVIDERS)}")
    if PROVIDERS[device] not in available:
        here = [name for name, provider in PROVIDERS.items() if provider in available]
        raise DeviceError(
            f"No device {device!r} is there",
            f"Use one of: {', '.join(here)}; for a GPU, install the onnxruntime that serves it",
        )
    return PROVIDERS[device]


def _first_line(exc: Exception) -> str:
    return str(exc).strip().split("\n")[0].rstrip(".")
