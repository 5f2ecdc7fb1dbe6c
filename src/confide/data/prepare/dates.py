"""Points in time into parts that a model can use: the hour, the day of the week, ….

Written as text, by default as in RFC 3339 (a date alone, or with a time; with or without an offset), or by a
form of the schema's own; as counted units since 1970; or in a typed file. A time with an offset is taken to
UTC, one without is left as it is written.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core.errors import SchemaMismatch
from confide.data.arrow import Array
from confide.data.arrow import compute as pc
from confide.data.blocks import MISSING_CATEGORY
from confide.data.category_hash import hash_texts
from confide.data.manifest import Reason
from confide.data.prepare.cells import Parsed, Parser, as_text, is_text, parse_number
from confide.data.schema import DateColumn, DatePart, DateUnit

Micros = npt.NDArray[np.int64]
"""Since 1970-01-01T00:00:00."""
BoolArray = npt.NDArray[np.bool_]

_SECOND: Final = 1_000_000
_HOUR: Final = 3600 * _SECOND
_DAY: Final = 24 * _HOUR
_FIRST, _END = (int(np.datetime64(day, "us").astype(np.int64)) for day in ("0001-01-01", "10000-01-01"))
_THURSDAY: Final = 3
"""Days since Monday of 1970-01-01."""
_RFC_3339: Final = (
    r"^(?P<Y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
    r"(?:[Tt ](?P<H>[0-9]{2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2})(?:[.,][0-9]+)?)?"
    r"(?:(?:[Zz]| ?UTC)|(?P<sign>[+-])(?P<zh>[0-9]{2}):?(?P<zm>[0-9]{2}))?)?$"
)
"""Fractions of a second are read over."""
_TOKENS: Final = {token: f"(?P<{token}>[0-9]{{1,2}})" for token in "mdHMS"} | {"Y": "(?P<Y>[0-9]{4})"}


def parse_part(date: DateColumn, part: DatePart) -> Parser:
    """Parser of one part of a column of dates: a category, or for SECONDS a number."""

    def parse(column: Array) -> Parsed:
        micros, missing, wrong = _micros(column, date)
        faults = ((Reason.NOT_A_DATE, wrong),) if wrong.any() else ()
        if part is DatePart.SECONDS:
            return Parsed(pa.array(np.where(missing, np.nan, micros / _SECOND), from_pandas=False), faults)
        codes = _codes(_PARTS[part](micros))
        codes[missing] = MISSING_CATEGORY
        return Parsed(pa.array(codes), faults)

    return parse


def look_like_dates(column: Array, at_most_wrong: float) -> bool:
    """Whether the cells are written as dates, but for this share of those that are not missing."""
    if not (is_text(column.type) or pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        return False
    _, missing, wrong = _micros(column, DateColumn(parts=(DatePart.YEAR,)))
    present = np.count_nonzero(~missing)
    return bool(present and np.count_nonzero(wrong) <= at_most_wrong * present)


def _codes(numbers: Micros) -> npt.NDArray[np.uint64]:
    """As the category hash of the number's digits."""
    known, at = np.unique(numbers, return_inverse=True)
    return hash_texts(pa.array(known).cast(pa.string()))[at]


def _months(micros: Micros) -> Micros:
    return micros.view("datetime64[us]").astype("datetime64[M]").astype(np.int64)


def _day(micros: Micros) -> Micros:
    at = micros.view("datetime64[us]")
    first = at.astype("datetime64[M]").astype("datetime64[D]")
    return np.asarray((at.astype("datetime64[D]") - first).astype(np.int64) + 1, np.int64)


_PARTS: Final[dict[DatePart, Callable[[Micros], Micros]]] = {
    DatePart.YEAR: lambda micros: _months(micros) // 12 + 1970,
    DatePart.MONTH: lambda micros: _months(micros) % 12 + 1,
    DatePart.DAY: _day,
    DatePart.WEEKDAY: lambda micros: (micros // _DAY + _THURSDAY) % 7 + 1,
    DatePart.HOUR: lambda micros: micros // _HOUR % 24,
}


def _micros(column: Array, date: DateColumn) -> tuple[Micros, BoolArray, BoolArray]:
    """(points in time, which are missing, which are none)."""
    if date.unit is not None:
        return _counted(column, _UNITS[date.unit])
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    if is_text(column.type):
        return _written(column, _RFC_3339 if date.form is None else _pattern(date.form))
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        raise SchemaMismatch(f"a column of type {column.type} holds no dates; numbers need a 'unit'")
    counts = (
        column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64()).fill_null(0).to_numpy()
    )
    return _stamped(counts.astype(np.int64), _nanoseconds(column.type), _mask(column.is_null()))


