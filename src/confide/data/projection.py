"""A prepared dataset with some of its columns only: what a task does not use does not leave its owner.

Prepared once, used in any number of tasks: the blocks of a projection are encoded anew from the prepared
ones when they are asked for, and are the same bytes each time.
"""

from collections.abc import Sequence
from functools import cached_property

import msgspec

from confide.core.digest import sha384_hex
from confide.core.errors import SchemaMismatch
from confide.data.blocks import check_layout, decode_columns, encode_block
from confide.data.dataset import PreparedDataset
from confide.data.manifest import BlockEntry, Manifest
from confide.data.ordered_pool import map_in_order


class Projection:
    """Read access like a PreparedDataset's, to the id and the chosen columns. Nothing is written to disk."""

    def __init__(self, dataset: PreparedDataset, columns: frozenset[str]) -> None:
        """Raises SchemaMismatch: the dataset lacks one of the columns."""
        self._dataset = dataset
        self.path = dataset.path
        whole = dataset.manifest
        self._label = whole.label if whole.label is not None and whole.label.name in columns else None
        self._columns = tuple(column for column in whole.columns if column.name in columns)
        found = {column.name for column in self._columns} | ({self._label.name} if self._label else set())
        if columns - found:
            raise SchemaMismatch(f"the dataset has no column {', '.join(sorted(columns - found))}")

    @cached_property
    def manifest(self) -> Manifest:
        """Of the projected blocks. Reads all blocks the first time. Raises DatasetCorrupt."""
        whole = self._dataset.manifest
        entries = tuple(map_in_order(self._entry, range(len(whole.blocks))))
        return msgspec.structs.replace(whole, label=self._label, columns=self._columns, blocks=entries)

    def _entry(self, index: int) -> BlockEntry:
        block = self.block(index)
        rows = self._dataset.manifest.blocks[index].rows
        return BlockEntry(rows=rows, bytes=len(block), sha384=sha384_hex(block))

    @cached_property
    def manifest_bytes(self) -> bytes:
        """Canonical: the bytes that a commitment covers."""
        return self.manifest.encode()

    def block(self, index: int) -> bytes:
        """The bytes of block `index`, projected. Raises DatasetCorrupt."""
        whole = self._dataset.manifest
        data, entry = self._dataset.block(index), whole.blocks[index]
        check_layout(data, entry, whole)
        label = [self._label.name] if self._label is not None else []
        names = [whole.id.name, *label, *(column.name for column in self._columns)]
        return encode_block(decode_columns(data, entry, whole, names))

    def stored_block(self, index: int) -> bytes:
        """The same: a projection's blocks do not lie anywhere. Raises DatasetCorrupt."""
        return self.block(index)

    @property
    def id_count(self) -> int:
        """How many ids: one per row."""
        return self._dataset.id_count

    def id_set_digest(self) -> str:
        """See PreparedDataset."""
        return self._dataset.id_set_digest()


def project(dataset: PreparedDataset, columns: Sequence[str]) -> PreparedDataset | Projection:
    """The dataset itself if it holds exactly these columns (features and label), else a projection.

    Raises SchemaMismatch: the dataset lacks one of the columns.
    """
    held = {column.name for column in dataset.manifest.columns}
    if dataset.manifest.label is not None:
        held.add(dataset.manifest.label.name)
    return dataset if held == set(columns) else Projection(dataset, frozenset(columns))
