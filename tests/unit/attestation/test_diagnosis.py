"""The library's sentences, of the pinned version, against ours."""

import pytest

from confide.attestation.diagnosis import diagnose
from confide.core.errors import (
    CollateralExpired,
    InvalidEvidence,
    InvalidEvidenceSignature,
    PolicyViolation,
    UntrustedRoot,
)


@pytest.mark.parametrize(
    ("sentence", "error"),
    [
        ("TCBInfo expired", CollateralExpired),
        ("TCBInfo issue date is in the future", CollateralExpired),
        ("QE Identity expired", CollateralExpired),
        ("CrlExpired { time: UnixTime(2), next_update: UnixTime(1) }", CollateralExpired),
        ("Failed to verify certificate chain\n\nCaused by:\n    CertExpired { }", CollateralExpired),
        ("Signature is invalid for tcb_info in quote_collateral", InvalidEvidenceSignature),
        ("Signature is invalid for qe_report in quote", InvalidEvidenceSignature),
        ("ISV enclave report signature is invalid", InvalidEvidenceSignature),
        ("QE report hash mismatch", InvalidEvidenceSignature),
        ("Failed to verify certificate chain Caused by: CertRevoked", PolicyViolation),
        ("TCB status is invalid: Revoked", PolicyViolation),
        ("Debug mode is enabled", PolicyViolation),
        ("SEPT_VE_DISABLE is not enabled", PolicyViolation),
        ("QE ISVSVN 1 is below minimum required 8 from QE Identity", PolicyViolation),
        ("No matching TCB level found", PolicyViolation),
        ("Failed to verify certificate chain Caused by: UnknownIssuer", UntrustedRoot),
        ("Fmspc mismatch", InvalidEvidence),
        ("anything else", InvalidEvidence),
    ],
)
def test_sentences(sentence, error):
    found = diagnose(ValueError(f"Verification failed: {sentence}"))
    assert type(found) is error
    assert "\n" not in found.message
    assert "Verification failed" not in found.message
