"""Offline verification of a receipt: who signed, what was attested, what was done, that it ended.

1. the file is a receipt in canonical form; 2. every certificate is of the CA, for the time of closing;
3. the enclave and every participant signed the same public part, and private parts are those committed to;
4. the evidence is genuine under a named trust root, at the time of closing, bound to the enclave's key, to
its configuration and to the rounds that the receipt lists; 5. the host has signed that the enclave ended.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from confide.app.files import read_bounded
from confide.attestation import binding, policy
from confide.attestation.claims import Claims
from confide.attestation.policy import AllOf, Measurements, NotDebug, UnsafeAnyMeasurement
from confide.attestation.roots import TrustRoots
from confide.attestation.verifier import verify_quote
from confide.core import canonical, digest, limits
from confide.core.digest import digest_of
from confide.core.errors import CertificateInvalid, ReceiptInvalid, SignatureInvalid
from confide.core.platform_api import END_RECORD_CONTEXT
from confide.crypto import signatures
from confide.crypto.certificates import verify_role
from confide.crypto.identity import IdentityRole
from confide.protocol import receipts
from confide.protocol.receipts import Receipt, SignedReceipt, decode_signed_receipt, evidence_nonce


@dataclass(frozen=True, slots=True)
class Anchors:
    """What a verifier must bring: a receipt can't vouch for its own trust anchors."""

    ca_pem: bytes
    roots: TrustRoots
    measurements: tuple[str, ...] = ()
    """Accepted measurements; empty: any (it is shown, for the reader to compare)."""


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt of which every step has passed."""

    signed: SignedReceipt
    claims: Claims
    steps: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Plain JSON."""
        receipt, end = self.signed.receipt, self.signed.host_end
        return {
            "receipt_digest": digest_of(receipt),
            "task": receipt.task_id,
            "participants": list(self.signed.participants),
            "rounds": msgspec.to_builtins(receipt.rounds),
            "started_at": receipt.started_at,
            "closed_at": receipt.closed_at,
            "destruction": receipt.destruction,
            "enclave": msgspec.to_builtins(receipt.enclave),
            "predecessors": list(receipt.predecessors),
            "claims": self.claims.to_document(),
            "host_end": end.record if end is not None else None,
            "private": msgspec.to_builtins(self.signed.private),
            "steps": list(self.steps),
        }


def verify_receipt(path: Path, anchors: Anchors) -> VerifiedReceipt:
    """All steps, offline. Raises ReceiptInvalid, AttestationError, CertificateInvalid."""
    steps = ["the file is a receipt in canonical form"]
    signed = decode_signed_receipt(read_bounded(path, limits.MAX_RECEIPT_BYTES, ReceiptInvalid))
    receipt = signed.receipt
    keys = {
        name: _key_of(name, pem, anchors.ca_pem, receipt.closed_at)
        for name, pem in signed.certificates.items()
    }
    steps.append("every participant's certificate is from this CA")
    receipts.check_signatures(signed, keys, signatures.verify)
    steps.append(f"signed by {', '.join(signed.participants)} and the enclave")
    claims = _check_evidence(signed, anchors)
    steps.append(f"the enclave's evidence verifies under {claims.trust_root}, bound to what was done")
    if signed.host_end is None:
        steps.append("the host has NOT recorded the enclave's end")
    else:
        platform = _check_end(signed, anchors.ca_pem)
        steps.append(f"platform {platform} has signed that the enclave's process has ended")
    return VerifiedReceipt(signed, claims, tuple(steps))


def _key_of(name: str, pem: str, ca_pem: bytes, at: int) -> bytes:
    found = verify_role(pem.encode(), ca_pem, at, IdentityRole.PARTY)
    if found.name != name:
        raise CertificateInvalid(f"the certificate beside {name} is of {found.name}", blame=name)
    return found.public_key


def _check_evidence(signed: SignedReceipt, anchors: Anchors) -> Claims:
    receipt = signed.receipt
    quote, bound = binding.open_evidence(receipt.evidence)
    known = Measurements(anchors.measurements) if anchors.measurements else UnsafeAnyMeasurement()
    claims = verify_quote(
        quote,
        signed.collateral.encode(),
        roots=anchors.roots,
        # The parties judged TCB status by their own policies; what it was is shown.
        policy=AllOf(known, policy.TcbStatuses(policy.KNOWN_STATUSES), NotDebug()),
        now=receipt.closed_at,
    )
    _check_bound(receipt, bound.public_key_hash, bound.config_hash, bound.nonce)
    if (claims.measurement, claims.trust_root_sha256) != (
        receipt.enclave.measurement,
        receipt.enclave.trust_root,
    ):
        raise ReceiptInvalid("the evidence is of another enclave than the receipt names")
    return claims


def _check_bound(receipt: Receipt, key_hash: bytes, config_hash: bytes, nonce: bytes) -> None:
    if key_hash.hex() != digest.sha256_hex(receipt.enclave.public_key):
        raise ReceiptInvalid("the evidence is bound to another key than signed the receipt")
    if config_hash.hex() != receipt.enclave.config:
        raise ReceiptInvalid("the evidence is bound to another configuration")
    if nonce != evidence_nonce(receipt.rounds):
        raise ReceiptInvalid("the evidence is bound to other rounds than the receipt lists")


def _check_end(signed: SignedReceipt, ca_pem: bytes) -> str:
    """The host's record is about this task and this receipt. Returns the platform's name."""
    end, receipt = signed.host_end, signed.receipt
    if end is None:
        raise ReceiptInvalid("there is no host record")
    found = verify_role(end.certificate.encode(), ca_pem, receipt.closed_at, IdentityRole.PLATFORM)
    try:
        signatures.verify(found.public_key, END_RECORD_CONTEXT, canonical.encode(end.record), end.signature)
    except SignatureInvalid:
        raise ReceiptInvalid("the host record's signature does not verify", blame=found.name) from None
    expected = (receipt.task_id, digest_of(receipt))
    if (end.record.get("task"), end.record.get("receipt_digest")) != expected:
        raise ReceiptInvalid("the host record is about another task or receipt", blame=found.name)
    return found.name
