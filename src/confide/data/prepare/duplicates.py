"""Ids that occur more than once. Found after the pass over the source, when all ids are known."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.data.alignment.join import first_occurrences
from confide.data.arrow import Array
from confide.data.dataset import block_name
from confide.data.manifest import BlockEntry
from confide.data.prepare.writer import BlockWriter

IntArray = npt.NDArray[np.int64]


class IdLog:
    """The ids of all usable rows and the rows' numbers in the source: the one thing kept in memory whole."""

    def __init__(self) -> None:
        self._ids: list[Array] = []
        self._numbers: list[IntArray] = []

    def add(self, ids: Array, numbers: IntArray) -> None:
        """Append rows, in order."""
        self._ids.append(ids)
        self._numbers.append(numbers)

    @property
    def numbers(self) -> IntArray:
        """Number in the source of each usable row."""
        return np.concatenate(self._numbers) if self._numbers else np.empty(0, np.int64)

    def repeated(self) -> IntArray:
        """Positions, among the usable rows, of those whose id a row before them has."""
        if not self._ids:
            return np.empty(0, np.int64)
        return np.flatnonzero(~first_occurrences(pa.chunked_array(self._ids))).astype(np.int64)


def without_rows(
    folder: Path, schema: pa.Schema, blocks: tuple[BlockEntry, ...], dropped: IntArray
) -> tuple[BlockEntry, ...]:
    """Write the blocks of `folder` again without some rows (positions, ascending); the new entries."""
    old = folder / "with-duplicates"
    old.mkdir()
    for index in range(len(blocks)):
        (folder / block_name(index)).rename(old / block_name(index))
    with BlockWriter(folder, schema) as writer:
        start = 0
        for index, entry in enumerate(blocks):
            path = old / block_name(index)
            with pa.ipc.open_stream(path.read_bytes()) as reader:
                batch = reader.read_next_batch()
            keep = np.ones(entry.rows, np.bool_)
            keep[dropped[(dropped >= start) & (dropped < start + entry.rows)] - start] = False
            writer.add(batch.filter(pa.array(keep)))
            start += entry.rows
            path.unlink()
        written = writer.finish()
    old.rmdir()
    return written
