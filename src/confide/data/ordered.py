"""Some rows of a prepared dataset, in another order, as a prepared dataset of their own.

In two passes with a file between them, so that memory holds the chosen rows' places and not the rows: the
first cuts every block into the pieces that go to each new block, the second puts each new block together.
"""

import tempfile
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core.digest import sha384_hex
from confide.data.arrow import Array, ChunkedArray
from confide.data.blocks import check_layout, decode_block, decode_columns, encode_block, schema_of
from confide.data.dataset import MANIFEST_NAME, PreparedDataset, block_name
from confide.data.manifest import BlockEntry, Manifest, SourceEntry
from confide.data.ordered_pool import map_in_order

Places = npt.NDArray[np.int64]
NOWHERE = -1


class Blocks(Protocol):
    """A prepared dataset, or a projection of one."""

    @property
    def manifest(self) -> Manifest: ...

    def block(self, index: int) -> bytes: ...


class _Pieces:
    """What goes to which new block: in a file without a name, found by its place there."""

    def __init__(self, folder: Path, count: int) -> None:
        # It lives as long as this object, under no name that anybody else could open.
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._of_block: list[list[tuple[int, int, Places]]] = [[] for _ in range(count)]

    def add(self, block: int, batch: pa.RecordBatch, places: Places) -> None:
        data = encode_block(batch)
        self._of_block[block].append((self._file.tell(), len(data), places.astype(np.int32)))
        self._file.write(data)

    def block(self, index: int) -> tuple[list[bytes], Places]:
        found = []
        for start, length, _ in self._of_block[index]:
            self._file.seek(start)
            found.append(self._file.read(length))
        return found, np.concatenate([places for _, _, places in self._of_block[index]])

    def close(self) -> None:
        self._file.close()


def ids_of(dataset: Blocks) -> ChunkedArray:
    """The ids of all rows. Raises DatasetCorrupt."""
    manifest = dataset.manifest

    def read(index: int) -> Array:
        data, entry = dataset.block(index), manifest.blocks[index]
        check_layout(data, entry, manifest)
        return decode_columns(data, entry, manifest, [manifest.id.name]).column(0)

    return pa.chunked_array(list(map_in_order(read, range(len(manifest.blocks)))))


def write_ordered(
    dataset: Blocks, ids: Array, places: Places, folder: Path, block_rows: int
) -> PreparedDataset:
    """Write the rows that have a place into `folder`, which must be there and empty.

    `ids`: of all rows, as they are to stand there. `places`: (rows,), where each row goes, or NOWHERE; the
    places are 0, 1, … without a gap. The manifest tells nothing of the rows that are left out, nor of their
    source. Raises DatasetCorrupt.
    """
    chosen = int(np.count_nonzero(places != NOWHERE))
    count = -(-chosen // block_rows)
    pieces = _Pieces(folder, count)
    try:
        _cut(dataset, ids, places, pieces, block_rows)
        written = map_in_order(
            lambda found: _assemble(dataset.manifest, *found), (pieces.block(i) for i in range(count))
        )
        entries = []
        for index, (data, rows) in enumerate(written):
            (folder / block_name(index)).write_bytes(data)
            entries.append(BlockEntry(rows=rows, bytes=len(data), sha384=sha384_hex(data)))
    finally:
        pieces.close()
    order = sha384_hex(b"".join(entry.sha384.encode() for entry in entries))
    manifest = msgspec.structs.replace(
        dataset.manifest,
        rows=chosen,
        blocks=tuple(entries),
        source=SourceEntry(sha384=order, bytes=sum(entry.bytes for entry in entries), rows=chosen),
        quarantined={},
    )
    (folder / MANIFEST_NAME).write_bytes(manifest.encode())
    return PreparedDataset.open(folder)


def _cut(dataset: Blocks, ids: Array, places: Places, pieces: _Pieces, block_rows: int) -> None:
    manifest = dataset.manifest
    starts = np.cumsum([0, *(entry.rows for entry in manifest.blocks)]).tolist()
    name = manifest.id.name

    def read(index: int) -> tuple[pa.RecordBatch, Places]:
        batch = decode_block(dataset.block(index), manifest.blocks[index], manifest)
        own = places[starts[index] : starts[index + 1]]
        rows = np.flatnonzero(own != NOWHERE)
        rows = rows[np.argsort(own[rows])]
        written = ids.slice(starts[index], len(own))
        return batch.set_column(0, batch.schema.field(name), written).take(rows), own[rows]

    for batch, own in map_in_order(read, range(len(manifest.blocks))):
        for block in np.unique(own // block_rows).tolist():
            start, end = np.searchsorted(own, (block * block_rows, (block + 1) * block_rows)).tolist()
            pieces.add(block, batch.slice(start, end - start), own[start:end] - block * block_rows)


def _assemble(manifest: Manifest, found: list[bytes], places: Places) -> tuple[bytes, int]:
    batches = [pa.ipc.open_stream(data).read_next_batch() for data in found]
    table = pa.Table.from_batches(batches, schema=schema_of(manifest)).take(np.argsort(places))
    return encode_block(table.combine_chunks().to_batches()[0]), len(places)
