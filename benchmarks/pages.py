"""Scanned pages: error, OCR, strokes lost and made, clean pages, time; with peers on the same pages.

    python -m benchmarks.pages --fonts FOLDER [--tesseract PATH] [--pages 200] [--model page-fast ...]

Parts are measured one by one (``--only dirty``), and figures of other parts stay. Peers that are not
installed are left out: doxapy (pip), unpaper and ImageMagick (Debian). A tiny run reads no text where
Tesseract is missing.
"""

import csv
import hashlib
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from benchmarks.common import Desk, arguments, facts, table, timed
from benchmarks.pages_ocr import (
    DEGRADATIONS,
    DPI,
    PAGES,
    SIZE,
    character_error,
    read_text,
    shelf_of,
    test_page,
)
from pellucid.datasets.pages import draw_clean_page
from pellucid.inference.index import MODELS
from pellucid.inference.registry import load_model
from pellucid.metrics.quality import psnr, ssim

Page = NDArray[np.uint8]
Method = Callable[[Page], Page]

PARTS = ("dirty", "ocr", "clean", "scans", "time")
A4 = (3508, 2480)  # 300 dpi
LIGHT = 192  # faded ink in a result is lighter than half, but can be seen

OCRMYPDF_CLEAN = """unpaper --overwrite --layout none --mask-scan-size 100 --no-border-align
    --no-mask-center --no-grayfilter --no-blackfilter --no-deskew {0} {1}""".split()  # noqa: SIM905
"""How `ocrmypdf --clean` calls unpaper (its version 16)."""


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--fonts", type=Path, help="folder of the fonts in docs/scans.md")
    parser.add_argument("--tesseract", default="tesseract")
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--peers", type=int, default=40, help="pages on which peers are measured, too")
    parser.add_argument("--model", nargs="*", default=["page-fast"], help="names, or .onnx files")
    parser.add_argument("--texts", type=Path, help="keep the texts that were read here, for the next run")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    desk = Desk("pages", options)
    if desk.tiny:
        options.pages = options.peers = 1
        reads = shutil.which(options.tesseract) is not None
        options.only = ("ocr", "clean", "time") if reads else ("clean", "time")
    figures = desk.read()
    run = facts()
    figures.setdefault("runs", {})[run["date"]] = run
    parts: Mapping[str, Callable[..., Any]] = {
        "dirty": dirty, "ocr": ocr, "clean": unchanged, "scans": scans, "time": seconds
    }  # fmt: skip
    for name in options.only:
        figures[name] = {"run": run["date"], **parts[name](desk, options)}
        desk.write(figures)
    desk.publish("\n".join(_tables(figures)))


# ---- methods -------------------------------------------------------------------------------------


def ours(page: Page, model: str, look: Literal["keep", "white"] = "white") -> Page:
    return np.asarray(load_model_once(model).denoise(page, paper=look).image, np.uint8)


load_model_once = cache(load_model)


