"""Whole trainings by the compiled core: like the reference's, and the same every time."""

import numpy as np
import pytest

from confide.algorithms import metrics, registry
from confide.algorithms.afm import Afm
from confide.algorithms.base import Batch
from confide.algorithms.engine import library, memory
from confide.algorithms.engine.library import Kind, Path
from confide.algorithms.engine.network import Engine, FastNetwork, Shape, Step, checked_order
from confide.algorithms.parameters import checked
from confide.core.errors import SchemaMismatch, WorkFailed

MODELS = [
    ("afm", {}),
    ("afm", {"embedding_size": 16, "attention_size": 16, "dropout": 0.3, "attention_l2": 1.0}),
    ("fm", {}),
    ("fm", {"embedding_size": 5, "dropout": 0.3}),
    ("linear", {}),
]


def fitted(name, engine, rows, holdout=None, **parameters):
    """(estimator, its last report)."""
    algorithm = registry.ALGORITHMS[name]
    estimator = algorithm(checked(parameters, algorithm.Parameters), engine)
    *_, last = estimator.fit(rows.indices, rows.values, rows.labels, holdout=holdout, feature_count=100)
    return estimator, last


@pytest.mark.parametrize("path", library.paths(), ids=lambda path: path.name)
@pytest.mark.parametrize(("name", "parameters"), MODELS)
def test_an_epoch_ends_where_the_reference_ends(planted, path, name, parameters):
    """Same start values, same order, same batches, same dropout: logloss within 1e-3 in float32."""
    near = 5e-3 if path is Path.AVX512_BF16 else 1e-3
    options = {"epochs": 1, "seed": 5, **parameters}
    rows = planted.training.rows(slice(10_000))
    _, reference = fitted(name, "reference", rows, planted.holdout, **options)
    _, fast = fitted(name, Engine(path, 2), rows, planted.holdout, **options)
    assert fast.train_logloss == pytest.approx(reference.train_logloss, abs=near)
    assert fast.holdout_logloss == pytest.approx(reference.holdout_logloss, abs=near)
    assert fast.step == reference.step


@pytest.mark.parametrize("path", library.paths(), ids=lambda path: path.name)
def test_squared_loss_and_values_that_scale(path):
    random = np.random.default_rng(2)
    indices = random.integers(0, 50, (5_000, 4))
    values = random.uniform(0.5, 1.5, indices.shape).astype(np.float32)
    labels = (3 + random.standard_normal(50)[indices].sum(axis=1)).astype(np.float32)
    rows = Batch(indices, values, labels)
    options = {"epochs": 2, "loss": "squared"}
    _, reference = fitted("afm", "reference", rows, rows, **options)
    _, fast = fitted("afm", Engine(path, 2), rows, rows, **options)
    assert fast.holdout_rmse == pytest.approx(reference.holdout_rmse, rel=1e-2)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("name", ["afm", "fm", "linear"])
def test_the_same_every_time_for_a_number_of_threads(few_planted, name, threads):
    engine = Engine(library.paths()[-1], threads)
    first, again = (
        fitted(name, engine, few_planted.training, epochs=2, batch_size=100)[0].arrays() for _ in range(2)
    )
    for array, other in zip(first.values(), again.values(), strict=True):
        np.testing.assert_array_equal(array, other)


def test_threads_change_only_the_rounding(few_planted):
    path, rows = library.paths()[-1], few_planted.holdout
    told = [
        fitted("afm", Engine(path, threads), few_planted.training)[0].predict(rows.indices, rows.values)
        for threads in (1, 2, 5)
    ]
    np.testing.assert_allclose(told[1], told[0], atol=1e-2)
    np.testing.assert_allclose(told[2], told[0], atol=1e-2)


@pytest.mark.parametrize("name", ["afm", "fm", "linear"])
def test_both_engines_read_and_write_the_same_arrays(few_planted, name):
    rows = few_planted.holdout
    fast, _ = fitted(name, Engine(library.paths()[-1], 1), few_planted.training)
    algorithm = registry.ALGORITHMS[name]
    reference = algorithm.from_arrays(checked({}, algorithm.Parameters), fast.arrays(), "reference")
    assert list(fast.arrays()) == list(reference.arrays())
    for array, other in zip(fast.arrays().values(), reference.arrays().values(), strict=True):
        np.testing.assert_array_equal(array, other)
    again = registry.restore(name, {}, reference.arrays())
    told = fast.predict(rows.indices, rows.values)
    np.testing.assert_allclose(reference.predict(rows.indices, rows.values), told, atol=5e-3)
    np.testing.assert_allclose(again.predict(rows.indices, rows.values), told, atol=5e-3)
    assert again.feature_count == reference.feature_count == 100


