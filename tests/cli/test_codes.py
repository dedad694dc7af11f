"""`pellucid encode` and `decode`, from the outside."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pellucid as package
from tests.cli.conftest import Run, tree
from tests.datasets.made import cifar

DIGITS = np.random.default_rng(0).integers(0, 256, (3, 12, 12), dtype=np.uint8)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of two autoencoders: grey of 12 x 12 pixels, colour of sides that 4 divides."""
    from pellucid.networks.families import ConvPoolSettings, DenseSettings
    from tests.coded import coded_file

    folder = tmp_path_factory.mktemp("networks")
    coded_file(DenseSettings(level=4), folder / "grey.onnx")
    coded_file(ConvPoolSettings(widths=(4, 6)), folder / "colour.onnx", channels=3)
    return {path.stem: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, networks: dict[str, bytes]) -> None:
    """A run folder, and three digits."""
    for name, content in networks.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.onnx").write_bytes(content)
    (tmp_path / "digits").mkdir()
    for name, digit in zip(("one", "two", "three"), DIGITS, strict=True):
        Image.fromarray(digit).save(tmp_path / f"digits/{name}.png")


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


def test_decoded_images_are_those_of_the_network_under_their_names(pellucid: Run, tmp_path: Path) -> None:
    done = pellucid("encode", "--model", "grey/grey.onnx", "digits", "-o", "codes.npz")
    assert done.out.startswith("codes.npz  (3 codes of 4 x 4, ")
    done = pellucid("decode", "codes.npz", "--model", "grey/grey.onnx", "-o", "decoded")
    assert done.out == "codes.npz -> decoded  (3 images)\n"
    assert tree(tmp_path / "decoded") == {"one.png", "two.png", "three.png"}

    from pellucid.inference.batches import denoise_batch
    from pellucid.inference.session import Session
    from pellucid.io.image import to_float

    expected = denoise_batch(Session(tmp_path / "grey/grey.onnx"), to_float(DIGITS[:1, ..., None]))
    found = pixels(tmp_path / "decoded/one.png")
    assert found.shape == (12, 12)
    assert np.abs(found - 255 * expected[0, ..., 0]).max() <= 0.51


def test_a_run_folder_names_its_network_and_the_suffix_does_not_matter(pellucid: Run, tmp_path: Path) -> None:
    Image.fromarray(DIGITS[0]).convert("RGB").save(tmp_path / "grey-in-colour.png")
    pellucid("encode", "--model", "grey", "digits/one.png", "grey-in-colour.png", "-o", "two.npz", "--quiet")
    pellucid("decode", "two.npz", "--model", "grey/", "-o", "out/of/here")
    one, two = (pixels(tmp_path / f"out/of/here/{name}.png") for name in ("one", "grey-in-colour"))
    assert np.array_equal(one, two)


def test_eight_bits_change_little(pellucid: Run, tmp_path: Path) -> None:
    for name, options in {"whole": (), "small": ("--bits", "8")}.items():
        pellucid("encode", "--model", "grey", "digits", "-o", f"{name}.npz", *options)
        pellucid("decode", f"{name}.npz", "--model", "grey", "-o", name)
    whole, small = (pixels(tmp_path / name / "two.png").astype(int) for name in ("whole", "small"))
    assert np.abs(whole - small).max() <= 2


