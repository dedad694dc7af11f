"""Scanned pages inside a PDF, with a denoiser that makes all that is lighter than ink white."""

import base64
import functools
import io
import shutil
import subprocess
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from pellucid.errors import InputError, LimitError, UsageError
from pellucid.inference.card import Card
from pellucid.inference.denoise import denoise_file
from pellucid.inference.denoiser import Decision, Denoiser
from pellucid.inference.overview import Overview
from pellucid.inference.stacks import FileResult
from pellucid.inference.stream import Array, Work
from pellucid.inference.tiling import plan
from pellucid.options import DenoiseOptions
from tests.pdfs import (
    FULL,
    HEIGHT,
    INKED,
    WIDTH,
    add_image,
    add_page,
    coloured,
    file_of,
    flate_pdf,
    make_images,
    rendered,
    scan_pdf,
    scanned,
)

pikepdf = pytest.importorskip("pikepdf")
pdfium = pytest.importorskip("pypdfium2")


class Whiter(Denoiser):
    """Makes paper white, removes single specks, and leaves ink."""

    name, channels, takes_sigma = "whiter", (1, 3), False

    def card(self, channels: int) -> Card:
        raise NotImplementedError

    def check(self, options: DenoiseOptions) -> None:
        pass

    def decide(self, image: Overview, options: DenoiseOptions) -> Decision:
        tiles = plan(image.height, image.width, stride=1, halo=1, fits=lambda high, wide: True)
        assert tiles is not None
        return Decision(self.name, 0.1, work=Work(tiles, self.run))

    @staticmethod
    def run(pixels: Array) -> Array:
        grey = pixels.mean(2)
        up, down = np.roll(grey, 1, 0), np.roll(grey, -1, 0)
        ink = (grey < 0.5) & ((up < 0.5) | (down < 0.5))
        return np.where(ink[..., None], pixels, np.float32(1))


IMAGES = make_images(pikepdf)


def clean(path: Path, **options: Any) -> FileResult:
    return denoise_file(path, model=Whiter(), **options)


def facts_of(path: Path) -> dict[str, str]:
    """How the only image of the first page is stored."""
    with pikepdf.open(path) as pdf:
        (image,) = pdf.pages[0].Resources.XObject.values()
        space = image.get("/ColorSpace", "")
        name = space[0] if isinstance(space, pikepdf.Array) else space
        return {
            "codec": str(image.get("/Filter", "")),
            "bits": str(image.get("/BitsPerComponent")),
            "space": str(name),
        }


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], FileResult]:
    """What cleaning a PDF with an image of some kind gives, once for all tests."""

    @functools.cache
    def clean_one(name: str) -> FileResult:
        path = tmp_path_factory.mktemp("pdf") / "scan.pdf"
        return clean(scan_pdf(path, *IMAGES[name]()))

    return clean_one


# ---- every way to store an image -----------------------------------------------------------------


@pytest.mark.parametrize("name", IMAGES)
def test_the_paper_of_any_image_becomes_white_and_its_ink_stays(
    cleaned: Callable[[str], FileResult], name: str
) -> None:
    result = cleaned(name)
    assert result.changed, result.why
    before, after = rendered(result.source), rendered(result.output)
    assert before[~INKED].mean() > before[INKED].mean() + 60
    assert np.median(after[~INKED], axis=0).min() >= (224 if name == "palette, 1 bit" else 250)
    assert abs(after.astype(int) - before)[INKED].mean() < 12


@pytest.mark.parametrize("name", IMAGES)
def test_codec_bits_and_colours_stay_or_the_change_is_named(
    cleaned: Callable[[str], FileResult], name: str
) -> None:
    result = cleaned(name)
    before, after = facts_of(result.source), facts_of(result.output)
    assert ("stored as" in result.why) == (before["codec"] not in ("", after["codec"]))
    assert ("in sRGB" in result.why or "in grey" in result.why) == (before["space"] != after["space"])
    assert before["bits"] == after["bits"] or before["bits"] == "None"


