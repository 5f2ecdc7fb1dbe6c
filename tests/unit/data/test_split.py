import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
