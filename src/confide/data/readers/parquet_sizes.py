"""How many rows of a Parquet file fit into memory at a time: a small file may expand to very much.

One entry of a dictionary may be of any length and stand in every row, and pages may be compressed without
bound (Apache Parquet, "Encodings", PLAIN_DICTIONARY and RLE_DICTIONARY). So the dictionaries are looked at
before rows are read. What the file tells of its single columns is left alone: pyarrow ends the process where
that is damaged.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from confide.core import limits
from confide.data.arrow import compute as pc


def rows_at_a_time(path: Path, columns: Sequence[str]) -> int:
    """BLOCK_ROWS, or fewer where so many of these columns could outgrow READ_BATCH_BYTES; at least 1.

    Raises pyarrow.ArrowException, OSError.
    """
    with pq.ParquetFile(path) as file:
        texts = [name for name in columns if _is_text(file.schema_arrow.field(name).type)]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        widest = max((_row_bytes(file, group, texts) for group in range(file.num_row_groups)), default=1)
    return max(1, min(limits.BLOCK_ROWS, limits.READ_BATCH_BYTES // max(1, widest)))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    plain = pa.types.is_string(kind) or pa.types.is_binary(kind)
    return plain or pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)


def _row_bytes(file: pq.ParquetFile, group: int, texts: Sequence[str]) -> int:
    """The worst that one row can be: by the longest entries of dictionaries, or on average by its pages."""
    longest = _longest(file, group, texts) if texts else 0
    told = file.metadata.row_group(group)
    return max(longest, told.total_byte_size // max(1, told.num_rows))


def _longest(file: pq.ParquetFile, group: int, texts: Sequence[str]) -> int:
    batch = next(file.iter_batches(1, row_groups=[group], columns=list(texts)), None)
    columns: list[Any] = [] if batch is None else batch.columns
    dictionaries = [column.dictionary for column in columns if pa.types.is_dictionary(column.type)]
    return sum(pc.max(pc.binary_length(entries)).as_py() or 0 for entries in dictionaries)
