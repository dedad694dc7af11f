"""`pellucid denoise`, from the outside."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pellucid.batch.record import NAME
from tests.cli.conftest import PELLUCID, Run, tree
from tests.pdfs import flate_pdf, rendered

Save = Callable[[str], Path]
GIVEN = ("--sigma", "25")


def samples(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as pil_image:
        return np.asarray(pil_image)


def test_the_result_is_written_next_to_the_image(pellucid: Run, image: Save, tmp_path: Path) -> None:
    before = image("photo.png").read_bytes()
    done = pellucid("denoise", "photo.png", *GIVEN)
    assert done.out.startswith("photo.png -> photo-denoised.png  (gaussian-best: the noise was given, ")
    assert done.err == ""
    assert tree(tmp_path) == {"photo.png", "photo-denoised.png"}
    assert (tmp_path / "photo.png").read_bytes() == before
    clean, noisy = samples(tmp_path / "photo-denoised.png"), samples(tmp_path / "photo.png")
    assert (clean.shape, clean.dtype) == (noisy.shape, noisy.dtype)
    assert not np.array_equal(clean, noisy)


def test_the_noise_is_analysed_and_decides_the_network_when_neither_is_given(
    pellucid: Run, image: Save
) -> None:
    image("photo.png")
    (row,) = pellucid("denoise", "photo.png", "--json").json["files"]
    assert 0.05 < row["sigma"] < 0.2
    assert (row["changed"], row["model"]) == (True, "gaussian-best")
    assert "white" in row["why"]
    line = pellucid("denoise", "photo.png", "--overwrite").out
    assert f"(gaussian-best: {row['why']}, " in line


def test_the_noise_itself_may_be_given(pellucid: Run, image: Save, tmp_path: Path) -> None:
    image("photo.png")
    pellucid("denoise", "photo.png", "-o", "sigma.png", *GIVEN)
    for name, noise in (("white", "gaussian:25"), ("photons", "poisson:50,read=2")):
        (row,) = pellucid("denoise", "photo.png", "-o", f"{name}.png", "--noise", noise, "--json").json[
            "files"
        ]
        assert (row["changed"], row["why"]) == (True, "the noise was given")
    sigma, white, photons = (samples(tmp_path / f"{name}.png") for name in ("sigma", "white", "photons"))
    np.testing.assert_array_equal(white, sigma)
    assert not np.array_equal(photons, sigma)


def test_a_network_that_was_named_needs_no_reason(pellucid: Run, image: Save) -> None:
    image("photo.png")
    named = ("--model", "gaussian-instant", *GIVEN)
    assert "(noise 25.0, " in pellucid("denoise", "photo.png", *named).out
    (row,) = pellucid("denoise", "photo.png", "--overwrite", "--json", *named).json["files"]
    assert (row["model"], row["why"]) == ("gaussian-instant", "")


def test_the_reason_is_printed_also_where_the_network_for_pages_was_named(pellucid: Run, image: Save) -> None:
    image("photo.png")
    done = pellucid("denoise", "photo.png", "--model", "page-fast")
    assert "(unchanged: " in done.out or "(page-fast: it removes " in done.out


def test_an_image_without_noise_stays_unchanged_and_the_reason_is_printed(
    pellucid: Run, tmp_path: Path
) -> None:
    even = np.tile(np.linspace(40, 200, 128, dtype=np.uint8), (100, 1))
    Image.fromarray(even).save(tmp_path / "clean.jpg", quality=95)
    done = pellucid("denoise", "clean.jpg")
    assert "there is no noise to remove" in done.out
    assert (tmp_path / "clean-denoised.jpg").read_bytes() == (tmp_path / "clean.jpg").read_bytes()
    (row,) = pellucid("denoise", "clean.jpg", "--overwrite", "--json").json["files"]
    assert (row["changed"], row["model"]) == (False, "none")
    assert row["why"].startswith("there is no noise to remove")


def test_luma_and_chroma_have_strengths_of_their_own(pellucid: Run, image: Save, tmp_path: Path) -> None:
    before = samples(image("photo.png")).astype(float)
    options = {"all": (), "colour": ("--luma", "0"), "grey": ("--chroma", "0"), "half": ("--strength", "0.5")}
    change = {}
    for name, more in options.items():
        pellucid("denoise", "photo.png", "-o", f"{name}.png", *GIVEN, *more)
        change[name] = samples(tmp_path / f"{name}.png") - before
    luma = {name: (each @ [0.299, 0.587, 0.114]) for name, each in change.items()}
    assert np.abs(luma["colour"]).mean() < 0.1 * np.abs(luma["all"]).mean()  # pixels are whole numbers
    assert np.abs(change["grey"] - luma["grey"][..., None]).mean() < 1
    assert np.abs(change["half"] - change["all"] / 2).mean() < 1  # more where it was cut off at white


@pytest.mark.parametrize(("suffix", "kind"), [("jpg", "JPEG"), ("tif", "TIFF"), ("webp", "WEBP")])
def test_the_suffix_of_the_output_decides_the_format(
    pellucid: Run, image: Save, tmp_path: Path, suffix: str, kind: str
) -> None:
    image("photo.png")
    pellucid("denoise", "photo.png", "-o", f"clean.{suffix}", *GIVEN)
    with Image.open(tmp_path / f"clean.{suffix}") as pil_image:
        assert pil_image.format == kind


def test_one_file_may_go_into_a_folder_that_exists(pellucid: Run, image: Save, tmp_path: Path) -> None:
    image("photo.png")
    (tmp_path / "out").mkdir()
    pellucid("denoise", "photo.png", "-o", "out", *GIVEN)
    assert tree(tmp_path / "out") == {"photo.png"}


def test_several_files_go_into_a_folder_that_is_made(pellucid: Run, image: Save, tmp_path: Path) -> None:
    image("a.png"), image("b.jpg")
    done = pellucid("denoise", "a.png", "b.jpg", "-o", "new/out", *GIVEN)
    assert tree(tmp_path / "new/out") == {"a.png", "b.jpg"}
    assert done.out.splitlines()[-1].startswith("2 denoised, ")


def test_a_folder_keeps_its_tree_without_hidden_and_other_files(
    pellucid: Run, image: Save, tmp_path: Path
) -> None:
    for name in ("in/a.png", "in/deep/er/b.JPG", "in/.hidden.png", "in/.git/c.png"):
        image(name)
    (tmp_path / "in/notes.txt").write_text("no image")
    (tmp_path / "in/deep/loop").symlink_to("..")
    done = pellucid("denoise", "in", "-o", "out", *GIVEN)
    assert tree(tmp_path / "out") == {"a.png", "deep", "deep/er", "deep/er/b.JPG"}
    assert done.out.splitlines()[-1].startswith("2 denoised, 1 skipped (no image), ")


def test_the_scans_of_pdfs_in_a_folder_are_cleaned(pellucid: Run, image: Save, tmp_path: Path) -> None:
    pytest.importorskip("pikepdf")
    image("in/a.png")
    flate_pdf(tmp_path / "in/letter.pdf")
    done = pellucid("denoise", "in", "-o", "out", "--paper", "white", "--quiet")
    assert (done.out, tree(tmp_path / "out")) == ("", {"a.png", "letter.pdf"})
    assert np.median(rendered(tmp_path / "out/letter.pdf")) > np.median(rendered(tmp_path / "in/letter.pdf"))


def test_a_pdf_names_the_pages_that_stay_unchanged(pellucid: Run, tmp_path: Path) -> None:
    pytest.importorskip("pikepdf")
    flate_pdf(tmp_path / "drawing.pdf", content="0 0 50 50 re f")
    (row,) = pellucid("denoise", "drawing.pdf", "--json").json["files"]
    assert (row["changed"], row["model"], row["why"]) == (
        False,
        "none",
        "page 1 unchanged: no scan of 400 pixels or more covers it",
    )
    assert pellucid("denoise", "drawing.pdf", "-o", "drawing.png", code=2).err.startswith(
        "error: drawing.pdf is a PDF"
    )


def test_outputs_of_an_earlier_run_are_no_inputs(pellucid: Run, image: Save, tmp_path: Path) -> None:
    image("in/a.png")
    for _ in range(2):
        done = pellucid("denoise", "in", "-o", "in/out", "--overwrite", "--json", *GIVEN)
        assert [row["input"] for row in done.json["files"]] == [os.path.join("in", "a.png")]
    assert tree(tmp_path / "in") == {"a.png", "out", "out/a.png"}


def test_a_second_run_goes_on_with_what_is_missing(pellucid: Run, image: Save, tmp_path: Path) -> None:
    for name in ("in/a.png", "in/b.png", "out/a.png"):
        image(name)
    before = (tmp_path / "out/a.png").read_bytes()
    done = pellucid("denoise", "in", "-o", "out", *GIVEN)
    first, last = done.out.splitlines()
    assert first.startswith(str(Path("in/b.png")))
    assert last.startswith("1 denoised, 1 done already (--overwrite denoises again), ")
    assert (tmp_path / "out/a.png").read_bytes() == before
    again = pellucid("denoise", "in", "-o", "out", "--json", *GIVEN).json
    assert (again["files"], again["done"]) == ([], 2)
    pellucid("denoise", "in", "-o", "out", "--overwrite", "--quiet", *GIVEN)
    assert (tmp_path / "out/a.png").read_bytes() == (tmp_path / "out/b.png").read_bytes() != before


def test_an_image_whose_namesake_was_done_before_is_an_error(
    pellucid: Run, image: Save, tmp_path: Path
) -> None:
    for name in ("one/a.png", "one/b.png", "two/a.png", "two/b.png"):
        image(name)
        os.utime(tmp_path / name, (1000, 1000))  # as when unpacked from an archive
    for inputs in (["one"], ["one/a.png", "one/b.png"]):
        pellucid("denoise", *inputs, "-o", "out", *GIVEN)
    for inputs in (["two"], ["two/a.png", "two/b.png"]):
        done = pellucid("denoise", *inputs, "-o", "out", *GIVEN, code=4)
        assert f"a.png exists already, and was made from {Path('one/a.png')}" in done.err
    (tmp_path / "one").rename(tmp_path / "moved")
    assert pellucid("denoise", "moved", "-o", "out", "--json", *GIVEN).json["done"] == 2


def test_an_image_that_was_exchanged_for_an_older_one_is_an_error(
    pellucid: Run, image: Save, tmp_path: Path
) -> None:
    image("card/a.png"), image("card/b.png")
    pellucid("denoise", "card", "-o", "out", *GIVEN)
    os.utime(tmp_path / "card/a.png", (1000, 1000))
    done = pellucid("denoise", "card", "-o", "out", *GIVEN, code=2)
    assert "an earlier state of it" in done.err
    with (tmp_path / "out" / NAME).open("a") as record:
        record.write('{"output": "a.p')  # cut off: the earlier entry counts
    pellucid("denoise", "card", "-o", "out", *GIVEN, code=2)
    pellucid("denoise", "card", "-o", "out", "--overwrite", "--quiet", *GIVEN)


def test_an_image_that_is_newer_than_its_output_is_an_error_and_the_others_go_on(
    pellucid: Run, image: Save, tmp_path: Path
) -> None:
    for name in ("out/a.png", "in/a.png", "in/b.png"):
        image(name)
    os.utime(tmp_path / "out/a.png", (1000, 1000))
    done = pellucid("denoise", "in", "-o", "out", *GIVEN, code=4)
    assert f"a.png exists already, and is older than {Path('in/a.png')}" in done.err
    assert tree(tmp_path / "out") == {"a.png", "b.png"}


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="Python has extended attributes on Linux only")
def test_in_place_keeps_permissions_and_attributes_and_says_that_it_parted_hard_links(
    pellucid: Run, image: Save, tmp_path: Path
) -> None:
    path = image("a.png")
    before = path.read_bytes()
    path.chmod(0o640)
    os.setxattr(path, "user.xdg.tags", b"holiday")
    os.link(path, tmp_path / "backup.png")
    done = pellucid("denoise", "a.png", "--in-place", *GIVEN)
    assert path.read_bytes() != before
    assert (path.stat().st_mode & 0o777, os.getxattr(path, "user.xdg.tags")) == (0o640, b"holiday")
    assert (tmp_path / "backup.png").read_bytes() == before
    assert "warning: " in done.err
    assert "a.png had 2 names (hard links)" in done.err


def test_in_place_replaces_the_images_of_a_folder(pellucid: Run, image: Save, tmp_path: Path) -> None:
    before = image("in/sub/a.png").read_bytes()
    done = pellucid("denoise", "in", "--in-place", *GIVEN)
    assert "-> in place" in done.out
    assert tree(tmp_path) == {"in", "in/sub", "in/sub/a.png"}
    assert (tmp_path / "in/sub/a.png").read_bytes() != before


def test_an_output_that_exists_stays_unless_overwriting_is_allowed(
    pellucid: Run, image: Save, tmp_path: Path
) -> None:
    image("photo.png")
    target = tmp_path / "photo-denoised.png"
    target.write_text("precious")
    assert "exists already" in pellucid("denoise", "photo.png", *GIVEN, code=2).err
    assert target.read_text() == "precious"
    pellucid("denoise", "photo.png", "--overwrite", *GIVEN)
    assert samples(target).shape == samples(tmp_path / "photo.png").shape


@pytest.mark.parametrize("given", [("--sigma", "0"), ("--sigma", "25", "--strength", "0")])
def test_nothing_to_remove_gives_the_very_same_file(
    pellucid: Run, image: Save, tmp_path: Path, given: tuple[str, ...]
) -> None:
    before = image("photo.jpg").read_bytes()
    pellucid("denoise", "photo.jpg", *given)
    assert (tmp_path / "photo-denoised.jpg").read_bytes() == before
    pellucid("denoise", "photo.jpg", "--in-place", *given)
    assert (tmp_path / "photo.jpg").read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("a/x.png", "b/x.png", "-o", "out"),
        ("a", "b", "-o", "out"),
        ("a/x.png", "a/../a/x.png"),
        ("a/x.png", "a", "--in-place"),
        ("a/x.png", "link.png", "--in-place"),
    ],
)
def test_two_inputs_for_one_output_are_refused_before_anything_is_done(
    pellucid: Run, image: Save, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    image("a/x.png"), image("b/x.png")
    (tmp_path / "link.png").symlink_to("a/x.png")
    before = tree(tmp_path), (tmp_path / "a/x.png").read_bytes()
    assert "would both be written to" in pellucid("denoise", *arguments, *GIVEN, code=2).err
    assert (tree(tmp_path), (tmp_path / "a/x.png").read_bytes()) == before


def test_an_output_must_not_replace_another_input(pellucid: Run, image: Save) -> None:
    image("a.png"), image("a-denoised.png")
    done = pellucid("denoise", "a.png", "a-denoised.png", "--overwrite", *GIVEN, code=2)
    assert "which is an input too" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.png", "--in-place", "-o", "out"), "--in-place and -o exclude each other"),
        (("folder",), "Name an output folder with -o, or allow --in-place"),
        (("a.png", "b.png", "-o", "out.png"), "Name a folder with -o"),
        (("a.png", "b.png", "-o", "a.png"), "Name a folder with -o"),
        (("a.png", "-o", "out.psd"), "names no format that Pellucid writes"),
        (("a.png", "--sigma", "0-50"), "Give auto, or a number from 0 to 255"),
        (("a.png", "--sigma", "nan"), "Give auto, or a number from 0 to 255"),
        (("a.png", "--sigma", "-1"), "Give auto, or a number from 0 to 255"),
        (("a.png", "--strength", "2.5"), "strength is 2.5. Give a number from 0"),
        (("a.png", "--strength", "nan"), "Give a number from 0"),
        (("a.png", "--luma", "-1"), "luma is -1.0. Give a number from 0"),
        (("a.png", "--chroma", "3"), "chroma is 3.0. Give a number from 0"),
        (("a.png", "--model", "photo-fast", "--sigma", "25"), "takes no sigma or noise"),
        (("a.png", "--model", "photo-fast", "--noise", "poisson:50"), "takes no sigma or noise"),
        (("a.png", "--sigma", "25", "--noise", "poisson:50"), "Give one of them"),
        (("a.png", "--noise", "poisson:"), "poisson"),
        (("a.png", "--noise", "speckle:0.2"), "cannot be given to a network"),
        (("a.png", "--memory", "much"), "Give megabytes as in 500"),
        (("a.png", "--memory", "0"), "Give megabytes as in 500"),
        (("a.png", "--memory", "9" * 400), "Give megabytes as in 500"),
        (("a.png", "--max-pixels", "0"), "Invalid value for '--max-pixels'"),
        (("a.png", "--threads", "0"), "Give a number from 1"),
        (("a.png", "--threads", "100000"), "Give a number from 1"),
        (("",), "A path is empty"),
        (("a.png", "-o", ""), "A path is empty"),
        (("a.png", "--device", "toaster"), "Choose among auto, cpu"),
        (("a.png", "--model", "toaster"), "gaussian-fast"),
        (("a.png", "--toaster"), "See: pellucid denoise --help"),
        ((), "Missing argument 'INPUT'"),
    ],
)
def test_wrong_usage_is_an_error_and_nothing_is_done(
    pellucid: Run, image: Save, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    image("a.png"), image("b.png"), image("folder/c.png")
    given = () if {"--sigma", "--noise"} & set(arguments) else GIVEN
    before = tree(tmp_path)
    done = pellucid("denoise", *arguments, *given, code=2)
    assert words in done.err
    assert (done.out, done.err.count("\n")) == ("", 1)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "content"), [("gone.png", None), ("empty.png", b""), ("text.png", b"words")]
)
def test_an_input_that_cannot_be_used_ends_with_3_and_nothing_is_written(
    pellucid: Run, tmp_path: Path, name: str, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    before = tree(tmp_path)
    done = pellucid("denoise", name, "-o", "new/folder/out.png", *GIVEN, code=3)
    assert done.err.startswith(f"error: {name} ")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gone",), "gone cannot be read: No such file or directory"),
        (("gone", "-o", "out"), "gone cannot be read: No such file or directory"),
        (("gone/", "-o", "out/"), "gone cannot be read: No such file or directory"),
        (("layers.psd",), "layers.psd is a Photoshop file"),
    ],
)
def test_a_wrong_input_is_reported_before_a_wrong_suffix(
    pellucid: Run, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "layers.psd").write_bytes(b"8BPS" + bytes(20))
    assert pellucid("denoise", *arguments, *GIVEN, code=3).err.startswith(f"error: {words}")
    assert tree(tmp_path) == {"layers.psd"}


def test_a_disk_without_space_is_an_error_that_names_the_output(
    environment: dict[str, str], image: Save, tmp_path: Path
) -> None:
    image("a.png")
    limited = ["bash", "-c", 'ulimit -f 1 && exec "$0" "$@"', PELLUCID, "denoise", "a.png", *GIVEN]
    done = subprocess.run(limited, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 5
    words = "a-denoised.png cannot be written: File too large. Make space or choose another disk."
    assert done.stderr == f"error: {words}\n"
    assert tree(tmp_path) == {"a.png"}


def test_an_output_below_a_file_is_an_error_in_words(pellucid: Run, image: Save, tmp_path: Path) -> None:
    image("a.png"), image("b.png")
    for output in ("b.png/c.png", "b.png/d/c.png"):
        done = pellucid("denoise", "a.png", "-o", output, *GIVEN, code=3)
        assert " is no folder: a file is there" in done.err
    assert tree(tmp_path) == {"a.png", "b.png"}


def test_a_limit_ends_with_5(pellucid: Run, image: Save) -> None:
    image("photo.png")
    assert "limit" in pellucid("denoise", "photo.png", "--max-pixels", "100", code=5).err
    err = pellucid("denoise", "photo.png", "--memory", "1M", *GIVEN, code=5).err
    assert err.startswith("error: photo.png: 1 MB are too few")
    assert "--memory" in err


def test_a_bad_file_does_not_stop_the_others(pellucid: Run, image: Save, tmp_path: Path) -> None:
    image("a.png"), image("z.png")
    (tmp_path / "bad.png").write_text("words")
    done = pellucid("denoise", "a.png", "bad.png", "gone.png", "z.png", "-o", "out", *GIVEN, code=4)
    assert tree(tmp_path / "out") == {"a.png", "z.png"}
    assert "failed:\n  bad.png\n  gone.png\nerror: 2 of 4 files failed" in done.err
    assert done.out.splitlines()[-1].startswith("2 denoised, 2 failed, ")


def test_all_of_several_failing_is_4_too(pellucid: Run) -> None:
    pellucid("denoise", "a.png", "b.png", *GIVEN, code=4)


def test_a_folder_without_images_ends_with_3(pellucid: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert "in holds no images" in pellucid("denoise", "in", "-o", "out", code=3).err
    assert tree(tmp_path) == {"in"}


def test_json_has_all_that_happened_and_nothing_else_is_printed(
    pellucid: Run, image: Save, tmp_path: Path
) -> None:
    image("in/a.png")
    (tmp_path / "in/bad.png").write_text("words")
    (tmp_path / "in/notes.txt").write_text("words")
    document = pellucid("denoise", "in", "-o", "out", "--json", *GIVEN, code=4).json
    good, bad = document["files"]
    assert good["output"] == os.path.join("out", "a.png")
    assert (good["sigma"], good["changed"], good["width"], good["height"]) == (25 / 255, True, 64, 48)
    assert (bad["error"]["type"], bad["error"]["exit_code"]) == ("InputError", 3)
    assert (document["error"]["type"], document["error"]["exit_code"]) == ("BatchError", 4)
    assert document["skipped"] == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("gone.png",), 3), (("gone.png", "--sigma", "x"), 2), (("--toaster",), 2), ((), 2)],
)
def test_errors_are_json_too(pellucid: Run, arguments: tuple[str, ...], code: int) -> None:
    error = pellucid("denoise", *arguments, "--json", code=code).json["error"]
    assert error["exit_code"] == code
    assert error["problem"]
    assert error["remedy"]


def test_quiet_prints_nothing_but_errors(pellucid: Run, image: Save) -> None:
    image("a.png")
    done = pellucid("denoise", "a.png", "--quiet", *GIVEN)
    assert (done.out, done.err) == ("", "")
    assert pellucid("denoise", "a.png", "--quiet", *GIVEN, code=2).err.startswith("error: ")


def test_warnings_are_plain_lines_on_standard_error(pellucid: Run, image: Save) -> None:
    image("photo.jpg").rename(image("really-a-jpeg.png"))
    done = pellucid("denoise", "really-a-jpeg.png", "-o", "out.jpg", *GIVEN)
    assert done.err.startswith("warning: really-a-jpeg.png is named like a PNG but is a JPEG")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("text", ["25", "25.0", "0.5", "1"])
def test_sigma_counts_grey_levels(pellucid: Run, image: Save, text: str) -> None:
    image("photo.png")
    (row,) = pellucid("denoise", "photo.png", "--sigma", text, "--json").json["files"]
    assert row["sigma"] == pytest.approx(float(text) / 255)


def test_a_image_by_another_name_is_not_replaced_by_what_its_name_says(pellucid: Run, image: Save) -> None:
    path = image("shot.png")
    path = path.rename(path.with_suffix(".jpg"))
    before = path.read_bytes()
    done = pellucid("denoise", "shot.jpg", "--in-place", *GIVEN, code=2)
    assert "is no JPEG, as its name says" in done.err
    assert path.read_bytes() == before


@pytest.mark.parametrize(("value", "words"), [(np.nan, "No pixel has data"), (np.inf, "infinity")])
def test_values_that_no_image_has_are_an_error_that_names_the_file(
    value: float, words: str, pellucid: Run, tmp_path: Path
) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "bad.tif", np.full((20, 20), value, np.float32))
    err = pellucid("denoise", "bad.tif", *GIVEN, code=3).err
    assert err.startswith("error: bad.tif: ")
    assert words in err


@pytest.mark.parametrize("text", ["1000", "1000M", "1g", "1.5GB"])
def test_memory_is_read_with_and_without_unit(pellucid: Run, image: Save, text: str) -> None:
    image("photo.png")
    pellucid("denoise", "photo.png", "--memory", text, *GIVEN)


def test_runs_are_bit_identical_whatever_the_threads_and_exactness(
    pellucid: Run, image: Save, tmp_path: Path
) -> None:
    image("photo.png")
    for name, options in {"a": (), "b": (), "c": ("--exact",)}.items():
        pellucid("denoise", "photo.png", "-o", f"{name}.png", *GIVEN, *options)
    first, *others = [samples(tmp_path / f"{name}.png") for name in "abc"]
    assert all(np.array_equal(first, other) for other in others)


def test_names_may_hold_any_bytes(pellucid: Run, image: Save, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\x1b[31m.png")
    image("a.png").rename(tmp_path / name)
    done = pellucid("denoise", name, "-o", "out/", *GIVEN)
    assert done.out.startswith("\\udcff\\x1b[31m.png -> ")
    (row,) = pellucid("denoise", name, "-o", "out/", "--overwrite", "--json", *GIVEN).json["files"]
    assert os.fsencode(row["input"]) == b"\xff\x1b[31m.png"
    assert set(os.listdir(os.fsencode(tmp_path / "out"))) == {b"\xff\x1b[31m.png", NAME.encode()}


def test_a_name_that_becomes_too_long_is_no_bug(pellucid: Run, image: Save) -> None:
    name = image("n" * 248 + ".png").name
    assert "name too long" in pellucid("denoise", name, *GIVEN, code=3).err


def test_a_name_that_begins_with_a_dash_follows_two_dashes(pellucid: Run, image: Save) -> None:
    image("--json.png")
    assert pellucid("denoise", *GIVEN, "--", "--json.png").out.startswith("--json.png -> ")
