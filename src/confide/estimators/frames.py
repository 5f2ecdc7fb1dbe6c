"""What people hold their rows in: 2-D arrays of numbers or objects, data frames, Arrow tables.

Each column becomes numbers (float64, NaN for missing) or category codes (XXH3-64 of its text, 0 for missing),
as a prepared dataset holds them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.data.category_hash import hash_texts

Values = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns by name, in order."""

    columns: Mapping[str, Values]
    named: bool
    """Whether the names came with the data; otherwise they are x0, x1, …"""
    rows: int

    @classmethod
    def of(cls, given: Any) -> "Frame":
        """Raises ValueError or TypeError, in the words that scikit-learn's users know."""
        if isinstance(given, pa.Table):
            named = {name: _plain(given.column(name).to_numpy()) for name in given.column_names}
            return cls._checked(named, named=True, rows=given.num_rows)
        if hasattr(given, "columns") and hasattr(given, "__getitem__"):
            named = {str(name): _plain(np.asarray(given[name])) for name in given.columns}
            return cls._checked(named, named=True, rows=len(given))
        if hasattr(given, "toarray"):
            raise TypeError("Sparse data is not supported: X has to be dense (X.toarray())")
        return cls._of_array(np.asarray(given))

    @classmethod
    def _of_array(cls, array: Values) -> "Frame":
        if array.dtype.kind == "c":
            raise ValueError(f"Complex data not supported\n{array}\n")
        if array.ndim != 2:  # noqa: PLR2004 - rows and columns
            raise ValueError(
                f"Expected 2D array, got {array.ndim}D array instead: shape={array.shape}. Reshape your data "
                "either using array.reshape(-1, 1) or array.reshape(1, -1)"
            )
        found = {f"x{number}": _plain(column) for number, column in enumerate(array.T)}
        return cls._checked(found, named=False, rows=len(array))

    @classmethod
    def _checked(cls, columns: dict[str, Values], *, named: bool, rows: int) -> "Frame":
        for what, count in (("feature", len(columns)), ("sample", rows)):
            if not count:
                shape = (rows, len(columns))
                raise ValueError(
                    f"Found array with 0 {what}(s) (shape={shape}) while a minimum of 1 is required."
                )
        return cls(columns, named, rows)


def is_categorical(values: Values) -> bool:
    """Texts and other objects are; numbers and truth values are not, unless somebody says so."""
    return values.dtype.kind not in "biuf"


def numbers(values: Values) -> npt.NDArray[np.float64]:
    """Raises ValueError for a text that is no number."""
    return np.ascontiguousarray(values, np.float64)


def codes(values: Values) -> npt.NDArray[np.uint64]:
    """Category codes; None and NaN are missing. Numbers that are whole are written without a fraction."""
    missing = np.array([value is None or value != value for value in values.tolist()])  # noqa: PLR0124 - NaN
    texts = ["" if gone else _text(value) for gone, value in zip(missing, values.tolist(), strict=True)]
    found = hash_texts(pa.array(texts, pa.string())).copy()
    found[missing] = 0
    return found


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _plain(column: Values) -> Values:
    """Objects that are all numbers are numbers."""
    if column.dtype.kind not in "OUS":
        return column
    if any(isinstance(value, Mapping | list | tuple) for value in column.tolist()):
        raise TypeError("argument must be a string or a number: a cell holds something else")
    texts = any(isinstance(value, str | bytes) for value in column.tolist())
    return column if texts else column.astype(np.float64)
