"""From indices and values to raw outputs: gradient-boosted trees, in ONNX."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import TensorProto

from confide.algorithms.base import Floats
from confide.algorithms.gbdt_numbers import NumberMap
from confide.algorithms.gbdt_trees import Trees
from confide.export.encoding import Encoded
from confide.export.graph import ML, Graph


def gbdt(graph: Graph, encoded: Encoded, arrays: Mapping[str, Floats]) -> str:
    """(rows,): the sum over the trees. Thresholds are float32 in the model too: no row takes another way."""
    numbers = NumberMap.from_arrays(arrays)
    trees = Trees.from_arrays(arrays, numbers.width)
    told = _numbers(graph, encoded, numbers)
    outputs = graph.add("TreeEnsembleRegressor", told, domain=ML, **_attributes(trees))
    return graph.add("Reshape", outputs, graph.constant([-1], np.int64))


def _numbers(graph: Graph, encoded: Encoded, numbers: NumberMap) -> str:
    """(rows, width), as NumberMap.numbers."""
    zero = graph.constant(0, np.float32)
    unknown = graph.add("Equal", encoded.values, zero)
    means = graph.add("Gather", graph.constant(numbers.means, np.float32), encoded.indices)
    categories = graph.add("Where", unknown, graph.constant(numbers.mean, np.float32), means)
    numeric = graph.constant(numbers.numeric, np.bool_)
    found = graph.add("Where", numeric, encoded.values, categories)
    few = np.flatnonzero(numbers.few >= 0)
    if not few.size:
        return found
    chosen = graph.constant(few, np.int64)
    first = graph.constant(numbers.few[few] - 1, np.int64)
    places = graph.add("Sub", graph.add("Gather", encoded.indices, chosen, axis=1), first)
    known = graph.add("Gather", unknown, chosen, axis=1)
    places = graph.add("Where", known, zero, graph.cast(places, TensorProto.FLOAT))
    return graph.add("Concat", found, places, axis=1)


def _attributes(trees: Trees) -> dict[str, Any]:
    """Of TreeEnsembleRegressor: all nodes of all trees in parallel lists."""
    columns = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
    nodes: dict[str, list[Any]] = {name: [] for name in columns}
    targets: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for tree, root in enumerate(trees.roots.tolist()):
        _walk(trees, tree, root, nodes, targets)
    return {
        "n_targets": 1,
        **{f"nodes_{name}": values for name, values in nodes.items()},
        **{f"target_{name}": values for name, values in targets.items()},
    }


def _walk(
    trees: Trees, tree: int, root: int, nodes: dict[str, list[Any]], targets: dict[str, list[Any]]
) -> None:
    """The nodes of one tree, its root first."""
    waiting = [root]
    for number, node in enumerate(waiting):
        leaf = node < 0
        entry: tuple[Any, ...] = (0, 0.0, "LEAF", 0, 0)
        if leaf:
            for name, value in zip(targets, (tree, number, 0, float(trees.values[-1 - node])), strict=True):
                targets[name].append(value)
        else:
            following = len(waiting)
            waiting += [int(trees.left[node]), int(trees.right[node])]
            threshold = float(trees.thresholds[node])
            entry = (int(trees.fields[node]), threshold, "BRANCH_LEQ", following, following + 1)
        for name, value in zip(nodes, (tree, number, *entry), strict=True):
            nodes[name].append(value)
