"""From cells as the source has them to columns as a block stores them, and which rows are at fault.

All work is on whole columns; only a column that has faults is looked at again, more closely. What a cell
is worth never depends on its neighbours: the close look accepts all that the quick one does.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core import limits
from confide.core.errors import SchemaMismatch
from confide.data.arrow import Array
from confide.data.arrow import compute as pc
from confide.data.blocks import MISSING_CATEGORY
from confide.data.category_hash import hash_texts
from confide.data.manifest import Reason
from confide.data.schema import IdType, LabelType

BoolArray = npt.NDArray[np.bool_]

_INTEGER = r"^-?[0-9]+$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_INFINITE_OR_NAN = r"(?i)^[+-]?(inf|infinity|nan)$"


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """One column: values (arbitrary where at fault), and masks of the rows at fault, by reason."""

    values: Array
    faults: tuple[tuple[Reason, BoolArray], ...] = ()


Parser = Callable[[Array], Parsed]


def parse_id(kind: IdType) -> Parser:
    """Parser of the id column."""
    return _integer_id if kind is IdType.INTEGER else _text_id


def parse_label(kind: LabelType) -> Parser:
    """Parser of the label column: a number, 0 or 1 when binary."""

    def parse(column: Array) -> Parsed:
        number = parse_number(column)
        values = number.values.to_numpy()
        faults = [(Reason.LABEL_INVALID, mask) for _, mask in number.faults]
        faults.append((Reason.LABEL_MISSING, np.isnan(values)))
        if kind is LabelType.BINARY:
            faults.append((Reason.LABEL_INVALID, (values != 0) & (values != 1)))
        return Parsed(number.values, tuple(faults))

    return parse


def parse_number(column: Array) -> Parsed:
    """Finite numbers; NaN for a missing one."""
    if is_text(column.type):
        return _text_number(column)
    if pa.types.is_floating(column.type) or pa.types.is_null(column.type):
        # In a typed file NaN is how many tools write "missing".
        return _finite(_typed(column, pa.float64()), nan_is_missing=True)
    if not (pa.types.is_integer(column.type) or pa.types.is_boolean(column.type) or _is_decimal(column.type)):
        raise SchemaMismatch(f"a column of type {column.type} can't be numeric")
    return _finite(_typed(column, pa.float64()), nan_is_missing=True)


def parse_category(column: Array) -> Parsed:
    """XXH3-64 (seed 0) of each value's UTF-8 text; MISSING_CATEGORY for a missing one."""
    text, not_utf8 = as_text(column)
    codes = hash_texts(text)
    # The code of "missing" is reserved; the one text in 2^64 that hashes to it takes its neighbour.
    codes[codes == MISSING_CATEGORY] = MISSING_CATEGORY + 1
    if text.null_count:
        codes[_mask(text.is_null())] = MISSING_CATEGORY
    lengths = pc.binary_length(text)
    faults = _some((Reason.NOT_UTF8, not_utf8))
    if (pc.max(lengths).as_py() or 0) > limits.MAX_FIELD_BYTES:
        faults += (
            (Reason.VALUE_TOO_LONG, _mask(pc.greater(lengths, limits.MAX_FIELD_BYTES).fill_null(False))),
        )
    return Parsed(pa.array(codes), faults)


def _integer_id(column: Array) -> Parsed:
    if pa.types.is_integer(column.type):
        return _typed_integer_id(column)
    if not is_text(column.type):
        raise SchemaMismatch(f"a column of type {column.type} can't be an integer id")
    text, not_utf8 = as_text(column)
    empty = _mask(text.is_null())
    numbers, wrong = _integers(text)
    faults = _some((Reason.NOT_UTF8, not_utf8), (Reason.EMPTY_ID, empty), (Reason.ID_NOT_INTEGER, wrong))
    return Parsed(numbers.fill_null(0), faults)


def _integers(text: Array) -> tuple[Array, BoolArray]:
    # Arrow also reads 0x10; nothing else of that spelling is an integer.
    if not any(pc.any(pc.match_substring(text, mark)).as_py() for mark in "xX"):
        try:
            return text.cast(pa.int64()), np.zeros(len(text), np.bool_)
        except pa.ArrowInvalid:
            pass
    return _integers_closely(text)


def _integers_closely(text: Array) -> tuple[Array, BoolArray]:
    trimmed = _unsigned_plus(pc.utf8_trim_whitespace(text))
    shaped = pc.if_else(pc.match_substring_regex(trimmed, _INTEGER), trimmed, None)
    # Decimal of 38 digits holds every candidate that can still be in range.
    short = pc.if_else(pc.less_equal(pc.utf8_length(shaped), 38), shaped, None)
    wide = short.cast(pa.decimal128(38, 0))
    low, high = (pa.scalar(bound, pa.decimal128(38, 0)) for bound in (-(1 << 63), (1 << 63) - 1))
    fits = pc.and_(pc.greater_equal(wide, low), pc.less_equal(wide, high))
    numbers = pc.if_else(fits, wide, None).cast(pa.int64())
    return numbers, _mask(numbers.is_null()) & ~_mask(text.is_null())


