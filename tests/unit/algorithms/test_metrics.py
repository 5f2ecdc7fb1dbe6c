import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.algorithms import metrics

LABELS = np.array([1, 0, 1, 0], np.float32)


def test_logloss_by_hand():
    told = np.array([0.8, 0.4, 0.5, 0.1])
    by_hand = -(math.log(0.8) + math.log(0.6) + math.log(0.5) + math.log(0.9)) / 4
    assert metrics.logloss(LABELS, told) == pytest.approx(by_hand)


def test_logloss_of_a_sure_mistake_is_finite():
    assert metrics.logloss(np.array([1.0]), np.array([0.0])) == pytest.approx(-math.log(1e-7))


def test_auc_by_hand():
    assert metrics.auc(LABELS, np.array([0.9, 0.1, 0.8, 0.2])) == 1.0
    assert metrics.auc(LABELS, np.array([0.1, 0.9, 0.2, 0.8])) == 0.0
    assert metrics.auc(LABELS, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    assert metrics.auc(LABELS, np.array([0.9, 0.8, 0.7, 0.1])) == 0.75


def test_auc_of_one_class_is_none():
    assert metrics.auc(np.ones(3), np.array([0.1, 0.2, 0.3])) is None
    assert metrics.auc(np.zeros(3), np.array([0.1, 0.2, 0.3])) is None
    assert metrics.auc(np.zeros(0), np.zeros(0)) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40))
def test_auc_is_the_share_of_ordered_pairs(rows):
    labels = np.array([float(label) for label, _ in rows])
    scores = np.array([score / 8 for _, score in rows], np.float32)
    above = scores[labels == 1][:, None] - scores[labels == 0][None, :]
    found = metrics.auc(labels, scores)
    if above.size:
        assert found == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean())
    else:
        assert found is None


def test_rmse_and_accuracy_by_hand():
    assert metrics.rmse(np.array([1.0, 3.0]), np.array([1.0, 1.0])) == pytest.approx(math.sqrt(2))
    assert metrics.accuracy(LABELS, np.array([0.8, 0.6, 0.5, 0.1])) == 0.75


def test_no_rows_have_no_mean():
    empty = np.zeros(0)
    assert all(math.isnan(measure(empty, empty)) for measure in (metrics.logloss, metrics.rmse))
    assert math.isnan(metrics.accuracy(empty, empty))
