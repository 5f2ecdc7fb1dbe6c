"""From the verifier library's sentence to the error that says who has to act.

dcap-qvl raises ValueError for everything; its sentences are stable within the pinned version, and
tests/unit/attestation/test_diagnosis.py holds the two together.
"""

from typing import Final

from confide.core.errors import (
    AttestationError,
    CollateralExpired,
    InvalidEvidence,
    InvalidEvidenceSignature,
    PolicyViolation,
    UntrustedRoot,
)

_TABLE: Final[tuple[tuple[type[AttestationError], str, tuple[str, ...]], ...]] = (
    (
        CollateralExpired,
        "the collateral is outside its validity window",
        ("Expired", "expired", "NotValidYet", "in the future"),
    ),
    (
        InvalidEvidenceSignature,
        "a signature does not verify",
        (
            "Signature is invalid",
            "signature is invalid",
            "InvalidSignatureForPublicKey",
            "InvalidCrlSignatureForPublicKey",
            "QE report hash mismatch",
        ),
    ),
    (PolicyViolation, "the machine's certificate is revoked", ("CertRevoked",)),
    (PolicyViolation, "the platform's TCB is revoked", ("TCB status is invalid",)),
    (
        PolicyViolation,
        "the platform's TCB is older than any known level",
        ("No matching TCB level", "is below minimum"),
    ),
    (
        PolicyViolation,
        "the enclave runs in debug mode: its memory is open to the host",
        ("Debug mode is enabled",),
    ),
    (PolicyViolation, "the trust domain lacks SEPT_VE_DISABLE", ("SEPT_VE_DISABLE",)),
    (
        UntrustedRoot,
        "the certificates do not chain to a root you trust",
        ("UnknownIssuer", "Failed to load root ca"),
    ),
)


def diagnose(failure: ValueError) -> AttestationError:
    """The error to raise for a refusal by the library; what is unknown counts as malformed evidence."""
    sentence = " ".join(str(failure).removeprefix("Verification failed: ").split())
    for error, text, marks in _TABLE:
        if any(mark in sentence for mark in marks):
            return error(f"{text} ({sentence})")
    return InvalidEvidence(f"the evidence or its collateral is malformed ({sentence})")
