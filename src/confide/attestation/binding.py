"""What evidence is bound to: a verifier's nonce, a channel's key, an enclave's HPKE key, a configuration.

Key binding: sound while the TLS key stays in the TEE. Freshness comes from the nonce alone, single use.
"""

import hashlib
import hmac
from dataclasses import dataclass, fields
from typing import Final

from confide.attestation import evidence as container
from confide.attestation import quote as quote_format
from confide.attestation.claims import Claims
from confide.attestation.policy import Policy
from confide.attestation.roots import TrustRoots
from confide.attestation.verifier import Observer, Step, verify_quote
from confide.core import limits
from confide.core.digest import DIGEST_BYTES, sha384
from confide.core.errors import BindingMismatch, InvalidEvidence
from confide.core.ports import Quoter

_CLAIMS: Final = {"nonce": "nonce", "hpke_key": "hpke-key", "config_hash": "config-hash"}
_WORDS: Final = {
    "public_key_hash": "channel key",
    "nonce": "nonce",
    "hpke_key": "HPKE key",
    "config_hash": "configuration",
}
_SHA256_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The four things. `Binding.to` computes the hashes."""

    public_key_hash: bytes
    """SHA-256 over the DER SubjectPublicKeyInfo of the enclave's TLS certificate."""
    nonce: bytes
    """32 bytes, the verifier's."""
    hpke_key: bytes
    """Raw HPKE public key made inside the enclave."""
    config_hash: bytes
    """SHA-384 over the configuration that the host gave the enclave."""

    def __post_init__(self) -> None:
        """Raises ValueError for a field of another length."""
        if len(self.public_key_hash) != _SHA256_BYTES or len(self.nonce) != limits.NONCE_BYTES:
            raise ValueError("a public-key hash and a nonce have 32 bytes each")
        if len(self.config_hash) != DIGEST_BYTES or not 0 < len(self.hpke_key) <= limits.MAX_HPKE_KEY_BYTES:
            raise ValueError("a configuration hash has 48 bytes; an HPKE key is not empty")

    @classmethod
    def to(cls, *, public_key: bytes, nonce: bytes, hpke_key: bytes, config: bytes) -> "Binding":
        """From a DER SubjectPublicKeyInfo and the configuration's bytes. Raises ValueError."""
        digest = hashlib.sha256(public_key).digest()
        return cls(public_key_hash=digest, nonce=nonce, hpke_key=hpke_key, config_hash=sha384(config))


def make_evidence(quoter: Quoter, binding: Binding) -> bytes:
    """Evidence over `binding`, in the enclave. Raises EvidenceUnavailable."""
    claims = _encode(binding)
    return container.encode(quoter.quote(container.report_data(claims)), claims)


def open_evidence(evidence: bytes) -> tuple[bytes, Binding]:
    """(quote, what it is bound to), with only the report data checked: the quote is NOT verified here.

    For receipts, where the quote is verified apart. Raises InvalidEvidence; BindingMismatch where the quote's
    report data is not that of the claims beside it.
    """
    quote, claims = container.decode(evidence)
    if not hmac.compare_digest(quote_format.parse(quote).report_data, container.report_data(claims)):
        raise BindingMismatch("the quote does not vouch for the claims that came with it")
    return quote, _decode(claims)


def verify_evidence(
    evidence: bytes,
    collateral: bytes,
    *,
    expected: Binding,
    roots: TrustRoots,
    policy: Policy,
    now: int,
    minimum_collateral_number: int | None = None,
    observe: Observer | None = None,
) -> Claims:
    """Steps 1 to 6 of verifier.py, then 7: the evidence is bound to `expected`.

    Raises:
        BindingMismatch: it is bound to something else (relay, replay, other configuration).
        AttestationError: what `verify_quote` raises.
    """
    quote, bound = open_evidence(evidence)
    claims = verify_quote(
        quote,
        collateral,
        roots=roots,
        policy=policy,
        now=now,
        minimum_collateral_number=minimum_collateral_number,
        observe=observe,
    )

    # 7. Field by field, so that the error can name what differs.
    for field in fields(Binding):
        if not hmac.compare_digest(getattr(bound, field.name), getattr(expected, field.name)):
            raise BindingMismatch(f"the evidence is bound to another {_WORDS[field.name]} than this one")
    if observe:
        observe(Step.BINDING)
    return claims


def _encode(binding: Binding) -> bytes:
    others = {claim: getattr(binding, name) for name, claim in _CLAIMS.items()}
    return container.encode_claims(binding.public_key_hash, others)


def _decode(claims: bytes) -> Binding:
    digest, values = container.decode_claims(claims, frozenset(_CLAIMS.values()))
    try:
        return Binding(public_key_hash=digest, **{name: values[claim] for name, claim in _CLAIMS.items()})
    except ValueError as cause:
        raise InvalidEvidence(f"the evidence's claims are malformed: {cause}") from None
