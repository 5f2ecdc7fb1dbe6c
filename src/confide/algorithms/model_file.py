"""A model in one file: safetensors (arrays) whose metadata holds JSON (what the numbers mean). Never code.

    u64 little-endian length N | N bytes of JSON header, padded with spaces | array bytes

`write` is the only spelling: safetensors' own writer orders metadata at random, so the header is written
here (keys sorted, arrays by name) and `read` refuses any other. Any safetensors reader opens the file.
The enclave's signature is not inside: it is over the SHA-384 of all these bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import safetensors
from msgspec import UNSET, UnsetType

from confide.algorithms.base import Floats
from confide.core import canonical, limits
from confide.core.errors import ModelFileInvalid

FORMAT = "confide-model/1"
METADATA = "__metadata__"
LENGTH_BYTES = 8
ALIGNMENT = 8
DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}


class AlgorithmOfModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What trained the model; `parameters` are complete, defaults included."""

    name: str
    version: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The contents of a model file."""

    algorithm: AlgorithmOfModel
    encoding: Mapping[str, Any]
    """data.encoding.FeatureEncoder's document."""
    task: str
    """Name of the training task."""
    train_block: str
    """The signed TrainBlock, canonical JSON, opaque here."""
    metrics: Mapping[str, Any]
    arrays: Mapping[str, Floats] = field(repr=False)
    reference: Sequence[Any] = ()
    """data.statistics.drift.Reference documents: what the rows of predictions are compared with."""


class _Metadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Strings only, as safetensors wants; each but `format`, `task` and `train_block` holds JSON.

    `reference` is there where the training's task released it.
    """

    algorithm: str
    encoding: str
    format: str
    metrics: str
    reference: str | UnsetType = UNSET
    task: str
    train_block: str


class _Array(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def write(model: ModelFile) -> bytes:
    """The one encoding of `model`.

    Raises:
        ValueError: what JSON or the format can't hold (a NaN metric, an integer array, a header too long).
    """
    ordered = {name: _plain(model.arrays[name]) for name in sorted(model.arrays)}
    header = _header(model, ordered)
    if METADATA in ordered:
        raise ValueError(f"an array may not be named {METADATA}")
    if len(header) > limits.MAX_MODEL_HEADER_BYTES or len(ordered) > limits.MAX_MODEL_ARRAYS:
        raise ValueError("the model's header or its number of arrays is over its limit")
    length = len(header).to_bytes(LENGTH_BYTES, "little")
    return b"".join((length, header, *(array.tobytes() for array in ordered.values())))


def read(data: bytes) -> ModelFile:
    """The model in `data`, which may come from anywhere.

    Raises:
        ModelFileInvalid: for every input that `write` would not have produced.
    """
    header = _header_bytes(data)
    try:
        model = _parse(data, header)
        again = _header(model, dict(model.arrays))
    except ModelFileInvalid:
        raise
    except (msgspec.MsgspecError, safetensors.SafetensorError, ValueError, RecursionError) as cause:
        raise ModelFileInvalid(f"not a model file: {cause}") from None
    if again != header:
        raise ModelFileInvalid("a model file, but not in its one canonical form")
    return model


def _header_bytes(data: bytes) -> bytes:
    length = int.from_bytes(data[:LENGTH_BYTES], "little")
    if len(data) < LENGTH_BYTES or length > limits.MAX_MODEL_HEADER_BYTES:
        raise ModelFileInvalid("no header, or one longer than MAX_MODEL_HEADER_BYTES")
    header = data[LENGTH_BYTES : LENGTH_BYTES + length]
    if len(header) != length:
        raise ModelFileInvalid("the header is cut short")
    return header


def _parse(data: bytes, header: bytes) -> ModelFile:
    entries = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
    metadata = msgspec.json.decode(entries.pop(METADATA, b"null"), type=_Metadata)
    if metadata.format != FORMAT:
        raise ModelFileInvalid(f"format {metadata.format[:40]!r}; this reads {FORMAT}")
    if len(entries) > limits.MAX_MODEL_ARRAYS:
        raise ModelFileInvalid("more arrays than MAX_MODEL_ARRAYS")
    return ModelFile(
        algorithm=canonical.decode(metadata.algorithm.encode(), AlgorithmOfModel),
        encoding=canonical.decode_plain(metadata.encoding.encode()),
        task=metadata.task,
        train_block=metadata.train_block,
        metrics=canonical.decode_plain(metadata.metrics.encode()),
        arrays=_arrays(data),
        reference=_reference(metadata.reference),
    )


def _reference(text: str | UnsetType) -> Sequence[Any]:
    if not isinstance(text, str):
        return ()
    found = canonical.decode(text.encode(), list[Any])
    if not found:
        raise ModelFileInvalid("an empty reference is left out")
    return found


def _arrays(data: bytes) -> dict[str, Floats]:
    """By name, sorted, read-only. The safetensors library checks that offsets, shapes and bytes agree."""
    arrays: dict[str, Floats] = {}
    found_arrays: list[tuple[str, dict[str, Any]]] = safetensors.deserialize(data)  # type: ignore[no-untyped-call]
    for name, found in sorted(found_arrays, key=lambda entry: entry[0]):
        dtype = DTYPES.get(found["dtype"])
        if dtype is None:
            raise ModelFileInvalid(f"array {name!r} is neither F32 nor F64")
        array = np.frombuffer(found["data"], dtype=dtype).reshape(found["shape"])
        array.flags.writeable = False
        arrays[name] = array
    return arrays


def _plain(array: Floats) -> Floats:
    for dtype in DTYPES.values():
        if array.dtype == dtype:
            return np.asarray(array, dtype=dtype, order="C")
    raise ValueError(f"an array is {array.dtype}; a model file holds float32 and float64")


def _header(model: ModelFile, ordered: Mapping[str, Floats]) -> bytes:
    metadata = _Metadata(
        algorithm=canonical.encode(model.algorithm).decode(),
        encoding=canonical.encode(model.encoding).decode(),
        format=FORMAT,
        metrics=canonical.encode(model.metrics).decode(),
        reference=canonical.encode(list(model.reference)).decode() if model.reference else UNSET,
        task=model.task,
        train_block=model.train_block,
    )
    entries: dict[str, Any] = {METADATA: metadata}
    start = 0
    for name, array in ordered.items():
        stop = start + array.nbytes
        code = next(code for code, dtype in DTYPES.items() if dtype == array.dtype)
        entries[name] = _Array(dtype=code, shape=array.shape, data_offsets=(start, stop))
        start = stop
    text = msgspec.json.encode(entries)
    return text + b" " * (-len(text) % ALIGNMENT)