@pytest.mark.parametrize("name", IMAGES)
def test_the_file_does_not_grow_and_is_well_formed(cleaned: Callable[[str], FileResult], name: str) -> None:
    result = cleaned(name)
    assert result.output.stat().st_size < 1.3 * result.source.stat().st_size
    with pikepdf.open(result.output) as pdf:
        assert pdf.check_pdf_syntax() == []


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="poppler is not installed")
@pytest.mark.parametrize("name", IMAGES)
def test_poppler_shows_the_same(cleaned: Callable[[str], FileResult], name: str, tmp_path: Path) -> None:
    output = cleaned(name).output
    subprocess.run(["pdftoppm", "-r", "72", "-singlefile", output, tmp_path / "page"], check=True)
    with Image.open(tmp_path / "page.ppm") as page:
        other = np.asarray(page.convert("RGB"))
    change = other.mean((0, 1)) - rendered(output).mean((0, 1))
    assert abs(change).max() < (12 if name.startswith("Cal") else 4)


def test_what_cannot_be_kept_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clean(scan_pdf(tmp_path / "scan.pdf", *IMAGES["JPEG 2000"]()))
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == [
        "page 1 stored as JPEG, no longer as JPEG 2000"
    ]


def test_a_jpeg_keeps_its_quality_and_subsampling(tmp_path: Path) -> None:
    data = file_of(coloured(), "JPEG", quality=40, subsampling=1)
    keys = IMAGES["JPEG, colours"]()[1]
    result = clean(scan_pdf(tmp_path / "scan.pdf", data, keys))
    with pikepdf.open(result.output) as pdf:
        made = pdf.pages[0].Resources.XObject.Scan.read_raw_bytes()
    with JpegImageFile(io.BytesIO(data)) as one, JpegImageFile(io.BytesIO(made)) as two:
        assert one.quantization == two.quantization
        assert get_sampling(one) == get_sampling(two)


def test_a_jpeg_inside_another_filter_is_cleaned(tmp_path: Path) -> None:
    data, keys = IMAGES["JPEG"]()
    keys["Filter"] = pikepdf.Array([pikepdf.Name.ASCIIHexDecode, pikepdf.Name.DCTDecode])
    result = clean(scan_pdf(tmp_path / "scan.pdf", data.hex().encode() + b">", keys))
    assert np.median(rendered(result.output)) == 255


def test_a_profile_stays(cleaned: Callable[[str], FileResult]) -> None:
    profiles = []
    for path in (cleaned("ICC").source, cleaned("ICC").output):
        with pikepdf.open(path) as pdf:
            profiles.append(pdf.pages[0].Resources.XObject.Scan.ColorSpace[1].read_bytes())
    assert profiles[0] == profiles[1]


def test_all_16_bits_are_cleaned(cleaned: Callable[[str], FileResult]) -> None:
    with pikepdf.open(cleaned("16 bits").output) as pdf:
        samples = np.frombuffer(pdf.pages[0].Resources.XObject.Scan.read_bytes(), ">u2")
    assert samples.max() == 65535
    assert (samples.reshape(HEIGHT, WIDTH)[INKED] == scanned()[INKED] * np.uint16(257)).all()


def test_specks_of_a_bilevel_page_go_and_each_letter_stays(cleaned: Callable[[str], FileResult]) -> None:
    before, after = (
        rendered(path)[..., 0] < 128 for path in (cleaned("JBIG2").source, cleaned("JBIG2").output)
    )
    assert (before & ~INKED).sum() > 500
    assert (after & ~INKED).sum() < 200
    assert after[INKED].all()


def test_an_image_that_would_grow_too_much_stays_unchanged(tmp_path: Path) -> None:
    pixels = np.full((HEIGHT, WIDTH), 180, np.uint8)
    pixels[INKED] = 20
    keys = IMAGES["JPEG"]()[1]
    source = scan_pdf(tmp_path / "scan.pdf", file_of(pixels, "JPEG", quality=1), keys)
    result = clean(source)
    assert result.output.stat().st_size <= 1.3 * source.stat().st_size


