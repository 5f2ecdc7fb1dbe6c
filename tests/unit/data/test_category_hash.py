"""XXH3-64 of columns, compiled and in NumPy, is the xxhash library's, cell for cell."""

import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from confide.data.category_hash import hash_in_numpy, hash_texts

WAYS = (hash_texts, hash_in_numpy)


def expected(cells):
    return [xxhash.xxh3_64_intdigest(cell or b"") for cell in cells]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
@given(cells=st.lists(st.none() | st.binary(max_size=40)))
def test_every_cell(way, kind, cells):
    assert way(pa.array(cells, kind)).tolist() == expected(cells)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", [*range(260), 1000, 1024, 1025, 1088, 1089, 2048, 2049, 65536])
def test_every_length(way, length):
    cells = [bytes((at * 37 + place) % 256 for place in range(length)) for at in range(5)]
    assert way(pa.array(cells, pa.binary())).tolist() == expected(cells)


@pytest.mark.parametrize("way", WAYS)
@given(cells=st.lists(st.none() | st.text(max_size=9), min_size=3), start=st.integers(0, 3))
def test_a_slice_of_text(way, cells, start):
    column = pa.array(cells, pa.string()).slice(start)
    assert way(column).tolist() == expected([cell and cell.encode() for cell in cells[start:]])


def test_a_null_that_has_bytes_counts_as_empty():
    offsets, data = pa.array([0, 2, 4, 6], pa.int32()), pa.py_buffer(b"aabbcc")
    column = pa.Array.from_buffers(pa.binary(), 3, [pa.py_buffer(b"\x05"), offsets.buffers()[1], data])
    for way in WAYS:
        assert way(column).tolist() == expected([b"aa", None, b"cc"])


def test_cells_outside_the_bytes_are_never_read():
    buffers = [None, pa.array([0, 4, 2, 6], pa.int32()).buffers()[1], pa.py_buffer(b"aabbcc")]
    column = pa.Array.from_buffers(pa.binary(), 3, buffers)
    with pytest.raises(ValueError, match="within its bytes"):
        hash_texts(column)