def _nanoseconds(kind: Any) -> int:
    """Of what a typed column counts."""
    if pa.types.is_date(kind):
        return 1000 * _DAY if pa.types.is_date32(kind) else _NANOSECONDS["ms"]
    found: int = _NANOSECONDS[kind.unit]
    return found


_NANOSECONDS: Final = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}


def _stamped(counts: Micros, nanoseconds: int, missing: BoolArray) -> tuple[Micros, BoolArray, BoolArray]:
    """What lies outside of the range is told before it is multiplied: it could come back into it."""
    if nanoseconds < _NANOSECONDS["us"]:
        return _in_range(counts // 1000, missing, np.zeros(len(counts), np.bool_))
    micros = nanoseconds // 1000
    wrong = ~missing & ((counts < _FIRST // micros) | (counts > _END // micros))
    return _in_range(np.where(wrong, 0, counts) * micros, missing, wrong)


_UNITS: Final = {DateUnit.SECONDS: _SECOND, DateUnit.MILLISECONDS: 1000, DateUnit.MICROSECONDS: 1}


def _counted(column: Array, micros: int) -> tuple[Micros, BoolArray, BoolArray]:
    parsed = parse_number(column)
    numbers, wrong = parsed.values.to_numpy(), np.zeros(len(column), np.bool_)
    for _, mask in parsed.faults:
        wrong |= mask
    missing = np.isnan(numbers) & ~wrong
    wrong |= ~missing & ~((numbers >= _FIRST / micros) & (numbers < _END / micros))
    return _in_range((np.where(missing | wrong, 0, numbers) * micros).astype(np.int64), missing, wrong)


def _written(column: Array, pattern: str) -> tuple[Micros, BoolArray, BoolArray]:
    text, not_utf8 = as_text(column)
    trimmed = pc.utf8_trim_whitespace(text)
    missing = ~_mask(pc.greater(pc.utf8_length(trimmed), 0).fill_null(False)) & ~not_utf8
    found = pc.extract_regex(trimmed, pattern)
    wrong = (_mask(found.is_null()) & ~missing) | not_utf8
    names = set(re.compile(pattern).groupindex)

    def part(name: str, default: int = 0) -> Micros:
        if name not in names:
            return np.full(len(column), default, np.int64)
        digits: Any = pc.struct_field(found, name)
        there = pc.if_else(pc.equal(digits, ""), None, digits).cast(pa.int64())
        return np.asarray(there.fill_null(default).to_numpy(zero_copy_only=False), np.int64)

    year, month, day = part("Y", 1970), part("m", 1), part("d", 1)
    hour, minute, second = part("H"), part("M"), part("S")
    wrong |= ~missing & ((month < 1) | (month > 12) | (hour > 23) | (minute > 59) | (second > 59))  # noqa: PLR2004
    months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).view("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    wrong |= ~missing & (days.astype("datetime64[M]") != months)
    micros = days.astype(np.int64) * _DAY + hour * _HOUR + (minute * 60 + second) * _SECOND
    if "sign" in names:
        wrong |= ~missing & ((part("zh") > 23) | (part("zm") > 59))  # noqa: PLR2004
        west = _mask(pc.equal(pc.struct_field(found, "sign"), "-").fill_null(False))
        offset = part("zh") * _HOUR + part("zm") * 60 * _SECOND
        micros += np.where(west, offset, -offset)
    return _in_range(micros, missing, wrong)


def _in_range(micros: Micros, missing: BoolArray, wrong: BoolArray) -> tuple[Micros, BoolArray, BoolArray]:
    wrong = wrong | (~missing & ((micros < _FIRST) | (micros >= _END)))
    return np.where(missing | wrong, 0, micros), missing, wrong


def _pattern(form: str) -> str:
    """A schema's form, checked there, as an expression with named groups."""
    pieces = re.split(r"%([YmdHMS])", form)
    return (
        "^" + "".join(_TOKENS[piece] if at % 2 else re.escape(piece) for at, piece in enumerate(pieces)) + "$"
    )


def _mask(column: Any) -> BoolArray:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.bool_)
