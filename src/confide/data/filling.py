"""Filling the encoded arrays: some fields at a time, then slices of rows that stay in a core's cache.

Each column is taken once, and let go when its group of fields is done: beside the result there are never
more than GROUP_FIELDS columns in memory, and one more per thread that is just being put in order.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from confide.core.errors import SchemaMismatch
from confide.data.columns import Columns, Values
from confide.data.numbers import BucketField, NumericField
from confide.data.ordered_pool import map_in_order
from confide.data.vocabulary import ExactField, HashedField

Mapping = HashedField | ExactField | NumericField | BucketField
MappingOf = Callable[[int, Values], Mapping]
Filler = Callable[[Any, npt.NDArray[np.int32], npt.NDArray[np.float32]], None]
"""(some values, where their indices go, where their values go; these hold 0 and 1)."""
Filled = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]

GROUP_FIELDS: Final = 4
_SLICE_ROWS: Final = 8192
_TASK_ROWS: Final = 32 * _SLICE_ROWS
"""What one thread takes on at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    """One field, ready to be encoded."""

    at: int
    mapping: Mapping
    values: Values
    fill: Filler


def fill(
    columns: Columns, names: Sequence[tuple[str, str]], mapping_of: MappingOf
) -> tuple[list[Mapping], *Filled]:
    """(mappings, (rows, fields) indices within each field, (rows, fields) values).

    `mapping_of(at, values)` gives the mapping of field `at`; it is called once per field, from several
    threads. Raises SchemaMismatch when columns differ in length or are of another kind than their mapping.
    """
    mappings: list[Mapping] = []
    result: Filled | None = None
    for start in range(0, len(names), GROUP_FIELDS):
        group = range(start, min(start + GROUP_FIELDS, len(names)))
        loaded = list(map_in_order(lambda at: _load(at, names[at], columns, mapping_of), group))
        result = result or blank(len(loaded[0].values), len(names))
        if any(len(field.values) != len(result[0]) for field in loaded):
            raise SchemaMismatch("the columns differ in length")
        _fill_group(loaded, *result)
        mappings += [field.mapping for field in loaded]
        del loaded  # before the next group is taken
    indices, values = result or blank(0, 0)
    return mappings, indices, values


def blank(rows: int, fields: int) -> Filled:
    """What fillers fill: all indices 0, all values 1."""
    return np.zeros((rows, fields), np.int32), np.ones((rows, fields), np.float32)


def slices(rows: int, size: int = _SLICE_ROWS) -> Iterator[slice]:
    """All rows, in order, `size` at a time."""
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def _load(at: int, name: tuple[str, str], columns: Columns, mapping_of: MappingOf) -> _Loaded:
    values = columns[name]
    mapping = mapping_of(at, values)
    check_kind(*name, mapping, values)
    return _Loaded(at, mapping, values, filler(mapping))


def check_kind(party: str, column: str, mapping: Mapping, values: Values) -> None:
    """Raises SchemaMismatch unless these are values that the mapping is for."""
    stored = np.uint64 if isinstance(mapping, HashedField | ExactField) else np.float64
    if values.dtype != stored:
        raise SchemaMismatch(f"{party}'s column {column!r} is of another kind than in training")


def _fill_group(
    group: list[_Loaded], indices: npt.NDArray[np.int32], values: npt.NDArray[np.float32]
) -> None:
    def work(rows: slice) -> None:
        for part in slices(rows.stop - rows.start):
            chosen = slice(rows.start + part.start, rows.start + part.stop)
            for field in group:
                field.fill(field.values[chosen], indices[chosen, field.at], values[chosen, field.at])

    for _ in map_in_order(work, slices(len(indices), _TASK_ROWS)):
        pass


def filler(mapping: Mapping) -> Filler:
    """How the values of one field become indices within it and numbers."""
    if isinstance(mapping, NumericField):

        def fill_numbers(
            numbers: Any, indices: npt.NDArray[np.int32], values: npt.NDArray[np.float32]
        ) -> None:
            values[:] = mapping.values(numbers)
            found = mapping.indices(numbers)
            if found is not None:
                indices[:] = found

        return fill_numbers
    look = mapping.lookup if isinstance(mapping, BucketField) else mapping.reader()

    def fill_categories(found: Any, indices: npt.NDArray[np.int32], values: npt.NDArray[np.float32]) -> None:
        indices[:], absent = look(found)
        if absent is not None and absent.any():
            values[absent] = 0.0

    return fill_categories
