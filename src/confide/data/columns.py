"""Bringing single columns of the parties' tables into the joined order, as NumPy arrays."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core.errors import SchemaMismatch
from confide.core.features import Feature, Kind

Field = tuple[str, Feature]
"""Whose column, and which."""
Values = npt.NDArray[np.uint64] | npt.NDArray[np.float64]
Columns = Mapping[tuple[str, str], Values]
"""(party, column name) -> one value per joined row."""


def take_column(table: pa.Table, name: str, rows: npt.NDArray[np.int64]) -> Values:
    """The column's values at `rows`, in that order. Raises SchemaMismatch."""
    if name not in table.column_names:
        raise SchemaMismatch(f"there is no column {name!r}")
    return np.ascontiguousarray(table.column(name).to_numpy()[rows])


def take_columns(
    tables: Mapping[str, pa.Table], rows: Mapping[str, npt.NDArray[np.int64]], fields: Sequence[Field]
) -> dict[tuple[str, str], Values]:
    """All columns that `fields` name, in the joined order (`rows` of an Alignment).

    Raises SchemaMismatch (with `blame`) when a party's table lacks a column or stores it as another kind.
    """
    taken = {}
    for party, feature in fields:
        table = tables[party]
        _check_kind(table, party, feature)
        taken[party, feature.name] = take_column(table, feature.name, rows[party])
    return taken


def _check_kind(table: pa.Table, party: str, feature: Feature) -> None:
    stored = pa.uint64() if feature.kind is Kind.CATEGORICAL else pa.float64()
    if feature.name not in table.column_names:
        raise SchemaMismatch(f"{party} has no column {feature.name!r}", blame=party)
    if table.schema.field(feature.name).type != stored:
        raise SchemaMismatch(f"{party}'s column {feature.name!r} is not {feature.kind.value}", blame=party)
