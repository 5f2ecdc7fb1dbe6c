"""The attested channel's two ends over real loopback TLS."""

import socket
import ssl
import threading

import pytest

from confide.core import limits
from confide.core.errors import (
    AlgorithmNotListed,
    ChannelClosed,
    EvidenceUnavailable,
    LimitExceeded,
    PlatformFailed,
    RemoteProtocolError,
    Unreachable,
)
from confide.core.platform_api import AttestReply
from confide.crypto.certificates import verify_certificate
from confide.transport.enclave_client import PinnedEnclave
from confide.transport.enclave_server import serve_enclave
from confide.transport.pinned import fetch_certificate

NONCE = bytes(range(limits.NONCE_BYTES))


def answer(nonce):
    return AttestReply(evidence=b"evidence for " + nonce, config=b"{}")


def echo(_certificate, link):
    while True:
        link.send(link.receive())


def serve(authority, *, on_channel=echo, attest=answer):
    return serve_enclave(
        "127.0.0.1:0",
        **authority.enclave().tls,
        ca_pem=authority.ca_pem,
        attest=attest,
        on_channel=on_channel,
    )


def connect(server, authority, name="alice"):
    return PinnedEnclave(
        server.address, fetch_certificate(server.address).encode(), **authority.party(name).tls
    )


def test_attest_over_the_pinned_channel(authority):
    with serve(authority) as server, connect(server, authority) as enclave:
        assert enclave.attest(NONCE) == answer(NONCE)


def test_nonce_of_another_length_is_refused(authority):
    with (
        serve(authority) as server,
        connect(server, authority) as enclave,
        pytest.raises(RemoteProtocolError, match="32 bytes"),
    ):
        enclave.attest(b"short")


def test_errors_of_attestation_are_told_by_their_code(authority):
    def fail(_nonce):
        raise EvidenceUnavailable("no TEE device here")

    with (
        serve(authority, attest=fail) as server,
        connect(server, authority) as enclave,
        pytest.raises(EvidenceUnavailable, match="no TEE device here"),
    ):
        enclave.attest(NONCE)


def test_unknown_failure_is_an_internal_error_without_detail(authority, caplog):
    def fail(_nonce):
        raise ZeroDivisionError("secret detail")

    with (
        serve(authority, attest=fail) as server,
        connect(server, authority) as enclave,
        pytest.raises(PlatformFailed, match="internal error") as raised,
    ):
        enclave.attest(NONCE)
    assert "secret" not in str(raised.value)
    assert "secret detail" in caplog.text


def test_envelopes_go_both_ways_in_order(authority):
    with serve(authority) as server, connect(server, authority) as enclave:
        link = enclave.open_channel()
        sent = [bytes([i]) * (i * 1000) for i in range(20)]
        for envelope in sent:
            link.send(envelope)
            assert link.receive(10) == envelope
        link.close()


def test_more_than_the_boxes_hold(authority):
    """Backpressure: neither end reads ahead without bound, and nothing is lost."""
    count = 5 * limits.MAX_INBOX_MESSAGES
    got = []

    def collect(_certificate, link):
        threading.Event().wait(0.2)  # let the sender run into the bound
        got.extend(link.receive(10) for _ in range(count))
        link.send(b"done")

    with serve(authority, on_channel=collect) as server, connect(server, authority) as enclave:
        link = enclave.open_channel()
        for i in range(count):
            link.send(i.to_bytes(4) * 50_000)
        assert link.receive(20) == b"done"
        link.close()
    assert got == [i.to_bytes(4) * 50_000 for i in range(count)]


def test_the_handler_gets_the_verified_certificate(authority):
    seen = []
    with (
        serve(authority, on_channel=lambda certificate, _link: seen.append(certificate)) as server,
        connect(server, authority, "bob") as enclave,
        pytest.raises(ChannelClosed),
    ):
        enclave.open_channel().receive(10)
    assert verify_certificate(seen[0], authority.ca_pem, authority.now).name == "bob"


def test_what_was_sent_before_close_arrives(authority):
    got = []
    done = threading.Event()

    def collect(_certificate, link):
        try:
            while True:
                got.append(link.receive(10))
        except ChannelClosed:
            done.set()

    with serve(authority, on_channel=collect) as server, connect(server, authority) as enclave:
        link = enclave.open_channel()
        for i in range(6):
            link.send(bytes([i]))
        link.close()
        link.close()
        assert done.wait(10)
    assert got == [bytes([i]) for i in range(6)]


def test_what_the_handler_sent_last_arrives(authority):
    def farewell(_certificate, link):
        link.send(b"model")
        link.send(b"receipt")

    with serve(authority, on_channel=farewell) as server, connect(server, authority) as enclave:
        link = enclave.open_channel()
        assert (link.receive(10), link.receive(10)) == (b"model", b"receipt")
        with pytest.raises(ChannelClosed):
            link.receive(10)
        with pytest.raises(ChannelClosed):
            link.send(b"too late")


