"""From the vault's blocks to aligned columns of all parties."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from confide.core.errors import DataError
from confide.data.alignment.join import Alignment, join
from confide.data.blocks import assemble, decode_block
from confide.data.columns import Columns, Field, take_columns
from confide.enclave.vault import Shelf
from confide.protocol.receipts import RowCounts
from confide.protocol.terms import Task


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """All parties' tables, and which of their rows belong together."""

    tables: dict[str, pa.Table]
    alignment: Alignment

    def columns(self, fields: list[Field]) -> Columns:
        """The named columns in the joined order."""
        return take_columns(self.tables, self.alignment.rows, fields)

    @property
    def counts(self) -> dict[str, RowCounts]:
        """Per party, for the receipt."""
        return {
            party: RowCounts(
                sent=found.sent,
                joined=found.joined,
                unmatched=found.unmatched,
                quarantined=found.quarantined,
            )
            for party, found in self.alignment.counts.items()
        }


def open_shelves(task: Task, shelves: Mapping[str, Shelf]) -> Opened:
    """Decode and join. Raises DatasetCorrupt (naming the party) and AlignmentFailed."""
    tables = {party: _table(party, shelves[party]) for party in task.participants}
    return Opened(tables, join(tables, dict.fromkeys(task.participants, task.id.name)))


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
