"""The explicit list of algorithms. There is no discovery: what is not written here cannot be trained."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from confide.algorithms.afm import Afm
from confide.algorithms.base import Estimator, Floats
from confide.algorithms.deepfm import DeepFm
from confide.algorithms.fm import Fm
from confide.algorithms.gbdt import Gbdt
from confide.algorithms.linear import Linear
from confide.algorithms.mlp import Mlp
from confide.algorithms.parameters import checked, schema
from confide.core import digest
from confide.core.errors import AlgorithmNotListed

ALGORITHMS: dict[str, type[Estimator]] = {
    "afm": Afm,
    "deepfm": DeepFm,
    "fm": Fm,
    "gbdt": Gbdt,
    "linear": Linear,
    "mlp": Mlp,
}
"""A new algorithm is one file, and one line here (docs/how-to/add-an-algorithm.md)."""
SCHEMES = ("tee",)


class AlgorithmListing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of the list that the enclave sends."""

    name: str
    title: str
    version: str
    parameters: dict[str, Any]
    """JSON Schema (2020-12) with ranges, defaults and descriptions."""
    code_sha384: str
    starts_from_model: bool
    """Whether a training may start from an earlier model of the same algorithm."""
    schemes: tuple[str, ...] = SCHEMES


def listing() -> tuple[AlgorithmListing, ...]:
    """All algorithms, by name."""
    return tuple(
        AlgorithmListing(
            name=name,
            title=algorithm.title,
            version=algorithm.version,
            parameters=schema(algorithm.Parameters),
            code_sha384=code_digest(name),
            starts_from_model=algorithm.starts_from_model,
        )
        for name, algorithm in sorted(ALGORITHMS.items())
    )


def build(name: str, parameters: Mapping[str, Any]) -> Estimator:
    """A fresh estimator.

    Raises:
        AlgorithmNotListed: no such name.
        ParameterInvalid: an unknown parameter, a wrong type, or out of its range; names the field.
    """
    algorithm = _algorithm(name)
    return algorithm(checked(parameters, algorithm.Parameters))


def complete_parameters(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with all defaults filled in, plain JSON. Raises as `build` does."""
    complete: dict[str, Any] = msgspec.to_builtins(checked(parameters, _algorithm(name).Parameters))
    return complete


def learns_in_turn(name: str) -> bool:
    """Whether it can begin with the first rows while others are on their way. Raises AlgorithmNotListed."""
    return _algorithm(name).in_turn


def restore(name: str, parameters: Mapping[str, Any], arrays: Mapping[str, Floats]) -> Estimator:
    """A trained estimator from what a model file holds. Raises as `build` does, and ModelFileInvalid."""
    algorithm = _algorithm(name)
    return algorithm.from_arrays(checked(parameters, algorithm.Parameters), arrays)


@functools.cache
def code_digest(name: str) -> str:
    """SHA-384 over {file: SHA-384 of its bytes} of the algorithm's source files as installed."""
    here = Path(__file__).parent
    return digest.digest_of(
        {source: digest.sha384_hex((here / source).read_bytes()) for source in _algorithm(name).sources}
    )


def _algorithm(name: str) -> type[Estimator]:
    if name not in ALGORITHMS:
        raise AlgorithmNotListed(f"no algorithm {name!r}; listed are: {', '.join(sorted(ALGORITHMS))}")
    return ALGORITHMS[name]
