"""A network file is loaded, or refused with the reason."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from pellucid.errors import DeviceError, InputError, LimitError, UsageError
from pellucid.inference.session import PROVIDERS, Session, choose_provider, runtime
from tests.tiny import colours

CPU = ["CPUExecutionProvider"]


def test_a_network_gives_a_picture_of_the_same_shape(colour_file: Path) -> None:
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
    one, again, two = (Session(grey_file, threads=threads).run(noisy, 0.1) for threads in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - two).max() <= 1e-5


def test_a_network_for_photographs_is_told_gains(photo_colour_file: Path) -> None:
    session, noisy = Session(photo_colour_file), colours(24, 40)
    one, more = session.run(noisy, (1.0, 1.0)), session.run(noisy, (1.0, 2.0))
    assert one.shape == more.shape == (24, 40, 3)
    assert not np.array_equal(one, more)


def test_an_autoencoder_is_told_nothing(latent_file: Path) -> None:
    session, noisy = Session(latent_file), colours(16, 16)[..., :1]
    assert session.run(noisy, ()).shape == (16, 16, 1)
    np.testing.assert_array_equal(session.run(noisy, ()), session.run(noisy, 0.3))


def test_any_output_can_be_called_for_by_its_name(latent_file: Path) -> None:
    session = Session(latent_file)
    assert (session.inputs, session.outputs) == (["noisy"], ["denoised", "code"])
    pictures = np.random.default_rng(0).random((3, 1, 16, 16), dtype=np.float32)
    assert session.call("code", noisy=pictures).shape == (3, 5)
    np.testing.assert_array_equal(session.call(noisy=pictures), session.call("denoised", noisy=pictures))
    with pytest.raises(LimitError, match="The network stopped"):
        session.call("levels", noisy=pictures)


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


def test_an_unknown_device_is_refused_with_the_list(grey_file: Path) -> None:
    with pytest.raises(UsageError, match=r"'quantum'.*auto, cpu, cuda, coreml, directml"):
        Session(grey_file, device="quantum")


@pytest.mark.parametrize("threads", [0, -2])
def test_fewer_than_one_thread_are_refused(threads: int, grey_file: Path) -> None:
    with pytest.raises(UsageError, match="from 1"):
        Session(grey_file, threads=threads)


def test_a_device_that_is_not_there_is_an_error_that_names_those_that_are(grey_file: Path) -> None:
    there = runtime().get_available_providers()
    for device in (name for name, provider in PROVIDERS.items() if provider not in there):
        with pytest.raises(DeviceError, match=f"No device {device!r}.*Use one of: .*cpu"):
            Session(grey_file, device=device)


def test_auto_is_cuda_where_it_is_there_and_else_the_cpu() -> None:
    assert choose_provider("auto", CPU) == CPU[0]
    assert choose_provider("auto", ["CUDAExecutionProvider", *CPU]) == "CUDAExecutionProvider"
    assert choose_provider("cpu", ["CUDAExecutionProvider", *CPU]) == CPU[0]


def test_a_shape_that_the_network_cannot_take_is_an_error_in_one_line(grey_file: Path) -> None:
    with pytest.raises(LimitError, match="The network stopped") as caught:
        Session(grey_file).run(colours(6, 6), 0.1)
    assert "\n" not in str(caught.value)
