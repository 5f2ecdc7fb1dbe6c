import re

import numpy as np
import pytest
from fakes.algorithm_contract import FEATURES, HELD_OUT, TRAINING, fitted

from confide.algorithms import metrics, registry
from confide.algorithms.base import Whole
from confide.algorithms.engine import library
from confide.algorithms.gbdt_numbers import FOLDS, Dealt
from confide.algorithms.gbdt_trees import Trees
from confide.algorithms.lightgbm_library import Booster, Rows
from confide.core.errors import ModelFileInvalid, WorkFailed

SETTINGS = {"objective": "regression", "min_data_in_leaf": 5, "verbosity": -1, "use_missing": False}


def grown(numbers, labels, trees=12):
    rows = Rows(numbers, len(numbers), SETTINGS)
    rows.push(numbers)
    rows.label(labels)
    booster = Booster(rows, None, SETTINGS)
    for _ in range(trees):
        booster.grow()
    return booster


def test_numpy_scores_as_lightgbm_does():
    random = np.random.default_rng(0)
    numbers = random.standard_normal((3_000, 4)).astype(np.float32)
    labels = (np.sin(3 * numbers[:, 0]) + numbers[:, 1] * numbers[:, 2]).astype(np.float32)
    booster = grown(numbers, labels)
    trees = Trees.from_text(booster.text(12))
    assert len(trees.roots) == 12
    np.testing.assert_allclose(trees.outputs(numbers), booster.predictions(held=False), rtol=0, atol=1e-12)
    again = Trees.from_arrays(trees.arrays(), 4)
    np.testing.assert_array_equal(again.outputs(numbers), trees.outputs(numbers))


def test_a_threshold_holds_for_its_own_number():
    """Bins end between two float32 neighbours: rounding a threshold up would move rows to the other side."""
    low = np.float32(0.1)
    numbers = np.where(np.arange(400) % 2, low, np.nextafter(low, np.float32(1)))[:, None]
    labels = (np.arange(400) % 2).astype(np.float32)
    booster = grown(numbers.astype(np.float32), labels, trees=3)
    trees = Trees.from_text(booster.text(3))
    np.testing.assert_allclose(trees.outputs(numbers), booster.predictions(held=False), atol=1e-12)


def test_nothing_to_split_is_the_mean():
    rows = TRAINING.rows(slice(200))
    estimator = registry.build("gbdt", {"minimum_leaf_rows": 1_000})
    list(estimator.fit(rows.indices, rows.values, rows.labels, feature_count=FEATURES))
    told = estimator.predict(HELD_OUT.indices, HELD_OUT.values)
    np.testing.assert_allclose(told, rows.labels.mean(), atol=1e-6)
    again = registry.restore("gbdt", {}, estimator.arrays())
    np.testing.assert_array_equal(again.predict(HELD_OUT.indices, HELD_OUT.values), told)


def test_a_rows_own_label_is_not_in_its_number():
    rows = TRAINING.rows(slice(500))
    dealt = Dealt(Whole(rows), FEATURES, 3, 10.0)
    before = dealt.fill(0)
    for at in (0, 17, 333):
        labels = rows.labels.copy()
        labels[at] = 1 - labels[at]
        # The mean of all labels moves by 1/500; a category's own would by 1/(rows of it + 10).
        after = Dealt(Whole(type(rows)(rows.indices, rows.values, labels)), FEATURES, 3, 10.0).fill(0)
        assert np.abs(after[at] - before[at]).max() <= 1 / 500
        assert np.abs(after - before).max() > 1 / 500
    assert FOLDS > 1


def test_patience_keeps_the_best_trees():
    estimator = registry.build("gbdt", {"trees": 400, "patience": 5, "learning_rate": 0.5})
    arrays = (TRAINING.indices, TRAINING.values, TRAINING.labels)
    reports = list(estimator.fit(*arrays, holdout=HELD_OUT, feature_count=FEATURES))
    assert reports[-1].step < 400
    kept = metrics.logloss(HELD_OUT.labels, estimator.predict(HELD_OUT.indices, HELD_OUT.values))
    assert kept < reports[-1].holdout_logloss
    assert len(estimator.arrays()["tree.root"]) == reports[-1].step - 5


def changed(arrays, name, at, value):
    array = arrays[name].copy()
    array[at] = value
    return arrays | {name: array}


@pytest.mark.parametrize(
    ("name", "at", "value", "problem"),
    [
        ("node.left", 3, 3, "before its parent"),
        ("node.left", 5, 0, "before its parent"),
        ("node.right", 0, 1e9, "point outside"),
        ("node.right", 0, -1e9, "point outside"),
        ("node.left", 0, 1.5, "point outside"),
        ("node.field", 0, 99, "point outside"),
        ("node.field", 0, -1, "point outside"),
        ("tree.root", 0, 1e12, "point outside"),
        ("leaf.value", 0, np.inf, "not finite"),
        ("node.threshold", 0, np.nan, "not finite"),
        ("field.few", 0, FEATURES, "outside of the features"),
        ("field.few", 0, 0.5, "outside of the features"),
        ("field.numeric", 0, 2, "shape or type"),
        ("category.mean", 0, np.inf, "not all finite"),
    ],
)
def test_trees_of_strangers_are_checked(name, at, value, problem):
    arrays = fitted("gbdt", trees=5).arrays()
    with pytest.raises(ModelFileInvalid, match=problem):
        registry.restore("gbdt", {}, changed(arrays, name, at, value))


def test_arrays_of_other_lengths_are_refused():
    arrays = fitted("gbdt", trees=5).arrays()
    with pytest.raises(ModelFileInvalid, match="different lengths"):
        registry.restore("gbdt", {}, arrays | {"node.left": arrays["node.left"][:-1]})


def test_lightgbms_own_errors_are_told():
    numbers = np.zeros((4, 1), np.float32)
    with pytest.raises(WorkFailed, match=re.escape("LightGBM: ")):
        Booster(Rows(numbers, 4, SETTINGS), None, SETTINGS | {"objective": "no such objective"})


def test_the_core_adds_up_trees_as_numpy_does():
    random = np.random.default_rng(4)
    numbers = random.standard_normal((5_000, 6)).astype(np.float32)
    numbers[::7, 2] = np.nan
    trees = Trees.from_text(grown(np.nan_to_num(numbers), numbers[:, 0], trees=9).text(9))
    np.testing.assert_array_equal(trees.scorer()(numbers), trees.in_numpy(numbers))
    assert library.library() is None or trees.scorer() != trees.in_numpy


def test_without_the_core_numpy_adds_up_trees(monkeypatch):
    estimator = fitted("gbdt", trees=5)
    told = estimator.predict(HELD_OUT.indices, HELD_OUT.values)
    monkeypatch.setattr(library, "library", lambda: None)
    np.testing.assert_array_equal(estimator.predict(HELD_OUT.indices, HELD_OUT.values), told)
