import numpy as np
import pytest

from confide.algorithms import metrics, registry
from confide.algorithms.base import Batch
from confide.core import limits
from confide.core.errors import LimitExceeded, ModelFileInvalid, SchemaMismatch, WorkFailed


def trained(rows, name="afm", *, holdout=None, features=None, **parameters):
    """(estimator, its last report)."""
    estimator = registry.build(name, parameters)
    *_, last = estimator.fit(
        rows.indices, rows.values, rows.labels, holdout=holdout, feature_count=features or 100
    )
    return estimator, last


def test_learns_a_planted_pair_that_a_linear_model_cannot(planted):
    truth = planted.holdout.labels
    oracle = metrics.auc(truth, planted.chances)
    linear_oracle = metrics.auc(truth, planted.linear_chances)
    _, afm = trained(planted.training, holdout=planted.holdout)
    _, linear = trained(planted.training, "linear", holdout=planted.holdout)
    assert oracle - linear_oracle > 0.15
    assert afm.holdout_auc > oracle - 0.01
    assert linear.holdout_auc < linear_oracle + 0.01
    assert afm.holdout_logloss < metrics.logloss(truth, planted.chances) + 0.02


def test_with_patience_an_epoch_that_only_memorises_is_taken_back():
    """Labels are coin flips: whatever is learned after the start makes held-out rows worse."""
    random = np.random.default_rng(3)
    indices = random.integers(0, 500, (3000, 4)) + 500 * np.arange(4)
    labels = random.integers(0, 2, 3000).astype(np.float32)
    every = Batch(indices, np.ones(indices.shape, np.float32), labels)
    rows, holdout = every.rows(slice(2000)), every.rows(slice(2000, None))
    estimator = registry.build("afm", {"epochs": 20, "learning_rate": 0.5, "patience": 1})
    reports = list(estimator.fit(rows.indices, rows.values, rows.labels, holdout=holdout, feature_count=2000))
    losses = [report.holdout_logloss for report in reports if report.holdout_logloss is not None]
    kept = metrics.logloss(holdout.labels, estimator.predict(holdout.indices, holdout.values))
    assert len(losses) < 20
    assert kept == pytest.approx(min(losses), rel=1e-5)
    assert kept < losses[-1]


@pytest.mark.parametrize("scale", [10.0, 30.0, 50.0])
def test_every_start_of_p_in_the_advised_range_learns_it(planted, scale):
    _, last = trained(planted.training, holdout=planted.holdout, interaction_scale=scale, epochs=2)
    assert last.holdout_auc > metrics.auc(planted.holdout.labels, planted.chances) - 0.02


def test_the_same_seed_gives_the_same_numbers(few_planted):
    options = {"epochs": 2, "dropout": 0.3}
    first, again, other = (
        trained(few_planted.training, seed=seed, **options)[0].arrays() for seed in (5, 5, 6)
    )
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name])
    assert not np.array_equal(first["embeddings"], other["embeddings"])


def test_both_precisions_agree(few_planted):
    rows = few_planted.holdout
    one, other = (
        trained(few_planted.training, precision=precision)[0].predict(rows.indices, rows.values)
        for precision in ("float32", "float64")
    )
    assert one.dtype == other.dtype == np.float32
    np.testing.assert_allclose(one, other, atol=2e-2)


def test_arrays_make_the_same_estimator_again(few_planted):
    estimator, _ = trained(few_planted.training, epochs=1)
    again = registry.restore("afm", {"epochs": 1}, estimator.arrays())
    rows = few_planted.holdout
    np.testing.assert_array_equal(
        again.predict(rows.indices, rows.values), estimator.predict(rows.indices, rows.values)
    )
    assert again.feature_count == few_planted.feature_count


def test_predictions_do_not_depend_on_the_rows_beside(few_planted):
    estimator, _ = trained(few_planted.training, epochs=1)
    rows = few_planted.holdout
    whole = estimator.predict(rows.indices, rows.values)
    alone = [estimator.predict(rows.indices[at : at + 1], rows.values[at : at + 1])[0] for at in range(20)]
    np.testing.assert_allclose(alone, whole[:20], rtol=1e-5)


def test_one_field_has_no_pairs_and_still_learns():
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, (4000, 1))
    chances = np.array([0.1, 0.4, 0.6, 0.9])[codes[:, 0]]
    labels = (random.random(4000) < chances).astype(np.float32)
    rows = Batch(codes, np.ones(codes.shape, np.float32), labels)
    estimator, _ = trained(rows, features=4, epochs=20, learning_rate=0.2)
    told = estimator.predict(np.arange(4)[:, None], np.ones((4, 1), np.float32))
    np.testing.assert_allclose(told, [0.1, 0.4, 0.6, 0.9], atol=0.06)