def _typed_integer_id(column: Array) -> Parsed:
    empty = _mask(column.is_null())
    filled = column.fill_null(0)
    wrong = np.zeros(len(column), np.bool_)
    if pa.types.is_uint64(column.type):
        wrong = filled.to_numpy() > np.uint64((1 << 63) - 1)
    numbers = filled.cast(pa.int64(), safe=False)
    return Parsed(numbers, _some((Reason.EMPTY_ID, empty), (Reason.ID_NOT_INTEGER, wrong)))


def _text_id(column: Array) -> Parsed:
    if not (is_text(column.type) or pa.types.is_integer(column.type)):
        raise SchemaMismatch(f"a column of type {column.type} can't be a text id")
    text, not_utf8 = as_text(column)
    filled = text.fill_null("")
    lengths = pc.binary_length(filled).to_numpy()
    faults = _some(
        (Reason.NOT_UTF8, not_utf8),
        (Reason.EMPTY_ID, lengths == 0),
        (Reason.ID_TOO_LONG, lengths > limits.MAX_ID_BYTES),
    )
    return Parsed(filled, faults)


def _text_number(column: Array) -> Parsed:
    text, not_utf8 = as_text(column)
    try:
        parsed = _finite(text.cast(pa.float64()), nan_is_missing=False)
    except pa.ArrowInvalid:
        parsed = _numbers_closely(text)
    return Parsed(parsed.values, (*_some((Reason.NOT_UTF8, not_utf8)), *parsed.faults))


def _numbers_closely(text: Array) -> Parsed:
    trimmed = pc.utf8_trim_whitespace(text)
    present = _mask(pc.greater(pc.utf8_length(trimmed), 0).fill_null(False))
    shaped = _mask(pc.match_substring_regex(trimmed, _NUMBER).fill_null(False))
    wild = _mask(pc.match_substring_regex(trimmed, _INFINITE_OR_NAN).fill_null(False))
    numbers = pc.if_else(pa.array(shaped), _unsigned_plus(trimmed), None).cast(pa.float64())
    parsed = _finite(numbers, nan_is_missing=False)
    wrong = _some((Reason.NOT_A_NUMBER, present & ~shaped & ~wild), (Reason.NOT_FINITE, wild))
    return Parsed(parsed.values, (*wrong, *parsed.faults))


def _finite(numbers: Array, *, nan_is_missing: bool) -> Parsed:
    missing = _mask(numbers.is_null())
    values = numbers.fill_null(np.nan).to_numpy()
    wild = np.isinf(values) if nan_is_missing else ~np.isfinite(values) & ~missing
    # One bit pattern for "missing", whatever NaN the source had: bytes are deterministic.
    values = np.where(np.isnan(values), np.nan, values)
    return Parsed(pa.array(values, from_pandas=False), _some((Reason.NOT_FINITE, wild)))


def as_text(column: Array) -> tuple[Array, BoolArray]:
    """The column as UTF-8 text, null where it is not, and the mask of those rows."""
    valid = np.zeros(len(column), np.bool_)
    if pa.types.is_string(column.type):
        return column, valid
    try:
        return _typed(column, pa.string()), valid
    except pa.ArrowInvalid:
        mask = np.fromiter((not _is_utf8(cell) for cell in column.to_pylist()), np.bool_, len(column))
        return pc.if_else(pa.array(mask), None, column).cast(pa.string()), mask


def _is_utf8(cell: bytes | None) -> bool:
    try:
        (cell or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _typed(column: Array, target: pa.DataType) -> Array:
    try:
        return column.cast(target, safe=pa.types.is_string(target))
    except pa.ArrowNotImplementedError:
        raise SchemaMismatch(f"a column of type {column.type} can't be used") from None


def _unsigned_plus(text: Array) -> Array:
    stripped: Array = pc.replace_substring_regex(text, r"^\+", "")
    return stripped


def is_text(kind: pa.DataType) -> bool:
    """Whether cells of this type are text, or bytes that may be."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    return binary or pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_decimal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind))


def _mask(column: Array) -> BoolArray:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _some(*faults: tuple[Reason, BoolArray]) -> tuple[tuple[Reason, BoolArray], ...]:
    return tuple((reason, mask) for reason, mask in faults if mask.any())
