"""XXH3-64 (seed 0) of whole columns at once: the category hash, and a key to find equal texts by.

Algorithm: the xxHash specification, "XXH3 Algorithm Description" (doc/xxhash_spec.md). The compiled library
does it (native/); where there is none, NumPy does inputs of 1 to 16 bytes, and the xxhash library the few
that are longer, one by one.
"""

import ctypes
import functools
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from confide.data.arrow import Array
from confide.data.shared_library import load

Codes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248e"
)
"""The first 56 of the default secret's bytes: all that short inputs use."""
_MAX_SHORT = 16
_PIECE_ROWS = 8192
"""So many at a time stay in a core's cache."""
_LOW = np.uint64(0xFFFFFFFF)
_BY_WIDTH: Final = {4: "confide_hash_cells32", 8: "confide_hash_cells64"}


def _flip(at: int, width: int) -> np.uint64:
    """Two neighbouring words of the secret, combined."""
    first, second = (int.from_bytes(_SECRET[i : i + width], "little") for i in (at, at + width))
    return np.uint64(first ^ second)


_FLIP_1_3, _FLIP_4_8, _FLIP_LOW, _FLIP_HIGH = _flip(0, 4), _flip(8, 8), _flip(24, 8), _flip(40, 8)


def hash_texts(column: Array) -> Codes:
    """(rows,) XXH3-64 of each cell of a `string` or `binary` column; of an empty one where null."""
    core = _library()
    return hash_in_numpy(column) if core is None else _hash_natively(core, column)


@functools.cache
def _library() -> ctypes.CDLL | None:
    core = load(Path(__file__).parent, "_hash")
    for name in () if core is None else _BY_WIDTH.values():
        function = getattr(core, name)
        function.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
        function.restype = None
    return core


def _hash_natively(core: ctypes.CDLL, column: Array) -> Codes:
    data, offsets = _cells(column)
    result = np.empty(len(offsets) - 1, np.uint64)
    if (offsets[1:] < offsets[:-1]).any() or not 0 <= offsets[0] <= offsets[-1] <= len(data):
        raise ValueError("the cells of a column do not lie one after another within its bytes")
    hashed = getattr(core, _BY_WIDTH[offsets.dtype.itemsize])
    hashed(data.ctypes.data, offsets.ctypes.data, len(result), result.ctypes.data)
    if column.null_count:
        result[_nulls(column)] = xxhash.xxh3_64_intdigest(b"")
    return result


def hash_in_numpy(column: Array) -> Codes:
    """See `hash_texts`: the same without the compiled library."""
    data, starts, lengths = _layout(column)
    result = np.empty(len(starts), np.uint64)
    for start in range(0, len(starts), _PIECE_ROWS):
        rows = slice(start, start + _PIECE_ROWS)
        _hash_piece(data, starts[rows], lengths[rows], result[rows])
    return result


def _hash_piece(data: Bytes, starts: Places, lengths: Places, result: Codes) -> None:
    result[:] = xxhash.xxh3_64_intdigest(b"")
    shortest, longest = int(lengths.min()), int(lengths.max())
    for least, most, hashed in _KINDS:
        if longest < least:
            return
        if shortest >= least and longest <= most:
            result[:] = hashed(data, starts, lengths)
            return
        chosen = (lengths >= least) & (lengths <= most)
        if np.count_nonzero(chosen) * 2 > len(chosen) and len(data) >= most <= _MAX_SHORT:
            # Hashing what is not chosen, too, from a place that exists, is quicker than picking cells out.
            every = hashed(data, np.minimum(starts, len(data) - most), np.clip(lengths, least, most))
            # Chosen cells at the very end have been moved by that: they are among the few hashed again.
            np.copyto(result, every, where=chosen)
            chosen &= starts > len(data) - most
        picked = np.flatnonzero(chosen)
        if picked.size:
            result[picked] = hashed(data, starts[picked], lengths[picked])


def _layout(column: Array) -> tuple[Bytes, Places, Places]:
    """(bytes, where each cell starts, how long it is)."""
    data, cells = _cells(column)
    offsets = cells.astype(np.int64)
    lengths = np.diff(offsets)
    if column.null_count:
        lengths[_nulls(column)] = 0
    return data, offsets[:-1], lengths


