"""An admitted party, or anyone who can connect, calls and connects without end: others are served as ever."""

import threading

import pytest
from fakes.flood import answer, enclave, grpc, half_open, party, raw_channel, within

from confide.core import limits
from confide.core.errors import ChannelClosed, ConfideError, LimitExceeded, RemoteProtocolError, TooManyCalls
from confide.transport import options, wire
from confide.transport.pieces import Piece

NONCE = bytes(limits.NONCE_BYTES)


def _counting(quotes):
    def attest(nonce):
        quotes.append(nonce)
        return answer(nonce)

    return attest


def test_flood_of_attest(authority):
    """Each call is a quote of the TEE: one certificate gets few, another's are left alone."""
    quotes = []
    with (
        enclave(authority, attest=_counting(quotes), monotonic=lambda: 0.0) as server,
        party(server, authority, "mallory") as flood,
        party(server, authority, "alice") as honest,
    ):
        refused = 0
        for _ in range(100):
            try:
                flood.attest(NONCE)
            except TooManyCalls:
                refused += 1
        assert (len(quotes), refused) == (limits.ATTEST_BURST, 100 - limits.ATTEST_BURST)
        assert honest.attest(NONCE) == answer(NONCE)


def test_flood_of_attest_from_many_threads(authority):
    """More calls at a time than there are threads are refused by gRPC; the rate holds."""
    quotes = []
    with (
        enclave(authority, attest=_counting(quotes), monotonic=lambda: 0.0) as server,
        party(server, authority, "mallory") as flood,
        party(server, authority, "alice") as honest,
    ):

        def call():
            for _ in range(10):
                with pytest.raises(ConfideError):
                    flood.attest(NONCE)

        for _ in range(limits.ATTEST_BURST):
            flood.attest(NONCE)
        threads = [threading.Thread(target=call) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(quotes) == limits.ATTEST_BURST
        assert honest.attest(NONCE) == answer(NONCE)


def test_one_party_can_not_hold_all_channels(authority):
    with (
        enclave(authority) as server,
        party(server, authority, "mallory") as flood,
        party(server, authority, "alice") as honest,
    ):
        links = [flood.open_channel() for _ in range(2 * limits.MAX_CHANNELS_OF_PARTY)]
        heard = 0
        for link in links:
            try:
                link.send(b"x")
                heard += link.receive(10) == b"x"
            except TooManyCalls:
                continue
        assert heard == limits.MAX_CHANNELS_OF_PARTY
        link = honest.open_channel()
        link.send(b"hello")
        assert link.receive(10) == b"hello"


def test_channel_is_free_again_when_it_was_closed(authority):
    with enclave(authority) as server, party(server, authority, "alice") as enclave_of_alice:
        for _ in range(2 * limits.MAX_CHANNELS_OF_PARTY):
            link = enclave_of_alice.open_channel()
            link.send(b"x")
            assert link.receive(10) == b"x"
            link.close()


def test_opening_without_end(authority):
    with enclave(authority, on_channel=lambda _, link: link.close(), monotonic=lambda: 0.0) as server:
        opened = 0
        with party(server, authority, "mallory") as flood:
            for _ in range(2 * limits.CHANNEL_BURST):
                link = flood.open_channel()
                with pytest.raises(ConfideError) as ended:
                    link.receive(10)
                opened += not isinstance(ended.value, TooManyCalls)
                link.close()
        assert opened == limits.CHANNEL_BURST


def test_oversized_message(authority):
    """Refused before it is taken in whole; the enclave goes on."""
    with enclave(authority) as server, party(server, authority, "alice") as honest:
        with raw_channel(server, authority, "mallory") as channel:
            big = bytes(limits.ENVELOPE_PIECE_BYTES + limits.ENVELOPE_OVERHEAD_BYTES + 1)
            with pytest.raises(grpc.RpcError) as refused:
                channel.unary_unary(wire.ATTEST.path)(big, timeout=30)
            assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert honest.attest(NONCE) == answer(NONCE)


@pytest.mark.parametrize("size", [limits.ENVELOPE_PIECE_BYTES, 1])
def test_pieces_without_end(authority, size):
    """A message that never ends is refused at its longest, one of tiny pieces at its first; none is heard."""
    heard, pushed = [], []

    def listen(_certificate, link):
        try:
            heard.append(link.receive(30))
        except ConfideError as refused:
            heard.append(refused)
            raise

    def pieces():
        while len(pushed) < 200:
            pushed.append(size)
            yield wire.encode_envelope(Piece(bytes(size), more=True))

    with (
        enclave(authority, on_channel=listen) as server,
        raw_channel(server, authority, "mallory") as channel,
        party(server, authority, "alice") as honest,
    ):
        with pytest.raises(grpc.RpcError):
            list(channel.stream_stream(wire.CHANNEL.path)(pieces()))
        assert [type(one) for one in heard] == [RemoteProtocolError]
        assert honest.attest(NONCE) == answer(NONCE)


def test_message_that_is_cut_off_between_two_pieces(authority):
    """What has not come whole has not come."""
    heard = []

    def listen(_certificate, link):
        try:
            heard.append(link.receive(30))
        except ConfideError as ended:
            heard.append(ended)
            raise

    first = wire.encode_envelope(Piece(bytes(limits.ENVELOPE_PIECE_BYTES), more=True))
    with (
        enclave(authority, on_channel=listen) as server,
        raw_channel(server, authority, "mallory") as channel,
    ):
        with pytest.raises(grpc.RpcError):
            list(channel.stream_stream(wire.CHANNEL.path)(iter([first])))
        assert [type(one) for one in heard] == [ChannelClosed]


def test_half_open_connections(authority, monkeypatch):
    """Connections without a finished handshake are dropped in a known time, and keep nobody out."""
    quick = dict(options.ENCLAVE) | {"grpc.server_handshake_timeout_ms": 1000}
    monkeypatch.setattr(options, "ENCLAVE", tuple(quick.items()))
    with (
        enclave(authority) as server,
        half_open(server.address, 200) as connections,
        party(server, authority, "alice") as honest,
    ):
        assert honest.attest(NONCE) == answer(NONCE)
        gone = []
        for connection in connections:
            connection.settimeout(20)
            gone.append(connection.recv(1))
        assert gone == [b""] * 200


def test_the_number_of_connections_is_bounded(authority, monkeypatch):
    few = dict(options.ENCLAVE) | {"grpc.max_allowed_incoming_connections": 10}
    monkeypatch.setattr(options, "ENCLAVE", tuple(few.items()))
    with enclave(authority) as server, half_open(server.address, 60) as connections:

        def dropped():
            return sum(_is_closed(connection) for connection in connections) >= 45

        assert within(10, dropped)


def _is_closed(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def test_servers_have_these_limits():
    for chosen in (dict(options.ENCLAVE), dict(options.HOST)):
        assert chosen["grpc.server_handshake_timeout_ms"] == limits.HANDSHAKE_SECONDS * 1000
        assert chosen["grpc.max_allowed_incoming_connections"] == limits.MAX_CONNECTIONS
        assert chosen["grpc.max_concurrent_streams"] == limits.MAX_STREAMS_PER_CONNECTION
        assert chosen["grpc.max_metadata_size"] == limits.MAX_METADATA_BYTES


def test_headers_without_end(authority):
    with (
        enclave(authority) as server,
        party(server, authority, "alice") as honest,
        raw_channel(server, authority, "mallory") as channel,
    ):
        call = channel.unary_unary(wire.ATTEST.path)
        with pytest.raises(grpc.RpcError):
            call(wire.encode_nonce(NONCE), metadata=[("x", "y" * 100_000)], timeout=10)
        assert honest.attest(NONCE) == answer(NONCE)


def test_more_parties_than_channels(authority, monkeypatch):
    monkeypatch.setattr(limits, "MAX_CHANNELS", 2)
    with enclave(authority) as server:
        parties = [party(server, authority, name) for name in ("a", "b", "c")]
        for one in parties[:2]:
            link = one.open_channel()
            link.send(b"x")
            assert link.receive(10) == b"x"
        late = parties[2].open_channel()
        with pytest.raises(LimitExceeded, match="MAX_CHANNELS"):
            late.receive(10)
        for one in parties:
            one.close()
