"""The ONNX model scores as ours to 1e-5, under a runtime that shares no code with us."""

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from fakes.mixed_model import columns_of, mixed_model, odd_columns

from confide.algorithms import registry
from confide.core import limits
from confide.core.errors import LimitExceeded, ModelNotUsable
from confide.export import onnx_model
from confide.export.onnx_model import BODIES, onnx_bytes

DIGEST = "ab" * 48


def run(data, columns):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    given = {
        f"{party}.{name}": values.view(np.int64) if values.dtype == np.uint64 else values
        for (party, name), values in columns.items()
    }
    assert {entry.name for entry in session.get_inputs()} == set(given)
    return session.run(["prediction"], given)[0]


def together(*parts):
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def test_every_algorithm_has_a_graph():
    assert sorted(BODIES) == sorted(registry.ALGORITHMS)


@pytest.mark.parametrize("name", sorted(registry.ALGORITHMS))
@pytest.mark.parametrize(
    ("scheme", "minimum_count", "loss"),
    [
        ("exact", 1, "logistic"),
        ("exact", 45, "squared"),
        ("exact", 10_000, "logistic"),
        ("hashed", 1, "logistic"),
    ],
)
def test_scores_are_ours(name, scheme, minimum_count, loss):
    model = mixed_model(name, scheme=scheme, minimum_count=minimum_count, loss=loss)
    # Numbers are clipped to ±1e6: in float32, a sum of their squares has no digit left that means something.
    columns = together(columns_of(500, seed=3), odd_columns(huge=loss == "logistic"))
    ours, theirs = model.predict(columns), run(onnx_bytes(model, DIGEST), columns)
    assert theirs.dtype == np.float32
    assert ours.std() > 0.01
    np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5)


def test_no_rows_and_one_row():
    model = mixed_model("afm")
    data = onnx_bytes(model, DIGEST)
    for rows in (0, 1):
        columns = {key: values[:rows] for key, values in columns_of(4).items()}
        np.testing.assert_allclose(run(data, columns), model.predict(columns), atol=1e-5)


def test_the_metadata_says_what_the_inputs_are():
    parsed = onnx.load_from_string(onnx_bytes(mixed_model("fm"), DIGEST))
    told = {entry.key: entry.value for entry in parsed.metadata_props}
    assert told["confide.model"] == DIGEST
    inputs = json.loads(told["confide.inputs"])
    assert inputs["a.city"]["type"] == "int64"
    assert inputs["b.log"] == {
        "party": "b",
        "column": "log",
        "type": "float64",
        "meaning": "a number; NaN: missing",
    }


def test_what_has_no_graph_or_is_too_large_says_so(monkeypatch):
    model = mixed_model("linear")
    monkeypatch.setattr(limits, "MAX_ONNX_BYTES", 8)
    with pytest.raises(LimitExceeded, match="MAX_ONNX_BYTES"):
        onnx_bytes(model, DIGEST)
    monkeypatch.delitem(onnx_model.BODIES, "linear")
    with pytest.raises(ModelNotUsable, match="no ONNX graph for linear"):
        onnx_bytes(replace(model), DIGEST)
