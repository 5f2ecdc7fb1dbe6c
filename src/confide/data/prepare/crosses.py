"""Crossed columns: one category for each combination of categories that stand in one row at one owner."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from confide.data.blocks import MISSING_CATEGORY
from confide.data.category_hash import hash_texts
from confide.data.prepare.cells import Parsed
from confide.data.schema import Schema

_CODE_BYTES: Final = 8


def places(schema: Schema) -> tuple[tuple[int, ...], ...]:
    """For each cross: where its columns stand among those that are stored before the crosses."""
    before = 1 if schema.label is None else 2
    at = {name: before + number for number, name in enumerate(schema.columns)}
    return tuple(tuple(at[name] for name in names) for names in schema.crosses.values())


def with_crosses(columns: list[Parsed], crosses: Sequence[tuple[int, ...]]) -> list[Parsed]:
    """`columns`, and behind them one for each cross. Faults are told of the columns, not again of a cross."""
    return [*columns, *(_crossed([columns[at] for at in cross]) for cross in crosses)]


def _crossed(columns: list[Parsed]) -> Parsed:
    """XXH3-64 (seed 0) of the codes, each as 8 little-endian bytes; missing where one of them is."""
    codes = np.stack([column.values.to_numpy() for column in columns], axis=1).astype("<u8")
    rows, count = codes.shape
    offsets = np.arange(rows + 1, dtype=np.int64) * (_CODE_BYTES * count)
    cells = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), rows, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(codes.tobytes())]
    )
    found = hash_texts(cells)
    found[found == MISSING_CATEGORY] = MISSING_CATEGORY + 1
    found[(codes == MISSING_CATEGORY).any(axis=1)] = MISSING_CATEGORY
    return Parsed(pa.array(found))
