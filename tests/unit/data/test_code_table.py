import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from confide.data.code_table import CodeTable

GREATEST = 2**64 - 1
CODE = st.integers(0, GREATEST) | st.integers(0, 40) | st.just(GREATEST)


def found(known, codes):
    at, there = CodeTable(np.array(sorted(known), np.uint64)).find(np.array(codes, np.uint64))
    return [int(place) if present else None for place, present in zip(at, there, strict=True)]


@given(known=st.sets(CODE), codes=st.lists(CODE))
def test_any_codes(known, codes):
    ordered = sorted(known)
    assert found(known, codes) == [ordered.index(code) if code in known else None for code in codes]


def test_many_codes_that_spread_and_many_that_do_not():
    spread = np.random.default_rng(1).integers(0, 2**63, 50_000).astype(np.uint64) * np.uint64(2)
    for known in (np.unique(spread), np.arange(0, 100_000, 2, dtype=np.uint64)):
        table = CodeTable(known)
        at, there = table.find(known)
        assert there.all()
        assert np.array_equal(at, np.arange(known.size))
        assert not table.find(known + np.uint64(1))[1].any()
