"""Whole numbers that are equal exactly where ids are: what the join looks up and compares.

Integer ids are their own keys. Texts are known by their XXH3-64, which is quick, but not exact: wherever two
rows are taken to have the same id, their texts are compared, and if they differ (by bad luck, or because
somebody made them so), everything is done again with the codes of an exact dictionary.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.data.arrow import ChunkedArray
from confide.data.arrow import compute as pc
from confide.data.category_hash import hash_texts
from confide.data.ordered_pool import map_in_order

IntArray = npt.NDArray[np.int64]
R = TypeVar("R")
_SLICE_ROWS: Final = 262_144


class _Collision(Exception):
    """Two different texts have the same hash."""


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """One party's."""

    values: IntArray
    texts: ChunkedArray | None = None
    """Where the values are only hashes: of what, in one piece."""

    def check_same(self, rows: IntArray, other: "Keys", other_rows: IntArray) -> None:
        """Hold the texts of rows with equal keys against each other, pair by pair."""
        if self.texts is None or other.texts is None:
            return
        left, right = self.texts, other.texts

        def same(start: int) -> bool:
            piece = slice(start, start + _SLICE_ROWS)
            equal = pc.equal(left.take(rows[piece]), right.take(other_rows[piece]))
            return bool(pc.all(equal).as_py())

        if not all(map_in_order(same, range(0, rows.size, _SLICE_ROWS))):
            raise _Collision


def with_exact_keys(ids: Mapping[str, ChunkedArray], work: Callable[[Mapping[str, Keys]], R]) -> R:
    """What `work` makes of the keys of columns that have all the same type: integers or texts."""
    if all(pa.types.is_integer(column.type) for column in ids.values()):
        return work({party: Keys(column.to_numpy()) for party, column in ids.items()})
    try:
        return work(dict(zip(ids, map_in_order(_hashed, ids.values()), strict=True)))
    except _Collision:
        return work(_coded(ids))


def _hashed(column: ChunkedArray) -> Keys:
    hashes = [np.empty(0, np.uint64), *(hash_texts(chunk) for chunk in column.chunks)]
    # Offsets of 64 bits: all texts together may be longer than 2 GiB.
    texts: Any = column.cast(pa.large_string()).combine_chunks()
    return Keys(np.concatenate(hashes).view(np.int64), texts)


def _coded(ids: Mapping[str, ChunkedArray]) -> dict[str, Keys]:
    """By one dictionary over all parties: the same text has the same code everywhere."""
    texts = [chunk for column in ids.values() for chunk in column.chunks]
    together: Any = pa.chunked_array(texts, pa.string()).cast(pa.large_string())
    chunks = together.dictionary_encode().chunks
    codes = np.concatenate([np.empty(0, np.int64), *(chunk.indices.to_numpy() for chunk in chunks)])
    ends = np.cumsum([len(column) for column in ids.values()])
    parts = np.split(codes.astype(np.int64), ends[:-1])
    return {party: Keys(part) for party, part in zip(ids, parts, strict=True)}
