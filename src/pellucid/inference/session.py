"""ONNX Runtime: one network, loaded and ready to run."""

import functools
import hashlib
import logging
import numbers
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.cpus import usable_cpus
from pellucid.errors import DeviceError, InputError, LimitError, UsageError
from pellucid.inference.card import KEY, Card, read_card
from pellucid.inference.foreign import LAYOUTS, Foreign, read_foreign

log = logging.getLogger("pellucid")

PROVIDERS: Mapping[str, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
CPU = PROVIDERS["cpu"]

_failed: set[str] = set()  # providers that `auto` no longer tries in this process
_lock = threading.Lock()


def runtime() -> Any:
    """Import ONNX Runtime, which is slow to load, with its telemetry turned off.

    Its wheels would otherwise (1.31 does) keep a number for the device in the home folder and report runs to
    their maker. The variable is read when the library is loaded.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


@dataclass(frozen=True)
class RunOptions:
    """Where networks run. One value serves all sessions of a caller, those that estimate noise included.

    Parameters
    ----------
    device : str
        ``cpu``, ``cuda``, ``coreml`` or ``directml``. ``auto`` is CUDA where it works, and else the CPU: when
        CUDA fails, a warning is logged once a process, and the CPU takes over.
    threads : int, optional
        By default as many as the process may use CPUs, which is also the most that are used.
    layout : str, optional
        ``nhwc`` (as of Keras) or ``nchw`` (as of PyTorch), the order of the axes of files without a card.

    Raises
    ------
    UsageError
        When there is no such kind of device or layout, or the number of threads is not a whole number from 1.
    """

    device: str = "auto"
    threads: int | None = None
    layout: str | None = None

    def __post_init__(self) -> None:
        if self.device != "auto" and self.device not in PROVIDERS:
            raise UsageError(f"Unknown device {self.device!r}", f"Choose among auto, {', '.join(PROVIDERS)}")
        if self.threads is not None and not (
            isinstance(self.threads, numbers.Integral) and self.threads >= 1
        ):
            raise UsageError(f"{self.threads} threads cannot run a network", "Give a whole number from 1")
        if self.layout not in (None, *LAYOUTS):
            raise UsageError(f"There is no layout {self.layout!r}", f"Give {' or '.join(LAYOUTS)}")

    @property
    def provider(self) -> str:
        """ONNX Runtime's name for the device.

        Raises
        ------
        DeviceError
            When this installation does not list the device.
        """
        listed = runtime().get_available_providers()
        if self.device == "auto":
            cuda = PROVIDERS["cuda"]
            return cuda if cuda in listed and cuda not in _failed else CPU
        if PROVIDERS[self.device] not in listed:
            here = [name for name, provider in PROVIDERS.items() if provider in listed]
            raise DeviceError(
                f"No device {self.device!r} is available",
                f"Use one of: {', '.join(here)}; for a GPU, install the onnxruntime that serves it",
            )
        return PROVIDERS[self.device]


class Session:
    """A network that runs.

    Parameters
    ----------
    path : Path
        An ``.onnx`` file that ``pellucid train`` wrote or, with a layout in `options`, another program.
    options : RunOptions, optional

    Raises
    ------
    InputError
        When the file is no network, or has no card and `options` have no layout, or its input is no image.
    DeviceError
        When the device that was named is not there, or the network cannot run on it.
    """

    def __init__(self, path: Path, options: RunOptions | None = None) -> None:
        self._path, self._options = path, options or RunOptions()
        provider = self._options.provider
        try:
            self._session = self._load(provider)
        except DeviceError as exc:
            if self._options.device != "auto":
                raise
            self._session = self._load(CPU)
            _leave_out(provider, exc.problem)
        self.inputs = [each.name for each in self._session.get_inputs()]
        self.outputs = [each.name for each in self._session.get_outputs()]
        self._foreign: Foreign | None = None
        metadata, layout = self._session.get_modelmeta().custom_metadata_map, self._options.layout
        if KEY not in metadata and layout is not None:
            parts = self._session.get_inputs(), self._session.get_outputs()
            self._foreign = read_foreign(path, *parts, layout)
            self.inputs, self.outputs = ["noisy"], ["denoised"]
        self.card: Card = self._foreign.card if self._foreign else read_card(metadata, str(path))

    @property
    def title(self) -> str:
        """The network's name and version."""
        return f"{self.card.name} {self.card.version}"

    @functools.cached_property
    def digest(self) -> str:
        """The SHA-256 of the file, in hexadecimal digits."""
        return hashlib.sha256(self._path.read_bytes()).hexdigest()

    def _load(self, provider: str) -> Any:
        ort = runtime()
        options = ort.SessionOptions()
        cpus = usable_cpus()
        options.intra_op_num_threads = min(self._options.threads or cpus, cpus)  # more wait for each other
        options.enable_mem_pattern = False  # it takes a quarter more memory and saves no time
        options.log_severity_level = 4  # errors reach the user as exceptions, not as lines on the terminal
        silent = provider != CPU and self._options.device == "auto"
        if silent:  # in C++, what is missing for a GPU goes to the terminal; wanted where one is named
            ort.set_default_logger_severity(4)
        try:
            # The runtime's own fallback to the CPU would print to standard output.
            session = ort.InferenceSession(self._path, options, providers=[provider], enable_fallback=0)
            if session.get_providers()[0] != provider:
                raise RuntimeError("its libraries or its driver are missing, or of another version")
        except Exception as exc:
            if provider == CPU:
                raise InputError(
                    f"{self._path} cannot be loaded as a network: {_first_line(exc)}",
                    "Name an .onnx file, such as pellucid train writes",
                ) from exc
            self._load(CPU)  # so that a file that is no network is not taken for a device that fails
            raise _does_not_work(provider, exc) from exc
        finally:
            if silent:
                ort.set_default_logger_severity(2)  # the default
        return session

    def run(self, noisy: NDArray[np.float32], given: float | tuple[float, ...]) -> NDArray[np.float32]:
        """Denoise one tile.

        Parameters
        ----------
        noisy : float32 array (height, width, channels), 0 to 1
            Height and width are multiples of the card's stride.
        given : float or tuple of float
            The noise level, 0 to 1, or the gains of the levels that the network finds for itself.

        Returns
        -------
        float32 array (height, width, channels)
        """
        feeds = {"noisy": noisy.transpose(2, 0, 1)[None]}  # (h, w, c) -> (1, c, h, w)
        for name in self.inputs[1:]:
            feeds[name] = np.array(given, np.float32).reshape(1, -1, 1, 1)
        denoised: NDArray[np.float32] = self.call(**feeds)[0].transpose(1, 2, 0)  # (1, c, h, w) -> (h, w, c)
        return denoised

    def call(self, output: str | None = None, /, **inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network on named inputs; give one output, by default the first. Raises as `call_all`."""
        return self.call_all(output or self.outputs[0], **inputs)[0]

    def call_all(self, *outputs: str, **inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run the network on named inputs; give the named outputs, by default all.

        Raises
        ------
        LimitError
            When the runtime stops, mostly for want of memory.
        DeviceError
            When the device that was named fails where the CPU does not.
        """
        try:
            if self._foreign:
                return [self._foreign.run(self._compute, inputs["noisy"])]
            feeds = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
            results: list[NDArray[np.float32]] = self._compute(list(outputs) or self.outputs, feeds)
        except DeviceError:
            raise
        except Exception as exc:
            raise LimitError(
                f"The network stopped: {_first_line(exc)}", "Give it less at a time, as with --memory 500M"
            ) from exc
        return results

    def _compute(self, outputs: list[str], feeds: Mapping[str, NDArray[np.float32]]) -> Any:
        """Run on the device; where it fails and the CPU does not, the device is at fault."""
        provider = self._session.get_providers()[0]
        try:
            return self._session.run(outputs, feeds)
        except Exception as exc:
            if provider == CPU:
                raise
            session = self._load(CPU)
            result = session.run(outputs, feeds)
            failure = _does_not_work(provider, exc)
            if self._options.device != "auto":
                raise failure from exc
        self._session = session
        _leave_out(provider, failure.problem)
        return result


def _does_not_work(provider: str, exc: Exception) -> DeviceError:
    device = next(name for name, each in PROVIDERS.items() if each == provider)
    return DeviceError(
        f"Device {device!r} is listed by ONNX Runtime but does not work here: {_first_line(exc)}",
        "Install what it needs, or use --device cpu",
    )


def _leave_out(provider: str, problem: str) -> None:
    """Let `auto` try a provider no more, and say so once a process."""
    with _lock:
        if provider in _failed:
            return
        _failed.add(provider)
    log.warning("%s. The CPU is used; pellucid doctor shows more", problem)


def _first_line(exc: Exception) -> str:
    return str(exc).strip().split("\n")[0].rstrip(".")
