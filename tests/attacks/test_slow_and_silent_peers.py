"""A peer that reads slowly or not at all, or says nothing: bounded memory, and dropped in a known time."""

import threading

import pytest
from fakes.flood import answer, enclave, grpc, party, raw_channel, within

from confide.core import limits
from confide.core.errors import ChannelClosed, ConfideError
from confide.transport import wire
from confide.transport.pieces import Piece

NONCE = bytes(limits.NONCE_BYTES)
PIECE = bytes(256 * limits.KIB)


def test_reader_that_does_not_read(authority, monkeypatch):
    """The enclave can put out what the boxes and gRPC's window hold, no more; then the channel is dropped."""
    monkeypatch.setattr(limits, "STALL_SECONDS", 1)
    sent, ended = [], threading.Event()

    def pour(_certificate, link):
        try:
            while True:
                link.send(PIECE)
                sent.append(len(PIECE))
        except ChannelClosed:
            ended.set()
            raise

    with (
        enclave(authority, on_channel=pour) as server,
        raw_channel(server, authority, "mallory") as channel,
        party(server, authority, "alice") as honest,
    ):
        silent = threading.Event()
        stream = channel.stream_stream(wire.CHANNEL.path)(_nothing(silent))
        assert ended.wait(30), "a reader that takes nothing holds the enclave"
        assert sum(sent) < limits.MAX_MESSAGE_BYTES
        assert honest.attest(NONCE) == answer(NONCE)
        silent.set()
        stream.cancel()


def _nothing(until):
    until.wait(60)
    return
    yield


def test_sender_that_is_faster_than_the_enclave(authority):
    """What the handler does not take stays with the sender."""
    begin, taken = threading.Event(), []

    def later(_certificate, link):
        begin.wait(30)
        while True:
            taken.append(link.receive(10))

    pushed = []

    def pieces():
        for _ in range(200):
            pushed.append(1)
            yield wire.encode_envelope(Piece(PIECE))

    with enclave(authority, on_channel=later) as server, raw_channel(server, authority, "mallory") as channel:
        stream = channel.stream_stream(wire.CHANNEL.path)(pieces())
        assert within(10, lambda: len(pushed) > limits.MAX_INBOX_MESSAGES)
        threading.Event().wait(0.5)
        assert len(pushed) * len(PIECE) < limits.MAX_MESSAGE_BYTES / 2
        begin.set()
        assert within(30, lambda: len(taken) == 200)
        stream.cancel()


def test_stream_that_says_nothing(authority, monkeypatch):
    """The enclave's door gives a stream a known time for its JOIN; here, what a handler sees of it."""
    ended = []

    def door(_certificate, link):
        try:
            link.receive(timeout=0.2)
        except TimeoutError:
            ended.append(True)
            raise ChannelClosed("no JOIN came") from None

    with enclave(authority, on_channel=door) as server, party(server, authority, "mallory") as silent:
        links = [silent.open_channel() for _ in range(limits.MAX_CHANNELS_OF_PARTY)]
        for link in links:
            with pytest.raises(ConfideError):
                link.receive(10)
        assert len(ended) == len(links)
        again = silent.open_channel()
        with pytest.raises(ChannelClosed, match="no JOIN came"):
            again.receive(10)


def test_garbage_in_place_of_an_envelope(authority):
    heard = []

    def listen(_certificate, link):
        try:
            heard.append(link.receive(10))
        except ConfideError as refused:
            heard.append(refused)
            raise

    with (
        enclave(authority, on_channel=listen) as server,
        raw_channel(server, authority, "mallory") as channel,
    ):
        stream = channel.stream_stream(wire.CHANNEL.path)(iter([b"\xff" * 100]))
        with pytest.raises(grpc.RpcError):
            list(stream)
        assert [type(one).__name__ for one in heard] == ["RemoteProtocolError"]
