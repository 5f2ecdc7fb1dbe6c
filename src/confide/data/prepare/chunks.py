"""One chunk of a source, parsed: its usable rows as a block stores them, and the rows put aside."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from confide.core.errors import SchemaMismatch
from confide.core.features import Kind
from confide.data.blocks import arrow_schema
from confide.data.manifest import Column, Reason
from confide.data.prepare.cells import (
    Parsed,
    Parser,
    parse_category,
    parse_label,
    parse_number,
)
from confide.data.prepare.composite import id_parsers, with_one_id
from confide.data.prepare.crosses import places, with_crosses
from confide.data.prepare.dates import parse_part
from confide.data.readers import SourceChunk
from confide.data.readers.base import RowNumbers
from confide.data.schema import Schema


@dataclass(frozen=True, slots=True, eq=False)
class ParsedChunk:
    """What became of a chunk: its usable rows, and the rows put aside, for one reason each."""

    rows: int
    batch: pa.RecordBatch
    numbers: RowNumbers
    put_aside: list[tuple[RowNumbers, Reason, str | None]]

    def after(self, rows: int) -> "ParsedChunk":
        """The same, standing behind `rows` others in the source."""
        aside = [(numbers + rows, reason, column) for numbers, reason, column in self.put_aside]
        return replace(self, numbers=self.numbers + rows, put_aside=aside)


def parse_chunk(chunk: SourceChunk, schema: Schema, stored: pa.Schema) -> ParsedChunk:
    """Runs in several threads: touches nothing but the chunk. Raises SchemaMismatch naming a column."""
    columns = []
    for name, parser in parsers(schema):
        try:
            columns.append(parser(chunk.batch.column(name)))
        except SchemaMismatch as cause:
            raise SchemaMismatch(f"column {name!r}: {cause.message}") from None
    columns = with_crosses(with_one_id(columns, schema), places(schema))
    return put_together(columns, chunk.numbers, chunk.malformed, stored)


def put_together(
    columns: list[Parsed], numbers: RowNumbers, malformed: RowNumbers, stored: pa.Schema
) -> ParsedChunk:
    """`columns` in the order of `stored`. A row at fault more than once is put aside for the first fault."""
    good = np.ones(numbers.size, np.bool_)
    put_aside: list[tuple[RowNumbers, Reason, str | None]] = [(malformed, Reason.WRONG_WIDTH, None)]
    for name, parsed in zip(stored.names, columns, strict=True):
        for reason, mask in parsed.faults:
            put_aside.append((numbers[good & mask], reason, name))
            good &= ~mask
    rows = numbers.size + malformed.size
    batch = pa.RecordBatch.from_arrays([parsed.values for parsed in columns], schema=stored)
    if not good.all():
        batch, numbers = batch.filter(pa.array(good)), numbers[good]
    return ParsedChunk(rows, batch, numbers, put_aside)


def parsers(schema: Schema) -> Iterator[tuple[str, Parser]]:
    """(column of the source, its parser): of the id, and each column to be stored but crosses, in order."""
    yield from id_parsers(schema)
    if schema.label is not None:
        yield schema.label.name, parse_label(schema.label.type)
    for name, kind in schema.columns.items():
        yield name, parse_category if kind is Kind.CATEGORICAL else parse_number
    for name, date in schema.dates.items():
        for part in date.parts:
            yield name, parse_part(date, part)


def columns_of(schema: Schema) -> tuple[Column, ...]:
    """As the manifest lists them."""
    return tuple(Column(name, kind) for name, kind in schema.stored.items())


def stored_schema(schema: Schema) -> pa.Schema:
    """The Arrow schema of the blocks that this schema leads to."""
    return arrow_schema(schema.id, schema.label, columns_of(schema))
