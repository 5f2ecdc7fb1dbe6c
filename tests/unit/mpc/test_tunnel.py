"""Two parties who can't reach each other talk through the host, which sees nothing of it."""

import contextlib
import socket
import threading
import time

import pytest
from fakes import host_alone
from fakes.ports import FakeClock, SeededRandomness
from fakes.tunnels import ask, both, echoing, ends, hosted, paired, secured, tunnels

from confide.app.platform import write_rates
from confide.audit.log import AuditLog
from confide.core import limits
from confide.core.errors import (
    ChannelClosed,
    ConfideError,
    LimitExceeded,
    NotFound,
    RemoteProtocolError,
    TooManyCalls,
)
from confide.core.platform_api import RelayRequest
from confide.mpc.end_to_end import SecureLink
from confide.platform.audited import AuditedService
from confide.transport.memory import link_pair


@pytest.fixture
def cloud(authority, tmp_path):
    with hosted(authority, tmp_path) as made:
        yield made


@pytest.fixture
def host(cloud):
    return cloud[1]


@pytest.fixture
def task(cloud):
    return cloud[2]


@pytest.fixture
def service(cloud):
    return cloud[0]


def test_several_connections_each_way_at_the_same_time(authority, host, task):
    data = SeededRandomness().bytes(64) * 50_000
    with echoing() as at_alice, echoing(lambda d: d.swapcase()) as at_bob:
        with tunnels(authority, host, task, {"alice": at_alice, "bob": at_bob}) as (alice, bob):
            found = both(
                lambda: [ask(alice.port, data), ask(alice.port, b"again")],
                lambda: [ask(bob.port, data), ask(bob.port, b"and again")],
            )
            assert alice.sent == bob.received > 0
        assert found == [[data.swapcase(), b"AGAIN"], [data, b"and again"]]


def test_hundreds_of_connections_one_after_another(authority, host, task):
    """Those that have ended take no place."""
    with echoing() as port, tunnels(authority, host, task, {"alice": port, "bob": port}) as (alice, _):
        assert all(ask(alice.port, b"%d" % turn) == b"%d" % turn for turn in range(150))


def test_a_program_that_does_not_listen_ends_the_connection_only(authority, host, task, monkeypatch):
    monkeypatch.setattr(limits, "PROGRAM_START_SECONDS", 0.2)
    with echoing() as port, tunnels(authority, host, task, {"alice": port, "bob": 1}) as (alice, bob):
        assert ask(alice.port, b"nobody there") == b""
        assert ask(bob.port, b"somebody") == b"somebody"


def test_only_loopback_listens(authority, host, task):
    with tunnels(authority, host, task, {"alice": 1, "bob": 1}) as (alice, bob):
        for end in (alice, bob):
            assert end._listener.getsockname()[0] == "127.0.0.1"


def test_the_audit_log_counts_bytes(authority, host, task, service, tmp_path):
    """Through the audited service, as app/platform.py composes it."""
    log = AuditLog(tmp_path / "relay.jsonl", "urn:confide:platform:cloud", FakeClock(), actor="cloud")
    audited = AuditedService(service, log, write_rates(lambda: 0.0))
    (ours, theirs), (mine, yours) = link_pair(), link_pair()

    def bring(name, peer, link):
        return audited.relay(host_alone.caller(name), RelayRequest(task=task, peer=peer), link)

    def talk():
        paired(theirs), paired(yours)
        theirs.send(b"12345")
        assert bytes(yours.receive(5)) == b"12345"
        theirs.close()

    talking = threading.Thread(target=talk)
    talking.start()
    found = both(lambda: bring("alice", "bob", ours), lambda: bring("bob", "alice", mine))
    talking.join(10)
    assert found == [5, 0]
    text = (tmp_path / "relay.jsonl").read_text()
    assert text.count('"operation":"relay"') == 4
    assert '"bytes":5' in text


