"""The schema file: what a party says about its source before `prepare`. TOML, written for people to edit."""

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from confide.core import limits
from confide.core.errors import SchemaInvalid
from confide.core.features import Kind

HEADING = """\
# Schema of a source file for `confide data prepare`.
# [id]       the column by which the parties' rows find each other: type "string" or "integer", alike at all.
# [label]    what is to be learned: type "binary" (0/1) or "real". Only its owner has this section.
# [columns]  "categorical" (any value, stored as a hash) or "numeric" (a finite number). Left out: not read.
# [reader]   how the file is written; `nulls` lists the spellings of a missing value.

"""


class IdType(StrEnum):
    """How ids are compared: as whole numbers, or byte by byte as UTF-8 text."""

    STRING = "string"
    INTEGER = "integer"


class LabelType(StrEnum):
    """What a label may hold."""

    BINARY = "binary"
    REAL = "real"


class Format(StrEnum):
    """How a source file is written. AUTO goes by the suffix."""

    AUTO = "auto"
    CSV = "csv"
    TSV = "tsv"
    TEXT = "text"
    """Delimited text whose delimiter is found in its first lines, unless given."""
    PARQUET = "parquet"


class IdColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The column that identifies a row."""

    name: str
    type: IdType


class LabelColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The column to be learned."""

    name: str
    type: LabelType = LabelType.BINARY


class ReaderOptions(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """How to read the source; everything but `format` concerns text only."""

    format: Format = Format.AUTO
    delimiter: str | None = None
    header: bool = True
    names: tuple[str, ...] = ()
    """Column names of a file without header, in order; default f0, f1, …"""
    quoting: bool = True
    """Whether `"` quotes a field."""
    nulls: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        if self.delimiter is not None and (len(self.delimiter.encode()) != 1 or self.delimiter in '"\r\n'):
            raise ValueError("reader.delimiter: one ASCII character, neither a quote nor a line end")
        if self.header and self.names:
            raise ValueError("reader.names: only for files without header (header = false)")
        if len(set(self.names)) != len(self.names):
            raise ValueError("reader.names: a name occurs twice")


class Schema(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Id, optional label, and the columns to take, in order."""

    id: IdColumn
    label: LabelColumn | None = None
    columns: dict[str, Kind]
    reader: ReaderOptions = ReaderOptions()

    def __post_init__(self) -> None:
        if not 0 < len(self.columns) <= limits.MAX_COLUMNS:
            raise ValueError(f"columns: name 1 to {limits.MAX_COLUMNS} of them")
        used = self.names
        for name in used:
            if not 0 < len(name) <= limits.MAX_NAME_LENGTH:
                raise ValueError(f"columns: {name!r}: a name has 1 to {limits.MAX_NAME_LENGTH} characters")
        if len(set(used)) != len(used):
            raise ValueError("columns: the id or the label is named again among the columns")

    @property
    def names(self) -> tuple[str, ...]:
        """All columns to read: id, label if any, the rest."""
        label = () if self.label is None else (self.label.name,)
        return (self.id.name, *label, *self.columns)

    def without_label(self) -> "Schema":
        """The same schema for rows whose label is not known yet (prediction)."""
        return msgspec.structs.replace(self, label=None)

    def to_toml(self) -> str:
        """The schema file with a heading that explains it; `loads` reads it back."""
        document = {key: value for key, value in msgspec.to_builtins(self).items() if value}
        return HEADING + tomli_w.dumps(document)


def loads(text: str) -> Schema:
    """Read a schema file's text. Raises SchemaInvalid naming the field."""
    try:
        document: dict[str, Any] = tomllib.loads(text)
        return msgspec.convert(document, Schema)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError, RecursionError) as cause:
        raise SchemaInvalid(f"schema: {cause}") from None


def load(path: Path) -> Schema:
    """Read a schema file. Raises SchemaInvalid, also when the file can't be read."""
    try:
        with path.open("rb") as file:
            data = file.read(limits.MAX_SETTINGS_BYTES + 1)
        text = data.decode()
    except OSError as cause:
        raise SchemaInvalid(f"{path}: {cause.strerror}") from None
    except UnicodeDecodeError:
        raise SchemaInvalid(f"{path}: not UTF-8 text") from None
    if len(data) > limits.MAX_SETTINGS_BYTES:
        raise SchemaInvalid(f"{path}: longer than {limits.MAX_SETTINGS_BYTES} bytes (MAX_SETTINGS_BYTES)")
    return loads(text)
