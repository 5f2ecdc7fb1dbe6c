"""The closed form against differences, in float64."""

import numpy as np
import pytest

from confide.algorithms.deep_estimator import DeepParameters, fresh_network
from confide.algorithms.deep_network import DeepTrainer, gradient
from confide.algorithms.losses import LOSSES

STEP = 1e-6


def network_of(*, factors):
    parameters = DeepParameters(embedding_size=3, hidden_units=5, hidden_layers=2, precision="float64")
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
            slope = found.records[batch.indices == feature, at].sum()
            wanted = difference(network, network.records, (feature, at), *given)
            assert slope == pytest.approx(wanted, abs=1e-5)


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
        DeepTrainer(network, LOSSES["logistic"], l2=l2, **settings).learn(batch)
    for layer, other in zip(plain.layers, decayed.layers, strict=True):
        assert np.abs(other.weight).sum() < np.abs(layer.weight).sum()
        np.testing.assert_array_equal(other.bias, layer.bias)
    np.testing.assert_array_equal(plain.records, decayed.records)
