"""Threat: the operator, with a certificate of the common CA, puts itself between a party and the enclave.

CA trust alone would let it in. What keeps it out: the pinned certificate, and evidence bound to that
certificate's key.
"""

import contextlib
import socket
import threading

import pytest

from confide.app.system import SystemRandomness
from confide.attestation.binding import Binding, make_evidence, verify_evidence
from confide.attestation.policy import UnsafeAnyMeasurement
from confide.attestation.roots import TrustRoots
from confide.core import limits
from confide.core.errors import BindingMismatch, ChannelClosed, Unreachable
from confide.core.platform_api import AttestReply
from confide.crypto.certificates import public_key_of_certificate
from confide.transport.enclave_client import PinnedEnclave
from confide.transport.enclave_server import serve_enclave
from confide.transport.pinned import fetch_certificate
from confide_sim.tee import SimulatedTee

NONCE = bytes(range(limits.NONCE_BYTES))
CONFIG = b"{}"
HPKE_KEY = b"\x07" * 32


@pytest.fixture(scope="module")
def tee(authority):
    return SimulatedTee(SystemRandomness(), authority.now)


@pytest.fixture
def enclave(authority, tee):
    """The genuine one: echoes; its evidence is bound to its own key."""
    holder = authority.enclave()
    public_key = public_key_of_certificate(holder.certificate_pem)

    def attest(nonce):
        binding = Binding.to(public_key=public_key, nonce=nonce, hpke_key=HPKE_KEY, config=CONFIG)
        return AttestReply(evidence=make_evidence(tee, binding), config=CONFIG)

    with _serve(authority, holder, attest) as server:
        yield server


@pytest.fixture
def relay(authority, enclave):
    """The operator's: a certificate of the common CA, and every word of the genuine enclave passed on."""
    operator = authority.platform("operator")
    behind = _connect(authority, enclave.address, authority.party("operators-party"))
    with behind, _serve(authority, operator, behind.attest) as server:
        yield server


def _serve(authority, holder, attest):
    def echo(_certificate, link):
        while True:
            link.send(link.receive())

    return serve_enclave("127.0.0.1:0", **holder.tls, ca_pem=authority.ca_pem, attest=attest, on_channel=echo)


def _connect(authority, address, party=None, *, pinned=None):
    pem = pinned or fetch_certificate(address).encode()
    return PinnedEnclave(address, pem, **(party or authority.party("alice")).tls)


def _verify(tee, authority, connection, evidence):
    binding = Binding.to(
        public_key=public_key_of_certificate(connection.certificate_pem),
        nonce=NONCE,
        hpke_key=HPKE_KEY,
        config=CONFIG,
    )
    verify_evidence(
        evidence,
        tee.collateral(authority.now),
        expected=binding,
        roots=TrustRoots([tee.root_der]),
        policy=UnsafeAnyMeasurement(),
        now=authority.now,
    )


def test_the_genuine_enclave_convinces(authority, tee, enclave):
    with _connect(authority, enclave.address) as connection:
        _verify(tee, authority, connection, connection.attest(NONCE).evidence)


def test_a_relay_from_the_start_can_not_pass_on_the_enclaves_evidence(authority, tee, enclave, relay):
    """Its certificate does not even carry the enclave's name; were it to, the evidence names another key."""
    with _connect(authority, relay.address) as connection, pytest.raises(Unreachable):
        connection.attest(NONCE)
    with _connect(authority, enclave.address) as genuine:
        evidence = genuine.attest(NONCE).evidence
    with (
        _connect(authority, relay.address) as connection,
        pytest.raises(BindingMismatch, match="another channel key"),
    ):
        _verify(tee, authority, connection, evidence)


def test_a_self_signed_relay_with_the_enclaves_name(authority, tee, enclave):
    with (
        _connect(authority, enclave.address) as behind,
        _serve(authority, authority.enclave(), behind.attest) as relay,
        _connect(authority, relay.address) as connection,
    ):
        evidence = connection.attest(NONCE).evidence
        with pytest.raises(BindingMismatch, match="another channel key"):
            _verify(tee, authority, connection, evidence)


@pytest.mark.parametrize("certificate", ["of the common CA", "self-signed with the enclave's name"])
def test_a_channel_rerouted_after_attestation_is_refused(authority, tee, enclave, certificate):
    impostor = authority.platform("operator") if "CA" in certificate else authority.enclave()
    calls = []

    def attest(nonce):
        calls.append(nonce)
        return AttestReply(evidence=b"", config=b"")

    with (
        _serve(authority, impostor, attest) as relay,
        _Switch(enclave.address) as network,
        _connect(authority, network.address) as connection,
    ):
        _verify(tee, authority, connection, connection.attest(NONCE).evidence)
        link = connection.open_channel()
        link.send(b"sealed")
        assert link.receive(10) == b"sealed"
        network.reroute(relay.address)
        with pytest.raises((Unreachable, ChannelClosed)):
            link.receive(10)
        with pytest.raises(Unreachable):
            connection.attest(NONCE)
        with pytest.raises(Unreachable):
            connection.open_channel().receive(10)
    assert calls == []


class _Switch:
    """A network in the operator's hand: forwards TCP to one address, then to another."""

    def __init__(self, address):
        self._target = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def reroute(self, address):
        """Cut what is open; whoever connects again comes to `address`."""
        self._target = address
        for end in self._open:
            _cut(end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _cut(self._listener)
        self._listener.close()
        self._threads[0].join()
        for end in self._open:
            _cut(end)
        for thread in self._threads:
            thread.join()
        for end in self._open:
            end.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            host, port = self._target.split(":")
            far = socket.create_connection((host, int(port)))
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                thread = threading.Thread(target=_copy, args=(source, sink))
                self._threads.append(thread)
                thread.start()


def _copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    _cut(sink)


def _cut(end):
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
