import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.data import split
from confide.data.split import holdout


@given(st.integers(2, 500), st.floats(0.001, 0.999), st.integers(0, 2**63))
def test_each_row_is_on_one_side(rows, fraction, seed):
    training, held = holdout(rows, fraction, seed)
    assert len(training) >= 1
    assert len(held) >= 1
    assert np.array_equal(np.sort(np.concatenate([training, held])), np.arange(rows))
    assert abs(len(held) - rows * fraction) <= 1
    again = holdout(rows, fraction, seed)
    assert np.array_equal(training, again[0])
    assert np.array_equal(held, again[1])


def test_known_answer():
    assert holdout(8, 0.25, 1)[1].tolist() == [0, 5]


def test_seed_matters():
    assert holdout(1000, 0.2, 1)[1].tolist() != holdout(1000, 0.2, 2)[1].tolist()


@pytest.mark.parametrize(("rows", "fraction"), [(1, 0.5), (10, 0.0), (10, 1.0), (10, float("nan"))])
def test_refused(rows, fraction):
    with pytest.raises(ValueError, match=r"split|fraction"):
        holdout(rows, fraction, 0)


def test_mixed_leaves_the_same_rows_in_another_order():
    (training, held), (mixed, again) = holdout(100, 0.3, 5), holdout(100, 0.3, 5, mixed=True)
    assert held.tolist() == again.tolist()
    assert training.tolist() == sorted(mixed.tolist()) != mixed.tolist()


def test_the_newest_rows_are_held_out_and_rows_without_a_time_are_the_oldest():
    times = np.array([5.0, np.nan, 9.0, 1.0, 7.0])
    rest, held = split.newest(times, 0.4)
    assert rest.tolist() == [1, 3, 0]
    assert held.tolist() == [2, 4]


def test_marked_rows_are_held_out():
    rest, held = split.marked(np.array([True, False, False, True]), 0)
    assert sorted(rest.tolist()) == [1, 2]
    assert held.tolist() == [0, 3]


@pytest.mark.parametrize("held", [[True, True], [False, False]])
def test_folds_without_rows_or_with_all_are_refused(held):
    with pytest.raises(ValueError, match="folds"):
        split.marked(np.array(held), 0)


@given(st.integers(2, 60), st.floats(0.01, 0.5))
def test_rows_set_aside_and_the_others_are_all_rows(count, share):
    rows = np.arange(count)
    first, last = split.aside(rows, share)
    assert np.concatenate((first, last)).tolist() == rows.tolist()
    assert len(first) > 0 < len(last)


def test_thinning_keeps_every_row_with_label_1_and_a_share_of_the_others():
    labels = np.tile([0.0, 0.0, 0.0, 1.0], 1_000)
    rows = np.arange(4_000)
    kept = split.thinned(rows, labels, 0.25, 3)
    assert labels[kept].sum() == 1_000
    assert 650 < (labels[kept] == 0).sum() < 850
    assert kept.tolist() == split.thinned(rows, labels, 0.25, 3).tolist()


def test_folds_hold_each_row_once():
    parts = split.folds(np.arange(10), 3, 0)
    assert sorted(np.concatenate(parts).tolist()) == list(range(10))
    assert [len(part) for part in parts] == [4, 3, 3]
