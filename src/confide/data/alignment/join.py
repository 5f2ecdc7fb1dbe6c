"""Join by id: an exact hash join of two or more parties' tables, in whatever order each sent its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core import limits
from confide.core.errors import AlignmentFailed
from confide.data.arrow import ChunkedArray
from confide.data.arrow import compute as pc

IntArray = npt.NDArray[np.int64]
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
        """Joined rows."""
        return next(iter(self.counts.values())).joined


def join(tables: Mapping[str, pa.Table], id_names: Mapping[str, str]) -> Alignment:
    """Align the tables on equal ids; the joined rows stand in the first party's order.

    Of rows with the same id within one party, the first counts and the others are quarantined.
    Raises AlignmentFailed when the id types differ or no id is common to all.
    """
    if not 2 <= len(tables) <= limits.MAX_PARTICIPANTS:  # noqa: PLR2004 - a join has two sides
        raise AlignmentFailed(f"a join takes 2 to {limits.MAX_PARTICIPANTS} parties")
    ids = {party: table.column(id_names[party]) for party, table in tables.items()}
    _check_types(ids)
    first, *others = ids
    kept = first_occurrences(ids[first])
    matched = kept.copy()
    positions: dict[str, IntArray] = {}
    for party in others:
        positions[party] = _positions(ids[first], ids[party])
        matched &= positions[party] >= 0
    rows = {first: np.flatnonzero(matched).astype(np.int64)}
    rows |= {party: found[matched] for party, found in positions.items()}
    if not rows[first].size:
        raise AlignmentFailed("no id is common to all parties")
    unique = {first: int(kept.sum())} | {party: _distinct(ids[party]) for party in others}
    return Alignment(rows, {party: _counts(ids[party], unique[party], rows[first].size) for party in ids})


def _check_types(ids: Mapping[str, ChunkedArray]) -> None:
    types = {party: str(column.type) for party, column in ids.items()}
    if len(set(types.values())) > 1:
        shown = ", ".join(f"{party}: {name}" for party, name in types.items())
        raise AlignmentFailed(f"the id types differ ({shown})")


def first_occurrences(ids: ChunkedArray) -> BoolArray:
    """Which rows hold an id that no row before them holds."""
    if not len(ids):
        return np.zeros(0, np.bool_)
    # Dictionary codes are given in order of appearance: a row is a first one when its code is a new maximum.
    encoded: Any = ids.dictionary_encode()
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])
    highest = np.maximum.accumulate(codes)
    first = np.ones(codes.size, dtype=np.bool_)
    first[1:] = codes[1:] > highest[:-1]
    return first


def _positions(ids: ChunkedArray, among: ChunkedArray) -> IntArray:
    """For each id, the first row that holds it in `among`, or -1."""
    found = pc.index_in(ids, value_set=among).fill_null(-1)
    return np.asarray(found.to_numpy(), dtype=np.int64)


def _distinct(ids: ChunkedArray) -> int:
    return int(pc.count_distinct(ids, mode="all").as_py())


def _counts(ids: ChunkedArray, unique: int, joined: int) -> RowCounts:
    return RowCounts(len(ids), joined, unmatched=unique - joined, quarantined=len(ids) - unique)
