import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from confide.algorithms.adagrad import Adagrad, sum_by_row


def test_two_steps_by_hand():
    target = np.array([1.0, 2.0])
    optimiser = Adagrad(target, rate=0.5, start=0.25)
    optimiser.update(np.array([1.0, 0.0]))
    optimiser.update(np.array([2.0, 0.0]))
    assert target[1] == 2.0
    np.testing.assert_allclose(target[0], 1 - 0.5 / np.sqrt(1.25) - 1 / np.sqrt(5.25))


def test_a_sparse_step_is_the_dense_one_on_the_rows_it_names():
    random = np.random.default_rng(0)
    start = random.standard_normal((6, 3))
    dense, sparse = start.copy(), start.copy()
    by_all, by_rows = Adagrad(dense, rate=0.1, start=0.1), Adagrad(sparse, rate=0.1, start=0.1)
    rows = np.array([1, 4])
    for _ in range(3):
        part = random.standard_normal((2, 3))
        whole = np.zeros((6, 3))
        whole[rows] = part
        by_all.update(whole)
        by_rows.update_rows(rows, part)
    np.testing.assert_array_equal(dense, sparse)
    untouched = [0, 2, 3, 5]
    np.testing.assert_array_equal(sparse[untouched], start[untouched])


@given(st.lists(st.integers(0, 9) | st.integers(0, 3_000), min_size=1, max_size=50))
def test_sums_by_row_are_those_of_a_loop(indices):
    contributions = np.random.default_rng(len(indices)).standard_normal((2, len(indices)))
    rows, sums = sum_by_row(np.array(indices, np.int32), contributions)
    assert rows.tolist() == sorted(set(indices))
    for row, found in zip(rows, sums, strict=True):
        chosen = np.array(indices) == row
        np.testing.assert_allclose(found, contributions[:, chosen].sum(axis=1))
