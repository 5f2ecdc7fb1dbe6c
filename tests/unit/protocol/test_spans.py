import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.protocol.messages import Wanted
from confide.protocol.spans import check_spans, indices_of, spans_of


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(0, 400)))
def test_ranges_say_exactly_the_indices(indices):
    spans = spans_of(sorted(indices))
    assert list(indices_of(spans)) == sorted(indices)
    check_spans(spans)


@pytest.mark.parametrize(
    "spans", [((2, 1),), ((0, 1), (2, 3)), ((4, 5), (0, 1)), ((0, 1), (0, 1)), ((3, 3), (3, 4))]
)
def test_there_is_one_way_to_say_them(spans):
    with pytest.raises(ValueError, match="ranges of blocks"):
        check_spans(spans)
    with pytest.raises(ValueError, match="ranges of blocks"):
        Wanted(blocks=spans, attempts_left=1)
