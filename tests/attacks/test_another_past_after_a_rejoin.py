"""Threat: after a channel was lost, one end says that something else was agreed, done or consented to than
before: an enclave shows another block or another result; a party brings another proposal, consent, dataset
or set of ids, or says that it has finished what it has not.

Measure: a party takes back only the block that it has signed, with all signatures, and the result that was
announced to it; the enclave holds every word of the new channel against what it holds, and the JOIN, which
the party signs, against what has been.
"""

import pytest
from fakes.coming_back import come_back, go_on, run_to
from fakes.mischief import twist, twist_enclave, with_fields
from fakes.outcomes import ended, heard
from fakes.shop import predict_job, train_job, world
from fakes.world import predict_task, train_task
from msgspec.structs import replace

from confide.core.errors import AgreementMismatch, OfferDeclined, RemoteProtocolError, TaskDigestMismatch
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind
from confide.protocol.table import State

BOTH = pytest.mark.parametrize("party", ["shop", "media"])


def test_another_consent_than_before_is_a_no():
    ran = world()
    run_to(ran, "media", State.COMMITTING)
    twist(ran, "media").changes[Kind.ACCEPT] = lambda spoken: [
        Spoken(replace(spoken.message, consent=replace(spoken.message.consent, predictions=9)))
    ]
    go_on(come_back(ran, "media"))
    ended(ran, OfferDeclined, "media")
    assert "another consent" in str(ran.errors["shop"])


def test_another_proposal_than_the_one_under_way_is_refused():
    ran = world()
    run_to(ran, "media", State.COMMITTING)
    other = train_task(purpose="something else")
    twist(ran, "shop").changes[Kind.PROPOSAL] = with_fields(task=other)
    go_on(come_back(ran, "shop"))
    (refusal,) = heard(ran, "shop", Kind.REFUSAL)
    assert refusal.code == TaskDigestMismatch.code
    assert len(heard(ran, "media", Kind.OFFER)) == 1
    ended(ran, TaskDigestMismatch, "shop")


def test_after_a_rejoin_the_same_ids_are_committed_to():
    ran = world(train_job(), predict_job(predict_task(train_task())))
    run_to(ran, "media", State.DONE)
    run_to(ran, "media", State.SIGNING)
    twist(ran, "media").changes[Kind.COMMIT] = with_fields(id_set="0" * 96)
    go_on(come_back(ran, "media"))
    assert {type(error) for error in ran.errors.values()} == {RemoteProtocolError}
    assert "other ids" in str(ran.errors["enclave"])


# --- what the party checks -------------------------------------------------------------------------------


@BOTH
def test_an_agreement_that_this_party_has_not_signed_is_refused(party):
    ran = run_to(world(), party, State.CONFIRMING)
    other = lambda message: replace(
        message, signed=replace(message.signed, block=replace(message.signed.block, agreed_at=1))
    )
    twist_enclave(ran).changes[Kind.AGREED] = lambda say: [say._replace(message=other(say.message))]
    go_on(come_back(ran, party))
    assert type(ran.errors[party]) is AgreementMismatch


def test_another_result_than_before_is_refused():
    ran = run_to(world(), "shop", State.FETCHING)
    ran.step()
    other = lambda message: replace(message, report=replace(message.report, metrics={}))
    twist_enclave(ran).changes[Kind.RESULT] = lambda say: [say._replace(message=other(say.message))]
    while not ran.party("shop").standing.download:
        ran.step()
    go_on(come_back(ran, "shop"))
    assert type(ran.errors["shop"]) is RemoteProtocolError


# --- what the enclave checks -----------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(("finished", "agreed"), [(1, None), (7, None), (0, "0" * 96)])
def test_a_party_can_not_have_seen_what_has_not_been(party, finished, agreed):
    ran = run_to(world(), party, State.CONFIRMING)
    script = ran.party(party)
    lies = type(script.last_signed)(finished, agreed)
    type(script).last_signed, honest = property(lambda _: lies), type(script).last_signed
    try:
        go_on(come_back(ran, party))
    finally:
        type(script).last_signed = honest
    assert type(ran.errors["enclave"]) is RemoteProtocolError
    assert ran.errors["enclave"].blame == party


def test_an_initiator_can_not_take_back_an_acknowledgement():
    ran = run_to(world(train_job(), predict_job(predict_task(train_task()))), "shop", State.DONE)
    script = ran.party("shop")
    script.standing.finished.clear()
    go_on(come_back(ran, "shop"))
    assert type(ran.errors["enclave"]) is RemoteProtocolError


def test_a_commitment_is_opened_as_before():
    ran = run_to(world(), "media", State.UPLOADING)
    twist(ran, "media").changes[Kind.OPENING] = with_fields(salt=bytes(32))
    go_on(come_back(ran, "media"))
    assert ran.errors["enclave"].code == "CFD-115"