# ---- masks ---------------------------------------------------------------------------------------


def masked(path: Path, opacity: int) -> Path:
    """A scan under a soft mask."""
    with pikepdf.new() as pdf:
        data, keys = IMAGES["JPEG"]()
        mask = add_image(pdf, np.full((HEIGHT, WIDTH), opacity, np.uint8).tobytes(), IMAGES["plain"]()[1])
        add_page(pdf, FULL, Scan=add_image(pdf, data, keys | {"SMask": mask}))
        pdf.save(path)
    return path


def test_an_image_under_a_soft_mask_is_cleaned_and_keeps_the_mask(tmp_path: Path) -> None:
    result = clean(masked(tmp_path / "scan.pdf", 255))
    assert result.changed
    with pikepdf.open(result.output) as pdf:
        assert set(pdf.pages[0].Resources.XObject.Scan.SMask.read_bytes()) == {255}


def test_an_image_that_a_mask_hides_is_no_page(tmp_path: Path) -> None:
    result = clean(masked(tmp_path / "scan.pdf", 20))
    assert not result.changed
    assert "layers" in result.why


def test_what_a_colour_key_hides_stays_hidden(tmp_path: Path) -> None:
    pixels = scanned()
    pixels[:100] = 255  # and nothing else is
    with pikepdf.new() as pdf:
        keys = IMAGES["plain"]()[1] | {"Mask": pikepdf.Array([255, 255])}
        content = f"1 0 0 rg 0 0 {WIDTH} {HEIGHT} re f {FULL}"
        add_page(pdf, content, Scan=add_image(pdf, pixels.tobytes(), keys))
        pdf.save(tmp_path / "scan.pdf")
    result = clean(tmp_path / "scan.pdf")
    after = rendered(result.output)
    assert (after[:99] == (255, 0, 0)).all()
    assert (np.median(after[101:][~INKED[101:]], axis=0) == 255).all()


# ---- where images are ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "matrix",
    [
        pytest.param(f"0 {HEIGHT} -{WIDTH} 0 {WIDTH} 0", id="turned"),
        pytest.param(f"{WIDTH} 0 0 -{HEIGHT} 0 {HEIGHT}", id="upside down"),
        pytest.param(f"{WIDTH * 0.9} 9 -9 {HEIGHT * 0.9} 15 15", id="askew, with margins"),
        pytest.param(f"{WIDTH * 1.1} 0 0 {HEIGHT * 1.1} -20 -20", id="cropped by the page"),
    ],
)
def test_a_scan_is_found_however_it_is_placed(tmp_path: Path, matrix: str) -> None:
    assert clean(flate_pdf(tmp_path / "scan.pdf", content=f"q {matrix} cm /Scan Do Q")).changed


@pytest.mark.parametrize("size", [0.3, 0.7])
def test_an_image_that_covers_less_than_most_of_a_page_is_no_scan(tmp_path: Path, size: float) -> None:
    result = clean(
        flate_pdf(tmp_path / "scan.pdf", content=f"q {WIDTH * size} 0 0 {HEIGHT * size} 9 9 cm /Scan Do Q")
    )
    assert not result.changed
    assert "page 1 unchanged: no scan of 400 pixels or more covers it" in result.why
    assert result.output.read_bytes() == result.source.read_bytes()


def test_a_scan_inside_a_form_is_found(tmp_path: Path) -> None:
    with pikepdf.open(flate_pdf(tmp_path / "flat.pdf")) as pdf:
        page = pdf.pages[0]
        form = pdf.make_stream(
            b"q 0.5 0 0 0.5 0 0 cm /Scan Do Q", Subtype=pikepdf.Name.Form, BBox=[0, 0, 1, 1]
        )
        form.Matrix, form.Resources = [2, 0, 0, 2, 0, 0], page.Resources
        page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Form=form))
        page.Contents = pdf.make_stream(f"q {WIDTH} 0 0 {HEIGHT} 0 0 cm /Form Do Q".encode())
        pdf.save(tmp_path / "scan.pdf")
    result = clean(tmp_path / "scan.pdf")
    assert np.median(rendered(result.output)) == 255


