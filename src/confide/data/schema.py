"""The schema file: what a party says about its source before `prepare`. TOML, written for people to edit."""

import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import tomli_w

from confide.core import limits
from confide.core.errors import SchemaInvalid
from confide.core.features import Kind

HEADING = """\
# Schema of a source file for `confide data prepare`.
# [id]       the column by which the parties' rows find each other: type "string" or "integer", alike at all.
#            An id of several columns: name, type = "string", columns = ["last", "born"], and for each how
#            it is written before it is compared: rules = ["text/1", "exact/1"].
# [label]    what is to be learned: type "binary" (0/1) or "real". Only its owner has this section.
# [columns]  "categorical" (any value, stored as a hash) or "numeric" (a finite number). Left out: not read.
# [dates]    columns of dates or times, each with the parts to take: "year", "month", "day", "weekday",
#            "hour", "seconds". Each becomes a column: seen = { parts = ["hour"] } gives seen.hour.
# [crosses]  new columns, one category for each combination: city_device = ["city", "device"].
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


class IdRule(StrEnum):
    """How ids are written before they are compared (data.alignment.normal_ids)."""

    EXACT_1 = "exact/1"
    TEXT_1 = "text/1"


class IdColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The column that identifies a row, or several of the source that do so together."""

    name: str
    type: IdType
    rules: tuple[IdRule, ...] = ()
    """Of an id of several parts: how each is written."""
    columns: tuple[str, ...] = ()
    """Of the source, in the order of the parts; a manifest does not name them."""

    def __post_init__(self) -> None:
        if not self.rules:
            if self.columns:
                raise ValueError("id.columns: an id of several columns has as many rules")
            return
        if self.type is not IdType.STRING:
            raise ValueError("id.rules: an id of several parts is a string")
        if not 1 < len(self.rules) <= limits.MAX_ID_PARTS:
            raise ValueError(f"id.rules: an id has 2 to {limits.MAX_ID_PARTS} parts")
        if self.columns and len(self.columns) != len(self.rules):
            raise ValueError("id.columns: an id of several columns has as many rules")

    @property
    def stored(self) -> "IdColumn":
        """As the manifest has it."""
        return msgspec.structs.replace(self, columns=())


class LabelColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The column to be learned."""

    name: str
    type: LabelType = LabelType.BINARY


class DatePart(StrEnum):
    """What can be taken of a date: categories, but for SECONDS, a number."""

    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    """Of the month."""
    WEEKDAY = "weekday"
    """1 is Monday (ISO 8601)."""
    HOUR = "hour"
    SECONDS = "seconds"
    """Since 1970-01-01T00:00:00."""

    @property
    def kind(self) -> Kind:
        """How it is stored."""
        return Kind.NUMERIC if self is DatePart.SECONDS else Kind.CATEGORICAL


class DateUnit(StrEnum):
    """What a number that means a date counts, since 1970."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"


class DateColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One column of dates, and what is taken of it."""

    parts: Annotated[tuple[DatePart, ...], msgspec.Meta(min_length=1, max_length=len(DatePart))]
    form: Annotated[str, msgspec.Meta(max_length=limits.MAX_NAME_LENGTH)] | None = None
    """How text is written: %Y, %m, %d, %H, %M, %S and what stands between; default RFC 3339."""
    unit: DateUnit | None = None
    """For numbers."""

    def __post_init__(self) -> None:
        if len(set(self.parts)) != len(self.parts):
            raise ValueError("parts: one is named twice")
        if self.form is not None and self.unit is not None:
            raise ValueError("form is for text, unit for numbers: not both")
        if self.form is not None:
            _check_form(self.form)


def _check_form(form: str) -> None:
    tokens = re.findall(r"%(.?)", form)
    if unknown := sorted(set(tokens) - set("YmdHMS")):
        raise ValueError(f"form: %{unknown[0]} is not known; use %Y, %m, %d, %H, %M, %S")
    if "Y" not in tokens or len(set(tokens)) != len(tokens):
        raise ValueError("form: %Y must occur, and nothing twice")


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
    dates: dict[str, DateColumn] = {}
    crosses: dict[
        str, Annotated[tuple[str, ...], msgspec.Meta(min_length=2, max_length=limits.MAX_CROSSED)]
    ] = {}
    """Each of categorical columns that stand in `columns`."""
    reader: ReaderOptions = ReaderOptions()

    def __post_init__(self) -> None:
        if not 0 < len(self.stored) <= limits.MAX_COLUMNS:
            raise ValueError(f"columns: name 1 to {limits.MAX_COLUMNS} of them")
        label = () if self.label is None else (self.label.name,)
        stored = (self.id.name, *label, *self.columns, *self._parts, *self.crosses)
        if self.id.rules and not self.id.columns:
            raise ValueError("id.columns: names the columns of the source, in the order of the rules")
        for name in (*stored, *self.dates, *self.id.columns):
            if not 0 < len(name) <= limits.MAX_NAME_LENGTH:
                raise ValueError(f"columns: {name!r}: a name has 1 to {limits.MAX_NAME_LENGTH} characters")
        for used in (self.names, stored):
            if len(set(used)) != len(used):
                raise ValueError("columns: a name occurs twice, among columns, dates, crosses, id and label")
        for name, crossed in self.crosses.items():
            self._check_cross(name, crossed)

    def _check_cross(self, name: str, crossed: tuple[str, ...]) -> None:
        if len(set(crossed)) != len(crossed):
            raise ValueError(f"crosses.{name}: a column is named twice")
        for column in crossed:
            if self.columns.get(column) is not Kind.CATEGORICAL:
                raise ValueError(f"crosses.{name}: {column!r} is no categorical column of [columns]")

    @property
    def names(self) -> tuple[str, ...]:
        """All columns to read: of the id, label if any, the rest."""
        label = () if self.label is None else (self.label.name,)
        return (*(self.id.columns or (self.id.name,)), *label, *self.columns, *self.dates)

    @property
    def stored(self) -> dict[str, Kind]:
        """The columns of the prepared dataset: those read, parts of dates, crosses; behind id and label."""
        return self.columns | self._parts | dict.fromkeys(self.crosses, Kind.CATEGORICAL)

    @property
    def _parts(self) -> dict[str, Kind]:
        return {f"{name}.{part}": part.kind for name, date in self.dates.items() for part in date.parts}

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
