"""Closed-form gradients against central differences, in float64."""

import numpy as np
import pytest

from confide.algorithms import afm_network
from confide.algorithms.afm import AfmParameters, fresh_network
from confide.algorithms.losses import LOSSES

FEATURES, STEP = 12, 1e-5


def network_of(seed=1, **changes):
    """Start values with everything away from zero, so that each gradient has something to show."""
    parameters = AfmParameters(
        embedding_size=3, attention_size=4, embedding_deviation=1, precision="float64", **changes
    )
    network = fresh_network(parameters, FEATURES, 0.3, seed)
    random = np.random.default_rng(seed)
    for array in (network.records, *network.dense()):
        array[...] = random.standard_normal(array.shape)
    return network


def differences(array, loss_of):
    """Central differences of loss_of() with respect to every number of `array`."""
    result = np.empty_like(array)
    for at in np.ndindex(array.shape):
        original = array[at]
        array[at] = original + STEP
        above = loss_of()
        array[at] = original - STEP
        below = loss_of()
        array[at] = original
        result[at] = (above - below) / (2 * STEP)
    return result


def relative_error(found, expected):
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12)


@pytest.mark.parametrize("loss_name", ["logistic", "squared"])
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("fields", [1, 2, 5])
def test_every_gradient(batch_of, fields, dropout, loss_name):
    network, loss = network_of(), LOSSES[loss_name]
    batch = batch_of(6, fields, FEATURES, seed=fields)
    kept = np.random.default_rng(0).integers(0, 2, (3, 6)) * 2.0 if dropout else None

    def loss_of():
        return afm_network.gradient(network, loss, batch, kept).loss

    found = afm_network.gradient(network, loss, batch, kept)
    records = np.zeros_like(network.records)
    np.add.at(records, batch.indices.T, found.records.transpose(1, 2, 0))
    assert relative_error(records, differences(network.records, loss_of)) <= 1e-6
    for array, slope in zip(network.dense(), found.dense(), strict=True):
        assert relative_error(slope, differences(array, loss_of)) <= 1e-6


def test_groups_change_nothing(batch_of, monkeypatch):
    network, loss = network_of(), LOSSES["logistic"]
    batch = batch_of(70, 5, FEATURES)
    kept = np.random.default_rng(0).integers(0, 2, (3, 70)) * 2.0
    whole = afm_network.gradient(network, loss, batch, kept)
    outputs = network.outputs(batch.indices, batch.values)
    monkeypatch.setattr(afm_network, "MAX_GROUP_ROWS", 32)
    split = afm_network.gradient(network, loss, batch, kept)
    np.testing.assert_allclose(split.records, whole.records, rtol=1e-10)
    for one, other in zip(split.dense(), whole.dense(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)
    np.testing.assert_allclose(network.outputs(batch.indices, batch.values), outputs, rtol=1e-12)


def test_attention_is_a_mean_of_pairs_when_its_output_is_zero(batch_of):
    network = network_of()
    network.attention.output[...] = 0
    batch = batch_of(8, 4, FEATURES)
    embedded = network.records[:, :-1][batch.indices] * batch.values[..., None]
    pairs = [embedded[:, i] * embedded[:, j] for i in range(4) for j in range(i + 1, 4)]
    linear = (network.records[:, -1][batch.indices] * batch.values).sum(axis=1)
    expected = np.mean(pairs, axis=0) @ network.attention.projection + linear + network.bias
    np.testing.assert_allclose(network.outputs(batch.indices, batch.values), expected)
