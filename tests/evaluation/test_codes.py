"""What a report says of codes is what they hold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from pellucid.evaluation.codes import draw_codes, evaluate_codes, frechet_distance
from pellucid.evaluation.contender import open_contenders
from pellucid.evaluation.images import ImageSet
from pellucid.inference.codec import Codec
from tests.coded import Coded, images


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    """Small digits with their classes: 300 to train, 60 to test, 12 x 12."""
    images, labels = load_digits(return_X_y=True)
    padded = np.pad(
        (images[:360] * 15).astype(np.uint8).reshape(-1, 8, 8, 1), ((0, 0), (2, 2), (2, 2), (0, 0))
    )
    every, classes = list(padded), labels[:360]
    return ImageSet("digits", every[300:], [], "", every[:300], classes[300:], classes[:300])


def test_the_error_is_that_of_the_decoded_images(dense: Coded, digits: ImageSet) -> None:
    (facts,) = evaluate_codes(open_contenders([dense[0]]), [digits])
    codec, clean = Codec(dense[0]), np.stack(digits.test)
    decoded = codec.decode(codec.encode(clean))
    assert facts.mse == pytest.approx(np.mean((decoded - clean / 255) ** 2), rel=1e-4)
    assert (facts.set, facts.method, facts.numbers, facts.images) == ("digits", "dense", 16, 60)


def test_pca_is_that_of_scikit_learn(dense: Coded, digits: ImageSet) -> None:
    (facts,) = evaluate_codes(open_contenders([dense[0]]), [digits])
    known, tested = (np.stack(part).reshape(len(part), -1) / 255 for part in (digits.train, digits.test))
    assert [count for count, _ in facts.pca] == [2, 4, 8, 16, 32, 64]
    for count, error in facts.pca[:4]:
        pca = PCA(count, svd_solver="full").fit(known)
        rebuilt = pca.inverse_transform(pca.transform(tested))
        assert error == pytest.approx(np.mean((rebuilt - tested) ** 2), rel=1e-3)


def test_nearest_components_tell_digits_and_nearest_codes_more_than_chance(
    dense: Coded, digits: ImageSet
) -> None:
    (facts,) = evaluate_codes(open_contenders([dense[0]]), [digits])
    assert facts.pca_accuracy is not None
    assert facts.pca_accuracy > 0.8
    assert facts.accuracy is not None
    assert facts.accuracy > 0.3


def test_each_code_is_drawn_as_far_as_it_can_be(dense: Coded, two: Coded, digits: ImageSet) -> None:
    square, plane = evaluate_codes(open_contenders([dense[0], two[0]]), [digits])
    ends = ["the classes in the code", "codes as images", "samples", "latent interpolation"]
    assert [drawing.title for drawing in square.drawings] == [f"dense: {end}" for end in ends]
    ends[1] = "the decoded plane"
    assert [drawing.title for drawing in plane.drawings] == [f"two: {end}" for end in ends]
    assert all(drawing.svg.startswith("<svg") for drawing in (*square.drawings, *plane.drawings))


def test_without_classes_there_is_no_accuracy_and_no_map(dense: Coded, digits: ImageSet) -> None:
    (facts,) = evaluate_codes(open_contenders([dense[0]]), [replace(digits, labels=None)])
    assert facts.accuracy is None
    assert facts.pca_accuracy is None
    assert not any("classes" in drawing.title for drawing in facts.drawings)


def test_what_has_no_code_of_its_own_or_takes_other_images_is_passed_over(
    unpool: Coded, pool: Coded, digits: ImageSet
) -> None:
    shipped = open_contenders([unpool[0], pool[0], "gaussian-instant"])
    assert evaluate_codes(shipped, [digits]) == ()
    of_two_sizes = replace(digits, test=[*digits.test, *images(1, 16, 16)])
    assert evaluate_codes(shipped, [of_two_sizes, replace(digits, train=())]) == ()


def test_a_code_larger_than_the_image_is_compared_with_no_pca(tmp_path: Path, pool: Coded) -> None:
    colour = list(images(12, 12, 12, 3))
    (facts,) = evaluate_codes(open_contenders([pool[0]]), [ImageSet("any", colour[:4], [], "", colour[4:])])
    assert facts.numbers == 54
    assert facts.pca_accuracy is None
    assert [count for count, _ in facts.pca] == [2, 4, 8]  # no more than images


def test_codes_that_are_drawn_have_the_mean_and_the_covariance_of_those_of_images() -> None:
    rng = np.random.default_rng(0)
    codes = (rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) + 3).astype(np.float32)
    drawn = draw_codes(codes.reshape(500, 2, 3), 20_000)
    assert drawn.shape == (20_000, 2, 3)
    rows = drawn.reshape(20_000, 6)
    assert np.allclose(rows.mean(axis=0), codes.mean(axis=0), atol=0.1)
    assert np.allclose(np.cov(rows.T), np.cov(codes.T), atol=0.5)


def test_the_distance_of_two_sets_grows_with_what_they_differ_in(digits: ImageSet) -> None:
    train = np.stack(digits.train) / 255
    half, other = train[::2], train[1::2]
    noisy = other + np.random.default_rng(0).normal(0, 0.3, other.shape)
    assert frechet_distance(half, half) == pytest.approx(0, abs=1e-3)
    assert frechet_distance(half, other) < frechet_distance(half, noisy)
    shifted = np.roll(half, 1, axis=1)
    assert frechet_distance(half, shifted) > frechet_distance(half, other)
