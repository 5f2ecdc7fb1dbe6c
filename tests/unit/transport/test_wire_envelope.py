"""The one message whose protobuf form is written and read by hand: it must be protobuf's, byte for byte."""

import contextlib

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core.errors import RemoteProtocolError
from confide.transport import wire
from confide.transport.gen import confide_pb2 as pb
from confide.transport.pieces import Piece

FIELD = bytes([0x0A])
PIECES = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda sealed, more: pb.Envelope(sealed=sealed, more=more).SerializeToString(),
        st.binary(max_size=300),
        st.booleans(),
    ),
    st.sampled_from(
        [
            b"\x10\x01",
            b"\x10\x00",
            b"\x10\x02",
            FIELD,
            b"\x0a\x80",
            b"\x0a\x81\x00",
            b"\x0a\xff\xff\xff\xff\x0f",
            b"\x12\x01x",
            b"\x08\x05",
        ]
    ),
)


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 5_000_000])
@pytest.mark.parametrize("kind", [bytes, bytearray, lambda data: memoryview(bytes(data))])
def test_written_as_protobuf_writes_it(length, kind):
    for more in (False, True):
        piece = Piece(kind(bytes([length % 251]) * length), more)
        encoded = wire.encode_envelope(piece)
        assert encoded == pb.Envelope(sealed=bytes(piece.data), more=more).SerializeToString()
        assert wire.decode_envelope(encoded) == piece


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=3).map(b"".join))
def test_read_as_protobuf_reads_it(data):
    expected = None
    with contextlib.suppress(DecodeError):
        message = pb.Envelope.FromString(data)
        expected = Piece(message.sealed, message.more)
    if expected is None:
        with pytest.raises(RemoteProtocolError):
            wire.decode_envelope(data)
    else:
        assert wire.decode_envelope(data) == expected


def test_a_length_in_more_bytes_than_it_needs():
    assert wire.decode_envelope(b"\x0a\x83\x00abc") == Piece(b"abc")
    assert wire.decode_envelope(b"\x0a\x83\x80\x80\x00abc\x10\x01") == Piece(b"abc", more=True)


@pytest.mark.parametrize(
    "data", [b"\x0a", b"\x0a\x80", b"\x0a\x04abc", b"\x0a\x02abc", b"\x0a\xff\xff\xff\xff\x7fabc"]
)
def test_lengths_that_do_not_fit(data):
    with pytest.raises(RemoteProtocolError):
        wire.decode_envelope(data)


def test_what_arrives_is_not_copied():
    for more in (False, True):
        data = wire.encode_envelope(Piece(bytes(1000), more))
        assert wire.decode_envelope(data).data.obj is data
