"""Bringing single columns of the parties' data into the joined order, as NumPy arrays."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core.errors import DataError, SchemaMismatch
from confide.core.features import Feature, Kind
from confide.data.arrow import ChunkedArray

Field = tuple[str, Feature]
"""Whose column, and which."""
Values = npt.NDArray[np.uint64] | npt.NDArray[np.float64]
Columns = Mapping[tuple[str, str], Values]
"""(party, column name) -> one value per joined row."""
Rows = npt.NDArray[np.int64]


class Source(Protocol):
    """One party's data: pyarrow.Table, or block_columns.BlockColumns."""

    @property
    def schema(self) -> pa.Schema:
        """Names and types of all columns."""
        ...

    def column(self, name: str) -> ChunkedArray:
        """All rows of one column."""
        ...


class JoinedColumns(Columns):
    """Columns that are taken from their sources when they are asked for, each time anew; none is kept."""

    def __init__(
        self, sources: Mapping[str, Source], rows: Mapping[str, Rows], fields: Sequence[Field]
    ) -> None:
        """`rows[party]` gives the joined order.

        Raises SchemaMismatch (with `blame`) when a party lacks a column or stores it as another kind.
        """
        for party, feature in fields:
            _check_kind(sources[party].schema, party, feature)
        self._sources, self._rows = sources, rows
        self._fields = [(party, feature.name) for party, feature in fields]

    def __getitem__(self, field: tuple[str, str]) -> Values:
        """Raises DatasetCorrupt (with `blame`) when it can't be read."""
        if field not in self._fields:
            raise KeyError(field)
        party, name = field
        try:
            return take_column(self._sources[party], name, self._rows[party])
        except DataError as cause:
            cause.blame = cause.blame or party
            raise

    def __contains__(self, field: object) -> bool:
        return field in self._fields

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def take_column(source: Source, name: str, rows: Rows) -> Values:
    """The column's values at `rows`, in that order. Raises SchemaMismatch, DatasetCorrupt."""
    if name not in source.schema.names:
        raise SchemaMismatch(f"there is no column {name!r}")
    return np.ascontiguousarray(source.column(name).to_numpy()[rows])


def take_columns(sources: Mapping[str, Source], rows: Mapping[str, Rows], fields: Sequence[Field]) -> Columns:
    """All columns that `fields` name, in the joined order (`rows` of an Alignment).

    Raises SchemaMismatch (with `blame`) when a party lacks a column or stores it as another kind.
    """
    return dict(JoinedColumns(sources, rows, fields))


def _check_kind(schema: pa.Schema, party: str, feature: Feature) -> None:
    stored = pa.uint64() if feature.kind is Kind.CATEGORICAL else pa.float64()
    if feature.name not in schema.names:
        raise SchemaMismatch(f"{party} has no column {feature.name!r}", blame=party)
    if schema.field(feature.name).type != stored:
        raise SchemaMismatch(f"{party}'s column {feature.name!r} is not {feature.kind.value}", blame=party)
