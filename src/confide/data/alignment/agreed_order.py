"""The agreed order: ascending by a hash of the id, then by the id. It follows from the set of ids alone.

So two parties with the same ids have the same order without a word about it, an enclave can hold each
party's rows against it by themselves, and rows stand as if shuffled: no block is all of one kind of people.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.data.arrow import Array
from confide.data.category_hash import hash_texts

Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


def keys_of(ids: Array) -> Keys:
    """(rows,): XXH3-64 of a text; for an integer the finaliser of SplitMix64 (Steele and others, 2014)."""
    if pa.types.is_integer(ids.type):
        return _mixed(ids.to_numpy().astype(np.int64).view(np.uint64))
    return hash_texts(ids)


def _mixed(values: Keys) -> Keys:
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), np.uint64)


def order_of(ids: Array) -> Places:
    """(rows,): which row stands first, second, … `ids` has each id once."""
    keys = keys_of(ids)
    order: Places = np.argsort(keys, kind="stable")
    ties = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    start = 0
    while start < ties.size:  # ids of the same hash: none by chance
        end = start
        while end + 1 < ties.size and ties[end + 1] == ties[end] + 1:
            end += 1
        run = slice(ties[start], ties[end] + 2)
        order[run] = sorted(order[run], key=lambda row: _plain(ids, row))
        start = end + 1
    return order


def first_out_of_order(ids: Array, keys: Keys | None = None) -> int | None:
    """The first row that does not stand after the one before it; None if all do."""
    keys = keys_of(ids) if keys is None else keys
    suspects = np.flatnonzero(keys[1:] <= keys[:-1])
    for row in suspects:
        tie = keys[row + 1] == keys[row]
        if not tie or _plain(ids, row + 1) <= _plain(ids, row):
            return int(row) + 1
    return None


def _plain(ids: Array, row: Any) -> Any:
    value = ids[int(row)].as_py()
    return value.encode() if isinstance(value, str) else value
