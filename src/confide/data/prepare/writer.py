"""Batches of any size in, blocks of one size out."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from confide.core import limits
from confide.core.digest import sha384_hex
from confide.core.errors import LimitExceeded
from confide.data.blocks import encode_block
from confide.data.dataset import block_name
from confide.data.manifest import BlockEntry

_CELL_BYTES = 8
_TEXT_ID_BYTES = limits.MAX_ID_BYTES + _CELL_BYTES
_MOST_WAITING = 4
"""Blocks that wait to be written; then whoever brings rows waits, too."""
_TARGET_BYTES = limits.MAX_BLOCK_BYTES // 2


def block_rows(schema: pa.Schema) -> int:
    """Rows per block: BLOCK_ROWS, or fewer where so many could outgrow MAX_BLOCK_BYTES."""
    text = sum(1 for field in schema if pa.types.is_string(field.type))
    row_bytes = _CELL_BYTES * (len(schema) - text) + _TEXT_ID_BYTES * text
    return max(1, min(limits.BLOCK_ROWS, _TARGET_BYTES // row_bytes))


class BlockWriter:
    """Writes full blocks as rows come in, the rest on `finish`. A context manager.

    A thread of its own compresses, digests and writes, so that reading and parsing go on meanwhile.
    """

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder = folder
        self._schema = schema
        self._rows_per_block = block_rows(schema)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._written_rows = 0
        self._entries: list[Future[BlockEntry]] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="block-writer")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def add(self, batch: pa.RecordBatch) -> None:
        """Append rows. Raises LimitExceeded beyond MAX_BLOCKS or MAX_DATASET_ROWS."""
        if batch.num_rows:
            self._waiting.append(batch)
            self._waiting_rows += batch.num_rows
        while self._waiting_rows >= self._rows_per_block:
            self._flush(self._rows_per_block)

    def finish(self) -> tuple[BlockEntry, ...]:
        """Write what is left; the entries of all blocks, in order."""
        if self._waiting_rows:
            self._flush(self._waiting_rows)
        return tuple(entry.result() for entry in self._entries)

    def _flush(self, rows: int) -> None:
        table = pa.Table.from_batches(self._waiting, schema=self._schema)
        block = table.slice(0, rows).combine_chunks().to_batches()[0]
        self._waiting = table.slice(rows).to_batches()
        self._waiting_rows -= rows
        if len(self._entries) >= limits.MAX_BLOCKS:
            raise LimitExceeded(f"more than {limits.MAX_BLOCKS} blocks (MAX_BLOCKS)")
        self._written_rows += rows
        if self._written_rows > limits.MAX_DATASET_ROWS:
            raise LimitExceeded(f"more than {limits.MAX_DATASET_ROWS} rows (MAX_DATASET_ROWS)")
        self._entries.append(self._pool.submit(_write, self._folder / block_name(len(self._entries)), block))
        if len(self._entries) >= _MOST_WAITING:
            self._entries[-_MOST_WAITING].result()


def _write(path: Path, block: pa.RecordBatch) -> BlockEntry:
    data = encode_block(block)
    path.write_bytes(data)
    return BlockEntry(block.num_rows, len(data), sha384_hex(data))
