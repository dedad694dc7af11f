"""An evaluation becomes files: for machines and for people."""

import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest

from pellucid.errors import InputError
from pellucid.evaluation.contender import open_contenders
from pellucid.evaluation.images import ImageSet
from pellucid.evaluation.measure import evaluate
from pellucid.evaluation.page import learning_plots, read_log
from pellucid.evaluation.report import FILES, report_html, write_results
from pellucid.evaluation.results import Evaluation, Network
from tests.evaluation.networks import identity, mean_filter, network_file

Attributes = list[tuple[str, str | None]]


class Page(HTMLParser):
    """What a page holds: its tags with their attributes, its words, and the words in bold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.bold: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())
        if self.tags and self.tags[-1][0] == "b":
            self.bold.append(data)


def run_folder(folder: Path, lines: list[dict[str, float]]) -> Path:
    """A run with a mean filter for its network."""
    network_file(folder / "net.onnx", mean_filter, code=(4, 2, 2), parameters=81)
    (folder / "log.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"step": 3, "lo')
    return folder


@pytest.fixture(scope="module")
def found(images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """A run and a network that does nothing, on one set with one noise."""
    log = [{"step": step, "loss": 0.1 / step, "validation_loss": 0.2 / step} for step in (1, 2)]
    folder = tmp_path_factory.mktemp("networks")
    run = run_folder(folder / "my <b> & run", log)
    contenders = open_contenders([run, network_file(folder / "same.onnx", identity, layers=())])
    return evaluate(contenders, [images], ["gaussian:0.3"], baselines=False)


@pytest.fixture(scope="module")
def html(found: Evaluation) -> str:
    return report_html(found)


def test_three_files_are_written(found: Evaluation, tmp_path: Path) -> None:
    paths = write_results(tmp_path / "a" / "report", found)
    assert [path.name for path in paths] == list(FILES)
    assert {path.name for path in (tmp_path / "a" / "report").iterdir()} == set(FILES)


def test_the_json_file_holds_all_figures_and_no_images(found: Evaluation, tmp_path: Path) -> None:
    path, *_ = write_results(tmp_path / "report", found)
    read = msgspec.json.decode(path.read_bytes(), type=Evaluation)
    assert read == msgspec.structs.replace(found, galleries=())
    assert "galleries" not in json.loads(path.read_text())


def test_the_csv_file_has_a_line_for_each_row(found: Evaluation, tmp_path: Path) -> None:
    _, path, _ = write_results(tmp_path / "report", found)
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["method"] for line in lines] == [row.method for row in found.rows]
    for line, row in zip(lines, found.rows, strict=True):
        assert (float(line["psnr"]), float(line["mse_low"])) == (row.psnr.mean, row.mse.low)
        assert int(line["images"]) == row.images


def test_the_page_needs_no_other_file(html: str) -> None:
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "base"}
    addresses = [
        value or ""
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href")
    ]
    assert addresses
    assert all(each.startswith(("data:image/png;base64,", "#")) for each in addresses)
    styles = html[: html.index("</style>")]
    assert "@import" not in styles
    assert "url(" not in styles


def test_every_link_of_the_page_leads_somewhere(html: str) -> None:
    page = Page(html)
    places = {f"#{attributes['id']}" for _, attributes in page.tags if "id" in attributes}
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert len(links) == 6
    assert set(links) <= places


def test_names_are_text_and_no_markup(html: str) -> None:
    assert "my <b> & run" not in html
    assert "my <b> & run" in Page(html).words


def test_the_best_figures_are_bold(found: Evaluation, html: str) -> None:
    rows = {row.method: row for row in found.rows}
    best = rows["my <b> & run"]
    assert best.psnr.mean > rows["same"].psnr.mean
    assert f"{best.psnr.mean:.2f}" in Page(html).bold
    assert f"{rows['same'].psnr.mean:.2f}" not in Page(html).bold


def test_images_are_shown_enlarged_and_described(html: str) -> None:
    images = [attributes for tag, attributes in Page(html).tags if tag == "img"]
    assert len(images) == 3 * (2 + 2 * 2)
    assert {each["width"] for each in images} == {"112"}  # 16 pixels, seven times
    assert all(each["alt"] for each in images)


def test_every_drawing_is_well_formed(html: str) -> None:
    parts = html.split("<svg")[1:]
    drawings = [f"<svg{part[: part.index('</svg>')]}</svg>" for part in parts]
    charts = [each for each in map(ElementTree.fromstring, drawings) if each.get("class") == "chart"]
    labels = [each.get("aria-label") or "" for each in charts]
    assert [label.partition(":")[0] for label in labels] == [
        "PSNR, dB against noise level σ, in units of white",
        "PSNR, dB against parameters",
        "PSNR, dB against multiply-adds a pixel",
        "PSNR, dB against memory, bytes a pixel",
        "PSNR, dB against milliseconds an image",
        "loss against step",
    ]


def test_the_network_is_drawn_where_its_card_has_layers(html: str) -> None:
    words = Page(html).words
    assert words.count("encoder") == 1, "only one of the two has layers"
    assert "4 × 2 × 2 = 16 numbers" in words


def test_one_network_alone_has_no_chart_of_capacity(images: ImageSet, tmp_path: Path) -> None:
    contenders = open_contenders([network_file(tmp_path / "same.onnx")])
    found = evaluate(contenders, [images], ["gaussian:0.3"], baselines=False)
    assert "Capacity" not in report_html(found)


def test_training_and_validation_of_all_runs_share_a_chart(tmp_path: Path) -> None:
    networks = []
    for name in ("first", "second"):
        lines = [
            {"step": 9 * k, "epoch": k, "loss": 1 / k, "validation_loss": 2 / k, "psnr": k} for k in (1, 9)
        ]
        run = run_folder(tmp_path / name, lines)
        networks.append(Network(name=name, cards=(), run=str(run)))
    loss, quality = learning_plots(networks)
    runs = "first, training, second, training, first, validation, second, validation"
    assert f"loss against epoch: {runs}" in loss.svg
    assert "against epoch: first, second" in quality.svg


def test_a_log_is_read_up_to_where_a_stop_cut_it_off(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "run", [{"step": 1, "loss": 0.5}])
    assert read_log(run) == [{"step": 1, "loss": 0.5}]
    assert read_log(tmp_path / "gone") == []


def test_the_page_of_large_colour_images_stays_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    large = [rng.integers(0, 256, (200, 260, 3), np.uint8) for _ in range(3)]
    files = [network_file(tmp_path / f"{name}.onnx", mean_filter, channels=3) for name in "ab"]
    sets = [ImageSet(name, large, []) for name in ("one", "two")]
    found = evaluate(open_contenders(files), sets, ["gaussian:0.3"], baselines=False)
    assert not found.galleries[0].whole
    assert len(report_html(found).encode()) < 3_000_000


def test_a_page_replaces_an_older_one_as_a_whole_or_says_why_not(found: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    write_results(tmp_path, found)
    assert (tmp_path / "report.html").read_text() != "old"
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="cannot be written"):
        write_results(tmp_path / "file", found)
    assert not list(tmp_path.glob(".pellucid-*"))