def test_a_form_that_draws_itself_ends(tmp_path: Path) -> None:
    with pikepdf.open(flate_pdf(tmp_path / "flat.pdf")) as pdf:
        form = pdf.make_indirect(pdf.make_stream(b"/Form Do", Subtype=pikepdf.Name.Form, BBox=[0, 0, 1, 1]))
        form.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Form=form))
        pdf.pages[0].Resources.XObject.Form = form
        pdf.pages[0].Contents = pdf.make_stream(f"/Form Do {FULL}".encode())
        pdf.save(tmp_path / "scan.pdf")
    assert clean(tmp_path / "scan.pdf").changed


def test_an_inline_image_is_found(tmp_path: Path) -> None:
    with pikepdf.new() as pdf:
        add_page(pdf, "")
        begin = f"q {WIDTH} 0 0 {HEIGHT} 0 0 cm BI /W {WIDTH} /H {HEIGHT} /BPC 8 /CS /G /F /AHx ID "
        pdf.pages[0].Contents = pdf.make_stream(f"{begin}{scanned().tobytes().hex()}> EI Q".encode())
        pdf.save(tmp_path / "scan.pdf")
    result = clean(tmp_path / "scan.pdf")
    assert np.median(rendered(result.output)) == 255


def test_strips_are_cleaned_as_one_page(tmp_path: Path) -> None:
    pixels, tops = coloured(), [0, 100, 101, 300, HEIGHT]
    with pikepdf.new() as pdf:
        images, content = {}, ""
        for number, (top, stop) in enumerate(pairwise(tops)):
            keys = IMAGES["flate, colours"]()[1] | {"Height": stop - top}
            images[f"S{number}"] = add_image(pdf, zlib.compress(pixels[top:stop].tobytes()), keys)
            content += f"q {WIDTH} 0 0 {stop - top} 0 {HEIGHT - stop} cm /S{number} Do Q "
        add_page(pdf, content, **images)
        pdf.save(tmp_path / "scan.pdf")
    result = clean(tmp_path / "scan.pdf")
    assert result.why == "1 scan cleaned"
    assert (result.width, result.height) == (WIDTH, HEIGHT)
    after = rendered(result.output)
    assert (after[~INKED] == 255).all()
    assert (after[INKED] == pixels[INKED]).all()


def test_only_the_pages_that_are_named_change(tmp_path: Path) -> None:
    path = tmp_path / "scans.pdf"
    with pikepdf.new() as pdf:
        for seed in range(3):
            pixels = np.roll(scanned(), seed, 1)
            keys = {"Width": WIDTH, "Height": HEIGHT, "BitsPerComponent": 8}
            keys |= {"ColorSpace": pikepdf.Name.DeviceGray, "Filter": pikepdf.Name.FlateDecode}
            add_page(pdf, FULL, Scan=add_image(pdf, zlib.compress(pixels.tobytes()), keys))
        pdf.save(path)
    result = clean(path, pages="2-3", overwrite=True)
    assert result.why == "2 scans cleaned"
    changed = [not np.array_equal(rendered(path, k), rendered(result.output, k)) for k in range(3)]
    assert changed == [False, True, True]
    with pytest.raises(UsageError, match="there are 3"):
        clean(path, output=tmp_path / "out.pdf", pages="4")
    for options in ({"channel": "1"}, {"axes": "YX"}):
        with pytest.raises(UsageError, match="Leave axes and channel out"):
            clean(path, output=tmp_path / "out.pdf", **options)
    assert not (tmp_path / "out.pdf").exists()


