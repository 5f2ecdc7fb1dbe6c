"""From indices and values to raw outputs: the linear model, FM, AFM and the deep ones, in ONNX."""

from collections.abc import Mapping

import numpy as np

from confide.algorithms.base import Floats
from confide.export.encoding import Encoded
from confide.export.graph import Graph

Arrays = Mapping[str, Floats]


def linear(graph: Graph, encoded: Encoded, arrays: Arrays) -> str:
    """(rows,): bias and weights."""
    weights = graph.add("Gather", graph.constant(arrays["linear"], np.float32), encoded.indices)
    total = graph.sum(graph.add("Mul", weights, encoded.values), 1)
    return graph.add("Add", total, graph.constant(arrays["bias"], np.float32))


def fm(graph: Graph, encoded: Encoded, arrays: Arrays) -> str:
    """(rows,): with the sum over pairs of inner products."""
    pairs = _inner_products(graph, _embedded(graph, encoded, arrays))
    return graph.add("Add", linear(graph, encoded, arrays), pairs)


def afm(graph: Graph, encoded: Encoded, arrays: Arrays) -> str:
    """(rows,): with the attention over pairs. As afm_attention.py, pair by pair along the second axis."""
    output = linear(graph, encoded, arrays)
    fields = encoded.fields
    if fields < 2:  # noqa: PLR2004 - one field has no pair
        return output
    embedded = _embedded(graph, encoded, arrays)
    left, right = (graph.constant(at, np.int64) for at in np.triu_indices(fields, 1))
    products = graph.add(
        "Mul", graph.add("Gather", embedded, left, axis=1), graph.add("Gather", embedded, right, axis=1)
    )
    units = graph.add("MatMul", products, graph.constant(arrays["attention.weight"].T, np.float32))
    units = graph.add("Relu", graph.add("Add", units, graph.constant(arrays["attention.bias"], np.float32)))
    scores = graph.add("MatMul", units, graph.constant(arrays["attention.output"], np.float32))
    gains = graph.add("MatMul", products, graph.constant(arrays["projection"], np.float32))
    pooled = graph.sum(graph.add("Mul", graph.add("Softmax", scores, axis=1), gains), 1)
    return graph.add("Add", output, pooled)


def mlp(graph: Graph, encoded: Encoded, arrays: Arrays) -> str:
    """(rows,): hidden layers over the embeddings side by side."""
    hidden = _layers(graph, _embedded(graph, encoded, arrays), arrays)
    return graph.add("Add", hidden, graph.constant(arrays["bias"], np.float32))


def deepfm(graph: Graph, encoded: Encoded, arrays: Arrays) -> str:
    """(rows,): FM and hidden layers over the same embeddings."""
    return graph.add(
        "Add",
        fm(graph, encoded, arrays),
        _layers(graph, _embedded(graph, encoded, arrays), arrays),
    )


def _embedded(graph: Graph, encoded: Encoded, arrays: Arrays) -> str:
    """(rows, F, K): embeddings times values."""
    rows = graph.add("Gather", graph.constant(arrays["embeddings"], np.float32), encoded.indices)
    return graph.add("Mul", rows, graph.add("Unsqueeze", encoded.values, graph.constant([2], np.int64)))


def _inner_products(graph: Graph, embedded: str) -> str:
    """(Σe)² - Σe², halved, summed over K."""
    total = graph.sum(embedded, 1)
    squares = graph.sum(graph.add("Mul", embedded, embedded), 1)
    difference = graph.add("Sub", graph.add("Mul", total, total), squares)
    return graph.add("Mul", graph.sum(difference, 1), graph.constant(0.5, np.float32))


def _layers(graph: Graph, embedded: str, arrays: Arrays) -> str:
    width = arrays["layer0.weight"].shape[1]
    hidden = graph.add("Reshape", embedded, graph.constant([-1, width], np.int64))
    number = 0
    while f"layer{number}.weight" in arrays:
        weight = graph.constant(arrays[f"layer{number}.weight"].T, np.float32)
        hidden = graph.add("MatMul", hidden, weight)
        hidden = graph.add("Add", hidden, graph.constant(arrays[f"layer{number}.bias"], np.float32))
        hidden, number = graph.add("Relu", hidden), number + 1
    return graph.add("MatMul", hidden, graph.constant(arrays["output"], np.float32))
