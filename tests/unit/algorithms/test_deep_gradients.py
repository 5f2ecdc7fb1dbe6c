"""The closed form against differences, in float64."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.algorithms.base import Batch
from confide.algorithms.deep_embeddings import RecordsAdagrad
from confide.algorithms.deep_estimator import DeepParameters, fresh_network
from confide.algorithms.deep_network import gradient
from confide.algorithms.deep_trainer import SHARD_ROWS, SHARDS, DeepTrainer, shards
from confide.algorithms.engine import embeddings as core
from confide.algorithms.engine import library
from confide.algorithms.losses import LOSSES
from confide.core.errors import SchemaMismatch

STEP = 1e-6


def network_of(*, factors, precision="float64"):
    parameters = DeepParameters(embedding_size=3, hidden_units=5, hidden_layers=2, precision=precision)
    network = fresh_network(parameters, 30, 4, 0.3, 1, factors=factors)
    for array in network.dense():
        array[...] += 0.05 * np.random.default_rng(2).standard_normal(array.shape)
    return network


@pytest.mark.parametrize("factors", [False, True])
@pytest.mark.parametrize("loss", ["logistic", "squared"])
@pytest.mark.parametrize("dropped", [False, True])
def test_gradient_agrees_with_differences(batch_of, factors, loss, dropped):
    network, batch = network_of(factors=factors), batch_of(7, binary=loss == "logistic")
    random = np.random.default_rng(3)
    kept = [(random.random((7, 5)) > 0.4) / 0.6 for _ in range(2)] if dropped else None
    given = (LOSSES[loss], batch, kept)
    found = gradient(network, *given)
    for array, slopes in zip(network.dense(), found.dense, strict=True):
        assert array.shape == slopes.shape
        for place in np.ndindex(array.shape):
            assert slopes[place] == pytest.approx(difference(network, array, place, *given), abs=1e-5)
    for feature in np.unique(batch.indices)[:6]:
        for at in range(network.records.shape[1]):
            slope = slopes_of_records(found, batch, network)[batch.indices == feature, at].sum()
            wanted = difference(network, network.records, (feature, at), *given)
            assert slope == pytest.approx(wanted, abs=1e-5)


def slopes_of_records(found, batch, network):
    """(n, F, width)"""
    embedded = found.embedded.reshape(*batch.indices.shape, network.size)
    linear = np.broadcast_to(found.slopes[:, None, None], (*batch.indices.shape, int(network.factors)))
    return np.concatenate((embedded, linear), axis=2) * batch.values[..., None]


def difference(network, array, place, *given):
    before = array[place]
    told = []
    for step in (STEP, -STEP):
        array[place] = before + step
        told.append(gradient(network, *given).loss)
    array[place] = before
    return (told[0] - told[1]) / (2 * STEP)


def test_decay_pulls_the_layers_weights_and_nothing_else(batch_of):
    plain, decayed = network_of(factors=False), network_of(factors=False)
    batch, settings = batch_of(7), {"rate": 0.01, "accumulator_start": 1.0, "dropout": 0.0, "seed": 0}
    for network, l2 in ((plain, 0.0), (decayed, 10.0)):
        DeepTrainer(network, LOSSES["logistic"], l2=l2, **settings).learn_rows(batch, np.arange(7), 7)
    for layer, other in zip(plain.layers, decayed.layers, strict=True):
        assert np.abs(other.weight).sum() < np.abs(layer.weight).sum()
        np.testing.assert_array_equal(other.bias, layer.bias)
    np.testing.assert_array_equal(plain.records, decayed.records)


def batch_in_float32(rows, features=30):
    random = np.random.default_rng(rows)
    indices = random.integers(0, features, (rows, 4)).astype(np.int32)
    values = random.standard_normal((rows, 4)).astype(np.float32)
    return Batch(indices, values, (random.random(rows) < 0.5).astype(np.float32))


def learned(*, factors, threads=2, dropout=0.0, batch_size=300):
    """The numbers after three passes of two batches each, the second smaller than the first."""
    network, batch = network_of(factors=factors, precision="float32"), batch_in_float32(500)
    settings = {"rate": 0.05, "accumulator_start": 0.1, "dropout": dropout, "l2": 0.01, "seed": 5}
    trainer = DeepTrainer(network, LOSSES["logistic"], threads=threads, **settings)
    order = np.random.default_rng(6).permutation(500)
    loss = sum(trainer.learn_rows(batch, order, batch_size) for _ in range(3))
    return loss, network, trainer.predict(batch.indices, batch.values)


@pytest.mark.parametrize("factors", [False, True])
def test_any_number_of_threads_learns_the_same_to_the_bit(factors):
    loss, network, told = learned(factors=factors, threads=1, dropout=0.3)
    for threads in (2, 3, 7):
        other_loss, other, other_told = learned(factors=factors, threads=threads, dropout=0.3)
        assert other_loss == loss
        np.testing.assert_array_equal(other_told, told)
        for array, again in zip(network.learned(), other.learned(), strict=True):
            np.testing.assert_array_equal(array, again)


@pytest.mark.skipif(library.library() is None, reason="no compiled core here")
@pytest.mark.parametrize("factors", [False, True])
def test_the_core_learns_as_numpy_does(monkeypatch, factors):
    loss, network, told = learned(factors=factors)
    monkeypatch.setattr(library, "library", lambda: None)
    numpy_loss, in_numpy, numpy_told = learned(factors=factors)
    assert loss == pytest.approx(numpy_loss, rel=1e-5)
    np.testing.assert_allclose(told, numpy_told, atol=1e-5)
    for array, other in zip(network.learned(), in_numpy.learned(), strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(library.library() is None, reason="no compiled core here")
@given(
    places=st.tuples(st.integers(1, 60), st.integers(1, 5)),
    features=st.integers(1, 40),
    size=st.integers(1, 9),
    threads=st.integers(1, 4),
    random=st.integers(0, 99).map(np.random.default_rng),
)
def test_the_cores_update_is_numpys_to_the_bit(places, features, size, threads, random):
    linear, (rows, fields) = bool(random.integers(2)), places
    start = random.standard_normal((features, size + linear)).astype(np.float32)
    ours, theirs = start.copy(), start.copy()
    settings = {"size": size, "rate": 0.05, "start": 0.1}
    fast = core.RecordsAdagrad(ours, threads=threads, **settings)
    slow = RecordsAdagrad(theirs, **settings)
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(3):  # what one batch leaves behind must not disturb the next
            indices = random.integers(0, features, (rows, fields)).astype(np.int32)
            values, back = (
                random.standard_normal(shape).astype(np.float32)
                for shape in ((rows, fields), (rows, fields * size))
            )
            given_ = (indices, values, back, random.standard_normal(rows).astype(np.float32), pool)
            fast.update(*given_)
            slow.update(*given_)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("index", [-1, 30])
def test_an_index_outside_is_refused_before_the_core_follows_it(index):
    network, batch = network_of(factors=True, precision="float32"), batch_in_float32(3)
    batch.indices[1, 2] = index
    with pytest.raises(SchemaMismatch, match="outside"):
        network.outputs(batch.indices, batch.values)


@given(st.integers(1, 70_000))
def test_shards_cover_a_batch_in_order(rows):
    cut = shards(rows)
    assert [cut[0].start, *(shard.stop for shard in cut)] == [*(shard.start for shard in cut), rows]
    assert len(cut) <= SHARDS
    assert all(shard.stop - shard.start >= SHARD_ROWS for shard in cut[:-1])
