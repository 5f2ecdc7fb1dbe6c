"""The recorded AFM numbers, made by an independent implementation, are the product's."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from confide.algorithms import registry
from confide.algorithms.afm_network import Network, gradient
from confide.algorithms.base import Batch, check_encoded
from confide.algorithms.losses import LOSSES
from confide.core.errors import SchemaMismatch

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((ROOT / "vectors" / "afm.json").read_text())


def by_name(case):
    return case["name"]


def weights_of(case):
    return {name: np.array(numbers) for name, numbers in case["weights"].items()}


def parameters_of(case):
    units, size = weights_of(case)["attention.weight"].shape
    return {
        "embedding_size": size,
        "attention_size": units,
        "loss": case["loss"],
        "precision": "float64",
    }


@pytest.mark.parametrize("case", DOCUMENT["vectors"], ids=by_name)
def test_predictions(case):
    estimator = registry.restore("afm", parameters_of(case), weights_of(case))
    told = estimator.predict(np.array(case["indices"]), np.array(case["values"]))
    np.testing.assert_allclose(told, case["predictions"], rtol=1e-6)


@pytest.mark.parametrize("case", DOCUMENT["vectors"], ids=by_name)
def test_loss_and_gradient(case):
    weights = weights_of(case)
    units, size = weights["attention.weight"].shape
    network = Network.from_arrays(
        weights, embedding_size=size, attention_size=units, dtype=np.dtype(np.float64)
    )
    batch = Batch(*(np.array(case[name]) for name in ("indices", "values", "labels")))
    kept = np.array(case["kept"]).T if "kept" in case else None
    found = gradient(network, LOSSES[case["loss"]], batch, kept)
    records = np.zeros_like(network.records)
    np.add.at(records, batch.indices.T, found.records.transpose(1, 2, 0))
    expected = {name: np.array(numbers) for name, numbers in case["gradient"].items()}
    assert found.loss == pytest.approx(case["total_loss"], rel=1e-11)
    for name, numbers in {
        "bias": found.bias,
        "embeddings": records[:, :-1],
        "linear": records[:, -1],
        "attention.weight": found.attention.weight,
        "attention.bias": found.attention.bias,
        "attention.output": found.attention.output,
        "projection": found.attention.projection,
    }.items():
        np.testing.assert_allclose(numbers, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("case", DOCUMENT["refused"], ids=by_name)
def test_refused(case):
    indices = np.array(case["indices"], dtype=np.int64)
    values = np.array([[float(value) for value in row] for row in case["values"]])
    with pytest.raises(SchemaMismatch):
        check_encoded(indices, values, fields=None, feature_count=case["features"])


def test_the_generator_still_makes_them():
    made = runpy.run_path(str(ROOT / "scripts" / "make_vectors_afm.py"))["document"]()
    assert json.loads(made) == DOCUMENT
