"""The loop, driven by a simulated learner that writes down what it is asked."""

import numpy as np
import pytest

from confide.algorithms import training
from confide.algorithms.base import Batch, Whole
from confide.algorithms.shards import Checked
from confide.algorithms.training import Schedule, train
from confide.core import limits
from confide.core.errors import SchemaMismatch, WorkFailed


class ScriptedLearner:
    """Its held-out predictions come from a script, one value per epoch."""

    def __init__(self, script=(), loss=0.5):
        self.script = list(script)
        self.loss = loss
        self.seen = []
        self.evaluations = 0
        self.restored = None

    def learn(self, batch):
        self.seen.append(batch.indices[:, 0].tolist())
        return self.loss * len(batch)

    def predict(self, indices, values):
        self.evaluations += 1
        return np.full(len(indices), self.script[self.evaluations - 1])

    def snapshot(self):
        return self.evaluations

    def restore(self, snapshot):
        self.restored = snapshot


def rows(count):
    return Whole(Batch(np.arange(count)[:, None], np.ones((count, 1)), np.ones(count)))


def schedule(**changes):
    return Schedule(**{"epochs": 2, "batch_size": 3, "patience": 0, "seed": 1, "binary": True} | changes)


def test_each_epoch_sees_every_row_once_in_another_order():
    learner = ScriptedLearner()
    list(train(learner, rows(8), None, schedule()))
    assert [len(batch) for batch in learner.seen] == [3, 3, 2, 3, 3, 2]
    epochs = [[row for batch in part for row in batch] for part in (learner.seen[:3], learner.seen[3:])]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(8))
    assert epochs[0] != epochs[1]


def test_reports_at_the_end_of_each_epoch():
    reports = list(train(ScriptedLearner([0.9, 0.8]), rows(8), rows(4), schedule()))
    assert [(r.epoch, r.epochs, r.step, r.steps) for r in reports] == [(1, 2, 3, 6), (2, 2, 6, 6)]
    assert reports[0].train_logloss == pytest.approx(0.5)
    assert reports[0].holdout_logloss == pytest.approx(-np.log(0.9))
    assert reports[0].holdout_auc is None  # one class only


def test_reports_inside_an_epoch(monkeypatch):
    monkeypatch.setattr(limits, "PROGRESS_ROWS", 6)
    reports = list(train(ScriptedLearner([0.9]), rows(20), rows(2), schedule(epochs=1)))
    assert [(report.step, report.holdout_logloss is None) for report in reports] == [
        (2, True),
        (4, True),
        (6, True),
        (7, False),
    ]


def test_patience_stops_and_restores_the_best():
    learner = ScriptedLearner([0.5, 0.9, 0.6, 0.7, 0.99])
    reports = list(train(learner, rows(3), rows(2), schedule(epochs=5, patience=2)))
    assert [report.epoch for report in reports] == [1, 2, 3, 4]
    assert learner.restored == 2


def test_without_patience_or_held_out_rows_all_epochs_run():
    learner = ScriptedLearner([0.9, 0.5, 0.4])
    assert len(list(train(learner, rows(3), rows(2), schedule(epochs=3)))) == 3
    assert len(list(train(learner, rows(3), None, schedule(epochs=3, patience=1)))) == 3
    assert len(list(train(learner, rows(3), rows(0), schedule(epochs=3, patience=1)))) == 3
    assert learner.restored is None


def test_squared_loss_reports_rmse():
    (report,) = train(ScriptedLearner([3.0], loss=4.0), rows(3), rows(2), schedule(epochs=1, binary=False))
    assert (report.train_rmse, report.holdout_rmse) == (2.0, 2.0)
    assert report.train_logloss is report.holdout_logloss is report.holdout_auc is None


@pytest.mark.parametrize("loss", [np.inf, np.nan])
def test_a_loss_that_is_not_finite_ends_the_training(loss):
    with pytest.raises(WorkFailed, match="diverged"):
        list(train(ScriptedLearner(loss=loss), rows(3), None, schedule()))


class Parts:
    """Simulated Shards: rows of consecutive numbers, loaded one part at a time."""

    fields = 1

    def __init__(self, *sizes):
        self.sizes = sizes
        self.labels = np.ones(sum(sizes))
        self.loaded = []

    def load(self, at):
        self.loaded.append(at)
        start = sum(self.sizes[:at])
        numbers = np.arange(start, start + self.sizes[at])[:, None]
        return Batch(numbers, np.ones(numbers.shape), np.ones(len(numbers)))


def test_each_epoch_sees_every_row_of_every_shard_once():
    learner, parts = ScriptedLearner(), Parts(4, 5, 3, 4, 4, 4)
    list(train(learner, parts, None, schedule()))
    epochs = [parts.loaded[:6], parts.loaded[6:]]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(6))
    assert epochs[0] != epochs[1]
    seen = [row for batch in learner.seen for row in batch]
    assert sorted(seen[:24]) == sorted(seen[24:]) == list(range(24))
    assert seen[:24] != sorted(seen[:24])
    shard = np.repeat(range(6), parts.sizes)
    assert all(len({shard[row] for row in batch}) == 1 for batch in learner.seen)


def test_one_shard_is_learned_as_rows_in_memory_are():
    whole, parts = ScriptedLearner([0.9, 0.8]), ScriptedLearner([0.9, 0.8])
    reports = [
        list(train(learner, data, rows(4), schedule()))
        for learner, data in ((whole, rows(8)), (parts, Parts(8)))
    ]
    assert whole.seen == parts.seen
    assert reports[0] == reports[1]


def test_reports_of_several_shards():
    reports = list(train(ScriptedLearner([0.9, 0.9]), Parts(4, 7), Parts(2, 3), schedule(epochs=1)))
    assert [(report.step, report.steps) for report in reports[:-1]] in ([(2, 5)], [(3, 5)])
    assert (reports[-1].step, reports[-1].holdout_logloss) == (5, pytest.approx(-np.log(0.9)))


def test_shards_are_checked_when_they_are_loaded_first():
    checked = []
    parts = Checked(Parts(2, 3), lambda batch: checked.append(len(batch)))
    assert (parts.sizes, parts.fields, len(parts.labels), checked) == ((2, 3), 1, 5, [])
    for at in (1, 0, 1, 0):
        parts.load(at)
    assert checked == [3, 2]


def test_a_single_shard_is_checked_at_once():
    def refuse(batch):
        raise SchemaMismatch("no")

    with pytest.raises(SchemaMismatch):
        Checked(Parts(2), refuse)


def test_rows_with_label_1_come_as_often_as_their_weight():
    rows = Batch(np.zeros((200, 1), np.int32), np.ones((200, 1), np.float32), np.tile([0.0, 1.0], 100))
    random = np.random.Generator(np.random.PCG64(0))
    found = np.bincount(training._weighted(rows, 2.5, random), minlength=200)
    assert (found[::2] == 1).all()
    assert set(found[1::2]) == {2, 3}
    assert 230 < found[1::2].sum() < 270
    assert training._weighted(rows, 1.0, random) == 200
