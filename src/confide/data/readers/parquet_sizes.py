"""How many rows of a Parquet file fit into memory at a time: a small file may expand to very much.

One entry of a dictionary may be of any length and stand in every row, and pages may be compressed
without bound (Apache Parquet, "Encodings", PLAIN_DICTIONARY and RLE_DICTIONARY). So the sizes that the
file tells are looked at, and the dictionaries themselves, before rows are read.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from confide.core import limits
from confide.data.arrow import compute as pc

_SMALL_BYTES = limits.READ_BATCH_BYTES // limits.BLOCK_ROWS
"""A dictionary of no more than this can do no harm."""


def rows_at_a_time(path: Path, metadata: pq.FileMetaData, columns: Sequence[str]) -> int:
    """BLOCK_ROWS, or fewer where so many of these columns could outgrow READ_BATCH_BYTES; at least 1.

    Raises pyarrow.ArrowException, OSError.
    """
    widest = max(
        (_row_bytes(metadata.row_group(at), columns) for at in range(metadata.num_row_groups)), default=1
    )
    suspects = {at: names for at, names in _suspects(metadata, columns) if names}
    if suspects:
        names = sorted({name for found in suspects.values() for name in found})
        with pq.ParquetFile(path, read_dictionary=names) as file:
            widest = max(widest, *(_longest(file, at, found) for at, found in suspects.items()))
    return max(1, min(limits.BLOCK_ROWS, limits.READ_BATCH_BYTES // max(1, widest)))


def _chunks(group: pq.RowGroupMetaData, columns: Sequence[str]) -> Iterator[pq.ColumnChunkMetaData]:
    for at in range(group.num_columns):
        chunk = group.column(at)
        if chunk.path_in_schema in columns:
            yield chunk


def _row_bytes(group: pq.RowGroupMetaData, columns: Sequence[str]) -> int:
    """Of one row on average, as the pages tell."""
    told = sum(max(0, chunk.total_uncompressed_size) for chunk in _chunks(group, columns))
    return told // max(1, group.num_rows)


def _suspects(metadata: pq.FileMetaData, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    for at in range(metadata.num_row_groups):
        yield (
            at,
            [
                chunk.path_in_schema
                for chunk in _chunks(metadata.row_group(at), columns)
                if chunk.physical_type == "BYTE_ARRAY"
                and chunk.has_dictionary_page
                and chunk.total_uncompressed_size > _SMALL_BYTES
            ],
        )


def _longest(file: pq.ParquetFile, group: int, names: Sequence[str]) -> int:
    """The longest entries of the columns' dictionaries, together: the worst that one row can be."""
    batch = next(file.iter_batches(1, row_groups=[group], columns=list(names)), None)
    if batch is None:
        return 0
    columns: list[Any] = [column for column in batch.columns if pa.types.is_dictionary(column.type)]
    dictionaries = [column.dictionary for column in columns]
    return sum(pc.max(pc.binary_length(entries)).as_py() or 0 for entries in dictionaries)
