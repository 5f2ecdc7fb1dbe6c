"""An id of several columns: one text, of which no two different rows of parts have the same.

Each part is written by its rule, then all of them one after another, each with the length of its UTF-8 in
bytes, in decimal, and a colon before it: `5:smith10:1970-01-02` (spec/protocol.md, "Ids of several parts").
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from confide.core import limits
from confide.data.alignment.normal_ids import by_rule
from confide.data.arrow import Array
from confide.data.arrow import compute as pc
from confide.data.manifest import Reason
from confide.data.prepare.cells import Parsed, Parser, parse_id
from confide.data.schema import IdRule, IdType, Schema


def id_parsers(schema: Schema) -> Iterator[tuple[str, Parser]]:
    """(column of the source, its parser), of the id."""
    if not schema.id.columns:
        yield schema.id.name, parse_id(schema.id.type)
    for name, rule in zip(schema.id.columns, schema.id.rules, strict=False):
        yield name, _parse_part(rule)


def with_one_id(columns: list[Parsed], schema: Schema) -> list[Parsed]:
    """`columns`, those of the id put together. A row is at fault where one of its parts is."""
    count = len(schema.id.columns)
    return [_together(columns[:count]), *columns[count:]] if count else columns


def composed(parts: Sequence[Array]) -> Array:
    """(rows,) of text. `parts`: (rows,) each, of text as its rule writes it."""
    pieces: list[Any] = []
    for part in parts:
        pieces += [pc.binary_length(part).cast(pa.string()), ":", part]
    found: Array = pc.binary_join_element_wise(*pieces, "")
    return found


def _parse_part(rule: IdRule) -> Parser:
    parse = parse_id(IdType.STRING)

    def parse_part(column: Array) -> Parsed:
        parsed = parse(column)
        written = by_rule(pa.chunked_array([parsed.values]), rule).combine_chunks()
        empty = pc.binary_length(written).to_numpy() == 0
        return Parsed(written, (*parsed.faults, (Reason.EMPTY_ID, empty)))

    return parse_part


def _together(parts: list[Parsed]) -> Parsed:
    whole = composed([part.values for part in parts])
    long = np.asarray(pc.binary_length(whole).to_numpy() > limits.MAX_ID_BYTES)
    faults = [fault for part in parts for fault in part.faults]
    return Parsed(whole, (*faults, (Reason.ID_TOO_LONG, long)))
