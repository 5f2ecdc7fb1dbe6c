"""Rows in an agreed order need no join: block i of every party holds the same rows, or somebody has lied.

Each party's rows are held, by themselves, against what everybody has signed: the rule of the order and the
digest of the ids. So who lies is known, and nobody is blamed for another.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from confide.core.digest import same
from confide.core.errors import OrderMismatch
from confide.data.alignment.agreed_order import first_out_of_order, keys_of
from confide.data.alignment.join import Alignment, RowCounts
from confide.data.arrow import Array, ChunkedArray
from confide.data.block_columns import BlockColumns
from confide.data.ids import id_set_digest
from confide.data.manifest import Manifest
from confide.data.ordered_pool import map_in_order
from confide.enclave.rows.blaming import blaming
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
        check_block_rows(party, sources[party].manifest, terms.block_rows)
    columns = dict(
        zip(
            task.participants,
            map_in_order(lambda party: _ids(party, sources[party], task), task.participants),
            strict=True,
        )
    )
    for party, ids in columns.items():
        check_ascending(party, ids, terms.block_rows)
    _check_sets(columns, id_set, terms.block_rows)
    return identity(task, sources[task.initiator].manifest.rows)


def identity(task: Task, size: int) -> Alignment:
    """Every party's row i is the joined row i."""
    counts = RowCounts(sent=size, joined=size, unmatched=0, quarantined=0)
    return Alignment(
        {party: np.arange(size) for party in task.participants}, dict.fromkeys(task.participants, counts)
    )


def check_block_rows(party: str, manifest: Manifest, block_rows: int) -> None:
    """Raises OrderMismatch: the blocks are not as long as was agreed."""
    rows = [entry.rows for entry in manifest.blocks]
    for index, found in enumerate(rows):
        last = index == len(rows) - 1
        if found > block_rows or (found != block_rows and not last):
            text = f"block {index} of {party} has {found} rows, where {block_rows} were agreed"
            raise OrderMismatch(text, blame=party)


def check_ascending(party: str, ids: ChunkedArray, block_rows: int, start: int = 0) -> None:
    """`ids` from row `start` on. Raises OrderMismatch."""
    whole: Array = ids.combine_chunks()
    row = first_out_of_order(whole, keys_of(whole))
    if row is not None:
        row += start
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


def _ids(party: str, source: BlockColumns, task: Task) -> ChunkedArray:
    with blaming(party):
        column = source.column(task.id.name)
    return pa.chunked_array(column.chunks, column.type)
