"""The compiled reader of rows (native/rows.h): pieces of plain text to columns."""

import ctypes
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.core import limits
from confide.data.arrow import Array
from confide.data.readers.base import RowNumbers
from confide.data.shared_library import load


class As(IntEnum):
    """What becomes of a column. Numbers as in native/rows.h."""

    SKIPPED = 0
    CATEGORY = 1
    """Its category hash, uint64; 0 where missing."""
    NUMBER = 2
    """float64; NaN where missing."""
    TEXT = 3
    """Its bytes as `binary`; null where missing."""


class _ColumnStruct(ctypes.Structure):
    """struct confide_column of native/rows.h."""

    _fields_ = (
        ("troubled", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("bytes", ctypes.c_void_p),
        ("offsets", ctypes.c_void_p),
        ("missing", ctypes.c_void_p),
        ("kind", ctypes.c_int32),
    )


class _TextStruct(ctypes.Structure):
    """struct confide_text of native/rows.h."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("nulls", ctypes.c_char_p),
        ("nulls_size", ctypes.c_int64),
        ("longest", ctypes.c_int64),
        ("delimiter", ctypes.c_uint8),
    )


@dataclass(frozen=True, slots=True)
class TextForm:
    """How the lines of a plain text are to be read."""

    width: int
    """Cells of a row."""
    delimiter: bytes
    nulls: tuple[bytes, ...]
    """Spellings of a missing value, of at most MOST_NULL_BYTES each."""


@dataclass(frozen=True, slots=True, eq=False)
class PlainRows:
    """A piece of text, read."""

    columns: dict[int, Array]
    """By place; without those that need a closer look."""
    numbers: RowNumbers
    """Of the rows read, from 1 in this piece."""
    malformed: RowNumbers
    """Numbers of the rows of the wrong width."""


MOST_NULL_BYTES: Final = 255


@functools.cache
def library() -> ctypes.CDLL | None:
    """None where the installation has none."""
    core = load(Path(__file__).parent, "_rows")
    if core is not None:
        core.confide_count_lines.argtypes = (ctypes.c_char_p, ctypes.c_int64)
        core.confide_count_lines.restype = ctypes.c_int64
        numbers, columns = ctypes.c_void_p, ctypes.POINTER(_ColumnStruct)
        text, count = ctypes.POINTER(_TextStruct), ctypes.POINTER(ctypes.c_int64)
        core.confide_read_rows.argtypes = (text, columns, ctypes.c_int32, numbers, count)
        core.confide_read_rows.restype = ctypes.c_int64
    return core


class _Column:
    """Where one column goes: arrays with room for all rows of a piece."""

    def __init__(self, kind: As, room: int, text_bytes: int) -> None:
        self.kind = kind
        self.trouble = np.zeros(1, np.int64)
        self.values: npt.NDArray[Any] = np.empty(0)
        self.bytes: npt.NDArray[Any] = np.empty(0, np.uint8)
        self.offsets: npt.NDArray[Any] = np.empty(0, np.int32)
        self.missing: npt.NDArray[Any] = np.empty(0, np.uint8)
        if kind is As.TEXT:
            self.bytes = np.empty(text_bytes, np.uint8)
            self.offsets = np.zeros(room + 1, np.int32)
            self.missing = np.empty(room, np.uint8)
        else:
            self.values = np.empty(room, np.uint64 if kind is As.CATEGORY else np.float64)

    def struct(self) -> _ColumnStruct:
        arrays = (self.trouble, self.values, self.bytes, self.offsets, self.missing)
        return _ColumnStruct(*(array.ctypes.data for array in arrays), int(self.kind))

    def array(self, rows: int) -> Array:
        """The first rows."""
        if self.kind is not As.TEXT:
            values: Array = pa.array(self.values[:rows], from_pandas=False)
            return values
        present: npt.NDArray[Any] = np.packbits(self.missing[:rows] == 0, bitorder="little")
        # A copy: the room is for the whole text, and ids are kept for long.
        cells = self.bytes[: self.offsets[rows]].copy()
        arrays: tuple[Any, ...] = (present, self.offsets[: rows + 1], cells)
        buffers: list[Any] = [pa.py_buffer(array) for array in arrays]
        return pa.Array.from_buffers(pa.binary(), rows, buffers)


def read_rows(text: bytes, form: TextForm, kinds: Mapping[int, As]) -> PlainRows | None:
    """Read the columns at these places. None: the text is not plain, or there is no library.

    `text` is UTF-8, of less than 2 GiB, without quotes that quote.
    """
    core = library()
    if core is None:
        return None
    room = core.confide_count_lines(text, len(text))
    columns = {place: _Column(kind, room, len(text)) for place, kind in kinds.items()}
    structs = (_ColumnStruct * form.width)()
    for place, column in columns.items():
        structs[place] = column.struct()
    malformed, count = np.empty(room, np.int64), ctypes.c_int64()
    described = _described(text, form)
    rows = core.confide_read_rows(described, structs, form.width, malformed.ctypes.data, count)
    if rows < 0:
        return None
    found = malformed[: count.value].copy()
    sure = {place: column.array(rows) for place, column in columns.items() if not column.trouble[0]}
    return PlainRows(sure, _others(rows, found), found)


def _described(text: bytes, form: TextForm) -> _TextStruct:
    nulls = b"".join(bytes([len(null)]) + null for null in form.nulls)
    address = ctypes.cast(ctypes.c_char_p(text), ctypes.c_void_p).value
    return _TextStruct(address, len(text), nulls, len(nulls), limits.MAX_FIELD_BYTES, form.delimiter[0])


def _others(rows: int, malformed: RowNumbers) -> RowNumbers:
    """The numbers of the `rows` rows that are not malformed."""
    every = np.arange(1, rows + malformed.size + 1, dtype=np.int64)
    return np.delete(every, malformed - 1) if malformed.size else every
