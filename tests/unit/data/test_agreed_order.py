"""The order follows from the set of ids; ids by a rule; a dataset written anew in that order."""

import numpy as np
import pyarrow as pa
import pytest
from fakes.toy_datasets import toy_datasets
from hypothesis import given
from hypothesis import strategies as st

from confide.core.errors import DatasetCorrupt
from confide.data.alignment import agreed_order
from confide.data.alignment.agreed_order import first_out_of_order, keys_of, order_of
from confide.data.alignment.normal_ids import by_rule, usable
from confide.data.dataset import PreparedDataset, block_name
from confide.data.ordered import NOWHERE, ids_of, write_ordered

INTEGERS = st.lists(st.integers(-(1 << 63), (1 << 63) - 1), unique=True, min_size=1)
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, min_size=1)


def column(ids):
    return pa.array(ids, pa.int64() if isinstance(ids[0], int) else pa.string())


@given(st.one_of(INTEGERS, TEXTS), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_where_ids_stood(ids, draw):
    shuffled = draw.sample(ids, len(ids))
    first, second = (column(side).take(order_of(column(side))) for side in (ids, shuffled))
    assert first == second
    assert first_out_of_order(first) is None


@given(st.one_of(INTEGERS, TEXTS), st.data())
def test_every_other_order_is_found(ids, data):
    ordered = column(ids).take(order_of(column(ids)))
    places = data.draw(st.permutations(range(len(ids))))
    found = first_out_of_order(ordered.take(pa.array(places)))
    falls = [place for place in range(1, len(places)) if places[place] < places[place - 1]]
    assert found == (falls[0] if falls else None)


def test_ids_of_the_same_key_stand_by_themselves(monkeypatch):
    """No such ids are known: the keys are made coarse."""
    monkeypatch.setattr(agreed_order, "keys_of", lambda ids: keys_of(ids) & np.uint64(3))
    ids = pa.array([f"id-{number}" for number in range(50)])
    ordered = ids.take(order_of(ids))
    keys = (keys_of(ordered) & np.uint64(3)).tolist()
    assert list(zip(keys, ordered.to_pylist(), strict=True)) == sorted(
        zip(keys, ordered.to_pylist(), strict=True)
    )
    assert first_out_of_order(ordered) is None
    twice = pa.concat_arrays([ordered.slice(0, 3), ordered.slice(2)])
    assert first_out_of_order(twice) == 3


def test_keys_are_those_of_the_specification():
    assert keys_of(pa.array([0, 1, -1])).tolist() == [
        0xE220A8397B1DCDAF,
        0x910A2DEC89025CC1,
        0xE4D971771B652C20,
    ]
    assert keys_of(pa.array(["", "a"])).tolist() == [0x2D06800538D394C2, 0xE6C632B61E964E1F]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (" Anna@Example.COM\t", "anna@example.com"),
        ("e\u0301", "é"),
        ("\uff21\uff22", "ab"),
        ("\u00a0x\u3000", "x"),
        ("ΑΣ", "ασ"),
        ("İ", "i"),
    ],
)
def test_text_rule(written, meant):
    assert by_rule(pa.chunked_array([[written]]), "text/1").to_pylist() == [meant]
    assert by_rule(pa.chunked_array([[written]]), "exact/1").to_pylist() == [written]


@given(TEXTS)
def test_what_a_rule_has_written_it_leaves_as_it_is(ids):
    once = by_rule(pa.chunked_array([ids], pa.string()), "text/1")
    assert by_rule(once, "text/1") == once


def test_integers_are_what_they_are_and_unknown_rules_are_refused():
    ids = pa.chunked_array([[1, -2]])
    assert by_rule(ids, "text/1") == ids
    with pytest.raises(ValueError, match="no such rule"):
        by_rule(ids, "text/2")


def test_empty_long_and_repeated_ids_are_not_matched():
    ids = pa.chunked_array([["a", "", "b"], ["a", "x" * 257, "c"]])
    assert usable(ids).tolist() == [0, 2, 5]


# --- written anew --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return toy_datasets(tmp_path_factory.mktemp("toy"), {"shop": ["city", "street"]}, rows=300)["shop"]


@pytest.mark.parametrize("block_rows", [1, 7, 64, 300, 1000])
def test_rows_keep_together(dataset, tmp_path, block_rows):
    ids = ids_of(dataset).combine_chunks()
    chosen = np.flatnonzero(ids.to_numpy() % 3 == 0)
    order = order_of(ids.take(chosen))
    places = np.full(len(ids), NOWHERE)
    places[chosen[order]] = np.arange(len(chosen))
    written = write_ordered(dataset, ids, places, tmp_path, block_rows)
    again = PreparedDataset.open(tmp_path)
    again.check()
    assert again.table() == dataset.table().take(pa.array(chosen[order]))
    assert {entry.rows for entry in again.manifest.blocks[:-1]} <= {block_rows}
    assert again.manifest.source.rows == again.manifest.rows == len(chosen) == written.manifest.rows
    assert again.manifest.quarantined == {}
    assert again.manifest.source.sha384 != dataset.manifest.source.sha384
    assert {path.name for path in tmp_path.iterdir()} == {
        "manifest.json",
        *(block_name(index) for index in range(len(again.manifest.blocks))),
    }


def test_a_damaged_block_is_told(dataset, tmp_path):
    class Damaged:
        manifest = dataset.manifest

        def block(self, index):
            return dataset.block(index)[:-1]

    with pytest.raises(DatasetCorrupt):
        ids_of(Damaged())
    with pytest.raises(DatasetCorrupt):
        write_ordered(Damaged(), ids_of(dataset).combine_chunks(), np.arange(300), tmp_path, 64)
