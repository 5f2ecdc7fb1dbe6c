from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.data.alignment import matching
from confide.data.alignment.matching import NOWHERE, firsts, firsts_in_numpy, match, match_in_numpy

keys = st.lists(st.one_of(st.integers(-3, 9), st.integers(-(1 << 63), (1 << 63) - 1)), max_size=40)


def array(values):
    return np.array(values, np.int64)


def plain_match(wanted, found):
    return [found.index(key) if key in found else NOWHERE for key in wanted]


@given(keys, keys)
def test_the_library_and_numpy_find_what_a_search_finds(left, right):
    for found in (firsts, firsts_in_numpy):
        assert found(array(left)).tolist() == plain_match(left, left)
    for found in (match, match_in_numpy):
        assert found(array(left), array(right)).tolist() == plain_match(left, right)


def test_many_parts():
    random = np.random.default_rng(7)
    left, right = random.integers(0, 60_000, (2, 50_000))
    assert (firsts(left) == firsts_in_numpy(left)).all()
    assert (match(left, right) == match_in_numpy(left, right)).all()
    assert (match(left, right[:100]) == match_in_numpy(left, right[:100])).all()


def unmixed(values):
    """The keys that native/join.c mixes to these."""
    for shift, factor in ((31, 0x94D049BB133111EB), (27, 0xBF58476D1CE4E5B9), (30, 1)):
        plain = values ^ (values >> np.uint64(shift))
        plain ^= values >> np.uint64(2 * shift)
        values = plain * np.uint64(pow(factor, -1, 1 << 64))
    return values.view(np.int64)


@pytest.mark.skipif(matching._library() is None, reason="there is no compiled library to be slowed down")
def test_keys_chosen_to_meet_in_one_slot_are_sorted_instead():
    """2,000 keys in one part, whose tables begin to look for all of them at one slot."""
    same = unmixed(np.arange(2_000, dtype=np.uint64) << np.uint64(20))
    assert len(set(same.tolist())) == 2_000
    twice = np.concatenate((same, same[::-1]))
    with (
        mock.patch.object(matching, "firsts_in_numpy", wraps=firsts_in_numpy) as sorted_firsts,
        mock.patch.object(matching, "match_in_numpy", wraps=match_in_numpy) as sorted_match,
    ):
        assert (firsts(twice) == np.concatenate((np.arange(2_000), np.arange(2_000)[::-1]))).all()
        assert (match(same, same[::-1]) == np.arange(2_000)[::-1]).all()
    assert (sorted_firsts.call_count, sorted_match.call_count) == (1, 1)


def test_one_key_in_every_row_is_no_trouble():
    with mock.patch.object(matching, "firsts_in_numpy", side_effect=AssertionError("sorted")):
        if matching._library() is not None:
            assert not firsts(np.zeros(100_000, np.int64)).any()


def test_without_the_library_numpy_does_it():
    with mock.patch.object(matching, "_library", return_value=None):
        assert match(array([3, 1, 3]), array([1, 1, 3])).tolist() == [2, 0, 2]
        assert firsts(array([3, 1, 3])).tolist() == [0, 1, 0]
