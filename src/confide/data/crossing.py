"""Crossed columns: one category for each combination of categories that stand in one row."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core.errors import SchemaMismatch
from confide.core.features import CROSSED, Cross
from confide.data.blocks import MISSING_CATEGORY
from confide.data.category_hash import hash_texts
from confide.data.columns import Columns, Field, Values
from confide.data.filling import slices

Codes = npt.NDArray[np.uint64]
_CODE_BYTES: Final = 8
_SLICE_ROWS: Final = 65_536


def cross_codes(columns: Sequence[Codes]) -> Codes:
    """(rows,) XXH3-64 (seed 0) of the codes, each as 8 little-endian bytes; missing where one of them is."""
    found = np.empty(len(columns[0]), np.uint64)
    for rows in slices(len(found), _SLICE_ROWS):
        found[rows] = _crossed(np.stack([column[rows] for column in columns], axis=1).astype("<u8"))
    return found


def _crossed(codes: Codes) -> Codes:
    rows, count = codes.shape
    offsets = np.arange(rows + 1, dtype=np.int64) * (_CODE_BYTES * count)
    cells = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), rows, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(codes.tobytes())]
    )
    found = hash_texts(cells)
    found[found == MISSING_CATEGORY] = MISSING_CATEGORY + 1
    found[(codes == MISSING_CATEGORY).any(axis=1)] = MISSING_CATEGORY
    return found


def fields_of_crosses(crosses: Sequence[Cross]) -> list[Field]:
    """As they stand in a model, behind the columns of the parties."""
    return [(CROSSED, cross.feature) for cross in crosses]


class WithCrosses(Mapping[tuple[str, str], Values]):
    """Columns, and crosses of them, which are made when they are taken; none is kept."""

    def __init__(self, columns: Columns, crosses: Sequence[Cross]) -> None:
        self._columns = columns
        self._crosses = {(CROSSED, cross.name): cross.of for cross in crosses}

    def __getitem__(self, field: tuple[str, str]) -> Values:
        """Raises SchemaMismatch for a cross of what is no category."""
        if field not in self._crosses:
            return self._columns[field]
        columns = [self._columns[crossed] for crossed in self._crosses[field]]
        if any(column.dtype != np.uint64 for column in columns):
            raise SchemaMismatch(f"{field[1]!r} crosses a column that is not categorical")
        return cross_codes([column.astype(np.uint64, copy=False) for column in columns])

    def __contains__(self, field: object) -> bool:
        of = self._crosses.get(field)  # type: ignore[call-overload]
        return field in self._columns if of is None else all(crossed in self._columns for crossed in of)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield from self._columns
        yield from self._crosses

    def __len__(self) -> int:
        return len(self._columns) + len(self._crosses)
