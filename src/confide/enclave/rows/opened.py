"""From the vault's blocks to aligned columns of all parties, without ever expanding all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from confide.core.errors import TooManyQuarantined
from confide.core.features import CROSSED
from confide.data.alignment.join import Alignment, join
from confide.data.alignment.join import RowCounts as JoinCounts
from confide.data.alignment.keys import IntArray
from confide.data.block_columns import BlockColumns
from confide.data.columns import Columns, Field, JoinedColumns
from confide.data.crossing import fields_of_crosses
from confide.data.manifest import Manifest
from confide.data.ordered_pool import map_in_order
from confide.data.spreading import Positions, positions
from confide.enclave.rows.agreed_order import identity, in_agreed_order
from confide.enclave.rows.arriving import Arriving
from confide.enclave.rows.blaming import blaming
from confide.enclave.storage.vault import Shelf, Shelves
from confide.protocol.receipts import RowCounts
from confide.protocol.terms import Intersection, Task, crosses_of, ordered


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """All parties' data, and which of their rows belong together."""

    sources: dict[str, BlockColumns]
    """Still compressed: a column is expanded when it is read."""
    alignment: Alignment
    counts: dict[str, RowCounts]
    """Per party, for the receipt."""
    shelves: Mapping[str, Shelf]
    arriving: Arriving | None = None
    """Blocks that are still to come, where the work has begun without them."""
    parting: list[Callable[[], object]] = field(default_factory=list)
    """Called before the blocks are let go of, to read what is wanted later."""

    def release(self) -> None:
        """Let go of all blocks: nothing more will be read."""
        while self.parting:
            self.parting.pop()()
        self.sources.clear()
        for shelf in self.shelves.values():
            shelf.blocks.clear()

    def positions(self, party: str) -> Positions:
        """For each row of a party: where it stands in the joined order, or -1."""
        return positions(self.alignment.rows[party], self.sources[party].manifest.rows)

    def columns(self, fields: Sequence[Field]) -> Columns:
        """The named columns in the joined order; each is read when it is taken. Crosses are made of them."""
        of_owners = [(party, feature) for party, feature in fields if party != CROSSED]
        return JoinedColumns(self.sources, self.alignment.rows, of_owners)

    def reorder(self, order: IntArray) -> None:
        """From now on, joined row i is what was joined row `order[i]`."""
        for party, rows in self.alignment.rows.items():
            self.alignment.rows[party] = rows[order]

    def chosen(self, rows: IntArray) -> "Opened":
        """The same data with some of the joined rows only, in this order."""
        picked = {party: places[rows] for party, places in self.alignment.rows.items()}
        return replace(self, alignment=replace(self.alignment, rows=picked))


def open_shelves(task: Task, shelves: Mapping[str, Shelf], id_set: str | None = None) -> Opened:
    """Join; or, where an order was agreed, hold every party's rows against it and against the `id_set`.

    Raises:
        DatasetCorrupt, TooManyQuarantined, OrderMismatch: naming the party.
        AlignmentFailed: nothing can be joined.
    """
    sources = {party: _source(party, shelves[party]) for party in task.participants}
    alignment = _alignment(task, sources, id_set)
    counts = {party: _counts(shelves[party].manifest, alignment.counts[party]) for party in task.participants}
    for party, found in counts.items():
        _check_share(party, found, task.maximum_quarantined_share)
    return Opened(sources, alignment, counts, shelves)


def open_arriving(task: Task, terms: Intersection, shelves: Shelves, id_set: str) -> Opened:
    """Rows in an agreed order of which blocks are still to come: that it was kept to is known at the end.

    Raises OrderMismatch, TooManyQuarantined: what the manifests say already.
    """
    manifests = {party: shelves[party].manifest for party in task.participants}
    sources = {
        party: BlockColumns(shelves[party].blocks, manifest, complete=False)
        for party, manifest in manifests.items()
    }
    alignment = identity(task, manifests[task.initiator].rows)
    counts = {party: _counts(manifest, alignment.counts[party]) for party, manifest in manifests.items()}
    for party, found in counts.items():
        _check_share(party, found, task.maximum_quarantined_share)
    arriving = Arriving(task, terms, sources, id_set, shelves.arrived or (lambda _: True))
    return Opened(sources, alignment, counts, shelves, arriving)


def _alignment(task: Task, sources: dict[str, BlockColumns], id_set: str | None) -> Alignment:
    terms = ordered(task)
    if terms is not None and id_set is not None:
        return in_agreed_order(task, terms, sources, id_set)
    tables = map_in_order(lambda party: _ids(party, sources[party], task), task.participants)
    ids = dict(zip(task.participants, tables, strict=True))
    return join(ids, dict.fromkeys(task.participants, task.id.name))


def _counts(manifest: Manifest, found: JoinCounts) -> RowCounts:
    return RowCounts(
        source=manifest.source.rows,
        quarantined_while_preparing=manifest.quarantined_rows,
        sent=found.sent,
        joined=found.joined,
        unmatched=found.unmatched,
        quarantined=found.quarantined,
    )


def _check_share(party: str, found: RowCounts, allowed: float) -> None:
    """Quarantined anywhere: while preparing, and here for ids that come twice."""
    quarantined = found.quarantined_while_preparing + found.quarantined
    if quarantined > allowed * found.source:
        text = (
            f"{quarantined} of {party}'s {found.source} rows are quarantined; the task allows {allowed:.2%}"
        )
        raise TooManyQuarantined(text, blame=party)


def fields_of(task: Task, parties: tuple[str, ...]) -> list[Field]:
    """The features of these parties, in the order of the task; then the crosses of their columns."""
    own = [(party, feature) for party in parties for feature in task.features[party]]
    return own + fields_of_crosses(crosses_of(task, parties))


def _source(party: str, shelf: Shelf) -> BlockColumns:
    with blaming(party):
        return BlockColumns(shelf.blocks, shelf.manifest)


def _ids(party: str, source: BlockColumns, task: Task) -> pa.Table:
    with blaming(party):
        return pa.table({task.id.name: source.column(task.id.name)})
