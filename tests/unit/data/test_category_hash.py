"""The vectorised XXH3-64 is the xxhash library's, cell for cell."""

import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from confide.data.category_hash import hash_texts


def expected(cells):
    return [xxhash.xxh3_64_intdigest(cell or b"") for cell in cells]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
@given(cells=st.lists(st.none() | st.binary(max_size=40)))
def test_every_cell(kind, cells):
    assert hash_texts(pa.array(cells, kind)).tolist() == expected(cells)


@pytest.mark.parametrize("length", [*range(20), 128, 129, 240, 241, 1000])
def test_every_length(length):
    cells = [bytes((at * 37 + place) % 256 for place in range(length)) for at in range(5)]
    assert hash_texts(pa.array(cells, pa.binary())).tolist() == expected(cells)


@given(cells=st.lists(st.none() | st.text(max_size=9), min_size=3), start=st.integers(0, 3))
def test_a_slice_of_text(cells, start):
    column = pa.array(cells, pa.string()).slice(start)
    assert hash_texts(column).tolist() == expected([cell and cell.encode() for cell in cells[start:]])
