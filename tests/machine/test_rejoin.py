"""A channel that is lost, at any state of any channel: the party comes back and things go on."""

import functools

import pytest
from fakes.outcomes import completed
from fakes.shop import predict_job, train_job, world
from fakes.world import predict_task, train_task

from confide.algorithms import model_file
from confide.protocol.table import State

WAITS = {
    "shop": {State.ASKING, State.COMMITTED, State.SIGNED, State.CONFIRMED, State.OPENED, State.WORKING},
    "media": {State.JOINED, State.ACCEPTED, State.SIGNED, State.OPENED, State.WORKING},
}
"""States in which a channel waits for the other one, or for the work."""


def jobs():
    return train_job(), predict_job(predict_task(train_task()))


def results(ran):
    """What was learned and predicted; a model file also holds signatures of its agreement."""
    return [
        data
        if statement.kind == "predictions"
        else [(name, array.tobytes()) for name, array in sorted(model_file.read(data).arrays.items())]
        for statement, _, _, data in ran.kept["shop"].results
    ]


def begun(first):
    """Everybody has joined; what is on the channel of `first` is always delivered first."""
    ran = world(*jobs())
    for name in ("shop", "media"):
        ran.join(name)
    return ran


def step(ran, first):
    ran.prefer(first)
    ran.step()


@functools.cache
def undisturbed(first="shop"):
    """Results, and after how many deliveries the channel of `first` comes to each state and leaves it."""
    ran, moments = begun(first), {}
    while ran.busy:
        step(ran, first)
        moments.setdefault(ran.enclave_ends[first].session.state, []).append(len(ran.passed))
    completed(ran)
    chosen = {found[0] for found in moments.values()} | {found[-1] for found in tuple(moments.values())[::3]}
    return results(ran), sorted(chosen), set(moments)


def cut_after(delivered, first, parties):
    """A whole run in which these parties lose their channels after so many deliveries, and come back."""
    ran = begun(first)
    while len(ran.passed) < delivered:
        step(ran, first)
    for party in parties:
        ran.lose(party)
    for party in parties:
        ran.join(party)
    while ran.busy:
        step(ran, first)
    return ran


def went_on(ran):
    completed(ran)
    assert results(ran) == undisturbed()[0]
    assert len(ran.kept["shop"].agreements) == len(ran.kept["media"].agreements) == 2


@pytest.mark.parametrize("party", ["shop", "media"])
def test_a_channel_that_is_lost_in_any_state_is_taken_up_again(party):
    _, moments, states = undisturbed(party)
    seen = set()
    for delivered in moments:
        ran = cut_after(delivered, party, [party])
        went_on(ran)
        seen |= {state for _, state in ran.lost_in}
    assert states - seen == set()
    assert states >= WAITS[party]


@pytest.mark.parametrize("order", [("shop", "media"), ("media", "shop")])
def test_all_channels_at_once(order):
    for delivered in undisturbed()[1][::5]:
        went_on(cut_after(delivered, "shop", order))
