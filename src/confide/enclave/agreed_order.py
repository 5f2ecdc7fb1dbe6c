"""Rows in an agreed order need no join: block i of every party holds the same rows, or somebody has lied.

Each party's rows are held, by themselves, against what everybody has signed: the rule of the order and the
digest of the ids. So who lies is known, and nobody is blamed for another.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

from confide.core.digest import same
from confide.core.errors import DataError, OrderMismatch
from confide.data.alignment.agreed_order import first_out_of_order, keys_of
from confide.data.alignment.join import Alignment, RowCounts
from confide.data.arrow import Array, ChunkedArray
from confide.data.block_columns import BlockColumns
from confide.data.ids import id_set_digest
from confide.data.ordered_pool import map_in_order
from confide.protocol.terms import Intersection, Task


def in_agreed_order(
    task: Task, terms: Intersection, sources: Mapping[str, BlockColumns], id_set: str
) -> Alignment:
    """The identity, once every party has kept to the order.

    Raises:
        OrderMismatch: naming the party and the block.
        DatasetCorrupt: naming the party.
    """
    for party in task.participants:
        _check_block_rows(party, sources[party], terms.block_rows)
    columns = dict(
        zip(
            task.participants,
            map_in_order(lambda party: _ids(party, sources[party], task), task.participants),
            strict=True,
        )
    )
    for party, ids in columns.items():
        _check_ascending(party, ids, terms.block_rows)
    _check_sets(columns, id_set, terms.block_rows)
    size = sources[task.initiator].manifest.rows
    counts = RowCounts(sent=size, joined=size, unmatched=0, quarantined=0)
    return Alignment(
        {party: np.arange(size) for party in task.participants}, dict.fromkeys(task.participants, counts)
    )


def _check_block_rows(party: str, source: BlockColumns, block_rows: int) -> None:
    rows = [entry.rows for entry in source.manifest.blocks]
    for index, found in enumerate(rows):
        last = index == len(rows) - 1
        if found > block_rows or (found != block_rows and not last):
            text = f"block {index} of {party} has {found} rows, where {block_rows} were agreed"
            raise OrderMismatch(text, blame=party)


def _check_ascending(party: str, ids: ChunkedArray, block_rows: int) -> None:
    whole: Array = ids.combine_chunks()
    row = first_out_of_order(whole, keys_of(whole))
    if row is not None:
        text = f"block {row // block_rows} of {party} (row {row}) does not stand in the agreed order"
        raise OrderMismatch(text, blame=party)


def _check_sets(columns: Mapping[str, ChunkedArray], id_set: str, block_rows: int) -> None:
    found = dict(zip(columns, map_in_order(id_set_digest, columns.values()), strict=True))
    honest = [party for party, digest in found.items() if same(digest, id_set)]
    for party in columns:
        if party not in honest:
            where = _where(columns[party], columns[honest[0]], block_rows) if honest else "a block"
            text = f"{where} of {party} holds other ids than all have agreed on"
            raise OrderMismatch(text, blame=party)


def _where(ids: ChunkedArray, right: ChunkedArray, block_rows: int) -> str:
    common = min(len(ids), len(right))
    differing = np.flatnonzero(
        ids.slice(0, common).to_numpy() != right.slice(0, common).to_numpy()  # equal types: the manifests say
    )
    row = int(differing[0]) if differing.size else common
    return f"block {row // block_rows} (row {row})"


@contextmanager
def _blaming(party: str) -> Iterator[None]:
    try:
        yield
    except DataError as cause:
        cause.blame = cause.blame or party
        raise


def _ids(party: str, source: BlockColumns, task: Task) -> ChunkedArray:
    with _blaming(party):
        column = source.column(task.id.name)
    return pa.chunked_array(column.chunks, column.type)
