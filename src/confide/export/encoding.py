"""From columns to (rows, fields) indices and values, as data/encoding.py does it, in ONNX.

A categorical column comes in as its 64-bit category code (XXH3 of the text, 0 for missing), its bits as
int64; a numeric one as float64, NaN for missing. Hashing text is no ONNX operator: it stays outside.
"""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from confide.core import limits
from confide.core.features import CROSSED, Transform
from confide.data.encoding import FeatureEncoder
from confide.data.filling import Mapping
from confide.data.numbers import MAX_FITTED, BucketField, NumericField
from confide.data.vocabulary import MIX, ExactField, HashedField
from confide.export.graph import ML, Graph


@dataclass(frozen=True, slots=True)
class Encoded:
    """Names in the graph."""

    indices: str
    """(rows, F) int64."""
    values: str
    """(rows, F) float32."""
    fields: int


def encode(graph: Graph, encoder: FeatureEncoder) -> Encoded:
    """Every column of the model is an input of the graph, named PARTY.COLUMN."""
    indices, values = [], []
    for (party, column), mapping, _ in encoder.index_space:
        kind = TensorProto.INT64 if _is_categorical(mapping) else TensorProto.DOUBLE
        given = graph.input(_name(party, column), kind)
        index, value = _field(graph, given, mapping)
        indices.append(graph.column(index))
        values.append(graph.column(value))
    offsets = graph.constant([first for _, _, first in encoder.index_space], np.int64)
    together = graph.add("Add", graph.add("Concat", *indices, axis=1), offsets)
    return Encoded(together, graph.add("Concat", *values, axis=1), len(indices))


def inputs_of(encoder: FeatureEncoder) -> dict[str, dict[str, str]]:
    """Name of each input → party, column, type and what it means."""
    found: dict[str, dict[str, str]] = {}
    of = {cross.name: " and ".join(_name(*field) for field in cross.of) for cross in encoder.crosses}
    for (party, column), mapping, _ in encoder.index_space:
        kind, meaning = "float64", "a number; NaN: missing"
        if _is_categorical(mapping):
            kind, meaning = "int64", "XXH3-64 of the UTF-8 text, its bits as int64; 0: missing"
        if party == CROSSED:
            meaning = (
                f"XXH3-64 of the codes of {of[column]}, each as 8 little-endian bytes; 0: one is missing"
            )
        found[_name(party, column)] = {"party": party, "column": column, "type": kind, "meaning": meaning}
    return found


def _name(party: str, column: str) -> str:
    return f"{party}.{column}"


def _is_categorical(mapping: Mapping) -> bool:
    return isinstance(mapping, HashedField | ExactField)


def _field(graph: Graph, given: str, mapping: Mapping) -> tuple[str, str]:
    """(index within the field, value), each (rows,)."""
    match mapping:
        case HashedField():
            return _hashed(graph, given, mapping)
        case ExactField():
            return _exact(graph, given, mapping)
        case BucketField():
            return _bucket(graph, given, mapping)
        case NumericField():
            return _number(graph, given, mapping)


def _exact(graph: Graph, given: str, mapping: ExactField) -> tuple[str, str]:
    known = mapping.known.astype(np.uint64).view(np.int64)
    index = _zeros(graph, given)
    if known.size:
        places = np.arange(1, known.size + 1)
        index = graph.add(
            "LabelEncoder", given, domain=ML, keys_int64s=known, values_int64s=places, default_int64=0
        )
    # A training without rare rows has learned nothing for the unknown: it is left out.
    value = _ones(graph, given)
    if not mapping.rare:
        value = graph.cast(graph.add("Greater", index, graph.constant(0, np.int64)), TensorProto.FLOAT)
    return index, value


def _hashed(graph: Graph, given: str, mapping: HashedField) -> tuple[str, str]:
    """SplitMix64's finaliser; multiplication of int64 wraps as that of uint64 does."""
    code = graph.cast(given, TensorProto.UINT64)
    seed = graph.constant(int(mapping.seed, 16), np.uint64)
    code = graph.add("BitwiseXor", code, seed)
    for shift, factor in MIX:
        code = graph.add("BitwiseXor", code, _shifted(graph, code, shift))
        signed = graph.constant(np.uint64(factor).astype(np.int64), np.int64)
        product = graph.add("Mul", graph.cast(code, TensorProto.INT64), signed)
        code = graph.cast(product, TensorProto.UINT64)
    code = graph.add("BitwiseXor", code, _shifted(graph, code, 31))
    bucket = graph.cast(_shifted(graph, code, 64 - mapping.bits), TensorProto.INT64)
    one, zero = graph.constant(1, np.int64), graph.constant(0, np.int64)
    missing = graph.add("Equal", given, zero)
    index = graph.add("Where", missing, zero, graph.add("Add", bucket, one))
    return index, _ones(graph, given)


def _shifted(graph: Graph, code: str, bits: int) -> str:
    return graph.add("BitShift", code, graph.constant(bits, np.uint64), direction="RIGHT")


def _bucket(graph: Graph, given: str, mapping: BucketField) -> tuple[str, str]:
    boundaries = graph.constant(list(mapping.boundaries), np.float64)
    reached = graph.add("GreaterOrEqual", graph.column(given), boundaries)  # never by NaN
    index = graph.sum(graph.cast(reached, TensorProto.INT64), 1)
    missing = graph.add("IsNaN", given)
    if mapping.missing:
        index = graph.add("Where", missing, graph.constant(mapping.size - 1, np.int64), index)
        return index, _ones(graph, given)
    return index, graph.cast(graph.add("Not", missing), TensorProto.FLOAT)


def _number(graph: Graph, given: str, mapping: NumericField) -> tuple[str, str]:
    def double(value: float) -> str:
        return graph.constant(value, np.float64)

    result = given
    if mapping.transform is Transform.LOG1P:
        size = graph.add("Log", graph.add("Add", graph.add("Abs", given), double(1)))
        result = graph.add("Mul", graph.add("Sign", given), size)
    elif mapping.transform is Transform.POWER:
        size = graph.add("Pow", graph.add("Abs", given), double(mapping.exponent))
        result = graph.add("Mul", graph.add("Sign", given), size)
    elif mapping.transform is Transform.STANDARD:
        bounded = graph.add("Clip", given, double(-MAX_FITTED), double(MAX_FITTED))
        centred = graph.add("Sub", bounded, double(mapping.mean))
        result = graph.add("Div", centred, double(mapping.deviation))
    missing = graph.add("IsNaN", given)
    result = graph.add("Where", missing, double(1 if mapping.missing else 0), result)
    bound = limits.MAX_ENCODED_MAGNITUDE
    bounded = graph.add("Clip", result, double(-bound), double(bound))
    index = graph.cast(missing, TensorProto.INT64) if mapping.missing else _zeros(graph, given)
    return index, graph.cast(bounded, TensorProto.FLOAT)


def _zeros(graph: Graph, given: str) -> str:
    return graph.add("Expand", graph.constant(0, np.int64), graph.add("Shape", given))


def _ones(graph: Graph, given: str) -> str:
    return graph.add("Expand", graph.constant(1, np.float32), graph.add("Shape", given))
