"""Algorithm parameters: plain JSON values in, a checked struct out, ranges as in the JSON Schema."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from confide.core.errors import ParameterInvalid

P = TypeVar("P", bound=msgspec.Struct)

Epochs = Annotated[int, msgspec.Meta(ge=1, le=1_000, description="passes over the training rows")]
BatchSize = Annotated[int, msgspec.Meta(ge=1, le=65_536, description="rows per update")]
EmbeddingSize = Annotated[int, msgspec.Meta(ge=1, le=256, description="K, numbers per feature")]
EmbeddingDeviation = Annotated[
    float, msgspec.Meta(gt=0, le=10, description="of the embeddings' normal start values")
]
LearningRate = Annotated[float, msgspec.Meta(gt=0, le=100, description="Adagrad's learning rate")]
AccumulatorStart = Annotated[
    float, msgspec.Meta(gt=0, le=1_000, description="where Adagrad's sums of squares start")
]
Loss = Literal["logistic", "squared"]
Patience = Annotated[
    int,
    msgspec.Meta(
        ge=0, le=1_000, description="stop after so many epochs without a better held-out loss; 0: never"
    ),
]
Seed = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1, description="of start values, shuffling, dropout")]
Precision = Literal["float32", "float64"]

ENGINE_SOURCES = (
    "engine/__init__.py",
    "engine/embeddings.py",
    "engine/learner.py",
    "engine/library.py",
    "engine/memory.py",
    "engine/native/embeddings.c",
    "engine/native/group.h",
    "engine/native/kernel.c",
    "engine/native/kernel.h",
    "engine/native/path_amx.c",
    "engine/native/path_avx2.c",
    "engine/native/path_avx512.c",
    "engine/native/path_avx512_bf16.c",
    "engine/native/path_portable.c",
    "engine/native/products_bf16.h",
    "engine/native/products_float.h",
    "engine/native/rowwise.h",
    "engine/native/scratch.h",
    "engine/native/tiles.h",
    "engine/native/trees.c",
    "engine/native/update.h",
    "engine/native/usual.h",
    "engine/native/vectors.h",
    "engine/network.py",
    "engine/trees.py",
)
"""The compiled core, as source: what was compiled from it is measured with the enclave's image."""

COMMON_SOURCES = (
    "adagrad.py",
    "base.py",
    "checkpoint.py",
    "losses.py",
    "metrics.py",
    "network_estimator.py",
    "network_learner.py",
    "parameters.py",
    "shards.py",
    "start.py",
    "training.py",
    "warm_start.py",
    *ENGINE_SOURCES,
)
"""The files of this package that every algorithm leans on."""


def checked(parameters: Mapping[str, Any], expected: type[P]) -> P:
    """Parameters as `expected`, with its defaults for those not given.

    Raises:
        ParameterInvalid: unknown name, wrong type, or out of range; the text names the field.
    """
    for name, value in parameters.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ParameterInvalid(f"parameter {name!r}: not a finite number")
    try:
        return msgspec.convert(dict(parameters), type=expected, strict=True)
    except msgspec.ValidationError as cause:
        raise ParameterInvalid(f"parameters ($): {cause}") from None


def schema(expected: type[msgspec.Struct]) -> dict[str, Any]:
    """JSON Schema (2020-12) of a parameter struct, without references."""
    _, components = msgspec.json.schema_components([expected], ref_template="#/$defs/{name}")
    return dict(components[expected.__name__])
