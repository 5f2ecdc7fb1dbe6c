"""A prepared dataset on disk: a folder of blocks, a manifest, and, for its owner, the quarantined rows."""

import os
from functools import cached_property
from pathlib import Path

import msgspec
import pyarrow as pa

from confide.core import limits
from confide.core.digest import sha384_hex
from confide.core.errors import DatasetCorrupt
from confide.data import blocks
from confide.data.arrow import ChunkedArray
from confide.data.ids import id_set_digest
from confide.data.manifest import Manifest, Reason

MANIFEST_NAME = "manifest.json"
QUARANTINE_NAME = "quarantine.jsonl"


def block_name(index: int) -> str:
    """File name of block `index` (counted from 0)."""
    return f"block-{index:05d}.arrows"


class QuarantinedRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of quarantine.jsonl: which row was put aside and why, never what it holds."""

    row: int
    """Its number in the source, from 1, the header not counted."""
    reason: Reason
    column: str | None


class PreparedDataset:
    """Read access to a prepared dataset; blocks are checked against the manifest as they are read."""

    def __init__(self, path: Path, manifest_bytes: bytes) -> None:
        self.path = path
        self.manifest_bytes = manifest_bytes
        """Canonical: the bytes that a commitment covers."""
        self.manifest = Manifest.decode(manifest_bytes)

    @classmethod
    def open(cls, path: Path) -> "PreparedDataset":
        """Open a folder that `prepare` wrote. Raises DatasetCorrupt."""
        return cls(path, _read(path / MANIFEST_NAME, limits.MAX_MANIFEST_BYTES))

    def __repr__(self) -> str:
        return f"PreparedDataset({str(self.path)!r}, rows={self.manifest.rows})"

    def stored_block(self, index: int) -> bytes:
        """The bytes of block `index` as they lie there, for whoever has them held against the manifest.

        Raises DatasetCorrupt when there are none, or too many.
        """
        return _read(self.path / block_name(index), limits.MAX_BLOCK_BYTES)

    def block(self, index: int) -> bytes:
        """The bytes of block `index`. Raises DatasetCorrupt when they are not those of the manifest."""
        data = self.stored_block(index)
        try:
            blocks.check_block(data, self.manifest.blocks[index])
        except DatasetCorrupt:
            raise DatasetCorrupt(
                f"{self.path / block_name(index)} has changed since it was prepared"
            ) from None
        return data

    def check(self) -> None:
        """Hold every block against the manifest. Raises DatasetCorrupt naming the file."""
        for index in range(len(self.manifest.blocks)):
            self.block(index)

    def quarantine(self) -> list[QuarantinedRow]:
        """The first rows of the source that were put aside. Raises DatasetCorrupt."""
        path = self.path / QUARANTINE_NAME
        lines = _read(path, limits.MAX_QUARANTINE_EXAMPLES * limits.KIB).splitlines()
        try:
            return [msgspec.json.decode(line, type=QuarantinedRow) for line in lines]
        except (msgspec.MsgspecError, ValueError, RecursionError) as cause:
            raise DatasetCorrupt(f"{path}: {cause}") from None

    def table(self) -> pa.Table:
        """All rows, decoded, in memory. Raises DatasetCorrupt."""
        entries = enumerate(self.manifest.blocks)
        batches = [blocks.decode_block(self.block(i), entry, self.manifest) for i, entry in entries]
        return blocks.assemble(batches, self.manifest)

    def column(self, name: str) -> ChunkedArray:
        """All rows of one column, decoded, in memory. Raises DatasetCorrupt."""
        chunks = []
        for index, entry in enumerate(self.manifest.blocks):
            data = self.block(index)
            blocks.check_layout(data, entry, self.manifest)
            chunks.append(blocks.decode_columns(data, entry, self.manifest, [name]).column(0))
        return pa.chunked_array(chunks)

    @property
    def manifest_sha384(self) -> str:
        """Digest of the manifest, hexadecimal; not what is told to others (that is salted)."""
        return sha384_hex(self.manifest_bytes)

    @property
    def id_count(self) -> int:
        """How many ids: one per row."""
        return self.manifest.rows

    def id_set_digest(self) -> str:
        """See `confide.data.ids`. Reads all blocks the first time. Raises DatasetCorrupt."""
        return self._id_set_digest

    @cached_property
    def _id_set_digest(self) -> str:
        return id_set_digest(self.column(self.manifest.id.name))


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            # No more room than there are bytes: room for the limit would be new memory each time.
            data = file.read(min(os.fstat(file.fileno()).st_size, limit) + 1)
    except OSError as cause:
        raise DatasetCorrupt(f"no prepared dataset: {path}: {cause.strerror}") from None
    if len(data) > limit:
        raise DatasetCorrupt(f"{path} is longer than {limit} bytes")
    return data