def background(page: Page) -> Page:
    """Divide by the median of the surroundings (a twelfth of an inch and more)."""
    side = min(51, min(page.shape) // 2 * 2 - 1)
    return np.asarray((page / np.maximum(cv2.medianBlur(page, side), 1) * 255).clip(0, 255), np.uint8)


def sauvola(page: Page) -> Page:
    """The background divided out, then Sauvola's threshold (Sauvola and Pietikainen 2000), by doxapy."""
    doxapy = importlib.import_module("doxapy")
    binary = np.empty_like(page)
    method = doxapy.Binarization(doxapy.Binarization.Algorithms.SAUVOLA)
    method.initialize(background(page))
    method.to_binary(binary, {"window": 25, "k": 0.2})
    return binary


def non_local_means(page: Page) -> Page:
    return np.asarray(cv2.fastNlMeansDenoising(page, None, 15), np.uint8)


def by_command(page: Page, command: list[str], suffix: str) -> Page:
    """A program that reads and writes files."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/in{suffix}", f"{folder}/out{suffix}"]
        Image.fromarray(page).save(paths[0], dpi=(DPI, DPI))
        subprocess.run([part.format(*paths) for part in command], check=True, capture_output=True)
        return np.asarray(Image.open(paths[1]).convert("L"))


def methods(models: list[str]) -> dict[str, Method]:
    found: dict[str, Method] = {"unchanged": lambda page: page}
    found |= {Path(model).stem: partial(ours, model=model) for model in models}
    found |= {"median background": background, "NLM (OpenCV)": non_local_means}
    if importlib.util.find_spec("doxapy"):
        found["background, Sauvola (doxapy)"] = sauvola
    unpaper, convert = ["unpaper", "--overwrite", "{0}", "{1}"], ["convert", "{0}", "-despeckle", "{1}"]
    programs = {
        "unpaper": (unpaper, ".pgm"),
        "unpaper, as OCRmyPDF --clean": (OCRMYPDF_CLEAN, ".pgm"),
        "ImageMagick -despeckle": (convert, ".png"),
    }
    for name, (command, suffix) in programs.items():
        if shutil.which(command[0]):
            found[name] = partial(by_command, command=command, suffix=suffix)
    return found


# ---- parts ---------------------------------------------------------------------------------------


def dirty(desk: Desk, options: Any) -> dict[str, Any]:
    """RMSE in [0, 1], PSNR and SSIM on the pairs of NoisyOffice: mean over the pages."""
    folder = desk.folder("pages/dirty")
    figures: dict[str, Any] = {}
    for name, method in methods(options.model).items():
        rows = []
        for path in sorted((folder / "noisy").glob("*.png")):
            noisy = np.asarray(Image.open(path).convert("L"))
            clean = np.asarray(Image.open(folder / "clean" / path.name).convert("L")) / 255
            result = method(noisy) / 255
            error = float(np.sqrt(np.mean((result - clean) ** 2)))
            rows.append([error, psnr(result, clean, data_range=1.0), ssim(result, clean, data_range=1.0)])
        figures[name] = [round(value, 4) for value in np.mean(rows, 0).tolist()]
        print(name, figures[name], flush=True)
    return figures


def ocr(desk: Desk, options: Any) -> dict[str, Any]:
    """Character errors of Tesseract on generated pages, and ink components lost and made."""
    tools = methods(options.model)
    own = ["unchanged", *(Path(model).stem for model in options.model)]
    names = ["clean", *tools, "Tesseract, method 1", "Tesseract, method 2"]
    rows: dict[str, list[tuple[str, float]]] = {name: [] for name in names}
    strokes, faint = ({name: list[tuple[int, int, int, int]]() for name in own} for _ in range(2))
    digests = {Path(model).stem: _digest(model) for model in options.model}
    shelf = shelf_of(options.fonts, tiny=desk.tiny)
    for count, number in enumerate(_spread(options.pages)):
        page = test_page(number, shelf)

        def read(make: Callable[[], Page], name: str, *extra: str, number: int = number) -> str:
            """What Tesseract reads; a text that is kept saves making the image, too."""
            kept = options.texts and options.texts / f"{number} {name} {digests.get(name, '')}.txt"
            if kept and kept.exists():
                return str(kept.read_text())
            text = read_text(make(), *extra, tesseract=options.tesseract)
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(text)
            return text

        texts = {"clean": read(partial(np.asarray, page.clean), "clean")}
        for name, method in tools.items():
            if name in own:
                result = method(page.noisy)
                texts[name] = read(partial(np.asarray, result), name)
                strokes[name].append(components(result, page.clean))
                faint[name].append(components(result, page.clean, LIGHT))
            elif count < options.peers:
                texts[name] = read(partial(method, page.noisy), name)
        for kind in (1, 2) if count < options.peers else ():
            name = f"Tesseract, method {kind}"
            texts[name] = read(partial(np.asarray, page.noisy), name, "-c", f"thresholding_method={kind}")
        for name, text in texts.items():
            rows[name].append((page.kind, round(character_error(text, page.text), 5)))
        print(number, page.kind, {name: rows[name][-1][1] for name in texts}, flush=True)
    figures: dict[str, Any] = {}
    before = np.array([error for _, error in rows["unchanged"]])
    for name, values in rows.items():
        errors = np.array([error for _, error in values])
        figures[name] = {
            "pages": len(errors),
            "mean": round(float(errors.mean()), 4),
            "median": round(float(np.median(errors)), 4),
            "relative": round(1 - float(errors.mean() / before[: len(errors)].mean()), 3),
            "worse": round(float((errors > before[: len(errors)] + 0.01).mean()), 4),
            "by kind": {
                kind: round(float(np.mean([error for each, error in values if each == kind])), 4)
                for kind in dict.fromkeys(each for each, _ in values)
            },
        }
        if name in strokes:
            kinds = [kind for kind, _ in values]
            figures[name]["strokes"] = {
                kind: _shares(
                    [each for each, of in zip(strokes[name], kinds, strict=True) if kind in (of, "")]
                )
                for kind in ("", *figures[name]["by kind"])
            }
            figures[name]["not even grey"] = _shares(faint[name])
    return figures


def _shares(counts: list[tuple[int, int, int, int]]) -> list[float]:
    """Of the ink components of some pages, the shares that were lost and made."""
    lost, all_clean, made, all_found = np.sum(counts, 0)
    return [round(float(lost / max(1, all_clean)), 5), round(float(made / max(1, all_found)), 5)]


def unchanged(desk: Desk, options: Any) -> dict[str, Any]:
    """Pixels of clean generated pages that change by more than 8 levels, and pages that change at all."""
    shelf = shelf_of(options.fonts, tiny=desk.tiny)
    figures, count = {}, 1 if desk.tiny else 40
    for model in options.model:
        pixels, pages = 0.0, 0
        for seed in range(count):
            page = draw_clean_page(9000 + seed, SIZE, DPI, shelf)[0][..., 0]
            result = ours(page, model)
            pixels += float((abs(result.astype(int) - page) > 8).mean()) / count
            pages += not np.array_equal(result, page)
        figures[Path(model).stem] = {"pixels": pixels, "pages changed": pages}
    return figures


def scans(desk: Desk, options: Any) -> dict[str, Any]:
    """Character errors on real scans whose text is known."""
    figures: dict[str, Any] = {}
    for path, truth in _real_scans(desk.folder("pages/ocr")):
        page = np.asarray(Image.open(path).convert("L"))
        dpi = round(float(Image.open(path).info.get("dpi", (150, 150))[0])) or 150
        read = partial(read_text, dpi=dpi, tesseract=options.tesseract, layout="3")
        figures[path.name] = {"unchanged": round(character_error(read(page), truth), 4)}
        for model in options.model:
            result = ours(page, model)
            figures[path.name][Path(model).stem] = round(character_error(read(result), truth), 4)
        print(path.name, figures[path.name], flush=True)
    return figures


def seconds(desk: Desk, options: Any) -> dict[str, Any]:
    """Seconds for an A4 page at 300 dpi, grey, both looks alike; CPU and wall."""
    size = SIZE if desk.tiny else A4
    page = test_page(0, shelf_of(options.fonts, tiny=desk.tiny)).noisy
    page = np.pad(page, [(0, size[0] - page.shape[0]), (0, size[1] - page.shape[1])], mode="wrap")
    figures = {}
    for model in options.model:
        ours(page[:64, :64], model)
        took = timed(lambda model=model: ours(page, model))  # type: ignore[misc]
        figures[Path(model).stem] = {"cpu": round(took.cpu, 2), "wall": round(took.wall, 2)}
    return figures


# ---- measures ------------------------------------------------------------------------------------


def components(result: Page, clean: Page, level: int = 128) -> tuple[int, int, int, int]:
    """Ink components of the clean page lost, all of them, components made, all in the result.

    Ink is darker than half; a component counts from 3 pixels, and is lost or made where the other page has
    nothing darker than `level` within 2 pixels.
    """
    counts = []
    for one, other in ((clean, result), (result, clean)):
        labels, number = ndimage.label(one < 128, np.ones((3, 3)))
        near = ndimage.binary_dilation(other < level, np.ones((3, 3)), iterations=2)
        index = np.arange(1, number + 1)
        large = ndimage.sum_labels(np.ones_like(labels), labels, index) >= 3
        met = ndimage.maximum(near, labels, index) > 0
        counts += [int((large & ~met).sum()), int(large.sum())]
    return counts[0], counts[1], counts[2], counts[3]


def _spread(count: int) -> list[int]:
    """The numbers of so many pages, of all degradations and sizes: every fifth page, then the next ones."""
    return [number for start in range(5) for number in range(start, PAGES, 5)][:count]


def _digest(model: str) -> str:
    path = Path(model) if model.endswith(".onnx") else MODELS / f"{model}-grey.onnx"
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _real_scans(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted((folder / "tesseract_test").glob("*.tif")):
        text = next(
            each for each in (path.with_suffix(".txt"), path.with_suffix(".gold.txt")) if each.exists()
        )
        yield path, text.read_text(errors="replace")
    for path in sorted((folder / "sroie_receipts").glob("*.jpg")):
        with path.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
            yield path, "\n".join(",".join(row[8:]) for row in csv.reader(file) if len(row) > 8)


def _tables(figures: dict[str, Any]) -> Iterator[str]:
    if "dirty" in figures:
        rows = [[name, *values] for name, values in figures["dirty"].items() if name != "run"]
        yield "Four pages of NoisyOffice, paper white:\n\n" + table(["", "RMSE", "PSNR, dB", "SSIM"], rows)
    if "ocr" in figures:
        header = [
            "character error, %",
            "pages",
            "mean",
            "median",
            "reduction, %",
            "pages worse, %",
            *DEGRADATIONS,
        ]
        rows = [
            [
                name,
                each["pages"],
                *(f"{100 * each[key]:.1f}" for key in ("mean", "median", "relative", "worse")),
            ]
            + [_percent(each["by kind"].get(kind)) for kind in DEGRADATIONS]
            for name, each in figures["ocr"].items()
            if name != "run"
        ]
        yield "Generated pages, read by Tesseract:\n\n" + table(header, rows)
        rows = [
            [name, *(" / ".join(f"{100 * share:.2f}" for share in shares)
                     for shares in (each.get("not even grey", ()),
                                    *(each["strokes"].get(kind, ()) for kind in ("", *DEGRADATIONS))))]
            for name, each in figures["ocr"].items()
            if "strokes" in each
        ]  # fmt: skip
        yield "Ink components, lost / made in %:\n\n" + table(
            ["", "not even grey", "all", *DEGRADATIONS], rows
        )
    if "scans" in figures:
        names = list(next(each for name, each in figures["scans"].items() if name != "run"))
        rows = [
            [name, *(f"{100 * each[key]:.1f}" for key in names)]
            for name, each in figures["scans"].items()
            if name != "run"
        ]
        yield "Real scans, character error in %:\n\n" + table(["", *names], rows)
    for part, title in (("clean", "Clean pages"), ("time", "A4 at 300 dpi, seconds")):
        if part in figures:
            entries = {name: each for name, each in figures[part].items() if name != "run"}
            keys = list(next(iter(entries.values())))
            rows = [[name, *(f"{each[key]:.3g}" for key in keys)] for name, each in entries.items()]
            yield f"{title}:\n\n" + table(["", *keys], rows)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


if __name__ == "__main__":
    main()
