import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.data.spreading import Layout, cut, place, positions


@pytest.mark.parametrize(
    ("parts", "shard_rows", "sizes"),
    [((8, 4), 3, (3, 3, 2, 3, 1)), ((6, 3), 3, (3, 3, 3)), ((5, 2), 10, (5, 2)), ((1,), 1, (1,))],
)
def test_parts_share_no_shard(parts, shard_rows, sizes):
    layout = Layout.of(parts, shard_rows)
    assert layout.sizes == sizes
    assert layout.bounds[-1] == sum(parts)


def test_positions_are_the_other_way_round():
    assert positions(np.array([3, 0, 4]), 6).tolist() == [1, -1, -1, 0, 2, -1]


@settings(max_examples=50, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 60), st.integers(0, 20), st.integers(1, 4)),
    shard_rows=st.integers(1, 70),
    stretch=st.integers(1, 40),
    seed=st.integers(0, 1000),
)
def test_pieces_put_together_are_the_joined_rows(shape, shard_rows, stretch, seed):
    (rows, unmatched, fields), random = shape, np.random.default_rng(seed)
    own = random.integers(0, 9, (rows + unmatched, fields)).astype(np.int32)
    numbers = random.standard_normal(own.shape).astype(np.float32)
    chosen = random.permutation(rows + unmatched)[:rows]
    standing, layout = positions(chosen, len(own)), Layout.of((rows,), shard_rows)
    indices, values = np.full((rows, fields), -1, np.int32), np.full((rows, fields), np.nan, np.float32)
    placed = 0
    for start in range(0, len(own), stretch):
        some = slice(start, start + stretch)
        for shard, data in cut((own[some], numbers[some]), standing[some], layout):
            target = slice(layout.bounds[shard], layout.bounds[shard + 1])
            placed += place(data, indices[target], values[target])
    assert placed == rows
    assert (indices == own[chosen]).all()
    assert (values == numbers[chosen]).all()
