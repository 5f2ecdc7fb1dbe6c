"""T-45: somebody else connects where a party waits for another one directly. He is let go."""

import socket
import threading
from contextlib import closing, suppress
from types import SimpleNamespace

import pytest
from fakes.ports import FakeClock
from fakes.tunnels import PURPOSE, both, ends, free_port

from confide.app.meeting import Meeting
from confide.app.party_config import DirectEntry, MpcEntry
from confide.app.system import SystemRandomness
from confide.core import limits
from confide.core.addresses import host_and_port
from confide.core.errors import ConfideError
from confide.core.platform_api import TaskState
from confide.mpc import direct
from confide.mpc.end_to_end import SecureLink


def meeting(authority, name, peer, **way):
    holder = authority.party(name)
    identity = SimpleNamespace(
        private_key=holder.key, certificate_pem=holder.certificate_pem, ca_pem=authority.ca_pem
    )
    settings = SimpleNamespace(mpc=MpcEntry(direct={peer: DirectEntry(**way)}))
    party = SimpleNamespace(
        me=name,
        identity=identity,
        clock=FakeClock(authority.now),
        randomness=SystemRandomness(),
        config=SimpleNamespace(config=settings),
    )
    host = SimpleNamespace(get_task=lambda _: SimpleNamespace(state=TaskState.RUNNING, outcome=None))
    return Meeting(party, host, "0" * 32, threading.Event())


def talk(meeting_, peer, *, client, before=lambda: None):
    """One word each way, over the tunnel of the two."""
    before()
    with meeting_.tunnel(peer, PURPOSE, lambda: 1, client=client, patience=60) as tunnel:
        tunnel.say(b"of " + meeting_.party.me.encode())
        return tunnel.hear(20)


def knock(address, data):
    """Until somebody listens; (what came back)."""
    while True:
        try:
            with socket.create_connection(host_and_port(address), 5) as stranger:
                stranger.sendall(data)
                return stranger.recv(100)
        except ConnectionRefusedError:
            threading.Event().wait(0.01)
        except OSError:
            return b""


def intrude(authority, address, who, peer):
    with suppress(ConfideError), closing(direct.connect(address)) as link:
        SecureLink(link, ends(authority, who, peer, client=True), 5).receive()
        raise AssertionError("a stranger was heard")


def trickle(address):
    """A record that never ends, a byte at a time."""
    with suppress(OSError), socket.create_connection(host_and_port(address), 5) as stranger:
        for byte in b"\x16\x03\x01\x02" + bytes(100):
            stranger.sendall(bytes([byte]))
            threading.Event().wait(0.1)
        raise AssertionError("who does not come to an end is heard for ever")


@pytest.mark.parametrize("stranger", ["noise", "silence", "a trickle", "another party"])
def test_a_stranger_is_let_go_and_the_peer_comes_through(authority, stranger, monkeypatch):
    monkeypatch.setattr(limits, "DIRECT_HANDSHAKE_SECONDS", 0.3)
    address = f"127.0.0.1:{free_port()}"
    alice = meeting(authority, "alice", "bob", address=address)
    bob = meeting(authority, "bob", "alice", listen=address)

    def first():
        knock(address, b"GET / HTTP/1.1\r\n\r\n" if stranger == "noise" else b"")
        if stranger == "a trickle":
            trickle(address)
        if stranger == "another party":
            intrude(authority, address, "carl", "bob")

    found = both(
        lambda: talk(alice, "bob", client=True, before=first), lambda: talk(bob, "alice", client=False)
    )
    assert found == [b"of bob", b"of alice"]


def test_who_expects_the_peer_at_an_address_is_not_fooled(authority):
    """Another party of the same CA listens where the peer should."""
    address = f"127.0.0.1:{free_port()}"
    alice = meeting(authority, "alice", "bob", address=address)
    carl = meeting(authority, "carl", "alice", listen=address)
    carl.cancelled.set()  # it hears one connection, and leaves
    found = both(lambda: talk(alice, "bob", client=True), lambda: talk(carl, "alice", client=False))
    assert all(isinstance(error, ConfideError) for error in found)
    assert "carl is at the other end" in found[0].message


def test_one_intersection_after_the_other_listens(authority):
    address = f"127.0.0.1:{free_port()}"
    with direct.Listener(address), pytest.raises(TimeoutError):
        direct.Listener(address)
