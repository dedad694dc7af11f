"""Scanned pages inside a PDF, with a network that makes a page brighter."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from pellucid.errors import InputError, UsageError
from pellucid.networks.page import PageUNet
from pellucid.training.checkpoint import make_network
from pellucid.training.export import export_network
from pellucid.training.recipe_files import load_recipe

pikepdf = pytest.importorskip("pikepdf")
pdfium = pytest.importorskip("pypdfium2")

from pellucid.pdf import denoise_pdf  # noqa: E402  needs both

WIDTH, HEIGHT = 480, 600
SMALL = ("widths=[4,4,4,4]", "encoder=[0,0,0]", "decoder=[0,0,0]", "body=1", "doubt=9")
RECIPE = load_recipe("page-instant-grey", [*(f"network.{each}" for each in SMALL), "schedule.patch=[64]"])


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network, path = make_network(RECIPE), tmp_path_factory.mktemp("network") / "page.onnx"
    assert isinstance(network, PageUNet)
    with torch.no_grad():
        network.tail.weight.zero_()
        assert network.tail.bias is not None
        network.tail.bias.fill_(0.3)
    export_network(network, RECIPE, path, steps=0, figures={})
    return path


def scan(paper: int = 190) -> NDArray[np.uint8]:
    grain = np.random.default_rng(0).integers(-4, 5, (HEIGHT, WIDTH))
    pixels = (paper + grain).astype(np.uint8)
    for top in range(20, HEIGHT - 20, 16):
        pixels[top : top + 4, 30:-30] = 15
    return pixels


def make_pdf(path: Path, mode: str, codec: str, **options: Any) -> Path:
    """A page that shows an image of this mode in this codec, with a link and a title."""
    image = Image.fromarray(scan()).convert(mode)
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(WIDTH, HEIGHT))
    space = {"1": "/DeviceGray", "L": "/DeviceGray", "RGB": "/DeviceRGB"}[mode]
    keys = {"Type": pikepdf.Name.XObject, "Subtype": pikepdf.Name.Image, "Width": WIDTH, "Height": HEIGHT}
    keys |= {"ColorSpace": pikepdf.Name(space), "BitsPerComponent": 1 if mode == "1" else 8}
    if codec == "/DCTDecode":
        stream = io.BytesIO()
        image.save(stream, "JPEG", **options)
        drawn = pikepdf.Stream(pdf, stream.getvalue(), **keys, Filter=pikepdf.Name.DCTDecode)
    else:
        drawn = pikepdf.Stream(pdf, image.tobytes(), **keys)
    page = pdf.pages[0]
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Scan=drawn))
    page.Contents = pikepdf.Stream(pdf, f"q {WIDTH} 0 0 {HEIGHT} 0 0 cm /Scan Do Q".encode())
    page.Annots = pikepdf.Array(
        [pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9])]
    )
    pdf.docinfo["/Title"] = "A scan"
    pdf.save(path)
    return path


def image_of(path: Path) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """The pixels as pdfium draws them, and how the image is stored."""
    pdf = pikepdf.open(path)
    with pdfium.PdfDocument(path) as drawn:
        pixels = drawn[0].render(scale=1).to_numpy()
    (image,) = pdf.pages[0].get_images().values()
    facts = {name: str(image.get(name)) for name in ("/Filter", "/BitsPerComponent")}
    return pixels[..., 0] if pixels.ndim == 3 else pixels, facts


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("codec", ["/FlateDecode", "/DCTDecode"])
def test_the_paper_becomes_white_and_the_rest_stays(
    tmp_path: Path, network: Path, mode: str, codec: str
) -> None:
    source = make_pdf(tmp_path / "scan.pdf", mode, codec)
    result = denoise_pdf(source, model=network, paper="white")
    assert result.changed
    assert result.output == tmp_path / "scan-denoised.pdf"
    pixels, image = image_of(result.output)
    assert np.median(pixels) >= 252
    assert pixels.min() < 100  # 15, made 77 brighter
    assert image["/Filter"] == codec
    with pikepdf.open(result.output) as pdf:
        assert str(pdf.docinfo["/Title"]) == "A scan"
        assert len(pdf.pages[0].Annots) == 1


def test_a_page_of_one_bit_stays_one(tmp_path: Path, network: Path) -> None:
    source = make_pdf(tmp_path / "scan.pdf", "1", "/FlateDecode")
    before, _ = image_of(source)
    result = denoise_pdf(source, model=network, paper="white")
    pixels, image = image_of(result.output)
    if result.changed:
        assert image == {"/Filter": "/CCITTFaxDecode", "/BitsPerComponent": "1"}
    assert abs(pixels.astype(int) - before)[scan() < 100].mean() < 40


def test_a_jpeg_keeps_its_quality(tmp_path: Path, network: Path) -> None:
    source = make_pdf(tmp_path / "scan.pdf", "L", "/DCTDecode", quality=40)
    result = denoise_pdf(source, model=network, paper="white")
    tables = []
    for path in (source, result.output):
        with pikepdf.open(path) as pdf:
            (image,) = pdf.pages[0].get_images().values()
            tables.append(JpegImageFile(io.BytesIO(image.read_raw_bytes())).quantization)
    assert tables[0] == tables[1]
    assert result.output.stat().st_size < 1.3 * source.stat().st_size


def test_an_encrypted_pdf_is_refused(tmp_path: Path, network: Path) -> None:
    source = make_pdf(tmp_path / "scan.pdf", "L", "/FlateDecode")
    with pikepdf.open(source) as pdf:
        pdf.save(tmp_path / "locked.pdf", encryption=pikepdf.Encryption(owner="a", user=""))
    with pytest.raises(InputError, match="encrypted"):
        denoise_pdf(tmp_path / "locked.pdf", model=network)


def test_a_signed_pdf_is_refused(tmp_path: Path, network: Path) -> None:
    source = make_pdf(tmp_path / "scan.pdf", "L", "/FlateDecode")
    with pikepdf.open(source) as pdf:
        pdf.Root.AcroForm = pikepdf.Dictionary(SigFlags=3, Fields=pikepdf.Array())
        pdf.save(tmp_path / "signed.pdf")
    with pytest.raises(InputError, match="signed"):
        denoise_pdf(tmp_path / "signed.pdf", model=network)


def test_a_page_without_a_scan_is_named(tmp_path: Path, network: Path) -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(WIDTH, HEIGHT))
    pdf.save(tmp_path / "vector.pdf")
    result = denoise_pdf(tmp_path / "vector.pdf", model=network)
    assert not result.changed
    assert "page 1 is no scan" in result.why


def test_an_output_that_exists_is_refused(tmp_path: Path, network: Path) -> None:
    source = make_pdf(tmp_path / "scan.pdf", "L", "/FlateDecode")
    with pytest.raises(UsageError):
        denoise_pdf(source, source, model=network)


def test_what_is_no_pdf_is_refused(tmp_path: Path, network: Path) -> None:
    (tmp_path / "no.pdf").write_bytes(b"no PDF")
    with pytest.raises(InputError, match="cannot be read as a PDF"):
        denoise_pdf(tmp_path / "no.pdf", model=network)


def test_a_pdf_without_pages_is_refused_in_words(tmp_path: Path) -> None:
    with pikepdf.new() as pdf:
        pdf.save(tmp_path / "empty.pdf")
    with pytest.raises(InputError, match=r"empty\.pdf"):
        denoise_pdf(tmp_path / "empty.pdf")
    assert not (tmp_path / "empty-denoised.pdf").exists()


def test_a_pdf_without_scans_is_copied(tmp_path: Path) -> None:
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(tmp_path / "blank.pdf")
    result = denoise_pdf(tmp_path / "blank.pdf")
    assert not result.changed
    assert result.output.read_bytes() == (tmp_path / "blank.pdf").read_bytes()
