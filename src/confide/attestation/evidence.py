"""The container that carries a quote with the claims it is bound to: Interoperable RA-TLS, evidence part.

    tagged-evidence = #6.60000([quote: bstr, claims-buffer: bstr])
    claims-buffer   = {"pubkey-hash": bstr .cbor hash-entry, "nonce": bstr,
                       "hpke-key": bstr, "config-hash": bstr}
    hash-entry      = [hash-alg-id: 1 (sha-256, IANA "Named Information Hash Algorithm"), hash-value: bstr]

The quote's report data is SHA-256(claims-buffer) || 32 zero bytes. "hpke-key" and "config-hash" are custom
claims of ours; the others are those of the interoperable form (CCC, "Interoperable RA-TLS X.509 Cert and
Evidence Formats"). Encoding is canonical CBOR (RFC 8949, 4.2): any other spelling is refused.
"""

import hashlib
from typing import Any, Final

import cbor2

from confide.core import limits
from confide.core.errors import InvalidEvidence

EVIDENCE_TAG: Final = 60000
_SHA256_ID: Final = 1
_SHA256_BYTES: Final = 32


def encode(quote: bytes, claims: bytes) -> bytes:
    """Tagged evidence from a quote and its claims buffer."""
    return cbor2.dumps(cbor2.CBORTag(EVIDENCE_TAG, [quote, claims]), canonical=True)


def decode(data: bytes) -> tuple[bytes, bytes]:
    """(quote, claims buffer). Raises InvalidEvidence for every input that `encode` would not have made."""
    if len(data) > limits.MAX_EVIDENCE_BYTES:
        raise InvalidEvidence(f"the evidence is longer than {limits.MAX_EVIDENCE_BYTES} bytes")
    match _decode(data):
        case cbor2.CBORTag(tag=60000, value=(bytes(quote), bytes(claims))) if encode(quote, claims) == data:
            return quote, claims
    raise InvalidEvidence("the evidence is not canonical CBOR of tag 60000")


def encode_claims(public_key_hash: bytes, others: dict[str, bytes]) -> bytes:
    """Claims buffer: "pubkey-hash" from SHA-256 over the SubjectPublicKeyInfo, and the byte-string claims."""
    entry = cbor2.dumps([_SHA256_ID, public_key_hash], canonical=True)
    return cbor2.dumps({"pubkey-hash": entry, **others}, canonical=True)


def decode_claims(buffer: bytes, names: frozenset[str]) -> tuple[bytes, dict[str, bytes]]:
    """(SHA-256 of the public key, the claims called `names`). Raises InvalidEvidence for other content."""
    claims = _decode(buffer)
    if not isinstance(claims, dict) or set(claims) != names | {"pubkey-hash"}:
        raise InvalidEvidence("the evidence carries other claims than it should")
    if not all(isinstance(value, bytes) for value in claims.values()):
        raise InvalidEvidence("a claim of the evidence is not a byte string")
    match _decode(claims.pop("pubkey-hash")):
        case (1, bytes(digest)) if len(digest) == _SHA256_BYTES:
            if encode_claims(digest, claims) == buffer:
                return digest, claims
    raise InvalidEvidence("the evidence's claims are not in canonical form")


def report_data(claims: bytes) -> bytes:
    """The 64 bytes that bind a quote to its claims buffer."""
    return hashlib.sha256(claims).digest() + bytes(_SHA256_BYTES)


def _decode(data: bytes) -> Any:
    try:
        return cbor2.loads(
            data,
            max_depth=limits.MAX_NESTING,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError) as cause:
        raise InvalidEvidence(f"the evidence is not CBOR: {cause}") from None
