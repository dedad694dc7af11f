"""A network file is loaded, or refused with the reason."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from pellucid.errors import DeviceError, InputError, LimitError, UsageError
from pellucid.inference.session import PROVIDERS, RunOptions, Session, runtime
from tests.tiny import colours


def test_a_network_gives_a_image_of_the_same_shape(colour_file: Path) -> None:
    session = Session(colour_file)
    assert (session.card.channels, session.card.stride) == (3, 4)
    denoised = session.run(colours(24, 36), 0.1)
    assert denoised.shape == (24, 36, 3)
    assert denoised.dtype == np.float32
    assert np.isfinite(denoised).all()


def test_two_runs_are_bit_identical_and_one_and_two_threads_differ_by_less_than_1e_5(
    grey_file: Path,
) -> None:
    noisy = colours(200, 300)[..., :1]
    one, again, two = (
        Session(grey_file, RunOptions(threads=threads)).run(noisy, 0.1) for threads in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - two).max() <= 1e-5


def test_a_network_for_photographs_is_given_gains(photo_colour_file: Path) -> None:
    session, noisy = Session(photo_colour_file), colours(24, 40)
    one, more = session.run(noisy, (1.0, 1.0)), session.run(noisy, (1.0, 2.0))
    assert one.shape == more.shape == (24, 40, 3)
    assert not np.array_equal(one, more)


def test_an_autoencoder_is_given_the_image_alone(latent_file: Path) -> None:
    session, noisy = Session(latent_file), colours(16, 16)[..., :1]
    assert session.run(noisy, ()).shape == (16, 16, 1)
    np.testing.assert_array_equal(session.run(noisy, ()), session.run(noisy, 0.3))


def test_any_output_can_be_called_for_by_its_name(latent_file: Path) -> None:
    session = Session(latent_file)
    assert (session.inputs, session.outputs) == (["noisy"], ["denoised", "code"])
    images = np.random.default_rng(0).random((3, 1, 16, 16), dtype=np.float32)
    assert session.call("code", noisy=images).shape == (3, 5)
    np.testing.assert_array_equal(session.call(noisy=images), session.call("denoised", noisy=images))
    with pytest.raises(LimitError, match="The network stopped"):
        session.call("levels", noisy=images)


def test_all_outputs_come_in_the_order_of_their_names_or_of_the_network(latent_file: Path) -> None:
    session = Session(latent_file)
    images = np.random.default_rng(0).random((3, 1, 16, 16), dtype=np.float32)
    denoised, code = session.call_all(noisy=images)
    np.testing.assert_array_equal(denoised, session.call("denoised", noisy=images))
    np.testing.assert_array_equal(code, session.call("code", noisy=images))
    named = session.call_all("code", "denoised", noisy=images)
    for one, two in zip(named, (code, denoised), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_text_file_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "letter.onnx"
    path.write_text("Dear reader,\n")
    with pytest.raises(InputError, match=r"letter\.onnx cannot be loaded.*Name an \.onnx file") as caught:
        Session(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_cut_off_file_is_no_network(share: float, grey_file: Path, tmp_path: Path) -> None:
    content = grey_file.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"cut\.onnx"):
        Session(tmp_path / "cut.onnx")


def test_a_network_without_a_card_is_refused_with_the_reason(grey_file: Path, tmp_path: Path) -> None:
    network = onnx.load(grey_file)
    del network.metadata_props[:]
    onnx.save(network, tmp_path / "foreign.onnx")
    with pytest.raises(InputError, match=r"foreign\.onnx has no card.*pellucid train"):
        Session(tmp_path / "foreign.onnx")


def test_an_unknown_device_is_refused_with_the_list() -> None:
    with pytest.raises(UsageError, match=r"'quantum'.*auto, cpu, cuda, coreml, directml"):
        RunOptions("quantum")


@pytest.mark.parametrize("threads", [0, -2])
def test_fewer_than_one_thread_are_refused(threads: int) -> None:
    with pytest.raises(UsageError, match="from 1"):
        RunOptions(threads=threads)


def test_a_device_that_is_not_there_is_an_error_that_names_those_that_are(grey_file: Path) -> None:
    there = runtime().get_available_providers()
    for device in (name for name, provider in PROVIDERS.items() if provider not in there):
        with pytest.raises(DeviceError, match=f"No device {device!r}.*Use one of: .*cpu"):
            Session(grey_file, RunOptions(device))


@pytest.mark.parametrize("listed", [True, False])
def test_auto_is_cuda_where_it_is_listed_and_else_the_cpu(
    listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers = [PROVIDERS["cuda"]] * listed + [PROVIDERS["cpu"]]
    monkeypatch.setattr(runtime(), "get_available_providers", lambda: providers)
    assert RunOptions().provider == providers[0]
    assert RunOptions("cpu").provider == PROVIDERS["cpu"]


# What a GPU build of ONNX Runtime does on a machine where something is missing, done by the CPU build.
BROKEN_CUDA = """
import logging, sys
from pathlib import Path
import numpy as np
import onnxruntime
from pellucid.inference.session import RunOptions, Session

