"""What the scripts do with words that the table would not have let through: they rely on it, not blindly."""

import pytest
from fakes.examples import EXAMPLES
from fakes.shop import datasets, predict_job, train_job, world
from fakes.world import PARAMETERS, predict_task, train_task

from confide.algorithms import registry
from confide.core.errors import AlgorithmNotListed, ConfideError, LocalProtocolError, RemoteProtocolError
from confide.party.initiator import Initiator, Job
from confide.party.participant import expect
from confide.protocol import messages as m
from confide.protocol.kinds import Kind
from confide.protocol.roles import Role
from confide.protocol.table import TRANSITIONS

HEARD_BY = {
    party: {kind for on, _, speaker, kind in TRANSITIONS if on is role and speaker is Role.C} - {Kind.ABORT}
    for party, role in (("shop", Role.A), ("media", Role.B))
}


@pytest.mark.parametrize("party", ["shop", "media"])
def test_a_script_answers_exactly_what_its_channel_may_bring(party):
    script = world().scripts[party]
    assert HEARD_BY[party] <= set(script._handlers)
    for kind in set(Kind) - set(script._handlers):
        with pytest.raises(RemoteProtocolError, match="no answer"):
            list(script.hear(EXAMPLES[kind]))


def test_the_enclave_answers_exactly_what_its_channels_may_bring():
    said = {kind for _, _, speaker, kind in TRANSITIONS if speaker is not Role.C} - {Kind.ABORT, Kind.JOIN}
    assert set(world().enclave._handlers) == said


@pytest.mark.parametrize("party", ["shop", "media"])
@pytest.mark.parametrize("kind", Kind)
def test_out_of_place_a_message_raises_a_confide_error_or_nothing(party, kind):
    """Directly, past the table, before anything was agreed."""
    script = world().scripts[party]
    try:
        list(script.hear(EXAMPLES[kind]))
    except ConfideError:
        return
    assert kind in {Kind.RECALL, Kind.LISTING, Kind.OFFER, Kind.RECEIVED, Kind.PROGRESS}


def test_an_initiator_has_a_job():
    with pytest.raises(ValueError, match="without a job"):
        Initiator(world().scripts["shop"]._context, [])


def test_an_algorithm_that_is_not_listed_is_not_proposed():
    ran = world(Job(train_task(), "magic", PARAMETERS, datasets()["shop"]))
    ran.run()
    assert type(ran.errors["shop"]) is AlgorithmNotListed
    assert ", ".join(sorted(registry.ALGORITHMS)) in str(ran.errors["shop"])


def test_a_prediction_needs_a_model():
    ran = world(predict_job(predict_task(train_task())))
    ran.run()
    assert type(ran.errors["shop"]) is LocalProtocolError


def test_parameters_that_have_no_canonical_form_are_our_own_fault():
    ran = world(train_job(parameters={"seed": 2**60}))
    ran.run()
    assert type(ran.errors["shop"]) is LocalProtocolError


def test_expect_holds_table_and_types_together():
    assert expect(m.Pass(), m.Pass) == m.Pass()
    with pytest.raises(RemoteProtocolError):
        expect(m.Pass(), m.Close)


def test_each_commitment_has_a_salt_of_its_own():
    ran = world(train_job(), predict_job(predict_task(train_task())))
    ran.run()
    (first, second) = ran.kept["media"].agreements
    assert set(first.block.commitments.values()).isdisjoint(second.block.commitments.values())
