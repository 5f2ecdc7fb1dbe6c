"""A first look at a source: what its columns hold, and a schema to start from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core import limits
from confide.core.errors import SchemaMismatch, UnreadableSource
from confide.core.features import Kind
from confide.data.arrow import Array
from confide.data.arrow import compute as pc
from confide.data.prepare.cells import parse_number
from confide.data.prepare.dates import look_like_dates
from confide.data.readers import Source, open_source
from confide.data.schema import (
    DateColumn,
    DatePart,
    IdColumn,
    IdType,
    LabelColumn,
    LabelType,
    ReaderOptions,
    Schema,
)

FloatArray = npt.NDArray[np.float64]

NULL_SPELLINGS = ("NA", "N/A", "NaN", "nan", "null", "NULL", "None", "\\N")
"""Looked for among the cells of otherwise numeric columns."""

_SHOWN_CHARACTERS = 40
_FEW_UNREADABLE = 0.01
"""A column is still numeric with this share of cells that are no number."""
_LABEL_NAMES = ("click", "clicked", "label", "target", "is_click", "conversion", "converted", "y")
_ID_NAMES = ("id", "row_id", "uid", "user_id", "impression_id", "request_id")
_MOSTLY_DISTINCT = 0.95
_FEW_VALUES = 32
"""Whole numbers with at most so many different values are rather codes than quantities."""


class ColumnSummary(msgspec.Struct, frozen=True):
    """One column, as far as the sample shows."""

    name: str
    kind: Kind
    distinct: int
    missing: int
    unreadable: int
    """In a numeric column: cells that are no number; `prepare` puts their rows aside."""
    minimum: float | str | None
    maximum: float | str | None
    integers: bool
    """Whether every value present is a whole number of 64 bits, written without leading zeros."""
    dates: bool = False
    """Whether it holds points in time (RFC 3339, or of a typed file)."""


class Inspection(msgspec.Struct, frozen=True):
    """The sample's size, its columns, and the schema that they suggest."""

    sampled_rows: int
    whole: bool
    """Whether the sample is all of the source."""
    columns: tuple[ColumnSummary, ...]
    schema: Schema | None
    """None where no column can be the id, or none is left for a feature."""


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    summary: ColumnSummary
    nulls: tuple[str, ...]


def inspect(source: Path, options: ReaderOptions | None = None) -> Inspection:
    """Look at the first INSPECT_ROWS rows.

    Raises UnreadableSource.
    """
    chosen = options or ReaderOptions()
    opened = open_source(source, chosen)
    names = [name for name in opened.names if 0 < len(name) <= limits.MAX_NAME_LENGTH]
    table, whole, text = _sample(opened, names)
    if not table.num_rows:
        raise UnreadableSource(f"{source}: no rows")
    names = [name for name in names if not pa.types.is_nested(table.schema.field(name).type)]
    looks = [_look(name, table.column(name).combine_chunks(), text=text) for name in names]
    nulls = dict.fromkeys((*chosen.nulls, *(mark for look in looks for mark in look.nulls)))
    summaries = tuple(look.summary for look in looks)
    reader = msgspec.structs.replace(chosen, nulls=tuple(nulls))
    return Inspection(table.num_rows, whole, summaries, _suggest(summaries, table.num_rows, reader))


def _sample(source: Source, names: Sequence[str]) -> tuple[pa.Table, bool, bool]:
    """(the first rows, whether these are all, whether the source is written as text)."""
    batches: list[pa.RecordBatch] = []
    rows = size = 0
    for chunk in source.chunks(names):
        batches.append(chunk.batch)
        rows += chunk.batch.num_rows
        size += chunk.batch.nbytes
        if rows > limits.INSPECT_ROWS or size > limits.INSPECT_BYTES:
            return pa.Table.from_batches(batches).slice(0, limits.INSPECT_ROWS), False, chunk.text
    if not batches:
        raise UnreadableSource("the source has no rows")
    return pa.Table.from_batches(batches), True, chunk.text


