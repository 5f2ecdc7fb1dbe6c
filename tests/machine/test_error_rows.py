"""The error rows of the protocol as behaviour: negotiation, confirmation, upload, delivery."""

import pytest
from fakes.mischief import flipped, say_to, times, twist, twist_enclave, with_fields, with_payload
from fakes.shop import ROWS, dataset_of, datasets, predict_job, train_job, world
from fakes.world import PARAMETERS, predict_task, train_task
from msgspec.structs import replace

from confide.core import limits
from confide.core.errors import (
    AlgorithmNotListed,
    BlockDigestMismatch,
    CommitmentMismatch,
    IdSetMismatch,
    OfferDeclined,
    OfferExpired,
    PartyLost,
    ResultDigestMismatch,
    SchemaMismatch,
    SignatureInvalid,
    TaskDigestMismatch,
    TooManyQuarantined,
)
from confide.core.features import Feature
from confide.core.features import Kind as ColumnKind
from confide.core.platform_api import TaskKind
from confide.data.schema import IdColumn, IdType, LabelColumn, Schema
from confide.enclave.context import Say
from confide.party.initiator import Job
from confide.party.participant import Participant
from confide.protocol import messages as m
from confide.protocol.messages import Kind, Spoken
from confide.protocol.table import State

EVERYBODY = ("shop", "media", "enclave")


def completed(ran):
    assert ran.errors == {}
    assert ran.enclave.closed
    assert len(ran.kept["shop"].receipts) == len(ran.kept["media"].receipts) == 1


def ended(ran, kind, blame, *, by=EVERYBODY):
    """Everybody in `by` was told alike, nobody has a result, nobody has a receipt."""
    assert {who: type(error) for who, error in ran.errors.items()} == dict.fromkeys(by, kind)
    assert {ran.errors[who].blame for who in by} == {blame}
    assert all(not kept.results and not kept.receipts for kept in ran.kept.values())


def heard(ran, name, kind):
    return [message for message in ran.kept[name].seen if message.kind is kind]


# --- the proposal is refused -----------------------------------------------------------------------------


def other_algorithm(said):
    proposal = said.message
    return [Spoken(replace(proposal, algorithm=replace(proposal.algorithm, version="0")))]


def other_parameter(said):
    algorithm = said.message.algorithm
    return [Spoken(replace(said.message, algorithm=replace(algorithm, parameters={"epochs": 0})))]


def other_task(**changes):
    return lambda said: [Spoken(replace(said.message, task=train_task(**changes)))]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (other_algorithm, "CFD-110", "not in the enclave's list"),
        (other_parameter, "CFD-110", "epochs"),
        (other_task(providers=("maps",)), "CFD-401", "other participants"),
        (lambda said: [Spoken(replace(said.message, task=predict_task(train_task())))], "CFD-401", "model"),
    ],
    ids=["algorithm", "parameter", "participants", "kind"],
)
def test_a_refused_proposal_is_answered_with_the_list(change, code, words):
    ran = world()
    twist(ran, "shop").changes[Kind.PROPOSAL] = change
    ran.run()
    (refusal,) = heard(ran, "shop", Kind.REFUSAL)
    assert refusal.code == code
    assert words in refusal.reason
    assert [entry.name for entry in refusal.algorithms] == ["afm", "linear"]
    ended(ran, AlgorithmNotListed, "shop")


def propose_again(ran, wrong):
    """A proposes wrongly `wrong` times, and after each refusal again; then what its script says."""
    script, right = twist(ran, "shop"), []

    def first(said):
        right.append(said)
        return times(wrong, other_algorithm)(said)

    left = [wrong - 1]

    def again(_):
        left[0] -= 1
        return other_algorithm(right[0]) if left[0] >= 0 else right

    script.changes[Kind.PROPOSAL] = first
    script.instead[Kind.REFUSAL] = lambda spoken: (script.changes.clear(), again(spoken))[1]


def test_after_a_refusal_the_initiator_may_propose_again():
    ran = world()
    propose_again(ran, limits.MAX_RETRIES)
    ran.run()
    completed(ran)
    refusals = [spoken for spoken in ran.scripts["shop"].heard if spoken.message.kind is Kind.REFUSAL]
    assert len(refusals) == limits.MAX_RETRIES


def test_too_many_refusals_end_the_task():
    ran = world()
    propose_again(ran, limits.MAX_RETRIES + 1)
    ran.run()
    ended(ran, AlgorithmNotListed, "shop")
    assert "refused 4 times" in ran.errors["media"].message


# --- the provider ----------------------------------------------------------------------------------------


def test_a_provider_declines_and_the_initiator_is_told_which_and_why():
    def decide(name, offer, measurement):
        raise OfferDeclined("not on weekends")

    ran = world(decide=decide)
    ran.run()
    assert str(ran.errors["shop"]) == "media declined: not on weekends"
    ended(ran, OfferDeclined, "media")


def test_one_of_two_providers_declines():
    def decide(name, offer, measurement):
        if name == "maps":
            raise OfferDeclined("no")
        return ran._decide_yes(name, offer, measurement)

    ran = world(train_job(providers=("media", "maps")))
    ran._decide_yes, ran._decide = ran._consent, None
    yes = ran._consent
    ran._decide = lambda name, offer, measured: (
        decide(name, offer, measured) if name == "maps" else saying_yes(ran, yes, name, offer, measured)
    )
    ran.run()
    ended(ran, OfferDeclined, "maps", by=("shop", "media", "maps", "enclave"))


def saying_yes(ran, yes, name, offer, measured):
    held, ran._decide = ran._decide, None
    try:
        return yes(name, offer, measured)
    finally:
        ran._decide = held


def test_a_provider_that_does_not_answer_in_time_has_expired():
    ran = world()
    twist(ran, "media").instead[Kind.OFFER] = lambda _: []
    ran.run()
    assert ran.errors == {}
    ran.clock.time += 599
    ran.tick()
    assert ran.errors == {}
    ran.clock.time += 1
    ran.tick()
    while ran.wire:
        ran.step()
    ended(ran, OfferExpired, "media")


def test_a_provider_that_never_joins_has_expired():
    ran = world()
    ran.join("shop")
    while ran.wire:
        ran.step()
    assert ran.ends["shop"].session.state is State.ASKING
    ran.clock.time += 600
    ran.tick()
    ran.step()
    ended(ran, OfferExpired, "media", by=("shop", "enclave"))


def test_an_initiator_that_never_proposes_is_lost():
    ran = world()
    twist(ran, "shop").instead[Kind.LISTING] = lambda _: []
    ran.run()
    ran.clock.time += 300
    ran.enclave.tick(())