def test_an_image_on_several_pages_is_cleaned_once(tmp_path: Path) -> None:
    with pikepdf.open(flate_pdf(tmp_path / "one.pdf")) as pdf:
        pdf.pages.append(pdf.pages[0])
        pdf.add_blank_page(page_size=(9, 9))
        pdf.save(tmp_path / "scan.pdf")
    result = clean(tmp_path / "scan.pdf")
    assert result.why == "1 scan cleaned; page 3 unchanged: no scan of 400 pixels or more covers it"
    assert np.median(rendered(result.output, 1)) == 255


def test_of_two_images_of_one_size_each_keeps_its_own_pixels(tmp_path: Path) -> None:
    with pikepdf.new() as pdf:
        data, keys = IMAGES["flate"]()
        other = zlib.compress(np.ascontiguousarray(scanned()[::-1, ::-1]).tobytes())
        for each in (data, other):
            add_page(pdf, FULL, Scan=add_image(pdf, each, keys))
        pdf.save(tmp_path / "scan.pdf")
    result = clean(tmp_path / "scan.pdf")
    assert (rendered(result.output, 0)[..., 0][INKED] == scanned()[INKED]).all()
    assert (rendered(result.output, 1)[::-1, ::-1, 0][INKED] == scanned()[INKED]).all()


def test_inherited_resources_are_found(tmp_path: Path) -> None:
    with pikepdf.open(flate_pdf(tmp_path / "own.pdf")) as pdf:
        pdf.Root.Pages.Resources = pdf.pages[0].Resources
        del pdf.pages[0].obj.Resources
        pdf.save(tmp_path / "scan.pdf")
    assert clean(tmp_path / "scan.pdf").changed


# ---- kinds of files that other programs failed on ------------------------------------------------


def test_a_stencil_over_an_image_of_one_pixel_is_the_scan(tmp_path: Path) -> None:
    """As reported to OCRmyPDF: white paper is an image of 1 x 1 pixels, below a stencil in CCITT G4."""
    with pikepdf.new() as pdf:
        one = IMAGES["plain"]()[1] | {"Width": 1, "Height": 1}
        data, keys = IMAGES["stencil, CCITT"]()
        images = {"Paper": add_image(pdf, b"\xff", one), "Scan": add_image(pdf, data, keys)}
        add_page(pdf, f"{FULL.replace('Scan', 'Paper')} {FULL}", **images)
        pdf.save(tmp_path / "scan.pdf")
    result = clean(tmp_path / "scan.pdf")
    assert result.why == "1 scan cleaned"
    assert (rendered(result.output)[INKED] == 0).all()


def test_of_a_scan_in_layers_the_paper_is_cleaned_and_colours_under_a_mask_stay(tmp_path: Path) -> None:
    """As in OCRmyPDF's issues 948 and 269: paper, the ink's colours under a mask, small stencils."""
    with pikepdf.new() as pdf:
        ink = np.full((HEIGHT, WIDTH), 60, np.uint8)
        mask = add_image(pdf, *IMAGES["stencil, CCITT"]())
        mask.Decode = [0, 1]
        keys = IMAGES["plain"]()[1]
        small = keys | {
            "Width": 64,
            "Height": 8,
            "ColorSpace": None,
            "BitsPerComponent": 1,
            "ImageMask": True,
        }
        images = {
            "Paper": add_image(pdf, np.where(INKED, 200, scanned()).astype(np.uint8).tobytes(), keys),
            "Scan": add_image(pdf, ink.tobytes(), keys | {"Mask": mask}),
            "Word": add_image(pdf, bytes(64), small),
        }
        content = f"{FULL.replace('Scan', 'Paper')} {FULL} q 64 0 0 8 9 9 cm /Word Do Q"
        add_page(pdf, content, **images)
        pdf.save(tmp_path / "scan.pdf")
    result = clean(tmp_path / "scan.pdf")
    assert result.why == "1 scan cleaned; page 1 unchanged in part: it is made of layers"
    after = rendered(result.output)
    assert np.median(after[~INKED]) == 255
    assert (after[INKED] == 60).all()
    assert (after[-16:-10, 10:70] == 0).all()


