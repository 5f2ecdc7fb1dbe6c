"""Threat: the enclave (compromised, or two of them behind one host) tells the parties different stories:
another task to the provider, other commitments, another agreement, another receipt.

Measure: all sign one block, and each party gets back all signatures over the very bytes it signed; the
provider is told the initiator's commitment before it commits; the receipt is signed the same way.
"""

import pytest
from fakes.mischief import say_to, twist_enclave
from fakes.outcomes import heard
from fakes.shop import world
from fakes.world import train_task
from msgspec.structs import replace

from confide.core import canonical
from confide.core.errors import AgreementMismatch, ReceiptInvalid, SignatureInvalid
from confide.protocol.blocks import TRAIN_CONTEXT
from confide.protocol.kinds import Kind
from confide.protocol.receipts import RECEIPT_CONTEXT

ZERO = "0" * 96
BOTH = pytest.mark.parametrize("party", ["shop", "media"])


def no_harm(ran):
    """Nothing was trained, nothing was kept."""
    assert not heard(ran, "shop", Kind.PROGRESS)
    for kept in ran.kept.values():
        assert (kept.agreements, kept.results, kept.receipts) == ([], [], [])


def blind(ran):
    """An enclave that takes any signature: it knows what it has shown to whom."""
    ran.enclave._context.verify = lambda *_: None
    return twist_enclave(ran)


def test_another_task_for_the_provider():
    ran = world()
    enclave = blind(ran)
    other = train_task(purpose="something else")
    enclave.changes[Kind.OFFER] = say_to("media", lambda message: replace(message, task=other))
    enclave.coordinator._handlers[Kind.ACCEPT] = accept_anything(ran)
    enclave.changes[Kind.BLOCK] = say_to(
        "media", lambda message: replace(message, block=replace(message.block, task=other))
    )
    ran.run()
    assert ran.errors
    no_harm(ran)


def accept_anything(ran):
    """As `Negotiation.accept`, without a look at what was accepted."""
    course = ran.enclave.coordinator._course

    def accept(place, message, _):
        course.current(place).consents[place.name] = message.consent

    return accept


@BOTH
def test_a_block_of_its_own_for_one_party(party):
    """Only the time differs, by a second: nothing that the party itself could object to."""
    ran = world()
    enclave = blind(ran)
    later = lambda block: replace(block, agreed_at=block.agreed_at + 1)
    enclave.changes[Kind.BLOCK] = say_to(party, lambda message: replace(message, block=later(message.block)))
    ran.run()
    assert type(ran.errors[party]) is AgreementMismatch
    assert not ran.kept[party].agreements
    assert not heard(ran, "shop", Kind.PROGRESS)
    assert not ran.kept["shop"].results


@BOTH
def test_and_the_signed_block_to_match(party):
    """It also sends that party its own version, signed by the enclave: the other's signature is missing."""
    ran = world()
    enclave = blind(ran)
    later = lambda block: replace(block, agreed_at=block.agreed_at + 1)

    def matching(message):
        block = later(message.signed.block)
        own = ran.key.sign(TRAIN_CONTEXT, canonical.encode(block))
        return replace(message, signed=replace(message.signed, block=block, enclave_signature=own))

    enclave.changes[Kind.BLOCK] = say_to(party, lambda message: replace(message, block=later(message.block)))
    enclave.changes[Kind.AGREED] = say_to(party, matching)
    ran.run()
    assert type(ran.errors[party]) is SignatureInvalid
    assert ran.errors[party].blame == ("media" if party == "shop" else "shop")
    assert not ran.kept[party].agreements
    assert not heard(ran, "shop", Kind.PROGRESS)


def test_another_commitment_of_the_initiator_in_the_notice():
    ran = world()
    twist_enclave(ran).changes[Kind.NOTICE] = say_to(
        "media", lambda message: replace(message, commitment=ZERO)
    )
    ran.run()
    assert type(ran.errors["media"]) is AgreementMismatch
    no_harm(ran)


def test_another_commitment_of_the_provider_for_the_initiator():
    """The initiator can't know it; but the signatures of both are over one block."""
    ran = world()
    enclave = blind(ran)

    def other(message):
        commitments = message.block.commitments | {"media": ZERO}
        return replace(message, block=replace(message.block, commitments=commitments))

    enclave.changes[Kind.BLOCK] = say_to("shop", other)
    ran.run()
    assert type(ran.errors["shop"]) is AgreementMismatch
    assert not heard(ran, "shop", Kind.PROGRESS)


def test_other_consents_for_the_initiator_than_the_provider_gave():
    ran = world()

    def wider(message):
        return replace(
            message, consents={name: replace(c, predictions=99) for name, c in message.consents.items()}
        )

    twist_enclave(ran).changes[Kind.ACCEPTANCE] = say_to("shop", wider)
    ran.run()
    assert type(ran.errors["shop"]) is AgreementMismatch
    no_harm(ran)


@BOTH
def test_a_receipt_of_its_own_for_one_party(party):
    ran = world()
    enclave = blind(ran)

    def later(message):
        receipt = replace(message.receipt, closed_at=message.receipt.closed_at + 1)
        return replace(
            message, receipt=receipt, signature=ran.key.sign(RECEIPT_CONTEXT, canonical.encode(receipt))
        )

    enclave.changes[Kind.RECEIPT] = say_to(party, later)
    ran.run()
    assert {type(ran.errors[name]) for name in ("shop", "media")} == {ReceiptInvalid}
    assert not any(kept.receipts for kept in ran.kept.values())
