"""Threat: the host shows the initiator another algorithm list than the enclave's, to have it choose code that
leaks data; or it runs an enclave whose list holds that code under a known name.

Measure: the list travels sealed to the attested key, the chosen algorithm is named by the digest of its
measured code, every party signs that digest, and an enclave with other code has another measurement.
"""

import pytest
from fakes.mischief import flipped, say_to, times, twist, twist_enclave
from fakes.outcomes import heard
from fakes.shop import authority, world
from msgspec.structs import replace

from confide.attestation import policy
from confide.attestation.roots import TrustRoots
from confide.attestation.verifier import verify_quote
from confide.core.errors import AgreementMismatch, AlgorithmNotListed, PolicyViolation, SealError
from confide.protocol.framing import Spoken
from confide.protocol.kinds import Kind
from confide_sim.tee import DEFAULT_MEASUREMENT


def first_envelope(ran):
    """Join the initiator alone: what is on the wire then is the list."""
    ran.join("shop")
    (sender, to, envelope) = ran.wire.popleft()
    assert (sender, to) == ("enclave", "shop")
    return envelope


def deliver(ran, envelope):
    ran.wire.append(("enclave", "shop", envelope))
    while ran.wire:
        ran.step()


def refused(ran):
    assert type(ran.broken["shop"]) is SealError
    assert not [sender for sender, *_ in ran.passed if sender == "shop"]
    assert heard(ran, "shop", Kind.LISTING) == []


def test_an_altered_list_does_not_open():
    ran = world()
    deliver(ran, flipped(first_envelope(ran)))
    refused(ran)


def test_the_list_of_another_session_does_not_open():
    other = first_envelope(world())
    ran = world()
    first_envelope(ran)
    deliver(ran, other)
    refused(ran)


def test_a_list_made_by_the_host_does_not_open():
    ran = world()
    envelope = first_envelope(ran)
    deliver(ran, envelope[:13] + b'{"algorithms":[],"message":"listing"}' + bytes(16))
    refused(ran)


def other_code(listed):
    return replace(listed, digest="0" * 96)


def test_an_algorithm_by_a_known_name_with_other_code_is_not_accepted():
    """Even if the initiator believed another list: the enclave knows its own code only."""
    ran = world()
    believing = lambda message: replace(message, algorithms=tuple(map(other_code, message.algorithms)))
    twist_enclave(ran).changes[Kind.LISTING] = say_to("shop", believing)
    ran.run()
    assert type(ran.errors["shop"]) is AlgorithmNotListed
    assert not heard(ran, "media", Kind.OFFER)


@pytest.mark.parametrize("party", ["shop", "media"])
def test_an_agreement_about_other_code_is_not_signed(party):
    ran = world()

    def other(message):
        return replace(message, block=replace(message.block, algorithm=other_code(message.block.algorithm)))

    twist_enclave(ran).changes[Kind.BLOCK] = say_to(party, other)
    ran.run()
    assert type(ran.errors[party]) is AgreementMismatch
    assert not any(kept.agreements for kept in ran.kept.values())


def test_a_provider_that_was_offered_other_code_than_proposed_does_not_sign():
    ran = world()

    def other(message):
        return replace(message, algorithm=other_code(message.algorithm))

    twist_enclave(ran).changes[Kind.OFFER] = say_to("media", other)
    ran.run()
    assert type(ran.errors["media"]) is AgreementMismatch


def test_an_initiator_can_not_smuggle_in_code_of_its_own():
    ran = world()
    twist(ran, "shop").changes[Kind.PROPOSAL] = times(
        1, lambda said: [Spoken(replace(said.message, algorithm=other_code(said.message.algorithm)))]
    )
    ran.run()
    assert type(ran.errors["shop"]) is AlgorithmNotListed
    assert not heard(ran, "media", Kind.OFFER)


def test_an_enclave_with_another_list_has_another_measurement():
    tee = authority().tee
    quote = tee.quoter("11" * 32).quote(bytes(64))
    with pytest.raises(PolicyViolation):
        verify_quote(
            quote,
            tee.collateral(authority().clock.now()),
            roots=TrustRoots([tee.root_der]),
            policy=policy.standard(measurements=[DEFAULT_MEASUREMENT]),
            now=authority().clock.now(),
        )
