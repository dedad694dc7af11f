"""Small networks as files."""

from pathlib import Path

import pytest

from pellucid.inference.model import Model
from pellucid.networks.families import EstimatorSettings
from tests.tiny import LATENT, PHOTO, set_recipe, tiny_file, write_exported


@pytest.fixture(scope="session")
def grey_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network for grey images."""
    return tiny_file(tmp_path_factory.mktemp("grey"), channels=1)


@pytest.fixture(scope="session")
def colour_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network for colour images."""
    return tiny_file(tmp_path_factory.mktemp("colour"), channels=3)


@pytest.fixture(scope="session")
def estimator_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that estimates noise and cannot denoise."""
    return tiny_file(tmp_path_factory.mktemp("estimator"), network=EstimatorSettings(4))


@pytest.fixture(scope="session")
def photo_colour_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network for colour photographs, which finds noise everywhere."""
    return tiny_file(tmp_path_factory.mktemp("photo"), channels=3, network=PHOTO)


@pytest.fixture(scope="session")
def photo_grey_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network for grey photographs, which finds noise everywhere."""
    return tiny_file(tmp_path_factory.mktemp("photo"), channels=1, network=PHOTO)


@pytest.fixture(scope="session")
def latent_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small autoencoder of grey images of 16 x 16 pixels."""
    path, recipe = tmp_path_factory.mktemp("latent") / "small.onnx", set_recipe(network=LATENT)
    write_exported(recipe, path)
    return path


@pytest.fixture(scope="session")
def model(grey_file: Path, colour_file: Path) -> Model:
    """Both small networks under one name."""
    return Model("tiny", {1: grey_file, 3: colour_file})


@pytest.fixture(scope="session")
def grey_model(grey_file: Path) -> Model:
    """The small network for grey images alone."""
    return Model(str(grey_file), {1: grey_file})
