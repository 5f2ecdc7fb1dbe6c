"""T-40: what two parties say through the host is read, altered, joined with another tunnel; or by whom."""

import pytest
from fakes import host_alone
from fakes.authority import Authority
from fakes.tunnels import Seeing, ask, both, echoing, ends, hosted, secured, tunnels

from confide.core.digest import sha384_hex
from confide.core.errors import AccessDenied, ChannelClosed, ConfideError, RemoteProtocolError
from confide.mpc.end_to_end import SecureLink
from confide.transport.memory import link_pair


def test_the_host_sees_no_plaintext(authority, tmp_path):
    seen = []
    with (
        hosted(authority, tmp_path) as (_, host, task),
        echoing() as port,
        tunnels(
            authority, host, task, {"alice": port, "bob": port}, wrap=lambda link: Seeing(link, seen)
        ) as (alice, _),
    ):
        assert ask(alice.port, b"CANARY-4711") == b"CANARY-4711"
    assert len(b"".join(seen)) > 1000
    assert b"CANARY" not in b"".join(seen)


@pytest.mark.parametrize("route", [("mallory", "bob"), ("alice", "mallory"), ("alice", "alice")])
def test_strangers_are_refused(authority, tmp_path, route):
    name, peer = route
    with hosted(authority, tmp_path) as (_, host, task), host_alone.client(host, authority, name) as client:
        leg = client.relay(task, peer)
        with pytest.raises(AccessDenied):
            leg.receive(10)


def test_another_party_of_the_same_ca_is_not_the_peer(authority):
    """The host could have a certificate of the CA, too."""
    found = secured(ends(authority, "alice", "bob"), ends(authority, "mallory", "alice", client=False))
    assert isinstance(found[0], AssertionError)


def test_a_certificate_of_another_ca_is_refused(authority):
    foreign = Authority("another-ca")
    found = secured(ends(authority, "alice", "bob"), ends(foreign, "bob", "alice"))
    assert all(isinstance(each, RemoteProtocolError | ChannelClosed) for each in found)


def test_tunnels_of_two_purposes_are_not_joined(authority):
    other = sha384_hex(b"another task")
    found = secured(ends(authority, "alice", "bob"), ends(authority, "bob", "alice", purpose=other))
    assert all(isinstance(each, RemoteProtocolError) for each in found)


def test_bytes_that_are_not_tls_are_refused(authority):
    left, right = link_pair()
    right.send(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(RemoteProtocolError):
        SecureLink(left, ends(authority, "alice", "bob"), 5)


def test_an_altered_record_is_found(authority):
    left, right = link_pair()

    class Altering(Seeing):
        armed = False

        def send(self, envelope):
            changed = bytearray(envelope)
            changed[-1] ^= self.armed
            super().send(bytes(changed))

    altering = Altering(left, [])
    alice, bob = both(
        lambda: SecureLink(altering, ends(authority, "alice", "bob"), 5),
        lambda: SecureLink(right, ends(authority, "bob", "alice"), 5),
    )
    altering.armed = True
    alice.send(b"pay 5")
    with pytest.raises(ConfideError):
        bob.receive()