def _nulls(column: Array) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False))


def _cells(column: Array) -> tuple[Bytes, npt.NDArray[np.int32] | Places]:
    """(bytes, where each cell starts, and the last one's end): the column's own buffers, not copied."""
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    kind = np.dtype(np.int64 if wide else np.int32)
    buffers: Any = column.buffers()
    _, offset_buffer, data_buffer = buffers
    count = len(column)
    if offset_buffer is None or not count:
        return np.empty(0, np.uint8), np.zeros(count + 1, np.int64)
    offsets: npt.NDArray[Any] = np.frombuffer(offset_buffer, kind, count + 1, column.offset * kind.itemsize)
    data = np.empty(0, np.uint8) if data_buffer is None else np.frombuffer(data_buffer, np.uint8)
    return data, offsets


def _words(data: Bytes, at: Places, width: int) -> Codes:
    """The little-endian words of `width` bytes that start at `at`, whatever their alignment."""
    every: Any = np.ndarray((len(data) - width + 1,), f"<u{width}", buffer=data, strides=(1,))
    return np.asarray(every[at], np.uint64)


def _hash_1_3(data: Bytes, at: Places, size: Places) -> Codes:
    first, middle, last = (data[at + place].astype(np.uint64) for place in (0, size >> 1, size - 1))
    mixed = (
        (first << np.uint64(16)) | (middle << np.uint64(24)) | last | (size.astype(np.uint64) << np.uint64(8))
    )
    mixed ^= _FLIP_1_3
    mixed ^= mixed >> np.uint64(33)
    mixed *= np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0x165667B19E3779F9)
    mixed ^= mixed >> np.uint64(32)
    return np.asarray(mixed, np.uint64)


def _hash_4_8(data: Bytes, at: Places, size: Places) -> Codes:
    mixed = _words(data, at, 4)
    mixed <<= np.uint64(32)
    mixed += _words(data, at + size - 4, 4)
    mixed ^= _FLIP_4_8
    mixed ^= _rotated(mixed, 49) ^ _rotated(mixed, 24)
    mixed *= np.uint64(0x9FB21C651E98DF25)
    mixed ^= (mixed >> np.uint64(35)) + size.astype(np.uint64)
    mixed *= np.uint64(0x9FB21C651E98DF25)
    return mixed ^ (mixed >> np.uint64(28))


def _hash_9_16(data: Bytes, at: Places, size: Places) -> Codes:
    low = _words(data, at, 8) ^ _FLIP_LOW
    high = _words(data, at + size - 8, 8) ^ _FLIP_HIGH
    mixed = low.byteswap() + high + size.astype(np.uint64) + _folded_product(low, high)
    mixed ^= mixed >> np.uint64(37)
    mixed *= np.uint64(0x165667919E3779F9)
    return mixed ^ (mixed >> np.uint64(32))


def _hash_long(data: Bytes, at: Places, size: Places) -> Codes:
    view = data.data
    cells = zip(at.tolist(), size.tolist(), strict=True)
    return np.fromiter(
        (xxhash.xxh3_64_intdigest(view[start : start + length]) for start, length in cells),
        np.uint64,
        len(at),
    )


_KINDS: Final = (
    (1, 3, _hash_1_3),
    (4, 8, _hash_4_8),
    (9, _MAX_SHORT, _hash_9_16),
    (_MAX_SHORT + 1, 1 << 62, _hash_long),
)
"""(least length, greatest, how)."""


def _rotated(words: Codes, by: int) -> Codes:
    return (words << np.uint64(by)) | (words >> np.uint64(64 - by))


def _folded_product(left: Codes, right: Codes) -> Codes:
    """Low half XOR high half of the 128-bit product."""
    half = np.uint64(32)
    left_low, left_high, right_low, right_high = left & _LOW, left >> half, right & _LOW, right >> half
    low, cross = left_low * right_low, left_high * right_low
    middle = (low >> half) + (cross & _LOW) + left_low * right_high
    high = left_high * right_high + (cross >> half) + (middle >> half)
    high ^= left * right
    return np.asarray(high, np.uint64)
