"""Join by id: an exact sort-merge join of several tables, in whatever order each has its rows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core import limits
from confide.core.errors import AlignmentFailed
from confide.data.alignment.keys import IntArray, Keys, with_exact_keys
from confide.data.arrow import ChunkedArray
from confide.data.ordered_pool import map_in_order

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RowCounts:
    """What became of one party's rows. Every row is in exactly one of the last three."""

    sent: int
    joined: int
    unmatched: int
    quarantined: int
    """Rows that repeat an id seen before in the same party's data."""

    def __post_init__(self) -> None:
        if self.sent != self.joined + self.unmatched + self.quarantined:
            raise ValueError("rows are not accounted for")


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Row i of the joined table is row `rows[party][i]` of each party's own table."""

    rows: dict[str, IntArray]
    counts: dict[str, RowCounts]

    @property
    def size(self) -> int:
        """Joined rows, as far as they are still wanted."""
        return len(next(iter(self.rows.values())))


def join(tables: Mapping[str, pa.Table], id_names: Mapping[str, str]) -> Alignment:
    """Align the tables on equal ids; the joined rows stand in the first party's order.

    Of rows with the same id within one party, the first counts and the others are quarantined.
    Raises AlignmentFailed when the id types differ or no id is common to all.
    """
    if not 2 <= len(tables) <= limits.MAX_PARTICIPANTS:  # noqa: PLR2004 - a join has two sides
        raise AlignmentFailed(f"a join takes 2 to {limits.MAX_PARTICIPANTS} parties")
    ids = {party: table.column(id_names[party]) for party, table in tables.items()}
    _check_types(ids)
    return with_exact_keys(ids, _align)


def first_occurrences(ids: ChunkedArray) -> BoolArray:
    """Which rows hold an id that no row before them holds."""
    first = np.zeros(len(ids), np.bool_)
    first[with_exact_keys({"": ids}, lambda keys: _unique(keys[""])).rows] = True
    return first


def _align(keys: Mapping[str, Keys]) -> Alignment:
    first, *others = keys
    unique = dict(zip(keys, map_in_order(_unique, keys.values()), strict=True))
    joined = unique[first].keys
    matched = np.ones(joined.size, np.bool_)
    places = {}
    for party in others:
        places[party] = _places(unique[party].keys, joined)
        matched &= _equal_at(unique[party].keys, places[party], joined)
    if not matched.any():
        raise AlignmentFailed("no id is common to all parties")
    rows = {first: unique[first].rows[matched]}
    rows |= {party: unique[party].rows[place[matched]] for party, place in places.items()}
    for party in others:
        keys[first].check_same(rows[first], keys[party], rows[party])
    order = np.argsort(rows[first])
    counts = {party: _counts(keys[party].values.size, unique[party].rows.size, order.size) for party in keys}
    return Alignment({party: found[order] for party, found in rows.items()}, counts)


@dataclass(frozen=True, slots=True, eq=False)
class _Unique:
    keys: IntArray
    """Ascending, each once."""
    rows: IntArray
    """The first row that holds each."""


def _unique(keys: Keys) -> _Unique:
    order = np.argsort(keys.values)
    ordered = keys.values[order]
    new = np.ones(ordered.size, np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(new)
    if starts.size == ordered.size:
        return _Unique(ordered, order)
    run = np.cumsum(new) - 1
    keys.check_same(order[~new], keys, order[starts][run[~new]])
    # The order among equal keys is arbitrary: of each run, the smallest row is the first.
    return _Unique(ordered[starts], np.minimum.reduceat(order, starts))


def _places(keys: IntArray, wanted: IntArray) -> IntArray:
    """Where each of `wanted` would stand among `keys`; both are ascending."""
    if keys.size and wanted.size == keys.size and (keys == wanted).all():
        return np.arange(keys.size)  # the common case, ids that match exactly
    return np.searchsorted(keys, wanted)


def _equal_at(keys: IntArray, places: IntArray, wanted: IntArray) -> BoolArray:
    if not keys.size:
        return np.zeros(wanted.size, np.bool_)
    return np.asarray(keys[np.minimum(places, keys.size - 1)] == wanted)


def _check_types(ids: Mapping[str, ChunkedArray]) -> None:
    types = {party: str(column.type) for party, column in ids.items()}
    if len(set(types.values())) > 1:
        shown = ", ".join(f"{party}: {name}" for party, name in types.items())
        raise AlignmentFailed(f"the id types differ ({shown})")


def _counts(sent: int, unique: int, joined: int) -> RowCounts:
    return RowCounts(sent, joined, unmatched=unique - joined, quarantined=sent - unique)