def test_squared_loss_on_real_labels(batch_of):
    random = np.random.default_rng(1)
    indices = random.integers(0, 10, (5000, 2)) + np.array([0, 10])
    effect = random.standard_normal(20)
    labels = 3 + effect[indices].sum(axis=1).astype(np.float32)
    rows = Batch(indices, np.ones(indices.shape, np.float32), labels)
    estimator, last = trained(rows, loss="squared", epochs=10, holdout=rows.rows(slice(500)))
    assert last.train_logloss is None
    assert last.holdout_logloss is None
    assert last.holdout_auc is None
    assert last.holdout_rmse < 0.1 * labels.std()
    assert estimator.predict(indices[:5], rows.values[:5]) == pytest.approx(labels[:5], abs=0.5)


def test_numeric_values_scale_their_feature():
    random = np.random.default_rng(2)
    numbers = random.standard_normal((8000, 2)).astype(np.float32)
    labels = (random.random(8000) < 1 / (1 + np.exp(-3 * numbers[:, 0] * numbers[:, 1]))).astype(np.float32)
    indices = np.broadcast_to(np.arange(2), numbers.shape)
    rows = Batch(indices, numbers, labels)
    _, last = trained(rows, holdout=rows.rows(slice(6000, None)), features=2, epochs=5)
    assert last.holdout_auc > 0.85


def test_attention_l2_shrinks_the_attention_matrix(few_planted):
    free, _ = trained(few_planted.training)
    held, _ = trained(few_planted.training, attention_l2=100.0)
    assert np.abs(held.arrays()["attention.weight"]).sum() < np.abs(free.arrays()["attention.weight"]).sum()


def test_divergence_is_an_error_not_a_model(few_planted):
    rows = few_planted.training
    with pytest.raises(WorkFailed, match="diverged"):
        trained(Batch(rows.indices, rows.values * np.float32(1e25), rows.labels))


@pytest.mark.parametrize("name", ["afm", "linear"])
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"indices": np.array([[0, 100], [1, 2]])}, SchemaMismatch),
        ({"indices": np.array([[0, -1], [1, 2]])}, SchemaMismatch),
        ({"indices": np.array([[0.0, 1.0], [1.0, 2.0]])}, SchemaMismatch),
        ({"indices": np.array([0, 1])}, SchemaMismatch),
        ({"indices": np.zeros((2, 0), int), "values": np.zeros((2, 0))}, SchemaMismatch),
        ({"values": np.array([[1, np.nan], [1, 1]])}, SchemaMismatch),
        ({"values": np.ones((2, 3))}, SchemaMismatch),
        ({"labels": np.array([0.0, 2.0])}, SchemaMismatch),
        ({"labels": np.array([0.0, np.nan])}, SchemaMismatch),
        ({"labels": np.array([0.0])}, SchemaMismatch),
        ({"indices": np.zeros((0, 2), int), "values": np.zeros((0, 2)), "labels": np.zeros(0)}, WorkFailed),
        ({"feature_count": 0}, LimitExceeded),
        ({"feature_count": limits.MAX_FEATURES + 1}, LimitExceeded),
    ],
)
def test_refuses_rows_that_are_not_encoded_rows(name, changes, error):
    given = {
        "indices": np.array([[0, 1], [1, 2]]),
        "values": np.ones((2, 2)),
        "labels": np.array([0.0, 1.0]),
        "feature_count": 100,
    } | changes
    with pytest.raises(error):
        list(registry.build(name, {}).fit(**given))


@pytest.mark.parametrize(("name", "width"), [("afm", 9), ("linear", 1)])
def test_refuses_a_model_larger_than_its_limit(few_planted, name, width):
    with pytest.raises(LimitExceeded, match="MAX_MODEL_NUMBERS"):
        trained(few_planted.training, name, features=limits.MAX_MODEL_NUMBERS // width + 1)


def test_refuses_to_predict_other_rows(few_planted):
    estimator, _ = trained(few_planted.training, epochs=1)
    rows = few_planted.holdout
    with pytest.raises(SchemaMismatch, match="fields"):
        estimator.predict(rows.indices[:, :3], rows.values[:, :3])
    with pytest.raises(SchemaMismatch, match="outside"):
        estimator.predict(rows.indices + 50, rows.values)


@pytest.mark.parametrize("name", ["afm", "linear"])
def test_untrained_has_nothing_to_say(name):
    estimator = registry.build(name, {})
    with pytest.raises(WorkFailed):
        estimator.arrays()
    with pytest.raises(WorkFailed):
        estimator.predict(np.zeros((1, 1), int), np.ones((1, 1)))


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("projection"),
        lambda arrays: arrays.update(more=np.zeros(1, np.float32)),
        lambda arrays: arrays.update(bias=np.zeros(2, np.float32)),
        lambda arrays: arrays.update(bias=np.zeros(1, np.float64)),
        lambda arrays: arrays.update(bias=np.array([np.nan], np.float32)),
        lambda arrays: arrays.update(linear=arrays["linear"][:-1]),
        lambda arrays: arrays.update(linear=np.zeros(0, np.float32), embeddings=np.zeros((0, 8), np.float32)),
    ],
)
def test_refuses_arrays_that_do_not_fit(few_planted, change):
    arrays = trained(few_planted.training, epochs=1)[0].arrays()
    change(arrays)
    with pytest.raises(ModelFileInvalid):
        registry.restore("afm", {}, arrays)
