"""From the vault's blocks to aligned columns of all parties."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from confide.core.errors import DataError, TooManyQuarantined
from confide.data.alignment.join import Alignment, join
from confide.data.alignment.join import RowCounts as JoinCounts
from confide.data.blocks import assemble, decode_block
from confide.data.columns import Columns, Field, take_columns
from confide.data.manifest import Manifest
from confide.enclave.vault import Shelf
from confide.protocol.receipts import RowCounts
from confide.protocol.terms import Task


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """All parties' tables, and which of their rows belong together."""

    tables: dict[str, pa.Table]
    alignment: Alignment
    counts: dict[str, RowCounts]
    """Per party, for the receipt."""

    def columns(self, fields: list[Field]) -> Columns:
        """The named columns in the joined order."""
        return take_columns(self.tables, self.alignment.rows, fields)


def open_shelves(task: Task, shelves: Mapping[str, Shelf]) -> Opened:
    """Decode and join.

    Raises:
        DatasetCorrupt, TooManyQuarantined: naming the party.
        AlignmentFailed: nothing can be joined.
    """
    tables = {party: _table(party, shelves[party]) for party in task.participants}
    alignment = join(tables, dict.fromkeys(task.participants, task.id.name))
    counts = {party: _counts(shelves[party].manifest, alignment.counts[party]) for party in task.participants}
    for party, found in counts.items():
        _check_share(party, found, task.maximum_quarantined_share)
    return Opened(tables, alignment, counts)


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
    """The features of these parties, in the order of the task."""
    return [(party, feature) for party in parties for feature in task.features[party]]


def _table(party: str, shelf: Shelf) -> pa.Table:
    manifest = shelf.manifest
    try:
        batches = [
            decode_block(shelf.blocks[index], entry, manifest) for index, entry in enumerate(manifest.blocks)
        ]
    except DataError as cause:
        cause.blame = party
        raise
    return assemble(batches, manifest)
