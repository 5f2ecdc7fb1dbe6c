"""The one message whose protobuf form is written and read by hand: it must be protobuf's, byte for byte."""

import contextlib

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core.errors import RemoteProtocolError
from confide.transport import wire
from confide.transport.gen import confide_pb2 as pb

FIELD = bytes([0x0A])
PIECES = st.one_of(
    st.binary(max_size=40),
    st.binary(max_size=300).map(lambda sealed: pb.Envelope(sealed=sealed).SerializeToString()),
    st.sampled_from(
        [FIELD, b"\x0a\x80", b"\x0a\x81\x00", b"\x0a\xff\xff\xff\xff\x0f", b"\x12\x01x", b"\x08\x05"]
    ),
)


@pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 5_000_000])
@pytest.mark.parametrize("kind", [bytes, bytearray, lambda data: memoryview(bytes(data))])
def test_written_as_protobuf_writes_it(length, kind):
    sealed = kind(bytes([length % 251]) * length)
    encoded = wire.encode_envelope(sealed)
    assert encoded == pb.Envelope(sealed=bytes(sealed)).SerializeToString()
    assert wire.decode_envelope(encoded) == sealed


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=3).map(b"".join))
def test_read_as_protobuf_reads_it(data):
    expected = None
    with contextlib.suppress(DecodeError):
        expected = pb.Envelope.FromString(data).sealed
    if expected is None:
        with pytest.raises(RemoteProtocolError):
            wire.decode_envelope(data)
    else:
        assert wire.decode_envelope(data) == expected


def test_a_length_in_more_bytes_than_it_needs():
    assert wire.decode_envelope(b"\x0a\x83\x00abc") == b"abc"
    assert wire.decode_envelope(b"\x0a\x83\x80\x80\x00abc") == b"abc"


@pytest.mark.parametrize(
    "data", [b"\x0a", b"\x0a\x80", b"\x0a\x04abc", b"\x0a\x02abc", b"\x0a\xff\xff\xff\xff\x7fabc"]
)
def test_lengths_that_do_not_fit(data):
    with pytest.raises(RemoteProtocolError):
        wire.decode_envelope(data)


def test_what_arrives_is_not_copied():
    data = wire.encode_envelope(bytes(1000))
    assert wire.decode_envelope(data).obj is data