def test_a_fax_inside_ascii_85_is_cleaned(tmp_path: Path) -> None:
    """As reported to OCRmyPDF: the only image is a stencil, and its fax is inside ASCII85."""
    data, keys = IMAGES["stencil, CCITT"]()
    names = [pikepdf.Name.ASCII85Decode, pikepdf.Name.CCITTFaxDecode]
    keys |= {"Filter": pikepdf.Array(names), "DecodeParms": pikepdf.Array([None, keys["DecodeParms"]])}
    result = clean(scan_pdf(tmp_path / "scan.pdf", base64.a85encode(data) + b"~>", keys))
    assert result.why == "1 scan cleaned"
    assert (rendered(result.output)[INKED] == 0).all()


def test_a_jpeg_inside_flate_is_cleaned(tmp_path: Path) -> None:
    """As reported to OCRmyPDF."""
    data, keys = IMAGES["JPEG, colours"]()
    keys["Filter"] = pikepdf.Array([pikepdf.Name.FlateDecode, pikepdf.Name.DCTDecode])
    result = clean(scan_pdf(tmp_path / "scan.pdf", zlib.compress(data), keys))
    assert result.why == "1 scan cleaned"


def test_a_jpeg_of_one_special_ink_is_cleaned(tmp_path: Path) -> None:
    """As reported to pikepdf."""
    keys = IMAGES["DeviceN"]()[1] | {"Filter": pikepdf.Name.DCTDecode}
    result = clean(scan_pdf(tmp_path / "scan.pdf", file_of(255 - scanned(), "JPEG", quality=80), keys))
    after = rendered(result.output)
    assert np.median(after[~INKED]) >= 250
    assert np.median(after[INKED]) < 70


@pytest.mark.parametrize("extra", [b"\0\0\0garbage", b""], ids=["bytes before the end", "no end"])
def test_a_jpeg_with_a_damaged_end_is_cleaned(tmp_path: Path, extra: bytes) -> None:
    """As in OCRmyPDF's issues 1269 and 1315."""
    data, keys = IMAGES["JPEG"]()
    source = scan_pdf(tmp_path / "scan.pdf", data[:-2] + extra + (data[-2:] if extra else b""), keys)
    assert np.median(rendered(clean(source).output)) == 255


def test_a_jpeg_with_other_colours_than_its_dictionary_states_stays_unchanged(tmp_path: Path) -> None:
    keys = IMAGES["JPEG"]()[1]
    result = clean(scan_pdf(tmp_path / "scan.pdf", file_of(coloured(), "JPEG", quality=80), keys))
    assert not result.changed
    assert "a JPEG whose colours are not those that its dictionary states" in result.why


# ---- what stays ----------------------------------------------------------------------------------


def test_all_but_the_samples_stays(tmp_path: Path) -> None:
    with pikepdf.open(flate_pdf(tmp_path / "plain.pdf")) as pdf:
        page, names = pdf.pages[0], pikepdf.Name
        font = pikepdf.Dictionary(Type=names.Font, Subtype=names.Type1, BaseFont=names.Helvetica)
        page.Resources.Font = pikepdf.Dictionary(F=font)
        page.Contents = pdf.make_stream(f"{FULL} BT 3 Tr /F 12 Tf 50 50 Td (a text layer) Tj ET".encode())
        page.Rotate, page.CropBox, page.UserUnit = 90, [5, 5, WIDTH - 5, HEIGHT - 5], 2
        link = {"/Type": names.Annot, "/Subtype": names.Link, "/Rect": [0, 0, 9, 9]}
        field = {
            "/Type": names.Annot,
            "/Subtype": names.Widget,
            "/FT": names.Tx,
            "/T": "name",
            "/V": "filled",
        }
        field["/Rect"] = [0, 0, 9, 9]
        widget = pdf.make_indirect(pikepdf.Dictionary(field))
        page.Annots = [pdf.make_indirect(pikepdf.Dictionary(link)), widget]
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=[widget])
        pdf.docinfo["/Title"] = "A scan"
        with pdf.open_metadata() as metadata:
            metadata["pdfaid:part"], metadata["pdfaid:conformance"] = "2", "B"
        with pdf.open_outline() as outline:
            outline.root.append(pikepdf.OutlineItem("Bookmark", 0))
        pdf.attachments["note.txt"] = b"attached"
        pdf.save(tmp_path / "scan.pdf")
    result = clean(tmp_path / "scan.pdf")
    assert result.changed
    found = []
    for path in (result.source, result.output):
        with pikepdf.open(path) as pdf, pdfium.PdfDocument(path) as drawn:
            text = drawn[0].get_textpage().get_text_range()
            bookmarks = [item.title for item in pdf.open_outline().root]
            objects = [repr(each) for each in pdf.objects if not isinstance(each, pikepdf.Stream)]
            streams = [each for each in pdf.objects if isinstance(each, pikepdf.Stream)]
            kept = sorted(each.read_bytes() for each in streams if each.get("/Subtype") != "/Image")
            found.append((text, bookmarks, objects, kept, pdf.pdf_version))
    assert found[0][0].strip() == "a text layer"
    assert found[0] == found[1]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    source = flate_pdf(tmp_path / "scan.pdf")
    results = [clean(source, output=tmp_path / f"{name}.pdf").output.read_bytes() for name in "ab"]
    assert results[0] == results[1]


