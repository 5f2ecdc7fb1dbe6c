"""Algorithms as scikit-learn estimators, held to scikit-learn's own checks."""

import subprocess
import sys
import warnings

import numpy as np
import pyarrow as pa
import pytest
from fakes.mixed_model import NUMERIC, columns_of, mixed_model
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator

from confide import estimators
from confide.algorithms import model_file, registry
from confide.core.errors import ModelFileInvalid, ParameterInvalid
from confide.estimators import AFMClassifier, GBDTRegressor, LogisticClassifier, load
from confide.estimators.kinds import KINDS

CANT_APPLY = {
    "check_methods_subset_invariance": "BLAS sums float32 in an order that depends on the rows' number"
}
"""Of the deep estimators only."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_scikit_learns_checks_pass(kind):
    expected = CANT_APPLY if kind.algorithm in ("mlp", "deepfm") else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks provoke them on purpose
        check_estimator(kind(), expected_failed_checks=expected, on_skip=None)


def test_every_algorithm_has_its_classes():
    assert {kind.algorithm for kind in KINDS} == set(registry.ALGORITHMS)
    assert {kind.__name__ for kind in KINDS} == set(estimators.__all__) - {"load"}


def mixed_rows(count=1_200):
    random = np.random.default_rng(1)
    city = random.choice(["Bern", "Basel", None, "Genf"], count)
    number = random.standard_normal(count)
    number[random.random(count) < 0.1] = np.nan
    labels = np.where((city == "Bern") ^ (np.nan_to_num(number) > 0.3), "yes", "no")
    return pa.table({"city": city.tolist(), "number": number, "code": random.integers(0, 4, count)}), labels


def test_texts_missing_values_and_any_two_labels():
    rows, labels = mixed_rows()
    learner = AFMClassifier(epochs=20, categorical=["code"]).fit(rows, labels)
    assert list(learner.classes_) == ["no", "yes"]
    assert list(learner.feature_names_in_) == ["city", "number", "code"]
    assert learner.score(rows, labels) > 0.8
    shuffled = rows.select(["code", "number", "city"])
    np.testing.assert_array_equal(learner.predict_proba(shuffled), learner.predict_proba(rows))
    with pytest.raises(ValueError, match="number"):
        learner.predict(rows.rename_columns(["city", "other", "code"]))


def test_a_saved_estimator_is_a_model_file(tmp_path):
    rows, labels = mixed_rows()
    learner = LogisticClassifier(seed=4).fit(rows, labels)
    learner.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert isinstance(again, LogisticClassifier)
    assert again.seed == 4
    np.testing.assert_array_equal(again.predict_proba(rows), learner.predict_proba(rows))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_model_file_is_restored_by_its_class(kind, tmp_path):
    model = mixed_model(kind.algorithm, loss=kind.loss, rows=400)
    (tmp_path / "model").write_bytes(model_file.write(model.file))
    columns = columns_of(50, seed=9)
    numbers = {f"x{at}": columns[field] for at, field in enumerate(model.encoder.fields) if field[0] == "b"}
    assert len(numbers) == len(NUMERIC)
    again = load(tmp_path / "model")
    assert type(again) is kind
    assert again.get_params()["seed"] == 0
    np.testing.assert_array_equal(again.model_.predict(columns), model.predict(columns))


def test_what_is_no_model_file_is_refused(tmp_path):
    (tmp_path / "model").write_bytes(b"PK")
    with pytest.raises(ModelFileInvalid):
        load(tmp_path / "model")


def test_parameters_are_the_algorithms_own():
    assert set(registry.complete_parameters("gbdt", {})) - {"loss"} <= set(GBDTRegressor().get_params())
    with pytest.raises(ParameterInvalid, match="leaves"):
        GBDTRegressor(leaves=1).fit([[1.0], [2.0]], [0.0, 1.0])
    with pytest.raises(TypeError, match="no_such"):
        GBDTRegressor(no_such=1)
    assert repr(clone(GBDTRegressor(trees=5))) == "GBDTRegressor(trees=5)"


def test_it_takes_part_in_a_grid_search():
    random = np.random.default_rng(0)
    rows = random.standard_normal((300, 3))
    labels = (rows[:, 0] > 0).astype(int)
    search = GridSearchCV(LogisticClassifier(), {"epochs": [1, 20]}, cv=3, error_score="raise")
    assert search.fit(rows, labels).best_params_ == {"epochs": 20}


def test_an_untrained_one_says_so_in_scikit_learns_words():
    with pytest.raises(NotFittedError):
        AFMClassifier().predict([[1.0]])


def test_scikit_learn_is_not_needed():
    program = """
import sys
sys.modules["sklearn"] = None
from confide.estimators import AFMClassifier
learner = AFMClassifier().fit([["a", 1.0], ["b", 2.0], ["a", 3.0]], [0, 1, 0])
print(learner.predict_proba([["b", 2.0]]).shape)
try:
    AFMClassifier().predict([["a", 1.0]])
except (ValueError, AttributeError) as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("(1, 2)\nThis AFMClassifier instance is not fitted yet")
