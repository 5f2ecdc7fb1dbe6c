"""Threat: with a JOIN of a party, recorded or new, somebody takes its place in a task, cuts off its channel,
or has the enclave seal other messages under keys that have been used; or a party takes places without end.

Measure: a JOIN that holds replaces the channel of its party, which is closed first and whose keys are wiped;
it must come under the certificate that joined first, with a secret that has not been used, and only so
often. Whatever is refused changes nothing for the channel that is open.
"""

import threading

import pytest
from fakes.mischief import flipped
from fakes.ports import SeededRandomness
from fakes.shop import START, authority, train_job, world
from fakes.threads import Running

from confide.core import limits
from confide.core.enclave_config import der_of_pem
from confide.core.errors import (
    ChannelClosed,
    ConfideError,
    LimitExceeded,
    RemoteProtocolError,
    SealError,
)
from confide.crypto.ca import issue
from confide.crypto.identity import request_identity
from confide.crypto.keys import KeyKind, PrivateKey
from confide.enclave.serving.door import Door
from confide.enclave.serving.inbox import Inbox
from confide.enclave.serving.visits import Joined
from confide.protocol.kinds import Kind
from confide.protocol.roles import Role
from confide.session.join import join
from confide.transport.memory import link_pair


class Place:
    """A door, and streams to it that stay open."""

    def __init__(self):
        self.ran = world()
        self.inbox = Inbox(1000)
        self.door = Door(self.ran.enclave._context, self.ran.attested, self.ran.hpke, self.inbox)
        self.refused = {}
        self.threads = []

    def joining(self, seed, identity=None):
        key, pem = identity or authority().identity("media")
        certificate = der_of_pem(pem.decode())
        randomness = SeededRandomness(seed)
        envelope, channel = join(
            self.ran.attested,
            party="media",
            role=Role.B,
            certificate=certificate,
            signer=key,
            randomness=randomness,
        )
        return certificate, envelope, channel

    def knock(self, name, certificate, envelope):
        """A stream of its own; returns our end."""
        ours, theirs = link_pair()
        ours.send(envelope)

        def serve():
            try:
                self.door.serve(certificate, theirs)
            except ConfideError as error:
                self.refused[name] = error
                theirs.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.threads.append((thread, ours))
        while thread.is_alive() and not self.inside(theirs):
            thread.join(0.01)
        return ours

    def inside(self, link):
        return any(visit.link is link for visits in tuple(self.door._visits.values()) for visit in visits)

    def visits(self):
        found = []
        while (event := self.inbox.take()) is not None:
            found += [event.visit] if isinstance(event, Joined) else []
        return found

    def end(self):
        for thread, ours in self.threads:
            ours.close()
            thread.join(5)


@pytest.fixture
def place():
    place = Place()
    yield place
    place.end()


def test_the_newer_channel_wins_and_the_older_is_told(place):
    first = place.knock("first", *place.joining("one")[:2])
    second = place.knock("second", *place.joining("two")[:2])
    with pytest.raises(ChannelClosed):
        first.receive(timeout=5)
    place.threads[0][0].join(5)
    assert list(place.refused) == ["first"]
    assert "joined again" in str(place.refused["first"])
    assert len(place.visits()) == 2
    with pytest.raises(TimeoutError):
        second.receive(timeout=0.01)


def open_still(place, link):
    with pytest.raises(TimeoutError):
        link.receive(timeout=0.05)
    assert len(place.visits()) == 1


def test_a_recorded_join_does_not_cut_off_the_channel_that_is_open(place):
    """Nor does it bring the enclave to seal anything else under keys that it has used."""
    certificate, envelope, _ = place.joining("one")
    link = place.knock("party", certificate, envelope)
    place.knock("replay", certificate, envelope)
    assert type(place.refused["replay"]) is RemoteProtocolError
    assert "with this JOIN already" in str(place.refused["replay"])
    open_still(place, link)


def test_nor_does_one_that_was_recorded_before_the_last(place):
    recorded = place.joining("one")
    place.knock("first", *recorded[:2])
    link = place.knock("second", *place.joining("two")[:2])
    place.visits()
    place.knock("replay", *recorded[:2])
    assert type(place.refused["replay"]) is RemoteProtocolError
    with pytest.raises(TimeoutError):
        link.receive(timeout=0.05)


def second_holder():
    """The CA has issued the name a second time, to another key."""
    key = PrivateKey.generate(KeyKind.P_384)
    ca = authority()
    return key, issue(ca.key, ca.pem, request_identity(key, "media"), START, ca.randomness)


def test_another_holder_of_the_name_does_not_take_the_place(place):
    link = place.knock("party", *place.joining("one")[:2])
    place.knock("other", *place.joining("two", second_holder())[:2])
    assert type(place.refused["other"]) is RemoteProtocolError
    assert "another certificate" in str(place.refused["other"])
    open_still(place, link)


def test_a_join_that_does_not_hold_changes_nothing(place):
    certificate, envelope, _ = place.joining("one")
    link = place.knock("party", certificate, envelope)
    for number, damaged in enumerate((flipped(place.joining("two")[1]), b"", b"hello")):
        place.knock(number, certificate, damaged)
        assert isinstance(place.refused[number], ConfideError)
    open_still(place, link)


def test_a_party_comes_back_only_so_often(place, monkeypatch):
    monkeypatch.setattr(limits, "MAX_REJOINS", 3)
    for number in range(4):
        link = place.knock(number, *place.joining(f"join {number}")[:2])
    place.knock("too often", *place.joining("one more")[:2])
    assert type(place.refused["too often"]) is LimitExceeded
    assert len(place.visits()) == 4
    with pytest.raises(TimeoutError):
        link.receive(timeout=0.05)


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.02)


@pytest.mark.usefixtures("_impatient")
def test_the_keys_of_the_earlier_channel_are_wiped_and_the_task_goes_on():
    running = Running(world(train_job()))
    running.start("media")
    while "media" not in running.door._visits:
        threading.Event().wait(0.01)
    running.start("media")
    assert running.run("shop") is None
    for visit in running.door._visits["media"]:
        with pytest.raises(SealError):
            visit.channel.hear(b"x" * 64)
        with pytest.raises(SealError):
            visit.channel._sealing.seal(b"", 9)
    assert len(running.ran.kept["media"].receipts) == 1


def test_no_two_channels_of_a_party_have_the_same_keys():
    """The same words, said on two channels, are sealed differently."""
    ran = world()
    ran.join("media")
    first = ran.enclave_ends["media"]
    ran.lose("media")
    ran.join("media")
    assert first is not ran.enclave_ends["media"]
    ran.join("shop")
    envelopes = [envelope for sender, to, envelope in ran.wire if to == "media"]
    ran.lose("media")
    ran.join("media")
    for envelope in envelopes:
        with pytest.raises(SealError):
            ran.ends["media"].hear(envelope)
    assert Kind.OFFER not in {message.kind for message in ran.kept["media"].seen}
