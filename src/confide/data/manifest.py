"""The manifest of a prepared dataset: what a party commits to, what blocks are checked against."""

from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec

from confide.core import canonical, limits
from confide.core.errors import DatasetCorrupt
from confide.core.features import Kind
from confide.data.schema import IdColumn, LabelColumn

FORMAT: Final = "confide-dataset/1"
CATEGORY_HASH: Final = "xxh3-64"

Count = Annotated[int, msgspec.Meta(ge=0)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{96}\Z")]


class Reason(StrEnum):
    """Why a row of the source was put aside. Each such row is counted once, under the first that applies."""

    WRONG_WIDTH = "wrong number of fields"
    NOT_UTF8 = "not UTF-8"
    EMPTY_ID = "empty id"
    ID_NOT_INTEGER = "id is not an integer"
    ID_TOO_LONG = "id too long"
    DUPLICATE_ID = "duplicate id"
    LABEL_MISSING = "missing label"
    LABEL_INVALID = "invalid label"
    NOT_A_NUMBER = "not a number"
    NOT_FINITE = "not a finite number"
    VALUE_TOO_LONG = "value too long"
    NOT_A_DATE = "not a date"


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column of features."""

    name: str
    kind: Kind


class BlockEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One block, in order: its rows, its size in bytes, its digest."""

    rows: Annotated[int, msgspec.Meta(gt=0, le=limits.MAX_BLOCK_ROWS)]
    bytes: Annotated[int, msgspec.Meta(gt=0, le=limits.MAX_BLOCK_BYTES)]
    sha384: Digest


class SourceEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file that was prepared."""

    sha384: Digest
    bytes: Count
    rows: Count


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything about a prepared dataset but its rows. Holds no value of any row."""

    format: Literal["confide-dataset/1"] = FORMAT
    id: IdColumn
    label: LabelColumn | None
    columns: tuple[Column, ...]
    category_hash: Literal["xxh3-64"] = CATEGORY_HASH
    rows: Annotated[int, msgspec.Meta(gt=0, le=limits.MAX_DATASET_ROWS)]
    blocks: tuple[BlockEntry, ...]
    source: SourceEntry
    quarantined: dict[Reason, Annotated[int, msgspec.Meta(gt=0)]]

    def __post_init__(self) -> None:
        _check_names(self)
        if not 0 < len(self.blocks) <= limits.MAX_BLOCKS:
            raise ValueError(f"blocks: 1 to {limits.MAX_BLOCKS}")
        if self.rows != sum(block.rows for block in self.blocks):
            raise ValueError("rows: not the sum of the blocks' rows")
        if self.source.rows != self.rows + self.quarantined_rows:
            raise ValueError("source.rows: not the sum of the rows and the quarantined rows")

    @property
    def quarantined_rows(self) -> int:
        """How many rows of the source were put aside, for any reason."""
        return sum(self.quarantined.values())

    def encode(self) -> bytes:
        """Canonical bytes: what is committed to."""
        return canonical.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "Manifest":
        """Read untrusted bytes. Raises DatasetCorrupt, and nothing else."""
        try:
            return canonical.decode(data, cls, limit=limits.MAX_MANIFEST_BYTES)
        except canonical.NotCanonical as cause:
            raise DatasetCorrupt(f"manifest: {cause}") from None


def _check_names(manifest: Manifest) -> None:
    names = [manifest.id.name, *(column.name for column in manifest.columns)]
    if manifest.label is not None:
        names.append(manifest.label.name)
    if not 0 < len(manifest.columns) <= limits.MAX_COLUMNS:
        raise ValueError(f"columns: 1 to {limits.MAX_COLUMNS}")
    if len(set(names)) != len(names):
        raise ValueError("columns: a name occurs twice")
    if any(not 0 < len(name) <= limits.MAX_NAME_LENGTH for name in names):
        raise ValueError(f"columns: a name has 1 to {limits.MAX_NAME_LENGTH} characters")
