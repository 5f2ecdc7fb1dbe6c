from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core.errors import AlignmentFailed
from confide.data.alignment import keys
from confide.data.alignment.join import RowCounts, first_occurrences, join

integer_ids = st.lists(st.integers(-4, 12), max_size=25)
text_ids = st.lists(st.text(st.sampled_from("aàAｅ\u0065\u0301"), min_size=1, max_size=2), max_size=25)


def table(ids, kind, chunks=3):
    cuts = [len(ids) * cut // chunks for cut in range(chunks + 1)]
    batches = [pa.array(ids[low:high], kind) for low, high in pairwise(cuts)]
    return pa.table({"id": pa.chunked_array(batches, kind)})


def align(sides, kind):
    tables = {f"p{at}": table(ids, kind) for at, ids in enumerate(sides)}
    return join(tables, dict.fromkeys(tables, "id"))


@settings(deadline=None)
@given(
    st.one_of(
        st.tuples(st.just(pa.int64()), st.lists(integer_ids, min_size=2, max_size=4)),
        st.tuples(st.just(pa.string()), st.lists(text_ids, min_size=2, max_size=4)),
    )
)
def test_is_the_plain_intersection(case):
    kind, sides = case
    common = set.intersection(*map(set, sides))
    if not common:
        with pytest.raises(AlignmentFailed):
            align(sides, kind)
        return
    result = align(sides, kind)
    expected = [value for value in dict.fromkeys(sides[0]) if value in common]
    assert result.size == len(expected)
    for at, ids in enumerate(sides):
        rows = result.rows[f"p{at}"]
        assert [ids[row] for row in rows] == expected
        assert rows.tolist() == [ids.index(value) for value in expected]
        unmatched = len(set(ids) - common)
        counts = RowCounts(len(ids), len(expected), unmatched, len(ids) - len(set(ids)))
        assert result.counts[f"p{at}"] == counts


@given(integer_ids)
def test_first_occurrences(ids):
    seen = set()
    expected = [not (value in seen or seen.add(value)) for value in ids]
    assert first_occurrences(table(ids, pa.int64()).column("id")).tolist() == expected


def test_many_rows_in_many_chunks():
    random = np.random.default_rng(5)
    left, right = (random.permutation(60_000)[:50_000] for _ in range(2))
    result = join({"a": table(left, pa.int64(), 7), "b": table(right, pa.int64(), 5)}, {"a": "id", "b": "id"})
    assert np.array_equal(left[result.rows["a"]], right[result.rows["b"]])
    assert result.size == np.intersect1d(left, right).size


def test_sixteen_parties():
    result = align([[1, 2, 3]] * 16, pa.int64())
    assert result.size == 3
    with pytest.raises(AlignmentFailed):
        align([[1]] * 17, pa.int64())
    with pytest.raises(AlignmentFailed):
        align([[1]], pa.int64())


def test_types_differ():
    tables = {"a": table([1], pa.int64()), "b": table(["1"], pa.string())}
    with pytest.raises(AlignmentFailed, match="types differ"):
        join(tables, {"a": "id", "b": "id"})


def test_rows_must_be_accounted_for():
    with pytest.raises(ValueError, match="accounted"):
        RowCounts(sent=5, joined=3, unmatched=1, quarantined=0)


def test_texts_with_the_same_hash_are_different_ids(monkeypatch):
    """A hash only proposes: with one that is always the same, the join is still exact."""
    monkeypatch.setattr(keys, "hash_texts", lambda column: np.zeros(len(column), np.uint64))
    left, right = ["x", "y", "z", "y"], ["q", "z", "x"]
    tables = {"a": pa.table({"id": left}), "b": pa.table({"id": right})}
    found = join(tables, {"a": "id", "b": "id"})
    assert [left[row] for row in found.rows["a"]] == [right[row] for row in found.rows["b"]] == ["x", "z"]
    assert found.counts["a"] == RowCounts(4, 2, 1, 1)
    assert first_occurrences(pa.chunked_array([left])).tolist() == [True, True, True, False]


def test_one_collision_between_parties_is_noticed(monkeypatch):
    codes = {"x": 1, "y": 2, "z": 1}
    monkeypatch.setattr(
        keys, "hash_texts", lambda column: np.array([codes[text] for text in column.to_pylist()], np.uint64)
    )
    tables = {"a": pa.table({"id": ["x", "y"]}), "b": pa.table({"id": ["y", "z"]})}
    found = join(tables, {"a": "id", "b": "id"})
    assert {party: rows.tolist() for party, rows in found.rows.items()} == {"a": [1], "b": [0]}