@pytest.mark.parametrize(
    ("error", "told", "text"),
    [
        (LimitExceeded("one seat each"), LimitExceeded, "one seat each"),
        (AlgorithmNotListed("inner business"), ChannelClosed, "the other end ended the channel"),
        (KeyError("inner business"), ChannelClosed, "the other end ended the channel"),
    ],
)
def test_how_a_handlers_error_reaches_the_party(authority, error, told, text):
    def refuse(_certificate, _link):
        raise error

    with (
        serve(authority, on_channel=refuse) as server,
        connect(server, authority) as enclave,
        pytest.raises(told, match=text) as raised,
    ):
        enclave.open_channel().receive(10)
    assert "inner" not in str(raised.value)


def test_receive_times_out_and_the_link_stays_usable(authority):
    with serve(authority) as server, connect(server, authority) as enclave:
        link = enclave.open_channel()
        with pytest.raises(TimeoutError):
            link.receive(0.05)
        link.send(b"x")
        assert link.receive(10) == b"x"
        link.close()


def test_a_party_that_vanishes_ends_its_handler(authority):
    ended = threading.Event()

    def wait(_certificate, link):
        try:
            link.receive()
        except ChannelClosed:
            ended.set()

    with serve(authority, on_channel=wait) as server:
        enclave = connect(server, authority)
        link = enclave.open_channel()
        with pytest.raises(TimeoutError):
            link.receive(0.2)
        enclave._channel.close()  # as a killed process would
        assert ended.wait(10)
        enclave.close()


def test_stopping_the_server_ends_all_handlers_and_threads(authority):
    before = set(threading.enumerate())
    server = serve(authority)
    with connect(server, authority) as enclave:
        link = enclave.open_channel()
        link.send(b"x")
        assert link.receive(10) == b"x"
        server.stop()
        server.stop()
        with pytest.raises((ChannelClosed, Unreachable)):
            link.receive(10)
    left = [t for t in set(threading.enumerate()) - before if not t.daemon or "channel" in t.name]
    assert left == []


def test_too_large_a_message_is_refused_where_it_starts(authority, monkeypatch):
    monkeypatch.setattr(limits, "MAX_MESSAGE_BYTES", 1000)
    with serve(authority) as server, connect(server, authority) as enclave:
        link = enclave.open_channel()
        with pytest.raises(LimitExceeded):
            link.send(bytes(1001))
        link.send(bytes(1000))
        assert link.receive(10) == bytes(1000)
        link.close()


@pytest.mark.parametrize("over", [-1, 0, 1])
@pytest.mark.parametrize("pieces", [1, 3])
def test_messages_of_several_pieces_come_whole(authority, pieces, over):
    message = bytes(range(256)) * (pieces * limits.ENVELOPE_PIECE_BYTES // 256) + bytes(1)
    message = message[: pieces * limits.ENVELOPE_PIECE_BYTES + over]
    with serve(authority) as server, connect(server, authority) as enclave:
        link = enclave.open_channel()
        for sent in (message, b"x"):
            link.send(sent)
            assert bytes(link.receive(10)) == sent
        link.close()


def test_more_channels_than_allowed_are_refused(authority, monkeypatch):
    monkeypatch.setattr(limits, "MAX_CHANNELS", 1)
    with serve(authority) as server, connect(server, authority) as enclave:
        first = enclave.open_channel()
        first.send(b"x")
        assert first.receive(10) == b"x"
        with pytest.raises(LimitExceeded):
            enclave.open_channel().receive(10)
        first.close()


def test_a_client_without_or_with_a_foreign_certificate_is_refused(authority, foreign_authority):
    with serve(authority) as server:
        pem = fetch_certificate(server.address).encode()
        for tls in (
            foreign_authority.party("alice").tls,
            authority.enclave().tls,
            {"key_pem": None, "certificate_pem": None},
        ):
            with PinnedEnclave(server.address, pem, **tls) as enclave, pytest.raises(Unreachable):
                enclave.attest(NONCE, 5)


def test_calls_after_close(authority):
    with serve(authority) as server:
        enclave = connect(server, authority)
        enclave.close()
        with pytest.raises(ChannelClosed):
            enclave.attest(NONCE)
        with pytest.raises(ChannelClosed):
            enclave.open_channel()


def test_nobody_there():
    with pytest.raises(Unreachable):
        fetch_certificate("127.0.0.1:1", 2)


@pytest.mark.parametrize("address", ["", "localhost", "localhost:", ":1", "localhost:x", "h" * 300 + ":1"])
def test_addresses_that_are_none(address):
    with pytest.raises(Unreachable, match="host:port"):
        fetch_certificate(address)


@pytest.mark.parametrize(
    ("version", "accepted"), [(ssl.TLSVersion.TLSv1_2, False), (ssl.TLSVersion.TLSv1_3, True)]
)
def test_only_tls_1_3(authority, tmp_path, version, accepted):
    """With a good client certificate, so that the version is all that differs."""
    alice = authority.party("alice")
    (tmp_path / "key").write_bytes(alice.tls["key_pem"])
    (tmp_path / "certificate").write_bytes(alice.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    with serve(authority) as server:
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port)), 5) as plain:
            if accepted:
                with context.wrap_socket(plain) as secured:
                    assert secured.version() == "TLSv1.3"
            else:
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    context.wrap_socket(plain)