logging.basicConfig(format="WARNING %(message)s", level=logging.WARNING, stream=sys.stdout)
onnxruntime.get_available_providers = lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
failure, device, *files = sys.argv[1:]


class GpuSession(onnxruntime.InferenceSession):
    def __init__(self, path, options, providers, **others):
        self.gpu = providers == ["CUDAExecutionProvider"]
        if self.gpu and failure == "raises":
            raise RuntimeError("CUDA driver version is insufficient\\nat line 12")
        super().__init__(path, options, providers=["CPUExecutionProvider"], **others)

    def get_providers(self):
        return ["CUDAExecutionProvider"] * (self.gpu and failure == "stops") + ["CPUExecutionProvider"]

    def run(self, *arguments):
        if self.gpu and failure == "stops":
            raise RuntimeError("no kernel image is available")
        return super().run(*arguments)


onnxruntime.InferenceSession = GpuSession
try:
    for file in files:
        session = Session(Path(file), RunOptions(device))
        print("SHAPE", session.run(np.zeros((16, 16, session.card.channels), np.float32), 0.1).shape)
except Exception as exc:
    print(type(exc).__name__, exc)
"""


@pytest.fixture(params=["falls back", "raises", "stops"])
def with_broken_cuda(request: pytest.FixtureRequest) -> Callable[..., list[str]]:
    """Run networks in a process of its own where CUDA is listed and fails; gives what it prints."""

    def run(device: str, *files: Path) -> list[str]:
        command = [sys.executable, "-c", BROKEN_CUDA, request.param, device, *map(str, files)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    return run


def test_auto_falls_back_to_the_cpu_with_one_warning_a_process(
    with_broken_cuda: Callable[..., list[str]], grey_file: Path, colour_file: Path
) -> None:
    warning, *rest = sorted(with_broken_cuda("auto", grey_file, colour_file), reverse=True)
    assert warning.startswith("WARNING Device 'cuda' is listed by ONNX Runtime but does not work here: ")
    assert rest == ["SHAPE (16, 16, 3)", "SHAPE (16, 16, 1)"]


def test_a_named_device_that_fails_is_an_error_with_the_remedy(
    with_broken_cuda: Callable[..., list[str]], grey_file: Path
) -> None:
    (error,) = with_broken_cuda("cuda", grey_file)
    assert error.startswith("DeviceError Device 'cuda' is listed")
    assert "--device cpu" in error


def test_where_a_device_is_broken_a_file_that_is_no_network_is_still_named_as_such(
    with_broken_cuda: Callable[..., list[str]], tmp_path: Path
) -> None:
    (tmp_path / "letter.onnx").write_text("Dear reader,\n")
    (error,) = with_broken_cuda("auto", tmp_path / "letter.onnx")
    assert error.startswith("InputError")
    assert "letter.onnx cannot be loaded" in error


def test_a_shape_that_the_network_cannot_take_is_an_error_in_one_line(grey_file: Path) -> None:
    with pytest.raises(LimitError, match="The network stopped") as caught:
        Session(grey_file).run(colours(6, 6), 0.1)
    assert "\n" not in str(caught.value)
