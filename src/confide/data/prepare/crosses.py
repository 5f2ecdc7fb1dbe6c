"""Crossed columns: one category for each combination of categories that stand in one row at one owner."""

from collections.abc import Sequence

import pyarrow as pa

from confide.data.crossing import cross_codes
from confide.data.prepare.cells import Parsed
from confide.data.schema import Schema


def places(schema: Schema) -> tuple[tuple[int, ...], ...]:
    """For each cross: where its columns stand among those that are stored before the crosses."""
    before = 1 if schema.label is None else 2
    at = {name: before + number for number, name in enumerate(schema.columns)}
    return tuple(tuple(at[name] for name in names) for names in schema.crosses.values())


def with_crosses(columns: list[Parsed], crosses: Sequence[tuple[int, ...]]) -> list[Parsed]:
    """`columns`, and behind them one for each cross. Faults are told of the columns, not again of a cross."""
    return [*columns, *(_crossed([columns[at] for at in cross]) for cross in crosses)]


def _crossed(columns: list[Parsed]) -> Parsed:
    return Parsed(pa.array(cross_codes([column.values.to_numpy() for column in columns])))
