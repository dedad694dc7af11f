"""`pellucid cite`: sentences for a methods section, from the document of a run or the name of a network."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid as package
from pellucid.inference import index
from tests.cli.conftest import Run
from tests.stacks import volume


def test_the_citation_has_the_installed_version(pellucid: Run) -> None:
    page = pellucid("cite").out
    assert page.startswith("cff-version:")
    assert f"version: {package.__version__}" in page.splitlines()
    assert pellucid("cite", "--json").json["methods"] == []


def test_a_run_becomes_sentences_with_version_network_options_and_noise(
    pellucid: Run, tmp_path: Path
) -> None:
    np.save(tmp_path / "cells.npy", volume(4, 96, 96, mean=400.0))
    run = pellucid("denoise", "cells.npy", "--axes", "ZYX", "--strength", "0.7", "--json").json
    (channel,) = run["files"][0]["channels"]
    entry = next(each for each in index.entries("gaussian-best") if each.channels == 1)
    assert channel["sha256"] == entry.sha256 == hashlib.sha256(entry.path.read_bytes()).hexdigest()
    (tmp_path / "run.json").write_text(json.dumps(run))
    words = " ".join(pellucid("cite", "run.json", "--json").json["methods"])
    for part in (f"Pellucid {package.__version__}", "gaussian-best-grey", entry.sha256, "strength 0.7"):
        assert part in words
    assert f"{channel['gain'][0]:.4g} * value" in words


def test_a_level_is_in_the_units_of_the_file(pellucid: Run, tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(1000, 1500, 128), (3, 128, 1))
    noisy = ramp + np.random.default_rng(0).normal(0, 40, ramp.shape)
    np.save(tmp_path / "cells.npy", noisy.astype(np.uint16))
    run = pellucid("denoise", "cells.npy", "--axes", "ZYX", "--json").json
    (channel,) = run["files"][0]["channels"]
    assert channel["level"] == pytest.approx(40, rel=0.1)
    (tmp_path / "run.json").write_text(json.dumps(run))
    words = pellucid("cite", "run.json").out
    assert f"standard deviation {channel['level']:.4g}" in words
    assert "of 255 of its range" in words


def test_options_are_written_as_on_the_command_line(pellucid: Run, tmp_path: Path) -> None:
    Image.fromarray(np.full((32, 32), 90, np.uint8)).save(tmp_path / "even.png")
    run = pellucid("denoise", "even.png", "--sigma", "3", "--keep-counts", "--json").out
    (tmp_path / "run.json").write_text(run)
    assert "with the options sigma 3 (of 255), keep-counts." in pellucid("cite", "run.json").out


def test_rician_noise_of_an_estimated_level_was_not_given(pellucid: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    real, other = rng.normal(0, 30, (2, 3, 96, 96))
    np.save(tmp_path / "head.npy", np.hypot(400 + real, other).astype(np.uint16))
    run = pellucid("denoise", "head.npy", "--axes", "ZYX", "--noise", "rician:auto", "--json").json
    (channel,) = run["files"][0]["channels"]
    assert "estimated" in channel["why"]
    assert channel["level"] == pytest.approx(30, rel=0.1)
    np.save(tmp_path / "even.npy", np.full((3, 96, 96), 400, np.uint16))
    (file,) = pellucid("denoise", "even.npy", "--axes", "ZYX", "--noise", "rician:auto", "--json").json[
        "files"
    ]
    assert "given" not in file["why"]


def test_negative_values_are_no_magnitudes(pellucid: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "ct.npy", np.random.default_rng(0).normal(0, 30, (96, 96)))
    done = pellucid("denoise", "ct.npy", "--axes", "YX", "--noise", "rician:auto", code=2)
    assert "negative" in done.err


def test_an_image_that_stayed_unchanged_is_said_to_be_so(pellucid: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "empty.npy", np.zeros((3, 64, 64), np.uint16))
    run = pellucid("denoise", "empty.npy", "--axes", "ZYX", "--json").out
    (tmp_path / "run.json").write_text(run)
    assert "left unchanged" in pellucid("cite", "run.json").out


def test_a_network_is_named_with_its_digest(pellucid: Run) -> None:
    words = pellucid("cite", "gaussian-fast").out
    for entry in index.entries("gaussian-fast"):
        assert entry.sha256 in words


@pytest.mark.parametrize("text", ["", "[]", '{"files": []}', "{"])
def test_what_is_no_run_is_refused(pellucid: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    assert "pellucid denoise" in pellucid("cite", "run.json", code=3).err
    pellucid("cite", "missing.json", code=3)
    assert "choice" in pellucid("cite", "auto", code=2).err
