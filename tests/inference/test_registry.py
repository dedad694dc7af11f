"""From a name or a path to a denoiser."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.errors import DeviceError, InputError, UsageError
from pellucid.inference.index import names
from pellucid.inference.model import Model
from pellucid.inference.registry import load_model
from pellucid.inference.session import PROVIDERS, runtime
from pellucid.io.image import from_float


def image(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    return from_float(0.2 + 0.6 * np.random.default_rng(0).random(shape), dtype)


def test_a_file_that_training_wrote_can_stand_where_a_name_stands(grey_file: Path, model: Model) -> None:
    pixels = image((20, 30), "uint8")
    expected = model.denoise(pixels, sigma=0.1).image
    for name in (grey_file, str(grey_file)):
        np.testing.assert_array_equal(load_model(name).denoise(pixels, sigma=0.1).image, expected)


@pytest.mark.parametrize("name", ["gaussian-fst", "", "photo.png", "noise"])
def test_an_unknown_model_is_refused_with_the_list(name: str) -> None:
    with pytest.raises(UsageError, match=r"no model.*Name an \.onnx file, .* or one of") as caught:
        load_model(name)
    assert set(names()) <= set(caught.value.remedy.replace(",", "").split())


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*gone\.onnx.*gaussian-fast"):
        load_model(tmp_path / "gone.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(InputError, match=r"folder\.onnx contains no \.onnx file.*pellucid train"):
        load_model(tmp_path / "folder.onnx")


def test_a_text_file_named_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.onnx").write_text("Dear reader,\n")
    with pytest.raises(InputError, match=r"letter\.onnx cannot be loaded as a network"):
        load_model(tmp_path / "letter.onnx")


def test_the_result_names_the_model(model: Model, grey_model: Model) -> None:
    pixels = image((20, 30), "uint8")
    for each in (model, grey_model):
        for sigma in (0.0, 0.1):
            result = each.denoise(pixels, sigma=sigma)
            assert (result.model, result.why) == (each.name, "")


def test_an_autoencoder_denoises_images_of_its_size_and_refuses_others(latent_file: Path) -> None:
    model, pixels = load_model(latent_file), image((16, 16), "uint8")
    result = model.denoise(pixels)
    assert result.changed
    assert not np.array_equal(result.image, pixels)
    even = model.denoise(np.full((16, 16), 0.5, np.float32))  # without noise: it still makes its image
    assert even.changed
    with pytest.raises(UsageError, match="takes 16 x 16 pixels, not 20 x 16"):
        model.denoise(image((16, 20), "uint8"))


def test_an_autoencoder_takes_no_sigma(latent_file: Path) -> None:
    with pytest.raises(UsageError, match="takes no sigma"):
        load_model(latent_file).denoise(image((16, 16), "uint8"), sigma=0.1)


def test_a_network_that_estimates_noise_is_refused_as_a_denoiser(estimator_file: Path) -> None:
    with pytest.raises(InputError, match=r"tiny-1\.onnx estimates noise.*Name"):
        load_model(estimator_file)


@pytest.mark.parametrize("shipped", [True, False])
def test_wrong_devices_and_threads_are_refused_when_a_model_is_loaded(shipped: bool, grey_file: Path) -> None:
    name = "gaussian-fast" if shipped else grey_file
    with pytest.raises(UsageError, match=r"'quantum'.*auto, cpu, cuda"):
        load_model(name, device="quantum")
    for threads in (0, 1.5):
        with pytest.raises(UsageError, match="whole number from 1"):
            load_model(name, threads=threads)  # type: ignore[arg-type]
    for memory in ("2G", -1, float("nan")):
        with pytest.raises(UsageError, match=r"memory is .*number of bytes"):
            load_model(name, memory=memory)  # type: ignore[arg-type]
    for device, provider in PROVIDERS.items():
        if provider not in runtime().get_available_providers():
            with pytest.raises(DeviceError, match=f"No device {device!r}"):
                load_model(name, device=device)


def test_memory_may_be_a_float(model: Model) -> None:
    pixels = np.full((64, 64), 0.5, np.float32)
    limited = load_model("gaussian-instant", memory=1e9)
    assert np.array_equal(
        limited.denoise(pixels, sigma=0.1).image,
        load_model("gaussian-instant").denoise(pixels, sigma=0.1).image,
    )
