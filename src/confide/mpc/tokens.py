"""Ids as the worker's library reads them: one word each, exact, with nothing that a CSV reader could bend."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from confide.data.arrow import Array

_DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
_FIRST = ord("x")
"""So that no token looks like a number."""


def tokens_of(ids: Array) -> Array:
    """`x` and the hexadecimal form of a text's UTF-8 bytes, or of an integer's 8 bytes."""
    if pa.types.is_integer(ids.type):
        data = ids.to_numpy().astype(">i8").view(np.uint8)
        ends = np.arange(len(ids) + 1, dtype=np.int64) * 8
    else:
        data, ends = _bytes_of(ids.cast(pa.large_binary()))
    return _tokens(data, ends)


def _bytes_of(ids: Any) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    _, offsets, data = ids.buffers()
    ends = np.frombuffer(offsets, np.int64, len(ids) + 1, ids.offset * 8)
    whole = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return whole[ends[0] : ends[-1]], ends - ends[0]


def _tokens(data: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]) -> Array:
    """Each cell's bytes become two digits each, after one letter."""
    count = ends.size - 1
    starts = ends * 2 + np.arange(count + 1)
    text = np.empty(2 * data.size + count, np.uint8)
    text[starts[:-1]] = _FIRST
    digit = np.ones(text.size, np.bool_)
    digit[starts[:-1]] = False
    pairs = np.empty((data.size, 2), np.uint8)
    pairs[:, 0], pairs[:, 1] = _DIGITS[data >> 4], _DIGITS[data & 15]
    text[digit] = pairs.reshape(-1)
    buffers = [None, pa.py_buffer(starts.tobytes()), pa.py_buffer(text.tobytes())]
    return pa.Array.from_buffers(pa.large_string(), count, buffers)
