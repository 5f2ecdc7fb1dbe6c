"""An envelope in pieces is the same bytes, cut as the wire cuts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.core import limits
from confide.core.envelope import PieceRoom, Pieces, parts_of

SIZE = 8


@pytest.fixture(autouse=True, scope="module")
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "ENVELOPE_PIECE_BYTES", SIZE)
        yield


@given(st.lists(st.binary(max_size=20), min_size=1).filter(any))
def test_what_is_written_stands_in_pieces_of_one_size(written):
    whole = b"".join(written)
    room = PieceRoom(len(whole))
    for data in written:
        room.write(data)
    assert (len(room.envelope), bytes(room.envelope)) == (len(whole), whole)
    *first, last = parts_of(room.envelope)
    assert [len(part) for part in first] == [SIZE] * len(first)
    assert 0 < len(last) <= SIZE
    assert isinstance(room.envelope, Pieces) == (len(whole) > SIZE)


def test_its_repr_shows_no_bytes():
    assert repr(Pieces((b"secret", b"!"))) == "Pieces(2 of 7 bytes)"
