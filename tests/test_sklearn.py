"""The autoencoder keeps scikit-learn's contract, and finds more than PCA does."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from pellucid.errors import UsageError
from pellucid.sklearn import AutoencoderTransformer

Table = NDArray[np.float64]


def small(code: int = 2, **parameters: Any) -> AutoencoderTransformer:
    quick = {"hidden": (32,), "epochs": 100, "batch": 50, "learning_rate": 1e-2, "random_state": 0}
    return AutoencoderTransformer(code, **{**quick, **parameters})


def arc(count: int = 400) -> Table:
    """Points of three columns on a curve, which one number describes."""
    angle = np.random.default_rng(0).uniform(0, 1.5 * np.pi, count)
    return np.stack([100 + 5 * np.cos(angle), 5 * np.sin(angle), angle], axis=1)


@pytest.mark.filterwarnings("ignore:Skipping check check_array_api_input")  # it is for another array library
@parametrize_with_checks([AutoencoderTransformer(2, hidden=(8,), epochs=2)])  # type: ignore[untyped-decorator]  # scikit-learn has no types
def test_scikit_learn_finds_nothing_wrong(
    estimator: AutoencoderTransformer, check: Callable[[object], None]
) -> None:
    check(estimator)


def test_a_curve_takes_one_number_where_pca_needs_more() -> None:
    rows = arc()
    linear = PCA(1).fit(rows)
    lost = np.mean((linear.inverse_transform(linear.transform(rows)) - rows) ** 2)
    assert -small(1).fit(rows).score(rows) < lost / 4


def test_noisy_rows_come_back_nearer_to_the_clean_ones_after_a_fit_to_both() -> None:
    clean = load_digits().data / 16
    noisy = clean + np.random.default_rng(0).normal(0, 0.25, clean.shape)
    model = small(16, hidden=(64,), epochs=20).fit(noisy[:1500], clean=clean[:1500])
    errors = [np.mean((rows - clean[1500:]) ** 2) for rows in (model.denoise(noisy[1500:]), noisy[1500:])]
    assert errors[0] < 0.6 * errors[1]
    with pytest.raises(UsageError, match=r"X has the shape .*, and clean has"):
        small().fit(noisy, clean=clean[:9])


def test_the_score_is_the_mean_squared_error_with_a_minus() -> None:
    rows = arc()
    model = small(epochs=3).fit(rows)
    rebuilt = model.inverse_transform(model.transform(rows))
    assert model.score(rows) == pytest.approx(-np.mean((rebuilt - rows) ** 2))
    assert len(model.loss_curve_) == 3
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_digits_keep_their_classes_in_the_code() -> None:
    rows, digits = load_digits(return_X_y=True)
    model = make_pipeline(small(8, epochs=20), KNeighborsClassifier(5))
    assert model.fit(rows[:1000], digits[:1000]).score(rows[1000:], digits[1000:]) > 0.85


def test_a_seed_gives_the_same_network_and_leaves_other_random_numbers_alone() -> None:
    rows = arc(60)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    codes = small(epochs=2).fit_transform(rows)
    assert torch.equal(torch.rand(3), expected)
    assert np.array_equal(codes, small(epochs=2).fit_transform(rows))
    assert not np.allclose(codes, small(epochs=2, random_state=1).fit_transform(rows))


def test_a_pickled_one_does_the_same() -> None:
    rows = arc(60)
    model = small(epochs=2).fit(rows)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.transform(rows), model.transform(rows))
    assert again.get_params() == model.get_params()


def test_a_clone_is_not_fitted_and_has_the_same_parameters() -> None:
    model = small(epochs=2).fit(arc(60))
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "encoder_")


def test_it_works_in_pipelines_and_searches() -> None:
    rows = arc(90)
    pipeline = make_pipeline(StandardScaler(), small(epochs=3))
    codes = pipeline.fit_transform(rows)
    assert pipeline.inverse_transform(codes).shape == rows.shape
    names = list(pipeline.get_feature_names_out())
    assert names == ["autoencodertransformer0", "autoencodertransformer1"]
    search = GridSearchCV(small(epochs=20), {"code": [1, 3]}, cv=2).fit(rows)
    assert search.best_params_ == {"code": 3}


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_type_of_float_is_kept(kind: type[np.floating[Any]]) -> None:
    rows = arc(60).astype(kind)
    model = small(epochs=2).fit(rows)
    codes = model.transform(rows)
    assert codes.dtype == kind
    assert model.inverse_transform(codes).dtype == kind


def test_changed_parameters_count_from_the_next_fit() -> None:
    rows = arc(60)
    model = small(2, epochs=2).fit(rows).set_params(code=1)
    assert model.transform(rows).shape == (60, 2)
    assert len(model.get_feature_names_out()) == 2
    assert model.fit(rows).transform(rows).shape == (60, 1)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"code": 0}, "code is 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"hidden": (8, 0)}, "hidden is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0"),
        ({"activation": "toaster"}, "no activation 'toaster'"),
    ],
)
def test_parameters_out_of_their_range_are_told(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        small(**parameters).fit(arc(20))


def test_codes_of_another_width_are_refused() -> None:
    model = small(2, epochs=1).fit(arc(20))
    with pytest.raises(UsageError, match="A code has 2 dimensions, and these have 3"):
        model.inverse_transform(np.zeros((4, 3)))


def test_equal_rows_are_rebuilt() -> None:
    rows = np.full((10, 4), 3.0)
    model = small(epochs=1).fit(rows)
    assert model.score(rows) == pytest.approx(0, abs=1e-2)


# ---- early stopping, and rows that come in parts ------------------------------------------------------


@pytest.fixture
def rows() -> Table:
    """Small digits, from 0 to 1."""
    digits: Table = load_digits().data[:300] / 16
    return digits


def test_early_stopping_ends_where_other_rows_get_worse_and_keeps_the_best(rows: Table) -> None:
    model = AutoencoderTransformer(8, epochs=400, stop_after=3, learning_rate=0.01, random_state=0)
    model.fit(rows[:60])
    curve = model.validation_curve_
    assert len(model.loss_curve_) == len(curve) < 400
    assert len(curve) - 1 - int(np.argmin(curve)) == 3


def test_clean_rows_may_be_given_as_the_target(rows: Table) -> None:
    noisy = rows + np.random.default_rng(0).normal(0, 1, rows.shape)
    by_name = AutoencoderTransformer(2, epochs=3, random_state=0).fit(noisy, clean=rows)
    as_target = AutoencoderTransformer(2, epochs=3, random_state=0).fit(noisy, rows)
    classes = AutoencoderTransformer(2, epochs=3, random_state=0).fit(noisy, np.zeros(len(rows)))
    assert np.array_equal(by_name.transform(noisy), as_target.transform(noisy))
    assert not np.array_equal(classes.transform(noisy), as_target.transform(noisy))


def test_rows_in_parts_teach_as_well_and_the_same_each_time(rows: Table) -> None:
    def learn(count: int) -> AutoencoderTransformer:
        model = AutoencoderTransformer(2, hidden=(16,), batch=32, random_state=0)
        for _ in range(count):
            for part in np.array_split(rows, 3):
                model.partial_fit(part)
        return model

    assert learn(20).score(rows) > learn(1).score(rows)
    assert np.array_equal(learn(2).transform(rows), learn(2).transform(rows))
    assert len(learn(2).loss_curve_) == 6
