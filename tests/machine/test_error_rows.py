"""The error rows of the protocol as behaviour: refusals, providers, signatures, confirmation."""

import dataclasses

import pytest
from fakes.mischief import flipped, times, twist, twist_enclave, with_fields
from fakes.outcomes import completed, ended, heard
from fakes.ports import FakeClock
from fakes.shop import START, train_job, world
from fakes.world import predict_task, train_task
from msgspec.structs import replace

from confide.algorithms import registry
from confide.core import limits
from confide.core.errors import (
    AlgorithmNotListed,
    DatasetCorrupt,
    OfferDeclined,
    OfferExpired,
    PartyLost,
    SchemaMismatch,
    SignatureInvalid,
    TaskDigestMismatch,
)
from confide.party.ports import Yes
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind
from confide.protocol.table import State

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
    assert [entry.name for entry in refusal.algorithms] == sorted(registry.ALGORITHMS)
    ended(ran, {"CFD-110": AlgorithmNotListed, "CFD-401": SchemaMismatch}[code], "shop")


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
    def decide(offer, measurement):
        raise OfferDeclined("no")

    ran = world(train_job(providers=("media", "maps")))
    ran.scripts["maps"]._decide = decide
    ran.run()
    ended(ran, OfferDeclined, "maps", by=("shop", "media", "maps", "enclave"))


def test_a_providers_own_troubles_are_told_by_their_code_only():
    def decide(offer, measurement):
        raise DatasetCorrupt("/home/media/secret-project: no such file")

    ran = world()
    ran.scripts["media"]._decide = decide
    ran.run()
    assert str(ran.errors["shop"]) == "media declined: not possible here (CFD-403)"
    ended(ran, OfferDeclined, "media")


def test_a_person_may_take_its_time_and_who_is_not_there_to_answer_has_expired():
    ran = world()
    twist(ran, "media").instead[Kind.OFFER] = lambda _: []
    ran.run()
    ran.clock.time += 30 * 24 * 3600
    ran.tick()
    assert ran.errors == {}
    assert ran.enclave.waiting_what == {"media": "deciding"}
    ran.lose("media")
    ran.clock.time += 599
    ran.tick()
    assert ran.errors == {}
    ran.clock.time += 1
    ran.tick()
    while ran.wire:
        ran.step()
    ended(ran, OfferExpired, "media", by=("shop", "enclave"))


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
    ran.clock.time += 600
    with pytest.raises(PartyLost) as caught:
        ran.enclave.tick()
    assert caught.value.blame == "shop"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"columns": ()}, "columns"),
        ({"purpose": "something else"}, "purpose"),
        ({"measurement": "00" * 32}, "measurement"),
        ({"expires_at": START}, "expired"),
    ],
)
def test_a_consent_that_does_not_cover_the_offer_is_a_no(changes, words):
    ran = world()
    script = ran.scripts["media"]
    yes = script._decide
    script._decide = lambda offer, measured: narrowed(yes(offer, measured), changes)
    ran.run()
    ended(ran, OfferDeclined, "media")
    assert words in str(ran.errors["shop"])


def narrowed(yes, changes):
    return Yes(replace(yes.consent, **changes), yes.dataset)


def test_an_acceptance_of_another_task_is_a_no():
    ran = world()
    twist(ran, "media").changes[Kind.ACCEPT] = with_fields(task_digest="0" * 96)
    ran.run()
    ended(ran, OfferDeclined, "media")


def expiring(ran):
    """An hour passes before the parties are asked for data."""

    def later(say):
        ran.clock.step += 3600
        return [say]

    twist_enclave(ran).changes[Kind.PASS] = times(1, later)
    opened = []
    twist(ran, "media").changes[Kind.OPENING] = lambda said: (opened.append(said), [said])[1]
    ran.run()
    ended(ran, OfferExpired, "media")
    assert not heard(ran, "shop", Kind.PROGRESS)
    return opened


def test_a_provider_sends_nothing_after_its_consent_has_expired():
    assert expiring(world()) == []


def test_the_enclave_uses_nothing_after_a_consent_has_expired():
    """Even if the provider's own clock has stood still."""
    ran = world()
    script = ran.scripts["media"]
    script._context = dataclasses.replace(script._context, clock=FakeClock(START))
    assert len(expiring(ran)) == 1


# --- signing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("party", ["shop", "media"])
def test_a_wrong_signature_ends_the_task_and_names_the_party(party):
    ran = world()
    twist(ran, party).changes[Kind.SIGNATURE] = lambda said: [
        Spoken(replace(said.message, signature=flipped(said.message.signature)))
    ]
    ran.run()
    ended(ran, SignatureInvalid, party)
    assert not any(kept.agreements for kept in ran.kept.values())


@pytest.mark.parametrize("party", ["shop", "media"])
def test_a_wrong_countersignature_ends_the_task_and_names_the_party(party):
    ran = world()
    twist(ran, party).changes[Kind.COUNTERSIGNATURE] = with_fields(signature=b"no")
    ran.run()
    assert {type(error) for error in ran.errors.values()} == {SignatureInvalid}
    assert {error.blame for error in ran.errors.values()} == {party}
    assert not any(kept.receipts for kept in ran.kept.values())


# --- task digests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["task_digest", "algorithm_digest"])
def test_differing_digests_are_confirmed_again(field):
    ran = world()
    wrong = times(limits.MAX_RETRIES, with_fields(**{field: "0" * 96}))
    twist(ran, "media").changes[Kind.CONFIRM] = wrong
    ran.run()
    completed(ran)
    for party in ("shop", "media"):
        asked = heard(ran, party, Kind.RECONFIRM)
        assert [message.attempts_left for message in asked] == [2, 1, 0]
        assert {message.differing for message in asked} == {("media",)}


@pytest.mark.parametrize("party", ["shop", "media"])
def test_digests_that_keep_differing_end_the_task_and_name_the_party(party):
    ran = world()
    twist(ran, party).changes[Kind.CONFIRM] = with_fields(task_digest="0" * 96)
    ran.run()
    ended(ran, TaskDigestMismatch, party)
    assert len(heard(ran, party, Kind.RECONFIRM)) == limits.MAX_RETRIES
