"""Join by id: an exact join of several tables, in whatever order each has its rows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core import limits
from confide.core.errors import AlignmentFailed
from confide.data.alignment.keys import IntArray, Keys, with_exact_keys
from confide.data.alignment.matching import NOWHERE, firsts, match
from confide.data.arrow import ChunkedArray

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
    found: BoolArray = with_exact_keys({"": ids}, lambda keys: _first(keys[""]))
    return found


def _align(keys: Mapping[str, Keys]) -> Alignment:
    first, *others = keys
    unique = {party: _first(side) for party, side in keys.items()}
    places, matched = {}, unique[first].copy()
    for party in others:
        places[party] = match(keys[first].values, keys[party].values)
        matched &= places[party] != NOWHERE
    if not matched.any():
        raise AlignmentFailed("no id is common to all parties")
    rows = {first: np.flatnonzero(matched)} | {party: found[matched] for party, found in places.items()}
    for party in others:
        keys[first].check_same(rows[first], keys[party], rows[party])
    size = rows[first].size
    counts = {party: _counts(ones.size, int(np.count_nonzero(ones)), size) for party, ones in unique.items()}
    return Alignment(rows, counts)


def _first(keys: Keys) -> BoolArray:
    """Which rows hold a key that no row before them holds."""
    found = firsts(keys.values)
    ones = found == np.arange(found.size)
    again = np.flatnonzero(~ones)
    keys.check_same(again, keys, found[again])
    return np.asarray(ones)


def _check_types(ids: Mapping[str, ChunkedArray]) -> None:
    types = {party: str(column.type) for party, column in ids.items()}
    if len(set(types.values())) > 1:
        shown = ", ".join(f"{party}: {name}" for party, name in types.items())
        raise AlignmentFailed(f"the id types differ ({shown})")


def _counts(sent: int, unique: int, joined: int) -> RowCounts:
    return RowCounts(sent, joined, unmatched=unique - joined, quarantined=sent - unique)