@pytest.mark.parametrize("prefers", [False, True])
def test_bfloat16_learns_only_where_that_pays(monkeypatch, prefers):
    monkeypatch.setattr(library, "prefers_bfloat16", lambda: prefers)
    engine = Engine.fastest()
    assert (engine.path is Path.AVX512_BF16) == prefers
    assert engine.scoring is not Path.AVX512_BF16


def test_bfloat16_is_preferred_only_where_it_is():
    assert Path.AVX512_BF16 in library.paths() or not library.prefers_bfloat16()


@pytest.mark.skipif(Path.AVX512_BF16 not in library.paths(), reason="no bfloat16 dot products here")
def test_a_model_learned_in_bfloat16_scores_in_float32(few_planted):
    rows, shape = few_planted.holdout, Shape(Kind.AFM, 16, 16)
    sizes = {"embedding_size": 16, "attention_size": 16}
    engine = Engine(Path.AVX512_BF16, 2, Path.AVX512)
    learned, _ = fitted("afm", engine, few_planted.training, **sizes)
    exact = FastNetwork.from_arrays(shape, learned.arrays(), Engine(Path.AVX512, 1))
    rough = FastNetwork.from_arrays(shape, learned.arrays(), Engine(Path.AVX512_BF16, 1))
    told = learned._network.outputs(rows.indices, rows.values)
    np.testing.assert_array_equal(told, exact.outputs(rows.indices, rows.values))
    assert not np.array_equal(told, rough.outputs(rows.indices, rows.values))


def test_memory_counts_a_huge_page_or_none():
    for shape in ((3, 5), (300_000, 4)):
        array = memory.zeros(shape, np.float32)
        assert array.shape == shape
        assert array.flags.writeable
        assert not array.any()


def test_float64_is_the_references(few_planted):
    estimator, _ = fitted("afm", Engine(Path.PORTABLE, 1), few_planted.training, precision="float64")
    assert estimator.arrays()["bias"].dtype == np.float64


def test_without_the_library_the_reference_works(few_planted, monkeypatch):
    monkeypatch.setattr(library, "paths", tuple)
    assert Engine.fastest() is None
    rows = few_planted.holdout
    estimator, _ = fitted("afm", "fastest", few_planted.training, epochs=1)
    told = estimator.predict(rows.indices, rows.values)
    assert metrics.logloss(rows.labels, told) < 0.7


@pytest.mark.parametrize("index", [-1, 30, 2**40])
def test_an_index_outside_is_refused_before_the_core_follows_it(index):
    fast = FastNetwork.fresh(Shape(Kind.AFM, 4, 4), 30, Engine(Path.PORTABLE, 1), accumulator_start=0.1)
    indices = np.array([[0, 1], [2, index]])
    rows = Batch(indices, np.ones((2, 2), np.float32), np.zeros(2, np.float32))
    for work in (
        lambda: fast.outputs(rows.indices, rows.values),
        lambda: fast.gradient(rows, Step(0.1, "logistic")),
    ):
        with pytest.raises(SchemaMismatch, match="outside"):
            work()


@pytest.mark.parametrize(
    "order", [np.array([0, 2]), np.array([-1]), np.array([0, 1], np.int32), np.zeros(4, np.int64)[::2]]
)
def test_an_order_outside_the_rows_is_refused(order):
    with pytest.raises(ValueError, match="order"):
        checked_order(order, 2)


def test_an_engine_that_is_not_there_is_refused(few_planted):
    with pytest.raises(WorkFailed, match="threads"):
        fitted("afm", Engine(Path.PORTABLE, 10_000), few_planted.training)


@pytest.mark.parametrize("engine", ["reference", Engine(Path.PORTABLE, 2)])
def test_divergence_is_an_error(few_planted, engine):
    rows = few_planted.training
    with pytest.raises(WorkFailed, match="diverged"):
        fitted("afm", engine, Batch(rows.indices, rows.values * np.float32(1e25), rows.labels))


def test_the_estimator_takes_the_fastest_by_itself(few_planted):
    assert isinstance(fitted("afm", "fastest", few_planted.training)[0]._network, FastNetwork)
    assert isinstance(Afm(checked({}, Afm.Parameters))._engine(), Engine)
