import pytest
from fakes.examples import EXAMPLES
from fakes.mischief import flipped
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core.errors import LocalProtocolError, RemoteProtocolError, SealError
from confide.crypto.sealed import session_keys
from confide.protocol import framing
from confide.protocol.kinds import Kind
from confide.protocol.machine import Session
from confide.protocol.messages import Progress
from confide.protocol.roles import Role
from confide.protocol.table import TRANSITIONS, State
from confide.session.channel import SealedChannel

SECRET = bytes(32)


def ends(role=Role.B, state=State.JOINED, epoch=1):
    session = Session(role, state, epoch)
    sealing, opening = session_keys(SECRET, b"test", side="party")
    party = SealedChannel(us=role, session=session, sealing=sealing, opening=opening)
    sealing, opening = session_keys(SECRET, b"test", side="enclave")
    return party, SealedChannel(us=Role.C, session=session, sealing=sealing, opening=opening)


def said(channel, kind):
    return channel.say(EXAMPLES[kind].message, EXAMPLES[kind].payload)


def test_what_is_said_is_heard_and_both_ends_move():
    party, enclave = ends()
    assert party.hear(said(enclave, Kind.OFFER)) == EXAMPLES[Kind.OFFER]
    assert party.session == enclave.session == Session(Role.B, State.DECIDING, 1)
    assert enclave.hear(said(party, Kind.ACCEPT)) == EXAMPLES[Kind.ACCEPT]
    assert party.session == enclave.session


def test_a_move_outside_the_table_is_our_own_bug_and_changes_nothing():
    party, enclave = ends()
    first_words = {Kind.OFFER, Kind.AGREED, Kind.BLOCK, Kind.RECALL, Kind.RECEIPT, Kind.FINAL_RECEIPT}
    for kind in set(Kind) - first_words - {Kind.ABORT}:
        with pytest.raises(LocalProtocolError):
            said(enclave, kind)
    assert party.hear(said(enclave, Kind.OFFER)) == EXAMPLES[Kind.OFFER]


def test_what_has_no_canonical_form_is_our_own_bug():
    _, enclave = ends(state=State.WORKING)
    with pytest.raises(LocalProtocolError, match="can't be encoded"):
        enclave.say(Progress(stage="train", done=1, total=1, metrics={"loss": float("nan")}))
    with pytest.raises(LocalProtocolError, match="carries no payload"):
        enclave.say(Progress(stage="train", done=1, total=1), b"payload")
    assert enclave.session.state is State.WORKING


def past_the_table(channel, spoken, epoch=None):
    return channel._sealing.seal(framing.encode(spoken), channel.session.epoch if epoch is None else epoch)


@pytest.mark.parametrize("kind", [Kind.RESULT, Kind.CLOSE, Kind.NOTICE])
def test_after_a_message_outside_the_table_nothing_more_is_heard(kind):
    party, enclave = ends()
    with pytest.raises(RemoteProtocolError):
        party.hear(past_the_table(enclave, EXAMPLES[kind]))
    with pytest.raises(SealError):
        party.hear(past_the_table(enclave, EXAMPLES[Kind.OFFER]))
    assert enclave.hear(said(party, Kind.ABORT)) == EXAMPLES[Kind.ABORT]


def test_after_a_malformed_message_nothing_more_is_heard():
    party, enclave = ends()
    with pytest.raises(RemoteProtocolError):
        party.hear(enclave._sealing.seal(b"hello", 1))
    with pytest.raises(SealError):
        party.hear(past_the_table(enclave, EXAMPLES[Kind.OFFER]))


def test_after_an_envelope_that_does_not_open_nothing_more_is_heard():
    party, enclave = ends()
    envelope = said(enclave, Kind.OFFER)
    with pytest.raises(SealError):
        party.hear(flipped(envelope))
    with pytest.raises(SealError):
        party.hear(envelope)


def test_a_message_belongs_to_the_phase_it_is_sealed_in():
    party, enclave = ends(state=State.BOUND, epoch=3)
    with pytest.raises(RemoteProtocolError, match="another phase"):
        party.hear(past_the_table(enclave, EXAMPLES[Kind.START], epoch=2))
    party, enclave = ends(state=State.BOUND, epoch=3)
    with pytest.raises(SealError):
        party.hear(past_the_table(enclave, EXAMPLES[Kind.START], epoch=4))


def test_an_abort_may_cross_a_message_that_turned_the_phase():
    """media says BLOCK's signature and the enclave aborts at the same time."""
    party, enclave = ends(role=Role.A, state=State.DONE, epoch=3)
    crossing = said(enclave, Kind.ABORT)
    said(party, Kind.CLOSE)
    assert party.session.epoch == 4
    assert party.hear(crossing) == EXAMPLES[Kind.ABORT]
    assert party.session.state is State.ABORTED


def test_a_destroyed_channel_neither_says_nor_hears():
    party, enclave = ends()
    envelope = said(enclave, Kind.OFFER)
    party.destroy()
    party.destroy()
    with pytest.raises(SealError):
        party.hear(envelope)
    with pytest.raises(SealError):
        said(party, Kind.ABORT)


def test_the_repr_shows_no_keys():
    party, _ = ends()
    assert repr(party) == "SealedChannel(B, joined)"


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_ends_stay_together_over_any_legal_conversation(data):
    channel = data.draw(st.sampled_from([Role.A, Role.B]))
    party, enclave = ends(channel, State.JOINED)
    for _ in range(data.draw(st.integers(1, 30))):
        state = party.session.state
        moves = [row[2:] for row in TRANSITIONS if row[:2] == (channel, state) and row[3] is not Kind.ABORT]
        if not moves:
            break
        speaker, kind = data.draw(st.sampled_from(moves))
        speaks, hears = (enclave, party) if speaker is Role.C else (party, enclave)
        assert hears.hear(said(speaks, kind)) == EXAMPLES[kind]
        assert party.session == enclave.session
