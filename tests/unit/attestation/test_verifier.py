"""Steps 1 to 6 over simulated evidence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.attestation.policy import AllOf, UnsafeAnyMeasurement, standard
from confide.attestation.roots import TrustRoots
from confide.attestation.verifier import Step, verify_quote
from confide.core.errors import (
    AttestationError,
    CollateralExpired,
    InvalidEvidence,
    InvalidEvidenceSignature,
    PolicyViolation,
    UntrustedRoot,
)
from confide_sim.tee import DEFAULT_MEASUREMENT, PRODUCT_ID, SECURITY_VERSION, SIGNER


@pytest.fixture(scope="session")
def verify(quote, collateral, roots, policy, moment):
    def call(quote=quote, collateral=collateral, **changes):
        arguments = {"roots": roots, "policy": policy, "now": moment, **changes}
        return verify_quote(quote, collateral, **arguments)

    return call


def test_claims(verify, tee, moment):
    claims = verify()
    assert claims.measurement == DEFAULT_MEASUREMENT
    assert claims.signer == SIGNER
    assert (claims.product_id, claims.security_version) == (PRODUCT_ID, SECURITY_VERSION)
    assert claims.report_data == bytes(range(64))
    assert claims.trust_root == tee.root_name
    assert claims.trust_root.startswith("SIMULATED:")
    assert claims.simulated
    assert claims.valid_from == moment
    json.dumps(claims.to_document())


def test_the_right_root_among_several(verify, tee, other_tee):
    roots = TrustRoots([other_tee.root_der, tee.root_der])
    assert verify(roots=roots).trust_root == tee.root_name


def test_another_machine_is_not_trusted(verify, other_tee):
    with pytest.raises(UntrustedRoot):
        verify(quote=other_tee.quote(bytes(64)))


def test_collateral_signed_by_another_machine(verify, other_tee, moment):
    with pytest.raises(InvalidEvidenceSignature):
        verify(collateral=other_tee.collateral(moment))


@pytest.mark.parametrize("name", ["tcb_info", "qe_identity"])
def test_edited_collateral(verify, collateral, name):
    document = json.loads(collateral)
    document[name] = document[name].replace('"isvsvn":8', '"isvsvn":7').replace('"svn":2', '"svn":1')
    with pytest.raises(InvalidEvidenceSignature, match=name):
        verify(collateral=json.dumps(document).encode())


def test_a_chain_in_the_collateral_never_replaces_the_quotes_own(verify, collateral, other_tee):
    """The library would prefer it."""
    document = json.loads(collateral)
    document["pck_certificate_chain"] = "anything"
    assert verify(collateral=json.dumps(document).encode()) == verify()


def test_window(verify, tee, moment):
    short = tee.collateral(moment, lifetime=100)
    verify(collateral=short, now=moment + 99)
    for now in (moment - 1, moment + 100):
        with pytest.raises(CollateralExpired):
            verify(collateral=short, now=now)


def test_a_policy_is_always_checked(verify):
    with pytest.raises(PolicyViolation, match="empty"):
        verify(policy=AllOf())
    with pytest.raises(PolicyViolation, match="accepts nothing"):
        verify(policy=standard(measurements=[]))


def test_debug_is_refused_under_every_policy(verify, tee):
    with pytest.raises(PolicyViolation, match="debug"):
        verify(quote=tee.quote(bytes(64), debug=True), policy=UnsafeAnyMeasurement())


def test_steps_end_where_verification_ends(verify, tee, other_tee, moment):
    for arguments, last in (
        ({"quote": b"no quote"}, []),
        ({"quote": other_tee.quote(bytes(64))}, [Step.FORM]),
        ({"collateral": b"{}"}, [Step.FORM, Step.ROOT]),
        ({"collateral": other_tee.collateral(moment)}, [Step.FORM, Step.ROOT, Step.COLLATERAL]),
        ({"quote": tee.quote(bytes(64), measurement="00" * 32)}, list(Step)[:5]),
    ):
        seen = []
        with pytest.raises(AttestationError):
            verify(**arguments, observe=seen.append)
        assert seen == last


@given(position=st.integers(0, 4000), change=st.integers(1, 255))
def test_any_changed_byte_is_refused(verify, quote, position, change):
    altered = bytearray(quote)
    altered[position % len(quote)] ^= change
    with pytest.raises(AttestationError):
        verify(quote=bytes(altered), policy=UnsafeAnyMeasurement())


@given(st.binary(max_size=2000))
def test_any_bytes_raise_one_error(verify, data):
    with pytest.raises(InvalidEvidence):
        verify(quote=data)


@given(length=st.integers(0, 5000))
def test_any_truncation_is_refused(verify, quote, length):
    with pytest.raises(InvalidEvidence):
        verify(quote=quote[: length % len(quote)])


@given(
    name=st.sampled_from(["root_ca_crl", "pck_crl", "tcb_info", "qe_identity", "tcb_info_issuer_chain"]),
    value=st.text(max_size=200) | st.binary(max_size=200).map(bytes.hex),
)
def test_any_collateral_raises_attestation_errors_only(verify, collateral, name, value):
    document = {**json.loads(collateral), name: value}
    with pytest.raises(AttestationError):
        verify(collateral=json.dumps(document).encode())
