"""The compiled core against the NumPy reference, on every instruction set that this machine has."""

from dataclasses import replace

import numpy as np
import pytest

from confide.algorithms import afm_network, fm_network
from confide.algorithms.afm import AfmParameters
from confide.algorithms.afm import fresh_network as fresh_afm
from confide.algorithms.base import Batch
from confide.algorithms.engine import library
from confide.algorithms.engine.library import Kind, Path
from confide.algorithms.engine.network import Engine, FastNetwork, Shape, Step
from confide.algorithms.fm import FmParameters
from confide.algorithms.fm import fresh_network as fresh_fm
from confide.algorithms.losses import LOSSES

FEATURES = 30
EXACT = [path for path in library.paths() if path is not Path.AVX512_BF16]
SIZES = [  # K, T, fields, rows
    (16, 16, 5, 37),
    (16, 16, 12, 256),
    (8, 8, 9, 70),
    (8, 16, 5, 20),
    (4, 16, 10, 33),
    (1, 1, 2, 5),
    (3, 4, 4, 70),
    (10, 10, 7, 50),
    (17, 9, 6, 33),
    (32, 32, 6, 40),
    (40, 24, 4, 40),
    (256, 256, 3, 20),
    (16, 16, 1, 20),
]
CASES = [("logistic", 0.0, 1), ("squared", 0.4, 2)]  # loss, dropout, threads


def as_double(batch):
    return Batch(batch.indices, batch.values.astype(np.float64), batch.labels.astype(np.float64))


def relative(found, expected):
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12)


def afm_of(size, units, seed=3):
    """A reference network with everything away from zero, so that each gradient has something to show."""
    parameters = AfmParameters(embedding_size=size, attention_size=units, precision="float64")
    network = fresh_afm(parameters, FEATURES, 0.3, 1)
    random = np.random.default_rng(seed)
    for array in (network.records, *network.dense()):
        array[...] = random.standard_normal(array.shape) / 2
    return network


def fast_of(network, shape, path, threads=1):
    """The same numbers in the core."""
    fast = FastNetwork.fresh(shape, FEATURES, Engine(path, threads), accumulator_start=0.1)
    arrays = network.arrays()
    fast.linear[...] = arrays["linear"]
    fast.embeddings[...] = arrays["embeddings"]
    for name, part in fast.parts().items():
        part[...] = arrays[name]
    return fast


def mask_of(noise, dropout):
    return None if noise is None else (noise >= np.float32(dropout)) / (1 - dropout)


def test_the_core_is_built_and_runs_everywhere():
    assert library.paths()[0] is Path.PORTABLE


@pytest.mark.parametrize("path", EXACT, ids=lambda path: path.name)
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("case", CASES)
def test_afm_gradients(batch_of, path, sizes, case):
    (size, units, fields, rows), (loss, dropout, threads) = sizes, case
    network = afm_of(size, units)
    batch = batch_of(rows, fields, FEATURES, seed=size, dtype=np.float32)
    random = np.random.default_rng(0)
    noise = random.random((size, rows), np.float32) if dropout else None
    expected = afm_network.gradient(network, LOSSES[loss], as_double(batch), mask_of(noise, dropout))
    fast = fast_of(network, Shape(Kind.AFM, size, units), path, threads)
    found = fast.gradient(batch, Step(0.05, loss, dropout), noise)
    check_afm(found, expected)
    outputs = network.outputs(batch.indices, batch.values)
    assert relative(fast.outputs(batch.indices, batch.values), outputs) <= 1e-4


@pytest.mark.parametrize("path", EXACT, ids=lambda path: path.name)
@pytest.mark.parametrize("sizes", [(16, 16, 12, 100), (10, 6, 9, 40), (16, 16, 3, 20), (32, 16, 6, 20)])
@pytest.mark.parametrize("less", [1.0, 0.6, 0.45])
def test_afm_gradients_where_most_units_stay_as_their_biases_leave_them(batch_of, path, sizes, less):
    """The core then works in another way: pairs with other sign masks are exceptions, most to few."""
    size, units, fields, rows = sizes
    network = afm_of(size, units)
    network.records[...] *= less
    network.attention.bias[...] = np.sign(network.attention.bias) * (np.abs(network.attention.bias) + 0.3)
    batch = batch_of(rows, fields, FEATURES, dtype=np.float32)
    arrays = network.arrays()
    embedded = arrays["embeddings"][batch.indices] * batch.values[:, :, None]
    left, right = np.triu_indices(fields, 1)
    bias = arrays["attention.bias"]
    z = (embedded[:, left] * embedded[:, right]) @ arrays["attention.weight"].T + bias
    usual = ((z > 0) == (bias > 0)).all(axis=2).mean()
    assert {1.0: 0.02, 0.6: 0.4, 0.45: 0.6}[less] < usual < 1
    expected = afm_network.gradient(network, LOSSES["logistic"], as_double(batch))
    fast = fast_of(network, Shape(Kind.AFM, size, units), path)
    check_afm(fast.gradient(batch, Step(0.05, "logistic")), expected)


