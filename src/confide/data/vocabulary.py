"""From a category's 64-bit code to an index: by hashing into buckets, or by the codes seen in training."""

import base64
import binascii
import hashlib
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from confide.core import limits
from confide.data.code_table import CodeTable

CodeArray = npt.NDArray[np.uint64]
Looked = tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_] | None]
"""(index of each value within its field, which values mean nothing; None: all mean something)."""

MISSING = 0
"""The code of a missing value (blocks.MISSING_CATEGORY)."""
UNKNOWN = 0
"""Index, within every categorical field, of what has no index of its own."""


MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
"""Shifts and factors of SplitMix64's finaliser."""


class Scheme(StrEnum):
    """How categories get their indices."""

    HASHED = "hashed"
    EXACT = "exact"


class Vocabulary(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters of the mapping, the same for all categorical fields of a task."""

    scheme: Scheme = Scheme.EXACT
    bits: Annotated[int, msgspec.Meta(ge=1, le=limits.MAX_HASH_BITS)] = 18
    """HASHED: 2^bits buckets per field."""
    minimum_count: Annotated[int, msgspec.Meta(ge=1, le=limits.MAX_MINIMUM_COUNT)] = 1
    """EXACT: a category seen in fewer training rows shares the index of the unknown ones."""

    @property
    def looks_at_rows(self) -> bool:
        """Whether the mapping of a categorical field depends on the training rows."""
        return self.scheme is Scheme.EXACT


class HashedField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="hashed", tag_field="scheme"):
    """2^bits buckets; a missing value has index 0 to itself."""

    bits: Annotated[int, msgspec.Meta(ge=1, le=limits.MAX_HASH_BITS)]
    seed: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]

    @property
    def size(self) -> int:
        """How many indices."""
        return (1 << self.bits) + 1

    def reader(self) -> Callable[[CodeArray], Looked]:
        """Tells indices; every code means something."""
        seed, shift = np.uint64(int(self.seed, 16)), np.uint64(64 - self.bits)

        def look(codes: CodeArray) -> Looked:
            indices = (_mix(codes ^ seed) >> shift).astype(np.int32)
            indices += 1
            indices[codes == MISSING] = UNKNOWN
            return indices, None

        return look


class ExactField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="exact", tag_field="scheme"):
    """The codes seen often enough in training, ascending, as little-endian uint64 in base64."""

    codes: str
    rare: bool
    """Whether training rows had the unknown index: only then does it stand for something learned."""

    def __post_init__(self) -> None:
        codes = self.known
        if codes.size and not (codes[1:] > codes[:-1]).all():
            raise ValueError("codes: must be strictly ascending")

    @property
    def size(self) -> int:
        """How many indices."""
        return int(self.known.size) + 1

    def reader(self) -> Callable[[CodeArray], Looked]:
        """Tells indices, and which mean nothing: those of unknown codes, if training had no such row."""
        table, rare = CodeTable(self.known), self.rare

        def look(codes: CodeArray) -> Looked:
            indices, found = table.find(codes)
            indices += 1
            absent = ~found
            indices[absent] = UNKNOWN
            return indices, None if rare else absent

        return look

    @property
    def known(self) -> CodeArray:
        """The codes, decoded: that of index 1 first."""
        try:
            data = base64.b64decode(self.codes, validate=True)
        except binascii.Error as cause:
            raise ValueError(f"codes: {cause}") from None
        if len(data) % 8 or base64.b64encode(data).decode() != self.codes:
            raise ValueError("codes: not base64 of 64-bit integers")
        return np.frombuffer(data, dtype="<u8").astype(np.uint64)


CategoricalField = HashedField | ExactField


def fit_field(vocabulary: Vocabulary, party: str, name: str, codes: CodeArray) -> CategoricalField:
    """The mapping of one field; `codes` are those of the training rows (only EXACT looks at them)."""
    if vocabulary.scheme is Scheme.HASHED:
        # Each field has its own seed: categories that collide in one field do not collide in all.
        seed = hashlib.sha384(f"confide/field\0{party}\0{name}".encode()).hexdigest()[:16]
        return HashedField(bits=vocabulary.bits, seed=seed)
    known, counts = np.unique(codes, return_counts=True)
    frequent = counts >= vocabulary.minimum_count
    kept = known[frequent].astype("<u8")
    return ExactField(codes=base64.b64encode(kept.tobytes()).decode(), rare=not bool(frequent.all()))


def _mix(codes: CodeArray) -> CodeArray:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014): every bit of the input reaches the upper bits.

    Works in place.
    """
    for shift, factor in MIX:
        codes ^= codes >> np.uint64(shift)
        codes *= np.uint64(factor)
    codes ^= codes >> np.uint64(31)
    return codes
