"""The digest of a set of ids: what the parties of a prediction compare without showing an id."""

import hashlib

import numpy as np
import pyarrow as pa

from confide.data.arrow import Array, ChunkedArray
from confide.data.arrow import compute as pc

_SLICE_ROWS = 1_048_576


def id_set_digest(ids: ChunkedArray) -> str:
    r"""Hexadecimal SHA-384 over the sorted ids, whatever the order of the rows.

    Integers: "integer\0", then each as 8 big-endian bytes of value + 2^63, ascending. Text: "string\0",
    then each as its UTF-8 length in 4 big-endian bytes and its UTF-8 bytes, in byte order.
    Duplicates count: {1, 1} and {1} differ.
    """
    if pa.types.is_integer(ids.type):
        return _integers(ids)
    return _text(ids)


def _integers(ids: ChunkedArray) -> str:
    state = hashlib.sha384(b"integer\0")
    values = np.sort(ids.to_numpy().astype(np.int64))
    shifted = values.view(np.uint64) ^ np.uint64(1 << 63)
    state.update(shifted.astype(">u8").tobytes())
    return state.hexdigest()


def _text(ids: ChunkedArray) -> str:
    state = hashlib.sha384(b"string\0")
    # Offsets of 64 bits: all ids together may be longer than the 2 GiB of a plain string column.
    column = ids.cast(pa.large_binary()).combine_chunks()
    column = column.take(pc.sort_indices(column))
    for start in range(0, len(column), _SLICE_ROWS):
        state.update(_length_prefixed(column.slice(start, _SLICE_ROWS)))
    return state.hexdigest()


def _length_prefixed(values: Array) -> bytes | memoryview:
    lengths = pc.binary_length(values).to_numpy().astype(">u4")
    prefixes = pa.Array.from_buffers(pa.binary(4), len(values), [None, pa.py_buffer(lengths.tobytes())])
    joined = pc.binary_join_element_wise(
        prefixes.cast(pa.large_binary()), values, pa.scalar(b"", pa.large_binary())
    )
    if not len(joined):
        return b""
    _, offsets, data = joined.buffers()
    ends = np.frombuffer(offsets, np.int64, len(joined) + 1, joined.offset * 8)
    return memoryview(data)[ends[0] : ends[-1]]
