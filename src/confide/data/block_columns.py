"""Single columns out of a dataset's blocks, expanded when they are asked for and not kept."""

from collections.abc import Collection, Iterator
from typing import Protocol

import numpy as np
import pyarrow as pa

from confide.core.errors import DatasetCorrupt
from confide.data.arrow import Array, ChunkedArray
from confide.data.blocks import Block, check_layout, decode_columns, schema_of
from confide.data.manifest import Manifest


class Blocks(Protocol):
    """By index: a sequence, or a mapping that reads each block when it is asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Block: ...


class BlockColumns:
    """A dataset as its blocks: reads like a table, at the price of expanding a column at each access."""

    def __init__(self, blocks: Blocks, manifest: Manifest, *, complete: bool = True) -> None:
        """`blocks` are untrusted, in the manifest's order; not `complete`: some are still to come.

        Raises DatasetCorrupt.
        """
        if complete and len(blocks) != len(manifest.blocks):
            raise DatasetCorrupt(f"{len(blocks)} blocks, where the manifest lists {len(manifest.blocks)}")
        self._blocks = blocks
        self._manifest = manifest
        self.schema = schema_of(manifest)
        if complete:
            for index in range(len(manifest.blocks)):
                self.check(index)

    def check(self, index: int) -> None:
        """A block that was still to come when this was made, before it is read. Raises DatasetCorrupt."""
        check_layout(self._blocks[index], self._manifest.blocks[index], self._manifest)

    def column(self, name: str) -> ChunkedArray:
        """All rows of a column: a text's one chunk per block, numbers in one piece.

        Raises DatasetCorrupt; KeyError for no such column.
        """
        kind = self.schema.field(name).type
        if pa.types.is_string(kind):
            return pa.chunked_array(list(self._chunks(name)), kind)
        # Straight into their place: what a block expands to is let go before the next one is expanded.
        values, start = np.empty(self._manifest.rows, kind.to_pandas_dtype()), 0
        for chunk in self._chunks(name):
            values[start : start + len(chunk)] = chunk.to_numpy()
            start += len(chunk)
        return pa.chunked_array([pa.array(values, kind)])

    @property
    def manifest(self) -> Manifest:
        """What the blocks are."""
        return self._manifest

    def batch(self, index: int, names: Collection[str]) -> pa.RecordBatch:
        """Some columns of one block, in the block's order. Raises DatasetCorrupt."""
        ordered = [name for name in self.schema.names if name in names]
        entry = self._manifest.blocks[index]
        return decode_columns(self._blocks[index], entry, self._manifest, ordered)

    def _chunks(self, name: str) -> Iterator[Array]:
        for index in range(len(self._manifest.blocks)):
            yield self.batch(index, [name]).column(0)
