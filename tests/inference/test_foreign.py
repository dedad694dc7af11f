"""Networks of other programs, whose axes may be in another order, are used as Pellucid's own."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from pellucid import load_model
from pellucid.errors import InputError, UsageError
from pellucid.evaluation.contender import open_contenders
from tests.evaluation.networks import keras_file, mean_filter, network_file

NOISY = np.random.default_rng(0).random((5, 21, 34, 1), dtype=np.float32)


def write(path: Path, inputs: dict[str, Any], output: Any, kind: int = onnx.TensorProto.FLOAT) -> Path:
    """A network whose inputs have these shapes; it gives its first one, perhaps as rows."""
    infos = [make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()]
    target = make_tensor_value_info("out", kind, output)
    graph = make_graph(
        [make_node("Flatten" if len(output) == 2 else "Identity", [next(iter(inputs))], ["out"])],
        "model",
        infos,
        [target],
    )
    model = make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("number", ["n", 1])
def test_a_network_of_keras_gives_what_the_same_network_of_ours_gives(tmp_path: Path, number: Any) -> None:
    theirs = keras_file(tmp_path / "keras.onnx", shape=(number, "rows", "columns", 1))
    ours = network_file(tmp_path / "ours.onnx", mean_filter, stride=16)
    one, other = open_contenders([theirs, ours], layout="nhwc")
    assert one.card(1).size is None
    np.testing.assert_allclose(one.denoise(NOISY, None), other.denoise(NOISY, None), atol=1e-6)
    image, expected = (load_model(path, layout="nhwc").denoise(NOISY[0]).image for path in (theirs, ours))
    np.testing.assert_allclose(image, expected, atol=1e-6)


def test_a_network_of_torch_alone_needs_no_card(tmp_path: Path) -> None:
    path = write(tmp_path / "torch.onnx", {"x": ["n", 3, "h", "w"]}, ["n", 3, "h", "w"])
    colours = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    np.testing.assert_array_equal(load_model(path, layout="nchw").denoise(colours).image, colours)


def test_a_network_for_one_size_refuses_others(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "keras.onnx", shape=("n", 28, 28, 1))
    model = load_model(path, layout="nhwc")
    assert model.card(1).size == (28, 28)
    assert model.denoise(NOISY[0, :, :28].repeat(2, 0)[:28]).image.shape == (28, 28, 1)
    with pytest.raises(UsageError, match="takes 28 x 28 pixels, not 34 x 21"):
        model.denoise(NOISY[0])


@pytest.mark.parametrize(
    ("inputs", "output", "words"),
    [
        ({"x": ["n", 784]}, ["n", 784], r"of float \(n, 784\), and images are .*layer that reshapes"),
        ({"x": ["n", 28, 28, 1]}, ["n", 784], r"makes float \(n, 784\)"),
        ({"x": ["n", 3, 28, 28]}, ["n", 3, 28, 28], r"as nhwc that are 28 channels.*layout nchw\?"),
        ({"x": ["n", 28, 28, 1], "y": [1]}, ["n", 28, 28, 1], "has 2 inputs: x, y"),
    ],
)
def test_what_does_not_take_and_give_images_is_refused(
    tmp_path: Path, inputs: dict[str, Any], output: Any, words: str
) -> None:
    path = write(tmp_path / "other.onnx", inputs, output)
    with pytest.raises(InputError, match=words):
        load_model(path, layout="nhwc")


def test_a_network_that_takes_bytes_is_refused(tmp_path: Path) -> None:
    shape = ["n", 28, 28, 1]
    path = write(tmp_path / "bytes.onnx", {"x": shape}, shape, onnx.TensorProto.UINT8)
    with pytest.raises(InputError, match="and images are float"):
        load_model(path, layout="nhwc")


def test_without_a_layout_the_order_of_the_axes_is_not_guessed(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "keras.onnx")
    with pytest.raises(InputError, match=r"has no card.*nhwc"):
        load_model(path)
    with pytest.raises(UsageError, match="There is no layout 'hwcn'"):
        load_model(path, layout="hwcn")
