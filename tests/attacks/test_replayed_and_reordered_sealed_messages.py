"""The host between a party and an enclave carries their envelopes. Whatever it does to them is found.

Threat: a relay replays, reorders, drops, reflects, mixes, alters or shortens sealed messages.
"""

import pytest

from confide.core.errors import SealError
from confide.crypto.sealed import session_keys

SECRET = bytes(range(32))


class Wire:
    """A party and an enclave, joined by a host that holds every envelope before it goes on."""

    def __init__(self, *, task="task-1", party="a", certificate="c0ffee"):
        context = f"{task}/{party}/{certificate}".encode()
        self.party_seal, self.party_open = session_keys(SECRET, context, side="party")
        self.enclave_seal, self.enclave_open = session_keys(SECRET, context, side="enclave")

    def sent(self, *texts, epoch=0):
        return [self.party_seal.seal(text, epoch) for text in texts]

    def arrives(self, envelope, *, max_epoch=0):
        return self.enclave_open.open(envelope, max_epoch=max_epoch)[1]

    def refused(self, envelope, *, max_epoch=0):
        with pytest.raises(SealError):
            self.enclave_open.open(envelope, max_epoch=max_epoch)


@pytest.fixture
def wire():
    return Wire()


def test_untouched_messages_arrive(wire):
    envelopes = wire.sent(b"one", b"two", b"three")
    assert [wire.arrives(envelope) for envelope in envelopes] == [b"one", b"two", b"three"]


def test_replay(wire):
    (one,) = wire.sent(b"one")
    wire.arrives(one)
    wire.refused(one)


def test_replay_after_more_messages(wire):
    one, two, three = wire.sent(b"one", b"two", b"three")
    for envelope in (one, two, three):
        wire.arrives(envelope)
    wire.refused(two)


def test_reorder(wire):
    _, two = wire.sent(b"one", b"two")
    wire.refused(two)


def test_drop(wire):
    one, _, three = wire.sent(b"one", b"two", b"three")
    wire.arrives(one)
    wire.refused(three)


def test_drop_of_the_last_messages_of_a_phase(wire):
    one, _ = wire.sent(b"one", b"withheld")
    (later,) = wire.sent(b"later", epoch=1)
    wire.arrives(one)
    wire.refused(later, max_epoch=1)


def test_drop_of_a_whole_phase(wire):
    (one,) = wire.sent(b"one")
    wire.sent(b"withheld", epoch=1)
    (later,) = wire.sent(b"later", epoch=2)
    wire.arrives(one)
    wire.refused(later, max_epoch=2)


def test_reflection_to_the_sender(wire):
    (one,) = wire.sent(b"one")
    with pytest.raises(SealError):
        wire.party_open.open(one, max_epoch=0)


@pytest.mark.parametrize("other", [{"task": "task-2"}, {"party": "b"}, {"certificate": "beef"}], ids=str)
def test_message_of_another_task_party_or_certificate(wire, other):
    """Even when the secret were the same."""
    (foreign,) = Wire(**other).sent(b"one")
    wire.refused(foreign)


def test_every_flipped_bit_of_a_short_envelope():
    (envelope,) = Wire().sent(b"short")
    for position in range(len(envelope)):
        for bit in range(8):
            altered = bytearray(envelope)
            altered[position] ^= 1 << bit
            Wire().refused(bytes(altered), max_epoch=2**20)


def test_every_truncation_and_an_extension():
    (envelope,) = Wire().sent(b"short")
    for length in range(len(envelope)):
        Wire().refused(envelope[:length])
    Wire().refused(envelope + b"\x00")


def test_epoch_rollback(wire):
    one, two = wire.sent(b"one", b"two")
    (later,) = wire.sent(b"later", epoch=1)
    wire.arrives(one)
    wire.arrives(two)
    wire.arrives(later, max_epoch=1)
    wire.refused(two, max_epoch=1)


def test_phase_that_is_not_there_yet(wire):
    (early,) = wire.sent(b"early", epoch=1)
    wire.refused(early, max_epoch=0)


def test_forged_epoch_can_not_move_the_ratchet(wire):
    (one,) = wire.sent(b"one")
    wire.refused(one[:1] + (1).to_bytes(4, "big") + one[5:], max_epoch=1)


def test_nothing_arrives_after_a_refusal(wire):
    one, two = wire.sent(b"one", b"two")
    wire.refused(two)
    wire.refused(one)
    wire.refused(two)
