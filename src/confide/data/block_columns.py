"""Single columns out of a dataset's blocks, expanded when they are asked for and not kept."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from confide.core.errors import DatasetCorrupt
from confide.data.arrow import Array, ChunkedArray
from confide.data.blocks import check_layout, decode_columns, schema_of
from confide.data.manifest import Manifest


class BlockColumns:
    """A dataset as its blocks: reads like a table, at the price of expanding a column at each access."""

    def __init__(self, blocks: Sequence[bytes], manifest: Manifest) -> None:
        """`blocks` are untrusted, in the manifest's order. Raises DatasetCorrupt."""
        if len(blocks) != len(manifest.blocks):
            raise DatasetCorrupt(f"{len(blocks)} blocks, where the manifest lists {len(manifest.blocks)}")
        for data, entry in zip(blocks, manifest.blocks, strict=True):
            check_layout(data, entry, manifest)
        self._blocks = blocks
        self._manifest = manifest
        self.schema = schema_of(manifest)

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

    def _chunks(self, name: str) -> Iterator[Array]:
        for data, entry in zip(self._blocks, self._manifest.blocks, strict=True):
            yield decode_columns(data, entry, self._manifest, [name]).column(0)