@pytest.mark.parametrize("leg", ["alice", "bob"])
def test_dropped_leg_ends_both_ends(authority, host, task, leg):
    """Nobody is left waiting: connections close, the tunnel says why, and a new one can be opened."""
    with echoing() as port:
        links = []

        def keep(link):
            links.append(link)
            return link

        with tunnels(authority, host, task, {"alice": port, "bob": port}, wrap=keep) as (alice, bob):
            assert ask(alice.port, b"works") == b"works"
            links[0 if leg == "alice" else 1].close()
            for end in (alice, bob):
                assert end._over.wait(10)
            with contextlib.suppress(ConnectionError):  # or it was let in just before, and let go of at once
                assert ask(alice.port, b"too late") == b""
        with tunnels(authority, host, task, {"alice": port, "bob": port}) as (alice, bob):
            assert ask(bob.port, b"works again") == b"works again"


def test_a_connection_that_comes_while_the_tunnel_ends_is_closed(authority, host, task):
    """Between its acceptance and its place among the others: whoever connected is not left waiting."""
    with echoing() as port, tunnels(authority, host, task, {"alice": port, "bob": port}) as (alice, _):
        alice.close()
        ours, theirs = socket.socketpair()
        with ours, pytest.raises(ChannelClosed):
            alice._keep(100, theirs)
        assert theirs.fileno() == -1


def test_a_participant_that_comes_again_takes_the_place_of_its_earlier_leg(authority, host, task, service):
    with (
        host_alone.client(host, authority, "alice") as alice,
        host_alone.client(host, authority, "bob") as bob,
    ):
        first = alice.relay(task, "bob")
        deadline = time.monotonic() + 10
        while (task, "alice", "bob") not in service._relay._legs:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        second = alice.relay(task, "bob")
        with pytest.raises(ConfideError):
            first.receive(10)
        theirs = bob.relay(task, "alice")
        paired(second), paired(theirs)
        theirs.send(b"hello")
        assert bytes(second.receive(10)) == b"hello"


def test_unknown_and_ended_tasks_are_refused(authority, host, task, service):
    host_alone.end(service, task)
    with host_alone.client(host, authority, "alice") as client:
        for wanted in (task, "f" * 32):
            leg = client.relay(wanted, "bob")
            with pytest.raises(NotFound):
                leg.receive(10)


def test_more_legs_than_one_may_open_are_refused(authority, host, task):
    with host_alone.client(host, authority, "alice") as client:
        refusals = [_refusal(client.relay(task, "bob")) for _ in range(20)]
    assert any(isinstance(refusal, TooManyCalls) for refusal in refusals)


def _refusal(leg):
    """One comes at once, or not at all."""
    try:
        leg.receive(0.2)
    except (TimeoutError, ConfideError) as error:
        return error
    return None


def opened(authority, stack, host, task):
    """Two legs whose other ends are there."""
    names = (("alice", "bob"), ("bob", "alice"))
    clients = [stack.enter_context(host_alone.client(host, authority, name)) for name, _ in names]
    legs = [client.relay(task, peer) for client, (_, peer) in zip(clients, names, strict=True)]
    return [paired(leg) for leg in legs]


@pytest.mark.parametrize("limit", ["RELAY_FRAME_BYTES", "MAX_RELAY_BYTES"])
def test_more_than_a_leg_may_bring_ends_it(authority, host, task, monkeypatch, limit):
    with contextlib.ExitStack() as stack:
        monkeypatch.setattr(limits, limit, 1000)
        first, second = opened(authority, stack, host, task)
        first.send(bytes(1000))
        assert bytes(second.receive(10)) == bytes(1000)
        first.send(bytes(1001))
        with pytest.raises(LimitExceeded, match=limit):
            first.receive(10)
        with pytest.raises(ChannelClosed):
            second.receive(10)


def test_what_is_sent_before_the_other_end_is_there_is_refused(authority, host, task):
    with host_alone.client(host, authority, "alice") as client:
        leg = client.relay(task, "bob")
        leg.send(b"early")
        with pytest.raises(RemoteProtocolError):
            leg.receive(10)


def test_both_ends_speak(authority):
    alice, bob = secured(ends(authority, "alice", "bob"), ends(authority, "bob", "alice"))
    alice.send(b"1")
    bob.send(b"2")
    assert (bob.receive(), alice.receive()) == (b"1", b"2")


def test_a_silent_other_end_is_given_up(authority):
    left, _ = link_pair()
    with pytest.raises(ChannelClosed):
        SecureLink(left, ends(authority, "alice", "bob"), 0.2)