def test_a_pdf_is_cleaned_in_place(tmp_path: Path) -> None:
    source = flate_pdf(tmp_path / "scan.pdf")
    assert clean(source, output=source, overwrite=True).output == source
    assert np.median(rendered(source)) == 255
    assert list(tmp_path.iterdir()) == [source]


def test_a_page_is_recognised_and_a_photograph_stays(tmp_path: Path) -> None:
    from skimage import data

    photo = np.kron(data.camera()[:424:2, :404:2], np.ones((2, 2), np.uint8))[:HEIGHT, :WIDTH]
    one = flate_pdf(tmp_path / "photo.pdf", np.ascontiguousarray(photo))
    with pikepdf.open(one) as pdf, pikepdf.open(flate_pdf(tmp_path / "page.pdf")) as other:
        pdf.pages.extend(other.pages)
        pdf.save(tmp_path / "both.pdf")
    result = denoise_file(tmp_path / "both.pdf")
    assert result.model == "page-fast"
    assert result.why.startswith("1 scan cleaned; page 1 unchanged: it shows no page of ink on paper")
    assert np.array_equal(rendered(result.output, 0), rendered(result.source, 0))


def test_small_images_next_to_a_scan_stay(tmp_path: Path) -> None:
    logo = np.full((50, 50), 99, np.uint8)
    with pikepdf.open(flate_pdf(tmp_path / "plain.pdf")) as pdf:
        keys = IMAGES["plain"]()[1] | {"Width": 50, "Height": 50}
        pdf.pages[0].Resources.XObject.Logo = add_image(pdf, logo.tobytes(), keys)
        pdf.pages[0].Contents = pdf.make_stream(f"{FULL} q 50 0 0 50 0 0 cm /Logo Do Q".encode())
        pdf.save(tmp_path / "scan.pdf")
    assert (rendered(clean(tmp_path / "scan.pdf").output)[-50:, :50] == 99).all()


# ---- what is refused -----------------------------------------------------------------------------


def test_an_encrypted_pdf_is_refused(tmp_path: Path) -> None:
    with pikepdf.open(flate_pdf(tmp_path / "scan.pdf")) as pdf:
        for name, password in (("owner.pdf", ""), ("user.pdf", "secret")):
            pdf.save(tmp_path / name, encryption=pikepdf.Encryption(owner="a", user=password))
            with pytest.raises(InputError, match=rf"{name} is encrypted"):
                clean(tmp_path / name)
            assert not (tmp_path / f"{name[:-4]}-denoised.pdf").exists()


