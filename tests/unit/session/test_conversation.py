import threading

import pytest
from fakes.examples import EXAMPLES
from fakes.mischief import flipped

from confide.core import limits
from confide.core.errors import (
    ChannelClosed,
    DatasetCorrupt,
    OfferDeclined,
    PartyLost,
    RemoteProtocolError,
    SealError,
    TaskCancelled,
    WorkFailed,
)
from confide.crypto.sealed import session_keys
from confide.protocol import faults
from confide.protocol.kinds import Kind
from confide.protocol.machine import Session
from confide.protocol.roles import Role
from confide.protocol.table import State
from confide.session.channel import SealedChannel
from confide.session.conversation import converse
from confide.transport.memory import link_pair


class Talk:
    """A provider's loop against an enclave that a test plays by hand."""

    def __init__(self, answer=lambda spoken: [], state=State.JOINED):
        session = Session(Role.B, state, 1)
        self.link, self.enclave_link = link_pair()
        sealing, opening = session_keys(bytes(32), b"test", side="party")
        self.channel = SealedChannel(us=Role.B, session=session, sealing=sealing, opening=opening)
        sealing, opening = session_keys(bytes(32), b"test", side="enclave")
        self.enclave = SealedChannel(us=Role.C, session=session, sealing=sealing, opening=opening)
        self.cancelled = threading.Event()
        self.notes = []
        self.hear = answer

    def say(self, kind):
        self.enclave_link.send(self.enclave.say(EXAMPLES[kind].message))

    def note(self, who, message, state):
        self.notes.append((who, message.kind, str(state)))

    def run(self):
        converse(self.link, self.channel, self, note=self.note, cancelled=self.cancelled, us="media")

    def told(self):
        """What the enclave is told last."""
        return self.enclave.hear(self.enclave_link.receive(timeout=1)).message


def ends_by(talk, kind):
    with pytest.raises(kind) as caught:
        talk.run()
    with pytest.raises(SealError):
        talk.channel._sealing.seal(b"", talk.channel.session.epoch)
    return caught.value


def test_a_conversation_runs_to_its_close():
    def answer(spoken):
        last = spoken.message.kind is Kind.FINAL_RECEIPT
        yield EXAMPLES[Kind.ACKNOWLEDGE if last else Kind.COUNTERSIGNATURE]

    talk = Talk(answer)
    talk.say(Kind.RECEIPT)
    said = talk.enclave.session
    talk.enclave.session = Session(Role.B, State.COUNTERSIGNED, said.epoch)
    talk.say(Kind.FINAL_RECEIPT)
    talk.run()
    assert talk.notes == [
        ("heard", Kind.RECEIPT, "countersigning"),
        ("said", Kind.COUNTERSIGNATURE, "countersigned"),
        ("heard", Kind.FINAL_RECEIPT, "keeping"),
        ("said", Kind.ACKNOWLEDGE, "closed"),
    ]


def test_an_answer_is_noted_before_it_is_sent():
    talk = Talk(lambda spoken: [EXAMPLES[Kind.ACCEPT]])
    sent_when_noted = []

    class Watched:
        def send(self, envelope):
            sent_when_noted.append(list(talk.notes))
            raise ChannelClosed("gone")

        def receive(self, timeout=None):
            return receive(timeout)

    receive = talk.link.receive
    talk.link = Watched()
    talk.say(Kind.OFFER)
    ends_by(talk, ChannelClosed)
    assert sent_when_noted[0][-1] == ("said", Kind.ACCEPT, "accepted")


def test_our_own_error_is_told():
    def answer(_):
        raise OfferDeclined("no")
        yield

    talk = Talk(answer)
    talk.say(Kind.OFFER)
    ends_by(talk, OfferDeclined)
    assert (talk.told().code, talk.notes[-1]) == ("CFD-111", ("said", Kind.ABORT, "aborted"))


def test_our_own_files_are_not_told_about():
    def answer(_):
        raise DatasetCorrupt("/home/media/block-00000.arrows has changed since it was prepared")
        yield

    talk = Talk(answer)
    talk.say(Kind.OFFER)
    assert "/home/media" in str(ends_by(talk, DatasetCorrupt))
    told = talk.told()
    assert (told.code, told.reason) == (WorkFailed.code, "an internal failure (CFD-403)")


def test_an_abort_is_raised_and_not_told_back():
    talk = Talk()
    talk.enclave_link.send(talk.enclave.say(faults.abort_of(PartyLost("shop is gone", blame="shop"))))
    error = ends_by(talk, PartyLost)
    assert (str(error), error.blame) == ("shop is gone", "shop")
    with pytest.raises(TimeoutError):
        talk.enclave_link.receive(timeout=0.01)


def test_an_envelope_that_does_not_open_ends_the_channel_without_a_word():
    """The task goes on: the party may come back with new keys."""
    talk = Talk()
    talk.enclave_link.send(flipped(talk.enclave.say(EXAMPLES[Kind.OFFER].message)))
    ends_by(talk, SealError)
    assert talk.notes == []
    with pytest.raises(TimeoutError):
        talk.enclave_link.receive(timeout=0.01)


def test_a_message_outside_the_table_ends_it():
    talk = Talk()
    envelope = talk.enclave._sealing.seal(b"\0\0\0\x13" + b'{"message":"close"}', talk.enclave.session.epoch)
    talk.enclave_link.send(envelope)
    ends_by(talk, RemoteProtocolError)


def test_the_enclaves_end_is_gone():
    talk = Talk()
    talk.enclave_link.close()
    ends_by(talk, ChannelClosed)


def test_a_cancellation_is_told(monkeypatch):
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.01)
    talk = Talk()
    timer = threading.Timer(0.05, talk.cancelled.set)
    timer.start()
    assert ends_by(talk, TaskCancelled).blame == "media"
    timer.join()
    assert (talk.told().code, talk.notes) == (TaskCancelled.code, [("said", Kind.ABORT, "aborted")])
