"""Threat: a party shows a fresh enclave an agreement that not all have signed, a finished round that no
enclave has signed, or a signed block with something altered: to have the enclave work on what nobody agreed
to, or to have it count as done what was not.

Measure: the fresh enclave verifies every signature of every block that it is shown, under certificates of the
CA, and the word on a finished round under the key that the block names; what does not hold ends the task, and
names who showed it. Each party signs the renewed block only if it is the one that it signed before.
"""

import pytest
from fakes.coming_back import go_on, run_to
from fakes.mischief import flipped, twist, twist_enclave
from fakes.shop import predict_job, train_job, world
from fakes.world import predict_task, train_task
from msgspec.structs import replace

from confide.core.errors import AgreementMismatch, TakeoverRefused
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind
from confide.protocol.table import State


def shown(ran, party, change, kind=Kind.PAST):
    """The enclave dies; everybody comes to the next one, and a party shows something else there."""
    twist(ran, party).changes[kind] = lambda spoken: [Spoken(change(spoken.message))]
    ran.kill_enclave()
    for name in ("shop", "media"):
        ran.join(name)
    return go_on(ran)


def refused(ran, blame):
    assert type(ran.errors["enclave"]) is TakeoverRefused
    assert ran.errors["enclave"].blame == blame
    assert all(not kept.receipts for kept in ran.kept.values())


SIGNED = {
    "without one signature": lambda signed: replace(
        signed, signatures={name: sign for name, sign in signed.signatures.items() if name == "shop"}
    ),
    "with another's signature": lambda signed: replace(
        signed, signatures={**signed.signatures, "media": signed.signatures["shop"]}
    ),
    "without the enclave's signature": lambda signed: replace(signed, enclave_signature=b""),
    "with another certificate": lambda signed: replace(
        signed, certificates={**signed.certificates, "media": signed.certificates["shop"]}
    ),
    "with a certificate spelled otherwise": lambda signed: replace(
        signed, certificates={**signed.certificates, "media": signed.certificates["media"] + "\n"}
    ),
    "of another time": lambda signed: replace(signed, block=replace(signed.block, agreed_at=1)),
    "with other software": lambda signed: replace(
        signed,
        block=replace(signed.block, enclave=replace(signed.block.enclave, measurement="00" * 32)),
    ),
    "of another task": lambda signed: replace(signed, block=replace(signed.block, task_id="f" * 32)),
    "with other columns": lambda signed: replace(
        signed, block=replace(signed.block, task=replace(signed.block.task, purpose="something else"))
    ),
}


@pytest.mark.parametrize("party", ["shop", "media"])
@pytest.mark.parametrize("change", SIGNED.values(), ids=SIGNED)
def test_a_block_that_is_not_what_all_have_signed(change, party):
    ran = run_to(world(), party, State.UPLOADING)
    if party == "media":
        # The initiator's word would decide at once: it has to be the one who signed last.
        ran.party("shop").standing.agreed = None
    shown(ran, party, lambda past: replace(past, signed=change(past.signed)))
    refused(ran, party)


DONE = {
    "altered": lambda past: replace(past, done=replace(past.done, task="another")),
    "unsigned": lambda past: replace(past, signature=b""),
    "signed otherwise": lambda past: replace(past, signature=flipped(past.signature)),
}


@pytest.mark.parametrize("change", DONE.values(), ids=DONE)
def test_a_finished_round_that_its_enclave_has_not_signed(change):
    ran = world(train_job(), predict_job(predict_task(train_task())))
    run_to(ran, "shop", State.DONE)
    shown(ran, "shop", change)
    refused(ran, "shop")


def test_an_initiator_that_denies_what_it_has_signed():
    ran = run_to(world(), "media", State.UPLOADING)
    ran.kill_enclave()
    ran.join("media")
    go_on(ran)
    twist(ran, "shop").changes[Kind.PAST] = lambda _: []
    ran.join("shop")
    go_on(ran)
    refused(ran, "shop")


@pytest.mark.parametrize("party", ["shop", "media"])
def test_a_fresh_enclave_that_renews_another_agreement_gets_no_signature(party):
    ran = run_to(world(), party, State.UPLOADING)
    ran.kill_enclave()
    other = lambda message: replace(
        message, block=replace(message.block, commitments=dict.fromkeys(message.block.commitments, "0" * 96))
    )
    twist_enclave(ran).changes[Kind.BLOCK] = lambda say: [say._replace(message=other(say.message))]
    ran.join("shop")
    ran.join("media")
    go_on(ran)
    assert AgreementMismatch in {type(error) for error in ran.errors.values()}
    assert all(len(kept.agreements) <= 1 for kept in ran.kept.values())
