"""Parquet files, read by row groups; columns keep the file's own types, but for text: that is bytes."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from confide.core.errors import UnreadableSource
from confide.data.readers.base import SourceChunk, check_columns
from confide.data.readers.parquet_sizes import rows_at_a_time

_READER_ERRORS = (pa.ArrowException, OSError, UnicodeDecodeError)
"""The last for a column whose name is not UTF-8."""
_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}


class ParquetSource:
    """One Parquet file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with pq.ParquetFile(path) as file:
                self._names = tuple(file.schema_arrow.names)
        except _READER_ERRORS as cause:
            raise UnreadableSource(f"{path}: {cause}") from None

    @property
    def names(self) -> tuple[str, ...]:
        return self._names

    def chunks(self, columns: Sequence[str]) -> Iterator[SourceChunk]:
        check_columns(self._names, columns)
        nothing = np.empty(0, np.int64)
        seen = 0
        try:
            with pq.ParquetFile(self._path) as file:
                rows = rows_at_a_time(self._path, columns)
                for batch in file.iter_batches(rows, columns=list(columns)):
                    numbers = np.arange(seen + 1, seen + batch.num_rows + 1, dtype=np.int64)
                    seen += batch.num_rows
                    # iter_batches gives the file's order of columns, not the one asked for.
                    yield SourceChunk(_plain(batch.select(list(columns))), numbers, nothing, text=False)
        except _READER_ERRORS as cause:
            raise UnreadableSource(f"{self._path}: {cause}") from None


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Dictionaries become what they stand for; text becomes bytes, as nobody has checked that it is UTF-8."""
    for place, column in enumerate(batch.columns):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        plain = _BYTES.get(kind, kind)
        if plain != column.type:
            batch = batch.set_column(place, batch.schema.names[place], column.cast(kind).cast(plain))
    return batch
