"""Networks are evaluated on sets with noises."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.errors import InputError, UsageError
from pellucid.evaluation.contender import open_contenders
from pellucid.evaluation.images import ImageSet, read_corruption
from pellucid.evaluation.measure import CURVE_SIGMAS, evaluate, noise_curves
from pellucid.evaluation.results import Evaluation, Row
from pellucid.metrics.quality import mse, psnr, ssim
from tests.evaluation.conftest import pieces
from tests.evaluation.networks import add_sigma, identity, mean_filter, network_file, not_a_number


def rows_of(evaluation: Evaluation) -> dict[str, Row]:
    return {row.method: row for row in evaluation.rows}


def test_a_network_that_does_nothing_has_the_figures_of_the_noisy_input(
    images: ImageSet, tmp_path: Path
) -> None:
    contenders = open_contenders([network_file(tmp_path / "same.onnx", identity)])
    rows = rows_of(evaluate(contenders, [images], ["gaussian:0.5"], baselines=False))
    same, noisy = rows["same"], rows["noisy input"]
    assert (same.kind, noisy.kind) == ("network", "noisy")
    assert (same.mse, same.psnr, same.ssim) == (noisy.mse, noisy.psnr, noisy.ssim)


def test_the_figures_are_means_over_the_images(images: ImageSet, tmp_path: Path) -> None:
    contenders = open_contenders([network_file(tmp_path / "same.onnx", identity)])
    row = rows_of(evaluate(contenders, [images], ["uniform:0.11"], baselines=False, seed=5))["same"]
    ((clean, noisy),) = read_corruption("uniform:0.11", seed=5).batches(images.test)
    pairs = list(zip(noisy, clean, strict=True))
    assert row.images == len(pairs)
    assert row.mse.mean == pytest.approx(np.mean([mse(*pair) for pair in pairs]))
    assert row.psnr.mean == pytest.approx(np.mean([psnr(*pair, data_range=1.0) for pair in pairs]))
    assert row.ssim is not None
    assert row.ssim.mean == pytest.approx(np.mean([ssim(*pair, data_range=1.0) for pair in pairs]))
    for figure in (row.mse, row.psnr, row.ssim):
        assert figure.low < figure.mean < figure.high


def test_every_network_meets_every_set_with_every_noise(images: ImageSet, tmp_path: Path) -> None:
    contenders = open_contenders(
        [network_file(tmp_path / "same.onnx"), network_file(tmp_path / "mean.onnx", mean_filter)]
    )
    sets = [images, replace(images.first(4), name="fewer", note="the first")]
    found = evaluate(contenders, sets, ["gaussian:0.3", "gaussian:0"], baselines=False)
    keys = [(row.set, row.noise, row.method) for row in found.rows]
    assert len(keys) == len(set(keys)) == 2 * 2 * 3
    assert [(each.name, each.images, each.note) for each in found.sets] == [
        ("pieces", 12, "pieces of a photograph"),
        ("fewer", 4, "the first"),
    ]
    assert [each.name for each in found.networks] == ["same", "mean"]
    assert found.clipped


def test_baselines_say_their_parameter_and_beat_the_noise(images: ImageSet, tmp_path: Path) -> None:
    contenders = open_contenders([network_file(tmp_path / "same.onnx")])
    few = ImageSet("few", images.test[:2], images.validation[:2])
    rows = rows_of(evaluate(contenders, [few], ["gaussian:0.3"]))
    baselines = [row for row in rows.values() if row.kind == "baseline"]
    assert {row.note.split()[0] for row in baselines} == {"side", "width", "sigma", "weight"}
    assert all(row.psnr.mean > rows["noisy input"].psnr.mean for row in baselines)


def test_a_network_that_takes_sigma_is_given_the_level_of_gaussian_noise(
    images: ImageSet, tmp_path: Path
) -> None:
    contenders = open_contenders([network_file(tmp_path / "given.onnx", add_sigma, sigma=(0.0, 0.3))])
    black = ImageSet("black", [np.zeros((16, 16, 1), np.uint8)], [])
    row = rows_of(evaluate(contenders, [black], ["gaussian:0.2"], baselines=False, clip=False))["given"]
    assert "sigma 0.2" in row.note
    assert row.mse.mean == pytest.approx(0.2**2 + 0.2**2, rel=0.2)  # the noise and what is added


def test_small_images_have_no_ssim(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    contenders = open_contenders([network_file(tmp_path / "same.onnx")])
    tiny = ImageSet("tiny", pieces(photo, 3, 8), [])
    row = rows_of(evaluate(contenders, [tiny], ["gaussian:0.2"], baselines=False))["same"]
    assert row.ssim is None
    assert row.psnr.mean > 0


def test_the_gallery_shows_the_best_the_median_and_the_worst(images: ImageSet, tmp_path: Path) -> None:
    contenders = open_contenders([network_file(tmp_path / "mean.onnx", mean_filter)])
    (gallery,) = evaluate(contenders, [images], ["gaussian:0.3"], baselines=False).galleries
    assert [each.rank for each in gallery.examples] == ["best", "median", "worst"]
    assert (gallery.chosen_by, gallery.whole) == ("mean", True)
    ((clean, noisy),) = read_corruption("gaussian:0.3").batches(images.test)
    qualities = [
        psnr(out, image, data_range=1.0)
        for out, image in zip(contenders[0].denoise(noisy, None), clean, strict=True)
    ]
    shown = [each.shown[0].psnr for each in gallery.examples]
    assert shown == pytest.approx([qualities[each.image] for each in gallery.examples])
    assert shown[0] == pytest.approx(max(qualities))
    assert shown[2] == pytest.approx(min(qualities))
    assert min(qualities) < shown[1] < max(qualities)


def test_a_single_image_is_shown_once(images: ImageSet, tmp_path: Path) -> None:
    contenders = open_contenders([network_file(tmp_path / "same.onnx")])
    (gallery,) = evaluate(contenders, [images.first(1)], ["gaussian:0.3"], baselines=False).galleries
    assert [each.rank for each in gallery.examples] == ["best"]


def test_psnr_falls_with_the_noise_level(images: ImageSet, tmp_path: Path) -> None:
    contenders = open_contenders([network_file(tmp_path / "mean.onnx", mean_filter)])
    noisy, network = noise_curves(contenders, images)
    assert (noisy.method, network.method) == ("noisy input", "mean")
    assert noisy.sigmas == CURVE_SIGMAS == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    for curve in (noisy, network):
        assert all(a > b for a, b in zip(curve.psnr, curve.psnr[1:], strict=False))


def test_an_evaluation_goes_through_json(images: ImageSet, tmp_path: Path) -> None:
    contenders = open_contenders([network_file(tmp_path / "same.onnx")])
    found = evaluate(contenders, [images.first(3)], ["gaussian:0.3"], baselines=False)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Evaluation) == found


def test_the_same_evaluation_gives_the_same_figures(images: ImageSet, tmp_path: Path) -> None:
    contenders = open_contenders([network_file(tmp_path / "mean.onnx", mean_filter)])
    first, again = (evaluate(contenders, [images], ["gaussian:0.3"], baselines=False).rows for _ in range(2))
    timeless = [
        [msgspec.structs.replace(row, seconds=0.0, cpu_seconds=0.0) for row in rows]
        for rows in (first, again)
    ]
    assert timeless[0] == timeless[1]


def test_progress_counts_the_tables(images: ImageSet, tmp_path: Path) -> None:
    contenders = open_contenders([network_file(tmp_path / "same.onnx")])
    steps: list[tuple[str, float]] = []
    evaluate(
        contenders,
        [images.first(2)],
        ["gaussian:0.3", "uniform:0.1"],
        baselines=False,
        progress=lambda words, done: steps.append((words, done)),
    )
    assert steps == [
        ("pieces, gaussian:0.3: same", 0),
        ("pieces, uniform:0.1: same", 1),
        ("pieces: noise levels", 2),
    ]


def test_what_cannot_be_evaluated_is_an_error_before_anything_is_measured(
    images: ImageSet, tmp_path: Path
) -> None:
    steps: list[str] = []
    colour = network_file(tmp_path / "colour.onnx", channels=3)
    sized = network_file(tmp_path / "sized.onnx", size=(28, 28))
    same = network_file(tmp_path / "same.onnx")
    for path, noise, words in (
        (colour, "gaussian:0.5", "colour is for colour images, and these are grey"),
        (sized, "gaussian:0.5", "takes images of 28 x 28 pixels, and these have 16 x 16"),
        (same, "gaussian:0-1", "is a range"),
    ):
        with pytest.raises(UsageError, match=words):
            evaluate(
                open_contenders([path]), [images], [noise], progress=lambda text, done: steps.append(text)
            )
    assert not steps


def test_a_network_that_gives_nan_is_refused_by_name(images: ImageSet, tmp_path: Path) -> None:
    contenders = open_contenders([network_file(tmp_path / "broken.onnx", not_a_number)])
    with pytest.raises(InputError, match="broken made NaN or infinity of an image"):
        evaluate(contenders, [images], ["gaussian:0.5"], baselines=False)
