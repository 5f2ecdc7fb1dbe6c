"""The transition table by product, its shape, and two Sessions that never diverge."""

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from confide.core.errors import LocalProtocolError, RemoteProtocolError
from confide.protocol.kinds import Kind
from confide.protocol.machine import Session
from confide.protocol.messages import Message
from confide.protocol.roles import Phase, Role
from confide.protocol.table import ROWS, TERMINAL, TRANSITIONS, State, phase_of

CHANNELS = (Role.A, Role.B)
SPEAKERS = {Role.A: (Role.A, Role.C), Role.B: (Role.B, Role.C)}


class Bare(Message, frozen=True):
    """The machine looks at the kind only."""

    word: Kind

    @property
    def kind(self):
        return self.word


def message(kind):
    return Bare(word=kind)


def states_of(channel):
    """States that this kind of channel can reach."""
    found, waiting = set(), [State.UNVERIFIED]
    while waiting:
        state = waiting.pop()
        if state not in found:
            found.add(state)
            waiting += [
                after for (on, before, *_), after in TRANSITIONS.items() if (on, before) == (channel, state)
            ]
    return found


PRODUCT = list(itertools.product(CHANNELS, State, Role, Kind))


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_combination_leads_where_the_table_says_or_is_refused(channel):
    for on, state, speaker, kind in PRODUCT:
        if on is not channel:
            continue
        session = Session(channel, state, 3)
        after = TRANSITIONS.get((channel, state, speaker, kind))
        assert session.may(speaker, kind) is (after is not None)
        if after is None:
            with pytest.raises(LocalProtocolError):
                session.say(speaker, message(kind))
            with pytest.raises(RemoteProtocolError):
                session.hear(speaker, message(kind))
            continue
        said, heard = session.say(speaker, message(kind)), session.hear(speaker, message(kind))
        assert said == heard
        assert said.state is after
        assert said.epoch == 3 + (phase_of(after) is not phase_of(state))
        assert session == Session(channel, state, 3)


def test_the_product_is_complete():
    assert len(PRODUCT) == 2 * len(State) * len(Role) * len(Kind)
    assert len(TRANSITIONS) == sum(len(row.on) for row in ROWS)


def test_a_party_has_no_voice_on_the_other_kind_of_channel():
    assert all(speaker in SPEAKERS[channel] for channel, _, speaker, _ in TRANSITIONS)


def test_every_state_is_reachable_on_one_channel_at_least():
    assert states_of(Role.A) | states_of(Role.B) == set(State)
    assert set(State) - states_of(Role.A) == {State.DECIDING, State.ACCEPTED, State.DECLINED}
    assert set(State) - states_of(Role.B) == {
        State.CHOOSING,
        State.JUDGING,
        State.ASKING,
        State.FETCHING,
        State.DELIVERING,
        State.CLOSING,
    }


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_state_can_reach_the_close_and_can_end(channel):
    rows = [(before, after) for (on, before, *_), after in TRANSITIONS.items() if on is channel]
    closing = {State.CLOSED}
    while True:
        more = {before for before, after in rows if after in closing} - closing
        if not more:
            break
        closing |= more
    # A provider that has declined is only told why the task ends.
    assert states_of(channel) - closing == {State.ABORTED} | ({State.DECLINED} & states_of(channel))
    for state in states_of(channel) - TERMINAL - {State.UNVERIFIED}:
        for speaker in SPEAKERS[channel]:
            assert TRANSITIONS[channel, state, speaker, Kind.ABORT] is State.ABORTED


@pytest.mark.parametrize("channel", CHANNELS)
def test_nothing_is_said_after_the_end_and_only_join_before_the_beginning(channel):
    for state in TERMINAL:
        assert not [row for row in TRANSITIONS if row[:2] == (channel, state)]
        assert Session(channel, state).ended
    assert [row[2:] for row in TRANSITIONS if row[:2] == (channel, State.UNVERIFIED)] == [
        (channel, Kind.JOIN)
    ]


@pytest.mark.parametrize("channel", CHANNELS)
def test_exactly_one_side_may_speak_in_each_state(channel):
    for state in states_of(channel) - TERMINAL - {State.DECLINED}:
        talking = {
            speaker
            for on, before, speaker, kind in TRANSITIONS
            if (on, before) == (channel, state) and kind is not Kind.ABORT
        }
        assert len(talking) == 1, (channel, state, talking)


def test_results_travel_on_the_initiators_channel_only():
    for (channel, _, _, kind), after in TRANSITIONS.items():
        if after is State.DELIVERING or kind in {Kind.RESULT, Kind.RESULT_PART, Kind.RESULT_END, Kind.FETCH}:
            assert channel is Role.A


def test_phases_only_go_forward_but_for_the_next_round():
    order = list(Phase)
    back = {
        (channel, before, after)
        for (channel, before, _, _), after in TRANSITIONS.items()
        if order.index(phase_of(after)) < order.index(phase_of(before))
    }
    assert back == {(Role.A, State.DONE, State.JUDGING), (Role.B, State.DONE, State.DECIDING)}


def test_every_message_has_a_row():
    assert {kind for *_, kind in TRANSITIONS} == set(Kind)


class TwoEnds(RuleBasedStateMachine):
    """A party's Session and the enclave's, joined by a wire that loses nothing. Half-duplex: in order."""

    def __init__(self):
        super().__init__()
        self.channel = Role.A
        self.ends = {}

    @initialize(channel=st.sampled_from(CHANNELS))
    def start(self, channel):
        self.channel = channel
        self.ends = {channel: Session(channel), Role.C: Session(channel)}

    @rule(by_party=st.booleans(), kind=st.sampled_from(Kind))
    def any_move(self, by_party, kind):
        self.move(by_party, kind)

    @rule(data=st.data())
    def legal_move(self, data):
        session = self.ends[Role.C]
        legal = [
            (speaker is not Role.C, kind)
            for on, state, speaker, kind in TRANSITIONS
            if (on, state) == (self.channel, session.state) and kind is not Kind.ABORT
        ]
        if legal:
            self.move(*data.draw(st.sampled_from(legal)))

    def move(self, by_party, kind):
        speaker = self.channel if by_party else Role.C
        hearer = Role.C if by_party else self.channel
        before = dict(self.ends)
        try:
            self.ends[speaker] = self.ends[speaker].say(speaker, message(kind))
        except LocalProtocolError:
            with pytest.raises(RemoteProtocolError):
                self.ends[hearer].hear(speaker, message(kind))
            assert self.ends == before
            return
        self.ends[hearer] = self.ends[hearer].hear(speaker, message(kind))

    @invariant()
    def ends_agree(self):
        assert len(set(self.ends.values())) <= 1


TestTwoEnds = TwoEnds.TestCase
TestTwoEnds.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