def test_a_signed_pdf_is_refused_and_an_empty_field_for_a_signature_is_not(tmp_path: Path) -> None:
    with pikepdf.open(flate_pdf(tmp_path / "scan.pdf")) as pdf:
        field = pdf.make_indirect(pikepdf.Dictionary(FT=pikepdf.Name.Sig, T="sign here"))
        group = pdf.make_indirect(pikepdf.Dictionary(T="group", Kids=[field]))
        pdf.Root.AcroForm = pikepdf.Dictionary(SigFlags=1, Fields=[group])
        pdf.save(tmp_path / "empty.pdf")
        field.V = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Sig))
        pdf.save(tmp_path / "signed.pdf")
    assert clean(tmp_path / "empty.pdf").changed
    with pytest.raises(InputError, match=r"signed\.pdf is signed"):
        clean(tmp_path / "signed.pdf")


def test_a_scan_with_too_many_pixels_is_refused_unread(tmp_path: Path) -> None:
    source = flate_pdf(tmp_path / "scan.pdf")
    with pytest.raises(LimitError, match="on page 1"):
        clean(source, max_pixels=WIDTH * HEIGHT - 1)
    assert list(tmp_path.iterdir()) == [source]


def test_an_output_that_exists_or_is_no_pdf_is_refused(tmp_path: Path) -> None:
    source = flate_pdf(tmp_path / "scan.pdf")
    with pytest.raises(UsageError, match="exists"):
        clean(source, output=source)
    with pytest.raises(UsageError, match="is a PDF"):
        clean(source, output=tmp_path / "scan.png")


def test_options_that_the_network_for_pages_does_not_take_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="page-fast"):
        denoise_file(flate_pdf(tmp_path / "scan.pdf"), model="page-fast", sigma=0.1)


@pytest.mark.parametrize("content", [b"%PDF-1.7\nnothing", b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer <<>>"])
def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.pdf").write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.pdf"):
        clean(tmp_path / "broken.pdf")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_pdf_without_pages_is_refused(tmp_path: Path) -> None:
    with pikepdf.new() as pdf:
        pdf.save(tmp_path / "empty.pdf")
    with pytest.raises(InputError, match=r"empty\.pdf"):
        clean(tmp_path / "empty.pdf")


@pytest.mark.parametrize("name", ["flate", "JPEG", "JPEG 2000", "CCITT G4", "JBIG2", "16 bits"])
def test_a_damaged_image_stays_unchanged_or_is_read_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    data, keys = IMAGES[name]()
    source = scan_pdf(tmp_path / "scan.pdf", data[: len(data) // 3], keys)
    result = clean(source)
    assert result.changed or "cannot be decoded" in result.why


@pytest.mark.parametrize("name", ["Width", "Height", "ColorSpace", "BitsPerComponent"])
def test_a_wrong_dictionary_is_no_traceback(tmp_path: Path, name: str) -> None:
    for value in (pikepdf.Name.Wrong, 77, pikepdf.Array([]), None):
        data, keys = IMAGES["JPEG"]()
        result = clean(scan_pdf(tmp_path / "scan.pdf", data, keys | {name: value}), overwrite=True)
        assert result.output.exists()


def test_a_damaged_file_is_repaired_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = flate_pdf(tmp_path / "scan.pdf")
    data = source.read_bytes()
    source.write_bytes(data[: data.rindex(b"startxref") - 60])
    assert clean(source).changed
    assert any("is damaged" in record.getMessage() for record in caplog.records)


def test_a_pdf_after_other_bytes_is_one(tmp_path: Path) -> None:
    source = flate_pdf(tmp_path / "scan.pdf")
    source.write_bytes(b"HTTP/1.1 200 OK\r\n\r\n" + source.read_bytes())
    assert clean(source).changed


def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    with pikepdf.open(flate_pdf(tmp_path / "one.pdf")) as pdf:
        pdf.add_blank_page()
        pdf.save(tmp_path / "scan.pdf")
    seen: list[float] = []
    clean(tmp_path / "scan.pdf", progress=lambda done, of: seen.append(done / of))
    assert seen == sorted(seen)
    assert seen[-1] == 1