def test_a_colour_network_takes_any_size_that_its_stride_divides(
    pellucid: Run, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    Image.fromarray(photo).save(tmp_path / "photo.jpg")
    document = pellucid("encode", "--model", "colour", "photo.jpg", "-o", "photo.npz", "--json").json
    assert document["code"] == [6, 24, 32]
    assert (document["images"], document["bits"]) == (1, 32)
    assert document["bytes"] == (tmp_path / "photo.npz").stat().st_size
    document = pellucid("decode", "photo.npz", "--model", "colour", "-o", "decoded", "--json").json
    assert document["files"] == [str(Path("decoded/photo.png"))]
    assert pixels(tmp_path / "decoded/photo.png").shape == photo.shape


def test_a_name_that_was_there_before_gets_a_number(pellucid: Run, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name in ("One", "one-2"):
        Image.fromarray(DIGITS[2]).save(tmp_path / f"more/{name}.png")
    pellucid(
        "encode", "--model", "grey", "digits/one.png", "more/One.png", "more/one-2.png", "-o", "codes.npz"
    )
    pellucid("decode", "codes.npz", "--model", "grey", "-o", "decoded")
    assert tree(tmp_path / "decoded") == {"one.png", "One-2.png", "one-2-2.png"}


def test_what_exists_is_replaced_only_when_allowed(pellucid: Run, tmp_path: Path) -> None:
    encode = ("encode", "--model", "grey", "digits", "-o", "codes.npz")
    decode = ("decode", "codes.npz", "--model", "grey", "-o", "decoded")
    for command in (encode, decode):
        pellucid(*command)
        assert "exists already" in pellucid(*command, code=2).err
        pellucid(*command, "--overwrite")


def test_the_codes_of_another_network_are_refused(
    pellucid: Run, networks: dict[str, bytes], tmp_path: Path
) -> None:
    pellucid("encode", "--model", "grey", "digits", "-o", "codes.npz")
    done = pellucid("decode", "codes.npz", "--model", "colour", "-o", "decoded", code=3)
    assert "was made by the network whose SHA-256 begins" in done.err
    assert not (tmp_path / "decoded").exists()


def test_a_network_with_skips_has_no_code(pellucid: Run) -> None:
    shipped = Path(package.__file__).parent / "models/gaussian-instant-grey.onnx"
    for model in (str(shipped), "gaussian-instant"):
        done = pellucid("encode", "--model", model, "digits", "-o", "codes.npz", code=3)
        assert "has no code: a U-Net has skips" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--model", "grey", "digits"), 2, "-o"),
        (("--model", "grey", "-o", "codes.npz"), 2, "from files or from --set"),
        (("--model", "grey", "digits", "--set", "mnist", "-o", "codes.npz"), 2, "from files or from --set"),
        (("--model", "grey", "digits", "--part", "train", "-o", "codes.npz"), 2, "--part is for --set"),
        (("--model", "grey", "--set", "mnist", "--part", "best", "-o", "codes.npz"), 2, "'best'"),
        (("--model", "grey", "--set", "toaster", "-o", "codes.npz"), 2, "no data set 'toaster'"),
        (("--model", "grey", "digits", "-o", "codes.png"), 2, "does not end in .npz"),
        (("--model", "grey", "digits", "-o", "codes.npz", "--bits", "7"), 2, "7 bits"),
        (("--model", "grey", "digits", "-o", "codes.npz", "--threads", "0"), 2, "--threads is 0"),
        (("--model", "toaster", "digits", "-o", "codes.npz"), 2, "no model 'toaster'"),
        (("--model", "gone.onnx", "digits", "-o", "codes.npz"), 3, "no file gone.onnx"),
        (("--model", "grey", "gone.png", "-o", "codes.npz"), 3, "gone.png cannot be read"),
        (
            ("--model", "grey", "large.png", "-o", "codes.npz"),
            3,
            "large.png: tiny takes images of 12 x 12 pixels",
        ),
        (
            ("--model", "grey", "colour.png", "-o", "codes.npz"),
            3,
            "is for grey images, and these are colour images",
        ),
        (("--model", "colour", "digits/one.png", "large.png", "-o", "codes.npz"), 3, "different sizes"),
        (("--model", "grey", "digits", "-o", "gone/codes.npz"), 3, "cannot be written"),
    ],
)
def test_what_cannot_be_encoded_is_told_and_nothing_is_written(
    pellucid: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "large.png")
    Image.fromarray(np.arange(12 * 12 * 3, dtype=np.uint8).reshape(12, 12, 3)).save(tmp_path / "colour.png")
    before = tree(tmp_path)
    done = pellucid("encode", *arguments, code=code)
    assert words in done.err
    assert done.err.count("\n") == 1
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("gone.npz", "--model", "grey", "-o", "out"), 3, "gone.npz cannot be read"),
        (("digits/one.png", "--model", "grey", "-o", "out"), 3, "is no file of codes"),
        (("codes.npz", "-o", "out"), 2, "--model"),
        (("codes.npz", "--model", "grey", "-o", "codes.npz"), 2, "is a file"),
    ],
)
def test_what_cannot_be_decoded_is_reported(
    pellucid: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    pellucid("encode", "--model", "grey", "digits", "-o", "codes.npz")
    before = tree(tmp_path)
    done = pellucid("decode", *arguments, code=code)
    assert words in done.err
    assert tree(tmp_path) == before


def test_transparency_is_not_lost_in_silence(pellucid: Run, tmp_path: Path) -> None:
    Image.fromarray(np.stack([DIGITS[0]] * 4, axis=-1)).save(tmp_path / "alpha.png")
    done = pellucid("encode", "--model", "grey", "alpha.png", "-o", "codes.npz")
    assert done.err == "warning: alpha.png: a code does not keep transparency\n"


def test_a_part_of_a_set_is_encoded(pellucid: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data/cifar10"
    folder.mkdir(parents=True)
    images = np.random.default_rng(1).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    (folder / "data_batch_1.bin").write_bytes(cifar(images, np.zeros(40)))
    (folder / "test_first_1000.bin").write_bytes(cifar(images[:5], np.arange(5)))
    encode = ("encode", "--model", "colour", "--set", "cifar10", "--data-dir", "data", "-o")
    assert pellucid(*encode, "test.npz", "--json").json["images"] == 5
    with np.load(tmp_path / "test.npz") as codes:
        assert codes["labels"].tolist() == [0, 1, 2, 3, 4]
    assert pellucid(*encode, "tune.npz", "--part", "validation", "--json").json["images"] == 2
    pellucid("decode", "test.npz", "--model", "colour", "-o", "decoded")
    assert tree(tmp_path / "decoded") == {f"0000{number}.png" for number in range(5)}


def test_without_the_lab_one_line_says_how_to_get_it(process: Run, tmp_path: Path) -> None:
    missing = tmp_path / "missing/onnx"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ModuleNotFoundError('No module named onnx')")
    done = process(
        *("encode", "--model", "grey", "digits", "-o", "codes.npz"),
        env={"PYTHONPATH": str(missing.parent)},
        code=5,
    )
    assert 'pip install "pellucid[lab]"' in done.err
