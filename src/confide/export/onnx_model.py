"""A model file as an ONNX model: inputs are the columns, the output is the prediction."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from confide.algorithms.base import Floats
from confide.algorithms.model import Model
from confide.core import limits
from confide.core.errors import LimitExceeded, ModelNotUsable
from confide.export import networks, trees
from confide.export.encoding import Encoded, encode, inputs_of
from confide.export.graph import Graph

Body = Callable[[Graph, Encoded, Mapping[str, Floats]], str]

BODIES: Final[dict[str, Body]] = {
    "afm": networks.afm,
    "deepfm": networks.deepfm,
    "fm": networks.fm,
    "gbdt": trees.gbdt,
    "linear": networks.linear,
    "mlp": networks.mlp,
}
"""By algorithm; one that is missing can't be exported."""


def onnx_bytes(model: Model, sha384: str) -> bytes:
    """The ONNX model; its metadata names the model file by its SHA-384, and says what the inputs are.

    Raises:
        ModelNotUsable: there is no graph for the model's algorithm.
        LimitExceeded: ONNX files hold 2 GiB at most.
    """
    algorithm = model.file.algorithm
    body = BODIES.get(algorithm.name)
    if body is None:
        raise ModelNotUsable(f"there is no ONNX graph for {algorithm.name}")
    size = sum(array.nbytes for array in model.file.arrays.values())
    if size > limits.MAX_ONNX_BYTES:
        raise LimitExceeded(f"{size} bytes of arrays; MAX_ONNX_BYTES is {limits.MAX_ONNX_BYTES}")
    graph = Graph()
    encoded = encode(graph, model.encoder)
    output = body(graph, encoded, model.file.arrays)
    if algorithm.parameters["loss"] == "logistic":
        output = graph.add("Sigmoid", output)
    metadata = {
        "confide.model": sha384,
        "confide.algorithm": algorithm.name,
        "confide.task": model.file.task,
        "confide.inputs": msgspec.json.encode(inputs_of(model.encoder)).decode(),
    }
    data: bytes = graph.model(output, algorithm.name, metadata).SerializeToString()
    return data
