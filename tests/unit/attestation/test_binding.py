import hashlib
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.attestation.binding import Binding, make_evidence, open_evidence, verify_evidence
from confide.attestation.evidence import decode, encode
from confide.attestation.verifier import Step
from confide.core.errors import AttestationError, BindingMismatch, InvalidEvidence, PolicyViolation


@pytest.fixture(scope="session")
def trust(roots, policy, moment):
    return {"roots": roots, "policy": policy, "now": moment}


@pytest.fixture(scope="session")
def verify(evidence, collateral, binding, trust):
    def call(evidence=evidence, expected=binding, **changes):
        arguments = {**trust, **changes}
        return verify_evidence(evidence, collateral, expected=expected, **arguments)

    return call


def test_to(binding):
    assert binding.public_key_hash == hashlib.sha256(b"a public key").digest()
    assert binding.config_hash == hashlib.sha384(b"{}").digest()


def test_all_seven_steps(verify):
    seen = []
    assert verify(observe=seen.append).simulated
    assert seen == list(Step)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("public_key_hash", "channel key"),
        ("nonce", "nonce"),
        ("hpke_key", "HPKE key"),
        ("config_hash", "configuration"),
    ],
)
def test_each_difference_is_named(verify, binding, name, word):
    other = replace(binding, **{name: bytes(len(getattr(binding, name)))})
    with pytest.raises(BindingMismatch, match=word):
        verify(expected=other)


def test_every_field_is_compared(binding):
    assert {field.name for field in fields(Binding)} == {
        "public_key_hash",
        "nonce",
        "hpke_key",
        "config_hash",
    }


def test_claims_of_another_quote(verify, tee, binding):
    quote, _ = decode(make_evidence(tee, replace(binding, nonce=bytes(32))))
    _, claims = decode(make_evidence(tee, binding))
    with pytest.raises(BindingMismatch, match="vouch"):
        verify(encode(quote, claims))


def test_open_evidence(evidence, binding, tee):
    quote, bound = open_evidence(evidence)
    assert bound == binding
    assert decode(evidence)[0] == quote


def test_policy_is_checked_too(verify, tee, binding):
    with pytest.raises(PolicyViolation):
        verify(make_evidence(tee.quoter("00" * 32), binding))


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": b"short"},
        {"public_key_hash": b""},
        {"config_hash": bytes(32)},
        {"hpke_key": b""},
        {"hpke_key": bytes(5000)},
    ],
)
def test_lengths(binding, change):
    with pytest.raises(ValueError, match="bytes"):
        replace(binding, **change)


@given(position=st.integers(0, 5000), change=st.integers(1, 255))
def test_any_changed_byte_of_the_evidence_is_refused(verify, evidence, position, change):
    altered = bytearray(evidence)
    altered[position % len(evidence)] ^= change
    with pytest.raises(AttestationError):
        verify(bytes(altered))


@given(st.binary(max_size=300))
def test_any_bytes_raise_one_error(data):
    with pytest.raises(InvalidEvidence):
        open_evidence(data)
