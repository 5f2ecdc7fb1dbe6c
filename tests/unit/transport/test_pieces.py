"""Cut and put together: the same bytes, and nothing that was cut otherwise."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core import limits
from confide.core.errors import RemoteProtocolError
from confide.transport.pieces import Assembly, Piece, pieces_of

SIZE = 8
MOST = 40


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(limits, "ENVELOPE_PIECE_BYTES", SIZE)
    monkeypatch.setattr(limits, "MAX_MESSAGE_BYTES", MOST)
    monkeypatch.setattr(limits, "ENVELOPE_OVERHEAD_BYTES", 2)


def together(pieces):
    assembly = Assembly()
    return [bytes(envelope) for piece in pieces if (envelope := assembly.add(piece)) is not None]


ENVELOPES = st.binary(max_size=MOST + 2)


@given(st.lists(ENVELOPES, max_size=5), st.sampled_from([bytes, bytearray, memoryview]))
def test_there_and_back(envelopes, kind):
    pieces = [piece for envelope in envelopes for piece in pieces_of(kind(envelope))]
    assert together(pieces) == envelopes


@given(ENVELOPES)
def test_all_but_the_last_have_one_size_and_say_that_more_follows(envelope):
    *first, last = pieces_of(envelope)
    assert [(len(piece.data), piece.more) for piece in first] == [(SIZE, True)] * len(first)
    assert last.more is False
    assert bool(last.data) == bool(envelope)


def test_cutting_copies_nothing():
    envelope = bytes(20)
    assert all(piece.data.obj is envelope for piece in pieces_of(envelope))


@pytest.mark.parametrize("size", [0, 1, SIZE - 1, SIZE + 1])
def test_a_piece_of_another_size_that_is_not_the_last(size):
    with pytest.raises(RemoteProtocolError, match="a piece of a message has"):
        Assembly().add(Piece(bytes(size), more=True))


def test_a_last_piece_that_is_longer_than_a_piece():
    with pytest.raises(RemoteProtocolError, match="has 9 bytes"):
        Assembly().add(Piece(bytes(SIZE + 1)))


def test_an_empty_last_piece():
    assembly = Assembly()
    assert assembly.add(Piece(bytes(SIZE), more=True)) is None
    with pytest.raises(RemoteProtocolError, match="has 0 bytes"):
        assembly.add(Piece(b""))


@pytest.mark.parametrize("ending", [Piece(bytes(3)), Piece(bytes(SIZE), more=True)])
def test_longer_than_a_message_may_be(ending):
    assembly = Assembly()
    for _ in range(MOST // SIZE):
        assert assembly.add(Piece(bytes(SIZE), more=True)) is None
    with pytest.raises(RemoteProtocolError, match="MAX_MESSAGE_BYTES"):
        assembly.add(ending)


@settings(deadline=None)
@given(
    st.lists(
        st.builds(Piece, st.binary(max_size=SIZE + 1) | st.just(bytes(SIZE)), st.booleans()), max_size=12
    )
)
def test_only_what_would_be_cut_so_is_put_together(pieces):
    """Either every piece is one that `pieces_of` makes, or the one error comes."""
    assembly, envelopes = Assembly(), []
    try:
        for piece in pieces:
            envelope = assembly.add(piece)
            envelopes += [] if envelope is None else [envelope]
    except RemoteProtocolError:
        return
    cut = [piece for envelope in envelopes for piece in pieces_of(envelope)]
    assert cut == pieces[: len(cut)]
    assert all(piece.more for piece in pieces[len(cut) :])
