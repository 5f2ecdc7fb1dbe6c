"""A training that goes on from its state ends with the numbers of one that nobody interrupted, to the bit."""

import numpy as np
import pytest

from confide.algorithms import registry
from confide.algorithms.base import Batch, Whole
from confide.algorithms.engine.network import Engine

ROWS, FEATURES, FIELDS, EPOCHS = 700, 40, 4, 6
CASES = {
    "afm": {"embedding_size": 4, "attention_size": 4, "dropout": 0.3},
    "fm": {"embedding_size": 4, "dropout": 0.2},
    "linear": {},
}


class Keeps:
    """Implements algorithms.base.Keeper: every epoch's state."""

    def __init__(self, state=None):
        self.state, self.kept = state, []

    def found(self):
        return self.state

    def keep(self, state):
        self.kept.append(state())


class Parts:
    """Implements algorithms.base.Shards: the same rows in three parts."""

    def __init__(self, rows):
        self._rows = rows
        self.bounds = [0, 300, 500, len(rows)]
        self.sizes = tuple(np.diff(self.bounds).tolist())
        self.labels, self.fields = rows.labels, FIELDS

    def load(self, at):
        return self._rows.rows(slice(self.bounds[at], self.bounds[at + 1]))


def rows(seed):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, ROWS).astype(np.float32)
    return Batch(
        random.integers(0, FEATURES, (ROWS, FIELDS)).astype(np.int32),
        np.ones((ROWS, FIELDS), np.float32),
        labels,
    )


def fit(name, keeper, *, parts=Whole, **parameters):
    given = {"epochs": EPOCHS, "batch_size": 64, **CASES[name], **parameters}
    estimator = registry.build(name, given)
    data, held = parts(rows(1)), Whole(rows(2))
    reports = list(estimator.fit_shards(data, holdout=held, feature_count=FEATURES, keeper=keeper))
    return estimator.arrays(), [report for report in reports if report.holdout_logloss is not None]


def same(found, expected):
    assert found[1] == expected[1]
    assert found[0].keys() == expected[0].keys()
    for array_name, array in expected[0].items():
        assert array.tobytes() == found[0][array_name].tobytes()


@pytest.fixture(autouse=True)
def _with_the_core():
    if Engine.fastest() is None:
        pytest.skip("without the compiled core there are no checkpoints")


@pytest.mark.parametrize("parts", [Whole, Parts])
@pytest.mark.parametrize("patience", [0, 2])
@pytest.mark.parametrize("name", CASES)
def test_from_every_epoch_the_same_numbers_come_out(name, patience, parts):
    whole = Keeps()
    expected = fit(name, whole, patience=patience, parts=parts)
    assert whole.kept
    same(fit(name, None, patience=patience, parts=parts), expected)
    for state in whole.kept:
        going_on = Keeps(state)
        same(fit(name, going_on, patience=patience, parts=parts), expected)
        assert len(going_on.kept) < len(whole.kept)


def test_a_state_of_another_engine_is_not_used():
    whole = Keeps()
    expected = fit("fm", whole)
    assert b"threads" in whole.kept[0]
    other = whole.kept[0].replace(b"threads", b"thread?")
    again = Keeps(other)
    same(fit("fm", again), expected)
    assert len(again.kept) == len(whole.kept)
