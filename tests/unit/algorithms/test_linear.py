import math

import numpy as np
import pytest

from confide.algorithms import registry
from confide.algorithms.base import Batch
from confide.algorithms.linear import Linear, LinearParameters


def rows_of(count=6000, seed=0):
    random = np.random.default_rng(seed)
    indices = random.integers(0, 5, (count, 2)) + np.array([0, 5])
    values = random.uniform(0.5, 1.5, indices.shape).astype(np.float32)
    return indices, values, random.standard_normal(10)


def test_squared_loss_finds_the_planted_weights():
    indices, values, weights = rows_of()
    labels = ((weights[indices] * values).sum(axis=1) + 0.7).astype(np.float32)
    estimator = registry.build("linear", {"loss": "squared", "epochs": 30, "learning_rate": 0.5})
    *_, last = estimator.fit(indices, values, labels, feature_count=10)
    assert last.train_rmse < 0.02
    np.testing.assert_allclose(estimator.arrays()["linear"], weights, atol=0.1)


def test_restores_and_repeats():
    indices, values, weights = rows_of(500)
    labels = (weights[indices].sum(axis=1) > 0).astype(np.float32)
    told = []
    for _ in range(2):
        estimator = registry.build("linear", {"seed": 3})
        list(estimator.fit(indices, values, labels, feature_count=10))
        told.append(estimator.predict(indices, values))
    again = registry.restore("linear", {"seed": 3}, estimator.arrays())
    np.testing.assert_array_equal(told[0], told[1])
    np.testing.assert_array_equal(again.predict(indices, values), told[0])
    assert again.feature_count == 10


def test_patience_keeps_the_best_epoch():
    indices, values, _ = rows_of(200)
    labels = np.random.default_rng(4).integers(0, 2, 200).astype(np.float32)
    data = Batch(indices, values, labels)
    estimator = registry.build("linear", {"epochs": 50, "patience": 2, "learning_rate": 1.0})
    holdout = data.rows(slice(100, None))
    reports = list(
        estimator.fit(indices[:100], values[:100], labels[:100], holdout=holdout, feature_count=10)
    )
    losses = [report.holdout_logloss for report in reports]
    assert len(losses) < 50
    assert losses[-1] > min(losses)


def test_a_positive_weight_multiplies_the_odds():
    labels = np.tile(np.array([1.0, 0.0, 0.0, 0.0, 0.0], np.float32), 400)
    rows = np.zeros((len(labels), 1), np.int32), np.ones((len(labels), 1), np.float32)
    estimator = Linear(LinearParameters(epochs=20, learning_rate=0.1))
    estimator.positive_weight = 3.5
    reports = list(estimator.fit(*rows, labels, feature_count=1))
    assert reports[-1].step == reports[-1].steps
    weighted = 3.5 * 0.2
    assert estimator.predict(*rows)[0] == pytest.approx(weighted / (weighted + 0.8), abs=0.02)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_shift_moves_the_logarithm_of_the_odds(precision):
    labels = np.tile(np.array([1.0, 0.0], np.float32), 50)
    rows = np.zeros((100, 1), np.int32), np.ones((100, 1), np.float32)
    estimator = Linear(LinearParameters(epochs=1, precision=precision))
    list(estimator.fit(*rows, labels, feature_count=1))
    before = estimator.predict(*rows)[0]
    estimator.shift(math.log(0.1))
    after = estimator.predict(*rows)[0]
    assert after / (1 - after) == pytest.approx(0.1 * before / (1 - before), rel=1e-4)