def _look(name: str, column: Array, *, text: bool) -> _Look:
    nulls = _null_spellings(column) if text else ()
    numbers, unreadable = _numbers(column, nulls)
    distinct = 0 if pa.types.is_null(column.type) else int(pc.count_distinct(column).as_py())
    present = numbers[~np.isnan(numbers)]
    if not present.size or unreadable > _FEW_UNREADABLE * present.size:
        dates = look_like_dates(_without(column, nulls) if nulls else column, _FEW_UNREADABLE)
        absent, shown = column.null_count, _bounds(column)
        return _Look(
            ColumnSummary(name, Kind.CATEGORICAL, distinct, absent, 0, *shown, False, dates),
            nulls if dates else (),
        )
    integers = not unreadable and (_are_integers(column, nulls) if text else pa.types.is_integer(column.type))
    codes = integers and (distinct <= _FEW_VALUES or name.lower().endswith("id"))
    kind = Kind.CATEGORICAL if codes else Kind.NUMERIC
    missing = int(len(column) - present.size - unreadable)
    bounds = float(present.min()), float(present.max())
    return _Look(ColumnSummary(name, kind, distinct, missing, unreadable, *bounds, integers), nulls)


def _null_spellings(column: Array) -> tuple[str, ...]:
    marks = pa.array([mark.encode() for mark in NULL_SPELLINGS])
    found = pc.unique(pc.filter(column, pc.is_in(column, value_set=marks))).to_pylist()
    return tuple(sorted(cell.decode() for cell in found))


def _without(column: Array, nulls: Sequence[str]) -> Any:
    marks = pa.array([mark.encode() for mark in nulls], pa.binary())
    return pc.if_else(pc.is_in(column, value_set=marks), None, column)


def _numbers(column: Array, nulls: Sequence[str]) -> tuple[FloatArray, int]:
    """(the cells as numbers, NaN where missing or unreadable; how many are unreadable)."""
    try:
        parsed = parse_number(_without(column, nulls) if nulls else column)
    except SchemaMismatch:
        return np.full(len(column), np.nan), 0
    faults = np.zeros(len(column), np.bool_)
    for _, mask in parsed.faults:
        faults |= mask
    return np.where(faults, np.nan, parsed.values.to_numpy()), int(faults.sum())


def _are_integers(column: Array, nulls: Sequence[str]) -> bool:
    cells = _without(column, nulls).cast(pa.string())
    shaped = pc.match_substring_regex(cells, r"^(0|-?[1-9][0-9]{0,17})$")
    return bool(pc.all(shaped.drop_null()).as_py())


def _bounds(column: Array) -> tuple[str | None, str | None]:
    try:
        bounds = pc.min_max(column).as_py()
    except pa.ArrowNotImplementedError:
        return None, None
    return _shown(bounds["min"]), _shown(bounds["max"])


def _shown(value: object) -> str | None:
    if value is None:
        return None
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text[:_SHOWN_CHARACTERS]


def _suggest(columns: Sequence[ColumnSummary], rows: int, reader: ReaderOptions) -> Schema | None:
    candidates = [c for c in columns if c.distinct >= _MOSTLY_DISTINCT * rows]
    if not candidates:
        return None
    chosen = min(candidates, key=_id_rank)
    others = [c for c in columns if c is not chosen]
    label = next((c for c in others if c.name.lower() in _LABEL_NAMES and _is_binary(c)), None)
    rest = [c for c in others if c is not label]
    if not rest:
        return None
    return Schema(
        id=IdColumn(chosen.name, IdType.INTEGER if chosen.integers else IdType.STRING),
        label=None if label is None else LabelColumn(label.name, LabelType.BINARY),
        columns={c.name: c.kind for c in rest if not c.dates},
        dates={c.name: DateColumn(parts=(DatePart.WEEKDAY, DatePart.HOUR)) for c in rest if c.dates},
        reader=reader,
    )


def _id_rank(column: ColumnSummary) -> tuple[bool, bool, bool]:
    """Smallest first: a usual name, a name that ends in "id", whole numbers."""
    name = column.name.lower()
    return name not in _ID_NAMES, not name.endswith("id"), not column.integers


def _is_binary(column: ColumnSummary) -> bool:
    return column.missing + column.unreadable == 0 and (column.minimum, column.maximum) in {
        (0.0, 1.0),
        (0.0, 0.0),
        (1.0, 1.0),
    }