def check_afm(found, expected):
    assert found.loss == pytest.approx(expected.loss, rel=1e-4)
    assert relative(found.records, expected.records) <= 1e-4
    for name, wanted in {
        "bias": expected.bias,
        "attention.weight": expected.attention.weight,
        "attention.bias": expected.attention.bias,
        "attention.output": expected.attention.output,
        "projection": expected.attention.projection,
    }.items():
        assert relative(found.dense[name], wanted) <= 1e-4, name


@pytest.mark.parametrize("path", EXACT, ids=lambda path: path.name)
@pytest.mark.parametrize("sizes", [(1, 3), (8, 9), (16, 12), (17, 5), (16, 1)])
@pytest.mark.parametrize("case", CASES)
def test_fm_gradients(batch_of, path, sizes, case):
    (size, fields), (loss, dropout, threads) = sizes, case
    network = fresh_fm(FmParameters(embedding_size=size, precision="float64"), FEATURES, 0.3, 1)
    network.records[...] = np.random.default_rng(2).standard_normal(network.records.shape)
    batch = batch_of(50, fields, FEATURES, dtype=np.float32)
    noise = np.random.default_rng(0).random((size, 50), np.float32) if dropout else None
    expected = fm_network.gradient(network, LOSSES[loss], as_double(batch), mask_of(noise, dropout))
    fast = fast_of(network, Shape(Kind.FM, size, 0), path, threads)
    found = fast.gradient(batch, Step(0.05, loss, dropout), noise)
    assert found.loss == pytest.approx(expected.loss, rel=1e-4)
    assert relative(found.records, expected.records) <= 1e-4
    assert relative(found.dense["bias"], expected.bias) <= 1e-4
    outputs = network.outputs(batch.indices, batch.values)
    assert relative(fast.outputs(batch.indices, batch.values), outputs) <= 1e-4


@pytest.mark.skipif(Path.AVX512_BF16 not in library.paths(), reason="no bfloat16 dot products here")
@pytest.mark.parametrize(("size", "units"), [(16, 16), (7, 16), (32, 32)])
def test_bfloat16_is_near(batch_of, size, units):
    network = afm_of(size, units)
    batch = batch_of(100, 8, FEATURES, dtype=np.float32)
    fast = fast_of(network, Shape(Kind.AFM, size, units), Path.AVX512_BF16)
    outputs = network.outputs(batch.indices, batch.values)
    assert relative(fast.outputs(batch.indices, batch.values), outputs) <= 2e-2


@pytest.mark.parametrize("path", EXACT, ids=lambda path: path.name)
def test_attention_that_is_exactly_zero_has_no_slope(batch_of, path):
    """Values of 0 make z = b = 0 for every pair: ReLU's slope there is 0, as in the reference."""
    network = afm_of(16, 16)
    network.attention.bias[...] = 0
    batch = batch_of(20, 4, FEATURES, dtype=np.float32)
    zero = replace(batch, values=np.zeros_like(batch.values))
    found = fast_of(network, Shape(Kind.AFM, 16, 16), path).gradient(zero, Step(0.05, "logistic"))
    assert not found.dense["attention.bias"].any()
    assert not found.dense["attention.weight"].any()


@pytest.mark.parametrize("path", EXACT, ids=lambda path: path.name)
@pytest.mark.parametrize("output", [0.0, -0.0, 1e-30])
def test_a_unit_without_weight_in_the_score_still_learns(batch_of, path, output):
    """The sign of z counts where h is nothing."""
    network = afm_of(16, 16)
    network.attention.output[[2, 15]] = output
    batch = batch_of(50, 6, FEATURES, dtype=np.float32)
    expected = afm_network.gradient(network, LOSSES["logistic"], as_double(batch))
    found = fast_of(network, Shape(Kind.AFM, 16, 16), path).gradient(batch, Step(0.05, "logistic"))
    wanted = expected.attention.output
    assert abs(wanted[2]) > 1e-3 * abs(wanted).max()
    assert relative(found.dense["attention.output"], wanted) <= 1e-4


@pytest.mark.parametrize("path", library.paths(), ids=lambda path: path.name)
@pytest.mark.parametrize("part", ["attention.weight", "attention.bias", "attention.output", "projection"])
def test_what_is_not_a_number_is_not_hidden(batch_of, path, part):
    fast = fast_of(afm_of(16, 16), Shape(Kind.AFM, 16, 16), path)
    fast.parts()[part][...] = np.nan
    batch = batch_of(20, 4, FEATURES, dtype=np.float32)
    assert np.isnan(fast.outputs(batch.indices, batch.values)).all()
    assert np.isnan(fast.gradient(batch, Step(0.05, "logistic")).loss)


@pytest.mark.parametrize("path", library.paths(), ids=lambda path: path.name)
def test_predictions_of_a_row_do_not_depend_on_the_others(batch_of, path):
    network = afm_of(16, 16)
    fast = fast_of(network, Shape(Kind.AFM, 16, 16), path, threads=2)
    batch = batch_of(41, 6, FEATURES, dtype=np.float32)
    whole = fast.outputs(batch.indices, batch.values)
    alone = [fast.outputs(batch.indices[at : at + 1], batch.values[at : at + 1])[0] for at in range(41)]
    np.testing.assert_allclose(alone, whole, rtol=1e-5)
